"""Reporting periods (填报期): the month, quarter, half-year, term or year that a report tells about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_REPORT = timedelta(days=10)
"""How long after its beginning the report of a period is due."""

STARTS: dict[str, Sequence[int]] = {"季": (1, 4, 7, 10), "学期": (2, 9), "半年": (1, 7), "年": (1,)}
"""The months with which periods begin, by cadence; every other cadence (日, 周, 件, 一次 …) reports monthly."""


@dataclass(frozen=True)
class Period:
    first: date
    next: date
    """The first day of the period after it."""

    @property
    def months(self) -> int:
        return (self.next.year - self.first.year) * 12 + self.next.month - self.first.month

    @property
    def name(self) -> str:
        """2021年第3季度."""
        month = self.first.month
        named = {
            1: f"{month}月", 3: f"第{month // 3 + 1}季度", 5: "秋季学期", 6: "上半年" if month == 1 else "下半年",
            7: "春季学期", 12: "",
        }  # fmt: skip
        return f"{self.first.year}年{named[self.months]}"


def of(cadence: str | None, day: date) -> Period:
    """The period in which a day lies."""
    months = STARTS.get(cadence or "", range(1, 13))
    starts = [date(year, month, 1) for year in range(day.year - 1, day.year + 2) for month in months]
    return Period(max(start for start in starts if start <= day), min(start for start in starts if start > day))


def closed(cadence: str | None, since: date, until: date) -> list[Period]:
    """The periods from that of `since` on that have ended when the day `until` begins."""
    found, period = [], of(cadence, since)
    while period.next <= until:
        found.append(period)
        period = of(cadence, period.next)
    return found
