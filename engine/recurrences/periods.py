"""Periods, and the day in each: pure arithmetic, with the calendar handed in.

A period keeps its key whatever becomes of the calendar, so that it is known again after a correction.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

DAY = timedelta(days=1)
HORIZON = timedelta(days=800)
"""How far ahead a period is looked for; in a calendar without terms there may be none."""

LONGEST_TERM = 250
LONGEST_PAUSE = 31
"""Days after which a search for a working day gives up: that calendar holds none."""


class Calendar(Protocol):
    """What must be known of the bureau's calendar and of the schools'."""

    def is_working(self, day: date) -> bool: ...
    def in_term(self, day: date) -> bool: ...


class Frequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    TERMLY = "termly"
    QUARTERLY = "quarterly"
    HALF_YEARLY = "half_yearly"
    YEARLY = "yearly"


class DayKind(StrEnum):
    DAY = "day"
    WORKING_DAY = "working_day"
    WEEKDAY = "weekday"


class Roll(StrEnum):
    NONE = "none"
    BEFORE = "before"
    AFTER = "after"


WORDS = {
    Frequency.DAILY: "日", Frequency.WEEKLY: "周", Frequency.MONTHLY: "月", Frequency.QUARTERLY: "季",
    Frequency.TERMLY: "学期", Frequency.HALF_YEARLY: "半年", Frequency.YEARLY: "年",
}  # fmt: skip
MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.HALF_YEARLY: 6, Frequency.YEARLY: 12}
ROLLED = {Roll.BEFORE: "逢休息日提前到上一个工作日", Roll.AFTER: "逢休息日顺延到下一个工作日"}
PAUSED = "寒暑假暂停"


@dataclass(frozen=True)
class Period:
    frequency: Frequency
    key: str
    """`2021-W09`, `2021-04`, `2021-spring`, `2021-Q2`, `2021-H1`, `2021`."""
    name: str
    starts_on: date
    ends_on: date

    def days(self, month: int | None = None) -> list[date]:
        """Its days, or those of its n-th month."""
        first, last = self.starts_on, self.ends_on
        if month is not None:
            first = first.replace(month=first.month + month - 1)
            last = _end_of_month(first)
        return [first + DAY * number for number in range((last - first).days + 1)]


@dataclass(frozen=True)
class DayRule:
    """Which day of a period it is."""

    kind: DayKind
    number: int
    """Counts from 1, or from the end with -1; one there are not so many days for is the last. A weekday is that of ISO 8601."""
    month: int | None = None
    roll: Roll = Roll.NONE
    term_only: bool = False


@dataclass(frozen=True)
class Choice:
    day: date
    reason: str


def periods(frequency: Frequency, starts_on: date, ends_on: date, calendar: Calendar) -> Iterator[Period]:
    """Every period that has a day in a span, in order, whole where it reaches beyond it; between terms there is none."""
    day = starts_on
    while day <= ends_on:
        period = containing(frequency, day, calendar)
        if period:
            yield period
        day = (period.ends_on if period else day) + DAY


def containing(frequency: Frequency, day: date, calendar: Calendar) -> Period | None:
    """The period in which a day lies; None between terms."""
    if frequency == Frequency.DAILY:
        return Period(frequency, day.isoformat(), f"{day.year}年{day.month}月{day.day}日", day, day)
    if frequency == Frequency.WEEKLY:
        year, week, weekday = day.isocalendar()
        monday = day - DAY * (weekday - 1)
        return Period(frequency, f"{year}-W{week:02}", f"{year}年第{week}周", monday, monday + 6 * DAY)
    if frequency == Frequency.TERMLY:
        return _term(day, calendar)
    months = MONTHS[frequency]
    number = (day.month - 1) // months + 1
    first = date(day.year, (number - 1) * months + 1, 1)
    key, name = {
        Frequency.MONTHLY: (f"-{number:02}", f"{number}月"),
        Frequency.QUARTERLY: (f"-Q{number}", f"第{number}季度"),
        Frequency.HALF_YEARLY: (f"-H{number}", "上半年" if number == 1 else "下半年"),
    }.get(frequency, ("", ""))
    last = _end_of_month(date(day.year, number * months, 1))
    return Period(frequency, f"{day.year}{key}", f"{day.year}年{name}", first, last)


def day_in(period: Period, rule: DayRule, calendar: Calendar) -> Choice | None:
    """The day of a period and why it is that day; None if the period pauses."""
    window = period.days(rule.month)
    word = f"{window[0].month}月" if rule.month else f"本{WORDS[period.frequency]}"
    day, reasons = _counted(window, rule, calendar), [f"{word}{_told(period.frequency, rule)}"]
    if rule.kind == DayKind.DAY and rule.number > len(window):
        reasons.append("没有这一天，取最后一天")
    if rule.term_only and not calendar.in_term(day):
        later = [each for each in period.days() if each > day and calendar.in_term(each)]
        if not later:
            return None
        day = later[0]
        reasons.append(f"在寒暑假内，移到开学后第一天（{_short(day)}）")
    if rule.roll != Roll.NONE and not calendar.is_working(day):
        reasons.append(f"{_short(day)}休息，{'提前' if rule.roll == Roll.BEFORE else '顺延'}")
        day = _rolled(day, rule.roll, calendar)
    return Choice(day, "，".join(reasons))


def describe(frequency: Frequency, rule: DayRule, hour: int) -> str:
    """The whole rule in words: 每月1日06:00，逢休息日顺延到下一个工作日，寒暑假暂停."""
    month = ""
    if rule.month:
        month = f"{rule.month}月" if frequency == Frequency.YEARLY else f"第{rule.month}个月"
    day = f"每{WORDS[frequency]}{month}{_told(frequency, rule)}{hour:02}:00"
    told = [day, ROLLED.get(rule.roll, ""), rule.term_only * PAUSED]
    return "，".join(filter(None, told))


def _counted(window: list[date], rule: DayRule, calendar: Calendar) -> date:
    """The n-th of the days that count, the nearest there is; where none counts, the last day."""
    if rule.kind == DayKind.WEEKDAY:
        return next((day for day in window if day.isoweekday() == rule.number), window[-1])
    counting = window if rule.kind == DayKind.DAY else [day for day in window if calendar.is_working(day)]
    if not counting:
        return window[-1]
    index = rule.number - 1 if rule.number > 0 else len(counting) + rule.number
    return counting[max(0, min(index, len(counting) - 1))]


def _rolled(day: date, roll: Roll, calendar: Calendar) -> date:
    step = -DAY if roll == Roll.BEFORE else DAY
    nearby = (day + step * number for number in range(1, LONGEST_PAUSE + 1))
    return next((each for each in nearby if calendar.is_working(each)), day)


def _told(frequency: Frequency, rule: DayRule) -> str:
    number = rule.number
    if rule.kind == DayKind.WEEKDAY:
        return f"{'' if frequency == Frequency.WEEKLY else '第一个'}周{'一二三四五六日'[number - 1]}"
    unit = "个工作日" if rule.kind == DayKind.WORKING_DAY else "天"
    if number < 0:
        return f"{'最后一' if number == -1 else f'倒数第{-number}'}{unit}"
    if rule.kind == DayKind.DAY and (rule.month or frequency == Frequency.MONTHLY):
        return f"{number}日"
    return f"第{number}{unit}"


def _term(day: date, calendar: Calendar) -> Period | None:
    if not calendar.in_term(day):
        return None
    first = last = day
    while calendar.in_term(first - DAY) and (day - first).days < LONGEST_TERM:
        first -= DAY
    while calendar.in_term(last + DAY) and (last - day).days < LONGEST_TERM:
        last += DAY
    season, name = ("spring", "春") if first.month <= 6 else ("autumn", "秋")
    return Period(Frequency.TERMLY, f"{first.year}-{season}", f"{first.year}年{name}季学期", first, last)


def _end_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def _short(day: date) -> str:
    return f"{day.month}月{day.day}日"
