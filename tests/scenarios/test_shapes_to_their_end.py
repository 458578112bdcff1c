"""Commitments from 任务立项 to 已办结: those that come again and again, those that stay open, and those that fall short."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine import clock, db
from engine.lamps import lamp, picture
from engine.models import Commitment, Visit, WorkItem
from tests import findings
from tests.driver import Bureau
from tests.engine.test_reminders import until
from tests.scenarios import test_shapes_supervision as supervision
from tests.scenarios.test_shapes_awards_and_cases import REGISTERED, begun, decided_together, publicise
from tests.scenarios.test_shapes_of_delivery import CAMPAIGN, CARRIED_OUT, EVENT, HELD, paper
from tests.shapes import APPROVE, RETURN, ShapeStory
from tests.visits import answers


def today() -> str:
    return clock.today().isoformat()


def register(bureau: Bureau, story: ShapeStory, name: str, **told: str) -> int:
    """The officer registers one more occurrence by the button of the commitment's page; the answer's status."""
    with db.reading() as session:
        commitment = session.scalars(select(Commitment.id).where(Commitment.instance_id == story.instance)).one()
    whole = {"name": name, "unit": "", "due_on": "", "note": ""} | told
    row = {f"items.0.{key}": value for key, value in whole.items()}
    page = f"/plan/commitments/{commitment}/items"
    status = bureau.person(f"{story.lead}_officer1").post(page, row, form_page=page).status
    bureau.settle()
    return status


# ---- SH02 周期履责


def test_a_duty_waits_for_its_next_period_and_ends_after_the_last(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "1-2")
    arranged = {
        "duty": "制度回头看",
        "responsible": "张三",
        "partners": "",
        "deliverable": "报告",
        "has_sensitive": "false",
    }
    story.step("officer", "arrange_duty", **arranged)
    story.step("head", "confirm_arrangement", **APPROVE)
    for half, moment in enumerate(("2021-03-12", "2021-07-01"), 1):
        if half > 1:
            assert story.open() == set(), "nothing is to be done between the periods"
            until(bureau, f"{moment}T09:00")
        told = CARRIED_OUT | {"done_on": today(), "evidence": paper("回头看报告")}
        story.step("officer", "carry_out", story.items()[-1], **told)
        story.step("head", "review_item", story.items()[-1], **APPROVE)
        assert story.results() == ["done"] * half
    story.conclude()


# ---- SH07 活动与调研


def campaign(bureau: Bureau, code: str, **held: Any) -> ShapeStory:
    """A campaign of one event, to what came of it."""
    story = ShapeStory(bureau, code)
    story.step("officer", "draft_campaign", **CAMPAIGN)
    story.step("head", "confirm_campaign", **APPROVE)
    (event,) = story.items()
    story.step("officer", "plan_event", event, **EVENT)
    story.step("head", "approve_event", event, **APPROVE)
    story.step("officer", "hold_event", event, **HELD | held)
    return story


def test_a_campaign_ends_when_its_event_is_summed_up(bureau: Bureau) -> None:
    story = campaign(bureau, "12-8")
    summary = {"results": "进社区十场", "problems": "无", "published": "", "evidence": paper("活动记录")}
    story.step("officer", "sum_up", story.items()[0], **summary)
    story.conclude()


@pytest.mark.parametrize("made_up", [False, True])
def test_a_target_that_is_missed_is_explained_and_made_up_for_or_ends_red_for_good(
    bureau: Bureau, made_up: bool
) -> None:
    cancelled = {"held": "no", "held_on": "", "participants": "", "incidents": "", "reason": "疫情防控通知〔2021〕9号"}
    story = campaign(bureau, "3-15", **cancelled)
    assert story.results() == ["dropped"]
    assert "研修班" in story.refused(
        "officer", "claim_completion", as_of=today(), situation="未办", figures=[], evidence=[]
    )
    figure = {"item": "1", "value": 0, "numerator": "", "denominator": "", "unit": "期", "entries": "", "as_of": today(),
              "source": "干部处台账", "evidence_kind": "方案"}  # fmt: skip
    short = {"reason": "疫情防控，未能办班", "remedy": "改为线上", "remedy_by": "2021-10-31", "carry_over": "true"}
    story.claim(figures=[figure])
    story.step("officer", "explain_shortfall", **short)
    assert "意见" in story.refused("leader", "decide_shortfall", decision="return", opinion="")
    story.step("leader", "decide_shortfall", decision="return", opinion="十月底前线上补办一期")
    assert story.open() == {"claim_completion"}

    until(bureau, "2021-10-20T09:00")
    if made_up:
        story.conclude(figures=[figure | {"value": "", "entries": "教育管理干部研修班", "as_of": today()}])
        return
    story.claim()
    story.step("officer", "explain_shortfall", **short)
    story.step("leader", "decide_shortfall", **APPROVE)
    story.has_ended("missed")
    bureau.let_time_pass(days=100)
    with db.reading() as session:
        shown = picture.of_instances(session, [story.instance])[story.instance]
    assert shown.colour == lamp.Colour.RED


# ---- SH09 责任督学经常性督导


def inspect(bureau: Bureau, story: ShapeStory) -> None:
    """A term's round: one school, visited by whoever answers for it."""
    item = story.items()[-1]
    by = (clock.today() + timedelta(days=10)).isoformat()
    story.step("dudao1", "schedule_visits", item, theme="阳光体育", schools=["LIANGXI_XX"], visit_by=by)
    with db.reading() as session:
        detail = session.scalars(select(WorkItem.detail).where(WorkItem.instance_id == item)).one()
        (visit,) = session.scalars(select(Visit).where(Visit.id.in_(detail["visits"])))
        instance, inspector = visit.instance_id, visit.inspector.login
    assert instance
    story.step(inspector, "visit_school", instance, **answers(instance))
    bureau.let_time_pass(days=1, hours=1)
    told = [{"item": "LIANGXI_XX", "situation": "到位", "problem": "没有"}]
    story.step("dudao1", "write_round_report", item, schools=told, report="总体良好")
    story.step("head", "review_report", item, **APPROVE)


