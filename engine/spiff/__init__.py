"""The only door to SpiffWorkflow: diagrams become a `Definition`, a running one is an `Execution`, and both know nothing of tables."""

from engine.spiff.codec import StateDamaged
from engine.spiff.data import StepFailed
from engine.spiff.definition import Activity, Definition
from engine.spiff.execution import Execution, Passed, Services, Thrown, Wait
from engine.spiff.parser import called_processes, parse, processes_in

__all__ = [
    "Activity",
    "Definition",
    "Execution",
    "Passed",
    "Services",
    "StateDamaged",
    "StepFailed",
    "Thrown",
    "Wait",
    "called_processes",
    "parse",
    "processes_in",
]
