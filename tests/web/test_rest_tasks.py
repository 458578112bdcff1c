"""Tasks over REST: handing them out, what is said at them, their forms, and who has done them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import db, history
from engine.models import UserTask
from tests.driver import Bureau
from tests.rest import Client

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()
PLAN = {"goal": "目标", "measures": "措施", "milestones": "节点"}
SENT = {"variables": {name: {"value": value} for name, value in PLAN.items()}}


@pytest.fixture
def head(bureau: Bureau) -> Iterator[Client]:
    yield Client(bureau, "jj_head")
    with db.reading() as session:
        assert list(history.broken_chains(session)) == []


@pytest.fixture
def draft(bureau: Bureau) -> str:
    """A task that is offered to the officers of 基教."""
    return bureau.open_task(bureau.point(5), "draft_plan")


def test_a_head_hands_out_what_is_offered_to_the_unit(bureau: Bureau, head: Client, draft: str) -> None:
    first, second = Client(bureau, "jj_officer1"), Client(bureau, "jj_officer2")
    assert head.post(f"/task/{draft}/assignee", json={"userId": "jj_officer2"}).status_code == 204
    assert head.told(f"/task/{draft}")["assignee"] == "jj_officer2"
    assert [each["id"] for each in second.told("/task?assignee=jj_officer2")] == [draft]
    assert first.post(f"/task/{draft}/complete", json=SENT).status_code == 403
    assert not bureau.person("jj_officer1").get("/tasks").says(draft)
    assert head.post(f"/task/{draft}/assignee", json={"userId": None}).status_code == 204
    assert head.told(f"/task/{draft}")["assignee"] is None
    assert first.post(f"/task/{draft}/complete", json=SENT).status_code == 204
    assert head.post(f"/task/{draft}/assignee", json={"userId": "jj_officer2"}).status_code == 409
    (done,) = head.told(f"/history/task?processInstanceId={bureau.point(5)}&finished=true")
    assert (done["assignee"], done["deleteReason"]) == ("jj_officer1", "completed")
    assert head.told("/history/task/count?taskAssignee=jj_officer1&taskDefinitionKey=draft_plan") == {"count": 1}
    (waiting,) = head.told(f"/history/task?processInstanceId={bureau.point(5)}&unfinished=true")
    assert (waiting["taskDefinitionKey"], waiting["endTime"]) == ("review_plan", None)


def test_only_a_candidate_is_given_a_task_and_only_by_the_head(bureau: Bureau, head: Client, draft: str) -> None:
    for login in ("juzhang", "liangxi_officer1", "nobody", "jj_head"):
        assert head.post(f"/task/{draft}/assignee", json={"userId": login}).status_code == 400, login
    for login, status in {"jj_officer1": 403, "designer": 403, "xc_head": 404, "liangxi_officer1": 404}.items():
        answer = Client(bureau, login).post(f"/task/{draft}/assignee", json={"userId": "jj_officer1"})
        assert answer.status_code == status, login
    assert head.told(f"/task/{draft}")["assignee"] is None


def test_nobody_is_given_the_review_of_their_own_work(bureau: Bureau, head: Client, draft: str) -> None:
    assert Client(bureau, "jj_officer1").post(f"/task/{draft}/complete", json=SENT).status_code == 204
    review = bureau.open_task(bureau.point(5), "review_plan")
    with db.transaction() as session:
        session.get_one(UserTask, review).candidate_groups = ["officer@JJ"]
    refused = head.post(f"/task/{review}/assignee", json={"userId": "jj_officer1"})
    assert (refused.status_code, "审核" in refused.text) == (400, True)
    assert head.post(f"/task/{review}/assignee", json={"userId": "jj_officer2"}).status_code == 204


def test_what_is_said_at_a_task_stays(bureau: Bureau, head: Client, draft: str) -> None:
    officer, stranger = Client(bureau, "jj_officer1"), Client(bureau, "liangxi_officer1")
    assert head.post(f"/task/{draft}/comment/create", json={"message": "请补充经费来源"}).status_code == 200
    said = officer.post(f"/task/{draft}/comment/create", json={"message": "已补充", "id": None, "links": None}).json
    assert said is not None
    assert officer.post(f"/task/{draft}/complete", json=SENT).status_code == 204
    told = head.told(f"/task/{draft}/comment")
    assert [(each["userId"], each["message"]) for each in told] == [
        ("jj_head", "请补充经费来源"), ("jj_officer1", "已补充"),
    ]  # fmt: skip
    assert head.told(f"/process-instance/{bureau.point(5)}/comment") == told
    assert head.told(f"/task/{draft}/comment/{said['id']}") == said
    assert stranger.get(f"/task/{draft}/comment").status_code == 404
    assert stranger.post(f"/task/{draft}/comment/create", json={"message": "x"}).status_code == 404
    for bad in ({}, {"message": ""}, {"message": " \n"}, {"message": "x" * 5_000}, {"message": "x", "id": "1"}):
        assert head.post(f"/task/{draft}/comment/create", json=bad).status_code == 400, bad
    with db.reading() as session:
        noted = [event for event in history.of(session, bureau.point(5)) if event.kind == "comment.added"]
    assert [each.detail["text"] for each in noted] == [history.fingerprint(each["message"]) for each in told]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_client_finds_the_form_and_the_variables(bureau: Bureau, head: Client, draft: str) -> None:
    assert head.told(f"/task/{draft}/form") == {"key": "plan.draft", "contextPath": None, "camundaFormRef": None}
    designer = Client(bureau, "designer")
    assert designer.deploy(HOLIDAY).status_code == 200
    started = designer.starts("holiday", variables={"days": {"value": 3}, "why": {"value": "x"}})
    (task,) = designer.told(f"/task?processInstanceId={started}")
    assert designer.told(f"/task/{task['id']}/form-variables").keys() == {"days", "why"}
    wanted = designer.told(f"/task/{task['id']}/form-variables?variableNames=days,none&deserializeValues=false")
    assert wanted == {"days": {"value": 3, "type": "Integer", "valueInfo": {}}}
