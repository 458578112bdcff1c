"""What may be asked of the date by which something must be done, alike for 督办 items and commitments.

延期 (extension): asked for before the date, decided one level up, so often and no more; the original date stays what is
scored. 中止 and 恢复 (pause and resume): meanwhile the clock stands still and nobody is reminded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, history, instances, notifications, reminders, runtime, user_tasks
from engine.deadlines import Due, recount
from engine.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from engine.handover import HEADS
from engine.history import Entry
from engine.identity import Actor
from engine.lamps import facts, lamp, picture
from engine.lamps.lamp import Fact, Lamp, State
from engine.models import Commitment, InstanceStatus, OversightItem, ProcessInstance
from engine.runtime import Instance, ServiceTask
from engine.spiff import Execution

Subject = OversightItem | Commitment
PROCESS = "extension"
PAUSERS = {"office_supervisor", "bureau_leader"}
STANDS = {State.DONE: "已经办结或正在核查", State.PAUSED: "已经中止，恢复后再办", State.CARRIED_OVER: "已经结转"}
"""States in which no date is moved."""

NOT_THEIRS = {"extension": "延期由承办单位申请。", "pause": "只有督办机构、分管领导和局主要领导可以中止或恢复。"}


class Offers(NamedTuple):
    """What may be asked: None if it is not this person's to ask, why not now, or empty."""

    subject: Subject | None = None
    paused: Fact | None = None
    extension: str | None = None
    pause: str | None = None


def offers(session: Session, instance: ProcessInstance, *, actor: Actor) -> Offers:
    subject = find(session, instance.id)
    if subject is None:
        return Offers()
    extension = no_extension(session, instance, subject) if can_extend(actor, instance) else None
    pause = no_pause(session, instance, subject) if can_pause(actor, instance) else None
    return Offers(subject, facts.paused(session, instance.id), extension, pause)


def require_offered(session: Session, instance_id: str, what: str, *, actor: Actor) -> None:
    """That this person may ask for an `extension` or a `pause`, and may now: before anybody fills in a form in vain."""
    refused = getattr(offers(session, instances.get(session, instance_id, actor=actor), actor=actor), what)
    if refused is None:
        raise NotAllowed(f"{actor.login} may not ask for {what}", advice=NOT_THEIRS[what])
    if refused:
        raise InvalidState(f"no {what} of {instance_id} now", code=what, advice=refused)


def find(session: Session, instance_id: str) -> Subject | None:
    """What an instance runs; it need not be anything with a due date."""
    item = session.scalar(select(OversightItem).where(OversightItem.instance_id == instance_id))
    return item or session.scalar(select(Commitment).where(Commitment.instance_id == instance_id))


def due_of(subject: Subject) -> datetime:
    return subject.due_at if isinstance(subject, OversightItem) else clock.end_of(subject.due_on)


def standing(session: Session, instance_id: str) -> Lamp:
    return picture.of_instances(session, [instance_id])[instance_id]


def written(due_at: datetime) -> str:
    """A due date as variables of diagrams hold it: the day, or the moment where hours count."""
    day = due_at.astimezone(clock.LOCAL).date()
    return day.isoformat() if due_at == clock.end_of(day) else due_at.isoformat()


# ---- 延期


def can_extend(actor: Actor, instance: Instance | ProcessInstance) -> bool:
    """The unit in charge asks: its head, or an officer through the head."""
    return _holds(actor, instance, *HEADS, "officer")


def no_extension(session: Session, instance: Instance | ProcessInstance, subject: Subject) -> str:
    """Why none can be asked for now, by anybody; for the button and the operation."""
    if instance.status != InstanceStatus.ACTIVE:
        return "事项已经结束，不能申请延期。"
    if stands := STANDS.get(standing(session, instance.id).state):
        return f"事项{stands}，不能申请延期。"
    if clock.now() > due_of(subject):
        return "期限已过，不能再申请延期：延期须在到期前提出。请抓紧办结，并在反馈中说明原因。"
    limit = deadlines.current(session).find("extension_times", instance.started_at)
    most = limit.amount or 0 if limit else 0
    if _times(session, instance.id) >= most:
        return f"同一事项至多延期 {most} 次，不能再申请延期。"
    children = instances.children(session, instance.id)
    pending = any(each.definition_key == PROCESS and each.status == InstanceStatus.ACTIVE for each in children)
    return "已有一份延期申请在审批中，请等审批结果。" if pending else ""


