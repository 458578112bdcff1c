"""Every frequency over the years 2020 to 2027: which period a day lies in, which day of it is meant, and why."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.recurrences.periods import (
    DAY,
    DayKind,
    DayRule,
    Frequency,
    Period,
    Roll,
    containing,
    day_in,
    describe,
    periods,
)
from tests.engine.calendars import OFFICIAL, NeverWorking, TestCalendar, between

BEGIN, END = date(2020, 1, 1), date(2027, 12, 31)
WEEKLY, MONTHLY, TERMLY = Frequency.WEEKLY, Frequency.MONTHLY, Frequency.TERMLY
QUARTERLY, HALF_YEARLY, YEARLY = Frequency.QUARTERLY, Frequency.HALF_YEARLY, Frequency.YEARLY
WORKING, NATURAL, WEEKDAY = DayKind.WORKING_DAY, DayKind.DAY, DayKind.WEEKDAY

EACH = {
    # frequency: how many there are from 2020 to 2027, the key of the first and of the last
    Frequency.DAILY: (2_922, "2020-01-01", "2027-12-31"),
    WEEKLY: (418, "2020-W01", "2027-W52"),
    MONTHLY: (96, "2020-01", "2027-12"),
    TERMLY: (17, "2019-autumn", "2027-autumn"),
    QUARTERLY: (32, "2020-Q1", "2027-Q4"),
    HALF_YEARLY: (16, "2020-H1", "2027-H2"),
    YEARLY: (8, "2020", "2027"),
}


def chosen(frequency: Frequency, day: str, rule: DayRule, calendar: TestCalendar = OFFICIAL) -> str | None:
    period = containing(frequency, date.fromisoformat(day), calendar)
    assert period is not None
    found = day_in(period, rule, calendar)
    return found.day.isoformat() if found else None


@pytest.mark.parametrize("frequency", list(Frequency))
def test_the_periods_of_eight_years(frequency: Frequency) -> None:
    found = list(periods(frequency, BEGIN, END, OFFICIAL))
    assert (len(found), found[0].key, found[-1].key) == EACH[frequency]
    assert len({period.key for period in found}) == len({period.name for period in found}) == len(found)
    if frequency != TERMLY:
        assert all(one.ends_on + DAY == other.starts_on for one, other in pairwise(found))
    for period in found:
        assert period.starts_on <= period.ends_on
        assert {containing(frequency, day, OFFICIAL) for day in (period.starts_on, period.ends_on)} == {period}


@pytest.mark.parametrize(("frequency", "day", "key", "starts_on", "ends_on"), [
    (WEEKLY, "2020-12-31", "2020-W53", "2020-12-28", "2021-01-03"),
    (WEEKLY, "2021-01-03", "2020-W53", "2020-12-28", "2021-01-03"),
    (WEEKLY, "2021-01-04", "2021-W01", "2021-01-04", "2021-01-10"),
    (WEEKLY, "2024-12-31", "2025-W01", "2024-12-30", "2025-01-05"),
    (WEEKLY, "2020-02-29", "2020-W09", "2020-02-24", "2020-03-01"),
    (MONTHLY, "2020-02-29", "2020-02", "2020-02-01", "2020-02-29"),
    (MONTHLY, "2023-02-14", "2023-02", "2023-02-01", "2023-02-28"),
    (QUARTERLY, "2024-02-29", "2024-Q1", "2024-01-01", "2024-03-31"),
    (QUARTERLY, "2021-12-31", "2021-Q4", "2021-10-01", "2021-12-31"),
    (HALF_YEARLY, "2021-06-30", "2021-H1", "2021-01-01", "2021-06-30"),
    (HALF_YEARLY, "2021-07-01", "2021-H2", "2021-07-01", "2021-12-31"),
    (YEARLY, "2024-02-29", "2024", "2024-01-01", "2024-12-31"),
    (TERMLY, "2021-03-12", "2021-spring", "2021-02-22", "2021-07-02"),
    (TERMLY, "2021-12-31", "2021-autumn", "2021-09-01", "2022-01-21"),
    (TERMLY, "2022-01-01", "2021-autumn", "2021-09-01", "2022-01-21"),
])  # fmt: skip
def test_the_period_of_a_day(frequency: Frequency, day: str, key: str, starts_on: str, ends_on: str) -> None:
    period = containing(frequency, date.fromisoformat(day), OFFICIAL)
    assert period is not None
    assert (period.key, period.starts_on, period.ends_on) == (
        key,
        date.fromisoformat(starts_on),
        date.fromisoformat(ends_on),
    )


def test_between_terms_there_is_none() -> None:
    assert containing(TERMLY, date(2021, 8, 1), OFFICIAL) is None
    assert list(periods(TERMLY, date(2021, 7, 3), date(2021, 8, 31), OFFICIAL)) == []


MONTHS_OF_2021 = {
    # rule: the day in each month of 2021
    DayRule(NATURAL, 1): "0101 0201 0301 0401 0501 0601 0701 0801 0901 1001 1101 1201",
    DayRule(NATURAL, 5): "0105 0205 0305 0405 0505 0605 0705 0805 0905 1005 1105 1205",
    DayRule(NATURAL, 5, roll=Roll.BEFORE): "0105 0205 0305 0402 0430 0604 0705 0805 0903 0930 1105 1203",
    DayRule(NATURAL, 5, roll=Roll.AFTER): "0105 0205 0305 0406 0506 0607 0705 0805 0906 1008 1105 1206",
    DayRule(NATURAL, 31): "0131 0228 0331 0430 0531 0630 0731 0831 0930 1031 1130 1231",
    DayRule(NATURAL, -1): "0131 0228 0331 0430 0531 0630 0731 0831 0930 1031 1130 1231",
    DayRule(NATURAL, -1, roll=Roll.BEFORE): "0129 0226 0331 0430 0531 0630 0730 0831 0930 1029 1130 1231",
    DayRule(NATURAL, -1, roll=Roll.AFTER): "0201 0301 0331 0430 0531 0630 0802 0831 0930 1101 1130 1231",
    DayRule(WORKING, 1): "0104 0201 0301 0401 0506 0601 0701 0802 0901 1008 1101 1201",
    DayRule(WORKING, 5): "0108 0205 0305 0408 0511 0607 0707 0806 0907 1013 1105 1207",
    DayRule(WORKING, -1): "0129 0226 0331 0430 0531 0630 0730 0831 0930 1029 1130 1231",
    DayRule(WORKING, 99): "0129 0226 0331 0430 0531 0630 0730 0831 0930 1029 1130 1231",
    DayRule(WEEKDAY, 1): "0104 0201 0301 0405 0503 0607 0705 0802 0906 1004 1101 1206",
    DayRule(WEEKDAY, 1, roll=Roll.AFTER): "0104 0201 0301 0406 0506 0607 0705 0802 0906 1008 1101 1206",
    DayRule(NATURAL, 1, term_only=True): "0101 0222 0301 0401 0501 0601 0701 none 0901 1001 1101 1201",
    DayRule(NATURAL, 1, term_only=True, roll=Roll.AFTER): "0104 0222 0301 0401 0506 0601 0701 none 0901 1008 1101 1201",
}


@pytest.mark.parametrize("rule", MONTHS_OF_2021)
def test_the_day_in_every_month_of_2021(rule: DayRule) -> None:
    found = [chosen(MONTHLY, f"2021-{month:02}-15", rule) for month in range(1, 13)]
    assert " ".join(day[5:].replace("-", "") if day else "none" for day in found) == MONTHS_OF_2021[rule]


YEARS = {
    # rule: the day in each year from 2020 to 2027
    DayRule(NATURAL, 31, month=1, roll=Roll.BEFORE): "0131 0129 0131 0131 0131 0131 0130 0129",
    DayRule(NATURAL, 31, month=1, roll=Roll.AFTER): "0131 0201 0131 0131 0131 0131 0202 0201",
    DayRule(NATURAL, 29, month=2): "0229 0228 0228 0228 0229 0228 0228 0228",
    DayRule(NATURAL, 30, month=2, roll=Roll.AFTER): "0302 0301 0228 0228 0229 0228 0302 0301",
    DayRule(WORKING, 1, month=7): "0701 0701 0701 0703 0701 0701 0701 0701",
    DayRule(WORKING, 1, month=12): "1201 1201 1201 1201 1202 1201 1201 1201",
    DayRule(NATURAL, -1): "1231 1231 1231 1231 1231 1231 1231 1231",
    DayRule(WORKING, -1): "1231 1231 1230 1229 1231 1231 1231 1231",
    DayRule(NATURAL, 366): "1231 1231 1231 1231 1231 1231 1231 1231",
    DayRule(NATURAL, 60): "0229 0301 0301 0301 0229 0301 0301 0301",
}


@pytest.mark.parametrize("rule", YEARS)
def test_the_day_in_every_year(rule: DayRule) -> None:
    found = [chosen(YEARLY, f"{year}-06-15", rule) for year in range(2020, 2028)]
    assert " ".join(day[5:].replace("-", "") for day in found if day) == YEARS[rule]


@pytest.mark.parametrize(("frequency", "rule", "days"), [
    (WEEKLY, DayRule(WEEKDAY, 1), {"2020-12-31": "2020-12-28", "2021-01-03": "2020-12-28", "2021-01-04": "2021-01-04"}),
    (WEEKLY, DayRule(WEEKDAY, 7), {"2021-02-01": "2021-02-07", "2024-02-29": "2024-03-03"}),
    (WEEKLY, DayRule(WORKING, 1), {"2021-02-15": "2021-02-18", "2021-05-03": "2021-05-06", "2021-10-04": "2021-10-08"}),
    (WEEKLY, DayRule(WORKING, -1), {"2021-02-15": "2021-02-20", "2021-05-03": "2021-05-08", "2021-10-04": "2021-10-09"}),
    (WEEKLY, DayRule(WEEKDAY, 5, roll=Roll.BEFORE), {"2021-02-12": "2021-02-10", "2021-10-01": "2021-09-30"}),
    (QUARTERLY, DayRule(WORKING, -1), {"2021-02-01": "2021-03-31", "2021-05-01": "2021-06-30", "2021-08-01": "2021-09-30",
                                       "2021-11-01": "2021-12-31", "2022-11-01": "2022-12-30", "2023-11-01": "2023-12-29"}),
    (QUARTERLY, DayRule(NATURAL, 10, month=1, roll=Roll.AFTER), {
        "2021-02-01": "2021-01-11", "2021-05-01": "2021-04-12", "2021-08-01": "2021-07-12", "2021-11-01": "2021-10-11"}),
    (QUARTERLY, DayRule(NATURAL, 29, month=2), {"2020-01-01": "2020-02-29", "2021-01-01": "2021-02-28"}),
    (QUARTERLY, DayRule(WORKING, 3), {"2021-05-01": "2021-04-06", "2021-11-01": "2021-10-11"}),
    (HALF_YEARLY, DayRule(WORKING, 1, month=3), {"2021-01-01": "2021-03-01", "2021-12-31": "2021-09-01"}),
    (HALF_YEARLY, DayRule(NATURAL, -1, month=6), {"2021-01-01": "2021-06-30", "2021-12-31": "2021-12-31"}),
    (TERMLY, DayRule(NATURAL, 1), {"2021-03-12": "2021-02-22", "2021-10-01": "2021-09-01", "2022-01-05": "2021-09-01"}),
    (TERMLY, DayRule(WORKING, 5), {"2021-03-12": "2021-02-26", "2021-10-01": "2021-09-07"}),
    (TERMLY, DayRule(WORKING, -1), {"2021-03-12": "2021-07-02", "2021-10-01": "2022-01-21"}),
    (TERMLY, DayRule(WEEKDAY, 3), {"2021-03-12": "2021-02-24", "2021-10-01": "2021-09-01"}),
    (TERMLY, DayRule(NATURAL, -1), {"2021-03-12": "2021-07-02", "2024-12-01": "2025-01-21"}),
    (Frequency.DAILY, DayRule(NATURAL, 1, term_only=True), {"2021-03-12": "2021-03-12", "2021-08-01": None}),
])  # fmt: skip
def test_the_day_in_the_other_periods(frequency: Frequency, rule: DayRule, days: dict[str, str | None]) -> None:
    assert {day: chosen(frequency, day, rule) for day in days} == days


@pytest.mark.parametrize(("rule", "day", "reason"), [
    (DayRule(NATURAL, 1), "2021-04-15", "本月1日"),
    (DayRule(NATURAL, 5, roll=Roll.BEFORE), "2021-04-15", "本月5日，4月5日休息，提前"),
    (DayRule(NATURAL, 31), "2021-02-15", "本月31日，没有这一天，取最后一天"),
    (DayRule(NATURAL, 1, term_only=True), "2021-02-15", "本月1日，在寒暑假内，移到开学后第一天（2月22日）"),
    (DayRule(WORKING, 5), "2021-04-15", "本月第5个工作日"),
    (DayRule(WORKING, -1), "2021-04-15", "本月最后一个工作日"),
    (DayRule(WEEKDAY, 1, roll=Roll.AFTER), "2021-05-15", "本月第一个周一，5月3日休息，顺延"),
])  # fmt: skip
def test_every_day_says_why(rule: DayRule, day: str, reason: str) -> None:
    period = containing(MONTHLY, date.fromisoformat(day), OFFICIAL)
    assert period is not None
    found = day_in(period, rule, OFFICIAL)
    assert found is not None
    assert found.reason == reason


@pytest.mark.parametrize(("frequency", "rule", "words"), [
    (MONTHLY, DayRule(NATURAL, 5, roll=Roll.BEFORE), "每月5日06:00，逢休息日提前到上一个工作日"),
    (MONTHLY, DayRule(NATURAL, -1), "每月最后一天06:00"),
    (WEEKLY, DayRule(WEEKDAY, 3), "每周周三06:00"),
    (TERMLY, DayRule(WORKING, 5), "每学期第5个工作日06:00"),
    (QUARTERLY, DayRule(WORKING, -2), "每季倒数第2个工作日06:00"),
    (HALF_YEARLY, DayRule(WORKING, 1, month=3), "每半年第3个月第1个工作日06:00"),
    (YEARLY, DayRule(NATURAL, 31, month=1, term_only=True), "每年1月31日06:00，寒暑假暂停"),
])  # fmt: skip
def test_a_rule_in_words(frequency: Frequency, rule: DayRule, words: str) -> None:
    assert describe(frequency, rule, 6) == words
    april = containing(MONTHLY, date(2021, 4, 1), OFFICIAL)
    assert april is not None
    found = day_in(april, DayRule(WORKING, 1, roll=Roll.AFTER), NeverWorking())
    assert found is not None
    assert found.day == date(2021, 4, 30)


days_off = st.sets(st.sampled_from(between(date(2021, 1, 1), date(2021, 12, 31))), max_size=60)
months = st.integers(1, 12).map(lambda month: containing(MONTHLY, date(2021, month, 1), OFFICIAL))


@given(days_off, months, st.integers(1, 20))
def test_as_many_working_days_have_passed_as_are_asked_for(off: set[date], month: Period, number: int) -> None:
    calendar = TestCalendar(off=off)
    working = [day for day in month.days() if calendar.is_working(day)]
    assume(len(working) >= number)
    found = day_in(month, DayRule(WORKING, number), calendar)
    assert found is not None
    assert calendar.is_working(found.day)
    assert sum(day <= found.day for day in working) == number


@given(days_off, st.dates(date(2021, 1, 1), date(2021, 12, 31)), months, st.integers(1, 20), st.integers(-31, 31))
def test_a_holiday_more_moves_no_natural_day_and_brings_no_working_day_forward(
    off: set[date], more: date, month: Period, number: int, natural: int
) -> None:
    before, after = TestCalendar(off=off, on=()), TestCalendar(off=off | {more}, on=())
    assume(sum(after.is_working(day) for day in month.days()) >= number)
    assume(natural != 0)
    assert day_in(month, DayRule(NATURAL, natural), before) == day_in(month, DayRule(NATURAL, natural), after)
    one, other = (day_in(month, DayRule(WORKING, number), calendar) for calendar in (before, after))
    assert one is not None
    assert other is not None
    assert one.day <= other.day


@given(days_off, months, st.integers(1, 31), st.sampled_from([Roll.BEFORE, Roll.AFTER]))
def test_a_day_off_rolls_to_the_nearest_working_day(off: set[date], month: Period, number: int, roll: Roll) -> None:
    calendar = TestCalendar(off=off)
    plain, rolled = (day_in(month, DayRule(NATURAL, number, roll=each), calendar) for each in (Roll.NONE, roll))
    assert plain is not None
    assert rolled is not None
    assume(abs((rolled.day - plain.day).days) < 20)
    assert calendar.is_working(rolled.day)
    assert (rolled.day <= plain.day) if roll == Roll.BEFORE else (rolled.day >= plain.day)
    passed = between(*sorted((plain.day, rolled.day)))
    assert [day for day in passed if calendar.is_working(day)] == [rolled.day]
