"""Counting time as the Civil Code does (民法典 arts. 200–204). Pure: a calendar is a value, and every answer says how it was found."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

ONE = timedelta(days=1)
WEEKEND = "周末"


@dataclass(frozen=True)
class Exceptional:
    """A day that is not what its weekday says, or that has a name."""

    working: bool
    name: str


@dataclass(frozen=True)
class Span:
    """Days in a row that are called the same: 国庆节 from the 1st to the 7th."""

    first: date
    last: date
    name: str


@dataclass(frozen=True)
class Counted:
    """Where a count has ended, and why there."""

    day: date
    period_end: date
    """The last day of the period itself, before it was put off (顺延)."""
    skipped: tuple[Span, ...] = ()
    """Days off that did not count, or over which the last day was put off."""
    worked: tuple[Span, ...] = ()
    """Working weekends (调休上班) that counted, or on which the period ended as on any working day."""
    provisional: bool = False
    """It rests on a year whose holidays are not announced yet."""

    @property
    def is_put_off(self) -> bool:
        return self.day != self.period_end


@dataclass(frozen=True)
class Calendar:
    exceptions: Mapping[date, Exceptional]
    announced: frozenset[int]
    """Years whose holidays are final; all others are provisional."""
    weekends_put_off: bool = True
    """Whether a period that ends on an ordinary weekend ends on the next working day. The Code speaks of 法定休假日 only."""

    def is_working(self, day: date) -> bool:
        exceptional = self.exceptions.get(day)
        return exceptional.working if exceptional else day.weekday() < 5

    def next_working(self, day: date) -> date:
        """The first working day after a day."""
        return next(later for later in _from(day + ONE) if self.is_working(later))

    def working_days_after(self, start: date, n: int) -> Counted:
        """The n-th working day after a day, which itself does not count (201); with a negative n, before it."""
        step, day = (ONE if n > 0 else -ONE), start
        passed: list[date] = []
        counted: list[date] = []
        while len(counted) < abs(n):
            day += step
            (counted if self.is_working(day) else passed).append(day)
        first, last = min(start + step, day), max(start + step, day)
        return Counted(day, day, self._spans(passed), self._worked(counted), self._is_provisional(first, last))

    def natural_days_after(self, start: date, n: int) -> Counted:
        """The n-th day after a day, which itself does not count. A period counted backwards is not put off."""
        end = start + n * ONE
        return self._put_off(end) if n > 0 else Counted(end, end)

    def months_after(self, start: date, n: int) -> Counted:
        """The corresponding day n months later; where that month has none, its last day (202)."""
        year, month = divmod(start.year * 12 + start.month - 1 + n, 12)
        return self._put_off(date(year, month + 1, min(start.day, monthrange(year, month + 1)[1])))

    def years_after(self, start: date, n: int) -> Counted:
        return self.months_after(start, 12 * n)

    @staticmethod
    def hours_after(moment: datetime, n: int) -> datetime:
        """Hours run from the moment itself, through nights and holidays (201)."""
        return moment + timedelta(hours=n)

    def nth_working_day(self, year: int, month: int, n: int) -> Counted:
        """The n-th working day of a month; -1 is its last. ValueError if there are not that many."""
        outside = date(year, month, 1) - ONE if n > 0 else date(year, month, monthrange(year, month)[1]) + ONE
        found = self.working_days_after(outside, n)
        if n == 0 or (found.day.year, found.day.month) != (year, month):
            raise ValueError(f"{year}-{month:02} has no working day number {n}")
        return found

    def last_working_day(self, year: int, month: int) -> Counted:
        return self.nth_working_day(year, month, -1)

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days come after `start`, up to and with `end`."""
        return sum(self.is_working(start + number * ONE) for number in range(1, (end - start).days + 1))

    def _put_off(self, end: date) -> Counted:
        """The last day of a period: if it is a day off, the day after the days off (203)."""
        day = next(day for day in _from(end) if not self._puts_off(day))
        passed = [end + number * ONE for number in range((day - end).days)]
        return Counted(day, end, self._spans(passed), self._worked([day]), self._is_provisional(end, day))

    def _puts_off(self, day: date) -> bool:
        return not self.is_working(day) and (self.weekends_put_off or day in self.exceptions)

    def _worked(self, days: Iterable[date]) -> tuple[Span, ...]:
        """Those of some working days that their weekday would have made days off."""
        return self._spans(day for day in days if day in self.exceptions)

    def _is_provisional(self, first: date, last: date) -> bool:
        return not self.announced.issuperset(range(first.year, last.year + 1))

    def _spans(self, days: Iterable[date]) -> tuple[Span, ...]:
        return spans(self.exceptions, days)


def spans(exceptions: Mapping[date, Exceptional], days: Iterable[date]) -> tuple[Span, ...]:
    """Days in order, those that follow one another under one name together; one without a name is a weekend."""
    found: list[Span] = []
    for day in sorted(days):
        name = exceptions[day].name if day in exceptions else WEEKEND
        if found and found[-1].name == name and found[-1].last + ONE == day:
            found[-1] = Span(found[-1].first, day, name)
        else:
            found.append(Span(day, day, name))
    return tuple(found)


def _from(day: date) -> Iterator[date]:
    while True:
        yield day
        day += ONE
