"""What can be extended or paused: something that an instance runs and that has a due date of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, history, instances, reminders, runtime
from engine.deadlines import Due, recount
from engine.errors import NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.lamps import facts, lamp, picture
from engine.lamps.lamp import Lamp
from engine.models import Commitment, OversightItem, ProcessInstance
from engine.runtime import Instance
from engine.spiff import Execution

Subject = OversightItem | Commitment


def find(session: Session, instance_id: str) -> Subject | None:
    """What an instance runs; it need not be anything with a due date."""
    item = session.scalar(select(OversightItem).where(OversightItem.instance_id == instance_id))
    return item or session.scalar(select(Commitment).where(Commitment.instance_id == instance_id))


def held(session: Session, instance_id: str, *, actor: Actor) -> tuple[Instance, Subject]:
    """Instance and subject, locked, if this person may know of them."""
    instances.get(session, instance_id, actor=actor)
    instance = runtime.lock(session, instance_id)
    subject = find(session, instance_id)
    if subject is None:
        raise NotFound(f"nothing due in {instance_id}", advice="这个流程没有可以延期或中止的期限。")
    session.refresh(subject)
    return instance, subject


def due_of(subject: Subject) -> datetime:
    return subject.due_at if isinstance(subject, OversightItem) else clock.end_of(subject.due_on)


def standing(session: Session, instance_id: str) -> Lamp:
    """How it stands, by its facts."""
    return picture.of_instances(session, [instance_id])[instance_id]


def holds(actor: Actor, instance: Instance | ProcessInstance, *roles: str) -> bool:
    """Whether somebody has one of these roles in the unit in charge."""
    unit = instance.unit_key if isinstance(instance, Instance) else instance.unit.key if instance.unit else None
    return unit is not None and any(actor.has_role(role, unit) for role in roles)


def written(due_at: datetime) -> str:
    """A due date as variables of diagrams hold it: the day, or the moment where hours count."""
    day = due_at.astimezone(clock.LOCAL).date()
    return day.isoformat() if due_at == clock.end_of(day) else due_at.isoformat()


def set_due(
    session: Session, instance: Instance, subject: Subject, due: Due, why: str, *, actor: Actor,
    stretch: tuple[datetime, datetime] | None = None, **told: Any,
) -> None:  # fmt: skip
    """Move the due date of a subject, and with it all that stands on it: variables, open tasks, reminders, the lamp.

    With a stretch in which its clock stood still, the other open tasks of the instance get that time back as well.
    """
    old, new = due_of(subject), due.at
    assert new is not None, "a subject is always due"
    if isinstance(subject, OversightItem):
        subject.due_at, subject.due_reason, subject.due_basis = new, due.reason, due.basis
    else:
        subject.due_on = new.astimezone(clock.LOCAL).date()
    session.flush()
    if new != old:
        facts.record(session, subject, lamp.DUE_SET, actor=actor, due=new.isoformat(), **told)
        _change_variables(session, instance, written(old), written(new), actor)
    _move_tasks(session, instance, written(old), written(new), why, stretch)
    reminders.plan(session, subject.__tablename__, subject.id, new, instance_id=instance.id)


def note(session: Session, instance: Instance, kind: str, reason: str, *, actor: Actor) -> None:
    history.note(session, instance, Entry(kind, actor.id, detail={"reason": reason}))


def _change_variables(session: Session, instance: Instance, old: str, new: str, actor: Actor) -> None:
    """Wherever the diagram kept the old date, so that what comes later goes by the new one."""

    def change(execution: Execution) -> None:
        execution.set_variables({name: new for name, value in execution.variables().items() if value == old})

    runtime.step(session, instance, change, actor=actor)


def _move_tasks(
    session: Session, instance: Instance, old: str, new: str, why: str, stretch: tuple[datetime, datetime] | None
) -> None:
    book = deadlines.current(session)
    for task in recount.counted(session, instance.id):
        basis = {**task.due_basis, **{k: new for k in ("since", "until") if task.due_basis[k] == old}}
        if stretch and basis["since"] == task.due_basis["since"]:
            begin = max(stretch[0], task.created_at)
            basis["paused"] = [*basis.get("paused", []), [begin.isoformat(), stretch[1].isoformat()]]
        if stretch or basis != task.due_basis:
            recount.move(session, instance, task, deadlines.recounted(book, basis), why)
