"""Messages and signals over REST: whom they reach, what they carry, and who may send them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.models import Job
from tests.driver import Bureau
from tests.rest import Client

ORDER = Path(__file__).with_name("order.bpmn").read_bytes()


@pytest.fixture
def designer(bureau: Bureau) -> Client:
    client = Client(bureau, "designer")
    assert client.deploy(ORDER).status_code == 200
    return client


def state(client: Client, instance_id: str) -> str:
    return str(client.told(f"/history/process-instance/{instance_id}")["state"])


def waits(client: Client, instance_id: str) -> list[str]:
    return [each["eventName"] for each in client.told(f"/event-subscription?processInstanceId={instance_id}")]


def variable(value: Any) -> dict[str, Any]:
    return {"value": value}


def test_a_message_reaches_the_one_that_waits_and_brings_variables(designer: Client) -> None:
    first, second = (designer.starts("order", businessKey=key) for key in ("O-1", "O-2"))
    assert waits(designer, first) == ["paid"]
    answer = designer.post(
        "/message",
        json={
            "messageName": "paid",
            "businessKey": "O-1",
            "processVariables": {"sum": variable(80)},
            "resultEnabled": True,
        },
    )
    assert [(each["resultType"], each["processInstance"]["id"]) for each in answer.json or []] == [("Execution", first)]
    assert designer.told(f"/process-instance/{first}/variables/sum")["value"] == 80
    assert (waits(designer, first), waits(designer, second)) == (["closed"], ["paid"])


def test_a_message_for_nobody_or_for_one_of_several_is_refused(designer: Client) -> None:
    nobody = designer.post("/message", json={"messageName": "paid"})
    assert (nobody.status_code, "没有流程" in nobody.text) == (400, True)
    two = [designer.starts("order") for _ in range(2)]
    unclear = designer.post("/message", json={"messageName": "paid"})
    assert (unclear.status_code, "2 个流程" in unclear.text) == (400, True)
    assert [waits(designer, each) for each in two] == [["paid"], ["paid"]]
    assert designer.post("/message", json={"messageName": "paid", "all": True}).status_code == 204
    assert [waits(designer, each) for each in two] == [["closed"], ["closed"]]


def test_a_message_finds_its_instance_by_variables(designer: Client) -> None:
    for number in (1, 2):
        designer.starts("order", variables={"number": variable(number)}, businessKey=f"O-{number}")
    wanted = {"messageName": "paid", "correlationKeys": {"number": variable(2)}, "resultEnabled": True}
    (result,) = designer.post("/message", json=wanted).json or []
    assert result["processInstance"]["businessKey"] == "O-2"


def test_a_message_begins_a_process(designer: Client) -> None:
    answer = designer.post("/message", json={"messageName": "ordered", "businessKey": "O-9", "resultEnabled": True})
    (result,) = answer.json or []
    assert (result["resultType"], result["processInstance"]["businessKey"]) == ("ProcessDefinition", "O-9")
    passed = designer.told(f"/history/activity-instance?processInstanceId={result['processInstance']['id']}")
    assert [each["activityId"] for each in passed] == ["ordered", "paid"]


def test_a_signal_reaches_all_that_wait_once_it_is_committed(bureau: Bureau, designer: Client) -> None:
    three = [designer.starts("order") for _ in range(3)]
    assert designer.post("/message", json={"messageName": "paid", "all": True}).status_code == 204
    assert designer.post("/signal", json={"name": "closed"}).status_code == 204
    assert [state(designer, each) for each in three] == ["ACTIVE"] * 3
    bureau.settle()
    assert [state(designer, each) for each in three] == ["COMPLETED"] * 3
    assert designer.post("/signal", json={"name": "closed", "executionId": three[0]}).status_code == 400


def test_only_designers_send_and_never_to_what_a_unit_answers_for(bureau: Bureau, designer: Client) -> None:
    commitment = bureau.commitments(bureau.point(5))[0]
    (awaited, *_) = designer.told(f"/event-subscription?processInstanceId={commitment}")
    assert awaited["eventName"] == "plan_approved"
    before = bureau.count(Job)
    for login in ("juzhang", "jj_head", "sysadmin"):
        stranger = Client(bureau, login)
        assert stranger.post("/message", json={"messageName": "paid"}).status_code == 403
        assert stranger.post("/signal", json={"name": "closed"}).status_code == 403
    message = {"messageName": "plan_approved", "processInstanceId": commitment}
    assert designer.post("/message", json=message).status_code == 403
    assert [each["eventName"] for each in designer.told(f"/event-subscription?processInstanceId={commitment}")] == [
        "plan_approved"
    ]
    assert bureau.count(Job) == before


def test_subscriptions_are_shown_to_those_who_may_see_the_instance(bureau: Bureau, designer: Client) -> None:
    designer.starts("order")
    assert designer.told("/event-subscription/count?eventName=paid") == {"count": 1}
    assert Client(bureau, "jj_officer1").told("/event-subscription?eventName=paid") == []
