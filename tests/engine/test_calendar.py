"""Counting days: the statutory examples, the years as the State Council has announced them, and what holds for any calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from holidays import country_holidays
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import Calendar, Counted, Exceptional, Span, shipped
from engine.calendar.terms import Term, in_term, term_of


def on(written: str) -> date:
    return date.fromisoformat(written)


REAL = Calendar(
    {
        day["day"]: Exceptional(day["working"], day["name"])
        for year in (*shipped.ANNOUNCED, *shipped.GUESSED) for day in shipped.days_of(year)
    },
    frozenset(shipped.ANNOUNCED),
)  # fmt: skip


@pytest.mark.parametrize(("start", "n", "due"), [
    ("2021-09-30", 10, "2021-10-20"), ("2021-09-10", 20, "2021-10-14"), ("2021-04-23", 5, "2021-04-29"),
    ("2021-02-05", 7, "2021-02-20"), ("2021-03-11", 20, "2021-04-09"), ("2021-12-24", 7, "2022-01-05"),
])  # fmt: skip
def test_working_days(start: str, n: int, due: str) -> None:
    found = REAL.working_days_after(on(start), n)
    assert found.day == on(due)
    assert REAL.working_days_between(on(start), found.day) == n
    assert not found.provisional


@pytest.mark.parametrize(("start", "n", "end", "due"), [
    ("2021-09-06", 30, "2021-10-06", "2021-10-08"), ("2021-01-12", 30, "2021-02-11", "2021-02-18"),
    ("2021-04-02", 30, "2021-05-02", "2021-05-06"), ("2021-09-03", 15, "2021-09-18", "2021-09-18"),
    ("2021-08-27", 30, "2021-09-26", "2021-09-26"), ("2021-03-11", 90, "2021-06-09", "2021-06-09"),
])  # fmt: skip
def test_natural_days(start: str, n: int, end: str, due: str) -> None:
    found = REAL.natural_days_after(on(start), n)
    assert (found.period_end, found.day) == (on(end), on(due))
    assert found.is_put_off == (end != due)


@pytest.mark.parametrize(("start", "months", "due"), [
    ("2021-01-31", 1, "2021-03-01"),  # 28 February, a Sunday
    ("2020-01-31", 1, "2020-03-02"),  # 29 February, a Saturday
    ("2021-03-31", 3, "2021-06-30"),
    ("2021-08-31", 6, "2022-02-28"),
    ("2021-01-15", 3, "2021-04-15"),
    ("2021-07-01", 3, "2021-10-08"),  # 1 October
    ("2021-12-31", 2, "2022-02-28"),
    ("2020-02-29", 12, "2021-03-01"),
])  # fmt: skip
def test_months_end_on_the_corresponding_day(start: str, months: int, due: str) -> None:
    assert REAL.months_after(on(start), months).day == on(due)
    if months == 12:
        assert REAL.years_after(on(start), 1).day == on(due)


def test_hours_run_through_nights_and_holidays() -> None:
    assert REAL.hours_after(datetime(2021, 9, 30, 23, 30), 48) == datetime(2021, 10, 2, 23, 30)


def test_2021_month_by_month() -> None:
    months = [REAL.working_days_between(date(2021, m, 1) - timedelta(1), _end(2021, m)) for m in range(1, 13)]
    assert months == [20, 17, 23, 22, 19, 21, 22, 22, 22, 17, 22, 23]


@pytest.mark.parametrize("year", range(2021, 2027))
def test_a_year_is_as_the_library_has_it(year: int) -> None:
    library, day, working = country_holidays("CN", years=year), date(year, 1, 1), 0
    while day.year == year:
        assert REAL.is_working(day) == library.is_working_day(day), day
        working += REAL.is_working(day)
        day += timedelta(1)
    assert working == {2021: 250, 2022: 249, 2023: 249, 2024: 251, 2025: 248, 2026: 248}[year]


def test_an_answer_says_what_was_passed() -> None:
    assert REAL.working_days_after(on("2021-09-30"), 2) == Counted(
        on("2021-10-09"), on("2021-10-09"), (Span(on("2021-10-01"), on("2021-10-07"), "国庆节"),),
        (Span(on("2021-10-09"), on("2021-10-09"), "调休上班"),), False,
    )  # fmt: skip
    put_off = REAL.natural_days_after(on("2021-01-12"), 30)
    assert put_off.skipped == (Span(on("2021-02-11"), on("2021-02-17"), "春节"),)
    assert REAL.natural_days_after(on("2021-09-03"), 15).worked[0].name == "调休上班"
    assert REAL.natural_days_after(on("2021-03-12"), 1).skipped == (Span(on("2021-03-13"), on("2021-03-14"), "周末"),)


def test_a_weekend_is_put_off_by_practice_and_a_holiday_by_law() -> None:
    strict = Calendar(REAL.exceptions, REAL.announced, weekends_put_off=False)
    assert strict.natural_days_after(on("2021-03-12"), 1).day == on("2021-03-13")
    assert strict.natural_days_after(on("2021-09-06"), 30).day == on("2021-10-08")


def test_a_year_that_is_not_announced_is_provisional() -> None:
    assert REAL.working_days_after(on("2026-12-30"), 2).provisional
    assert not REAL.working_days_after(on("2026-12-30"), 1).provisional
    assert REAL.natural_days_after(on("2026-12-01"), 40).provisional
    assert not REAL.natural_days_after(on("2026-11-01"), 30).provisional


def test_counting_backwards() -> None:
    assert REAL.working_days_after(on("2021-10-11"), -2).day == on("2021-10-08")
    assert REAL.natural_days_after(on("2021-10-11"), -7).day == on("2021-10-04")


def test_working_days_of_a_month() -> None:
    assert REAL.nth_working_day(2021, 10, 1).day == on("2021-10-08")
    assert REAL.nth_working_day(2021, 2, 5).day == on("2021-02-05")
    assert REAL.last_working_day(2021, 7).day == on("2021-07-30")
    assert REAL.nth_working_day(2027, 1, 1).provisional
    for n in (0, 18, -18):
        with pytest.raises(ValueError, match="no working day"):
            REAL.nth_working_day(2021, 10, n)


def test_terms() -> None:
    spring = Term(2020, 2, on("2021-02-22"), on("2021-07-02"), "", False)
    autumn = Term(2021, 1, on("2021-09-01"), on("2022-01-21"), "", False)
    terms = [spring, autumn]
    assert term_of(terms, on("2021-07-02")) == spring
    assert not in_term(terms, on("2021-07-03"))
    assert autumn.name == "2021—2022学年第一学期"


days = st.dates(date(2019, 1, 1), date(2023, 12, 31))


@given(start=days, added=st.sets(days, min_size=1, max_size=12), n=st.integers(1, 60))
def test_a_holiday_added_never_brings_a_working_day_deadline_forward(start: date, added: set[date], n: int) -> None:
    later = _with_holidays(added).working_days_after(start, n).day
    assert later >= REAL.working_days_after(start, n).day
    assert later not in added


@given(start=days, added=st.sets(days, min_size=1, max_size=12), n=st.integers(1, 120))
def test_a_holiday_added_moves_a_natural_day_deadline_only_off_a_day_off(start: date, added: set[date], n: int) -> None:
    """The period itself never moves: holidays within it count like any day. Only where its last day, or one it would be
    put off to, has become a day off does article 203 put it off further; that is another rule than the count, so it is held
    separately, and is never backwards."""
    before, after = REAL.natural_days_after(start, n), _with_holidays(added).natural_days_after(start, n)
    assert after.period_end == before.period_end == start + timedelta(days=n)
    assert after.day >= before.day
    if before.day not in added:
        assert after.day == before.day


@given(start=days, n=st.integers(1, 60), weekends=st.booleans())
def test_a_deadline_always_falls_on_a_day_people_work(start: date, n: int, weekends: bool) -> None:
    assert REAL.is_working(REAL.working_days_after(start, n).day)
    found = Calendar(REAL.exceptions, REAL.announced, weekends_put_off=weekends).natural_days_after(start, n).day
    assert REAL.is_working(found) or (not weekends and found.weekday() >= 5)


def _with_holidays(added: set[date]) -> Calendar:
    return Calendar({**REAL.exceptions, **dict.fromkeys(added, Exceptional(False, "临时放假"))}, REAL.announced)


def _end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
