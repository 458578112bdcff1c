"""Fields that are there only under a condition: what may be filled in, and how the page and its script are told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from marshmallow import ValidationError

import forms
from forms import Form, FormInvalid

GRADE = [{"value": "a", "label": "合格"}, {"value": "b", "label": "不合格"}]
YES_OR_NO = [{"value": "true", "label": "是"}, {"value": "false", "label": "否"}]
FIELDS: list[dict[str, Any]] = [
    {"type": "select", "key": "grade", "label": "等次", "values": GRADE},
    {"type": "number", "key": "score", "label": "得分", "appearance": {"suffixAdorner": "分"}},
    {"type": "checkbox", "key": "urgent", "label": "紧急"},
    {"type": "radio", "key": "finished", "label": "是否完成", "values": YES_OR_NO},
    {"type": "checklist", "key": "topics", "label": "事项", "values": [{"value": "fire", "label": "消防"}]},
    {"type": "radio", "key": "decision", "label": "结论", "values": GRADE, "properties": {"as": "buttons"}},
]


def form(condition: str, *, kind: str = "textarea", required: bool = True, **properties: str) -> Form:
    extra = {"type": kind, "key": "more", "label": "补充", "validate": {"required": required}}
    return forms.parse(
        {"id": "test", "components": [*FIELDS, {**extra, "properties": {"shownWhen": condition, **properties}}]}
    )


def errors(submitted: dict[str, object], of: Form) -> dict[str, Any]:
    try:
        of.load(submitted)
    except ValidationError as error:
        return error.messages_dict
    return {}


def test_a_field_must_be_filled_only_where_it_is_shown() -> None:
    late = form("grade == 'b' and score < 60")
    assert errors({"grade": "a"}, late) == {}
    assert errors({"grade": "b"}, late) == {}, "a score that was left empty is not below anything"
    assert errors({"grade": "b", "score": "59"}, late) == {"more": ["请填写补充"]}
    assert errors({"grade": "b", "score": "59", "more": "重做"}, late) == {}


def test_a_field_that_is_not_shown_stays_empty() -> None:
    late = form("grade == 'b'")
    assert errors({"grade": "a", "more": "  "}, late) == {}
    assert errors({"grade": "a", "more": "重做"}, late) == {"more": ["此项仅在等次为不合格时填写，请清空"]}
    assert set(errors({"grade": "z", "more": "重做"}, late)) == {"grade"}, "what decides is itself at fault"


def test_a_box_and_an_optional_field_may_be_conditional_too() -> None:
    read = form("urgent", kind="checkbox")
    assert errors({"urgent": "true"}, read) == {"more": ["请勾选补充"]}
    assert errors({"urgent": "false", "more": "false"}, read) == {}
    assert errors({"more": "true"}, read) == {"more": ["此项仅在勾选紧急时填写，请清空"]}
    optional = form("urgent", required=False, requiredWhen="score > 90")
    assert errors({"score": 95}, optional) == {}
    assert errors({"score": 95, "urgent": True}, optional) == {"more": ["请填写补充"]}


@pytest.mark.parametrize(
    ("condition", "words", "script"),
    [
        ("grade == 'b'", "等次为不合格", True),
        ("${grade eq 'a' || !urgent}", "等次为合格或未勾选紧急", True),
        ("grade in ['a', 'b']", "等次为合格或不合格", True),
        ("score >= 60 and finished == false", "得分不小于60分且是否完成为否", True),
        ("urgent == true", "勾选紧急", True),
        ("score != null", "填写得分", True),
        ("'fire' in topics", "事项中有消防", True),
        ("!(score < 60)", "并非得分小于60分", True),
        ("decision == 'b'", "结论为不合格", False),
        ("count(topics, 'fire') > 0", "需要", False),
        ("score + 1 > 60", "需要", False),
    ],
)
def test_a_condition_is_told_to_people_and_to_a_script_that_can_follow_it(
    condition: str, words: str, script: bool
) -> None:
    field = form(condition).fields[-1]
    assert field.shown_words == words
    assert bool(field.shown_tree) is script
    assert not script or isinstance(json.loads(field.shown_tree), list)


@pytest.mark.parametrize("condition", ["", "grade ==", "nobody == 1", "__import__('os')", "1 < score < 2 < x"])
def test_a_condition_that_makes_no_sense_is_no_form(condition: str) -> None:
    with pytest.raises(FormInvalid):
        form(condition)
