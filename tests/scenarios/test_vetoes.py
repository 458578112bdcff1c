"""一票否决: who is barred is refused wherever people are named, and a flow stops before it announces somebody who is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

import forms
from engine import clock, db, user_tasks
from engine.models import Bar
from engine.vetoes import checks, register
from tests.driver import Answer, Bureau
from tests.rest import Client
from tests.scenarios.test_oversight import step

pytestmark = pytest.mark.either_database

BAR = {
    "kind": "person", "subject": "王 小 明", "unit": "江阴市云帆小学（演示）", "reason": "conduct", "sanction": "warning",
    "basis": "锡教人〔2021〕3号", "starts_on": "2021-03-01", "scopes": ["award", "title"],
}  # fmt: skip
ROWS = {
    "rows.0.name": "李立春", "rows.0.unit": "江阴市云帆小学（演示）", "rows.1.name": "王小明",
    "rows.1.unit": "云帆小学", "title": "师德模范推荐",
}  # fmt: skip
FORM = forms.parse({"id": "test.award", "components": [
    {"type": "textfield", "key": "title", "label": "标题", "validate": {"required": True, "maxLength": 50}},
    {"type": "dynamiclist", "path": "rows", "label": "推荐人选", "validate": {"required": True}, "components": [
        {"type": "textfield", "key": "name", "label": "姓名", "validate": {"required": True, "maxLength": 40}},
        {"type": "textfield", "key": "unit", "label": "单位", "validate": {"maxLength": 90}},
        {"type": "textfield", "key": "id_hint", "label": "证件号后四位", "validate": {"maxLength": 4}},
    ]},
]})  # fmt: skip
DIAGRAM = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="award_definitions" targetNamespace="http://example.org/award">
  <bpmn:process id="award" name="评选" isExecutable="true">
    <bpmn:startEvent id="begun"/><bpmn:sequenceFlow id="f1" sourceRef="begun" targetRef="nominate"/>
    <bpmn:userTask id="nominate" name="推荐" camunda:formKey="test.award" camunda:candidateGroups="officer@RS"/>
    <bpmn:sequenceFlow id="f2" sourceRef="nominate" targetRef="approve"/>
    <bpmn:userTask id="approve" name="审定" camunda:formKey="decision" camunda:candidateGroups="department_head@RS"/>
    <bpmn:sequenceFlow id="f3" sourceRef="approve" targetRef="recheck"/>
    <bpmn:serviceTask id="recheck" name="核对一票否决" camunda:delegateExpression="${veto.recheck}"/>
    <bpmn:sequenceFlow id="f4" sourceRef="recheck" targetRef="clear"/>
    <bpmn:exclusiveGateway id="clear" default="f6"/>
    <bpmn:sequenceFlow id="f5" sourceRef="clear" targetRef="announced">
      <bpmn:conditionExpression xsi:type="bpmn:tFormalExpression">${barred == 0}</bpmn:conditionExpression></bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="f6" sourceRef="clear" targetRef="nominate"/>
    <bpmn:endEvent id="announced"/>
  </bpmn:process>
</bpmn:definitions>
""".encode()


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form with nominees beside those we ship, and its check."""
    get, find, keys = forms.get, forms.find, forms.keys
    monkeypatch.setattr(forms, "get", lambda key: FORM if key == FORM.key else get(key))
    monkeypatch.setattr(forms, "find", lambda key: FORM if key == FORM.key else find(key))
    monkeypatch.setattr(forms, "keys", lambda: keys() | {FORM.key})
    monkeypatch.setitem(user_tasks.checks, FORM.key, checks.no_barred("award", "rows"))


def bar(bureau: Bureau, /, who: str = "rs_head", **other: Any) -> Answer:
    return bureau.person(who).post("/vetoes/new", BAR | other)


def registered() -> Bar:
    with db.reading() as session:
        return session.scalars(select(Bar).order_by(Bar.sequence.desc())).first()  # type: ignore[return-value]


@pytest.fixture
def award(bureau: Bureau) -> str:
    designer = Client(bureau, "designer")
    assert designer.deploy(DIAGRAM).status_code == 200
    return designer.starts("award")


def nominate(bureau: Bureau, award: str, **other: str) -> Answer:
    return bureau.person("rs_officer1").does(bureau.open_task(award, "nominate"), **ROWS | other)


def test_a_barred_teacher_is_refused_with_rule_and_source(bureau: Bureau, award: str) -> None:
    assert bar(bureau).status == 302
    refused = nominate(bureau, award)
    assert (refused.status, refused.says("师德模范推荐"), refused.says("李立春")) == (422, True, True)
    for words in (
        "王 小 明在一票否决期内（至2021-08-31）",
        "锡教人〔2021〕3号",
        "《中小学教师违反职业道德行为处理办法》第三条",
    ):
        assert refused.says(words), words
    # another of that name, at another school; and one whom the identity number tells apart
    assert nominate(bureau, award, **{"rows.1.unit": "宜兴市中学"}).status == 302


def test_who_changed_schools_is_known_by_the_identity_number(bureau: Bureau, award: str) -> None:
    assert bar(bureau, id_hint="123x").status == 302
    moved = {"rows.1.unit": "宜兴市中学"}
    assert nominate(bureau, award, **moved).says("如系同名，请填证件号后四位")
    assert nominate(bureau, award, **moved, **{"rows.1.id_hint": "123X"}).status == 422
    assert nominate(bureau, award, **moved, **{"rows.1.id_hint": "4567"}).status == 302


def test_a_bar_that_comes_later_stops_the_flow(bureau: Bureau, award: str) -> None:
    assert nominate(bureau, award).status == 302
    assert bar(bureau).status == 302
    step(bureau, "rs_head", award, "approve", decision="approve")
    assert list(bureau.open_tasks(award)) == ["nominate"]
    # lifted, the flow runs through
    lifted = {"decision": "锡教人〔2021〕9号"}
    assert bureau.person("rs_head").post(f"/vetoes/{registered().id}/lift", lifted).status == 302
    assert nominate(bureau, award).status == 302
    step(bureau, "rs_head", award, "approve", decision="approve")
    assert bureau.status(award) == "completed"


@pytest.mark.parametrize(
    ("other", "status"),
    [({"ends_on": "2021-09-01"}, 422), ({"sanction": "none", "ends_on": "2021-03-10"}, 302), ({"scopes": ["grant"]}, 302)],
    ids=["in force", "ended", "another scope"],
)  # fmt: skip
def test_only_what_is_in_force_and_meant_bars(bureau: Bureau, award: str, other: dict[str, Any], status: int) -> None:
    assert bar(bureau, **other).status == 302
    assert nominate(bureau, award).status == status


@pytest.mark.parametrize(
    ("sanction", "last"), [("warning", "2021-08-31"), ("demerit", "2022-02-28"), ("demotion", "2023-02-28")]
)  # fmt: skip
def test_a_sanction_bars_for_its_period_and_says_why(bureau: Bureau, sanction: str, last: str) -> None:
    assert bar(bureau, sanction=sanction).status == 302
    held = registered()
    assert held.ends_on == date.fromisoformat(last)
    assert "第三条" in held.ends_why
    shorter = bar(bureau, sanction=sanction, ends_on="2021-08-01")
    assert (shorter.status, shorter.says(f"不能早于{last}")) == (422, True)


def test_who_may_keep_the_register_and_who_reads_names(bureau: Bureau) -> None:
    assert bar(bureau, who="jj_head").status == 403
    assert bar(bureau, who="duban1").status == 302
    assert bureau.person("rs_head").get("/vetoes").says("王 小 明")
    masked = bureau.person("jj_head").get("/vetoes")
    assert (masked.status, masked.says("王 小 明"), masked.says("王某"), masked.says("云帆小学")) == (
        200,
        False,
        True,
        False,
    )
    assert bureau.person("jj_officer1").get("/vetoes").status == 404
    assert "/vetoes" not in bureau.person("jj_officer1").get("/tasks").text
    assert bureau.person("jj_head").get(f"/vetoes/{registered().id}/lift").status == 403


def test_lifting_is_written_down_once(bureau: Bureau) -> None:
    bar(bureau)
    lift, told = f"/vetoes/{registered().id}/lift", {"decision": "锡教人〔2021〕9号"}
    assert bureau.person("rs_head").post(lift, told | {"decision": ""}).says("请填写解除决定文号")
    assert bureau.person("rs_head").post(lift, told).status == 302
    assert bureau.person("rs_head").post(lift, told).status == 409
    assert not bureau.person("rs_head").get("/vetoes").says("锡教人〔2021〕9号")
    assert bureau.person("rs_head").get("/vetoes?state=ended").says("锡教人〔2021〕9号")
    held = registered()
    assert (held.lifted_by_id is not None, held.is_in_force(clock.today())) == (True, False)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"starts_on": "2021-12-01"}, "不能晚于今天"), ({"unit": ""}, "请填写所在单位"), ({"scopes": []}, "否决范围"),
        ({"sanction": "none", "ends_on": "2021-02-01"}, "不能早于起始日期"),
        ({"subject": " "}, "姓名或单位名称"), ({"subject": "……"}, "不能只有符号"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_beside_its_field(bureau: Bureau, other: dict[str, Any], said: str) -> None:
    refused = bar(bureau, **other)
    assert (refused.status, refused.says(said), refused.says("锡教人〔2021〕3号")) == (422, True, True)
    assert bureau.count(Bar) == 0


def test_names_are_compared_as_people_mean_them() -> None:
    assert register.compared("王　小明") == register.compared("王小明")
    assert register.compared("买买提·艾力") == register.compared("买买提•艾力")
