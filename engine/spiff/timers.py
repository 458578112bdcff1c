"""Timer events on our own clock.

SpiffWorkflow 3.2.0 asks the machine what time it is, reads a naive date in a zone fixed at import, evaluates the text
of a timer as Python and fires all missed cycles of a reminder in one burst. Here a timer lives on `engine.clock`, a
naive date is meant where the bureau is, ISO 8601 may be written plainly, and missed cycles coalesce to one.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from SpiffWorkflow.bpmn.specs.event_definitions.timer import (
    CycleTimerEventDefinition,
    DurationTimerEventDefinition,
    TimeDateEventDefinition,
    TimerEventDefinition,
)

from engine import clock
from engine.errors import InvalidInput

ISO_8601 = re.compile(r"P[\dTWYMDHS.,]+|R\d*/.+|\d{4}-\d{2}-\d{2}([T ].*)?", re.IGNORECASE)
"""What is a date, duration or cycle as it stands; anything else is an expression of ours that yields one."""


def moment(value: str) -> datetime:
    """An ISO 8601 moment; a naive one is local time where the bureau is."""
    parsed = datetime.fromisoformat(value)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=clock.LOCAL)


def after(duration: str, start: datetime) -> datetime:
    """The moment an ISO 8601 duration after another one."""
    try:
        parsed = TimerEventDefinition.parse_iso_duration(duration)
    except Exception as error:  # the library raises the base class itself
        raise InvalidInput(
            f"not a duration: {duration}", advice=f"“{duration}”不是 ISO 8601 时长，例如 P3D。"
        ) from error
    span: timedelta = TimerEventDefinition.get_timedelta_from_start(parsed, start)
    return start + span


def due(task: Any) -> datetime | None:
    """When the timer of a waiting event fires next; None for an event that waits for something else."""
    value = task.internal_data.get("event_value")
    if isinstance(value, dict):
        return moment(value["next"]) if value["cycles"] else None
    return moment(value) if value and isinstance(task.task_spec.event_definition, TimerEventDefinition) else None


def _text(definition: TimerEventDefinition, task: Any) -> str:
    written: str = definition.expression.strip().strip("\"'")
    if ISO_8601.fullmatch(written):
        return written
    return str(task.workflow.script_engine.evaluate(task, definition.expression))


class DateTimer(TimeDateEventDefinition):  # type: ignore[misc]
    """Fires once at a moment."""

    def has_fired(self, task: Any) -> bool:
        if task.internal_data.get("event_value") is None:
            task.internal_data["event_value"] = self.fires_at(task).isoformat()
        if moment(task.internal_data["event_value"]) <= clock.now():
            task.internal_data["event_fired"] = True
        return bool(task.internal_data.get("event_fired"))

    def fires_at(self, task: Any) -> datetime:
        return moment(_text(self, task))


class DurationTimer(DateTimer, DurationTimerEventDefinition):  # type: ignore[misc]
    """Fires once, a duration after the token came."""

    def fires_at(self, task: Any) -> datetime:
        return after(_text(self, task), clock.now())


class CycleTimer(CycleTimerEventDefinition):  # type: ignore[misc]
    """Fires again and again. After downtime it fires once for all the cycles it missed."""

    def cycle_complete(self, task: Any) -> bool:
        value = task.internal_data.get("event_value")
        if value is None:
            value = _cycle(_text(self, task))
        missed = 0
        while value["cycles"] != 0 and moment(value["next"]) <= clock.now():
            following = moment(value["next"]) + timedelta(seconds=value["seconds"])
            value = {**value, "next": following.isoformat(), "cycles": value["cycles"] - 1}
            missed += 1
        task.internal_data["event_value"] = value
        if value["cycles"] == 0:
            task.internal_data["event_fired"] = True
        return missed > 0


def _cycle(text: str) -> dict[str, Any]:
    count, *rest = text.split("/")
    duration = next(part for part in rest if part.upper().startswith("P"))
    start = next((moment(part) for part in rest if not part.upper().startswith("P")), None)
    now = clock.now()
    step = after(duration, start or now) - (start or now)
    if step <= timedelta(0):
        raise ValueError(f"a cycle of no length: {text}")
    first = start or now + step
    return {"cycles": int(count[1:] or -1), "next": first.isoformat(), "seconds": step.total_seconds()}