def test_a_theme_is_inspected_in_every_term(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "11-5")
    points = [{"point": "大课间", "way": "校园巡视"}]
    story.step("officer", "propose_theme", aspects=["教师师德和专业发展"], theme="阳光体育", points=points)
    story.step("dudao1", "list_theme", **APPROVE)
    inspect(bureau, story)
    assert story.open() == set()
    until(bureau, "2021-09-02T09:00")
    inspect(bureau, story)
    assert story.results() == ["done", "done"]
    story.conclude()


# ---- SH10 双随机抽查


def test_a_random_check_ends_when_what_it_found_is_signed_off(bureau: Bureau) -> None:
    story, item = supervision.start_batch(bureau, "12-11")
    drawn = supervision.draw_batch(story, item, others=supervision.OTHERS).result
    story.step("head", "confirm_draw", item, confirmed="true")
    assert drawn is not None
    first = drawn["objects"][0]
    found = [{"item": key, "result": "未发现问题"} for key in drawn["objects"]]
    found[0] |= {"result": "发现问题", "problem": "超范围办学"}
    story.step(drawn["inspectors"][first][0], "record_checks", item, checked_on=today(), problems="yes", records=found)
    story.step("officer", "publish_results", item, published_on=today(), published_at="局网站")
    order = {"object": first, "measure": "责令改正", "basis": "民办教育促进法", "due_on": supervision.day(20)}
    story.step("officer", "dispose", item, disposals=[order | supervision.CORRECT])
    story.step("head", "confirm_disposal", item, **APPROVE)
    assert story.open() == set(), "the batch is over, what must be corrected is not"

    # A training institution has no account here: the department that checks it reports for it, and others verify.
    _, correction = story.items()
    story.step("fg_officer1", "plan_rectification", correction, **supervision.PLAN)
    story.step("fg_officer1", "rectify", correction, **findings.shown())
    story.step("head", "sign_report", correction, **findings.SIGNATURE)
    story.step("dudao1", "verify", correction, **findings.accepted())
    assert story.results() == ["done", "done"]
    story.conclude()


# ---- SH11 问题整改销号


def rectify(story: ShapeStory, item: str) -> None:
    story.step(supervision.OFFICER, "plan_rectification", item, **supervision.PLAN)
    story.step(supervision.OFFICER, "rectify", item, **findings.shown())
    story.step(supervision.HEAD, "sign_report", item, **findings.SIGNATURE)
    story.step("officer", "verify", item, **findings.accepted())


