"""Which form-js documents become forms, and what is refused rather than skipped."""

from __future__ import annotations

from typing import Any

import pytest

import forms
from forms import Field, FormInvalid, Note

TEXT = {"type": "textfield", "key": "title", "label": "标题"}
CHOICE = {
    "type": "radio",
    "key": "decision",
    "label": "办理结果",
    "values": [{"label": "同意", "value": "approve"}],
}


def document(*components: object) -> dict[str, Any]:
    return {"id": "test", "type": "default", "components": list(components)}


def test_a_component_becomes_a_field_with_all_it_says() -> None:
    # given
    progress = {
        "id": "field_progress",
        "type": "number",
        "key": "progress",
        "label": "完成进度",
        "description": "对照年度目标",
        "appearance": {"suffixAdorner": "%"},
        "validate": {"required": True, "min": 0, "max": 100},
        "layout": {"row": "r1"},
    }
    # when
    form = forms.parse(document(progress))
    # then
    assert form.fields == (
        Field("progress", "number", "完成进度", "对照年度目标", True, minimum=0, maximum=100, suffix="%"),
    )


def test_properties_say_what_form_js_has_no_word_for() -> None:
    # given
    decision = {**CHOICE, "properties": {"as": "buttons", "routing": "true"}}
    opinion = {
        "type": "textarea",
        "key": "opinion",
        "label": "意见",
        "properties": {"requiredWhen": "decision == 'x'"},
    }
    # when
    first, second = forms.parse(document(decision, opinion)).fields
    # then
    assert first.as_buttons
    assert first.routing
    assert first.options == (("approve", "同意"),)
    assert second.required_when == "decision == 'x'"


def test_groups_and_notes_keep_their_place() -> None:
    # given
    group = {"type": "group", "label": "基本情况", "components": [{"type": "text", "text": "按实填写"}, TEXT]}
    # when
    form = forms.parse(document(group, {"type": "separator"}, CHOICE))
    # then
    assert form.parts == (
        Note("text", "按实填写", "基本情况"),
        Field("title", "textfield", "标题", group="基本情况"),
        Note("separator"),
        Field("decision", "radio", "办理结果", options=(("approve", "同意"),)),
    )
    assert [field.key for field in form.fields] == ["title", "decision"]


@pytest.mark.parametrize(
    "component",
    [
        {"type": "table", "key": "file", "label": "附件"},
        {"type": "button", "key": "go", "label": "提交"},
        {"type": "dynamiclist", "components": [TEXT]},
        {"type": "html", "content": "<b>"},
        {"key": "title", "label": "标题"},
        {"type": "textfield", "label": "标题"},
        {"type": "textfield", "key": "title"},
        {**TEXT, "key": "a.b"},
        {**TEXT, "key": "_schema"},
        {**TEXT, "key": "Meta"},
        {**TEXT, "key": "class"},
        {**TEXT, "key": "标题 一"},
        {**TEXT, "key": ["title"]},
        {**TEXT, "validate": {"pattern": "[a-z]+"}},
        {**TEXT, "validate": {"validationType": "email"}},
        {**TEXT, "validate": {"maxLength": "many"}},
        {**TEXT, "validate": []},
        {**TEXT, "conditional": {"hide": "=x"}},
        {**TEXT, "readonly": True},
        {**TEXT, "disabled": True},
        {**TEXT, "properties": {"routing": ["true"]}},
        {**TEXT, "properties": {"requiredWhen": "title =="}},
        {**TEXT, "properties": {"requiredWhen": "__import__('os')"}},
        {**TEXT, "properties": {"requiredWhen": "nobody == 1"}},
        {**TEXT, "properties": {"as": "buttons"}},
        {"type": "number", "key": "n", "label": "数", "decimalDigits": 2},
        {"type": "datetime", "subtype": "time", "key": "at", "timeLabel": "时间", "label": "时间"},
        {"type": "select", "key": "s", "label": "选", "values": []},
        {"type": "select", "key": "s", "label": "选", "valuesExpression": "=schools"},
        {"type": "select", "key": "s", "label": "选", "values": [{"value": 1}]},
        {"type": "radio", "key": "s", "label": "选", "valuesKey": "schools", "properties": {"as": "buttons"}},
        "textfield",
        None,
    ],
)
def test_refuses_a_component_it_cannot_show_or_guard(component: object) -> None:
    with pytest.raises(FormInvalid):
        forms.parse(document(component))


@pytest.mark.parametrize(
    "malformed",
    [
        {},
        {"id": "x"},
        {"components": []},
        {"id": 1, "components": []},
        {"id": "x", "components": {}},
        [],
        "x",
        None,
    ],
)
def test_refuses_a_malformed_document(malformed: Any) -> None:
    with pytest.raises(FormInvalid):
        forms.parse(malformed)


def test_refuses_two_fields_of_one_name() -> None:
    with pytest.raises(FormInvalid, match="title"):
        forms.parse(document(TEXT, {"type": "group", "label": "", "components": [TEXT]}))


def test_refuses_groups_without_end() -> None:
    # given
    group: dict[str, Any] = {"type": "group", "components": []}
    for _ in range(2_000):
        group = {"type": "group", "components": [group]}
    # then
    with pytest.raises(FormInvalid):
        forms.parse(document(group))
