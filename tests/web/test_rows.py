"""Rows and conditional fields on a page: nothing typed is lost, with a script or without one."""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any

import pytest
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import db, options, runtime, user_tasks
from engine.identity import Actor
from tests.driver import PASSWORD, Answer, Bureau
from tests.rest import Client

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")
YES_OR_NO = [{"value": "true", "label": "合格"}, {"value": "false", "label": "不合格"}]
FORM = forms.parse({"id": "test.rows", "components": [
    {"type": "group", "label": "项目", "components": [
        {"type": "textfield", "key": "title", "label": "标题", "validate": {"required": True, "maxLength": 50}},
        {
            "type": "dynamiclist", "path": "projects", "label": "项目清单", "description": "一行一个项目",
            "validate": {"required": True}, "components": [
                {"type": "textfield", "key": "name", "label": "项目名称", "validate": {"required": True, "maxLength": 40}},
                {"type": "number", "key": "amount", "label": "投资", "description": "概算批复数",
                 "appearance": {"suffixAdorner": "万元"}, "validate": {"min": 0}},
                {"type": "datetime", "subtype": "date", "key": "done_on", "dateLabel": "竣工日期"},
                {"type": "select", "key": "lead", "label": "牵头处室", "valuesKey": "departments"},
                {"type": "checkbox", "key": "public", "label": "已公示"},
            ],
        },
    ]},
    {"type": "group", "label": "逐校核查", "components": [
        {"type": "text", "text": "每所学校一行，不合格的写明原因。"},
        {
            "type": "dynamiclist", "path": "schools", "label": "核查结果", "properties": {"rowsKey": "checked"},
            "components": [
                {"type": "radio", "key": "passed", "label": "结果", "values": YES_OR_NO, "validate": {"required": True}},
                {"type": "textarea", "key": "reason", "label": "原因", "validate": {"required": True, "maxLength": 200},
                 "properties": {"shownWhen": "passed == false"}},
            ],
        },
        {"type": "radio", "key": "finished", "label": "是否完成", "values": [{"value": "true", "label": "是"},
         {"value": "false", "label": "否"}], "validate": {"required": True}, "properties": {"routing": "true"}},
        {"type": "textarea", "key": "rest", "label": "剩余事项", "validate": {"required": True, "maxLength": 200},
         "properties": {"shownWhen": "finished == false"}},
    ]},
]})  # fmt: skip
DIAGRAM = b"""<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
    id="listing_definitions" targetNamespace="http://example.org/listing">
  <bpmn:process id="listing" name="\xe6\xb8\x85\xe5\x8d\x95" isExecutable="true">
    <bpmn:startEvent id="asked" />
    <bpmn:sequenceFlow id="f1" sourceRef="asked" targetRef="again" />
    <bpmn:exclusiveGateway id="again" />
    <bpmn:sequenceFlow id="f2" sourceRef="again" targetRef="list_projects" />
    <bpmn:userTask id="list_projects" name="\xe5\xa1\xab\xe6\x8a\xa5\xe6\xb8\x85\xe5\x8d\x95"
      camunda:formKey="test.rows" camunda:assignee="jj_officer1" />
    <bpmn:sequenceFlow id="f3" sourceRef="list_projects" targetRef="listed" />
    <bpmn:exclusiveGateway id="listed" default="f4" />
    <bpmn:sequenceFlow id="f4" sourceRef="listed" targetRef="again" />
    <bpmn:sequenceFlow id="f5" sourceRef="listed" targetRef="done">
      <bpmn:conditionExpression>${finished}</bpmn:conditionExpression></bpmn:sequenceFlow>
    <bpmn:endEvent id="done" />
  </bpmn:process>
</bpmn:definitions>"""
SCHOOLS = [("s1", "梁溪区实验小学"), ("s2", "滨湖区第一中学")]
TYPED = {
    "title": "校舍项目", "projects.0.name": "实验小学改扩建", "projects.0.amount": "1,200", "projects.0.lead": "CS",
    "projects.0.public": "true", "schools.0.item": "s1", "schools.1.item": "s2", "finished": "true",
}  # fmt: skip


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of these tests beside those we ship, and its list of schools."""
    get, find, keys = forms.get, forms.find, forms.keys
    monkeypatch.setattr(forms, "get", lambda key: FORM if key == FORM.key else get(key))
    monkeypatch.setattr(forms, "find", lambda key: FORM if key == FORM.key else find(key))
    monkeypatch.setattr(forms, "keys", lambda: keys() | {FORM.key})
    monkeypatch.setitem(options.SOURCES, "checked", lambda _, instance_id: SCHOOLS if instance_id else [])


@pytest.fixture
def instance(bureau: Bureau) -> str:
    designer = Client(bureau, "designer")
    answer = designer.deploy(DIAGRAM)
    assert answer.status_code == 200, answer.text
    return designer.starts("listing")


@pytest.fixture
def task(bureau: Bureau, instance: str) -> str:
    return bureau.open_task(instance, "list_projects")


def value(answer: Answer, name: str) -> str | None:
    """What a control of a page holds."""
    found = re.search(rf'<input [^>]*value="([^"]*)" id="{re.escape(name)}" ', answer.text)
    return html.unescape(found[1]) if found else None


def complaint(answer: Answer, name: str) -> str | None:
    """What stands beside it."""
    found = re.search(rf'<p class="error-text" id="error-{re.escape(name)}">([^<]*)</p>', answer.text)
    return found[1] if found else None


def kept(instance: str) -> list[dict[str, Any]]:
    with db.reading() as session:
        return [each.data for each in user_tasks.submissions(session, instance)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_another_row_without_a_script_loses_nothing_and_does_nothing_else(
    bureau: Bureau, instance: str, task: str
) -> None:
    officer = bureau.person("jj_officer1")
    assert "projects.1.name" not in officer.get(f"/tasks/{task}").text
    # when
    more = officer.does(task, **{**TYPED, "title": "", "+": "projects:3"})
    # then
    assert more.status == 200
    assert value(more, "projects.0.name") == "实验小学改扩建"
    assert value(more, "projects.0.amount") == "1,200"
    assert value(more, "projects.2.name") == ""
    assert "projects.3.name" not in more.text
    assert 'value="projects:4">增加一行' in more.text
    assert not more.says("处要改")
    assert bureau.open_task(instance) == task
    assert kept(instance) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_refusal_keeps_the_rows_and_stands_beside_the_cell(bureau: Bureau, instance: str, task: str) -> None:
    wrong = {"projects.4.amount": "很多", "schools.1.passed": "false", "rest": "没有"}
    answer = bureau.person("jj_officer1").does(task, **TYPED, **wrong)
    assert answer.status == 422
    assert value(answer, "projects.0.name") == "实验小学改扩建"
    assert value(answer, "projects.1.amount") == "很多"
    assert complaint(answer, "projects.1.amount") == "应为数字，如12480或88.4"
    assert complaint(answer, "schools.1.reason") == "请填写原因"
    assert complaint(answer, "rest") == "此项仅在是否完成为否时填写，请清空"
    assert answer.says("第2行 项目名称：请填写项目名称")
    assert answer.says("滨湖区第一中学 原因：请填写原因")
    assert kept(instance) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_was_listed_is_kept_shown_and_offered_again(bureau: Bureau, instance: str, task: str) -> None:
    officer = bureau.person("jj_officer1")
    # when
    checked = {"schools.0.passed": "true", "schools.1.passed": "false", "schools.1.reason": "台账不全"}
    sent = officer.does(task, **{**TYPED, **checked, "finished": "false", "rest": "一项"})
    assert sent.status == 302, sent.text
    # then
    project = {"name": "实验小学改扩建", "amount": 1200, "done_on": None, "lead": "CS", "public": True}
    assert kept(instance) == [{
        "title": "校舍项目", "projects": [project], "finished": False, "rest": "一项",
        "schools": [{"item": "s1", "passed": True, "reason": None}, {"item": "s2", "passed": False, "reason": "台账不全"}],
    }]  # fmt: skip
    again = officer.get(f"/tasks/{bureau.open_task(instance)}")
    assert value(again, "projects.0.amount") == "1200"
    assert 'id="schools.1.passed-false" name="schools.1.passed" value="false" checked' in again.text
    assert 'id="projects.0.public" name="projects.0.public" checked' in again.text
    cells = re.findall("<td data-k=[^>]*>([^<]*)</td>", again.text)
    assert cells[:5] == ["实验小学改扩建", "1200万元", "—", "财务审计处", "是"]
    assert cells[5:] == ["梁溪区实验小学", "合格", "—", "滨湖区第一中学", "不合格", "台账不全"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_rule_of_a_domain_speaks_beside_the_cell(
    bureau: Bureau, instance: str, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(session: Session, of: runtime.Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
        assert (of.id, actor.login) == (instance, "jj_officer1")
        dear = [index for index, row in enumerate(data["projects"]) if (row["amount"] or 0) > 1000]
        if dear:
            raise ValidationError({f"projects.{dear[0]}.amount": ["超过1000万元的项目须先集体决策"]})

    monkeypatch.setitem(user_tasks.checks, FORM.key, check)
    officer = bureau.person("jj_officer1")
    refused = officer.does(task, **TYPED)
    assert refused.status == 422
    assert complaint(refused, "projects.0.amount") == "超过1000万元的项目须先集体决策"
    assert value(refused, "projects.0.name") == "实验小学改扩建"
    assert kept(instance) == []
    assert officer.does(task, **{**TYPED, "projects.0.amount": "900"}).status == 302
    assert bureau.status(instance) == "completed"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "crafted",
    [
        {"projects.0.boss": "1"}, {"projects.9999.name": "x", "projects.name": "y"},
        {"projects.0.item": "s1"}, {"schools.2.item": "s9", "schools.2.passed": "true"}, {"schools.1.item": "s1"},
        {"schools.0.item": ["s1", "s2"]}, {"projects.0.name": ["a", "b"]}, {"nobody.0.name": "x"},
        {"projects.0.name.0": "x"}, {"title": ["a", "b"]},
        {f"projects.{n}.name": "x" for n in range(2_000)}, {"+": "projects:999999"} | {"title": "\x00"},
    ],
)  # fmt: skip
def test_crafted_names_of_controls_do_no_harm(bureau: Bureau, instance: str, task: str, crafted: Any) -> None:
    answer = bureau.person("jj_officer1").does(task, **{**TYPED, "schools.1.passed": "", **crafted})
    assert answer.status == (200 if "+" in crafted else 422), answer.text[:500]
    assert answer.text.count('data-row="projects.') <= 61
    assert kept(instance) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_over_rest_rows_are_lists_of_objects(bureau: Bureau, instance: str, task: str) -> None:
    officer = Client(bureau, "jj_officer1")

    def complete(projects: object) -> Any:
        sent = {"title": "校舍", "projects": projects, "finished": True}
        return officer.post(
            f"/task/{task}/complete", json={"variables": {key: {"value": each} for key, each in sent.items()}}
        )

    refused = complete([{"name": "甲", "amount": -1}])
    assert refused.status_code == 400
    assert refused.json["errors"] == {"projects.0.amount": ["第1行 投资：不能小于0"]}
    assert complete([{"name": "甲", "amount": 1.5}]).status_code == 204
    assert kept(instance)[0]["projects"][0]["amount"] == 1.5


@pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("width", "script"), [(360, True), (1280, True), (360, False), (1280, False)])
def test_in_a_browser(address: str, bureau: Bureau, instance: str, task: str, width: int, script: bool) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 800}, java_script_enabled=script)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

        def look(what: str) -> None:
            page.locator("h1").wait_for()
            body = page.locator("body").bounding_box()
            assert body is not None
            assert body["width"] <= width
            if script:
                assert page.evaluate("document.documentElement.scrollWidth") <= width
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/rows-{width}-{script}-{what}.png", full_page=True)

        page.goto(f"{address}/login?next=/tasks/{task}")
        page.fill("#login", "jj_officer1")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        look("empty")
        assert page.locator("#rest").is_visible() is not script
        page.fill("#title", "校舍项目")
        page.fill("[id='projects.0.name']", "实验小学改扩建")
        page.get_by_role("button", name="增加一行").click()
        page.fill("[id='projects.1.amount']", "八百")
        page.locator("label[for='schools.1.passed-false']").click()
        page.locator("label[for='finished-false']").click()
        assert page.locator("#rest").is_visible()
        assert page.locator("[id='schools.1.reason']").is_visible()
        assert page.locator("[id='schools.0.reason']").is_visible() is not script
        look("filled")
        page.get_by_role("button", name="提交").click()
        look("refused")
        assert page.input_value("[id='projects.0.name']") == "实验小学改扩建"
        assert page.locator("[id='error-projects.1.name']").inner_text() == "请填写项目名称"
        page.fill("[id='projects.1.name']", "一中操场")
        page.fill("[id='projects.1.amount']", "800")
        page.locator("label[for='schools.0.passed-true']").click()
        page.fill("[id='schools.1.reason']", "台账不全")
        page.fill("#rest", "写了又改主意")
        if script:
            page.locator("label[for='finished-true']").click()
        page.get_by_role("button", name="提交").click()
        assert "已提交" in page.locator("[role=status]").inner_text()
        page.goto(f"{address}/instances/{instance}")
        look("kept")
        browser.close()
    assert kept(instance)[0]["rest"] == (None if script else "写了又改主意")
    assert [row["amount"] for row in kept(instance)[0]["projects"]] == [None, 800]
    assert [each for each in complaints if "422" not in each] == []
