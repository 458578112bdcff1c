"""What SpiffWorkflow calls for conditions, scripts and services. Nothing reaches Python's `eval` or `exec`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException

from forms import expressions


class ScriptEngine:
    """Replaces the library's engine whole: its `call_service` hides the real error (3.2.0), its `evaluate` runs Python."""

    def __init__(self, services: Callable[[str, dict[str, Any]], Mapping[str, Any] | None]) -> None:
        self._services = services
        self.environment = self

    def evaluate(self, task: Any, expression: str, external_context: Mapping[str, Any] | None = None) -> object:
        try:
            return expressions.compile(expression).evaluate({**(external_context or {}), **task.data})
        except (expressions.ExpressionInvalid, expressions.ExpressionFailed) as error:
            raise WorkflowTaskException(f"“{expression}”：{error}", task=task, exception=error) from error

    def execute(self, task: Any, script: str, external_context: Mapping[str, Any] | None = None) -> bool:
        """Carry out assignments, one a line; each sees the ones before it."""
        for name, expression in expressions.assignments(script):
            task.data[name] = expression.evaluate({**(external_context or {}), **task.data})
        return True

    def call_service(self, task: Any, name: str) -> None:
        task.data.update(self._services(name, dict(task.data)) or {})
