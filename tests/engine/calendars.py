"""Calendars for the tests of time: the official one of 2021 (Mondays to Fridays in other years), and school terms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)
HOLIDAYS_2021 = [
    ("01-01", "01-03"), ("02-11", "02-17"), ("04-03", "04-05"), ("05-01", "05-05"), ("06-12", "06-14"),
    ("09-19", "09-21"), ("10-01", "10-07"),
]  # fmt: skip
WORKING_WEEKENDS_2021 = ["02-07", "02-20", "04-25", "05-08", "09-18", "09-26", "10-09"]


def between(first: date, last: date) -> list[date]:
    return [first + DAY * number for number in range((last - first).days + 1)]


OFF = frozenset(
    day
    for first, last in HOLIDAYS_2021
    for day in between(date.fromisoformat(f"2021-{first}"), date.fromisoformat(f"2021-{last}"))
)
ON = frozenset(date.fromisoformat(f"2021-{day}") for day in WORKING_WEEKENDS_2021)


@dataclass(frozen=True)
class TestCalendar:
    __test__ = False

    off: Collection[date] = OFF
    on: Collection[date] = ON
    spring: tuple[tuple[int, int], tuple[int, int]] = ((2, 22), (7, 2))
    autumn: tuple[tuple[int, int], tuple[int, int]] = ((9, 1), (1, 21))
    """Begins in one year and ends in the next."""

    def is_working(self, day: date) -> bool:
        return day in self.on or (day.isoweekday() <= 5 and day not in self.off)

    def in_term(self, day: date) -> bool:
        here = day.month, day.day
        return self.spring[0] <= here <= self.spring[1] or here >= self.autumn[0] or here <= self.autumn[1]


OFFICIAL = TestCalendar()


class NoTerms(TestCalendar):
    def in_term(self, day: date) -> bool:
        return False


class NeverWorking(TestCalendar):
    def is_working(self, day: date) -> bool:
        return False
