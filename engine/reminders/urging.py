"""催办 by hand: who may, how often, and what it does."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, handover, history, instances, notifications, runtime, user_tasks
from engine.errors import InvalidState, NotAllowed
from engine.history import Entry
from engine.identity import Actor
from engine.models import HistoryEvent, InstanceStatus, ProcessInstance, TaskStatus, UserTask
from engine.notifications import Mail, rules
from engine.reminders import sending, subjects
from engine.runtime import Instance, Task

KIND = "user_task.urged"
ANYWHERE = {"office_supervisor", "inspectorate_office", "bureau_leader"}
WITHIN = (*handover.HEADS, "deputy_leader")


def can_urge(actor: Actor, instance: Instance | ProcessInstance, task: Task | UserTask) -> bool:
    """The office and the bureau's leader urge anybody; the unit's head and its deputy leader within it. Nobody urges himself."""
    unit = instance.unit_key
    above = unit is not None and any(actor.has_role(role, unit) for role in WITHIN)
    return (above or bool(actor.roles & ANYWHERE)) and not user_tasks.can_complete(actor, task)


def refusal(session: Session, instance: Instance | ProcessInstance, task: Task | UserTask) -> str:
    """Why the task cannot be urged now, by anybody; for the button and the operation. Its history is what is counted."""
    if task.status != TaskStatus.OPEN:
        return "这件待办已经办结，不必催办。"
    if instance.status != InstanceStatus.ACTIVE:
        return "流程已结束或暂停，不能催办。"
    told = select(HistoryEvent.at).where(
        HistoryEvent.instance_id == task.instance_id, HistoryEvent.kind == KIND, HistoryEvent.user_task_id == task.id
    )
    limits, urged_at = rules.current(session), list(session.scalars(told))
    today = sum(clock.start_of(clock.today()) <= at for at in urged_at)
    if len(urged_at) >= limits.urges_in_all:
        return f"已催办 {len(urged_at)} 次，每件最多 {limits.urges_in_all} 次，请直接与承办人联系。"
    if today >= limits.urges_a_day:
        return f"今天已催办 {today} 次，每天最多 {limits.urges_a_day} 次，请下一天再催。"
    return ""


def offer(session: Session, task: UserTask, *, actor: Actor) -> str | None:
    """What a page says to somebody who may urge, empty if now; None for others, and where there is nothing to urge."""
    may = task.status == TaskStatus.OPEN and can_urge(actor, task.instance, task)
    return refusal(session, task.instance, task) if may else None


def urge(session: Session, task_id: str, *, actor: Actor) -> int:
    """Ask those who have the task in their inbox to get on with it; how many were told."""
    instances.get(session, user_tasks.get(session, task_id, actor=actor).instance_id, actor=actor)
    instance, task = runtime.lock_with_task(session, task_id)
    if not can_urge(actor, instance, task):
        raise NotAllowed(
            f"{actor.login} may not urge {task_id}", advice="只有督办机构、责任单位负责人和分管领导可以催办这件待办。"
        )  # fmt: skip
    if refused := refusal(session, instance, task):
        raise InvalidState(f"user task {task_id} cannot be urged", code="urge", advice=refused)
    asked = subjects.owners_of(session, task)
    if not asked:
        raise InvalidState(f"nobody has {task_id}", code="urge", advice="现在没有人能办这件待办，请先指派或补齐人员。")
    title = f"催办：{task.name}：{instance.title}"
    due = f"{sending.due_in_words(task.due_at, None)}。" if task.due_at else ""
    notifications.notify(
        session, asked, "urge", title, f"{actor.name}请您抓紧办理。{due}", about=("user_task", task.id),
        dedupe_key=f"urge:{task.id}:{instance.history_length}", mail=Mail.DAYTIME,
    )  # fmt: skip
    entry = Entry(
        KIND, actor.id, task.process_key, task.activity_id, "userTask", task.name, user_task_id=task.id,
        detail={"people": sorted(asked)},
    )  # fmt: skip
    history.note(session, instance, entry)
    return len(asked)
