"""When a recurrence comes next, and that it comes once.

Each active one has one waiting job, which is only an alarm: what is due is worked out anew under the recurrence's lock. It
writes down the occurrence of the period, leaves beginning it to a job of its own, and plans the next, so that a beginning
that fails is an incident of one period and stops none after it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from importlib import resources
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, instances, jobs
from engine.db import connection, insert_once
from engine.errors import NotFound
from engine.models import Job, JobState, Occurrence, ProcessDefinition, ProcessInstance, Recurrence, Unit, table
from engine.recurrences import office_calendar
from engine.recurrences.periods import (
    HORIZON,
    LONGEST_PAUSE,
    Calendar,
    DayKind,
    DayRule,
    Frequency,
    Period,
    Roll,
    containing,
    day_in,
    periods,
)

KIND, OPEN = "recurrence", "recurrence.open"
RECURRENCE = table(Recurrence)
INSERT = insert_once(RECURRENCE, "key")
"""Two processes may do it at once."""


class Outcome(StrEnum):
    OPENING = "opening"
    STARTED = "started"
    NOTHING = "nothing"
    MISSED = "missed"


@dataclass(frozen=True)
class Coming:
    """A period with its moment, and why it is that day."""

    period: Period
    at: datetime
    reason: str

    @property
    def day(self) -> date:
        return self.at.astimezone(clock.LOCAL).date()

    def is_due(self) -> bool:
        return self.at <= clock.now()

    def is_over(self) -> bool:
        return clock.today() > max(self.period.ends_on, self.day)


Opener = Callable[[Session, Occurrence], ProcessInstance | None]
openers: dict[str, Opener] = {}
"""Name → what begins an occurrence, or finds nobody to begin it for; the domains hand theirs over in `application.assemble`."""


def load(session: Session) -> None:
    """Store the recurrences that are shipped; one that is there already stays as the bureau has it."""
    known = set(session.scalars(select(Recurrence.key)))
    shipped = tomllib.loads(resources.files(__package__).joinpath("recurrences.toml").read_text("utf-8"))
    common, rows = dict.fromkeys(RECURRENCE.columns.keys()) | shipped["common"], []
    for each in shipped["recurrences"]:
        if each["key"] not in known:
            # From a time before there were recurrences the job of one may be waiting already.
            waiting = _jobs(session, each["key"])
            rows.append(common | each | {"since": waiting[0].due_at if waiting else clock.now()})
    if rows:
        session.execute(INSERT[connection(session).dialect.name], rows)


def replan(session: Session) -> None:
    """Let every recurrence that is active have its one waiting job, for the moment its rule and the calendar name now.

    Whoever changes the calendar calls this in the same transaction. Doing it twice is harmless.
    """
    calendar = office_calendar.of(session)
    everything = select(Recurrence).order_by(Recurrence.key).with_for_update()
    for recurrence in session.scalars(everything.execution_options(populate_existing=True)).all():
        plan(session, recurrence, calendar)


def prepare(session: Session) -> None:
    """See to it that everything recurs that should."""
    load(session)
    replan(session)


def get(session: Session, key: str, *, lock: bool = False) -> Recurrence:
    """The recurrence; locked, nobody else's until this transaction ends."""
    found = session.get(Recurrence, key, with_for_update=lock or None, populate_existing=lock)
    if found is None:
        raise NotFound(f"no recurrence {key}", advice="没有这项定期工作。")
    return found


