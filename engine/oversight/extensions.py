"""延期: asked for before the date, decided one level up, granted so often and no more. The original date stays what is scored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, identity, instances, notifications, runtime, user_tasks
from engine.deadlines import Due
from engine.errors import InvalidInput, InvalidState, NotAllowed
from engine.handover import HEADS
from engine.identity import Actor
from engine.lamps import facts
from engine.lamps.lamp import State
from engine.models import InstanceStatus, ProcessInstance
from engine.notifications import Mail
from engine.oversight import subjects
from engine.oversight.subjects import Subject
from engine.runtime import Instance

PROCESS = "extension"
AT_MOST = "extension_times"
STANDS = {State.DONE: "已经办结或正在核查", State.PAUSED: "已经中止，恢复后再办", State.CARRIED_OVER: "已经结转"}
"""States in which no date is moved."""


def can_ask(actor: Actor, instance: Instance | ProcessInstance) -> bool:
    """The unit in charge asks: its head, or an officer through the head."""
    return subjects.holds(actor, instance, *HEADS, "officer")


def refusal(session: Session, instance: Instance | ProcessInstance, subject: Subject) -> str:
    """Why no extension can be asked for now, by anybody; for the button and the operation."""
    if instance.status != InstanceStatus.ACTIVE:
        return "事项已经结束，不能申请延期。"
    if stands := STANDS.get(subjects.standing(session, instance.id).state):
        return f"事项{stands}，不能申请延期。"
    if clock.now() > subjects.due_of(subject):
        return "期限已过，不能再申请延期：延期须在到期前提出。请抓紧办结，并在反馈中说明原因。"
    limit = deadlines.current(session).find(AT_MOST, instance.started_at)
    granted, most = times(session, instance.id), limit.amount or 0 if limit else 0
    if granted >= most:
        return f"已延期 {granted} 次，同一事项至多延期 {most} 次。"
    pending = select(ProcessInstance.id).where(
        ProcessInstance.parent_id == instance.id, ProcessInstance.definition_key == PROCESS,
        ProcessInstance.status == InstanceStatus.ACTIVE,
    )  # fmt: skip
    return "已有一份延期申请在审批中，请等审批结果。" if session.scalar(pending.limit(1)) else ""


def times(session: Session, instance_id: str) -> int:
    return sum("extension" in fact.value for fact in facts.of_instance(session, instance_id))


def ask(session: Session, instance_id: str, submitted: Mapping[str, Any], *, actor: Actor) -> ProcessInstance:
    """Start the approval as a child of the subject's instance, with the request as its first step."""
    instance, subject = subjects.held(session, instance_id, actor=actor)
    if not can_ask(actor, instance):
        raise NotAllowed(f"{actor.login} may not ask for {instance_id}", advice="延期由承办单位申请。")
    if refused := refusal(session, instance, subject):
        raise InvalidState(f"no extension of {instance_id}", code="extension", advice=refused)
    new = _due(session, subject, date.fromisoformat(submitted["new_due"]))
    told = {
        "subject": instance.id,
        "new_due": subjects.written(new),
        "by_head": subjects.holds(actor, instance, *HEADS),
    }
    asked = instances.start(
        session, PROCESS, told, actor=actor, title=f"延期申请：{instance.title}", unit_id=instance.unit_id,
        parent_id=instance.id,
    )  # fmt: skip
    (task,) = user_tasks.open_in(session, asked.id)
    user_tasks.complete(session, task.id, submitted, actor=actor)
    return asked


def grant(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """The new date holds from now on. Asked for in time, it may be granted after the old one has passed."""
    assert actor is not None, "an extension is granted by a leader"
    parent = runtime.lock(session, variables["subject"])
    subject = subjects.find(session, parent.id)
    assert subject is not None
    session.refresh(subject)
    stands = STANDS.get(subjects.standing(session, parent.id).state)
    if stands or parent.status != InstanceStatus.ACTIVE:
        advice = f"事项{stands or '已经结束'}，现在不能准予延期；可以选择“不同意”结束申请。"
        raise InvalidState(f"{parent.id} is not running", code="extension", advice=advice)
    number, old = times(session, parent.id) + 1, subjects.due_of(subject)
    new = _due(session, subject, deadlines.moment(variables["new_due"]).astimezone(clock.LOCAL).date())
    told = f"第{number}次延期，{subjects.written(old)} 改为 {subjects.written(new)}"
    why = f"{told}（{actor.name}批准）"
    subjects.note(session, parent, "extension.granted", told, actor=actor)
    subjects.set_due(session, parent, subject, Due(new, why), why, actor=actor, extension=number)
    _tell(session, instance, parent, f"已准予延期：{parent.title}", why)


def refuse(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Nothing moves, and whoever asked hears it."""
    assert actor is not None
    parent = runtime.lock(session, variables["subject"])
    said = user_tasks.submissions(session, instance.id)[-1].data["opinion"] or ""
    subjects.note(session, parent, "extension.refused", said, actor=actor)
    _tell(session, instance, parent, f"未准予延期：{parent.title}", f"{actor.name}：{said}。原期限不变，请按期办结。")


def _due(session: Session, subject: Subject, day: date) -> datetime:
    """The end of the first working day from a day on, which must be later than the present date."""
    calendar = deadlines.current(session).calendar
    new = clock.end_of(day if calendar.is_working(day) else calendar.next_working(day))
    if clock.end_of(day) <= subjects.due_of(subject):
        raise InvalidInput(f"{day} is no extension", code="new_due", advice="新的期限须晚于现在的期限。")
    return new


def _tell(session: Session, instance: Instance, parent: Instance, title: str, text: str) -> None:
    asked = {instance.started_by_id} - {None}
    people = identity.members(session, [f"{role}@{parent.unit_key}" for role in (*HEADS, "officer")])
    notifications.notify(
        session, people.union(filter(None, asked)), PROCESS, title, text, about=("instance", parent.id),
        dedupe_key=f"{PROCESS}:{instance.id}", mail=Mail.DAYTIME,
    )  # fmt: skip
