"""A parsed process as the engine uses it: the token engine's own specification, and what the diagram says beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Activity:
    """A flow node of a diagram with the attributes that matter to people (`camunda:` attributes, lane)."""

    process_key: str
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
class Definition:
    """One process with all it calls, ready to be run by any number of instances at once."""

    key: str
    name: str
    spec: Any
    called: Mapping[str, Any]
    activities: Mapping[tuple[str, str], Activity]

    def activity(self, process_key: str, element_id: str) -> Activity:
        return self.activities[process_key, element_id]
