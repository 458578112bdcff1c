"""Timers on our own clock.

SpiffWorkflow 3.2.0 asks the machine what time it is, reads a naive date in a zone fixed at import, evaluates the text
of a timer as Python, counts a month from the 31st as 31 days and fires all missed cycles of a reminder in one burst.
Here a timer lives on `engine.clock`, a naive date is meant where the bureau is, ISO 8601 may be written plainly, a month
ends with its last day, and missed cycles coalesce to one.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from engine import clock
from engine.errors import InvalidInput
from engine.spiff import data
from forms import expressions

if TYPE_CHECKING:
    from engine.spiff.token import Token

ISO_8601 = re.compile(r"P[\dTWYMDHS.,]+|R\d*/.+|\d{4}-\d{2}-\d{2}([T ].*)?", re.IGNORECASE)
"""What is a date, duration or cycle as it stands; anything else is an expression of ours that yields one."""

DURATION = re.compile(
    r"P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?",
    re.IGNORECASE,
)
LONGEST_YEARS = 100


@dataclass(frozen=True)
class Cycle:
    """`R3/P1D`, `R/2021-03-01T08:00/P1W`: how often (None: for ever), from when (None: one step from now), how far apart."""

    count: int | None
    start: datetime | None
    every: str


@dataclass(frozen=True)
class Timer:
    """The text of a timer event: an ISO 8601 date, duration or cycle (`kind`), or an expression that yields one."""

    kind: str
    text: str

    def arm(self, token: Token) -> dict[str, Any]:
        """What a token remembers of its timer: `due` and, of a cycle, how many are `left` and how far apart."""
        return self.armed(literal(self.text) or str(data.evaluate(expressions.compile(self.text), token)))

    def armed(self, written: str) -> dict[str, Any]:
        """The same for the date, duration or cycle that the text has yielded."""
        if self.kind == "date":
            return {"due": moment(written).isoformat()}
        if self.kind == "duration":
            return {"due": after(written, clock.now()).isoformat()}
        cycle = read_cycle(written)
        first = cycle.start or after(cycle.every, clock.now())
        return {"due": first.isoformat(), "left": cycle.count, "every": cycle.every}


def following(armed: Mapping[str, Any]) -> dict[str, Any] | None:
    """The cycle after the one that fires; those missed meanwhile are not made up for. None if it was the last."""
    if "every" not in armed:
        return None
    left, due = armed["left"], moment(armed["due"])
    while due <= clock.now() and left != 0:
        due, left = after(armed["every"], due), None if left is None else left - 1
    return None if left == 0 else {"due": due.isoformat(), "left": left, "every": armed["every"]}


def literal(text: str) -> str | None:
    """The text itself, without quotes, if it is ISO 8601 as it stands."""
    written = text.strip().strip("\"'")
    return written if ISO_8601.fullmatch(written) else None


def due(armed: Mapping[str, Any] | None) -> datetime | None:
    return moment(armed["due"]) if armed else None


def is_due(armed: Mapping[str, Any]) -> bool:
    return moment(armed["due"]) <= clock.now()


def moment(value: str) -> datetime:
    """An ISO 8601 moment; a naive one is local time where the bureau is."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as error:
        raise InvalidInput(f"not a moment: {value}", code="timer", advice=f"“{value}”不是 ISO 8601 时间。") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=clock.LOCAL)


def after(duration: str, start: datetime) -> datetime:
    """The moment an ISO 8601 duration after another one. Months and years are counted where the bureau is."""
    parts = DURATION.fullmatch(duration.strip())
    if parts is None:
        raise InvalidInput(
            f"not a duration: {duration}", code="timer", advice=f"“{duration}”不是 ISO 8601 时长，例如 P3D。"
        )
    given = {name: float((value or "0").replace(",", ".")) for name, value in parts.groupdict().items()}
    months = int(given.pop("years") * 12 + given.pop("months"))
    try:
        if months > LONGEST_YEARS * 12:
            raise OverflowError
        return (_months_later(start, months) if months else start) + timedelta(**given)
    except OverflowError as error:
        raise InvalidInput(f"too long: {duration}", code="timer", advice=f"“{duration}”过长。") from error


def read_cycle(text: str) -> Cycle:
    """A cycle from its text; refused if it has no length or is written another way."""
    count, *rest = text.strip().split("/")
    if (
        not re.fullmatch(r"R\d*", count, re.IGNORECASE)
        or len(rest) not in (1, 2)
        or not rest[-1].upper().startswith("P")
    ):
        raise InvalidInput(f"not a cycle: {text}", code="timer", advice=f"“{text}”不是 ISO 8601 周期，例如 R3/P1D。")
    start = moment(rest[0]) if len(rest) == 2 else None
    now = clock.now()
    if after(rest[-1], now) <= now:
        raise InvalidInput(f"a cycle of no length: {text}", code="timer", advice=f"周期“{text}”没有长度。")
    return Cycle(int(count[1:]) if count[1:] else None, start, rest[-1])


def _months_later(start: datetime, months: int) -> datetime:
    local = start.astimezone(clock.LOCAL)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(start.tzinfo)
