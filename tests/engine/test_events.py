"""Events inside an instance: what interrupts really interrupts, what accompanies listens again, nothing is ignored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from engine import clock
from engine.errors import InvalidState
from engine.spiff import Definition, Execution, StepFailed
from tests.engine.test_spiff import begin, do, nobody, node, open_in, process, stored

MESSAGE = '<bpmn:messageEventDefinition messageRef="m"/>'
SIGNAL = '<bpmn:signalEventDefinition signalRef="sig"/>'
ERROR = '<bpmn:errorEventDefinition errorRef="err"/>'
ESCALATION = '<bpmn:escalationEventDefinition escalationRef="esc"/>'
CANCEL = "<bpmn:cancelEventDefinition/>"
CONDITION = "<bpmn:conditionalEventDefinition><bpmn:condition>ready</bpmn:condition></bpmn:conditionalEventDefinition>"
TERMINATE = "<bpmn:terminateEventDefinition/>"


def link(name: str) -> str:
    return f'<bpmn:linkEventDefinition name="{name}"/>'


def flow(source: str, target: str) -> str:
    return f'<bpmn:sequenceFlow id="{source}-{target}" sourceRef="{source}" targetRef="{target}"/>'


def inside(kind: str, name: str, *parts: str, **attributes: str) -> str:
    return node(kind, name, "".join(parts), **attributes)


def passed(execution: Execution) -> list[str]:
    return [each.activity.id for each in execution.passed]


def throwing(event: str, catching: str, *, interrupts: bool = True, kind: str = "subProcess") -> Definition:
    """A sub-process works, then throws (by its end); on its border something catches."""
    return process(
        node("startEvent", "s"),
        inside(
            kind, "sub", node("startEvent", "s1"), node("userTask", "work"), node("endEvent", "thrown", event),
            flow("s1", "work"), flow("work", "thrown"),
        ),
        node("boundaryEvent", "caught", catching, attachedToRef="sub", cancelActivity=str(interrupts).lower()),
        node("userTask", "handle"), node("userTask", "normal"), node("endEvent", "e1"), node("endEvent", "e2"),
        flows=[("s", "sub"), ("sub", "normal"), ("caught", "handle"), ("handle", "e1"), ("normal", "e2")],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("definition", "afterwards"),
    [
        (throwing(ERROR, ERROR), ["handle"]),
        (throwing(ERROR, "<bpmn:errorEventDefinition/>"), ["handle"]),
        (throwing(ESCALATION, ESCALATION), ["handle"]),
        (throwing(ESCALATION, ESCALATION, interrupts=False), ["handle", "normal"]),
        (throwing(SIGNAL, SIGNAL), ["handle"]),
        (throwing(CANCEL, CANCEL, kind="transaction"), ["handle"]),
    ],
    ids=["error", "any error", "escalation", "escalation beside", "signal end", "cancelled transaction"],
)
def test_what_is_thrown_inside_is_caught_on_the_border(definition: Definition, afterwards: list[str]) -> None:
    execution = do(definition, begin(definition), "work", note="from inside")
    assert open_in(execution) == afterwards
    assert execution.variables()["note"] == "from inside"


def test_an_error_that_nobody_catches_ends_the_instance_and_says_so() -> None:
    definition = process(
        node("startEvent", "s"), node("parallelGateway", "f"), node("userTask", "a"), node("userTask", "b"),
        node("endEvent", "bad", ERROR), node("endEvent", "good"),
        flows=[("s", "f"), ("f", "a"), ("f", "b"), ("a", "bad"), ("b", "good")],
    )  # fmt: skip
    execution = do(definition, begin(definition), "a")
    assert (execution.completed, execution.failure, open_in(execution)) == (True, "E-1", [])


def test_an_escalation_that_nobody_catches_goes_on() -> None:
    definition = process(
        node("startEvent", "s"), node("intermediateThrowEvent", "t", ESCALATION), node("userTask", "a"),
        node("endEvent", "e"), flows=[("s", "t"), ("t", "a"), ("a", "e")],
    )  # fmt: skip
    assert open_in(begin(definition)) == ["a"]


def event_sub_process(event: str, *, interrupts: bool) -> Definition:
    start = node("startEvent", "s1", event, isInterrupting=str(interrupts).lower())
    return process(
        node("startEvent", "s"), node("userTask", "work"), node("endEvent", "e"),
        inside(
            "subProcess", "handler", start, node("userTask", "handle"), node("endEvent", "e1"), flow("s1", "handle"),
            flow("handle", "e1"), triggeredByEvent="true",
        ),
        flows=[("s", "work"), ("work", "e")],
    )  # fmt: skip


def test_an_interrupting_event_sub_process_takes_the_place_of_the_process() -> None:
    definition = event_sub_process(MESSAGE, interrupts=True)
    execution = begin(definition)
    assert execution.deliver("message", "go", {"why": "改期"})
    execution.advance()
    execution = stored(definition, execution)
    assert open_in(execution) == ["handle"]
    assert not execution.deliver("message", "go", {}), "it listens no more"
    assert do(definition, execution, "handle").completed


def test_a_non_interrupting_event_sub_process_runs_beside_the_process_as_often_as_it_is_called() -> None:
    definition = event_sub_process(MESSAGE, interrupts=False)
    execution = begin(definition)
    for _ in range(2):
        assert execution.deliver("message", "go", {})
        execution.advance()
        execution = stored(definition, execution)
    assert open_in(execution) == ["handle", "handle", "s1", "work"]
    execution = do(definition, execution, "work")
    assert not execution.completed, "it waits for the handlers"
    for _ in range(2):
        execution.complete(next(w.token_id for w in execution.waits() if w.activity.id == "handle"), {})
        execution.advance()
    assert execution.completed, "what only listens keeps nothing alive"


def test_a_timer_of_an_event_sub_process_that_never_came_does_not_block_the_end() -> None:
    timer = "<bpmn:timerEventDefinition><bpmn:timeDuration>P9D</bpmn:timeDuration></bpmn:timerEventDefinition>"
    definition = event_sub_process(timer, interrupts=True)
    assert do(definition, begin(definition), "work").completed


def test_a_message_on_the_border_comes_as_often_as_it_is_sent() -> None:
    definition = process(
        node("startEvent", "s"), node("userTask", "work"),
        node("boundaryEvent", "asked", MESSAGE, attachedToRef="work", cancelActivity="false"),
        node("userTask", "answer"), node("endEvent", "e1"), node("endEvent", "e2"),
        flows=[("s", "work"), ("work", "e1"), ("asked", "answer"), ("answer", "e2")],
    )  # fmt: skip
    execution = begin(definition)
    for _ in range(3):
        assert execution.deliver("message", "go", {})
        execution.advance()
        execution = stored(definition, execution)
    assert open_in(execution) == ["answer", "answer", "answer", "asked", "work"]
    execution = do(definition, execution, "work")
    assert open_in(execution) == ["answer", "answer", "answer"], "answers outlive what they were asked about"


def test_a_condition_fires_when_it_comes_to_hold() -> None:
    definition = process(
        node("startEvent", "s"), node("parallelGateway", "f"), node("intermediateCatchEvent", "until", CONDITION),
        node("userTask", "a"), node("userTask", "b"), node("endEvent", "e1"), node("endEvent", "e2"),
        flows=[("s", "f"), ("f", "until"), ("f", "a"), ("until", "b"), ("a", "e1"), ("b", "e2")],
    )  # fmt: skip
    execution = begin(definition, ready=False)
    assert open_in(execution) == ["a", "until"]
    assert open_in(do(definition, execution, "a", ready=True)) == ["b"], "another branch has set it"


def test_a_link_is_a_flow_that_is_not_drawn() -> None:
    definition = process(
        node("startEvent", "s"), node("intermediateThrowEvent", "to", link("page 2")),
        node("intermediateCatchEvent", "from", link("page 2")), node("userTask", "a"), node("endEvent", "e"),
        flows=[("s", "to"), ("from", "a"), ("a", "e")],
    )  # fmt: skip
    execution = Execution.start(definition, {}, nobody)
    execution.advance()
    assert (open_in(execution), passed(execution)) == (["a"], ["s", "to", "from"])


@pytest.mark.parametrize(
    ("variables", "opened"),
    [({"x": 1}, ["always", "one"]), ({"x": 2}, ["always", "two"]), ({"x": 0}, ["always", "otherwise"])],
)
def test_an_activity_leaves_along_every_flow_whose_condition_holds(
    variables: dict[str, int], opened: list[str]
) -> None:
    tasks = ("always", "one", "two", "otherwise")
    definition = process(
        node("startEvent", "s"), node("scriptTask", "decide", "<bpmn:script>y = x</bpmn:script>", default="f4"),
        *(node("userTask", name) for name in tasks), *(node("endEvent", f"end_{name}") for name in tasks),
        flows=[("s", "decide"), ("decide", "always"), ("decide", "one", "y == 1"), ("decide", "two", "y == 2"),
               ("decide", "otherwise"), *((name, f"end_{name}") for name in tasks)],
    )  # fmt: skip
    assert open_in(begin(definition, **variables)) == sorted(opened)


def test_terminate_ends_what_else_runs() -> None:
    definition = process(
        node("startEvent", "s"), node("parallelGateway", "f"), node("userTask", "a"), node("userTask", "b"),
        node("endEvent", "stop", TERMINATE), node("endEvent", "e"),
        flows=[("s", "f"), ("f", "a"), ("f", "b"), ("a", "stop"), ("b", "e")],
    )  # fmt: skip
    execution = do(definition, begin(definition), "a")
    assert (execution.completed, execution.failure) == (True, None)


def test_a_deadline_that_has_passed_wins_over_a_click_that_came_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    timer = "<bpmn:timerEventDefinition><bpmn:timeDuration>P2D</bpmn:timeDuration></bpmn:timerEventDefinition>"
    definition = process(
        node("startEvent", "s"), node("userTask", "work"), node("boundaryEvent", "late", timer, attachedToRef="work"),
        node("userTask", "escalated"), node("endEvent", "e1"), node("endEvent", "e2"),
        flows=[("s", "work"), ("work", "e1"), ("late", "escalated"), ("escalated", "e2")],
    )  # fmt: skip
    now = datetime(2021, 3, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    execution = begin(definition)
    (work,) = [wait for wait in execution.waits() if wait.is_user_task]
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=2))
    with pytest.raises(InvalidState):
        execution.complete(work.token_id, {})


def test_branches_that_wait_for_one_another_are_seen_to_be_stuck() -> None:
    definition = process(
        node("startEvent", "s"), node("exclusiveGateway", "x"), node("scriptTask", "a"), node("scriptTask", "b"),
        node("parallelGateway", "j"), node("endEvent", "e"),
        flows=[("s", "x"), ("x", "a", "1 == 1"), ("x", "b", "1 == 2"), ("a", "j"), ("b", "j"), ("j", "e")],
    )  # fmt: skip
    execution = begin(definition)
    assert (execution.completed, execution.waits()) == (False, [])


def test_what_goes_round_in_circles_is_stopped() -> None:
    definition = process(
        node("startEvent", "s"), node("exclusiveGateway", "x"), node("endEvent", "e"), node("scriptTask", "again"),
        flows=[("s", "x"), ("x", "again", "1 == 1"), ("x", "e", "1 == 2"), ("again", "x")],
    )  # fmt: skip
    with pytest.raises(StepFailed, match="too many"):
        begin(definition)


def test_a_row_of_five_hundred_tasks_is_walked_to_its_end() -> None:
    """The library's own parser gives up at 490, and loses what lies deeper than a thousand."""
    names = [f"t{number}" for number in range(500)]
    definition = process(
        node("startEvent", "s"), *(node("scriptTask", name) for name in names), node("userTask", "last"),
        node("endEvent", "e"),
        flows=[("s", names[0]), *pairwise(names), (names[-1], "last"), ("last", "e")],
    )  # fmt: skip
    execution = begin(definition)
    assert open_in(execution) == ["last"]
    assert len(execution.state()) < 400


def test_twelve_forks_in_a_row_stay_small() -> None:
    """The library predicts 3^12 tasks behind them."""
    parts, flows = [node("startEvent", "s")], []
    before = "s"
    for number in range(12):
        fork, join = f"fork{number}", f"join{number}"
        parts += [node("parallelGateway", fork), node("parallelGateway", join)]
        flows.append((before, fork))
        for branch in "abc":
            parts.append(node("userTask", f"{branch}{number}"))
            flows += [(fork, f"{branch}{number}"), (f"{branch}{number}", join)]
        before = join
    definition = process(*parts, node("endEvent", "e"), flows=[*flows, (before, "e")])
    execution = begin(definition)
    for number in range(12):
        for branch in "abc":
            execution = do(definition, execution, f"{branch}{number}")
            assert len(execution.state()) < 1_500
    assert execution.completed