def ask(session: Session, instance_id: str, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Start the approval as a child of the subject's instance, with the request as its first step."""
    instance, subject = _held(session, instance_id, actor)
    if not can_extend(actor, instance):
        raise NotAllowed(f"{actor.login} may not ask for {instance_id}", advice=NOT_THEIRS["extension"])
    if refused := no_extension(session, instance, subject):
        raise InvalidState(f"no extension of {instance_id}", code="extension", advice=refused)
    new = _later(session, subject, date.fromisoformat(submitted["new_due"]))
    told = {"subject": instance.id, "new_due": new.isoformat(), "by_head": _holds(actor, instance, *HEADS)}
    user_tasks.start_with(
        session, submitted, PROCESS, told, actor=actor, title=f"延期申请：{instance.title}", unit_id=instance.unit_id,
        parent_id=instance.id,
    )  # fmt: skip


def grant(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """The new date holds from now on. Asked for in time, it may be granted after the old one has passed."""
    assert actor is not None, "an extension is granted by a leader"
    parent, subject = _held(session, variables["subject"])
    stands = STANDS.get(standing(session, parent.id).state)
    if stands or parent.status != InstanceStatus.ACTIVE:
        advice = f"事项{stands or '已经结束'}，现在不能准予延期；可以选择“不同意”结束申请。"
        raise InvalidState(f"{parent.id} is not running", code="extension", advice=advice)
    number, old = _times(session, parent.id) + 1, due_of(subject)
    new = _later(session, subject, deadlines.moment(variables["new_due"]).astimezone(clock.LOCAL).date())
    why = f"第{number}次延期，{written(old)} 改为 {written(new)}，{actor.name}批准"
    _note(session, parent, "extension.granted", why, actor)
    _set_due(session, parent, subject, Due(new, why), actor, extension=number)
    _tell(session, instance, f"已准予延期：{parent.title}", why)


def refuse(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Nothing moves, and whoever asked hears it."""
    assert actor is not None, "an extension is refused by a leader"
    parent, said = runtime.lock(session, variables["subject"]), user_tasks.submissions(session, instance.id)[-1].data
    _note(session, parent, "extension.refused", said["opinion"], actor)
    _tell(
        session, instance, f"未准予延期：{parent.title}", f"{actor.name}：{said['opinion']}。原期限不变，请按期办结。"
    )


TABLE: dict[str, ServiceTask] = {"extension.grant": grant, "extension.refuse": refuse}


# ---- 中止、恢复


def can_pause(actor: Actor, instance: Instance | ProcessInstance) -> bool:
    """The office and the bureau's leader, and the leader in charge of the unit: never the unit itself."""
    return bool(actor.roles & PAUSERS) or _holds(actor, instance, "deputy_leader")


def no_pause(session: Session, instance: Instance | ProcessInstance, subject: Subject) -> str:
    """Why it cannot be paused now, nor resumed; for the button and the operation."""
    state = standing(session, instance.id).state
    if instance.status != InstanceStatus.ACTIVE or (state in STANDS and state != State.PAUSED):
        return f"事项{STANDS.get(state, '已经结束')}，不能中止。"
    allowed = deadlines.current(session).find(f"pause_{subject.__tablename__}", instance.started_at)
    return "" if state == State.PAUSED or (allowed and allowed.amount) else "期限规则不允许中止这类事项。"


def turn(session: Session, instance_id: str, reason: str, *, resume: bool, actor: Actor) -> None:
    """Pause what runs; or resume what is paused, its dates later by the stretch, as their rules count."""
    instance, subject = _held(session, instance_id, actor)
    if not can_pause(actor, instance):
        raise NotAllowed(f"{actor.login} may not pause", advice=NOT_THEIRS["pause"])
    paused, refused = facts.paused(session, instance_id), no_pause(session, instance, subject)
    if refused or (paused is not None) != resume:
        advice = refused or ("事项没有中止，不必恢复。" if resume else "事项已经中止。")
        raise InvalidState(f"cannot pause or resume {instance_id}", code="pause", advice=advice)
    kind = lamp.RESUMED if resume else lamp.PAUSED
    facts.record(session, subject, kind, actor=actor, name=reason)
    _note(session, instance, f"instance.{kind}", reason, actor)
    if paused is not None:
        stretch = paused.happened_at, clock.now()
        _set_due(session, instance, subject, _put_off(session, subject, *stretch), actor, stretch, resumed=True)
        return
    for task in recount.counted(session, instance.id):
        recount.move(session, instance, task, Due(None, "已中止，恢复后重新计算期限", task.due_basis), "中止")


def _put_off(session: Session, subject: Subject, begin: datetime, end: datetime) -> Due:
    """The due date later by a pause, counted as its rule counts; in natural days where somebody has set it."""
    book, told = deadlines.current(session), subject if isinstance(subject, OversightItem) else None
    if told is not None and told.due_basis is not None:
        return deadlines.recounted(book, _with_pause(told.due_basis, begin, end))
    at = deadlines.put_off(book.calendar, "days", due_of(subject), begin, end)
    return Due(at, told.due_reason if told else None)


def _with_pause(basis: Mapping[str, Any], begin: datetime, end: datetime) -> dict[str, Any]:
    return {**basis, "paused": [*basis.get("paused", []), [begin.isoformat(), end.isoformat()]]}


# ---- what both do


def _holds(actor: Actor, instance: Instance | ProcessInstance, *roles: str) -> bool:
    """Whether somebody has one of these roles in the unit in charge."""
    unit = instance.unit_key
    return unit is not None and any(actor.has_role(role, unit) for role in roles)


def _held(session: Session, instance_id: str, actor: Actor | None = None) -> tuple[Instance, Subject]:
    """Instance and subject, locked; for a person only if they may know of it."""
    if actor is not None:
        instances.get(session, instance_id, actor=actor)
    instance, subject = runtime.lock(session, instance_id), find(session, instance_id)
    if subject is None:
        raise NotFound(f"nothing due in {instance_id}", advice="这个流程没有可以延期或中止的期限。")
    session.refresh(subject)
    return instance, subject


def _times(session: Session, instance_id: str) -> int:
    return sum("extension" in fact.value for fact in facts.of_instance(session, instance_id))


def _later(session: Session, subject: Subject, day: date) -> datetime:
    """The end of the first working day from a day on, which must be later than the present date."""
    calendar = deadlines.current(session).calendar
    if clock.end_of(day) <= due_of(subject):
        raise InvalidInput(f"{day} is no extension", code="new_due", advice="新的期限须晚于现在的期限。")
    return clock.end_of(day if calendar.is_working(day) else calendar.next_working(day))


def _set_due(
    session: Session, instance: Instance, subject: Subject, due: Due, actor: Actor,
    stretch: tuple[datetime, datetime] | None = None, **told: Any,
) -> None:  # fmt: skip
    """Move a due date, and with it all that stands on it: variables, open tasks, reminders, the lamp.

    With a stretch in which the clock stood still, the other open tasks of the instance get that time back as well.
    """
    old, new = due_of(subject), due.at
    assert new is not None, "what is paused or extended stays due"
    if isinstance(subject, OversightItem):
        subject.due_at, subject.due_reason, subject.due_basis = new, due.reason, due.basis
    else:
        subject.due_on = new.astimezone(clock.LOCAL).date()
    session.flush()
    if new != old:
        facts.record(session, subject, lamp.DUE_SET, actor=actor, due=new.isoformat(), **told)
    dates = {written(old): written(new)}

    def change(execution: Execution) -> None:
        """Wherever the diagram kept the old date, so that what comes later goes by the new one."""
        held = execution.variables().items()
        execution.set_variables(
            {name: dates[value] for name, value in held if isinstance(value, str) and value in dates}
        )

    runtime.step(session, instance, change, actor=actor)
    for task in recount.counted(session, instance.id):
        moved = {name: dates.get(task.due_basis[name], task.due_basis[name]) for name in ("since", "until")}
        basis = {**task.due_basis, **moved}
        if stretch and basis["since"] == task.due_basis["since"]:
            basis = _with_pause(basis, max(stretch[0], task.created_at), stretch[1])
        if stretch or basis != task.due_basis:
            why = "中止的时间不计" if stretch else due.reason or ""
            recount.move(session, instance, task, deadlines.recounted(deadlines.current(session), basis), why)
    reminders.plan(session, subject.__tablename__, subject.id, new, instance_id=instance.id)


def _note(session: Session, instance: Instance, kind: str, reason: str, actor: Actor) -> None:
    history.note(session, instance, Entry(kind, actor.id, detail={"reason": reason}))


def _tell(session: Session, asked: Instance, title: str, text: str) -> None:
    notifications.notify(
        session, filter(None, [asked.started_by_id]), PROCESS, title, text, about=("instance", asked.id),
        dedupe_key=f"{PROCESS}:{asked.id}", mail=notifications.Mail.DAYTIME,
    )  # fmt: skip
