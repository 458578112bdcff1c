"""What a new database knows of the calendars: the State Council's holidays as a library has them, and assumed school terms."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from engine.calendar.days import ONE
from engine.models import CalendarDay, CalendarYear, SchoolTerm, table

ANNOUNCED = range(2004, 2027)
"""The years the library was checked for; of later ones it only guesses, without a word, and knows no working weekends."""
GUESSED = range(2027, 2037)
SINCE_EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""When what is shipped counts as recorded: every case of any database was opened under it."""
WORKING_WEEKEND = "调休上班"
ADJUSTED = "休息日"
"""How the library calls a day off that only the notice makes one."""


def fill(session: Session) -> None:
    recorded = {"recorded_at": SINCE_EVER, "recorded_by_id": None}
    years = [{"year": year, "source": _notice(year), **recorded} for year in ANNOUNCED]
    session.execute(insert(table(CalendarYear)), years)
    days = [{**day, **recorded} for year in (*ANNOUNCED, *GUESSED) for day in days_of(year)]
    session.execute(insert(table(CalendarDay)), days)
    told = tomllib.loads(resources.files(__package__).joinpath("terms.toml").read_text("utf-8"))
    terms = [{**term, "source": told["source"], "confirmed": False, **recorded} for term in told["terms"]]
    session.execute(insert(table(SchoolTerm)), terms)


def _notice(year: int) -> str:
    return f"《国务院办公厅关于{year}年部分节假日安排的通知》"


def days_of(year: int) -> Iterator[dict[str, Any]]:
    """The days off of a year as its notice lists them, and its working weekends."""
    # Only a new database needs it, and it takes longer to load than most of ours.
    from holidays import country_holidays

    found = country_holidays("CN", years=year, language="zh_CN")
    working = {day: WORKING_WEEKEND for day in sorted(found.weekend_workdays) if day.year == year}
    written = {day: name.replace("（补假）", "").replace("; ", "、") for day, name in found.items()}
    off = {day: _name(day, written) for day in sorted(written)}
    for day in list(off):
        off |= {each: off[day] for each in _weekend_around(day) if each not in off and each not in working}
    source = _notice(year) if year in ANNOUNCED else "按《全国年节及纪念日放假办法》推算，安排尚未公布"
    for day, name in (off | working).items():
        if day.year == year:
            yield {"day": day, "working": day in working, "name": name, "source": source}


def _weekend_around(day: date) -> Iterator[date]:
    """The weekend days that touch a holiday: the notice counts them to it."""
    for step in (-ONE, ONE):
        beside = day + step
        while beside.weekday() >= 5:
            yield beside
            beside += step


def _name(day: date, written: dict[date, str]) -> str:
    """A day off that the notice has added is called as the holiday it lengthens: the nearest one."""
    if not written[day].startswith(ADJUSTED):
        return written[day]
    near = (day + sign * distance * ONE for distance in range(1, 10) for sign in (-1, 1))
    return next(
        (written[each] for each in near if each in written and not written[each].startswith(ADJUSTED)), "调休放假"
    )
