"""Measurements: what a step costs (`run.py bench`), and how well the engine keeps to BPMN (`conformance`)."""
