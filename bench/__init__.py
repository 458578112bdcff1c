"""Measurements: of speed, and of how well the engine keeps to BPMN."""
