"""Supervision, visits, random checks, ledgers and evaluations: each through its normal end and its main exception."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine import clock, db
from engine.draws import algorithm, draw
from engine.errors import NotAllowed
from engine.models import Commitment, Document, DrawRecord, Finding, Notification, Person, SupervisionRound, Visit
from tests import findings
from tests.driver import Bureau
from tests.shapes import APPROVE, RETURN, ShapeStory
from tests.visits import answers

pytestmark = pytest.mark.either_database

SCHOOL = "HUISHAN_XX"
OFFICER, HEAD = "huishan_xx_officer", "huishan_xx_head"


def day(after: int) -> str:
    return (clock.today() + timedelta(days=after)).isoformat()


def evidence_of(story: ShapeStory) -> str:
    """A kind of evidence that the commitment names."""
    with db.reading() as session:
        kinds = session.scalars(select(Commitment.evidence).where(Commitment.instance_id == story.instance)).one()
        return str(kinds[0])


def register(story: ShapeStory, choose: str, confirm: str, *rows: dict[str, Any]) -> list[str]:
    story.step("officer", choose, items=list(rows))
    story.step("head", confirm, **APPROVE)
    return story.items()


# ---- SH09


def test_a_theme_goes_along_with_the_routine_visit_and_opens_visits_of_its_own_elsewhere(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "10-12")
    look = {
        "aspects": ["教师师德和专业发展"],
        "theme": "手机管理",
        "points": [{"point": "手机存放", "way": "校园巡视"}],
    }
    story.step("officer", "propose_theme", **look)
    story.step("dudao1", "list_theme", **RETURN)
    story.step("officer", "propose_theme", **look)
    story.step("dudao1", "list_theme", **APPROVE)
    bureau.let_time_pass(days=25)
    item = story.items()[-1]
    with db.reading() as session:
        routine = session.scalars(select(SupervisionRound).where(SupervisionRound.key.like("routine:%"))).one()
        before = len(routine.visits)
        school = routine.visits[0].school.key
    story.step("dudao1", "schedule_visits", item, theme="手机管理", schools=[school], visit_by=day(10))
    with db.reading() as session:
        routine = session.scalars(select(SupervisionRound).where(SupervisionRound.key.like("routine:%"))).one()
        assert "手机管理" in (routine.theme or "")
        assert (len(routine.visits), len(session.scalars(select(Visit)).all())) == (before, before)
        visit = routine.visits[0]
        instance, inspector = visit.instance_id, visit.inspector.login
    assert instance
    assert story.open(item) == set()
    story.step(inspector, "visit_school", instance, **answers(instance))
    bureau.let_time_pass(days=1, hours=1)
    told = [{"item": school, "situation": "到位", "problem": "没有"}]
    story.step("dudao1", "write_round_report", item, schools=told, report="总体良好")
    story.step("head", "review_report", item, **RETURN)
    story.step("dudao2", "write_round_report", item, schools=told, report="总体良好，补充建议")
    story.step("head", "review_report", item, **APPROVE)
    assert (story.status(item), story.results()[-1]) == ("completed", "done")


def visits_about_safety(bureau: Bureau) -> tuple[ShapeStory, str]:
    """A theme of its own at one school, scheduled."""
    story = ShapeStory(bureau, "17-5")
    look = {"aspects": ["校园及周边安全、交通安全"], "theme": "安全", "points": [{"point": "消防", "way": "校园巡视"}]}
    story.step("officer", "propose_theme", **look)
    story.step("dudao1", "list_theme", **APPROVE)
    item = story.items()[0]
    story.step("dudao1", "schedule_visits", item, theme="安全", schools=["LIANGXI_XX"], visit_by=day(10))
    return story, item


def test_a_school_that_no_routine_visit_is_due_to_gets_one_and_danger_there_interrupts(bureau: Bureau) -> None:
    story, item = visits_about_safety(bureau)
    with db.reading() as session:
        visit = session.scalars(select(Visit)).one()
        instance, inspector = visit.instance_id or "", bureau.person(visit.inspector.login)
        address = f"/visits/{visit.id}"
    told_at_once = inspector.post(f"{address}/danger", {"danger": "围墙开裂，已疏散"}, form_page=address)
    assert told_at_once.status == 302
    bureau.settle()
    with db.reading() as session:
        told = session.scalars(select(Person.login).join(Notification).where(Notification.kind == "danger"))
        assert {"aq_head", "aq_officer1", "dudao1", "liangxi_xx_head"} <= set(told)
    assert story.open(item) == set()
    done = {"arrived": "安全处 9:30", "measures": ["停用场所或设备"], "situation": "已封闭", "cleared_on": day(0)}
    story.step("aq_officer1", "handle_danger", instance, **done)
    with db.reading() as session:
        # The visit is over, what it found is not.
        assert session.scalars(select(Finding.severity)).all() == ["重大"]
    assert (story.status(instance), story.open(item)) == ("completed", set())


def test_what_a_visit_has_found_is_not_over_with_the_year(bureau: Bureau) -> None:
    story, item = visits_about_safety(bureau)
    with db.reading() as session:
        visit = session.scalars(select(Visit)).one()
        instance, inspector = visit.instance_id or "", visit.inspector.login
    story.step(inspector, "visit_school", instance, **answers(instance, {"exits": {}}))
    with db.reading() as session:
        finding = session.scalars(select(Finding)).one().instance_id or ""
    story.carry_over()
    assert (story.status(), story.status(item), story.status(finding)) == ("terminated", "terminated", "active")
    assert "rectify" in bureau.open_tasks(finding)


# ---- SH10


def start_batch(bureau: Bureau, code: str = "8-6") -> tuple[ShapeStory, str]:
    story = ShapeStory(bureau, code)
    plan = {"attention": "ordinary", "matters": [{"matter": "办学条件", "basis": "条例"}], "ratio": 20, "times": 4}
    refused = story.refused("officer", "plan_checks", **plan | {"ratio": 4, "times": 1})
    assert "不能少于5%" in refused
    assert "不能少于2次" in refused
    story.step("officer", "plan_checks", **plan)
    story.step("head", "confirm_plan", **APPROVE)
    story.step("officer", "announce_plan", published_on=day(0), published_at="局网站")
    return story, story.items()[0]


OTHERS = [{"name": f"培训机构{n}", "code": f"91320200MA1{n:07}"} for n in range(12)]


CORRECT = {"severity": "一般", "criteria": "不再超范围", "evidence_kinds": "文件、现场查看"}
"""What an order to correct is closed by."""


def drawn(item: str) -> DrawRecord:
    with db.reading() as session:
        return draw.of(session, item)


def draw_batch(story: ShapeStory, item: str, **batch: Any) -> DrawRecord:
    """From the rosters to the draw, with a contribution of the observer."""
    story.step("officer", "prepare_batch", item, **batch)
    story.step("officer", "commit_draw", item, confirmed="true")
    story.step("jijian", "contribute", item, contribution="20210601")
    return drawn(item)


def test_a_draw_is_confirmed_with_a_replacement_and_what_was_found_is_rectified(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    short = [OTHERS[0] | {"code": "LIANGXI_XX"}]
    assert "code" in story.refused("officer", "prepare_batch", item, stages=["小学"], others=short)
    assert "只能入库一次" in story.refused("officer", "prepare_batch", item, others=[OTHERS[0], OTHERS[0]])
    record = draw_batch(story, item, stages=["小学"], others=OTHERS, absent=["duxue8"])
    assert record.result is not None
    drawn_first, recused = record.result["inspectors"], {(who, what) for who, what in record.roster["recused"]}
    assert (len(record.roster["objects"]), len(drawn_first)) == (20, 4)
    pool = [line["key"] for line in record.roster["inspectors"]]
    assert "duxue8" not in pool
    assert all(len(set(people)) == 2 for people in drawn_first.values())
    first = record.result["objects"][0]
    out = drawn_first[first][0]
    other = next(who for who in pool if who not in drawn_first[first] and (who, first) not in recused)
    page = bureau.person("fg_head").get(f"/tasks/{story.task('confirm_draw', item)}")
    assert page.says(f"{record.names[first]}（{record.names[out]}、")
    assert bureau.person("fg_head").get(f"/instances/{item}").says("随机抽取（有监督员贡献")
    swap = {"item": first, "outgoing": out, "incoming": other}
    assert "reason" in story.refused("head", "confirm_draw", item, replacements=[swap], confirmed="true")
    assert "回避" in story.refused(
        "head", "confirm_draw", item, confirmed="true", replacements=[swap | {"incoming": out, "reason": "出差"}]
    )
    away = [swap | {"incoming": "duxue8", "reason": "出差"}]
    assert "名录" in story.refused("head", "confirm_draw", item, confirmed="true", replacements=away)
    story.step("head", "confirm_draw", item, replacements=[swap | {"reason": "出差"}], confirmed="true")
    record = drawn(item)
    assert record.result is not None
    assert record.result["inspectors"] == drawn_first
    assert other in draw.final(record)[first]
    found = [{"item": key, "result": "未发现问题"} for key in record.result["objects"]]
    bad = [found[0] | {"result": "发现问题", "problem": "超范围"}, *found[1:]]
    assert "不一致" in story.refused(other, "record_checks", item, checked_on=day(0), problems="no", records=bad)
    story.step(other, "record_checks", item, checked_on=day(0), problems="yes", records=bad)
    story.step("officer", "publish_results", item, published_on=day(0), published_at="局网站")
    order = {"object": first, "measure": "责令改正", "basis": "条例"}
    assert "due_on" in story.refused("officer", "dispose", item, disposals=[order])
    story.step("officer", "dispose", item, disposals=[order | CORRECT | {"due_on": day(20)}])
    story.step("head", "confirm_disposal", item, **APPROVE)
    assert story.status(item) == "completed"
    assert "plan_rectification" in bureau.open_tasks(story.items()[1])


def test_too_few_inspectors_are_refused_with_words_and_a_batch_without_problems_ends(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    absent = [f"duxue{n}" for n in range(1, 9)] + ["fg_officer1"]
    assert "不足2人" in story.refused("officer", "prepare_batch", item, others=OTHERS, absent=absent)
    assert "不能少于计划" in story.refused("officer", "prepare_batch", item, others=OTHERS, count=2)
    record = draw_batch(story, item, others=OTHERS, count=4)
    story.step("head", "confirm_draw", item, confirmed="true")
    assert record.result is not None
    assert record.result["objects"] == algorithm.run(record.roster, record.seed or "")["objects"]
    assert len(record.result["objects"]) == 4
    clean = [{"item": key, "result": "未发现问题"} for key in record.result["objects"]]
    checker = record.result["inspectors"][record.result["objects"][0]][0]
    story.step(checker, "record_checks", item, checked_on=day(0), problems="no", records=clean)
    story.step("officer", "publish_results", item, published_on=day(0), published_at="局网站")
    assert story.results()[0] == "done"


# ---- SH11

PLAN = {"nature": "other", "type": "立行立改", "responsible": "校长", "measures": [{"measure": "整改", "finished_by": "2021-04-01"}],
        "funds": 0, "emergency_plan": "专人值守"}  # fmt: skip


def listed(story: ShapeStory, name: str, **told: Any) -> str:
    (item,) = register(story, "list_problems", "confirm_list", findings.AUDIT | {"name": name} | told)
    return item


def test_a_problem_is_rectified_signed_by_the_head_verified_by_another_and_signed_off(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "4-8")
    item = listed(story, "往来款未清理", unit=SCHOOL, due_on=day(40), criteria="款项收回\n制度修订")
    story.step(OFFICER, "plan_rectification", item, **PLAN)
    story.step(OFFICER, "rectify", item, **findings.shown(0, 1))
    story.step(HEAD, "sign_report", item, **findings.SIGNATURE)
    assert "不一致" in story.refused(
        "officer", "verify", item, **findings.rejected(0, but=(1,)) | {"decision": "approve"}
    )
    story.step("officer", "verify", item, **findings.rejected(0, but=(1,)))
    story.step(OFFICER, "rectify", item, **findings.asks_for_time(day(60)))
    story.step("leader", "approve_extension", item, **APPROVE)
    assert "延期过" in story.refused(OFFICER, "rectify", item, **findings.asks_for_time(day(90)))
    assert "evidence" in story.refused(OFFICER, "rectify", item, **findings.shown(0, 1)), "the second is accepted"
    story.step(OFFICER, "rectify", item, **findings.shown(0))
    story.step(HEAD, "sign_report", item, **findings.SIGNATURE)
    story.step("officer", "verify", item, **findings.accepted(0))
    assert (story.status(item), story.results()) == ("completed", ["done"])
    assert story.open() == {"claim_completion"}
    with db.reading() as session:
        finding = session.scalars(select(Finding)).one()
        assert (finding.round, finding.due_on.isoformat(), finding.rectify_by.isoformat()) == (2, day(60), day(40))
        told = [(each.round, each.criterion, each.verdict) for each in finding.evidence]
        assert told == [(1, 0, "rejected"), (1, 1, "accepted"), (2, 0, "accepted")], "nothing is overwritten"


def test_a_departments_own_problem_is_verified_elsewhere(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "4-8")
    item = listed(story, "往来款未清理", due_on=day(40))
    story.step("officer", "plan_rectification", item, **PLAN)
    story.step("officer", "rectify", item, **findings.shown())
    story.step("head", "sign_report", item, **findings.SIGNATURE)
    for own in ("officer", f"{story.lead}_officer2", "head"):
        with pytest.raises(NotAllowed):
            story.step(own, "verify", item, **findings.accepted())
    story.step("duban1", "verify", item, **findings.accepted())
    assert story.results() == ["done"]


def test_a_major_hazard_is_listed_and_delay_is_urged_then_talked_about_then_circulated(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "19-5")
    item = listed(story, "消防通道", unit=SCHOOL, due_on=day(20))
    hazard = {"nature": "hazard", "fixed_at_once": "false", "needs_stoppage": "true", "beyond_power": "false"}
    story.step(OFFICER, "plan_rectification", item, **PLAN | hazard)
    story.step("leader", "supervise_hazard", item, document_number="督1号", supervised_by="局领导", requirement="停用")
    bureau.let_time_pass(days=22)
    with db.reading() as session:
        told = set(session.scalars(select(Person.login).join(Notification).where(Notification.kind == "overdue")))
    assert {OFFICER, HEAD} <= told
    assert story.open(item) == {"rectify"}
    bureau.let_time_pass(days=14)
    assert story.open(item) == {"rectify", "hold_talk"}
    talk = {
        "talked_on": day(0), "place": "三楼会议室", "hosts": "处长", "guests": "校长", "reason": "整改逾期", "record": "限期完成",
        "promises": [{"promise": "改造通道", "until": day(10)}],
    }  # fmt: skip
    story.step("head", "hold_talk", item, **talk)
    bureau.let_time_pass(days=21)
    assert story.open(item) == {"rectify", "circulate"}
    story.step(
        "bgs_head", "circulate", item, range="全市", facts="逾期未改", basis="《条例》第二十一条", decision="予以通报"
    )
    with db.reading() as session:
        papers = session.scalars(select(Document).where(Document.instance_id == item).order_by(Document.issued_at))
        assert [each.kind for each in papers] == ["rectification_notice", "talk_record", "circular"]
    story.step(OFFICER, "rectify", item, **findings.shown())
    story.step(HEAD, "sign_report", item, **findings.SIGNATURE)
    story.step("officer", "verify", item, **findings.accepted())
    assert (story.status(item), story.results()) == ("completed", ["done"])


# ---- SH17


def test_a_district_is_scored_downgraded_rectifies_and_is_named(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "17-3")
    scheme = {"document_number": "锡教督委发〔2021〕2号", "year": 2021}
    indicators = [{"name": "经费", "weight": 60, "source": "统计"}, {"name": "安全", "weight": 40, "source": "台账"}]
    assert "100" in story.refused("officer", "draft_scheme", **scheme, indicators=indicators[:1])
    story.step("officer", "draft_scheme", **scheme, indicators=indicators)
    (item,) = register(story, "choose_units", "confirm_scheme", {"name": "惠山区", "unit": "HUISHAN"})
    unfinished = [{"finding": "上年欠账", "state": "正在整改"}]
    story.step("dudao1", "notify_unit", item, document_number="通知1号", issued_on=day(0), self_evaluation_by=day(20),
               open_findings=unfinished)  # fmt: skip
    own = {
        "findings": [{"finding": "上年欠账", "measure": "已补"}],
        "evidence": [{"kind": evidence_of(story), "name": "目录"}],
    }
    assert "5000" in story.refused("huishan_officer1", "self_evaluate", item, report="长" * 5001, **own)
    story.step("huishan_officer1", "self_evaluate", item, report="自评", **own)
    story.step("huishan_officer1", "publish_self", item, published_on=day(0), published_at="区门户", objections="无")
    figures = [{"name": "经费增长", "value": 5, "unit": "%", "source": "财政"}]
    story.step("dudao1", "monitor", item, figures=figures, satisfaction=90, sample=500, surveyor="第三方")
    story.step("duxue1", "verify_on_site", item, records=[{"place": "学校", "seen": "属实"}], doubts="无")
    scores = [{"item": "1", "score": 58}, {"item": "2", "score": 41}]
    assert "不能超过" in story.refused("dudao1", "score_unit", item, scores=scores)
    accident = [{"kind": "校园安全责任事故", "happened_on": "2021-02-01", "source": "认定书"}]
    scores[1]["score"] = 35
    story.step("dudao1", "score_unit", item, scores=scores, incidents=accident)
    assert story.variables(item)["grade"] == "良好"
    result = {"result": "93分，良好（由优秀降等）"}
    assert "result" in story.refused("head", "confirm_grade", item, **APPROVE, result="93分，优秀", feedback="问题清单")
    story.step("head", "confirm_grade", item, **result, **RETURN)
    story.step("dudao1", "score_unit", item, scores=scores, incidents=accident)
    story.step("head", "confirm_grade", item, **result, **APPROVE, feedback="问题清单")
    mended = {
        "measures": [{"finding": "安全", "measure": "已改"}],
        "evidence": [{"kind": evidence_of(story), "name": "目录"}],
    }
    story.step("huishan_officer1", "rectify", item, **mended)
    story.step("duxue1", "recheck", item, **RETURN)
    story.step("huishan_officer2", "rectify", item, **mended)
    story.step("duxue1", "recheck", item, **APPROVE)
    story.step("dudao1", "circulate", item, document_number="通报1号", issued_on=day(0), reported_to="市委组织部")
    assert (story.status(item), story.results()) == ("completed", ["done"])
    story.conclude()
