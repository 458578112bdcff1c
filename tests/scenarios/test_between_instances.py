"""Instances that hear of one another, begin by events, and people who are asked together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from sqlalchemy import select

from engine import correlation, db, definitions, history, identity, instances, jobs, messages, signers, user_tasks
from engine.errors import NotAllowed
from engine.identity import Actor
from engine.models import EventSubscription, Incident, ProcessInstance, UserTask
from tests.driver import Bureau

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="d" targetNamespace="t">'
    '<bpmn:message id="paid" name="paid"/><bpmn:signal id="alarm" name="alarm"/>'
)
KEY = (
    "<bpmn:extensionElements><camunda:properties>"
    '<camunda:property name="correlation_key" value="${order}"/></camunda:properties></bpmn:extensionElements>'
)
MESSAGE, SIGNAL = '<bpmn:messageEventDefinition messageRef="paid"/>', '<bpmn:signalEventDefinition signalRef="alarm"/>'


def line(key: str, *steps: tuple[str, str]) -> bytes:
    """A process that is one line: `(element, what is in it)`, then an end."""
    ids = [f"{key}_{number}" for number in range(len(steps) + 1)]
    drawn = "".join(
        f'<bpmn:{kind} id="{name}">{inner}</bpmn:{kind.split()[0]}>'
        for name, (kind, inner) in zip(ids, [*steps, ("endEvent", "")], strict=True)
    )
    flows = "".join(
        f'<bpmn:sequenceFlow id="{a}-{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in itertools.pairwise(ids)
    )
    return (
        f'{HEAD}<bpmn:process id="{key}" isExecutable="true">{drawn}{flows}</bpmn:process></bpmn:definitions>'.encode()
    )


WAITER = line("waiter", ("startEvent", ""), ("intermediateCatchEvent", KEY + MESSAGE), ("userTask", ""))
PAYER = line("payer", ("startEvent", ""), ("userTask", ""), ("intermediateThrowEvent", KEY + MESSAGE))
LISTENER = line("listener", ("startEvent", ""), ("intermediateCatchEvent", SIGNAL), ("userTask", ""))
CALLER = line("caller", ("startEvent", ""), ("userTask", ""), ("intermediateThrowEvent", SIGNAL))
BY_MESSAGE = line("by_message", ("startEvent", MESSAGE), ("userTask", ""))
BY_SIGNAL = line("by_signal", ("startEvent", SIGNAL), ("userTask", ""))
WEEKLY = line(
    "weekly",
    ("startEvent", "<bpmn:timerEventDefinition><bpmn:timeCycle>R3/P7D</bpmn:timeCycle></bpmn:timerEventDefinition>"),
    ("userTask", ""),
)
VOTE = line(
    "vote", ("startEvent", ""),
    ('userTask camunda:assignee="${person}"',
     '<bpmn:multiInstanceLoopCharacteristics camunda:collection="people" camunda:elementVariable="person">'
     '<bpmn:loopDataOutputRef>votes</bpmn:loopDataOutputRef><bpmn:outputDataItem id="item" name="vote"/>'
     "<bpmn:completionCondition>count(votes, 'yes') * 2 &gt; nrOfInstances</bpmn:completionCondition>"
     "</bpmn:multiInstanceLoopCharacteristics>"),
    ("userTask", ""),
)  # fmt: skip


class Office:
    """The bureau, with the designer who starts things and does them."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        with db.transaction() as session:
            files = {"waiter": WAITER, "payer": PAYER, "listener": LISTENER, "caller": CALLER, "vote": VOTE}
            definitions.deploy(session, "test", {f"{name}.bpmn": content for name, content in files.items()})

    def actor(self, login: str = "designer") -> Actor:
        with db.reading() as session:
            person = identity.find(session, login)
            assert person is not None
            return identity.actor(person)

    def deploy(self, name: str, content: bytes) -> None:
        with db.transaction() as session:
            definitions.deploy(session, "test", {f"{name}.bpmn": content})

    def start(self, key: str, **variables: Any) -> str:
        with db.transaction() as session:
            return instances.start(session, key, variables, actor=self.actor()).id

    def do(self, instance_id: str, login: str = "designer", **variables: Any) -> None:
        with db.transaction() as session:
            mine = select(UserTask.id).where(UserTask.instance_id == instance_id, UserTask.status == "open")
            tasks = list(session.scalars(mine.where(UserTask.assignee_id == self.actor(login).id)))
            user_tasks.complete(session, tasks[0], variables, actor=self.actor(login))

    def stands_at(self, instance_id: str) -> list[str]:
        return list(self.bureau.open_tasks(instance_id))

    def of(self, key: str) -> list[str]:
        with db.reading() as session:
            return list(session.scalars(select(ProcessInstance.id).where(ProcessInstance.definition_key == key)))


