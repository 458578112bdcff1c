"""Changing the calendars: who may, and what follows. Every change names its document, and dates that rest on it are counted anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import extract, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, ids, jobs
from engine.calendar import book, notice, terms
from engine.calendar.days import Exceptional
from engine.errors import InvalidInput, InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import CalendarDay, CalendarYear, SchoolTerm

CHANGED = "calendar.changed"
SECOND_LOOK = timedelta(minutes=10)
"""A step that was under way may still have counted on the calendar of before: by then it has been stored or given up."""
FIRST_YEAR, LAST_YEAR = 2000, 2100


def can_correct(actor: Actor) -> bool:
    """The office keeps calendars and time limits, and who runs the installation."""
    return actor.keeps_rules or actor.has_role("system_admin")


def require_can_correct(actor: Actor) -> None:
    if not can_correct(actor):
        raise NotAllowed(
            f"{actor.login} may not change calendars", advice="日历和期限规则由办公室督办员或系统管理员维护；如有错误请告知办公室。"
        )  # fmt: skip


def correct(session: Session, day: date, *, working: bool, name: str, source: str, actor: Actor) -> None:
    """Say of one day that it is off or working, on the word of a document."""
    require_can_correct(actor)
    require_year(day.year)
    if not name and not book.is_ordinary(day, working, name):
        name = notice.usual_name(working)
    held = book.exceptions(session, day.year).get(day)
    if (held.working, held.name) == (working, name) if held else book.is_ordinary(day, working, name):
        raise InvalidState(f"{day} is so already", advice="日历上这一天已经是这样，没有改动。")
    _record(session, {day: Exceptional(working, name)}, source, actor)
    changed(session, day, day, source)


def announce(
    session: Session, year: int, source: str, *, actor: Actor, days: Mapping[date, Exceptional] | None = None
) -> None:
    """Make a year final, with the days of the State Council's notice; without them, those that were recorded before."""
    require_can_correct(actor)
    require_year(year)
    if session.get(CalendarYear, year):
        raise InvalidState(f"{year} is announced", advice=f"{year}年的日历已经公布；个别日期有变，请逐日更正。")
    if days is not None:
        if any(day.year != year for day in days):
            raise InvalidInput(f"days outside {year}", advice=f"所列日期须都在{year}年内。")
        held = book.exceptions(session, year)
        ordinary = {day: Exceptional(day.weekday() < 5, "") for day in held.keys() - days.keys()}
        _record(session, {**ordinary, **{d: each for d, each in days.items() if held.get(d) != each}}, source, actor)
    session.add(CalendarYear(year=year, source=source, recorded_at=clock.now(), recorded_by_id=actor.id))
    changed(session, date(year, 1, 1), date(year, 12, 31), source)


def correct_term(
    session: Session, school_year: int, term: int, *, starts_on: date, ends_on: date, source: str, actor: Actor
) -> None:
    """Say when a term begins and ends. No due date rests on it; duties that run by terms are planned from it."""
    require_can_correct(actor)
    if ends_on <= starts_on or starts_on.year not in (school_year, school_year + 1):
        raise InvalidInput("no term", advice="学期的结束日期须在开始日期之后，并与学年相符。")
    neighbours = [each for each in terms.all_terms(session) if (each.school_year, each.term) != (school_year, term)]
    if any(each.starts_on <= ends_on and starts_on <= each.ends_on for each in neighbours):
        raise InvalidInput("terms overlap", advice="这个学期与前后学期重叠，请核对日期。")
    session.add(
        SchoolTerm(
            school_year=school_year, term=term, starts_on=starts_on, ends_on=ends_on, source=source, confirmed=True,
            recorded_at=clock.now(), recorded_by_id=actor.id,
        )
    )  # fmt: skip
    session.flush()
    changed(session, starts_on, ends_on, f"学期更正：{source}")


def made(session: Session, year: int) -> list[CalendarDay]:
    """The corrections of a year's days, latest first: what people have recorded."""
    wanted = select(CalendarDay).where(
        extract("year", CalendarDay.day) == year, CalendarDay.recorded_by_id.is_not(None)
    )
    return list(
        session.scalars(wanted.options(joinedload(CalendarDay.recorded_by)).order_by(CalendarDay.number.desc()))
    )


def changed(session: Session, first: date, last: date, why: str) -> None:
    """Let every process read anew, and every date that rests on these days be counted again."""
    book.touch(session)
    change = ids.new()
    payload = {"first": first.isoformat(), "last": last.isoformat(), "why": why, "change": change}
    jobs.add(session, CHANGED, clock.now(), payload, dedupe_key=f"{CHANGED}:{change}")
    again = {**payload, "change": f"{change}:again"}
    jobs.add(session, CHANGED, clock.now() + SECOND_LOOK, again, dedupe_key=f"{CHANGED}:{change}:again")


def _record(session: Session, days: Mapping[date, Exceptional], source: str, actor: Actor) -> None:
    rows = [
        CalendarDay(
            day=day, working=each.working, name=each.name, source=source, recorded_at=clock.now(),
            recorded_by_id=actor.id,
        )
        for day, each in sorted(days.items())
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()


def require_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidInput(f"no calendar for {year}", advice=f"只能维护{FIRST_YEAR}年至{LAST_YEAR}年的日历。")
