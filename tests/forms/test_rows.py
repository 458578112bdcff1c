"""Rows in a form (dynamiclist): what they become, how a fault names its row, and what hostile input comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from marshmallow import ValidationError

import forms
from forms import Form, FormInvalid

COLUMNS: list[dict[str, Any]] = [
    {"type": "textfield", "key": "name", "label": "名称", "validate": {"required": True, "maxLength": 20}},
    {
        "type": "number", "key": "amount", "label": "金额", "validate": {"min": 0, "max": 100},
        "appearance": {"suffixAdorner": "万元"},
    },
    {"type": "datetime", "subtype": "date", "key": "day", "dateLabel": "日期"},
    {"type": "checkbox", "key": "public", "label": "公开"},
    {
        "type": "radio", "key": "passed", "label": "是否合格",
        "values": [{"value": "true", "label": "合格"}, {"value": "false", "label": "不合格"}],
    },
    {"type": "select", "key": "unit", "label": "单位", "valuesKey": "units"},
    {
        "type": "textarea", "key": "reason", "label": "原因", "validate": {"required": True},
        "properties": {"shownWhen": "passed == false"},
    },
]  # fmt: skip
OPTIONS = {"units": [("u1", "实验小学"), ("u2", "第一中学")]}
EMPTY = {"name": None, "amount": None, "day": None, "public": False, "passed": None, "unit": None, "reason": None}


def form(*, columns: list[dict[str, Any]] = COLUMNS, required: bool = False, **properties: str) -> Form:
    rows = {"type": "dynamiclist", "path": "projects", "label": "项目", "components": columns}
    return forms.parse(
        {"id": "test", "components": [{**rows, "validate": {"required": required}, "properties": properties}]}
    )


ROWS, FIXED, FIXED_REQUIRED = form(), form(rowsKey="units"), form(rowsKey="units", required=True)


def load(given: object, rows: Form = ROWS) -> Any:
    return rows.load({"projects": given}, OPTIONS)["projects"]


def errors(given: object, rows: Form = ROWS) -> dict[str, Any]:
    with pytest.raises(ValidationError) as refused:
        load(given, rows)
    return refused.value.messages_dict


def test_rows_become_dicts_in_json_types() -> None:
    # given
    typed = {
        "name": " 食堂 ", "amount": "１２.5", "day": "2021年9月30日", "public": "true", "passed": "false", "unit": "u1",
        "reason": "漏水",
    }  # fmt: skip
    # when
    rows = load([typed, {"name": "操场"}])
    # then
    read = {"name": "食堂", "amount": 12.5, "day": "2021-09-30", "public": True, "passed": False, "unit": "u1"}
    assert rows == [{**read, "reason": "漏水"}, {**EMPTY, "name": "操场"}]
    assert load(json.loads(json.dumps(rows))) == rows


@pytest.mark.parametrize("nothing", [None, "", [], [{}], [{"name": " ", "public": False, "amount": None}]])
def test_rows_that_were_left_empty_are_nothing(nothing: object) -> None:
    assert load(nothing) == []
    assert ROWS.load({}) == {"projects": []}
    assert errors(nothing, form(required=True)) == {"projects": ["请填写项目"]}


def test_a_fault_names_row_and_column_without_counting_empty_rows() -> None:
    assert errors([{"name": "食堂"}, {"name": ""}, {"amount": "101", "unit": "u9"}]) == {
        "projects.1.name": ["第2行 名称：请填写名称"],
        "projects.1.amount": ["第2行 金额：应在0到100之间"],
        "projects.1.unit": ["第2行 单位：请选择列出的选项"],
    }


def test_a_condition_looks_at_the_same_row_only() -> None:
    failed, passed = {"name": "食堂", "passed": "false"}, {"name": "操场", "passed": "true"}
    assert errors([passed, failed]) == {"projects.1.reason": ["第2行 原因：请填写原因"]}
    assert errors([{**passed, "reason": "漏水"}]) == {
        "projects.0.reason": ["第1行 原因：此项仅在是否合格为不合格时填写，请清空"]
    }


def test_there_are_neither_too_few_rows_nor_too_many() -> None:
    few = form(minRows="2", maxRows="3")
    assert errors([], few) == {"projects": ["请填写项目"]}
    assert errors([{"name": "一"}], few) == {"projects": ["不能少于2行，现有1行"]}
    assert errors([{"name": "一"}] * 4, few) == {"projects": ["不能超过3行，现有4行"]}
    assert len(load([{"name": "一"}] * 3 + [{}] * 9, few)) == 3
    assert errors([{"name": "一"}] * 61) == {"projects": ["不能超过60行，现有61行"]}


def test_fixed_rows_are_one_for_each_option_in_their_order() -> None:
    assert load([{"item": "u2", "name": "乙"}, {"item": "u1", "name": "甲"}], FIXED) == [
        {"item": "u1", **EMPTY, "name": "甲"},
        {"item": "u2", **EMPTY, "name": "乙"},
    ]
    assert load([{"item": "u1"}, {"item": "u2", "public": ""}], FIXED) == []


def test_a_fixed_row_may_stay_empty_only_where_rows_are_not_asked_for() -> None:
    only_one = [{"item": "u2", "name": "乙"}]
    assert load(only_one, FIXED) == [{"item": "u1", **EMPTY}, {"item": "u2", **EMPTY, "name": "乙"}]
    assert errors(only_one, FIXED_REQUIRED) == {"projects.0.name": ["实验小学 名称：请填写名称"]}
    assert set(errors([], FIXED_REQUIRED)) == {"projects.0.name", "projects.1.name"}


@pytest.mark.parametrize(
    "given",
    [
        [{"item": "u9", "name": "甲"}], [{"name": "甲"}], [{"item": ["u1"]}], [{"item": {"u1": 1}}], [{"item": None}],
        [{"item": "u1"}, {"item": "u1"}], [{"item": "u1", "name": str(n)} for n in range(10_000)],
    ],
)  # fmt: skip
def test_other_rows_than_the_fixed_ones_are_refused(given: object) -> None:
    assert errors(given, FIXED) == {"projects": ["每行应是列出的一项，且每项一行"]}


@pytest.mark.parametrize("given", ["食堂", 1, True, {"0": {"name": "一"}}, ["食堂"], [None], [[{"name": "一"}]], [1]])
def test_what_is_no_list_of_rows_is_refused(given: object) -> None:
    assert errors(given) == {"projects": ["提交的内容格式不对"]}


@pytest.mark.parametrize(
    ("row", "column", "complaint"),
    [
        ({"boss": "x"}, "boss", "boss：未知字段"),
        ({"boss": ""}, "boss", "boss：未知字段"),
        ({"item": "u1"}, "item", "item：未知字段"),
        ({"name": {"a": {"b": []}}}, "name", "名称：应为文字"),
        ({"name": ["一"]}, "name", "名称：应为文字"),
        ({"name": "一\x00"}, "name", "名称：含有不可见的控制字符"),
        ({"name": "一\n二"}, "name", "名称：只能填一行"),
        ({"name": "字" * 1_000_000}, "name", "名称：不能超过20字，现有1000000字"),
        ({"amount": "八"}, "amount", "金额：应为数字，如12480或88.4"),
        ({"amount": float("nan")}, "amount", "金额：超出可以填写的范围"),
        ({"day": "2021-02-29"}, "day", "日期：日期应写作2021-09-30"),
        ({"public": "maybe"}, "public", "公开：请选择列出的选项"),
        ({"unit": ["u1"]}, "unit", "单位：请选择列出的选项"),
    ],
)
def test_a_hostile_cell_is_refused_by_its_place(row: dict[str, object], column: str, complaint: str) -> None:
    assert errors([{"name": "好"}, {"name": "好", **row}]) == {f"projects.1.{column}": [f"第2行 {complaint}"]}


def test_ten_thousand_rows_are_refused_unread() -> None:
    assert errors([{"name": [[]]}] * 10_000) == {"projects": ["不能超过60行，现有10000行"]}


@pytest.mark.parametrize(
    "rows",
    [
        {"columns": []},
        {"columns": [{"type": "checklist", "key": "a", "label": "甲", "values": [{"value": "x", "label": "x"}]}]},
        {"columns": [{"type": "dynamiclist", "path": "a", "label": "甲", "components": COLUMNS}]},
        {"columns": [{"type": "text", "text": "甲"}]},
        {"columns": [{"type": "group", "components": COLUMNS}]},
        {"columns": [COLUMNS[0], COLUMNS[0]]},
        {"columns": [{**COLUMNS[0], "key": "a.b"}]},
        {"columns": [{**COLUMNS[0], "label": ""}]},
        {"columns": [{**COLUMNS[0], "properties": {"routing": "true"}}]},
        {"columns": [{**COLUMNS[0], "properties": {"shownWhen": "projects == 1"}}]},
        {"columns": [{**COLUMNS[4], "properties": {"as": "buttons"}}]},
        {"columns": [{**COLUMNS[0], "key": "item"}], "rowsKey": "units"},
        {"minRows": "two"},
        {"minRows": "-1"},
        {"minRows": "3", "maxRows": "2"},
        {"maxRows": "501"},
    ],
)
def test_rows_it_cannot_show_or_guard_are_no_form(rows: dict[str, Any]) -> None:
    with pytest.raises(FormInvalid):
        form(**rows)


def test_fixed_rows_that_are_asked_for_are_never_none() -> None:
    """A list that happens to be empty must not open the way."""
    with pytest.raises(ValidationError) as refused:
        FIXED_REQUIRED.load({"projects": []}, {"units": []})
    assert refused.value.messages_dict == {"projects": ["请填写项目"]}