def run(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: begin what is due, note what was missed, look ahead."""
    if session.get(Recurrence, payload["key"]) is None:
        load(session)
    recurrence, calendar = get(session, payload["key"], lock=True), office_calendar.of(session)
    for this in _unsettled(session, recurrence, calendar):
        if this.is_over() and not recurrence.catch_up:
            _settle(session, recurrence, this, Outcome.MISSED)
            continue
        if this.is_due():
            begin(session, recurrence, this)
        break
    plan(session, recurrence, calendar)


def begin(session: Session, recurrence: Recurrence, this: Coming, *, asked_by_id: str | None = None) -> None:
    """Write the occurrence down and let a job begin it. The caller holds the recurrence's lock."""
    _settle(session, recurrence, this, Outcome.OPENING, asked_by_id)
    payload = {"key": recurrence.key, "period": this.period.key}
    jobs.add(session, OPEN, clock.now(), payload, dedupe_key=f"{OPEN}:{recurrence.key}:{this.period.key}")


def open_occurrence(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: begin an occurrence that was written down."""
    key = payload["key"], payload["period"]
    occurrence = session.get_one(Occurrence, key, with_for_update=True)
    if occurrence.outcome != Outcome.OPENING:
        return
    instance = _opener(occurrence.recurrence)(session, occurrence)
    occurrence.outcome = Outcome.STARTED if instance else Outcome.NOTHING
    occurrence.ran_at, occurrence.instance_id = clock.now(), instance.id if instance else None
    session.flush()


def plan(session: Session, recurrence: Recurrence, calendar: Calendar) -> None:
    """The one waiting job of a recurrence, or none if it is not active. The caller holds its lock."""
    waiting, next_ = _jobs(session, recurrence.key), coming(session, recurrence, calendar)
    wanted = [(f"{KIND}:{recurrence.key}:{next_.period.key}", next_.at, JobState.WAITING)] if next_ else []
    if [(job.dedupe_key, job.due_at, job.state) for job in waiting] == wanted:
        return
    jobs.cancel(session, *(job.dedupe_key for job in waiting))
    for key, at, _ in wanted:
        jobs.add(session, KIND, at, {"key": recurrence.key}, dedupe_key=key)


def coming(session: Session, recurrence: Recurrence, calendar: Calendar) -> Coming | None:
    """The first period that is not settled, if the recurrence is active."""
    return next(_unsettled(session, recurrence, calendar), None)


def now_in(session: Session, recurrence: Recurrence) -> Coming | None:
    """The period of today, whatever its day."""
    calendar = office_calendar.of(session)
    period = containing(Frequency(recurrence.frequency), clock.today(), calendar)
    return _moment_in(recurrence, period, calendar) if period else None


def rule_of(recurrence: Recurrence) -> DayRule:
    return DayRule(
        DayKind(recurrence.day_kind), recurrence.day_number, recurrence.month, Roll(recurrence.roll),
        recurrence.term_only,
    )  # fmt: skip


def can_start(session: Session, recurrence: Recurrence) -> bool:
    """Whether there is something to begin."""
    if recurrence.opener:
        return recurrence.opener in openers
    wanted = select(ProcessDefinition.id).where(ProcessDefinition.key == recurrence.definition_key).limit(1)
    return session.scalar(wanted) is not None


def _unsettled(session: Session, recurrence: Recurrence, calendar: Calendar) -> Iterator[Coming]:
    if recurrence.active:
        settled = set(session.scalars(select(Occurrence.period_key).where(Occurrence.recurrence_key == recurrence.key)))
        for this in _ahead(recurrence, calendar):
            if this.at >= recurrence.since and this.period.key not in settled:
                yield this


def _ahead(recurrence: Recurrence, calendar: Calendar) -> Iterator[Coming]:
    # A day may lie outside its period, where it has moved to the nearest working day.
    begins = recurrence.since.astimezone(clock.LOCAL).date() - timedelta(days=LONGEST_PAUSE)
    for period in periods(Frequency(recurrence.frequency), begins, begins + HORIZON, calendar):
        this = _moment_in(recurrence, period, calendar)
        if this and (recurrence.active_from or date.min) <= this.day <= (recurrence.active_to or date.max):
            yield this


def _moment_in(recurrence: Recurrence, period: Period, calendar: Calendar) -> Coming | None:
    chosen = day_in(period, rule_of(recurrence), calendar)
    return Coming(period, clock.start_of(chosen.day, recurrence.hour), chosen.reason) if chosen else None


def _settle(
    session: Session, recurrence: Recurrence, this: Coming, outcome: Outcome, asked_by_id: str | None = None
) -> None:
    session.add(
        Occurrence(
            recurrence_key=recurrence.key, period_key=this.period.key, period_name=this.period.name,
            starts_on=this.period.starts_on, ends_on=this.period.ends_on, planned_for=this.at, reason=this.reason,
            outcome=outcome, asked_by_id=asked_by_id,
        )
    )  # fmt: skip
    if asked_by_id is None:
        recurrence.since = max(recurrence.since, this.at)
    session.flush()


def _jobs(session: Session, key: str) -> list[Job]:
    mine = select(Job).where(Job.kind == KIND, Job.dedupe_key.startswith(f"{KIND}:{key}:", autoescape=True))
    return list(session.scalars(mine.execution_options(populate_existing=True)))


def _opener(recurrence: Recurrence) -> Opener:
    if not recurrence.opener:
        return _start_process
    if recurrence.opener not in openers:
        raise NotFound(f"no opener {recurrence.opener}", advice=f"系统里没有“{recurrence.opener}”这种启动方式。")
    return openers[recurrence.opener]


def _start_process(session: Session, occurrence: Occurrence) -> ProcessInstance:
    recurrence = occurrence.recurrence
    unit_id = session.scalar(select(Unit.id).where(Unit.key == recurrence.unit_key))
    return instances.start(
        session, recurrence.definition_key or "", recurrence.variables, actor=None,
        title=f"{recurrence.name}（{occurrence.period_name}）",
        business_key=f"recurrence:{recurrence.key}:{occurrence.period_key}", unit_id=unit_id,
    )  # fmt: skip
