"""The ways in which the engine says no. The web turns each into a status and a Chinese sentence, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EngineError(Exception):
    """A refusal. `code` names the reason for programs, `advice` is the Chinese sentence a person reads."""

    def __init__(self, message: str, *, code: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.advice = advice


class NotFound(EngineError):
    """There is no such thing, or none this person may know of."""


class NotAllowed(EngineError):
    """The thing exists and is known to this person, but the wish is not theirs to have."""


class InvalidState(EngineError):
    """The thing is no longer, or not yet, in the state the wish needs."""


class Conflict(EngineError):
    """Somebody else changed the thing in the meantime."""


class InvalidInput(EngineError):
    """What was sent makes no sense, whoever sends it. Forms raise marshmallow's ValidationError instead."""


class BpmnError(EngineError):
    """A service says that something went wrong which the diagram may catch, by `code`, with an error boundary event."""


@dataclass(frozen=True)
class Problem:
    """One finding about a process diagram: where it is and why it cannot be deployed."""

    element_id: str
    element_name: str
    reason: str
    file: str = ""

    def __str__(self) -> str:
        both = self.element_name and self.element_id
        element = f"{self.element_name}（{self.element_id}）" if both else self.element_name or self.element_id
        where = "，".join(filter(None, [self.file, element]))
        return f"{where}：{self.reason}" if where else self.reason


class DefinitionRefused(EngineError):
    """A diagram that the engine would not run as it is drawn."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            "; ".join(map(str, problems)),
            code="definition",
            advice="流程图未通过部署检查，请按列出的问题修改后再部署。",
        )
        self.problems = tuple(problems)
