"""The calendar by which recurrences find their day."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from engine.recurrences.periods import Calendar


def of(session: Session) -> Calendar:
    """The calendar as it stands. Whoever corrects it calls `planning.replan`."""
    return _Weekdays()


class _Weekdays:
    """Mondays to Fridays, and terms as they usually lie (待核对)."""

    def is_working(self, day: date) -> bool:
        return day.isoweekday() <= 5

    def in_term(self, day: date) -> bool:
        return (2, 20) <= (day.month, day.day) <= (6, 30) or not (1, 20) < (day.month, day.day) < (9, 1)
