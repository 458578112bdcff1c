"""What happened, for ever: one hash chain per instance, so that writers of different instances never wait for another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

import orjson
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from engine import clock
from engine.db import connection
from engine.identity import Actor
from engine.models import HistoryEvent, ProcessInstance, table
from engine.statements import Prepared

COVERED = (
    "instance_id", "number", "kind", "at", "actor_id", "process_key", "activity_id", "activity_type",
    "activity_name", "started_at", "user_task_id", "detail",
)  # fmt: skip
"""The columns a row's hash covers, in this order; with them goes the hash before."""


PASSED = ("activity.completed", "user_task.completed")
"""Kinds that say an element of a diagram has ended."""


@dataclass(frozen=True)
class Entry:
    """One thing to be written down; kinds speak in the past: `user_task.completed`, `finding.closed`."""

    kind: str
    actor_id: str | None = None
    process_key: str | None = None
    activity_id: str | None = None
    activity_type: str | None = None
    activity_name: str | None = None
    started_at: datetime | None = None
    user_task_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class Chained(Protocol):
    """What has a chain: an instance whose lock the caller holds, so that numbers and hashes cannot fork."""

    @property
    def id(self) -> str: ...

    history_length: int
    history_head: str


def record(session: Session, instance: Chained, entries: Iterable[Entry]) -> None:
    """Append to the chain of an instance; whoever steps it writes its new head with its state."""
    ADD.execute(connection(session), chain(instance, entries))


def tell(session: Session, instance: Chained, kind: str, actor: Actor | None, **detail: Any) -> None:
    """The same for one thing that somebody, or time alone, has done."""
    record(session, instance, [Entry(kind, actor.id if actor else None, detail=detail)])


def chain(instance: Chained, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows by which the chain of an instance grows."""
    rows, now = [], clock.now()
    for entry in entries:
        row = {"instance_id": instance.id, "number": instance.history_length, "at": now, **entry.__dict__}
        row["hash"] = instance.history_head = digest(row, instance.history_head)
        instance.history_length += 1
        rows.append(row)
    return rows


def note(session: Session, instance: Chained, entry: Entry) -> None:
    """Append outside a step: the head is written at once."""
    record(session, instance, [entry])
    head = {"wanted": instance.id, "length": instance.history_length, "head": instance.history_head}
    _WRITE_HEAD.execute(connection(session), [head])


ADD = Prepared(insert(table(HistoryEvent)), *COVERED, "hash")
_INSTANCE = table(ProcessInstance)
_WRITE_HEAD = Prepared(
    update(_INSTANCE)
    .where(_INSTANCE.c.id == bindparam("wanted"))
    .values(history_length=bindparam("length"), history_head=bindparam("head"))
)


def digest(row: Mapping[str, Any], previous: str) -> str:
    """SHA-256 over the previous hash and the covered columns as JSON, moments in ISO 8601."""
    covered = [row[column] for column in COVERED]
    return sha256(previous.encode() + orjson.dumps(covered, option=orjson.OPT_SORT_KEYS)).hexdigest()


def fingerprint(text: str) -> str:
    """What a chain keeps of something stored elsewhere, so that it cannot be exchanged unnoticed."""
    return sha256(text.encode()).hexdigest()


def of(session: Session, instance_id: str) -> list[HistoryEvent]:
    """The whole story of an instance, oldest first."""
    mine = select(HistoryEvent).where(HistoryEvent.instance_id == instance_id).order_by(HistoryEvent.number)
    return list(session.scalars(mine))


def passed(session: Session, instance_id: str) -> list[HistoryEvent]:
    """The activities of an instance that have ended, in order."""
    return [event for event in of(session, instance_id) if event.kind in PASSED]


def reasons(session: Session, instance_ids: Iterable[str]) -> dict[str, str]:
    """Why instances ended before their end, by id: what a person said, or the code of an error nothing caught."""
    ended = select(HistoryEvent).where(
        HistoryEvent.instance_id.in_(list(instance_ids)),
        HistoryEvent.kind.in_(("instance.terminated", "instance.failed")),
    )
    return {each.instance_id: each.detail.get("reason") or each.detail["code"] for each in session.scalars(ended)}


def broken_chains(session: Session) -> Iterator[tuple[str, str]]:
    """`(instance id, reason)` for every instance whose history is not what was written."""
    for instance in session.scalars(select(ProcessInstance).order_by(ProcessInstance.id)):
        reason = _fault(instance, of(session, instance.id))
        if reason:
            yield instance.id, reason


def _fault(instance: ProcessInstance, events: list[HistoryEvent]) -> str | None:
    head = ""
    for expected, event in enumerate(events):
        row = {column: getattr(event, column) for column in COVERED}
        if event.number != expected or event.hash != digest(row, head):
            return f"第 {expected} 条与记录时不符"
        head = event.hash
    if len(events) != instance.history_length or head != instance.history_head:
        return f"应有 {instance.history_length} 条，现有 {len(events)} 条，或末条不符"
    return None
