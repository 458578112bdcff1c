"""The calendar by which recurrences find their day: the office's working days, and the schools' terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from engine import calendar
from engine.calendar import terms
from engine.recurrences.periods import Calendar


def of(session: Session) -> Calendar:
    """The calendar as it stands. Whoever corrects it calls `planning.replan`."""
    return _Office(calendar.current(session), terms.all_terms(session))


@dataclass(frozen=True)
class _Office:
    working: calendar.Calendar
    terms: list[terms.Term]

    def is_working(self, day: date) -> bool:
        return self.working.is_working(day)

    def in_term(self, day: date) -> bool:
        """Where nobody has entered terms yet, as they usually lie (待核对): a duty must not stop for want of an entry."""
        if self.terms and self.terms[0].starts_on <= day <= self.terms[-1].ends_on:
            return terms.in_term(self.terms, day)
        return (2, 20) <= (day.month, day.day) <= (6, 30) or not (1, 20) < (day.month, day.day) < (9, 1)
