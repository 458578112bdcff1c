"""What comes, what ran, what failed, for the page on which people look after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, instances
from engine.identity import Actor
from engine.models import Job, JobState, Occurrence, ProcessInstance, Recurrence, Unit
from engine.recurrences import office_calendar, planning
from engine.recurrences.planning import Coming, Outcome

LATE = timedelta(minutes=1)
SHOWN = 30
FAILED, CANCELLED = "failed", "cancelled"


@dataclass(frozen=True)
class Row:
    recurrence: Recurrence
    next: Coming | None
    is_startable: bool


@dataclass(frozen=True)
class Queue:
    """The jobs of one kind: how many wait, how many of them longer than they should, how many gave up."""

    kind: str
    waiting: int
    next_at: datetime | None
    late: int
    failed: int


def rows(session: Session) -> list[Row]:
    """Every recurrence with what comes next: first due first, then those that rest."""
    found = [row(session, each) for each in session.scalars(select(Recurrence).order_by(Recurrence.name))]
    return sorted(found, key=lambda each: (each.next is None, each.next.at if each.next else clock.now()))


def row(session: Session, recurrence: Recurrence) -> Row:
    next_ = planning.coming(session, recurrence, office_calendar.of(session))
    return Row(recurrence, next_, planning.can_start(session, recurrence))


def occurrences(session: Session, key: str | None = None) -> list[Occurrence]:
    """What ran, began or was missed, latest first; of one recurrence or of all."""
    wanted = select(Occurrence).options(
        joinedload(Occurrence.recurrence), joinedload(Occurrence.instance), joinedload(Occurrence.asked_by)
    )
    if key:
        wanted = wanted.where(Occurrence.recurrence_key == key)
    return list(session.scalars(wanted.order_by(Occurrence.planned_for.desc()).limit(SHOWN)))


def outcomes(session: Session, those: Iterable[Occurrence]) -> dict[tuple[str, str], str]:
    """How each stands. One that is still to begin has a job that waits or gave up; without one somebody has cancelled it."""
    states = dict(session.execute(select(Job.dedupe_key, Job.state).where(Job.kind == planning.OPEN)).all())
    told = {}
    for each in those:
        outcome = each.outcome
        if outcome == Outcome.OPENING:
            state = states.get(f"{planning.OPEN}:{each.recurrence_key}:{each.period_key}")
            outcome = CANCELLED if state is None else FAILED if state == JobState.FAILED else outcome
        told[each.recurrence_key, each.period_key] = outcome
    return told


def in_sight(session: Session, actor: Actor, those: Iterable[Occurrence]) -> set[str]:
    """Which of the started instances this person may look into."""
    wanted = select(ProcessInstance.id).where(
        ProcessInstance.id.in_([each.instance_id for each in those if each.instance_id]), instances.visible(actor)
    )
    return set(session.scalars(wanted))


def queues(session: Session) -> list[Queue]:
    """The other jobs by kind, first due first."""
    now = clock.now()
    waits, gave_up = Job.state != JobState.FAILED, Job.state == JobState.FAILED
    late = (Job.state == JobState.WAITING) & (Job.due_at <= now - LATE)
    counted = select(
        Job.kind, func.count(case((waits, 1))), func.min(case((waits, Job.due_at))), func.count(case((late, 1))),
        func.count(case((gave_up, 1))),
    ).where(Job.kind != planning.KIND).group_by(Job.kind)  # fmt: skip
    found = [Queue(*values) for values in session.execute(counted)]
    return sorted(found, key=lambda each: (each.next_at is None, each.next_at or now))


def unit_of(session: Session, recurrence: Recurrence) -> Unit | None:
    return session.scalar(select(Unit).where(Unit.key == recurrence.unit_key))
