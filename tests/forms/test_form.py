"""What a form makes of what people submit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from marshmallow import ValidationError

import forms
from forms import Form

INSPECTION = forms.parse(
    {
        "id": "inspection",
        "components": [
            {
                "type": "textfield",
                "key": "title",
                "label": "标题",
                "validate": {"required": True, "maxLength": 10},
            },
            {
                "type": "textarea",
                "key": "summary",
                "label": "情况",
                "validate": {"minLength": 2, "maxLength": 500},
            },
            {"type": "number", "key": "progress", "label": "进度", "validate": {"min": 0, "max": 100}},
            {"type": "number", "key": "amount", "label": "金额"},
            {"type": "datetime", "subtype": "date", "key": "day", "dateLabel": "日期"},
            {"type": "checkbox", "key": "public", "label": "公开"},
            {"type": "checkbox", "key": "read", "label": "已阅读", "validate": {"required": True}},
            {
                "type": "select",
                "key": "grade",
                "label": "等次",
                "values": [{"value": "a", "label": "优秀"}, {"value": "b", "label": "良好"}],
                "properties": {"routing": "true"},
            },
            {"type": "select", "key": "school", "label": "学校", "valuesKey": "schools"},
            {
                "type": "radio",
                "key": "finished",
                "label": "是否完成",
                "values": [{"value": "true", "label": "是"}, {"value": "false", "label": "否"}],
                "properties": {"routing": "true"},
            },
            {
                "type": "checklist",
                "key": "topics",
                "label": "事项",
                "values": [{"value": "food", "label": "食品"}, {"value": "fire", "label": "消防"}],
            },
            {
                "type": "textarea",
                "key": "reason",
                "label": "原因",
                "properties": {"requiredWhen": "finished == false || progress < 60"},
            },
        ],
    }
)
SCHOOLS = {"schools": [("school_1", "实验小学"), ("school_2", "第一中学")]}
LEAST = {"title": "标题", "read": True}


def load(submitted: Mapping[str, object], form: Form = INSPECTION) -> dict[str, Any]:
    return form.load({**LEAST, **submitted}, options=SCHOOLS)


def errors(submitted: Mapping[str, object], form: Form = INSPECTION) -> dict[str, Any]:
    with pytest.raises(ValidationError) as refused:
        load(submitted, form)
    return refused.value.messages_dict


def test_an_html_form_and_json_come_to_the_same() -> None:
    # given
    html = {
        "title": " 九月 ", "summary": "一\r\n二", "progress": "８８．４", "amount": "12,480", "day": "2021年9月30日",
        "public": "on", "read": "true", "grade": "a", "school": "school_1", "finished": "true", "topics": "food",
        "reason": "  ",
    }  # fmt: skip
    plain = {
        "title": "九月", "summary": "一\n二", "progress": 88.4, "amount": 12480, "day": "2021-09-30", "public": True,
        "read": True, "grade": "a", "school": "school_1", "finished": True, "topics": ["food"], "reason": None,
    }  # fmt: skip
    # then
    assert load(html) == load(plain) == plain
    assert json.loads(json.dumps(load(html), allow_nan=False)) == plain


def test_what_was_left_out_is_nothing() -> None:
    assert load({}) == {
        "title": "标题", "summary": None, "progress": None, "amount": None, "day": None, "public": False, "read": True,
        "grade": None, "school": None, "finished": None, "topics": [], "reason": None,
    }  # fmt: skip


@pytest.mark.parametrize("blank", ["", "   ", "\u3000", "\u200b\u200b", "\r\n", None])
def test_blank_is_not_an_answer(blank: object) -> None:
    assert errors({"title": blank}) == {"title": ["请填写标题"]}
    assert load({"progress": blank, "public": blank, "topics": blank}) == load({})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0", 0), ("88.4", 88.4), ("12,480", 12480), ("1,234,567.5", 1234567.5), ("１２，４８０", 12480), ("－５", -5),
        ("+5", 5), (" 7 ", 7), (7, 7), (0.000001, 0.000001), (10**15, 10**15),
    ],
)  # fmt: skip
def test_reads_a_number(written: object, read: float) -> None:
    amount = load({"amount": written})["amount"]
    assert amount == read
    assert type(amount) is type(read)


@pytest.mark.parametrize(
    "written",
    [
        "八十", "88,4", "1,23,456", ",5", "1,", "5²", "½", "٣", "1e5", "0x1F", "1_000", "NaN", "inf", "--1", "1 000",
        "9" * 41, "9" * 5_000, 10**400, 10**15 + 1, float("nan"), float("inf"), -float("inf"), True, False,
        [1], {"a": 1}, [[]],
    ],
)  # fmt: skip
def test_refuses_what_is_no_number(written: object) -> None:
    assert set(errors({"amount": written})) == {"amount"}


@pytest.mark.parametrize(
    "written",
    [
        "2021-09-30",
        "2021-9-30",
        "2021.9.30",
        "2021/09/30",
        "2021年9月30日",
        "20210930",
        "２０２１－０９－３０",
        " 2021-09-30 ",
    ],
)
def test_reads_a_date(written: str) -> None:
    assert load({"day": written})["day"] == "2021-09-30"


@pytest.mark.parametrize(
    "written",
    [
        "9月30日", "2021-02-29", "2021-13-01", "2021-00-10", "2021931", "2021-9.30", "2021-0930", "21-9-30",
        "0021-09-30", "2021-09-30T00:00:00", "30.9.2021", "明天", 20210930, True, ["2021-09-30"], {"year": 2021},
    ],
)  # fmt: skip
def test_refuses_what_is_no_date(written: object) -> None:
    assert errors({"day": written}) == {"day": ["日期应写作2021-09-30"]}


@pytest.mark.parametrize(
    ("submitted", "complaint"),
    [
        ({"title": "一二三四五六七八九十百"}, "不能超过10字，现有11字"),
        ({"title": "一\n二"}, "只能填一行"),
        ({"title": "一\x00二"}, "含有不可见的控制字符"),
        ({"title": "一\x1b[31m"}, "含有不可见的控制字符"),
        ({"title": "\ud800"}, "含有不可见的控制字符"),
        ({"title": ["标题"]}, "应为文字"),
        ({"title": {"a": "b"}}, "应为文字"),
        ({"title": 5}, "应为文字"),
        ({"title": True}, "应为文字"),
        ({"summary": "短"}, "不能少于2字，现有1字"),
        ({"summary": "一\x0b二"}, "含有不可见的控制字符"),
        ({"summary": "字" * 501}, "不能超过500字，现有501字"),
        ({"progress": 101}, "应在0到100之间"),
        ({"progress": "-0.1"}, "应在0到100之间"),
        ({"grade": "c"}, "请选择列出的选项"),
        ({"grade": " a"}, "请选择列出的选项"),
        ({"grade": ["a"]}, "请选择列出的选项"),
        ({"grade": True}, "请选择列出的选项"),
        ({"school": "school_9"}, "请选择列出的选项"),
        ({"school": 1}, "请选择列出的选项"),
        ({"finished": "yes"}, "请选择列出的选项"),
        ({"finished": 1}, "请选择列出的选项"),
        ({"finished": ["true"]}, "请选择列出的选项"),
        ({"topics": ["food", "noise"]}, "请选择列出的选项"),
        ({"topics": ["food", 1]}, "请选择列出的选项"),
        ({"topics": {"food": True}}, "请选择列出的选项"),
        ({"public": "maybe"}, "请选择列出的选项"),
        ({"read": False}, "请勾选已阅读"),
        ({"read": ""}, "请勾选已阅读"),
        ({"boss": "x"}, "未知字段"),
        ({"boss": ""}, "未知字段"),
        ({"__builtins__": "x"}, "未知字段"),
        ({"len": None}, "未知字段"),
    ],
)
def test_says_in_chinese_what_is_wrong(submitted: dict[str, object], complaint: str) -> None:
    assert errors(submitted) == {key: [complaint] for key in submitted}


def test_dynamic_choices_are_those_of_the_moment() -> None:
    # given
    submitted = {**LEAST, "school": "school_1"}
    # then
    assert INSPECTION.load(submitted, options=SCHOOLS)["school"] == "school_1"
    with pytest.raises(ValidationError):
        INSPECTION.load(submitted)


@pytest.mark.parametrize(
    ("submitted", "asked"),
    [
        ({"finished": "false"}, True),
        ({"progress": "59"}, True),
        ({"progress": "60"}, False),
        ({"finished": "true"}, False),
        ({}, False),
        ({"finished": "false", "reason": "缺人"}, False),
    ],
)
def test_a_condition_over_other_fields_decides_what_must_be_filled(submitted: dict[str, str], asked: bool) -> None:
    if asked:
        assert errors(submitted) == {"reason": ["请填写原因"]}
    else:
        load(submitted)


def test_a_person_hears_of_all_errors_at_once() -> None:
    wrong = errors({"title": "", "progress": "x", "finished": "false", "school": "nowhere", "more": 1})
    assert set(wrong) == {"title", "progress", "reason", "school", "more"}


def test_only_routing_fields_become_variables() -> None:
    assert INSPECTION.routing(load({"grade": "a", "finished": "false", "reason": "缺人"})) == {
        "grade": "a",
        "finished": False,
    }
