"""With an `Idempotency-Key` a request that is sent again happens once and is answered as the first time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from engine import answers, db, identity
from engine.identity import Actor
from engine.models import Comment, Deployment, HistoryEvent, ProcessInstance, RememberedAnswer
from tests.driver import Bureau
from tests.rest import Client

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()
APPROVED = {"variables": {"approved": {"value": True, "type": "Boolean"}}}
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Refused(Exception):
    """Something goes wrong on the way."""


@pytest.fixture
def designer(bureau: Bureau) -> Client:
    client = Client(bureau, "designer")
    assert client.deploy(HOLIDAY).status_code == 200
    return client


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


def actor(login: str) -> Actor:
    with db.reading() as session:
        person = identity.find(session, login)
        assert person is not None
        return identity.actor(person)


def holidays() -> int:
    with db.reading() as session:
        ours = select(func.count()).select_from(ProcessInstance).where(ProcessInstance.definition_key == "holiday")
        return session.scalar(ours) or 0


def test_a_start_that_is_sent_again_starts_nothing_more(designer: Client) -> None:
    def start(**given: Any) -> TestResponse:
        return designer.post("/process-definition/key/holiday/start", json=given, headers=key("k-1"))

    first, again = start(businessKey="H-1"), start(businessKey="H-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.data == first.data
    assert again.mimetype == "application/json"
    assert "Idempotency-Replayed" in again.headers
    assert "Idempotency-Replayed" not in first.headers
    assert holidays() == 1
    other = start(businessKey="H-2")
    assert (other.status_code, "已用于另一个请求" in other.text) == (422, True)
    assert holidays() == 1


def test_every_act_may_be_repeated(bureau: Bureau, designer: Client) -> None:
    instance = designer.starts("holiday")
    (task,) = designer.told(f"/task?processInstanceId={instance}")
    acts: list[tuple[str, str, Any]] = [
        ("POST", f"/task/{task['id']}/claim", {"userId": "designer"}),
        ("POST", f"/task/{task['id']}/comment/create", {"message": "同意"}),
        ("PUT", f"/process-instance/{instance}/variables/days", {"value": 2}),
        ("POST", f"/task/{task['id']}/complete", {**APPROVED, "withVariablesInReturn": True}),
    ]
    for number, (method, path, sent) in enumerate(acts):
        first = designer.send(method, path, json=sent, headers=key(f"act-{number}"))
        assert first.status_code in (200, 204), path
        before = bureau.count(HistoryEvent)
        again = designer.send(method, path, json=sent, headers=key(f"act-{number}"))
        assert (again.status_code, again.data) == (first.status_code, first.data)
        assert bureau.count(HistoryEvent) == before
    assert bureau.count(Comment) == 1
    unkeyed = designer.post(f"/task/{task['id']}/complete", json=APPROVED)
    assert unkeyed.status_code == 409


def test_of_several_that_come_at_once_one_acts_and_all_hear_the_same(bureau: Bureau, designer: Client) -> None:
    clients = [Client(bureau, "designer") for _ in range(4)]
    together = Barrier(len(clients))

    def start(client: Client, again: str) -> tuple[int, bytes]:
        together.wait()
        answer = client.post("/process-definition/key/holiday/start", json={}, headers=key(again))
        return answer.status_code, answer.data

    with ThreadPoolExecutor(len(clients)) as pool:
        for number in range(1, 6):
            ((status, _),) = set(pool.map(start, clients, [f"race-{number}"] * len(clients)))
            assert (status, holidays()) == (200, number)


def test_whoever_comes_second_has_the_key_if_the_first_is_refused(bureau: Bureau) -> None:
    designer, began = actor("designer"), Event()

    def first() -> None:
        with db.transaction() as session:
            assert answers.reserve(session, "k", "same", actor=designer) is None
            began.set()
            raise Refused

    def second() -> bool:
        began.wait()
        with db.transaction() as session:
            return answers.reserve(session, "k", "same", actor=designer) is None

    with ThreadPoolExecutor(2) as pool:
        waiting, refused = pool.submit(second), pool.submit(first)
        with pytest.raises(Refused):
            refused.result(timeout=10)
        assert waiting.result(timeout=10)


def test_a_refusal_is_not_remembered(bureau: Bureau, designer: Client) -> None:
    (task,) = designer.told(f"/task?processInstanceId={designer.starts('holiday')}")

    def complete(sent: dict[str, Any]) -> int:
        return designer.post(f"/task/{task['id']}/complete", json=sent, headers=key("once")).status_code

    assert complete({}) == 400  # the condition behind it has no value to judge by
    assert bureau.count(RememberedAnswer) == 0
    assert complete(APPROVED) == 204
    assert complete(APPROVED) == 204
    assert complete({}) == 422


def test_a_key_belongs_to_a_person(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(5), "draft_plan")
    one, other = Client(bureau, "jj_officer1"), Client(bureau, "jj_officer2")
    assert one.post(f"/task/{task}/claim", json={}, headers=key("k")).status_code == 204
    assert other.post(f"/task/{task}/claim", json={}, headers=key("k")).status_code == 409
    assert one.post(f"/task/{task}/claim", json={}, headers=key("k")).status_code == 204


def test_a_deployment_is_repeated_whatever_boundary_the_client_draws(bureau: Bureau, designer: Client) -> None:
    before = bureau.count(Deployment)
    first, again = (designer.deploy(HOLIDAY, "new.bpmn", headers=key("d")) for _ in range(2))
    assert first.json == again.json
    assert bureau.count(Deployment) == before + 1
    other = designer.deploy(HOLIDAY.replace(b"Decide", b"Judge"), "new.bpmn", headers=key("d"))
    assert other.status_code == 422


@ON_SQLITE
@pytest.mark.parametrize(
    ("given", "status"),
    [("k" * 255, 204), ("~ !", 204), ("k" * 256, 400), ("", 400), ("键".encode().decode("latin-1"), 400)],
)
def test_keys_are_short_and_printable(bureau: Bureau, given: str, status: int) -> None:
    task = bureau.open_task(bureau.point(5), "draft_plan")
    answer = Client(bureau, "jj_officer1").post(f"/task/{task}/claim", json={}, headers=key(given))
    assert answer.status_code == status


@ON_SQLITE
def test_what_was_answered_and_what_was_done_are_one(
    bureau: Bureau, designer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the answer cannot be kept, nothing has happened either."""

    def fail(*_: object, **__: object) -> None:
        raise Refused

    with monkeypatch.context() as broken:
        broken.setattr(answers, "remember", fail)
        refused = designer.post("/process-definition/key/holiday/start", json={}, headers=key("k"))
        assert refused.status_code == 500
    assert (holidays(), bureau.count(RememberedAnswer)) == (0, 0)
    assert designer.post("/process-definition/key/holiday/start", json={}, headers=key("k")).status_code == 200
    assert holidays() == 1
