"""Lamps as a function of facts: every border, what stays late, what does not count, and that nothing later changes a picture."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import clock
from engine.lamps import lamp as judged
from engine.lamps import periods
from engine.lamps.lamp import (
    BREACHED,
    CARRIED_OVER,
    CLOSED,
    DONE,
    DUE_SET,
    KINDS,
    OPENED,
    PAUSED,
    PERIOD_REPORTED,
    PROGRESS,
    RELEASED,
    REOPENED,
    RESUMED,
    Colour,
    Fact,
    Lamp,
    State,
    Thresholds,
)  # fmt: skip

RED, YELLOW, BLUE, GREEN, GREY = Colour
THRESHOLDS = Thresholds(
    near_due_days=14, near_due_days_of_steps=3, behind_yellow=10, behind_red=30, start_yellow_months=1,
    start_red_months=3, report_yellow_months=1, report_red_months=3, report_grace_days=5, backdated_days=0,
)  # fmt: skip
NUMBERS = count()


def moment(written: str) -> datetime:
    """`2021-04-10` is noon of that day, `2021-04-10T23:59` a minute of it, where the bureau is."""
    if "T" in written:
        return datetime.fromisoformat(written).replace(tzinfo=clock.LOCAL)
    return clock.start_of(date.fromisoformat(written), hour=12)


def fact(kind: str, happened: str, recorded: str = "", **value: Any) -> Fact:
    at = moment(happened)
    return Fact(f"{next(NUMBERS):05}", kind, at, moment(recorded) if recorded else at, value)


def due(happened: str, day: str, recorded: str = "") -> Fact:
    return fact(DUE_SET, happened, recorded, due=clock.end_of(date.fromisoformat(day)).isoformat())


def reported(day: str, percent: float, recorded: str = "", cadence: str = "月") -> list[Fact]:
    period = periods.of(cadence, moment(day).astimezone(clock.LOCAL).date())
    told = {"starts_on": period.first.isoformat(), "name": period.name}
    return [fact(PROGRESS, day, recorded, percent=percent), fact(PERIOD_REPORTED, recorded or day, **told)]


def begun(due_day: str = "2021-04-10", cadence: str = "年") -> list[Fact]:
    """A commitment from 1 January 2021; until 10 April it takes 100 days, so that a day is a point of the plan."""
    opened = fact(OPENED, "2021-01-01", begins="2021-01-01", cadence=cadence)
    return [opened, due("2021-01-01", due_day), fact(RELEASED, "2021-01-01")]


def step(due_day: str = "2021-04-10") -> list[Fact]:
    """Something without a plan of its own: a visit, a finding, a user task."""
    return [fact(OPENED, "2021-01-01"), due("2021-01-01", due_day)]


def breach(count: int, *, hard: bool = True) -> dict[str, Any]:
    return {"name": "聚集性疫情", "count": count, "unit": "起", "hard": hard}


def seen(facts: list[Fact], at: str, known_at: str = "") -> Lamp:
    known = moment(known_at) if known_at else None
    return judged.lamp([each for each in facts if known is None or each.recorded_at <= known], moment(at), THRESHOLDS)


def view(lamp: Lamp, name: str) -> judged.Reason:
    return next(reason for reason in lamp.reasons if reason.view == name)


@pytest.mark.parametrize(("at", "colour", "word"), [
    ("2021-03-26T23:59", GREEN, "还有 15 天"),
    ("2021-03-27T00:00", BLUE, "还有 14 天"),
    ("2021-04-10T00:00", BLUE, "今天到期"),
    ("2021-04-10T23:59:59.900", BLUE, "今天到期"),
    ("2021-04-11T00:00", RED, "超期 1 天"),
    ("2021-04-13T12:00", RED, "超期 3 天"),
])  # fmt: skip
def test_a_due_day_ends_at_midnight(at: str, colour: Colour, word: str) -> None:
    lamp = seen(step(), at)
    assert (lamp.colour, lamp.word) == (colour, word)
    assert "2021年4月10日" in lamp.reasons[0].text


@pytest.mark.parametrize(("hard", "colour", "word"), [(True, RED, "突破底线"), (False, YELLOW, "争取未成")])
def test_one_is_enough_at_the_bottom_line_until_the_figure_is_corrected(hard: bool, colour: Colour, word: str) -> None:
    facts = [*begun(), *reported("2021-02-15", 50), fact(BREACHED, "2021-02-16", **breach(1, hard=hard))]
    assert seen(facts, "2021-02-15").colour == GREEN
    assert (seen(facts, "2021-02-16").colour, seen(facts, "2021-02-16").word) == (colour, word)
    assert seen([*facts, fact(DONE, "2021-04-01")], "2021-12-31").colour == colour
    assert seen([*facts, fact(BREACHED, "2021-02-17", **breach(0, hard=hard))], "2021-02-17").colour == GREEN


def test_a_due_hour_is_kept() -> None:
    facts = [fact(OPENED, "2021-04-10T08:00"), fact(DUE_SET, "2021-04-10T08:00", due="2021-04-10T04:00:00+00:00")]
    assert seen(facts, "2021-04-10T12:00").word == "今天到期"
    late = seen(facts, "2021-04-10T12:01")
    assert (late.colour, late.word) == (RED, "已超时")


def test_without_a_due_date_nothing_is_late() -> None:
    lamp = seen([fact(OPENED, "2021-01-01")], "2025-01-01")
    assert (lamp.colour, lamp.word) == (GREY, "不限期")


@pytest.mark.parametrize(("percent", "colour", "behind"), [
    (60, GREEN, None), (50.1, GREEN, "落后 9.9"), (50, YELLOW, "落后 10 "), (30, YELLOW, "落后 30 "),
    (29.9, RED, "落后 30.1 "), (0, RED, "落后 60 "),
])  # fmt: skip
def test_progress_against_an_even_plan(percent: float, colour: Colour, behind: str | None) -> None:
    """On 2 March sixty of a hundred days have passed."""
    lamp = seen(begun() + reported("2021-03-02", percent), "2021-03-02")
    reason = view(lamp, "progress")
    assert (lamp.colour, reason.colour) == (colour, colour)
    assert ("落后" in reason.text) == (behind is not None)
    assert behind is None or behind in reason.text
    assert f"应到 60.0%，已报 {percent:g}%" in reason.text
    assert [each.kind for each in reason.facts] == [PROGRESS]


def test_the_plan_is_read_when_a_report_is_given_or_its_period_ends() -> None:
    """Between two reports nobody can tell; five days of grace belong to the period before."""
    facts = begun("2021-12-31", "月") + reported("2021-03-02", 16)
    assert "3月2日 应到" in view(seen(facts, "2021-04-05"), "progress").text
    assert "4月1日 应到" in view(seen(facts, "2021-04-06"), "progress").text


def test_the_latest_day_counts_whenever_it_was_recorded() -> None:
    facts = [*begun(), *reported("2021-03-02", 60), *reported("2021-02-01", 5, recorded="2021-03-01")]
    assert seen(facts, "2021-03-02").percent == 60


@pytest.mark.parametrize(("at", "colour", "word"), [
    ("2021-01-31", GREY, "待方案批准"), ("2021-02-01T00:00", YELLOW, "未按月启动"), ("2021-03-31", YELLOW, "未按月启动"),
    ("2021-04-01T00:00", RED, "未按月启动"),
])  # fmt: skip
def test_a_start_that_is_missed(at: str, colour: Colour, word: str) -> None:
    facts = [fact(OPENED, "2021-01-12", begins="2021-01-01", cadence="月"), due("2021-01-12", "2021-12-31")]
    lamp = seen(facts, at)
    assert (lamp.colour, lamp.word, lamp.state) == (colour, word, State.NOT_BEGUN)
    # What should have begun before it was opened is counted from then.
    assert "应于 2021年1月12日 启动" in lamp.reasons[0].text


def test_a_date_that_is_near_warns_even_of_what_has_not_begun() -> None:
    facts = [fact(OPENED, "2021-04-01", begins="2021-04-01", cadence="月"), due("2021-04-01", "2021-04-10")]
    assert [(reason.view, reason.colour) for reason in seen(facts, "2021-04-02").reasons] == [
        ("time", BLUE),
        ("start", GREY),
    ]


def test_what_is_released_early_waits_for_its_day() -> None:
    opened = fact(OPENED, "2021-01-01", begins="2021-09-01", cadence="月")
    facts = [opened, due("2021-01-01", "2021-12-31"), fact(RELEASED, "2021-03-01")]
    assert seen(facts, "2021-08-31").word == "待启动日"
    assert seen(facts, "2021-09-01").colour == GREEN


@pytest.mark.parametrize(("cadence", "at", "colour"), [
    ("月", "2021-05-05", GREEN), ("月", "2021-05-06T00:00", YELLOW), ("月", "2021-07-05", YELLOW),
    ("月", "2021-07-06T00:00", RED), ("周", "2021-05-06T00:00", YELLOW), ("季", "2021-07-05", GREEN),
    ("季", "2021-07-06T00:00", RED), ("学期", "2022-02-05", GREEN), ("学期", "2022-02-06T00:00", RED),
    ("半年", "2022-01-05", GREEN), ("半年", "2022-01-06T00:00", RED), ("年", "2022-12-31", GREEN),
])  # fmt: skip
def test_a_period_without_report(cadence: str, at: str, colour: Colour) -> None:
    """In March there was a report, then no more; a month's absence is yellow, a quarter's red."""
    facts = [*begun("2022-12-31", cadence), *reported("2021-03-02", 99, cadence=cadence)]
    assert view(seen(facts, at), "period").colour == colour


def test_a_late_report_ends_the_row_of_missed_ones() -> None:
    facts = [*begun("2022-12-31", "月"), *reported("2021-01-05", 99)]
    assert view(seen(facts, "2021-07-06"), "period").word == "5 期未报"
    assert view(seen([*facts, *reported("2021-07-06", 99)], "2021-07-06"), "period").colour == GREEN


def test_a_first_report_is_missed_by_the_month_whatever_the_cadence() -> None:
    facts = [*begun("2021-12-31", "年")]
    colours = [view(seen(facts, at), "period").colour for at in ("2021-02-05", "2021-02-06", "2021-04-06")]
    assert colours == [GREEN, YELLOW, RED]


def test_the_worst_view_wins_and_is_named_first() -> None:
    lamp = seen(begun("2021-12-31", "月") + reported("2021-01-20", 5), "2021-11-20")
    assert lamp.colour == RED
    assert [(reason.view, reason.colour) for reason in lamp.reasons] == [
        ("progress", RED), ("period", RED), ("time", GREEN),
    ]  # fmt: skip


def test_late_then_done_is_yellow_for_ever() -> None:
    facts = [*step(), fact(DONE, "2021-04-12")]
    assert seen(facts, "2021-04-11").colour == RED
    for at in ("2021-04-12", "2031-01-01"):
        lamp = seen(facts, at)
        assert (lamp.colour, lamp.word, lamp.state) == (YELLOW, "迟完成", State.DONE)
    in_time = seen([*step(), fact(DONE, "2021-04-10T23:59")], "2031-01-01")
    assert (in_time.colour, in_time.word) == (GREEN, "完成")


def test_what_is_recorded_too_late_does_not_undo_that_it_was_late() -> None:
    facts = [*step(), fact(DONE, "2021-04-09", recorded="2021-04-14")]
    assert seen(facts, "2021-04-12", known_at="2021-04-12").colour == RED
    now = seen(facts, "2021-04-12")
    assert (now.colour, now.word) == (YELLOW, "迟登记")
    assert "2021年4月14日 才登记（补录）" in now.reasons[0].text
    assert seen(facts, "2021-04-10").colour == GREEN
    assert judged.is_backdated(facts[-1], THRESHOLDS)
    # Neither an extension nor a pause that is dated back whitewashes.
    for stop in (due("2021-04-01", "2021-06-01", recorded="2021-04-14"), fact(PAUSED, "2021-01-01", "2021-04-14")):
        lamp = seen([*step(), stop], "2021-04-15")
        assert view(lamp, "time").word == "曾逾期", stop
        assert "2021年4月14日 才登记" in view(lamp, "time").text


def test_an_extension_moves_the_due_date_and_says_so() -> None:
    facts = [*step(), due("2021-04-01", "2021-05-01"), due("2021-04-30", "2021-05-10")]
    lamp = seen(facts, "2021-05-09")
    assert (lamp.colour, lamp.word) == (BLUE, "还有 1 天")
    assert "期限 2021年5月10日（延期 2 次，原期限 2021年4月10日）" in lamp.reasons[0].text
    assert lamp.original_due == clock.end_of(date(2021, 4, 10))
    assert seen(facts, "2021-05-11").word == "超期 1 天"
    done = seen([*facts, fact(DONE, "2021-05-10")], "2021-06-01")
    assert (done.colour, "原期限 2021年4月10日" in done.reasons[0].text) == (GREEN, True)


def test_an_extension_after_the_date_leaves_it_yellow() -> None:
    facts = [*step(), due("2021-04-12", "2021-05-10")]
    lamp = seen(facts, "2021-04-20")
    assert (lamp.colour, lamp.word) == (YELLOW, "曾逾期")
    assert seen([*facts, fact(DONE, "2021-05-01")], "2021-05-01").colour == YELLOW


def test_a_paused_stretch_does_not_count() -> None:
    facts = [*step(), fact(PAUSED, "2021-04-08"), fact(RESUMED, "2021-04-18")]
    paused = seen(facts, "2021-04-16")
    assert (paused.colour, paused.word, paused.state) == (GREY, "暂停", State.PAUSED)
    lamp = seen(facts, "2021-04-20")
    assert (lamp.colour, lamp.word) == (BLUE, "今天到期")
    assert "（暂停 10 天不计）" in lamp.reasons[0].text
    assert seen(facts, "2021-04-21").colour == RED
    # What was late when it was paused stays late, and no later.
    late = [*step(), fact(PAUSED, "2021-04-12")]
    assert [seen(late, at).word for at in ("2021-04-12", "2021-07-01")] == ["超期 2 天"] * 2


def test_pauses_count_neither_for_progress_nor_for_reports() -> None:
    paused = [fact(PAUSED, "2021-02-01"), fact(RESUMED, "2021-03-03")]
    facts = [*begun(cadence="月"), *reported("2021-01-31", 30), *paused, *reported("2021-04-01", 60)]
    assert "应到 60.0%" in view(seen(facts, "2021-04-01"), "progress").text
    assert view(seen(facts[:-2], "2021-04-01"), "period").colour == GREEN


def test_reopened_runs_on_from_its_old_date() -> None:
    facts = [*step(), fact(DONE, "2021-04-01"), fact(REOPENED, "2021-04-12")]
    assert seen(facts, "2021-04-11").colour == GREEN
    assert seen(facts, "2021-04-12").word == "超期 2 天"
    assert seen([*facts, fact(DONE, "2021-04-13")], "2021-04-14").word == "迟完成"
    assert seen([*facts, due("2021-04-05", "2021-04-30")], "2021-04-12").word == "还有 18 天"


def test_what_is_carried_over_stays_as_the_year_left_it() -> None:
    facts = [*begun("2021-12-31"), *reported("2021-12-20", 90), fact(CARRIED_OVER, "2022-01-01T00:00:03")]
    lamp = seen(facts, "2023-01-01")
    assert (lamp.colour, lamp.word, lamp.state) == (RED, "超期 1 天", State.CARRIED_OVER)
    long = [*begun("2025-12-31"), *reported("2021-12-20", 90), fact(CARRIED_OVER, "2022-01-01")]
    lamp = seen(long, "2023-01-01")
    assert (lamp.colour, lamp.word) == (GREY, "结转")


def test_before_it_was_opened_there_was_nothing() -> None:
    assert seen(begun(), "2020-12-31").word == "未立项"
    assert seen([], "2021-01-01").state == State.UNOPENED


def test_a_point_is_as_its_worst_commitment() -> None:
    green, late, grey = seen(step(), "2021-02-01"), seen(step(), "2021-04-12"), seen([], "2021-02-01")
    lamp = judged.of_group([("5-1", green), ("5-2", late), ("5-3", late), ("5-4", grey)])
    assert (lamp.colour, lamp.word) == (RED, "5-2 超期 2 天")
    assert "4 项任务：红灯 2 项、绿灯 1 项、灰灯 1 项" in lamp.reasons[0].text
    assert judged.of_group([("5-1", green), ("5-4", grey)]).word == "正常"
    done = seen([*step(), fact(CLOSED, "2021-02-01")], "2021-02-01")
    assert judged.of_group([("5-1", done)]).word == "完成"
    assert judged.of_group([("5-4", grey)]).word == "未立项"
    assert judged.of_group([]).colour == GREY


def test_periods_have_names() -> None:
    named = {
        cadence: periods.of(cadence, date(2021, 1, 31)).name for cadence in ("月", "季", "学期", "半年", "年", None)
    }
    assert named == {
        "月": "2021年1月", "季": "2021年第1季度", "学期": "2020年秋季学期", "半年": "2021年上半年", "年": "2021年",
        None: "2021年1月",
    }  # fmt: skip
    assert periods.of("学期", date(2021, 2, 1)).name == "2021年春季学期"
    assert [each.name for each in periods.closed("月", date(2021, 1, 31), date(2021, 4, 1))] == [
        "2021年1月", "2021年2月", "2021年3月",
    ]  # fmt: skip


# What holds of any facts

FIRST = moment("2021-01-01")
HOURS = st.integers(0, 400).map(lambda hours: FIRST + timedelta(hours=12 * hours))


@st.composite
def any_fact(draw: st.DrawFn) -> Fact:
    kind, happened, recorded = draw(st.sampled_from(KINDS)), draw(HOURS), draw(HOURS)
    day = draw(st.dates(date(2021, 1, 1), date(2021, 9, 30)))
    values: dict[str, dict[str, Any]] = {
        OPENED: {
            "begins": draw(st.sampled_from([day.isoformat(), None])),
            "cadence": draw(st.sampled_from("周月季年")),
        },
        DUE_SET: {"due": clock.end_of(day).isoformat()},
        PROGRESS: {"percent": draw(st.integers(0, 100))},
        PERIOD_REPORTED: {"starts_on": day.replace(day=1).isoformat(), "name": "某期"},
        BREACHED: breach(draw(st.integers(0, 2)), hard=draw(st.booleans())),
    }
    return Fact(
        f"{next(NUMBERS):05}", kind, min(happened, recorded), max(happened, recorded), values.get(kind, {})
    )  # fmt: skip


FACTS = st.lists(any_fact(), max_size=12)


def known(facts: list[Fact], at: datetime) -> list[Fact]:
    return [each for each in facts if each.recorded_at <= at]


@given(FACTS, FACTS, HOURS, st.randoms())
def test_a_picture_never_changes(facts: list[Fact], later: list[Fact], at: datetime, order: Any) -> None:
    """Whatever is recorded later, of whatever day, and in whatever order it is all read."""
    before = judged.lamp(known(facts, at), at, THRESHOLDS)
    mixed = facts + [each for each in later if each.recorded_at > at]
    order.shuffle(mixed)
    assert judged.lamp(known(mixed, at), at, THRESHOLDS) == before


@given(FACTS, st.randoms(), HOURS)
def test_facts_of_one_moment_may_come_in_any_order(facts: list[Fact], order: Any, at: datetime) -> None:
    same = [each._replace(happened_at=FIRST, recorded_at=FIRST) for each in facts]
    mixed = list(same)
    order.shuffle(mixed)
    assert judged.lamp(mixed, at, THRESHOLDS) == judged.lamp(same, at, THRESHOLDS)


@given(FACTS, HOURS, HOURS)
def test_what_was_seen_to_be_late_is_never_well_again(facts: list[Fact], one: datetime, other: datetime) -> None:
    """By what was known at the time it had run out; nothing that is written down afterwards makes it green, or warns of a date."""
    early, late = min(one, other), max(one, other)
    then = judged.lamp(known(facts, early), early, THRESHOLDS)
    if any(reason.view == "time" and reason.colour == RED for reason in then.reasons):
        now = judged.lamp(known(facts, late), late, THRESHOLDS)
        assert now.colour in (RED, YELLOW), now


@given(FACTS, HOURS)
def test_every_lamp_has_its_reason(facts: list[Fact], at: datetime) -> None:
    lamp = judged.lamp(facts, at, THRESHOLDS)
    assert lamp.colour == lamp.reasons[0].colour == min((each.colour for each in lamp.reasons), key=list(Colour).index)
    assert all(reason.word and reason.text for reason in lamp.reasons)
    assert all(each in facts and each.happened_at <= at for reason in lamp.reasons for each in reason.facts)
