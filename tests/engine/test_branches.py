"""What branches and accompanying paths may do to one another, and what is left of their variables when they meet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine.spiff import StepFailed
from tests.engine.driving import Run, Time
from tests.engine.models import (
    boundary,
    cycle,
    diagram,
    duration,
    either,
    ends,
    flows,
    gateways,
    process,
    sub_process,
    users,
)


def open_in(run: Run) -> list[str]:
    return sorted(each.node for each in run.waiting() if each.is_task)


def do(run: Run, *names: str, **values: Any) -> None:
    for name in names:
        run.do(next(each.token for each in run.waiting() if each.is_task and each.node == name), values)


REMINDED = diagram(
    process(
        ends("s", "e", "e2") + users("work call note") + boundary("daily", "work", cycle("R/P1D"), interrupting=False)
        + flows("s > work > e", "daily > call > note > e2")
    )
)  # fmt: skip


def test_who_has_reminded_does_not_end_what_he_reminded_of(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    run = Run(REMINDED, {})
    time.now += timedelta(days=1)
    run.look_at_the_clock()
    do(run, "call", "note")
    assert open_in(run) == ["work"]
    time.now += timedelta(days=1)
    run.look_at_the_clock()
    assert open_in(run) == ["call", "work"]


def test_a_reminder_under_way_outlives_what_it_reminds_of(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time(monkeypatch)
    run = Run(REMINDED, {})
    time.now += timedelta(days=1)
    run.look_at_the_clock()
    do(run, "work")
    assert open_in(run) == ["call"]
    do(run, "call", "note")
    assert run.completed


def test_a_no_that_changes_nothing_is_an_answer_even_inside_a_sub_process() -> None:
    """Nothing was approved before; one says so again, the other one approves: they contradict each other."""
    run = Run(
        diagram(
            process(
                ends() + users("b passed refused") + gateways("parallel", "fork join") + gateways("exclusive", "m") + either("g", "refused")
                + sub_process("office", ends("ss", "se") + users("a") + flows("ss > a > se"))
                + flows("s > fork > office > join > g > refused > m > e", "fork > b > join", "g > passed if approved", "passed > m")
            )
        ),
        {"approved": False},
    )  # fmt: skip
    do(run, "a", approved=False)
    with pytest.raises(StepFailed, match="approved"):
        do(run, "b", approved=True)


def test_those_who_agree_in_the_second_round_are_heard() -> None:
    """The contradiction of the first round is over, although a third branch knows nothing newer."""
    run = Run(
        diagram(
            process(
                ends() + users("a b c check") + gateways("exclusive", "m") + gateways("parallel", "fork join") + either("g", "e")
                + flows("s > m > fork > a > join > check > g > e", "fork > b > join", "fork > c > join", "g > m if again")
            )
        ),
        {},
    )  # fmt: skip
    do(run, "a", approved=True)
    do(run, "b", approved=False)
    do(run, "c")
    assert "approved" not in run.waiting()[0].variables
    do(run, "check", again=True)
    do(run, "a", "b", approved=False)
    do(run, "c")
    assert run.waiting()[0].variables["approved"] is False


@pytest.mark.parametrize("reminders", [1, 3])
def test_a_decision_is_not_lost_to_a_reminder_that_knew_an_older_one(
    reminders: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a sub-process the review is repeated, with a reminder in each round; outside, the last decision counts."""
    time = Time(monkeypatch)
    run = Run(
        diagram(
            process(
                ends() + users("passed refused") + gateways("exclusive", "m") + either("g", "refused")
                + sub_process(
                    "review",
                    ends("ss", "se", "se2") + users("look decide") + gateways("exclusive", "again_from_here") + either("h", "se")
                    + boundary("late", "look", duration("P1D"), interrupting=False)
                    + flows("ss > again_from_here > look > decide > h > se", "h > again_from_here if not approved", "late > se2"),
                )
                + flows("s > review > g > refused > m > e", "g > passed if approved", "passed > m")
            )
        ),
        {},
    )  # fmt: skip
    for _ in range(reminders):
        time.now += timedelta(days=1)
        run.look_at_the_clock()
        do(run, "look")
        do(run, "decide", approved=False)
    time.now += timedelta(days=1)
    run.look_at_the_clock()
    do(run, "look")
    do(run, "decide", approved=True)
    assert open_in(run) == ["passed"]