@pytest.fixture
def office(bureau: Bureau) -> Office:
    return Office(bureau)


def test_a_message_finds_the_one_instance_with_its_key(office: Office) -> None:
    waiting = {order: office.start("waiter", order=order) for order in ("A-1", "A-2")}
    office.do(office.start("payer", order="A-2"), amount=5)
    assert office.stands_at(waiting["A-2"]) == [], "nothing happens before the sender is stored"
    office.bureau.settle()
    assert (office.stands_at(waiting["A-1"]), office.stands_at(waiting["A-2"])) == ([], ["waiter_2"])
    with db.reading() as session:
        assert list(session.scalars(select(EventSubscription.correlation_key))).count("A-2") == 0
        assert list(history.broken_chains(session)) == []


def test_a_message_for_nobody_is_tried_again_and_then_shown(office: Office) -> None:
    office.do(office.start("payer", order="A-9"))
    office.bureau.settle()
    late = office.start("waiter", order="A-9")
    office.bureau.let_time_pass(minutes=2)
    assert office.stands_at(late) == ["waiter_2"], "it came before anybody waited, and was not lost"
    office.do(office.start("payer", order="A-9"))
    for _ in range(4):
        office.bureau.let_time_pass(minutes=31)
    with db.reading() as session:
        (incident,) = session.scalars(select(Incident))
        assert "paid" in incident.message


def test_two_that_wait_for_the_same_message_are_a_question_for_people(office: Office) -> None:
    for _ in range(2):
        office.start("waiter", order="A-1")
    with db.transaction() as session, pytest.raises(correlation.NobodyWaits):
        correlation.correlate(session, "paid", business_key="A-1", actor=None)
    with db.transaction() as session:
        assert len(correlation.correlate(session, "paid", business_key="A-1", every=True, actor=None)) == 2


def test_a_signal_is_heard_by_everybody_who_listens(office: Office) -> None:
    office.deploy("by_signal", BY_SIGNAL)
    listening = [office.start("listener") for _ in range(3)]
    office.do(office.start("caller"))
    office.bureau.settle()
    assert [office.stands_at(each) for each in listening] == [["listener_2"]] * 3
    (begun,) = office.of("by_signal")
    assert office.stands_at(begun) == ["by_signal_1"]


def test_a_process_begins_by_a_message_in_its_latest_version(office: Office) -> None:
    office.deploy("by_message", BY_MESSAGE)
    office.deploy("by_message", BY_MESSAGE.replace(b"by_message_1", b"by_message_one"))
    with db.transaction() as session:
        (begun,) = correlation.correlate(session, "paid", payload={"amount": 3}, actor=None)
    assert office.stands_at(begun) == ["by_message_one"]


def test_a_process_begins_by_its_clock_and_misses_nothing_twice(office: Office) -> None:
    office.deploy("weekly", WEEKLY)
    for days, begun in ((6, 0), (1, 1), (7, 2), (30, 3), (30, 3)):
        office.bureau.let_time_pass(days=days)
        assert len(office.of("weekly")) == begun


def test_a_signal_that_was_thrown_twice_is_heard_once_a_throw(office: Office) -> None:
    listening = office.start("listener")
    with db.transaction() as session:
        for _ in range(2):
            messages.broadcast(session, "alarm", {}, dedupe_key="one alarm")
    assert jobs.run_due() == 1
    assert office.stands_at(listening) == ["listener_2"]


def test_signers_come_and_go_while_they_vote(office: Office) -> None:
    vote = office.start("vote", people=["jj_head", "zj_head"])
    first = next(iter(_tasks(vote)))
    with pytest.raises(NotAllowed), db.transaction() as session:
        signers.add(session, first, "xc_head", actor=office.actor("jj_head"))
    with db.transaction() as session:
        signers.add(session, first, "xc_head", actor=office.actor())
    office.do(vote, "jj_head", vote="yes")
    assert office.stands_at(vote) == ["vote_1"], "one of three is no majority"
    with db.transaction() as session:
        signers.remove(session, next(iter(_tasks(vote))), actor=office.actor())
    office.do(vote, "xc_head", vote="yes")
    assert office.stands_at(vote) == ["vote_2"]
    with db.reading() as session:
        kinds = [event.kind for event in history.of(session, vote)]
        assert (kinds.count("signer.added"), kinds.count("signer.removed")) == (1, 1)
        assert list(history.broken_chains(session)) == []


def _tasks(instance_id: str) -> list[str]:
    with db.reading() as session:
        mine = select(UserTask.id).where(UserTask.instance_id == instance_id, UserTask.status == "open")
        return list(session.scalars(mine.order_by(UserTask.created_at, UserTask.id)))
