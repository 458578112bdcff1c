"""What people say about an instance or at one of its user tasks: written once, never edited, and held by the history."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, history, ids, instances, runtime, user_tasks
from engine.errors import InvalidInput, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import Comment

LONGEST = 4_000


def add(session: Session, task_id: str, text: str, *, actor: Actor) -> Comment:
    """Say something at a user task. Whoever may know of the task may speak, also when it is done."""
    task = user_tasks.get(session, task_id, actor=actor)
    if not text.strip() or len(text) > LONGEST or "\0" in text:
        raise InvalidInput("bad comment", code="comment", advice=f"留言须为 1–{LONGEST} 字。")
    instance = runtime.lock(session, task.instance_id)
    comment = Comment(
        id=ids.new(), instance_id=instance.id, user_task_id=task.id, author_id=actor.id, text=text, at=clock.now()
    )
    session.add(comment)
    session.flush()
    told = {"comment": comment.id, "text": history.fingerprint(text)}
    entry = Entry("comment.added", actor.id, task.process_key, task.activity_id, None, task.name, None, task.id, told)
    history.note(session, instance, entry)
    return comment


def of_task(session: Session, task_id: str, *, actor: Actor) -> list[Comment]:
    """What was said at a user task, oldest first."""
    task = user_tasks.get(session, task_id, actor=actor)
    return list(session.scalars(_told().where(Comment.user_task_id == task.id)))


def of_instance(session: Session, instance_id: str, *, actor: Actor) -> list[Comment]:
    """What was said anywhere in an instance, oldest first."""
    instance = instances.get(session, instance_id, actor=actor)
    return list(session.scalars(_told().where(Comment.instance_id == instance.id)))


def get(session: Session, task_id: str, comment_id: str, *, actor: Actor) -> Comment:
    found = next((each for each in of_task(session, task_id, actor=actor) if each.id == comment_id), None)
    if found is None:
        raise NotFound(f"no comment {comment_id}", advice="没有这条留言。")
    return found


def _told() -> Select[Comment]:
    return select(Comment).options(joinedload(Comment.author)).order_by(Comment.at, Comment.id)
