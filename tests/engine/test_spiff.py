"""The door to the token engine: what is stored comes back, what is damaged is noticed, what is mended stays mended."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.spiff import Definition, Execution, StateDamaged, parse

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">'
    '<bpmn:message id="m" name="go"/><bpmn:signal id="sig" name="stop"/><bpmn:error id="err" errorCode="E-1"/>'
    '<bpmn:escalation id="esc" escalationCode="X-1"/><bpmn:process id="p" isExecutable="true">'
)


def process(*nodes: str, flows: list[tuple[str, str] | tuple[str, str, str]]) -> Definition:
    """A process from its nodes and flows `(from, to[, condition])`."""
    drawn = "".join(
        f'<bpmn:sequenceFlow id="f{n}" sourceRef="{flow[0]}" targetRef="{flow[1]}">'
        + (f"<bpmn:conditionExpression>{flow[2]}</bpmn:conditionExpression>" if len(flow) == 3 else "")
        + "</bpmn:sequenceFlow>"
        for n, flow in enumerate(flows)
    )
    return parse([f"{HEAD}{''.join(nodes)}{drawn}</bpmn:process></bpmn:definitions>".encode()], "p")


def node(kind: str, name: str, inner: str = "", **attributes: str) -> str:
    told = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<bpmn:{kind} id="{name}"{told}>{inner}</bpmn:{kind}>'


def nobody(name: str, variables: dict[str, Any]) -> None:
    raise AssertionError(f"{name} is not to be called")


def begin(definition: Definition, **variables: Any) -> Execution:
    execution = Execution.start(definition, variables, nobody)
    execution.advance()
    return stored(definition, execution)


def stored(definition: Definition, execution: Execution) -> Execution:
    """As it is after the process was shut down and started again."""
    return Execution.load(definition, execution.state(), nobody)


def do(definition: Definition, execution: Execution, name: str, **variables: Any) -> Execution:
    (wait,) = [wait for wait in execution.waits() if wait.activity.id == name]
    execution.complete(wait.token_id, variables)
    execution.advance()
    return stored(definition, execution)


def open_in(execution: Execution) -> list[str]:
    return sorted(wait.activity.id for wait in execution.waits())


@pytest.fixture
def countersigned() -> Definition:
    """Two signatures, and back to the beginning while `again`."""
    return process(
        node("startEvent", "s"), node("exclusiveGateway", "round"), node("parallelGateway", "fork"), node("userTask", "a"),
        node("userTask", "b"), node("parallelGateway", "join"), node("userTask", "check"),
        node("exclusiveGateway", "g", default="f9"), node("endEvent", "e"),
        flows=[("s", "round"), ("round", "fork"), ("fork", "a"), ("fork", "b"), ("a", "join"), ("b", "join"),
               ("join", "check"), ("check", "g"), ("g", "round", "again"), ("g", "e")],
    )  # fmt: skip


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("second", ["a", "b"])
def test_a_join_in_a_loop_waits_for_every_signature_of_its_round(
    countersigned: Definition, first: str, second: str
) -> None:
    other = {"a": "b", "b": "a"}
    execution = begin(countersigned)
    for signer in (first, other[first]):
        execution = do(countersigned, execution, signer)
    execution = do(countersigned, execution, "check", again=True)
    execution = do(countersigned, execution, second)
    assert open_in(execution) == [other[second]]
    execution = do(countersigned, execution, other[second])
    execution = do(countersigned, execution, "check", again=False)
    assert execution.completed


def test_any_changed_byte_of_a_state_is_noticed(countersigned: Definition) -> None:
    state = bytearray(begin(countersigned).state())
    chance = random.Random(7)
    for _ in range(200):
        damaged = bytearray(state)
        damaged[chance.randrange(len(state))] ^= 1 << chance.randrange(8)
        with pytest.raises(StateDamaged):
            Execution.load(countersigned, bytes(damaged), nobody)
    for length in (0, 1, 8, len(state) // 2, len(state) - 1):
        with pytest.raises(StateDamaged):
            Execution.load(countersigned, bytes(state[:length]), nobody)


def test_the_first_event_behind_a_gateway_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    message = '<bpmn:messageEventDefinition messageRef="m"/>'
    timer = "<bpmn:timerEventDefinition><bpmn:timeDuration>P2D</bpmn:timeDuration></bpmn:timerEventDefinition>"
    race = process(
        node("startEvent", "s"), node("eventBasedGateway", "g"), node("intermediateCatchEvent", "come", message),
        node("intermediateCatchEvent", "late", timer), node("endEvent", "e1"), node("endEvent", "e2"),
        flows=[("s", "g"), ("g", "come"), ("g", "late"), ("come", "e1"), ("late", "e2")],
    )  # fmt: skip
    now = datetime(2021, 3, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    waiting = begin(race).state()

    by_message = Execution.load(race, waiting, nobody)
    assert by_message.deliver("message", "go", {})
    by_message.advance()
    assert by_message.completed
    assert [each.activity.id for each in by_message.passed] == ["come", "e1"]

    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=2))
    by_time = Execution.load(race, waiting, nobody)
    by_time.advance()
    assert by_time.completed
    assert [each.activity.id for each in by_time.passed] == ["late", "e2"]
    assert not by_time.deliver("message", "go", {})


def test_a_reminder_that_missed_many_cycles_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cycle = "<bpmn:timerEventDefinition><bpmn:timeCycle>R30/P1D</bpmn:timeCycle></bpmn:timerEventDefinition>"
    reminded = process(
        node("startEvent", "s"), node("userTask", "work"),
        node("boundaryEvent", "daily", cycle, attachedToRef="work", cancelActivity="false"),
        node("userTask", "remind"), node("endEvent", "e1"), node("endEvent", "e2"),
        flows=[("s", "work"), ("work", "e1"), ("daily", "remind"), ("remind", "e2")],
    )  # fmt: skip
    now = datetime(2021, 3, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    execution = begin(reminded)
    assert open_in(execution) == ["daily", "work"]
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=10))
    execution.advance()
    assert open_in(stored(reminded, execution)) == ["daily", "remind", "work"]
