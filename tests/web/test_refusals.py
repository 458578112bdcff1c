"""Bad input and wrong people: a clear message, the right status, nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.models import HistoryEvent, ProcessDefinition, ProcessInstance
from tests.driver import PASSWORD, Bureau
from tests.rest import Client

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()


@pytest.fixture
def designer(bureau: Bureau) -> Client:
    return Client(bureau, "designer")


def replaced(old: str, new: str) -> bytes:
    assert old.encode() in HOLIDAY
    return HOLIDAY.replace(old.encode(), new.encode())


BAD_DIAGRAMS = {
    "empty": (b"", "XML"),
    "not XML": (b"\x00\x01binary", "XML"),
    "cut off": (HOLIDAY[:500], "XML"),
    "not BPMN": (b"<html/>", "BPMN"),
    "a DOCTYPE": (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + HOLIDAY.split(b"?>", 1)[1], "DOCTYPE"),
    "Python in a condition": (replaced("approved == true", "__import__('os')"), "无法使用"),
    "a complex gateway": (replaced("exclusiveGateway", "complexGateway"), "复杂网关"),
    "a call of nothing": (replaced('<bpmn:userTask id="decide"', '<bpmn:callActivity calledElement="nowhere" id="decide"')
                          .replace(b"</bpmn:userTask>", b"</bpmn:callActivity>"), "nowhere"),
    "a function nobody has": (replaced("bpmn:userTask id", 'bpmn:serviceTask camunda:delegateExpression="${os.system}" id')
                              .replace(b"</bpmn:userTask>", b"</bpmn:serviceTask>")
                              .replace(b"<bpmn:definitions", b'<bpmn:definitions xmlns:camunda="http://camunda.org/schema/1.0/bpmn"'),
                              "os.system"),
    "the same id twice": (replaced('id="refused"', 'id="granted"'), "重复"),
    "a conditional event": (replaced('<bpmn:endEvent id="refused">', '<bpmn:endEvent id="refused"><bpmn:signalEventDefinition/>'),
                            "signal"),
}  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", BAD_DIAGRAMS)
def test_a_diagram_that_would_not_run_as_drawn_is_refused(bureau: Bureau, designer: Client, name: str) -> None:
    content, reason = BAD_DIAGRAMS[name]
    before = bureau.count(ProcessDefinition)
    answer = designer.deploy(content)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["type"] == "ParseException"
    assert reason in answer.json["message"]
    assert bureau.count(ProcessDefinition) == before


@pytest.mark.parametrize("login", ["juzhang", "jj_officer1", "sysadmin", "liangxi_officer1"])
def test_only_a_designer_deploys_and_starts(bureau: Bureau, login: str) -> None:
    assert Client(bureau, login).deploy(HOLIDAY).status_code == 403
    assert Client(bureau, login).post("/process-definition/key/periodic_duty/start", json={}).status_code == 403


@pytest.mark.parametrize("key", ["item_round", "overdue_escalation", "double_random_check_item", "school_visit"])
def test_what_the_plan_starts_is_started_by_nobody_else(bureau: Bureau, key: str) -> None:
    """Without the plan it has no subject: it would fail half way, or close an item that somebody has named."""
    before = bureau.count(ProcessInstance)
    answer = Client(bureau, "designer").post(f"/process-definition/key/{key}/start", json={})
    assert answer.status_code == 403
    assert bureau.count(ProcessInstance) == before


def test_without_credentials_nothing_is_told(bureau: Bureau) -> None:
    for client in (Client(bureau, "designer", "wrong"), Client(bureau, "nobody")):
        answer = client.get("/task")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_missing_variable_leaves_the_task_open(bureau: Bureau, designer: Client) -> None:
    assert designer.deploy(HOLIDAY).status_code == 200
    started = designer.post("/process-definition/key/holiday/start", json={}).json
    assert started is not None
    (task,) = designer.get(f"/task?processInstanceId={started['id']}").json or []
    before = bureau.count(HistoryEvent)
    refused = designer.post(f"/task/{task['id']}/complete", json={})
    assert refused.status_code == 400
    assert refused.json is not None
    assert "approved" in refused.json["message"]
    assert bureau.count(HistoryEvent) == before
    nonsense: list[Any] = [
        {"a b": {"value": 1}}, {"__class__": {"value": 1}}, {"x": 1}, ["x"], {"x": {"value": "y" * 70_000}},
    ]  # fmt: skip
    for variables in nonsense:
        assert designer.post(f"/task/{task['id']}/complete", json={"variables": variables}).status_code == 400
    assert designer.post(f"/task/{task['id']}/complete", data="x", content_type="text/plain").status_code == 415
    approved = {"variables": {"approved": {"value": True, "type": "Boolean"}}}
    assert designer.post(f"/task/{task['id']}/complete", json=approved).status_code == 204
    again = designer.post(f"/task/{task['id']}/complete", json=approved)
    assert again.status_code == 409


def test_rest_answers_in_its_own_shape(designer: Client) -> None:
    for answer, status in [
        (designer.get("/process-definition/key/nothing"), 404), (designer.get("/task/x"), 404),
        (designer.get("/nowhere"), 404), (designer.post("/version"), 405),
        (designer.get("/task?firstResult=-1"), 400), (designer.post("/deployment/create", json={}), 400),
        (designer.post("/process-definition/key/periodic_duty/start", data="{", content_type="application/json"), 400),
    ]:  # fmt: skip
        assert answer.status_code == status
        assert answer.json is not None
        assert {"type", "message"} <= answer.json.keys()


def test_somebody_elses_task_is_not_there(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(5), "draft_plan")
    stranger = bureau.person("liangxi_officer1")
    assert stranger.get(f"/tasks/{task}").status == 404
    assert stranger.get(f"/instances/{bureau.point(5)}").status == 404
    assert stranger.does(task, goal="x", measures="y", milestones="z").status == 404
    for path in ("claim", "complete", "unclaim"):
        assert Client(bureau, "liangxi_officer1").post(f"/task/{task}/{path}", json={}).status_code == 404


def test_what_no_database_holds_is_not_there_either(bureau: Bureau) -> None:
    somebody = bureau.person("dudao1")
    for path in (
        "/instances/%00",
        "/documents/a%00b.docx",
        "/visits/%00",
        "/tasks?q=%00",
        "/supervision/ledger?clause=%00",
    ):
        assert somebody.get(path).status == 404, path
    assert Client(bureau, "designer").get("/task/%00").status_code == 404
    assert Client(bureau, "no\0body").get("/task").status_code == 401
    unknown = bureau.app.test_client()
    bureau.app.config["WTF_CSRF_ENABLED"] = False
    assert unknown.post("/login", data={"login": "no\0body", "password": "x"}).status_code == 401
    task = bureau.open_task(bureau.point(5), "draft_plan")
    for body in ('{"data":{"a":"\\ud800"}}', '{"data":{"a":' + "9" * 60 + "}}", '{"data":' + "[" * 100_000):
        sent = bureau.person("jj_officer1").browser.post(
            f"/tasks/{task}/draft", data=body, content_type="application/json"
        )
        assert sent.status_code in (400, 409), body[:40]


def test_an_unknown_field_and_a_forged_form_are_refused(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(5), "draft_plan")
    officer = bureau.person("jj_officer1")
    forged = officer.does(task, goal="目标在此", measures="y", milestones="z", approved_by="juzhang")
    assert forged.status == 422
    assert forged.says("未知字段")
    assert forged.says("目标在此")
    assert officer.browser.post(f"/tasks/{task}/complete", data={"goal": "x"}).status_code == 400
    assert bureau.open_task(bureau.point(5), "draft_plan") == task


def test_a_head_may_not_approve_what_was_drafted_by_the_same_hand(bureau: Bureau) -> None:
    from engine import db
    from engine.models import UserTask

    point = bureau.point(5)
    plan = {"goal": "x", "measures": "y", "milestones": "z"}
    assert bureau.person("jj_officer1").does(bureau.open_task(point, "draft_plan"), **plan).status == 302
    review = bureau.open_task(point, "review_plan")
    with db.transaction() as session:
        task = session.get_one(UserTask, review)
        task.candidate_groups = ["officer@JJ"]
    answer = bureau.person("jj_officer1").does(review, decision="approve")
    assert answer.status == 403
    assert answer.says("您办过它所要审核的环节")
    assert bureau.person("jj_officer2").does(review, decision="approve").status == 302


def test_a_session_ends_with_logout_and_with_the_account(bureau: Bureau) -> None:
    from engine import db, identity

    officer = bureau.person("jj_officer1")
    cookie = officer.browser.get_cookie("session")
    assert cookie is not None
    officer.post("/logout", {})
    officer.browser.set_cookie("session", cookie.value)
    assert officer.get("/tasks").status == 302
    bureau._people.clear()
    again = bureau.person("jj_officer1")
    with db.transaction() as session:
        person = identity.find(session, "jj_officer1")
        assert person is not None
        person.active = False
    assert again.get("/tasks").status == 302


def test_every_page_carries_the_security_headers(bureau: Bureau) -> None:
    answer = bureau.person("juzhang").browser.get("/plan")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    for sign in (" style=", "<script", "<style", " onclick"):
        assert sign not in answer.get_data(as_text=True)


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\tevil.example//"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_login_goes_on_only_to_pages_of_ours(bureau: Bureau, target: str) -> None:
    bureau.app.config["WTF_CSRF_ENABLED"] = False
    browser = bureau.app.test_client()
    answer = browser.post("/login", data={"login": "juzhang", "password": PASSWORD, "next": target})
    assert answer.location == "/"
    answer = browser.post("/login", data={"login": "juzhang", "password": PASSWORD, "next": "/plan?point=5"})
    assert answer.location == "/plan?point=5"
