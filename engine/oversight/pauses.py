"""中止 and 恢复: while something is paused its clock stands still and nobody is reminded of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from engine import clock, deadlines
from engine.deadlines import Due, recount
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.lamps.lamp import State
from engine.models import InstanceStatus, OversightItem, ProcessInstance
from engine.oversight import extensions, subjects
from engine.oversight.subjects import Subject
from engine.runtime import Instance

ANYWHERE = {"office_supervisor", "bureau_leader"}


def can_pause(actor: Actor, instance: Instance | ProcessInstance) -> bool:
    """The office and the bureau's leader, and the leader in charge of the unit: never the unit itself."""
    return bool(actor.roles & ANYWHERE) or subjects.holds(actor, instance, "deputy_leader")


def refusal(session: Session, instance: Instance | ProcessInstance, subject: Subject) -> str:
    """Why it cannot be paused now, or resumed if it is paused; for the button and the operation."""
    if instance.status != InstanceStatus.ACTIVE:
        return "事项已经结束，不能中止。"
    state = subjects.standing(session, instance.id).state
    if state == State.PAUSED:
        return ""
    if state in extensions.STANDS:
        return f"事项{extensions.STANDS[state]}，不能中止。"
    allowed = deadlines.current(session).find(f"pause_{subject.__tablename__}", instance.started_at)
    return "" if allowed and allowed.amount else "期限规则不允许中止这类事项。"


def turn(session: Session, instance_id: str, reason: str, *, resume: bool, actor: Actor) -> None:
    """Pause what runs, or resume what is paused."""
    instance, subject = subjects.held(session, instance_id, actor=actor)
    if not can_pause(actor, instance):
        raise NotAllowed(f"{actor.login} may not pause", advice="只有督办机构、分管领导和局主要领导可以中止或恢复。")
    refused = refusal(session, instance, subject)
    if facts.is_paused(session, instance_id) != resume:
        refused = "事项没有中止，不必恢复。" if resume else "事项已经中止。"
    if refused:
        raise InvalidState(f"cannot pause or resume {instance_id}", code="pause", advice=refused)
    (_resume if resume else _pause)(session, instance, subject, reason, actor)


def since(session: Session, instance_id: str) -> tuple[datetime, str] | None:
    """From when on it is paused, and why; None if it runs."""
    turns = [each for each in facts.of_instance(session, instance_id) if each.kind in (lamp.PAUSED, lamp.RESUMED)]
    return (turns[-1].happened_at, turns[-1].value["name"]) if turns and turns[-1].kind == lamp.PAUSED else None


def _pause(session: Session, instance: Instance, subject: Subject, reason: str, actor: Actor) -> None:
    facts.record(session, subject, lamp.PAUSED, actor=actor, name=reason)
    subjects.note(session, instance, "instance.paused", reason, actor=actor)
    for task in recount.counted(session, instance.id):
        recount.move(session, instance, task, Due(None, "已中止，恢复后重新计算期限", task.due_basis), "中止")


def _resume(session: Session, instance: Instance, subject: Subject, reason: str, actor: Actor) -> None:
    paused = since(session, instance.id)
    assert paused is not None
    stretch, book = (paused[0], clock.now()), deadlines.current(session)
    facts.record(session, subject, lamp.RESUMED, actor=actor, name=reason)
    subjects.note(session, instance, "instance.resumed", reason, actor=actor)
    subjects.set_due(
        session, instance, subject, _put_off(book, subject, stretch), "中止的时间不计", actor=actor,
        stretch=stretch, resumed=True,
    )  # fmt: skip


def _put_off(book: deadlines.Book, subject: Subject, stretch: tuple[datetime, datetime]) -> Due:
    """The due date later by the stretch, counted as its rule counts; in natural days where somebody has set it."""
    basis = subject.due_basis if isinstance(subject, OversightItem) else None
    if basis is not None:
        paused = [*basis.get("paused", []), [each.isoformat() for each in stretch]]
        return deadlines.recounted(book, {**basis, "paused": paused})
    reason = subject.due_reason if isinstance(subject, OversightItem) else None
    return Due(deadlines.put_off(book.calendar, "days", subjects.due_of(subject), *stretch), reason)
