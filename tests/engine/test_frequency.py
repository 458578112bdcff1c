"""How often a school must be visited: both rules at once, on calendars of any kind."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.recurrences.periods import Frequency
from engine.supervision import frequency
from engine.supervision.frequency import Demand, Duty
from tests.engine.calendars import DAY, OFF, OFFICIAL, TestCalendar, between

MONTH = Demand("visits_a_month", Frequency.MONTHLY, 1, 10, "每月至少1次")
TERM = Demand("visits_a_term", Frequency.TERMLY, 2, 1, "每学期至少2次")
YEAR = (date(2021, 1, 1), date(2021, 12, 31))


def on(text: str) -> date:
    return date.fromisoformat(f"2021-{text}" if len(text) == 5 else text)


def duties(calendar: TestCalendar = OFFICIAL) -> list[Duty]:
    return frequency.duties([MONTH, TERM], *YEAR, calendar)


def test_holidays_demand_nothing() -> None:
    # Five working days of February and two of July are in term; August has none.
    assert [duty.period.key for duty in duties()] == [
        "2021-01", "2021-03", "2021-04", "2021-05", "2021-06", "2021-09", "2021-10", "2021-11", "2021-12",
        "2020-autumn", "2021-spring", "2021-autumn",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("today", "visits", "day", "rule", "made"),
    [
        # A month's visit may be made until its last working day in term, whatever the term still has in store.
        ("03-12", [], "03-31", "visits_a_month", 0),
        ("04-30", ["03-08"], "04-30", "visits_a_month", 0),
        # Made: the next month drives.
        ("04-12", ["03-08", "04-12"], "05-31", "visits_a_month", 0),
        # The month is over and done, holidays come: nothing until the new term's first month has nearly passed.
        ("06-30", ["03-08", "04-08", "05-10", "06-07"], "09-30", "visits_a_month", 0),
        ("07-20", [], "09-30", "visits_a_month", 0),
        # In the last days of a term, the term's second visit is all that is left: July demands none.
        ("07-01", ["03-08"], "07-02", "visits_a_term", 1),
        ("07-01", [], "07-01", "visits_a_term", 0),
        # Two visits on one day are one; one made in the holidays is none.
        ("07-01", ["06-10", "06-10"], "07-02", "visits_a_term", 1),
        ("02-22", ["02-20"], "03-31", "visits_a_month", 0),
        # Too late already, while the period still runs.
        ("07-02", [], "07-01", "visits_a_term", 0),
        ("01-25", [], "01-20", "visits_a_month", 0),
    ],
)
def test_the_stricter_rule_drives(today: str, visits: list[str], day: str, rule: str, made: int) -> None:
    if today == "01-25":
        # The term ends before its last working day is reached again.
        short = TestCalendar(off=OFF | {on("01-21")})
        found = frequency.next_visit(frequency.duties([MONTH], *YEAR, short), [], on(today))
    else:
        found = frequency.next_visit(duties(), [on(each) for each in visits], on(today))
    assert found is not None
    assert (found.day, found.duty.demand.rule, found.made) == (on(day), rule, made)
    assert f"已进校{made}次" in found.reason


def test_a_short_term_is_driven_by_its_own_rule() -> None:
    """Where a term has one month alone, its two visits are due before the month's one."""
    calendar = TestCalendar(autumn=((9, 1), (1, 21)), spring=((3, 1), (3, 31)))
    known = frequency.duties([MONTH, TERM], on("03-01"), on("03-31"), calendar)
    first = frequency.next_visit(known, [], on("03-01"))
    assert first is not None
    assert (first.day, first.duty.demand.rule) == (on("03-30"), "visits_a_term")
    second = frequency.next_visit(known, [first.day], on("03-30"))
    assert second is not None
    assert second.day == on("03-31")
    assert frequency.next_visit(known, [first.day, second.day], on("03-31")) is None


@pytest.mark.parametrize(
    ("today", "visits", "periods"),
    [
        ("03-31", [], []),
        ("04-01", [], ["2021-03"]),
        ("04-01", ["03-31"], []),
        ("05-01", ["03-31"], ["2021-04"]),
        ("05-01", ["03-31", "05-01"], ["2021-04"]),
        ("07-03", ["03-31", "05-06", "06-01"], ["2021-04"]),
        ("07-03", ["03-31"], ["2021-04", "2021-05", "2021-06", "2021-spring"]),
        ("09-01", ["03-31", "04-01", "05-06", "06-30"], []),
    ],
)
def test_what_has_ended_without_is_missed(today: str, visits: list[str], periods: list[str]) -> None:
    known = frequency.duties([MONTH, TERM], on("03-01"), on("12-31"), OFFICIAL)
    found = frequency.missed(known, [on(each) for each in visits], on(today))
    assert [duty.period.key for duty in found] == periods


days = st.dates(*YEAR)
calendars = st.builds(
    lambda off, opens, closes, shuts: TestCalendar(
        off=OFF | off, spring=((2, opens), (shuts, 15)), autumn=((9, closes), (1, 10))
    ),
    st.frozensets(days, max_size=60),
    st.integers(1, 28),
    st.integers(1, 30),
    st.integers(3, 7),
)


@settings(max_examples=30)
@given(
    calendar=calendars,
    earlier=st.sets(days, max_size=6),
    rules=st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 12)),
)
def test_whoever_comes_on_the_last_day_that_is_named_misses_nothing(
    calendar: TestCalendar, earlier: set[date], rules: tuple[int, int, int]
) -> None:
    """The plan meets both rules wherever there are days enough."""
    a_month, a_term, shortest = rules
    demands = [
        Demand("month", Frequency.MONTHLY, a_month, max(a_month, shortest), ""),
        Demand("term", Frequency.TERMLY, a_term, a_term, ""),
    ]
    known = frequency.duties(demands, *YEAR, calendar)
    today, made = min((duty.period.starts_on for duty in known), default=YEAR[0]), set(earlier)
    while due := frequency.next_visit(known, made, today):
        assert due.day >= today
        assert due.day not in made
        made.add(due.day)
        today = due.day
    assert frequency.missed(known, made, YEAR[1] + timedelta(days=365)) == []


@settings(max_examples=30)
@given(calendar=calendars, made=st.sets(days, max_size=12), today=days)
def test_one_visit_more_never_brings_a_date_nearer(calendar: TestCalendar, made: set[date], today: date) -> None:
    known = frequency.duties([MONTH, TERM], *YEAR, calendar)
    before, after = (frequency.next_visit(known, visits, today) for visits in (made, made | {today}))
    assert before is None or after is None or after.day >= before.day
    assert before is not None or after is None


def test_every_day_of_term_counts_once() -> None:
    (march,) = frequency.duties([MONTH], on("03-01"), on("03-31"), OFFICIAL)
    assert march.made(between(on("02-20"), on("04-05"))) == 31
    assert march.working[0] - DAY == on("02-28")
