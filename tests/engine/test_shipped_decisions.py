"""The decision tables that come with the product: every row is reached, and their borders lie where the rules say."""

from __future__ import annotations

from typing import Any

import pytest

import bpmn
from engine import db
from engine.decisions import DecisionFailed, shipped
from engine.models import DecisionDefinition
from tests.driver import Bureau

KEYS = [path.removeprefix("decisions/").removesuffix(".dmn") for path in bpmn.paths() if path.endswith(".dmn")]
THRESHOLDS = {"behind_yellow": 10, "behind_red": 30, "near_due_days": 14}


def target(hardness: str, met: bool, share: float, due: bool) -> dict[str, Any]:
    return {"hardness": hardness, "met": met, "share": share, "due": due}


def clock_of(days_left: int, *, done: bool = False, overdue: bool = False, lapsed: bool = False) -> dict[str, Any]:
    return {"days_left": days_left, "done": done, "overdue": overdue, "lapsed": lapsed, **THRESHOLDS}


def hazard(*, at_once: bool = False, stoppage: bool = False, beyond: bool = False) -> dict[str, Any]:
    return {"fixed_at_once": at_once, "needs_stoppage": stoppage, "beyond_power": beyond}


CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("indicator_result", target("硬", True, 100, True), {"result": "met", "word": "达标"}),
    ("indicator_result", target("争取", True, 100, False), {"result": "met", "word": "目前达标"}),
    ("indicator_result", target("硬", False, 90, False), {"result": "on_track", "word": "正常推进"}),
    ("indicator_result", target("约", False, 89.9, False), {"result": "at_risk", "word": "有差距"}),
    ("indicator_result", target("硬", False, 99.9, True), {"result": "missed", "word": "未达标"}),
    ("indicator_result", target("约", False, 0, True), {"result": "missed", "word": "未达标"}),
    ("indicator_result", target("争取", False, 99.9, True), {"result": "aspiration_missed", "word": "争取未成"}),
    ("lamp_by_progress", {"behind": 9.9, **THRESHOLDS}, {"colour": "green"}),
    ("lamp_by_progress", {"behind": -5, **THRESHOLDS}, {"colour": "green"}),
    ("lamp_by_progress", {"behind": 10, **THRESHOLDS}, {"colour": "yellow"}),
    ("lamp_by_progress", {"behind": 30, **THRESHOLDS}, {"colour": "yellow"}),
    ("lamp_by_progress", {"behind": 30.1, **THRESHOLDS}, {"colour": "red"}),
    ("lamp_by_progress", {"behind": 15, **THRESHOLDS, "behind_red": 12}, {"colour": "red"}),
    ("lamp_by_time", clock_of(15), {"colour": "green"}),
    ("lamp_by_time", clock_of(14), {"colour": "blue"}),
    ("lamp_by_time", clock_of(-1, overdue=True), {"colour": "red"}),
    ("lamp_by_time", clock_of(20, lapsed=True), {"colour": "yellow"}),
    ("lamp_by_time", clock_of(-3, done=True), {"colour": "green"}),
    ("lamp_by_time", clock_of(-3, done=True, lapsed=True), {"colour": "yellow"}),
    ("evaluation_grade", {"score": 90}, {"grade": "优秀"}),
    ("evaluation_grade", {"score": 89.99}, {"grade": "良好"}),
    ("evaluation_grade", {"score": 80}, {"grade": "良好"}),
    ("evaluation_grade", {"score": 79.5}, {"grade": "合格"}),
    ("evaluation_grade", {"score": 65}, {"grade": "合格"}),
    ("evaluation_grade", {"score": 64.9}, {"grade": "不合格"}),
    ("evaluation_grade", {"score": 103}, {"grade": "优秀"}),
    ("evaluation_downgrade", {"grade": "优秀", "incidents": 0}, {"grade": "优秀"}),
    ("evaluation_downgrade", {"grade": "优秀", "incidents": 1}, {"grade": "良好"}),
    ("evaluation_downgrade", {"grade": "良好", "incidents": 3}, {"grade": "合格"}),
    ("evaluation_downgrade", {"grade": "合格", "incidents": 1}, {"grade": "不合格"}),
    ("evaluation_downgrade", {"grade": "不合格", "incidents": 1}, {"grade": "不合格"}),
    ("hazard_grade", hazard(at_once=True), {"hazard": "一般"}),
    ("hazard_grade", hazard(), {"hazard": "一般"}),
    ("hazard_grade", hazard(stoppage=True), {"hazard": "重大"}),
    ("hazard_grade", hazard(beyond=True), {"hazard": "重大"}),
    ("hazard_grade", hazard(stoppage=True, beyond=True), {"hazard": "重大"}),
    ("meeting_quorum", {"matter": "personnel"}, {"share": 2 / 3, "word": "三分之二以上"}),
    ("meeting_quorum", {"matter": "project"}, {"share": 0.5, "word": "半数以上"}),
    ("meeting_majority", {"votes_for": 5, "entitled": 9}, {"passed": True, "word": "赞成票超过应到会成员半数，通过"}),
    ("meeting_majority", {"votes_for": 5, "entitled": 10}, {"passed": False, "word": "赞成票未超过应到会成员半数，未通过"}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "values", "row"), CASES)
def test_a_table_decides(key: str, values: dict[str, Any], row: dict[str, Any]) -> None:
    assert shipped.decide(key, values) == row


@pytest.mark.parametrize("key", KEYS)
def test_every_row_is_reached_by_a_case(key: str) -> None:
    decision = shipped.get(key)
    asked = [[each.value(values) for each in decision.inputs] for name, values, _ in CASES if name == key]
    reached = {rule.number for rule in decision.rules if any(rule.matches(values) for values in asked)}
    assert reached == {rule.number for rule in decision.rules}


@pytest.mark.parametrize("key", KEYS)
def test_every_rule_says_where_it_is_from(key: str) -> None:
    text = bpmn.read(f"decisions/{key}.dmn").decode()
    assert text.count("<rule ") == text.count("<annotationEntry><text>")
    assert "<annotationEntry><text></text>" not in text


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("indicator_result", target("软", False, 50, False)),
        ("indicator_result", {"hardness": "硬", "met": False}),
        ("evaluation_grade", {"score": "优"}),
        ("evaluation_downgrade", {"grade": "优秀", "incidents": -1}),
        ("hazard_grade", hazard() | {"needs_stoppage": None}),
        ("hazard_grade", hazard(at_once=True, beyond=True) | {"fixed_at_once": "是"}),
    ],
)
def test_what_no_table_knows_is_an_error_and_not_a_guess(key: str, values: dict[str, Any]) -> None:
    with pytest.raises(DecisionFailed):
        shipped.decide(key, values)


def test_the_tables_are_deployed_for_diagrams_to_ask(bureau: Bureau) -> None:
    with db.reading() as session:
        deployed = {each.key for each in session.query(DecisionDefinition)}
    assert set(KEYS) <= deployed
