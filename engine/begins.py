"""Processes that begin by themselves: when a message or a signal comes, or a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from engine import clock, jobs
from engine.models import ProcessDefinition, StartSubscription
from engine.spiff import Definition, timers


def listen(session: Session, definition: ProcessDefinition, parsed: Definition) -> None:
    """From now on this version is what begins; the one before it does not any more."""
    session.execute(delete(StartSubscription).where(StartSubscription.definition_key == definition.key))
    for begin in parsed.begins:
        session.add(
            StartSubscription(
                definition_key=definition.key, activity_id=begin.activity_id, definition_id=definition.id,
                kind=begin.kind, name=begin.name,
            )
        )  # fmt: skip
        if begin.timer is not None:
            armed = begin.timer.armed(timers.literal(begin.timer.text) or "")
            _schedule(session, definition.key, definition.id, begin.activity_id, armed)
    session.flush()


def look_ahead(session: Session, payload: Mapping[str, Any]) -> bool:
    """Schedule the cycle after the one of this job; False if a newer version has taken the place of what it starts."""
    current = session.get(StartSubscription, (payload["definition_key"], payload["at"]))
    if current is None or current.definition_id != payload["definition_id"]:
        return False
    following = timers.following(payload["armed"])
    if following is not None:
        _schedule(session, current.definition_key, current.definition_id, current.activity_id, following)
    return True


def _schedule(session: Session, key: str, definition_id: str, at: str, armed: Mapping[str, Any]) -> None:
    due = timers.due(armed) or clock.now()
    payload = {"definition_key": key, "definition_id": definition_id, "at": at, "armed": dict(armed)}
    jobs.add(session, "start", due, payload, dedupe_key=f"start:{definition_id}:{at}:{due.isoformat()}")
