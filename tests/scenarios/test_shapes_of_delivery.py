"""Duties, indicators, projects, events, platforms, accreditation and grants: each through its end and its main exceptions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, db
from engine.models import Commitment, Person, UserTask
from engine.targets import progress, school_table
from tests.driver import Bureau
from tests.engine.test_reminders import until
from tests.shapes import APPROVE, RETURN, ShapeStory, doers

pytestmark = pytest.mark.either_database

EXPERTS = "zhuanjia1", "zhuanjia2", "zhuanjia3"
PASSED = {"resolution": "passed", "opinion": "同意立项"}


def paper(kind: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": "材料一", "number": "", "date": "2021-03-12"}]


def review(story: ShapeStory, score: int) -> None:
    """An expert review from the choice of the experts to the last score."""
    panel = [{"person": login, "field": "", "interest": "no"} for login in EXPERTS]
    told = {"subject": "申报项目", "experts": panel, "rule": "average", "pass_mark": 80, "criteria": "五项各20分"}
    story.step("officer", "choose_experts", **told)
    story.step("head", "confirm_panel", **APPROVE)
    for login in EXPERTS:
        with db.reading() as session:
            mine = select(UserTask.id).join(Person, UserTask.assignee_id == Person.id)
            (task,) = session.scalars(
                mine.where(UserTask.instance_id == story.instance, Person.login == login, UserTask.status == "open")
            )
        answer = story.bureau.person(login).does(task, score=str(score), opinion="材料齐全")
        assert answer.status == 302, answer.text
    story.bureau.settle()


def publish(story: ShapeStory) -> None:
    """A notice without objections, until it is over."""
    told = {"title": "拟立项名单", "kind": "award", "place": "门户网站", "starts_on": clock.today().isoformat(), "days": "",
            "contact": "0510-00000000"}  # fmt: skip
    story.step("officer", "publish_notice", **told)
    story.bureau.let_time_pass(days=15)


# ---- SH02 周期履责 ----------------------------------------------------------------------------------------------------

ARRANGED = {"duty": "每月检查支部三会一课", "responsible": "张三", "partners": "", "deliverable": "支部台账",
            "has_sensitive": "true"}  # fmt: skip
CARRIED_OUT = {"done_on": "2021-03-12", "situation": "已检查", "people": 12, "evidence": paper("支部台账"), "sensitive": "none",
               "report_number": "", "late_reason": ""}  # fmt: skip


def test_a_duty_opens_a_piece_for_each_period_and_reports_what_must_be_reported(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "3-4")
    story.step("officer", "arrange_duty", **ARRANGED)
    story.step("head", "confirm_arrangement", **RETURN)
    story.step("officer", "arrange_duty", **ARRANGED)
    story.step("head", "confirm_arrangement", **APPROVE)
    (march,) = story.items()
    story.step("officer", "carry_out", march, **CARRIED_OUT)
    story.step("head", "review_item", march, **RETURN)
    refused = story.refused("officer", "carry_out", march, **CARRIED_OUT | {"sensitive": "report"})
    assert "报告文号" in refused
    told = CARRIED_OUT | {"sensitive": "report", "report_number": "密报〔2021〕1号"}
    story.step("officer", "carry_out", march, **told)
    story.step("head", "review_item", march, **APPROVE)
    story.step("leader", "handle_situation", march, handling="committee", document_number="批〔2021〕2号", opinion="")
    assert story.status(march) == "completed"
    assert story.results() == ["done"]


def test_a_missed_period_is_made_up_for_and_says_why(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "3-4")
    story.step("officer", "arrange_duty", **ARRANGED)
    story.step("head", "confirm_arrangement", **APPROVE)
    until(bureau, "2021-05-06T09:00")
    march, april, may = story.items()
    late = CARRIED_OUT | {"done_on": "2021-05-06"}
    assert "漏报、迟办原因" in story.refused("officer", "carry_out", march, **late)
    assert "不能晚于今天" in story.refused("officer", "carry_out", march, **late | {"done_on": "2021-05-07"})
    story.step("officer", "carry_out", march, **late | {"late_reason": "承办人轮岗，漏报"})
    story.step("head", "review_item", march, **APPROVE)
    assert story.results() == ["done", None, None]
    assert story.status(april) == story.status(may) == "active"


# ---- SH03 指标跟踪 ----------------------------------------------------------------------------------------------------

DEFINED = {"definition": "普惠且优质，取两个名单的交集", "numerator": "在园幼儿数", "denominator": "全部在园幼儿数", "as_of": "学年初",
           "source": "统计报表", "reporters": "各区", "checking": "抽查5%"}  # fmt: skip
VERIFIED = {"checked": "抽查十所", "differences": "无", "opinion": ""}


def figures(part: int, day: str = "2021-03-12") -> dict[str, Any]:
    row = {"item": "1", "value": "", "numerator": part, "denominator": 100, "unit": "%", "entries": "", "as_of": day,
           "source": "统计报表", "evidence_kind": "统计报表"}  # fmt: skip
    return {"figures": [row], "note": ""}


def defined(bureau: Bureau) -> ShapeStory:
    story = ShapeStory(bureau, "5-5")
    story.step("officer", "define_indicator", **DEFINED)
    story.step("head", "confirm_definition", **APPROVE)
    return story


def test_an_indicator_is_collected_checked_and_settled_at_the_end(bureau: Bureau) -> None:
    story = defined(bureau)
    (first,) = story.items()
    assert "figures" in story.refused("officer", "collect_figures", first, figures=[], note="")
    story.step("officer", "collect_figures", first, **figures(70))
    story.step("head", "verify_figures", first, **VERIFIED | RETURN)
    story.step("officer", "collect_figures", first, **figures(92))
    story.step("head", "verify_figures", first, **VERIFIED | {"decision": "approve"})
    assert story.results() == ["done"]
    for quarter, moment in enumerate(("2021-04-02", "2021-07-02", "2021-10-02"), 2):
        until(bureau, f"{moment}T09:00")
        item = story.items()[-1]
        story.step("officer", "collect_figures", item, **figures(92, moment))
        story.step("head", "verify_figures", item, **VERIFIED | {"decision": "approve"})
        assert story.results() == ["done"] * quarter
    story.step("officer", "report_final", **figures(93, "2021-10-02"))
    story.step("head", "confirm_final", **VERIFIED | RETURN)
    story.step("officer", "report_final", **figures(93, "2021-10-02"))
    story.step("head", "confirm_final", **VERIFIED | {"decision": "approve"})
    story.conclude()
    assert story.result() == "completed"


def test_an_indicator_that_lags_is_warned_of(bureau: Bureau) -> None:
    story = defined(bureau)
    (first,) = story.items()
    story.step("officer", "collect_figures", first, **figures(10))
    story.step("head", "verify_figures", first, **VERIFIED | {"decision": "approve"})
    assert story.open(first) == {"give_warning"}
    story.step("head", "give_warning", first, warning="差距大", responsible="各区", by="2021-06-30")
    assert story.results() == ["done"]


def test_a_target_that_is_missed_calls_for_a_correction(bureau: Bureau) -> None:
    story = defined(bureau)
    until(bureau, "2022-01-05T09:00")
    item = story.items()[0]
    story.step("officer", "collect_figures", item, **figures(80, "2021-12-31"))
    story.step("head", "verify_figures", item, **VERIFIED | {"decision": "approve"})
    measures = [{"measure": "新增普惠园", "responsible": "各区", "by": "2022-03-31"}]
    told = {"cause": "民办园转普惠慢", "measures": measures, "expected_on": "2022-06-30", "forecast": "91%"}
    story.step("officer", "plan_correction", item, **told)
    story.step("leader", "approve_correction", item, **RETURN)
    story.step("officer", "plan_correction", item, **told)
    story.step("leader", "approve_correction", item, **APPROVE)
    assert story.results()[0] == "done"


# ---- SH04 建设项目 ----------------------------------------------------------------------------------------------------

APPROVAL = {"document_number": "锡发改〔2021〕8号", "approved_on": "2021-03-12", "investment": 3200, "funding": "市级财政",
            "floor_area": 5200, "places": "", "minutes_number": "", "planned_finish_on": "2021-08-20"}  # fmt: skip
PREPARED = {"permits": [{"kind": "permit", "number": "施2021-01", "date": "2021-03-12"}], "contractor": "甲建设公司",
            "contract_amount": 3000, "contract_on": "2021-03-12"}  # fmt: skip
MONTH = {
    "as_of": "2021-04-13",
    "percent": 20,
    "planned_percent": 25,
    "invested": 500,
    "situation": "基础完成",
    "problems": "无",
}
ACCEPTED = {"accepted_on": "2021-03-12", "members": [{"name": "李四", "unit": "监理公司"}], "record_number": "备2021-7",
            "test_report": "", "test_passed": "", "problems": "无"}  # fmt: skip


def listed(bureau: Bureau, code: str, **project: str) -> ShapeStory:
    story = ShapeStory(bureau, code)
    row = {"name": "项目一", "unit": "", "due_on": "", "note": ""}
    story.step("officer", "register_projects", items=[row | project])
    story.step("head", "confirm_projects", **APPROVE)
    return story


def build(story: ShapeStory, item: str, who: str, kind: str) -> None:
    story.step(who, "approve_project", item, **APPROVAL)
    story.step(who, "prepare_works", item, **PREPARED)
    start = {"started_on": "2021-03-12", "permit_number": "施2021-01", "supervisor": "乙监理", "plan": "8月竣工"}
    story.step(who, "begin_works", item, **start, evidence=paper(kind))


STRUCTURE = {"finished_on": "2021-03-12", "invested": 1800, "quality_number": "质2021-3", "situation": "主体封顶"}
HANDED_OVER = {
    "handed_on": "2021-03-12",
    "user": "无锡学院",
    "used_from": "2021-09-01",
    "settlement": 2950,
    "places": "",
}
RECTIFIED = {
    "problems": [{"problem": "栏杆松动", "measure": "加固", "finished_on": "2021-03-12"}],
    "recheck_number": "",
}


def test_a_project_goes_from_gate_to_gate_and_is_urged_when_it_is_late(bureau: Bureau) -> None:
    story, kind = listed(bureau, "7-9"), "竣工验收"
    (item,) = story.items()
    build(story, item, "officer", kind)
    bureau.let_time_pass(days=32)
    assert story.open(item) == {"build_works", "report_month"}
    story.step("officer", "report_month", item, **MONTH)
    assert story.open(item) == {"build_works"}
    bureau.let_time_pass(days=31)
    late = MONTH | {"as_of": "2021-05-13", "planned_percent": 60}
    assert "0到100" in story.refused("officer", "report_month", item, **late | {"percent": 120})
    story.step("officer", "report_month", item, **late)
    assert story.open(item) == {"build_works", "urge_works"}
    measures = [{"measure": "两班作业", "responsible": "施工单位", "by": "2021-06-10"}]
    story.step("head", "urge_works", item, demand="落后40个百分点", measures=measures, catch_up_on="2021-06-30")
    story.step("officer", "build_works", item, **STRUCTURE, evidence=paper(kind))
    story.step("officer", "accept_works", item, **ACCEPTED, evidence=paper(kind))
    story.step("leader", "confirm_acceptance", item, **RETURN)
    story.step("officer", "rectify_works", item, **RECTIFIED, evidence=paper(kind))
    story.step("officer", "accept_works", item, **ACCEPTED, evidence=paper(kind))
    story.step("leader", "confirm_acceptance", item, **APPROVE)
    story.step("officer", "hand_over", item, **HANDED_OVER, evidence=paper(kind))
    assert story.results() == ["done"]
    story.conclude()
    assert story.result() == "completed"


def test_lighting_counts_only_with_a_test_that_was_passed(bureau: Bureau) -> None:
    story, kind, school = listed(bureau, "10-7", unit="LIANGXI_XX"), "照度检测报告", "liangxi_xx_officer"
    publish(story)
    (item,) = story.items()
    build(story, item, school, kind)
    story.step(school, "build_works", item, **STRUCTURE, evidence=paper(kind))
    refused = story.refused(school, "accept_works", item, **ACCEPTED, evidence=paper(kind))
    assert "没有报告的不计数" in refused
    failed = ACCEPTED | {"test_report": "检2021-1", "test_passed": "false"}
    story.step(school, "accept_works", item, **failed, evidence=paper(kind))
    assert "结论是不合格" in story.refused("leader", "confirm_acceptance", item, **APPROVE)
    story.step("leader", "confirm_acceptance", item, **RETURN)
    story.step(school, "rectify_works", item, **RECTIFIED, evidence=paper(kind))
    story.step(school, "accept_works", item, **failed | {"test_passed": "true"}, evidence=paper(kind))
    story.step("leader", "confirm_acceptance", item, **APPROVE)
    assert story.open(item) == {"hand_over"}


def test_a_project_that_needs_a_collective_decision_names_its_minutes(bureau: Bureau) -> None:
    story = listed(bureau, "15-5")
    (item,) = story.items()
    assert "三重一大" in story.refused("officer", "approve_project", item, **APPROVAL)
    story.step("officer", "approve_project", item, **APPROVAL | {"minutes_number": "锡教纪要〔2021〕2号"})
    assert story.open(item) == {"prepare_works"}


# ---- SH07 活动与调研 --------------------------------------------------------------------------------------------------

CAMPAIGN = {"theme": "校企对话", "purpose": "产教融合", "schedule": [{"what": "对话会", "period": "3月", "responsible": "王五"}],
            "partners": "", "budget": 5}  # fmt: skip
EVENT = {"title": "校企对话会", "kind": "activity", "held_on": "2021-03-25", "place": "会议中心", "participants": 80,
         "outdoor": "false", "agenda": "签约", "responsible": "王五", "budget": ""}  # fmt: skip
SAFETY = {"risks": [{"risk": "crowd", "measure": "分批入场", "responsible": "王五"}], "commander": "王五", "phone": "0510-1",
          "evacuation": "两个出口", "permit_number": "", "epidemic": "测温"}  # fmt: skip
HELD = {"held": "yes", "held_on": "2021-03-12", "participants": 78, "incidents": "平安", "reason": ""}


def planned(bureau: Bureau) -> tuple[ShapeStory, str]:
    story = ShapeStory(bureau, "6-11")
    story.step("officer", "draft_campaign", **CAMPAIGN)
    story.step("head", "confirm_campaign", **APPROVE)
    (item,) = story.items()
    return story, item


def test_an_event_is_planned_approved_held_and_summed_up(bureau: Bureau) -> None:
    story, item = planned(bureau)
    story.step("officer", "plan_event", item, **EVENT)
    story.step("head", "approve_event", item, **RETURN)
    story.step("officer", "plan_event", item, **EVENT)
    story.step("head", "approve_event", item, **APPROVE)
    story.step("officer", "hold_event", item, **HELD)
    summary = {"results": "签约三家", "problems": "无", "published": "", "evidence": paper("签约清单")}
    story.step("officer", "sum_up", item, **summary)
    assert story.results() == ["done"]


def test_an_outdoor_event_needs_a_safety_plan_that_holds(bureau: Bureau) -> None:
    story, item = planned(bureau)
    story.step("officer", "plan_event", item, **EVENT | {"outdoor": "true"})
    story.step("officer", "draft_safety", item, **SAFETY)
    story.step("head", "approve_event", item, decision="unsafe", opinion="没有医疗保障")
    story.step("officer", "draft_safety", item, **SAFETY)
    story.step("head", "approve_event", item, **APPROVE)
    assert story.open(item) == {"hold_event"}


def test_an_event_may_be_cancelled_for_a_reason(bureau: Bureau) -> None:
    story, item = planned(bureau)
    story.step("officer", "plan_event", item, **EVENT)
    story.step("head", "approve_event", item, **APPROVE)
    cancelled = {"held": "no", "held_on": "", "participants": "", "incidents": "", "reason": ""}
    assert "取消原因" in story.refused("officer", "hold_event", item, **cancelled)
    story.step("officer", "hold_event", item, **cancelled | {"reason": "疫情防控通知〔2021〕9号"})
    assert story.results() == ["dropped"]


# ---- SH14 信息化建设 --------------------------------------------------------------------------------------------------

NEEDS = {"problem": "数据不通", "functions": "汇聚", "users": "全市学校", "systems": "", "level": "2", "personal_data": "true",
         "amount": 60, "funding": "市级财政"}  # fmt: skip
PROCURED = {"method": "single", "reason": "唯一供应商", "project_number": "采2021-1", "supplier": "丙公司", "amount": 58,
            "signed_on": "2021-03-12", "deliver_by": "2021-06-30"}  # fmt: skip
BUILT = {"modules": [{"name": "接口", "state": "done", "note": ""}], "finished_on": "2021-03-12", "data_check": ""}
PROTECTED = {"level": "2", "filing_number": "备1", "agency": "丁测评", "report_number": "测1", "tested_on": "2021-03-12",
             "conclusion": "good", "risks": "无"}  # fmt: skip
ASSESSED = {
    "data": "学生健康数据",
    "report_number": "评1",
    "assessed_on": "2021-03-12",
    "conclusion": "acceptable",
    "measures": "加密",
}
FIRST = {"accepted_on": "2021-03-12", "first_result": "pass", "trial_ends_at": "2021-04-30", "problems": "无"}
TRIAL = {"days": 40, "users": 900, "available": 99, "faults": [], "feedback": "好用"}
FINAL = {"accepted_on": "2021-05-06", "record_number": "验1", "members": [{"name": "李四", "unit": "信息中心"}],
         "final_result": "pass", "opinion": "同意"}  # fmt: skip


def argued(bureau: Bureau, code: str, **needs: Any) -> ShapeStory:
    story = ShapeStory(bureau, code)
    story.step("officer", "state_needs", **NEEDS | needs)
    review(story, 70)
    assert story.open() == {"state_needs"}
    story.step("officer", "state_needs", **NEEDS | needs)
    review(story, 90)
    return story


def gates(story: ShapeStory, **protected: str) -> None:
    story.step("officer", "build_platform", **BUILT)
    assert story.open() == {"protect_levels", "assess_data"}
    story.step("officer", "protect_levels", **PROTECTED | protected)
    story.step("officer", "assess_data", **ASSESSED)


def test_a_platform_is_argued_built_tried_and_handed_over(bureau: Bureau) -> None:
    story = argued(bureau, "10-9")
    story.step("leader", "approve_project", **PASSED)
    story.step("officer", "procure", **PROCURED)
    gates(story, conclusion="bad")
    assert "等保测评结论是不符合" in story.refused("head", "accept_first", **FIRST)
    story.step("head", "accept_first", **FIRST | {"first_result": "fail", "trial_ends_at": ""})
    gates(story)
    assert "须晚于今天" in story.refused("head", "accept_first", **FIRST | {"trial_ends_at": "2021-03-12"})
    story.step("head", "accept_first", **FIRST)
    assert story.open() == set()
    until(bureau, "2021-05-01T09:00")
    story.step("officer", "report_trial", **TRIAL)
    story.step("head", "accept_final", **FINAL | {"final_result": "rework"})
    gates(story)
    story.step("head", "accept_first", **FIRST | {"trial_ends_at": "2021-05-31"})
    until(bureau, "2021-06-01T09:00")
    story.step("officer", "report_trial", **TRIAL)
    story.step("head", "accept_final", **FINAL)
    handed = {
        "operator": "信息中心",
        "contact": "赵六",
        "yearly_cost": 3,
        "maintained_until": "2024-05-31",
        "emergency": "备份",
    }
    story.step("officer", "hand_over_platform", **handed, evidence=paper("验收"))
    platforms = {"item": "1", "unit": "个", "as_of": "2021-06-01", "entries": "体质监测\n视力档案", "source": "验收记录",
                 "evidence_kind": "验收", "value": None, "numerator": None, "denominator": None}  # fmt: skip
    story.conclude(figures=[platforms])


@pytest.mark.parametrize(("code", "amount", "then"), [
    ("10-9", 99, "approve_project"), ("10-9", 100, "propose_topic"), ("15-11", 1, "propose_topic"),
])  # fmt: skip
def test_who_decides_hangs_on_the_amount_and_on_the_plan(bureau: Bureau, code: str, amount: int, then: str) -> None:
    story = argued(bureau, code, amount=amount)
    assert story.open() == {then}
    if then == "approve_project":
        story.step("leader", then, resolution="rejected", opinion="与省平台重复")
        assert story.open() == {"state_needs"}


# ---- SH15 对上创建与迎评 ----------------------------------------------------------------------------------------------

STANDARD = {"name": "高水平专业群", "standard": "≥ 2个", "actual": "2个", "meets": "true", "source": "自评报告"}
SELF = {"as_of": "2021-03-12", "standards": [STANDARD], "shortfalls": "无", "reached": "yes"}
CHECKED = {
    "reviewed_on": "2021-03-12",
    "method": "实地",
    "checked": [{"name": "高水平专业群", "right": "true", "note": ""}],
}
APPLIED = {
    "receiver": "省教育厅",
    "document_number": "锡教〔2021〕5号",
    "sent_on": "2021-03-12",
    "evidence": paper("申报"),
}
RESULT = {
    "external": "recognised",
    "document_number": "苏教〔2021〕9号",
    "decided_on": "2021-03-12",
    "opinions": "无",
    "evidence": [],
}
STAGE = {"achieved": "通过省评", "next_steps": "迎接国家认定"}


def applied(bureau: Bureau) -> ShapeStory:
    story = ShapeStory(bureau, "6-3")
    unmet = SELF | {"standards": [STANDARD | {"meets": "false"}]}
    assert "还有未达到的标准项" in story.refused("officer", "assess_self", **unmet)
    story.step("officer", "assess_self", **unmet | {"reached": "no"})
    measures = [{"measure": "引进教师", "responsible": "学院", "by": "2021-06-30"}]
    story.step("officer", "close_gaps", cause="师资不足", measures=measures, done="已引进", evidence=[])
    story.step("officer", "assess_self", **SELF)
    story.step("dudao1", "review_locally", **CHECKED | RETURN)
    story.step("officer", "assess_self", **SELF)
    story.step("dudao1", "review_locally", **CHECKED | APPROVE)
    story.step("officer", "apply_upward", **APPLIED)
    return story


def test_an_accreditation_that_is_not_recommended_starts_again_and_is_recognised(bureau: Bureau) -> None:
    story = applied(bureau)
    bureau.let_time_pass(days=120)
    story.step("officer", "record_external", **RESULT | {"external": "not_recommended"})
    assert "上级尚未认定" in story.refused("leader", "confirm_stage", **STAGE, stage="recognised")
    story.step("leader", "confirm_stage", **STAGE, stage="again")
    story.step("officer", "assess_self", **SELF)
    story.step("dudao1", "review_locally", **CHECKED | APPROVE)
    story.step("officer", "apply_upward", **APPLIED)
    story.step("officer", "record_external", **RESULT)
    story.step("leader", "confirm_stage", **STAGE, stage="recognised")
    story.conclude()
    assert story.result() == "completed"


def test_what_is_undecided_at_the_end_of_the_year_counts_as_a_stage(bureau: Bureau) -> None:
    story = applied(bureau)
    until(bureau, "2021-12-20T09:00")
    pending = RESULT | {"external": "pending", "document_number": "", "decided_on": ""}
    story.step("officer", "record_external", **pending)
    story.step("leader", "confirm_stage", **STAGE, stage="carried")
    story.conclude()
    assert story.result() == "completed"


# ---- SH18 申报立项结题 ------------------------------------------------------------------------------------------------

GUIDE = {"name": "市级项目", "target": "", "quota": 1, "conditions": "无一票否决", "materials": "申报书", "apply_by": "2021-04-10",
         "funding": 5, "document_number": "锡教〔2021〕6号"}  # fmt: skip
APPLICATION = {"project": "书香校园", "name": "周七", "unit": "LIANGXI_XX", "id_hint": "1234", "amount": 5}
APPLICATIONS = {"applications": [APPLICATION], "checked_by": "钱八", "note": ""}
PROJECT = {"name": "书香校园", "unit": "LIANGXI_XX", "due_on": "", "note": ""}
MIDTERM = {"percent": 50, "progress": "过半", "spent": 2, "problems": "无"}
CHECK = {"method": "visit", "findings": "已到校查看", "rectify_by": "", "opinion": ""}
SCHOOL = "liangxi_xx_officer"
BAR = {"kind": "person", "subject": "周七", "unit": "LIANGXI_XX", "id_hint": "1234", "reason": "conduct", "sanction": "demerit",
       "basis": "锡教人〔2021〕3号", "starts_on": "2021-03-01", "scopes": ["grant"]}  # fmt: skip


def guided(bureau: Bureau, code: str) -> ShapeStory:
    story = ShapeStory(bureau, code)
    story.step("officer", "publish_guide", **GUIDE)
    story.step("head", "confirm_guide", **APPROVE)
    return story


def granted(bureau: Bureau) -> tuple[ShapeStory, str]:
    """A grant that needs neither experts nor a notice, with its one project begun."""
    story = guided(bureau, "14-9")
    story.step("officer", "collect_applications", **APPLICATIONS)
    story.step("leader", "approve_projects", **PASSED)
    story.step("officer", "register_projects", items=[PROJECT])
    (item,) = story.items()
    return story, item


def test_applications_are_reviewed_shown_and_granted(bureau: Bureau) -> None:
    story = guided(bureau, "6-4")
    story.step("officer", "collect_applications", **APPLICATIONS)
    review(story, 60)
    story.step("officer", "collect_applications", **APPLICATIONS)
    review(story, 90)
    publish(story)
    story.step("leader", "approve_projects", **PASSED)
    story.step("officer", "register_projects", items=[PROJECT])
    assert len(story.items()) == 1


def test_an_upheld_objection_brings_the_applications_back(bureau: Bureau) -> None:
    story = guided(bureau, "6-4")
    story.step("officer", "collect_applications", **APPLICATIONS)
    review(story, 90)
    notice = {"title": "拟立项名单", "kind": "award", "place": "门户网站", "starts_on": clock.today().isoformat(), "days": "",
              "contact": "0510-00000000"}  # fmt: skip
    story.step("officer", "publish_notice", **notice)
    objection = {"who": "", "what": "材料不实", "evidence": "照片"}
    assert bureau.person("duban1").post(f"/publicity/{story.instance}/objection", objection).status == 302
    (pending,) = bureau.children(story.instance, "publicity_objection")
    verdict = {"checked": "已核实", "verdict": "upheld", "reply": "匿名"}
    story.step("head", "handle_objection", pending, **verdict)
    assert story.open() == {"collect_applications"}


def test_a_grant_may_need_a_collective_decision_or_be_refused(bureau: Bureau) -> None:
    story = guided(bureau, "9-5")
    story.step("officer", "collect_applications", **APPLICATIONS)
    review(story, 90)
    publish(story)
    assert story.open() == {"propose_topic"}
    other = guided(bureau, "14-9")
    other.step("officer", "collect_applications", **APPLICATIONS)
    other.step("leader", "approve_projects", resolution="rejected", opinion="没有经费")
    assert other.open() == {"claim_completion"}


def test_a_barred_person_cannot_apply_and_is_not_granted_anything(bureau: Bureau) -> None:
    story, barred = guided(bureau, "16-7"), guided(bureau, "14-9")
    barred.step("officer", "collect_applications", **APPLICATIONS)
    barred.step("leader", "approve_projects", **PASSED)
    assert "没有申报过：另一项目" in barred.refused(
        "officer", "register_projects", items=[PROJECT | {"name": "另一项目"}]
    )
    assert bureau.person("rs_head").post("/vetoes/new", BAR).status == 302
    assert "周七在一票否决期内" in story.refused("officer", "collect_applications", **APPLICATIONS)
    assert "周七在一票否决期内" in barred.refused("officer", "register_projects", items=[PROJECT])
    story.step("officer", "collect_applications", **APPLICATIONS | {"applications": [APPLICATION | {"name": "吴九"}]})


def test_a_project_is_checked_midway_completed_and_spread(bureau: Bureau) -> None:
    story, item = granted(bureau)
    assert doers(bureau, story.task("report_midterm", item)) == ["school_officer@LIANGXI_XX"]
    story.step(SCHOOL, "report_midterm", item, **MIDTERM, evidence=paper("协议"))
    told = CHECK | {"midterm": "rectify", "rectify_by": "2021-05-31", "opinion": "补充学生参与"}
    story.step("officer", "check_midterm", item, **told)
    story.step(SCHOOL, "report_midterm", item, **MIDTERM, evidence=paper("协议"))
    story.step("officer", "check_midterm", item, **CHECK, midterm="pass")
    products = [{"name": "校本课程", "kind": "course", "date": "2021-03-12"}]
    results = {"results": "形成课程", "products": products, "spent": 5, "evidence": paper("活动")}
    story.step(SCHOOL, "report_results", item, **results)
    judged = {"score": 70, "reviewers": "三位专家", "opinion": "补充数据"}
    story.step("head", "review_results", item, **judged, result="rework")
    story.step(SCHOOL, "report_results", item, **results)
    story.step("head", "review_results", item, **judged | {"score": 90}, result="pass")
    ways = [{"way": "现场会", "range": "全市", "date": "2021-03-12"}]
    story.step(SCHOOL, "spread_results", item, ways=ways, effect="二十校采用")
    assert story.results() == ["done"]
    story.conclude()
    assert story.result() == "completed"


def test_a_project_that_fails_midway_is_terminated_by_two_people(bureau: Bureau) -> None:
    story, item = granted(bureau)
    failed = CHECK | {"midterm": "terminate", "opinion": "未开展"}
    story.step(SCHOOL, "report_midterm", item, **MIDTERM, evidence=paper("协议"))
    story.step("officer", "check_midterm", item, **failed)
    story.step("head", "confirm_termination", item, **RETURN)
    story.step("officer", "check_midterm", item, **failed)
    story.step("head", "confirm_termination", item, **APPROVE)
    assert story.results() == ["dropped"]
    assert story.open() == {"claim_completion"}


def school_rows(session: Session, skewed: str) -> list[dict[str, Any]]:
    """Every school has the same for each pupil, but one that has ten times as many teachers."""
    ratios = {"qualified_teachers": 0.06, "leading_teachers": 0.02, "arts_teachers": 0.02, "teaching_rooms": 7,
              "sports_grounds": 12, "equipment": 3000, "multimedia_rooms": 0.03}  # fmt: skip
    rows = []
    for key, unit in school_table.compulsory(session).items():
        stages = school_table.TAUGHT[school_table.KINDS[unit.stage or ""]]
        pupils = {f"pupils_{stage}": 600 if stage in stages else None for stage in ("primary", "junior")}
        has = {name: ratio * 600 * len(stages) for name, ratio in ratios.items()}
        if unit.name == skewed:
            has["qualified_teachers"] *= 10
        rows.append({"item": key, **pupils, **has})
    return rows


def test_coefficients_come_out_of_what_the_schools_have(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "17-8")
    story.step("officer", "define_indicator", **DEFINED)
    story.step("head", "confirm_definition", **APPROVE)
    (item,) = story.items()
    with db.reading() as session:
        skewed = next(unit.name for unit in school_table.compulsory(session).values() if unit.stage == "小学")
        rows = school_rows(session, skewed)
    told = {"value": None, "numerator": None, "denominator": None, "unit": "比值", "entries": None, "as_of": "2021-09-01",
            "source": "校表", "evidence_kind": "校级数据"}  # fmt: skip
    sent = {"figures": [{"item": "1", **told}, {"item": "2", **told}], "note": ""}
    half = [rows[0] | {"equipment": None}, *rows[1:]]
    assert "填了就要填全" in story.refused("officer", "collect_figures", item, **sent, schools=half)
    assert "任务书“材料”一栏" in story.refused(
        "officer", "collect_figures", item, schools=rows, note="",
        figures=[{"item": "1", **told, "evidence_kind": "口头汇报"}, {"item": "2", **told}],
    )  # fmt: skip
    story.step("officer", "collect_figures", item, **sent, schools=rows)
    story.step("head", "verify_figures", item, **VERIFIED | {"decision": "approve"})
    with db.reading() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == "17-8")).one()
        primary, junior = progress.state_of(session, commitment, clock.today())
        assert primary.result != "met"
        assert "每百名学生拥有高于规定学历教师数" in primary.why
        # Five of thirteen are nine-year schools, whose pupils of this stage weigh 1.1: they have 1.0476 of what others have.
        assert round(junior.value or 0, 4) == Decimal("0.0228")
        assert junior.result == "met"
        assert len(junior.figures) == 7 * 13, "eight junior and five nine-year schools"
    assert bureau.person("dd_head").get(f"/instances/{item}").says("差异系数")
    page = bureau.person("juzhang").get("/plan/targets")
    assert page.says("对照国家标准：17-7")
    assert page.says("每百名学生拥有高于规定学历教师数")
