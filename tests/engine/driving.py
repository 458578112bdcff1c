"""How the tests hold the token engine: begin, look, do, deliver, let time pass; stored and read again after each step.

The one place to edit when the engine's interface changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from engine import clock
from engine.spiff import Definition, Execution, Wait, parse

LACKING: frozenset[str] = frozenset()
"""Constructs of `random_process` that the engine does not run as drawn."""


class Time:
    """The engine's clock, in the test's hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = datetime(2021, 3, 12, tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda: self.now)


@dataclass(frozen=True)
class Waiting:
    """Something that stands still in the engine."""

    token: str
    node: str
    variables: Mapping[str, Any]
    is_task: bool
    message: str | None = None
    due: datetime | None = None


class Run:
    """One instance in the engine. Nothing of it lives longer than a step but its stored state."""

    def __init__(self, xml: str, variables: Mapping[str, Any], key: str = "p") -> None:
        self.definition: Definition = parse([xml.encode()], key)
        execution = Execution.start(self.definition, variables, _nobody)
        self._store(execution)

    def load(self) -> Execution:
        return Execution.load(self.definition, self.state, _nobody)

    def waiting(self) -> list[Waiting]:
        return [_waiting(wait) for wait in self.load().waits()]

    @property
    def completed(self) -> bool:
        return self.load().completed

    def variables(self) -> Mapping[str, Any]:
        return self.load().variables()

    def do(self, token: str, values: Mapping[str, Any]) -> None:
        execution = self.load()
        execution.complete(token, values)
        self._store(execution)

    def deliver(self, message: str) -> bool:
        """Hand a message to whatever waits for it; whether something did."""
        execution = self.load()
        taken = execution.deliver("message", message, {})
        self._store(execution)
        return taken

    def look_at_the_clock(self) -> None:
        """What is due by now happens."""
        self._store(self.load())

    def _store(self, execution: Execution) -> None:
        execution.advance()
        self.state = execution.state()


def _waiting(wait: Wait) -> Waiting:
    message = wait.event_name if wait.event_kind == "message" else None
    return Waiting(wait.token_id, wait.activity.id, dict(wait.variables), wait.is_user_task, message, wait.due_at)


def _nobody(name: str, _variables: dict[str, Any]) -> None:
    raise AssertionError(f"{name} is not to be called")
