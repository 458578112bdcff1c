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


def delay(days: int, *, returns: int = 0, talked: bool = False, circulated: bool = False) -> dict[str, Any]:
    return {"days_overdue": days, "returns": returns, "talked": talked, "circulated": circulated}


def path(*steps: str) -> dict[str, Any]:
    return {step: step in steps for step in ("consult", "argue", "assess", "discuss")}


def scores(rule: str, average: float, approving: int) -> dict[str, Any]:
    return {"rule": rule, "average": average, "approving": approving, "pass_mark": 80, "experts": 4}


def ready(source: str, *names: str) -> dict[str, Any]:
    return {
        **{name: name in names for name in ("argument", "legality", "risk", "budget", "discipline")},
        "source": source,
    }


def rules(ratio: int, cycle: int) -> dict[str, Any]:
    return {"ratio": ratio, "times": 2, "inspectors": 2, "cycle": cycle, "look_back": 365}


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
    ("random_check_rules", {"attention": "ordinary"}, rules(5, 10)),
    ("random_check_rules", {"attention": "close"}, rules(10, 5)),
    *(("random_check_risk", {"problems": n}, {"weight": w}) for n, w in ((0, 1), (1, 2), (2, 2), (3, 3), (30, 3))),
    *(("random_check_load", {"more": n}, {"weight": w}) for n, w in ((0, 8), (1, 4), (2, 2), (3, 2), (4, 1), (9, 1))),
    ("team_agreement", {"agreed": 2, "members": 3}, {"agreement": True, "word": "三分之二以上成员同意"}),
    (
        "team_agreement", {"agreed": 3, "members": 5},
        {"agreement": False, "word": "同意的成员不足三分之二，不能形成初步督导意见（评议规则表，待核对）"},
    ),
    ("escalation_step", delay(1), {"step": "提醒"}),
    ("escalation_step", delay(14), {"step": "约谈"}),
    ("escalation_step", delay(1, returns=2), {"step": "约谈"}),
    ("escalation_step", delay(40), {"step": "约谈"}),
    ("escalation_step", delay(30, talked=True), {"step": "通报"}),
    ("escalation_step", delay(2, returns=3, talked=True), {"step": "通报"}),
    ("escalation_step", delay(60, returns=4, talked=True, circulated=True), {"step": "提醒"}),
    ("document_path", {"kind": "decision", "substantial": "yes"}, path("consult", "argue", "assess", "discuss")),
    ("document_path", {"kind": "decision", "substantial": "no"}, path("discuss")),
    ("document_path", {"kind": "normative", "substantial": "yes"}, path("consult", "discuss")),
    ("document_path", {"kind": "normative", "substantial": "no"}, path("discuss")),
    ("document_path", {"kind": "party", "substantial": "yes"}, path("discuss")),
    ("document_path", {"kind": "ordinary", "substantial": "yes"}, path()),
    *[
        ("event_grade", {"deaths": deaths, "injured": injured, "loss": loss}, {"grade": grade})
        for deaths, injured, loss, grade in [
            (30, 0, 0, "特别重大"), (0, 100, 0, "特别重大"), (0, 0, 10_000, "特别重大"), (29, 99, 9_999, "重大"),
            (10, 0, 0, "重大"), (0, 50, 0, "重大"), (0, 0, 5_000, "重大"), (9, 49, 4_999, "较大"), (3, 0, 0, "较大"),
            (0, 10, 0, "较大"), (0, 0, 1_000, "较大"), (2, 9, 999, "一般"),
        ]
    ],
    ("event_safety", {"participants": 1000, "outdoor": False}, {"safety": "permit"}),
    ("event_safety", {"participants": 20, "outdoor": True}, {"safety": "plan"}),
    ("event_safety", {"participants": 200, "outdoor": False}, {"safety": "plan"}),
    ("event_safety", {"participants": 199, "outdoor": False}, {"safety": "none"}),
    ("expert_panel", {"experts": 3}, {"enough": True, "word": "专家人数符合要求"}),
    (
        "expert_panel", {"experts": 2},
        {"enough": False, "word": "评审专家不得少于3人，请再选（评审工作惯例，待核对）"},
    ),
    ("expert_result", scores("average", 80, 1), {"expert_result": "recommended"}),
    ("expert_result", scores("average", 79.9, 3), {"expert_result": "rejected"}),
    ("expert_result", scores("majority", 70, 3), {"expert_result": "recommended"}),
    ("expert_result", scores("majority", 95, 2), {"expert_result": "rejected"}),
    ("investment_gate", {"needs_collective": True, "amount": 1}, {"authority": "collective"}),
    ("investment_gate", {"needs_collective": False, "amount": 100}, {"authority": "collective"}),
    ("investment_gate", {"needs_collective": False, "amount": 99.9}, {"authority": "leader"}),
    *[
        ("meeting_preconditions", {"matter": matter}, ready(source, *names))
        for matter, source, names in [
            ("decision", "《重大行政决策程序暂行条例》第十九条至第二十六条", ("argument", "legality", "risk")),
            ("personnel", "干部选拔任用工作规定，待核对", ("discipline",)),
            ("project", "“三重一大”事项集体决策规定，待核对", ("argument", "budget")),
            ("funds", "“三重一大”事项集体决策规定，待核对", ("budget",)), ("other", "无", ()),
        ]
    ],
    ("hazard_grade", hazard(at_once=True), {"hazard": "一般"}),
    ("hazard_grade", hazard(), {"hazard": "一般"}),
    ("hazard_grade", hazard(stoppage=True), {"hazard": "重大"}),
    ("hazard_grade", hazard(beyond=True), {"hazard": "重大"}),
    ("hazard_grade", hazard(stoppage=True, beyond=True), {"hazard": "重大"}),
    ("finding_severity", {"severity": "一般"}, {"raised": "较重", "repeat_days": 365, "re_look_days": 90}),
    ("finding_severity", {"severity": "较重"}, {"raised": "重大", "repeat_days": 365, "re_look_days": 60}),
    ("finding_severity", {"severity": "重大"}, {"raised": "重大", "repeat_days": 365, "re_look_days": 30}),
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
