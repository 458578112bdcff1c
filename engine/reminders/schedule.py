"""When somebody is reminded next: each thing that is due has one job, for its next look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from engine import clock, jobs
from engine.jobs import Planned
from engine.models import Job, JobState, ReminderStage, table
from engine.notifications import rules
from engine.statements import Prepared

KIND = "reminder"
DAYS, HOURS = "days", "hours"
MORNING = 8
"""The hour at which a day's reminders are written, before its digests leave."""

_JOB = table(Job)
ADD = Prepared(
    insert(_JOB), "id", "kind", "due_at", "payload", "dedupe_key", "instance_id", "state", "attempts"
)  # fmt: skip
DROP = Prepared(delete(_JOB).where(_JOB.c.dedupe_key == bindparam("wanted")))


def plan(session: Session, kind: str, subject_id: str, due_at: datetime | None, *, instance_id: str | None) -> None:
    """Let people be reminded by this due date, whatever they were reminded by before. Twice is once; None is never.

    With an instance, the caller holds its lock.
    """
    kept = session.scalar(select(Job.payload).where(Job.dedupe_key == key(subject_id)))
    forget(session, subject_id)
    if due_at is not None:
        since = datetime.fromisoformat(kept["since"]) if kept else min(clock.now(), due_at)
        look_after(session, payload(kind, subject_id, instance_id, since), due_at, after=since)


def forget(session: Session, subject_id: str) -> None:
    """It is done, or due no more."""
    jobs.cancel(session, key(subject_id))


def look_after(session: Session, told: Mapping[str, Any], due_at: datetime, *, after: datetime) -> None:
    """The job for the first stage after a moment; none after the last."""
    following = [moment for moment, _ in moments(session, due_at) if moment > after]
    if following:
        jobs.add(
            session, KIND, following[0], told, dedupe_key=key(told["id"]), instance_id=told["instance_id"]
        )  # fmt: skip


def look_again(session: Session) -> None:
    """Stages or calendar are others now: let every job look what that means for it."""
    session.execute(update(Job).where(Job.kind == KIND, Job.state == JobState.WAITING).values(due_at=clock.now()))


def first(kind: str, subject_id: str, instance_id: str, due_at: datetime) -> dict[str, Any]:
    """The row of a job for something new. Nothing is asked of the database: it looks the next morning, or at once by the hour."""
    now = clock.now()
    look_at = now if is_by_the_hour(due_at) else _next_morning(now)
    told = payload(kind, subject_id, instance_id, min(now, due_at))
    return jobs.row(Planned(KIND, look_at, told, key(subject_id), instance_id))


def key(subject_id: str) -> str:
    return f"{KIND}:{subject_id}"


def payload(kind: str, subject_id: str, instance_id: str | None, since: datetime) -> dict[str, Any]:
    """`since`: what comes before was over when the thing began. What begins late hears how late it is."""
    return {"subject": kind, "id": subject_id, "instance_id": instance_id, "since": since.isoformat()}


def moments(session: Session, due_at: datetime) -> list[tuple[datetime, ReminderStage]]:
    """Every stage with its moment, in order."""
    basis = HOURS if is_by_the_hour(due_at) else DAYS
    stages = session.scalars(
        select(ReminderStage).where(ReminderStage.basis == basis).order_by(ReminderStage.distance)
    )  # fmt: skip
    return sorted(((_moment(session, stage, due_at), stage) for stage in stages), key=lambda each: each[0])


def is_by_the_hour(due_at: datetime) -> bool:
    """A limit in days ends with a day (24:00); anything else is a limit in hours."""
    return due_at != clock.end_of(due_at.astimezone(clock.LOCAL).date())


def _moment(session: Session, stage: ReminderStage, due_at: datetime) -> datetime:
    if stage.basis == HOURS:
        return due_at + timedelta(hours=stage.distance)
    due_on = due_at.astimezone(clock.LOCAL).date()
    return clock.start_of(rules.working_day(session, due_on, stage.distance), MORNING)


def _next_morning(now: datetime) -> datetime:
    today = clock.start_of(now.astimezone(clock.LOCAL).date(), MORNING)
    return today if now < today else today + rules.DAY