def test_a_ledger_ends_with_its_last_problem_though_that_came_late(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "13-8")
    problem = findings.AUDIT | {"name": "注册核对", "unit": supervision.SCHOOL}
    (item,) = supervision.register(story, "list_problems", "confirm_list", problem)
    rectify(story, item)
    story.claim()

    # Whatever is found while the conclusion is asked for begins at once, and the commitment does not end over it.
    assert register(bureau, story, "国际课程班超计划招生", **findings.AUDIT) == 302
    (late,) = set(story.items()) - {item}
    answer = bureau.person(f"{story.lead}_head").does(story.task("confirm_completion"), decision="approve")
    assert answer.status == 409
    assert answer.says("还有事项没有了结：“国际课程班超计划招生”")
    story.step("head", "confirm_completion", **RETURN)
    story.step("officer", "plan_rectification", late, **supervision.PLAN)
    story.step("officer", "rectify", late, **findings.shown())
    story.step("head", "sign_report", late, **findings.SIGNATURE)
    story.step("duban1", "verify", late, **findings.accepted())
    story.conclude()
    assert story.results() == ["done", "done"]


# ---- SH12 个案查处


def test_cases_may_come_until_it_is_time_to_ask_for_the_conclusion(bureau: Bureau) -> None:
    story, first = begun(bureau, "12-9", "某校信用修复")
    refuse(story, first)
    assert story.open() == set()
    until(bureau, "2021-12-20T09:00")
    assert register(bureau, story, "岁末申请") == 302
    until(bureau, "2021-12-22T09:00")
    assert story.open() == set(), "it does not end while a case is open"
    refuse(story, story.items()[-1])
    story.conclude()
    with db.reading() as session:
        shown = picture.of_instances(session, [story.instance])[story.instance]
    assert shown.colour == lamp.Colour.GREEN, "in time, though it stayed open to the end"
    assert register(bureau, story, "为时已晚") == 409


def refuse(story: ShapeStory, case: str) -> None:
    story.step("officer", "register_case", case, **REGISTERED | {"received_on": today()})
    story.step("head", "accept_case", case, acceptance="refuse", reason="不属于本局职责")
    story.step("officer", "tell_refusal", case, way="书面", told_on=today(), told="请向有关部门提出")


# ---- SH13 应急与零报告


@pytest.mark.either_database
def test_a_zero_report_is_sent_for_every_month_and_then_concluded(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "15-10")
    told = {"report_rule": "accident_report", "channels": "总值班室", "plan": "预案"}
    story.step("officer", "arrange_watch", **told, watch=[{"name": "甲", "duty": "值班", "phone": "1"}])
    story.step("head", "confirm_watch", **APPROVE)
    for month in range(3, 13):
        until(bureau, f"2021-{month:02}-{13 if month == 3 else 1:02}T09:00")
        story.step("officer", "report_period", story.items()[-1], happened="no", covered=120, situation="")
    assert story.results() == ["done"] * 10
    assert story.open() == set(), "an event may still happen"
    until(bureau, "2021-12-21T09:00")
    story.conclude()


# ---- SH16 集体决策


def test_a_topic_is_decided_shown_carried_out_and_the_commitment_ends(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "13-6")
    topics = [{"name": "普通高中招生计划"}, {"name": "分校计划"}]
    passed, failed = supervision.register(story, "list_topics", "confirm_topics", *topics)
    decided_together(story.of_item(failed), "+++---")
    story.step("head", "settle_failed_topic", failed, propose_again="false", opinion="并入招生计划")
    decided_together(story.of_item(passed))
    publicise(story.of_item(passed), kind="award")
    bureau.let_time_pass(days=15)
    told = {"carried_out": "计划已下达", "carried_out_on": today(), "evidence": "计划文"}
    story.step("officer", "carry_out_resolution", passed, **told)
    story.step("head", "confirm_resolution", passed, **APPROVE)
    assert story.results() == ["done", "dropped"]
    assert story.open() == set(), "another topic may come"
    until(bureau, "2021-06-05T09:00")
    story.conclude()
