"""What is recorded of the working calendar, read once and kept until somebody changes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import extract, select
from sqlalchemy.orm import Session

from engine import ids, settings
from engine.calendar.days import Calendar, Exceptional
from engine.db import connection
from engine.models import CalendarDay, CalendarYear, TimeLimit

REVISION = "time.revision"
"""The setting that gets another value with every change of a calendar or a time limit."""

WEEKENDS = "weekend_put_off"
"""The time limit that says whether a period which ends on an ordinary weekend is put off: practice, not the words of the law."""

T = TypeVar("T")


class Kept(Generic[T]):
    """Something read from the database, kept by this process as long as its revision is the database's.

    A revision is never used twice, so what was read in a transaction that is rolled back is never taken for valid.
    """

    def __init__(self, load: Callable[[Session], T]) -> None:
        self._load = load
        self._held: WeakKeyDictionary[Any, tuple[str, T]] = WeakKeyDictionary()

    def of(self, session: Session, revision: str | None = None) -> T:
        """`revision` is for whoever has read it beside something else."""
        database = connection(session).engine
        if revision is None:
            revision = settings.value(session, REVISION) or ""
        held = self._held.get(database)
        if held is None or held[0] != revision:
            self._held[database] = held = revision, self._load(session)
        return held[1]


def touch(session: Session) -> None:
    """Let every process read anew once this transaction is committed."""
    settings.put(session, REVISION, ids.new())


def is_ordinary(day: date, working: bool, name: str) -> bool:
    return working == (day.weekday() < 5) and not name


def exceptions(session: Session, year: int | None = None) -> dict[date, Exceptional]:
    """The days that are not what their weekday says, or that have a name."""
    rows = select(CalendarDay.day, CalendarDay.working, CalendarDay.name).order_by(CalendarDay.number)
    if year is not None:
        rows = rows.where(extract("year", CalendarDay.day) == year)
    last = {row.day: row for row in session.execute(rows)}
    return {
        day: Exceptional(row.working, row.name)
        for day, row in sorted(last.items())
        if not is_ordinary(day, row.working, row.name)
    }


def load(session: Session) -> Calendar:
    put_off = select(TimeLimit.amount).where(TimeLimit.key == WEEKENDS).order_by(TimeLimit.recorded_at.desc()).limit(1)
    announced = frozenset(session.scalars(select(CalendarYear.year)))
    return Calendar(exceptions(session), announced, weekends_put_off=session.scalar(put_off) != 0)


_kept = Kept(load)


def current(session: Session) -> Calendar:
    """The working calendar as it stands; one look at the database, however often it is asked."""
    return _kept.of(session)
