"""The faults of the stock library that an approval must not inherit: each is shown there, and ours is shown to be right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from engine.errors import EngineError, InvalidState
from engine.spiff import StepFailed
from tests.engine import stock
from tests.engine.driving import Run, Time
from tests.engine.models import (
    any_of,
    boundary,
    cycle,
    diagram,
    each_of,
    either,
    ends,
    flows,
    gateways,
    node,
    process,
    users,
)
from tests.engine.stock import Stock

Either = Stock | Run


def open_in(run: Either) -> list[str]:
    return sorted(each.node for each in run.waiting() if each.is_task)


def do(run: Either, *names: str, **values: Any) -> None:
    """Do the first open task of each name."""
    for name in names:
        run.do(next(each.token for each in run.waiting() if each.is_task and each.node == name), values)


COUNTERSIGNED = diagram(
    process(
        ends() + users("a b check") + gateways("exclusive", "again_from_here") + gateways("parallel", "fork join") + either("g", "e")
        + flows("s > again_from_here > fork > a > join > check > g > e", "fork > b > join", "g > again_from_here if again")
    )
)  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_f1_a_join_in_a_loop_wants_all_signatures_in_every_round(first: str, second: str) -> None:
    """A document that was sent back once would pass with one of its two countersignatures."""
    stock, ours = Stock(COUNTERSIGNED, {}), Run(COUNTERSIGNED, {})
    for run in (stock, ours):
        do(run, first, second)
        do(run, "check", again=True)
        do(run, second)
    assert open_in(stock) == sorted([first, "check"])
    assert open_in(ours) == [first]
    do(ours, first)
    assert open_in(ours) == ["check"]


def test_f2_a_process_may_go_round_as_often_as_it_likes() -> None:
    """A supervision with a daily round would count as finished after eleven months, with its task gone from every inbox."""
    loop = diagram(
        process(
            ends() + users("look") + gateways("exclusive", "m") + either("g", "e")
            + flows("s > m > look > g > e", "g > m if again")
        )
    )  # fmt: skip
    stock, ours = Stock(loop, {}), Run(loop, {})
    for _ in range(333):
        do(stock, "look", again=True)
    assert stock.workflow.is_completed()
    assert open_in(stock) == []

    do(ours, "look", again=True)
    early = len(ours.state)
    for _ in range(1_000):
        do(ours, "look", again=True)
    assert open_in(ours) == ["look"]
    assert len(ours.state) < early * 1.1
    do(ours, "look", again=False)
    assert ours.completed


def test_f3_an_inclusive_join_waits_for_what_goes_on_inside_another_one() -> None:
    """A plan would go on to the leaders while one of the offices it was sent to, two levels down, still has it on the desk."""
    asked_widely = diagram(
        process(
            ends() + users("head office bureau nobody legal leaders") + gateways("inclusive", "all inner")
            + any_of("whom", "nobody") + any_of("whom_else", "office") + either("doubt", "inner")
            + flows("s > whom > nobody > all > leaders > e", "whom > head if wide", "head > all", "whom > whom_else if wide",
                    "whom_else > office > inner > all", "whom_else > bureau if wide", "bureau > doubt > inner", "doubt > legal if unsure",
                    "legal > inner")
        )
    )  # fmt: skip
    stock, ours = Stock(asked_widely, {"wide": True}), Run(asked_widely, {"wide": True})
    for run in (stock, ours):
        do(run, "head")
    assert open_in(stock) == ["bureau", "leaders"]
    assert open_in(ours) == ["bureau"]
    do(ours, "bureau", unsure=True)
    do(ours, "legal")
    assert open_in(ours) == ["leaders"]


def test_f6_what_is_done_cannot_be_done_again() -> None:
    """Somebody who presses the button twice, or two who share a role, would approve twice, with everything that follows twice."""
    two_steps = diagram(process(ends() + users("approve file") + flows("s > approve > file > e")))
    stock, finished = Stock(two_steps, {}), []
    (approval,) = stock.open_tasks()
    approval.task_spec.completed_event.connect(lambda _, task: finished.append(task))
    do(stock, "approve")
    assert approval.run() is True
    assert finished == [approval, approval]

    ours = Run(two_steps, {})
    (waiting,) = ours.waiting()
    ours.do(waiting.token, {"approved": True})
    with pytest.raises(InvalidState):
        ours.do(waiting.token, {"approved": False})
    assert open_in(ours) == ["file"]
    assert ours.variables()["approved"] is True


BOTH_DECIDE = diagram(
    process(
        ends() + users("a b passed refused") + gateways("parallel", "fork join") + gateways("exclusive", "m") + either("g", "refused")
        + flows("s > fork > a > join > g > refused > m > e", "fork > b > join", "g > passed if approved", "passed > m")
    )
)  # fmt: skip


def test_f7_branches_that_contradict_each_other_decide_nothing() -> None:
    """A “no” would be overwritten by the “yes” of a colleague who happened to answer later."""

    def answered(begin: Callable[[], Either], *answers: tuple[str, bool]) -> Either:
        run = begin()
        for name, approved in answers:
            do(run, name, approved=approved)
        return run

    def begin_stock() -> Either:
        return Stock(BOTH_DECIDE, {})

    def begin_ours() -> Either:
        return Run(BOTH_DECIDE, {})

    assert open_in(answered(begin_stock, ("a", False), ("b", True))) == ["passed"]
    assert open_in(answered(begin_stock, ("b", True), ("a", False))) == ["refused"]

    for answers in ([("a", False), ("b", True)], [("b", True), ("a", False)]):
        with pytest.raises(StepFailed, match="approved"):
            answered(begin_ours, *answers)
    assert open_in(answered(begin_ours, ("a", True), ("b", True))) == ["passed"]


@pytest.mark.parametrize(("decides", "other"), [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("decider_first", [True, False])
def test_f7_the_decision_of_one_branch_is_kept(decides: str, other: str, decider_first: bool) -> None:
    """A decision would fall back to what it was before, because a branch that knows nothing of it came in last."""
    ours = Run(BOTH_DECIDE, {"approved": False})
    if decider_first:
        do(ours, decides, approved=True)
        do(ours, other)
    else:
        do(ours, other)
        do(ours, decides, approved=True)
    assert open_in(ours) == ["passed"]

    stale = Stock(BOTH_DECIDE, {"approved": False})
    do(stale, decides, approved=True)
    do(stale, other)
    assert open_in(stale) == ["refused"]


def one_after_another(loop: str) -> str:
    return diagram(process(ends() + node("userTask", "sign", loop) + users("file") + flows("s > sign > file > e")))


WITHOUT_ANSWER = one_after_another(each_of("people", "", "", sequential=True))
WITH_ANSWER = one_after_another(each_of("people", "answers", "answer", sequential=True))
COUNTED = one_after_another(
    '<bpmn:multiInstanceLoopCharacteristics isSequential="true"><bpmn:loopCardinality>often</bpmn:loopCardinality>'
    "</bpmn:multiInstanceLoopCharacteristics>"
)


def test_f8_the_second_approver_gets_the_document() -> None:
    """Approval level by level (逐级审批) would break when the first approver has signed, in the middle of the process."""
    people = {"people": ["a", "b", "c"]}
    stock = Stock(WITHOUT_ANSWER, people)
    with pytest.raises(Exception, match="already exists"):
        do(stock, "sign")

    try:
        ours = Run(WITHOUT_ANSWER, people)
    except EngineError:
        return  # refused before anybody has signed
    do(ours, "sign", "sign", "sign")
    assert open_in(ours) == ["file"]


def test_f8_a_missing_approver_does_not_stop_the_others() -> None:
    """An approver who could not be found would leave the process open for ever, with a task for nobody."""
    people = {"people": ["a", None, "c"]}
    stock = Stock(WITH_ANSWER, people)
    do(stock, "sign", answer=1)
    assert open_in(stock) == []
    assert not stock.completed
    _goes_on_or_says_why(lambda: Run(WITH_ANSWER, people))


def test_f8_a_number_below_nothing_is_not_waited_for() -> None:
    """A miscalculated number of approvers would leave the process open for ever, with nobody to act."""
    stock = Stock(COUNTED, {"often": -1})
    assert open_in(stock) == []
    assert not stock.completed
    _goes_on_or_says_why(lambda: Run(COUNTED, {"often": -1}))


def _goes_on_or_says_why(begin: Callable[[], Run]) -> None:
    """Either the process comes to its end, or whoever starts or completes something is told why not."""
    try:
        run = begin()
        while "sign" in open_in(run):
            do(run, "sign", answer=1)
    except EngineError:
        return
    assert open_in(run) == ["file"]


def test_f15_after_a_holiday_there_is_one_reminder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten days out of service would bring ten reminders at once, and people who no longer read any."""
    time = Time(monkeypatch)
    stock.library().tell_time(lambda: time.now)
    reminded = diagram(
        process(
            ends("s", "e", "e2") + users("work remind") + boundary("daily", "work", cycle("R30/P1D"), interrupting=False)
            + flows("s > work > e", "daily > remind > e2")
        )
    )  # fmt: skip
    theirs, ours = Stock(reminded, {}), Run(reminded, {})
    time.now += timedelta(days=10, minutes=1)
    for _ in range(12):
        theirs.look_at_the_clock()
        ours.look_at_the_clock()
    assert Counter(open_in(theirs)) == {"work": 1, "remind": 10}
    assert Counter(open_in(ours)) == {"work": 1, "remind": 1}
    time.now += timedelta(days=1)
    ours.look_at_the_clock()
    assert Counter(open_in(ours)) == {"work": 1, "remind": 2}
