"""A parsed process as the engine uses it: the token engine's own specification, and what the diagram says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.decisions import Decision

if TYPE_CHECKING:
    from engine.spiff.timers import Timer


@dataclass(frozen=True)
class Activity:
    """A flow node of a diagram with the attributes that matter to people (`camunda:` attributes, lane)."""

    process_key: str
    """The process it is drawn in; for what lies in a sub-process, that of the sub-process."""
    id: str
    type: str
    """The BPMN element's local name, `userTask`."""
    name: str
    lane: str | None = None
    """The id of the lane, which is a role key in our own diagrams."""
    form_key: str | None = None
    assignee: str | None = None
    candidate_groups: tuple[str, ...] = ()
    due_date: str | None = None
    delegate: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Begin:
    """A start event by which an instance may begin from outside."""

    activity_id: str
    kind: str
    """`message`, `signal` or `timer`."""
    name: str
    """Of the message or signal; the text of a timer."""
    timer: Timer | None = None


@dataclass(frozen=True)
class Definition:
    """One process with all it calls, ready to be run by any number of instances at once."""

    key: str
    name: str
    spec: Any
    scopes: Mapping[str, Any]
    """Specifications of sub-processes and called processes, by their ids."""
    activities: Mapping[tuple[str, str], Activity]
    begins: tuple[Begin, ...] = ()
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """By key: those that the business rule tasks of this process and all it calls name."""

    def activity(self, process_key: str, element_id: str) -> Activity:
        return self.activities[process_key, element_id]
