"""Putting an open user task into somebody's hands: who may, and whom it may be given to."""

from __future__ import annotations

from sqlalchemy.orm import Session

from engine import identity, instances, runtime, user_tasks
from engine.errors import InvalidInput, InvalidState, NotAllowed
from engine.history import Entry
from engine.identity import Actor
from engine.models import Person, TaskStatus, UserTask

HEADS = ("department_head", "school_head")


def can_assign(actor: Actor, instance: instances.Held, task: UserTask | runtime.Task) -> bool:
    """Heads hand out what is offered to their own unit; a process without a unit in charge is its designer's affair."""
    if instance.unit_id is None:
        return actor.has_role("process_designer")
    offered_to = {group.partition("@")[2] for group in task.candidate_groups}
    return any(actor.has_role(role, unit) for role in HEADS for unit in offered_to if unit)


def assign(session: Session, task_id: str, login: str | None, *, actor: Actor) -> None:
    """Give a task to one of those it is offered to, or with None back to all of them.

    Refused for somebody who could not have claimed it: no candidate, or excluded because they did what it checks.
    """
    instance, task = locked(session, task_id, actor=actor)
    if not can_assign(actor, instance, task):
        raise NotAllowed(f"{actor.login} may not assign {task.id}", advice="只有承办单位负责人可以指派这件待办。")
    if not task.candidate_groups:
        raise InvalidState(f"user task {task.id} has no candidates", advice="这件待办没有其他候选人，不能改派。")
    person = _candidate(session, task, login) if login else None
    person_id, login = (person.id, person.login) if person else (None, None)
    entry = Entry("user_task.assigned", actor.id, detail={"assignee": person_id})
    user_tasks.hand_over(session, instance, task, person_id, login, entry)


def locked(session: Session, task_id: str, *, actor: Actor) -> tuple[runtime.Instance, runtime.Task]:
    """An open task that this person may know of, locked after its instance."""
    user_tasks.get(session, task_id, actor=actor)
    instance, task = runtime.lock_with_task(session, task_id)
    if task.status != TaskStatus.OPEN:
        raise InvalidState(f"user task {task.id} is {task.status}", code="not_open", advice="这件待办已经办结。")
    return instance, task


def _candidate(session: Session, task: runtime.Task, login: str) -> Person:
    person = identity.find(session, login)
    if person is None or not person.active:
        raise InvalidInput(f"no user {login}", code="assignee", advice=f"没有用户“{login}”，不能指派。")
    if person.id in task.excluded:
        raise InvalidInput(
            f"{login} is excluded", code="assignee", advice=f"不能指派给{person.name}：其办过所要审核的环节。"
        )
    if not identity.actor(person).groups & set(task.candidate_groups):
        raise InvalidInput(f"{login} is no candidate", code="assignee", advice=f"{person.name}不是这件待办的候选人。")
    return person
