"""Drafts (草稿) of what a person fills in at a user task: kept as typed, shown to nobody else, gone when the task is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from engine import clock, user_tasks
from engine.db import to_json
from engine.errors import Conflict, InvalidInput, NotFound
from engine.identity import Actor
from engine.models import Draft, TaskStatus, UserTask

MOST_BYTES = 256 * 1024


def save(session: Session, task_id: str, data: Mapping[str, Any], *, actor: Actor, revision: int | None = None) -> int:
    """Keep what was typed; its new revision. With `revision`, only over the draft that has it: else another page was faster."""
    try:
        size = len(to_json(dict(data)).encode())
    except TypeError as error:  # halves of characters, numbers without end, lists in lists in lists
        raise InvalidInput(f"no JSON: {error}", code="draft", advice="草稿中有存不下的内容，没有存。") from error
    if size > MOST_BYTES:
        raise InvalidInput(
            "draft too large", code="draft", advice="草稿超过256 KB，没有存。请分几次提交，或把长文作为附件。"
        )
    task = lock(session, task_id, actor=actor)
    draft = session.get(Draft, (task_id, actor.id))
    if revision is not None and revision != (draft.revision if draft else 0):
        advice = "您在别处另存了这件待办的草稿，这一份还没有存；再存一次，就以这一份为准。"
        raise Conflict(f"draft of {task_id} has changed", code="draft", advice=advice)
    if draft is None:
        draft = Draft(user_task_id=task_id, person_id=actor.id, revision=0)
        session.add(draft)
    draft.data, draft.revision, draft.saved_at = dict(data), draft.revision + 1, clock.now()
    task.drafted = True
    session.flush()
    return draft.revision


def lock(session: Session, task_id: str, *, actor: Actor) -> UserTask:
    """A person's task while nobody else changes its drafts: whoever adds to one reads it after this."""
    # The task alone: its instance goes on meanwhile, and whoever completes the task waits for this row or is seen here.
    locked = select(UserTask).where(UserTask.id == task_id).with_for_update(of=UserTask, key_share=True)
    task = session.scalar(locked.execution_options(populate_existing=True))
    if task is None:
        raise NotFound(f"no user task {task_id}", advice="没有这件待办，或您无权查看。")
    user_tasks.require(session, actor, task)
    return task


def find(session: Session, task_id: str, *, actor: Actor) -> Draft | None:
    """A person's own draft, as long as the task is theirs to do."""
    task = session.get(UserTask, task_id)
    if task is None or not task.drafted or not user_tasks.can_complete(actor, task):
        return None
    return session.get(Draft, (task_id, actor.id))


def forget(session: Session, task_id: str, *, actor: Actor) -> None:
    session.execute(delete(Draft).where(Draft.user_task_id == task_id, Draft.person_id == actor.id))


def sweep(session: Session) -> None:
    """Do away with drafts of tasks that are over; those that were completed took theirs with them."""
    over = select(UserTask.id).where(UserTask.status != TaskStatus.OPEN, UserTask.drafted)
    session.execute(delete(Draft).where(Draft.user_task_id.in_(over)))
