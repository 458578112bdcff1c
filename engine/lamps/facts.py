"""Facts: written once, in the transaction of what they report, by the domain code that does it. There is no way to change one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from engine import clock, ids, models
from engine.errors import InvalidInput, InvalidState
from engine.identity import Actor
from engine.lamps import lamp
from engine.lamps.lamp import Fact
from engine.models import TaskStatus, UserTask, table
from engine.statements import Prepared

FACT = table(models.Fact)
COLUMNS = tuple(FACT.c[name] for name in Fact._fields)
ADD = Prepared(insert(FACT), *FACT.columns.keys())


class Subject(Protocol):
    """What facts are about: a commitment, work point, finding or visit."""

    __tablename__: Any

    @property
    def id(self) -> Any: ...

    @property
    def instance_id(self) -> Any: ...


def record(
    session: Session, subject: Subject, kind: str, *, actor: Actor | None, happened_at: datetime | None = None, **value: Any
) -> None:  # fmt: skip
    """Write down what happened, now or at `happened_at`. What has not happened yet is refused."""
    now = clock.now()
    if happened_at is not None and happened_at > now:
        raise _not_yet(happened_at)
    ADD.execute(session.connection(), [_row(subject, kind, happened_at or now, now, actor, value)])


def record_opened(session: Session, subject: Subject, due_on: date, *, actor: Actor | None, **value: Any) -> None:
    """It begins, with its original due date."""
    now, due = clock.now(), {"due": clock.end_of(due_on).isoformat()}
    opened = _row(subject, lamp.OPENED, now, now, actor, value), _row(subject, lamp.DUE_SET, now, now, actor, due)
    ADD.execute(session.connection(), opened)


def end_of(day: date) -> datetime:
    """The moment that a day stands for when people say that something happened on it: its end, or now if it is today."""
    if day > clock.today():
        raise _not_yet(day)
    return min(clock.end_of(day), clock.now())


def of_instance(session: Session, instance_id: str) -> list[Fact]:
    """What is known of the thing that an instance runs, in the order in which it was recorded."""
    rows = session.connection().execute(select(*COLUMNS).where(FACT.c.instance_id == instance_id))
    return sorted((Fact(*row) for row in rows), key=lambda fact: (fact.recorded_at, lamp.KINDS.index(fact.kind)))


def paused(session: Session, instance_id: str) -> Fact | None:
    """Since when the clock of the thing that an instance runs stands still, and why; None if it runs."""
    turns = [fact for fact in of_instance(session, instance_id) if fact.kind in (lamp.PAUSED, lamp.RESUMED)]
    return turns[-1] if turns and turns[-1].kind == lamp.PAUSED else None


def of_task(task: UserTask) -> list[Fact]:
    """A user task needs no facts of its own: its row says when it was opened, due and done."""
    told: list[tuple[str, datetime, dict[str, Any]]] = [(lamp.OPENED, task.created_at, {})]
    told += [(lamp.DUE_SET, task.created_at, {"due": task.due_at.isoformat()})] if task.due_at else []
    told += [(lamp.DONE, task.ended_at, {})] if task.status == TaskStatus.COMPLETED and task.ended_at else []
    return [Fact(task.id, kind, at, at, value) for kind, at, value in told]


def _row(
    subject: Subject, kind: str, happened_at: datetime, recorded_at: datetime, actor: Actor | None, value: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    assert kind in lamp.KINDS, kind
    return {
        "id": ids.new(), "subject_kind": subject.__tablename__, "subject_id": subject.id, "kind": kind,
        "happened_at": happened_at, "recorded_at": recorded_at, "recorded_by_id": actor.id if actor else None,
        "value": value, "instance_id": subject.instance_id,
    }  # fmt: skip


def _not_yet(when: date | datetime) -> InvalidInput:
    return InvalidInput(
        f"{when} has not come yet", code="happened_at", advice="日期不能晚于今天，请改填实际发生的日期。"
    )


def _refuse(_mapper: object, _connection: object, target: models.Fact) -> None:
    raise InvalidState(f"fact {target.id} cannot be changed", advice="事实只能补充，不能修改或删除。")


event.listen(models.Fact, "before_update", _refuse)
event.listen(models.Fact, "before_delete", _refuse)
