"""The calendar has changed: due dates that rest on the days in question are counted again, each under its instance's lock.

A job looks through the open tasks page by page and leaves a job for each instance in which a date would be another, so that
no instance waits for another's. Whoever was counting on the old calendar meanwhile is found by the second look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import clock, deadlines, history, jobs, reminders, runtime
from engine.calendar.corrections import CHANGED
from engine.history import Entry
from engine.jobs import Planned
from engine.models import Candidate, InstanceStatus, TaskStatus, UserTask, table
from engine.recurrences import planning
from engine.reminders import schedule

RECOUNT = "deadlines.recount"
PAGE = 500

TASK, CANDIDATE = table(UserTask), table(Candidate)


def look_through(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: find the instances in which a due date rests on the changed days. A date before them cannot.

    Reminders and recurrences go by the calendar as well.
    """
    after, book = payload.get("after", ""), deadlines.current(session)
    if not after:
        schedule.look_again(session)
        planning.replan(session)
    open_ones = select(TASK.c.id, TASK.c.instance_id, TASK.c.due_basis).where(
        TASK.c.status == TaskStatus.OPEN, TASK.c.due_basis.is_not(None), TASK.c.id > after,
        TASK.c.due_at >= clock.start_of(date.fromisoformat(payload["first"])),
    )  # fmt: skip
    rows = session.execute(open_ones.order_by(TASK.c.id).limit(PAGE)).all()
    touched = dict.fromkeys(r.instance_id for r in rows if deadlines.recounted(book, r.due_basis).basis != r.due_basis)
    jobs.add_many(session, [
        Planned(RECOUNT, clock.now(), {"instance_id": each, "why": payload["why"]},
                f"{RECOUNT}:{payload['change']}:{each}", each)
        for each in touched
    ])  # fmt: skip
    if len(rows) == PAGE:
        following = {**payload, "after": rows[-1].id}
        jobs.add(session, CHANGED, clock.now(), following, dedupe_key=f"{CHANGED}:{payload['change']}:{rows[-1].id}")


def recount(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: count the open tasks of an instance again. What has not changed is left alone, so twice is once."""
    instance = runtime.lock(session, payload["instance_id"])
    if instance.status != InstanceStatus.ACTIVE:
        return
    book = deadlines.current(session)
    mine = TASK.c.instance_id == instance.id, TASK.c.status == TaskStatus.OPEN, TASK.c.due_basis.is_not(None)
    for task in session.execute(select(TASK).where(*mine).order_by(TASK.c.id)):
        due = deadlines.recounted(book, task.due_basis)
        if due.basis == task.due_basis:
            continue
        told = {"due_at": due.at, "due_reason": due.reason, "due_basis": due.basis}
        session.execute(update(TASK).where(TASK.c.id == task.id).values(told))
        if due.at != task.due_at:
            session.execute(update(CANDIDATE).where(CANDIDATE.c.user_task_id == task.id).values(due_at=due.at))
            history.note(session, instance, _moved(task, due, payload["why"]))
            reminders.plan(session, "user_task", task.id, due.at, instance_id=instance.id)


def _moved(task: Any, due: deadlines.Due, why: str) -> Entry:
    days = [f"{at.astimezone(clock.LOCAL):%Y-%m-%d}" for at in (task.due_at, due.at) if at]
    detail = {"old": task.due_at.isoformat(), "new": due.at and due.at.isoformat(),
              "reason": f"{task.name}，{days[0]} 改为 {days[-1]}：{why}"}  # fmt: skip
    return Entry(
        "user_task.due_changed", None, task.process_key, task.activity_id, activity_name=task.name,
        user_task_id=task.id, detail=detail,
    )  # fmt: skip
