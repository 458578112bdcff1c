"""The only place that asks what time it is.

Everything else calls `now()`. A demonstration lives at another time: its offset is kept in its database and applied
here, so that its time runs on from there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")
"""Where the bureau is. Moments are stored in UTC and read by people in this zone."""

_offset = timedelta(0)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return of_the_machine() + _offset


def of_the_machine() -> datetime:
    """What the machine's clock says, for the few things that are real in a demonstration too: whether a process is alive."""
    return datetime.now(UTC)


def today() -> date:
    """The present day where the bureau is."""
    return now().astimezone(LOCAL).date()


def start_of(day: date, hour: int = 0) -> datetime:
    """The moment at which an hour of a local day begins."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=LOCAL).astimezone(UTC)


def end_of(day: date) -> datetime:
    """The last second of a local day: a period in days ends at 24:00 of its last day (民法典 art. 203)."""
    return start_of(day + timedelta(days=1)) - timedelta(seconds=1)


def shift(offset: timedelta) -> None:
    """Let this process live `offset` away from real time. Only `settings` calls this, for a demonstration."""
    global _offset
    _offset = offset


def offset() -> timedelta:
    return _offset
