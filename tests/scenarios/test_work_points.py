"""Every work point from its start to its archive: the five phases that all share, and the steps that are its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine import clock, db, history, publicity, user_tasks
from engine.models import Commitment, Notification, Person, SchoolBinding, Unit, UserTask, WorkItem, WorkPoint
from engine.plan import items, points
from engine.vetoes import register
from tests.driver import Bureau
from tests.shapes import APPROVE, RETURN, ShapeStory
from tests.visits import answers

pytestmark = pytest.mark.either_database

PLAN = {"goal": "完成年度目标", "measures": "逐项推进", "milestones": "每季一次"}
CHECK = {"summary": "总体良好", "achieved": "全部完成", "next_steps": "巩固"}
MATERIAL = [{"name": "论证报告", "number": "12页"}]
EXPERTS = "zhuanjia1", "zhuanjia2", "zhuanjia3"
LEADERS = "fenguan1", "fenguan2", "fenguan3", "fenguan4", "fenguan5", "juzhang"

Step = tuple[str, str, Mapping[str, Any]]
"""Who, at which activity, submits what."""


class PointStory(ShapeStory):
    """A point of the demonstration, driven by the people whose task each step is."""

    def __init__(self, bureau: Bureau, number: int) -> None:
        self.bureau, self.instance = bureau, bureau.point(number)
        with db.reading() as session:
            self.lead = session.scalars(select(WorkPoint).where(WorkPoint.number == number)).one().lead.key.lower()

    def plan(self) -> None:
        self.step("officer", "draft_plan", **PLAN)
        self.step("head", "review_plan", **APPROVE)
        self.step("leader", "sign_plan", **APPROVE)

    def does(self, *steps: Step) -> None:
        for login, activity, told in steps:
            self.step(login, activity, **told)

    def until(self, day: str) -> None:
        left = datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=clock.LOCAL) - clock.now()
        self.bureau.let_time_pass(seconds=int(left.total_seconds()) + 1)
        self.bureau.settle()

    def year_ends(self) -> None:
        self.until("2022-01-02")

    def self_check(self) -> None:
        self.step("officer", "write_self_check", **CHECK)
        self.step("head", "confirm_self_check", **APPROVE)

    def supervise(self) -> None:
        """A school is visited, and nothing is found."""
        with db.reading() as session:
            bound = select(Unit.key, SchoolBinding.inspector_id).join(SchoolBinding, SchoolBinding.school_id == Unit.id)
            school, inspector_id = session.execute(bound.order_by(Unit.order)).first() or ("", "")
            inspector = session.get_one(Person, inspector_id).login
        self.step("dudao1", "arrange_supervision", school=school, theme="年度重点", visit_by=day(20))
        (opened,) = self.bureau.children(self.instance, "supervision_round")
        (visit,) = self.bureau.children(opened, "school_visit")
        self.step(inspector, "visit_school", visit, **answers(visit))

    def review(self) -> None:
        self.step("duban1", "evaluate_point", grade="良好", opinion="目标完成")
        self.step("juzhang", "approve_review", **APPROVE)
        self.step("dangan", "archive_point", archive_number="2021-JY-001")
        assert self.status() == "completed"
        with db.reading() as session:
            assert list(history.broken_chains(session)) == []

    def decide(self, *, passed: bool = True) -> None:
        """A meeting decides (三重一大)."""
        ready = ["argument", "legality", "risk", "budget", "discipline"]
        topic = {"title": "年度事项", "matter": "decision", "reason": "工作要点", "ready": ready, "materials": MATERIAL}
        self.step("officer", "propose_topic", **topic, interested=[])
        self.step("leader", "consult_topic", **APPROVE)
        self.step("duban1", "prepare_meeting", decision="ready", planned_on=day(), deliberated="已沟通", opinion="")
        vote = {"vote": "for"} if passed else {"vote": "against"}
        members = [{"item": who, "attended": True, "spoke_as": n, **vote} for n, who in enumerate(LEADERS, 1)]
        held = {
            "held_as": "in_person",
            "held_on": day(),
            "chair": "juzhang",
            "held_over": "false",
            "resolved": "已议决",
        }
        self.step("duban1", "record_meeting", **held, members=members, follow_ups=[])
        self.step("juzhang", "issue_minutes", **APPROVE, minutes_number="锡教纪要〔2021〕3号")

    def publicise(self, *, upheld: bool = False, who: str = "officer") -> None:
        """Something is shown to the public, who may object (公示)."""
        notice = {"title": "名单", "kind": "other", "place": "门户网站", "starts_on": day(), "contact": "0510-0000"}
        self.step(who, "publish_notice", **notice, days=None)
        if upheld:
            told = {"who": "", "what": "材料不实", "evidence": "照片"}
            with db.transaction() as session:
                publicity.raise_objection(session, self.instance, told, actor=self._actor(session, "duban1"))
            self.bureau.settle()
            pending = self.bureau.children(self.instance, "publicity_objection")[-1]
            self.step("head", "handle_objection", pending, checked="已核实", verdict="upheld", reply="已更正")
        else:
            self.bureau.let_time_pass(days=30)
            self.bureau.settle()

    def experts(self, *, score: int = 90) -> None:
        panel = [{"person": each, "field": "", "interest": "no"} for each in EXPERTS]
        chosen = {"subject": "评审", "rule": "average", "pass_mark": 80, "criteria": "五项各20分"}
        self.step("officer", "choose_experts", **chosen, experts=panel)
        self.step("head", "confirm_panel", **APPROVE)
        for expert in EXPERTS:
            with db.reading() as session:
                open_here = select(UserTask).where(UserTask.instance_id == self.instance, UserTask.status == "open")
                tasks = {each.assignee.login: each.id for each in session.scalars(open_here) if each.assignee}
            self.complete(expert, tasks[expert], score=score, opinion="符合标准")

    def is_lawful(self, verdict: str = "lawful") -> None:
        sent = {"document": "办法（草案）", "line": "administrative", "document_kind": "decision", "review_by": day(14)}
        self.step("officer", "submit_review", **sent, materials=MATERIAL)
        content = "yes" if verdict == "lawful" else "no"
        articles = [] if verdict == "lawful" else [{"article": "第三条", "problem": "与上位法不一致", "advice": "删去"}]
        told = {"authority": "yes", "procedure": "yes", "content": content, "articles": articles, "opinion": "审查完毕"}
        self.step("fazhi", "review_legality", **told, legality=verdict)

    def complete(self, login: str, task: str, **submitted: Any) -> None:
        with db.transaction() as session:
            user_tasks.complete(session, task, submitted, actor=self._actor(session, login))
        self.bureau.settle()


def day(later: int = 0) -> str:
    """That many days from today."""
    return (clock.today() + timedelta(days=later)).isoformat()


def rows(**cells: Any) -> list[dict[str, Any]]:
    return [cells]


def milestone(story: PointStory) -> Mapping[str, Any]:
    figures = rows(name="完成率", value=100, unit="%", source="台账")
    return {"situation": "已完成", "figures": figures, "evidence": rows(name="报告", number="1号", date=day())}


def safety(event: str) -> Mapping[str, Any]:
    risks = rows(risk="交通", measure="专车", responsible="张三")
    return {
        "event": event,
        "held_on": "2021-07-20",
        "people": 200,
        "risks": risks,
        "medical": "定点医院",
        "contact": "李四",
    }


def definitions(story: PointStory) -> Mapping[str, Any]:
    """A definition for each target of the point."""
    with db.reading() as session:
        targets = points.SOURCES["point_targets"](session, story.instance)
    written = {"definition": "以年报为准", "numerator": "", "denominator": "", "source": "统计年报", "as_of": "9月"}
    return {"definitions": [{"item": key, **written} for key, _ in targets]}


def nominees(name: str, **other: Any) -> list[dict[str, Any]]:
    return rows(name=name, unit="市教师发展学院", id_hint="", **other)


FIVE = [{"item": str(n), "lacking": 0, "note": ""} for n in range(1, 6)]
FOUR = [{"item": str(n), "signed_by": f"甲{n}", "signed_on": "2021-03-20", "document": f"{n}号"} for n in range(1, 5)]
HELD = {"held_on": "2022-01-02", "opinions": 12, "document": "1号"}
MEASURES = {"measures": rows(problem="学用脱节", measure="每月研学", responsible="张三", by="2022-03-01")}
NONE_HANDED_OVER = {"count": 0, "handed_on": None, "document": ""}
SCHOOLS = {"checked": 40, "failed": 0, "findings": ""}
THREE_SYSTEMS = {"cases": 5, "published": 5, "recorded": 5, "review_due": 2, "reviewed": 2, "gap": ""}
FIGURES = {"figures": rows(name="优良率", value=60, unit="%", as_of="2021-12-31", source="国家平台")}
COMMENTS = {
    "published_at": "门户网站", "starts_on": "2021-03-12", "ends_on": "2021-04-12", "received": 30, "adopted": 12, "reason": "",
    "explanation": "已说明",
}  # fmt: skip
RISK = {"method": "own", "document": "1号", "risks": "家长误读，加强解读"}
EXCHANGE = {"eligible": 100, "exchanged": 15, "backbone": 4, "as_of": "2021-10-31", "source": "台账"}
SCORES = {"districts": rows(district="滨湖区", points=91, deduction=""), "score": 91}
PROVINCE = {
    "document": "1号",
    "words": 4800,
    "shown_at": "门户网站",
    "submitted_on": "2021-05-14",
    "unsettled": 0,
    "evidence": [],
}
OPENING = {"opinion": "可以开学", "opens_on": "2021-09-01", "document": "1号"}
BUILT = {"projects": rows(project="新校", counted_as="built", acceptance="1号", date="2021-12-01", district="滨湖区")}
GRANT = {"beneficiary": "江南大学", "heads": 100, "standard": 1000, "amount": 100000}

Act = Callable[[PointStory], None]


def steps(*each: Step) -> Act:
    return lambda story: story.does(*each)


def nothing(story: PointStory) -> None:
    pass


@dataclass(frozen=True)
class Own:
    """What a point does beside the phases."""

    after_plan: Act = nothing
    during: tuple[tuple[str, Act], ...] = ()
    """On these days, while its commitments are being worked on."""
    after_year: Act = nothing
    after_self_check: Act = nothing
    after_supervision: Act = nothing


def character(story: PointStory) -> None:
    story.experts()
    schools = rows(school="新区实验", project="诚信", score=92)
    story.step("head", "settle_quota", projects=20, reason="", schools=schools)


def experts_then_notice(story: PointStory) -> None:
    story.experts()
    story.publicise()


def appointed(story: PointStory) -> None:
    story.step("officer", "nominate", nominees=nominees("赵大寒", post="副院长"), document="1号")
    story.decide()
    story.publicise()


def three_lines(story: PointStory) -> None:
    assert story.open() == {"submit_review", "review_party", "review_business"}
    story.does(("bgs_head", "review_party", APPROVE), ("head", "review_business", APPROVE))
    story.is_lawful()


def reform(story: PointStory) -> None:
    story.step("officer", "seek_comments", **COMMENTS)
    story.experts()
    story.step("officer", "assess_risk", **RISK, controllable=True)
    story.is_lawful()
    story.decide()


def rewarded(story: PointStory) -> None:
    story.step("shenji", "compute_rewards", basis="办法", grants=[GRANT], verification="已比对")
    story.publicise()
    story.step("leader", "approve_payment", paid_on=day(), amount=100000, document="1号", performance="留锡率")


def honoured(story: PointStory) -> None:
    story.step("officer", "nominate_honours", nominees=nominees("赵大寒", award="师德模范"))
    story.publicise()


def term_opens(story: PointStory) -> None:
    story.step("officer", "sign_four_parties", term="2021年学期", parties=FOUR)
    story.step("head", "check_five_items", schools=40, items=FIVE, failed=0)
    story.step("leader", "allow_opening", **OPENING)


def emergency(story: PointStory) -> None:
    """Whoever registers it as an item of its commitment lets the point know."""
    with db.transaction() as session:
        safety_first = session.scalars(select(Commitment).where(Commitment.code == "19-14")).one()
        row = {"name": "校门口交通事故", "unit": None, "due_on": None, "note": None}
        items.add(session, safety_first, [row], actor=story._actor(session, "aq_officer1"))
    story.bureau.settle()
    facts = {
        "happened_on": day(),
        "place": "校门口",
        "injured": 1,
        "facts": "碰撞",
        "measures": "送医",
        "reported_to": "市委",
    }
    story.step("officer", "first_report", **facts)
    story.step("officer", "follow_report", situation="治疗中", under_control=False)
    story.step("officer", "follow_report", situation="已出院", under_control=True)
    story.step("leader", "review_emergency", cause="视线遮挡", handling="整改", lessons="增设护学岗")


def definitions_settled(story: PointStory) -> None:
    story.step("head", "settle_definitions", **definitions(story))


def indicators_explained(story: PointStory) -> None:
    wrong = {"cause": "无数据", "measures": "补报", "by": day(30)}
    story.step("officer", "correct_indicators", **wrong, corrected="again")
    story.step("officer", "correct_indicators", **wrong, corrected="explained")


def audit_reconciled(story: PointStory) -> None:
    found = rows(finding="往来款未清", kind="at_once", due_on="2021-06-30", state="closed", reason="")
    story.step("shenji", "reconcile_audit", findings=found, conclusion="全部销号")
    story.step("jijian", "note_hand_over", **NONE_HANDED_OVER)


def reported(activity: str) -> Act:
    return lambda story: story.step("officer", activity, **milestone(story))


def reported_and_checked(report: str, who: str, check: str) -> Act:
    return lambda story: story.does(
        ("officer", report, milestone(story)),
        (who, check, RETURN),
        ("officer", report, milestone(story)),
        (who, check, APPROVE),
    )


OWN: dict[int, Own] = {
    1: Own(
        PointStory.decide, (("2021-07-01", reported_and_checked("report_milestone", "head", "confirm_milestone")),),
        after_supervision=steps(("juzhang", "hold_life_meeting", HELD | MEASURES)),
    ),
    2: Own(
        during=(("2021-06-25", steps(("officer", "assess_risks", {"document": "1号", "risk": "none", "handling": ""}))),
                ("2021-12-25", steps(
                    ("officer", "assess_risks", {"document": "2号", "risk": "found", "handling": "已报宣传部"}),
                    ("leader", "report_risk", {"reported_to": "宣传部", "reported_on": "2021-12-25", "document": "3号", "handled": "限期"}),
                ))),
        after_self_check=steps(("officer", "sum_up_sit_ins", {
            "sessions": rows(organisation="一中党委", date="2021-05-01", observation="规范", feedback="1号")})),
    ),
    3: Own(appointed, after_self_check=steps(("head", "conclude_projects", {
        "projects": rows(organisation="一中党委", project="领航", result="concluded", reason="")}))),
    4: Own(PointStory.decide, after_self_check=audit_reconciled),
    5: Own(
        definitions_settled,
        tuple((moment, steps(("head", "correct_quarter", {"cause": "无数据", "measures": "补报", "by": moment})))
              for moment in ("2021-06-30", "2021-09-30", "2021-12-30")),
        after_self_check=indicators_explained,
    ),
    6: Own(
        experts_then_notice, (("2021-05-08", steps(("officer", "plan_activity_week", safety("职教活动周")))),),
        after_self_check=steps(("head", "check_quota", {
            "quotas": rows(name="领航学校", promised="5所", selected=5, document="1号", reason="")})),
    ),
    7: Own(during=(("2021-09-01", reported("report_campus")),), after_year=rewarded),
    8: Own(
        PointStory.publicise,
        (("2021-10-31", steps(("officer", "check_prepaid", {"institutions": 90, "supervised": 90, "alarms": 0, "handled": ""}))),),
        after_supervision=steps(
            ("officer", "publish_results", {
                "checked": 30, "inspectors": 2, "problems": 1, "published_on": "2022-01-02", "published_at": "网站", "case": True}),
            ("fazhi", "file_case", {
                "cases": rows(object="某机构", matter="超期收费", number="1号", route="case"), "notice": "已通报"}),
        ),
    ),
    9: Own(character, (("2021-07-31", reported_and_checked("report_campaign", "leader", "look_at_campaign")),)),
    10: Own(
        after_self_check=steps(
            ("officer", "check_schools", SCHOOLS), ("liangxi_officer1", "check_districts", SCHOOLS | {"findings": "一致"}),
            ("dudao1", "check_city", SCHOOLS | {"level": "passed"}),
        ),
        after_supervision=steps(
            ("head", "check_eight_projects", {"projects_done": 7, "missing": "户外活动", "evidence": []}),
            ("officer", "supplement_projects", {"done": "已补", "evidence": []}),
            ("head", "check_eight_projects", {"projects_done": 8, "missing": "", "evidence": []}),
        ),
    ),
    11: Own(
        steps(("officer", "plan_safety", safety("中学生运动会")), ("head", "approve_safety", RETURN),
              ("officer", "plan_safety", safety("中学生运动会")), ("head", "approve_safety", APPROVE)),
        (("2021-05-31", reported("report_show")),),
        after_self_check=steps(("officer", "collect_figures", FIGURES), ("head", "verify_figures", APPROVE)),
    ),
    12: Own(three_lines, after_self_check=steps(
        ("head", "list_cases", THREE_SYSTEMS | {"reviewed": 1, "gap": "一件漏审"}), ("fazhi", "review_cases", APPROVE),
        ("head", "list_cases", THREE_SYSTEMS), ("fazhi", "review_cases", APPROVE))),
    13: Own(reform, (("2021-09-15", steps(
        ("officer", "count_violations", {"reports": 3, "violations": 1, "facts": "某校提前掐尖"}),
        ("head", "publish_violations", {
            "cases": rows(object="某校", matter="提前掐尖", number="1号", route="order"), "notice": "全市通报"}))),)),
    14: Own(
        steps(("officer", "file_projects", {"projects": rows(project="夏令营", kind="camp", filing="1号")}),
              ("leader", "review_security", {"cleared": False, "reason": "补充备案"}),
              ("officer", "file_projects", {"projects": rows(project="夏令营", kind="camp", filing="2号")}),
              ("leader", "review_security", {"cleared": True, "reason": ""})),
        (("2021-06-15", steps(("officer", "plan_camp", safety("夏令营")), ("leader", "approve_camp", APPROVE))),),
    ),
    15: Own(PointStory.decide, after_year=steps(("leader", "press_projects", {
        "projects": rows(project="新校", cause="用地", measure="倒排工期", by="2022-03-01")})), after_self_check=steps(
        ("dudao1", "verify_completion", BUILT | {"accepted": True, "reason": ""}))),
    16: Own(during=(("2021-08-20", honoured),), after_self_check=steps(("officer", "count_exchange", EXCHANGE))),
    17: Own(after_self_check=steps(
        ("dudao1", "score_districts", SCORES | {"incidents": 1}), ("officer", "prepare_evaluation", PROVINCE),
        ("head", "settle_feedback", {"done": "已整改", "evidence": []}))),
    18: Own(
        during=(("2021-03-13", term_opens), ("2021-08-16", term_opens)),
        after_self_check=steps(("officer", "check_zero_reports", {
            "due": 250, "reported": 250, "gap": "", "clusters": 0, "infections": 0})),
    ),
    19: Own(during=(("2021-05-06", emergency),)),
}  # fmt: skip


@pytest.mark.parametrize("number", OWN)
def test_a_point_runs_from_its_start_to_its_archive(bureau: Bureau, number: int) -> None:
    story, own = PointStory(bureau, number), OWN[number]
    story.plan()
    own.after_plan(story)
    for moment, act in own.during:
        if date.fromisoformat(moment) > clock.today():
            story.until(moment)
        act(story)
    story.year_ends()
    own.after_year(story)
    story.self_check()
    own.after_self_check(story)
    story.supervise()
    own.after_supervision(story)
    story.review()


def test_a_plan_that_the_meeting_rejects_goes_back(bureau: Bureau) -> None:
    story = PointStory(bureau, 1)
    story.plan()
    story.decide(passed=False)
    assert story.open() == {"draft_plan"}
    story.plan()
    story.decide()
    assert story.open() == set(), "what is decided is carried out"


def bar(story: PointStory, name: str, reason: str) -> None:
    told = {
        "kind": "person", "subject": name, "unit": "市教师发展学院", "id_hint": "", "reason": reason, "sanction": "none",
        "basis": "锡教处〔2021〕1号", "starts_on": "2021-03-01", "ends_on": None, "scopes": ["appointment", "award"],
    }  # fmt: skip
    with db.transaction() as session:
        register.register(session, told, actor=story._actor(session, "rs_head"))


def test_who_is_barred_is_not_nominated_and_an_objection_sends_back(bureau: Bureau) -> None:
    story = PointStory(bureau, 3)
    bar(story, "钱小寒", "conduct")
    story.plan()
    barred = nominees("钱小寒", post="副院长")
    assert "一票否决期内" in story.refused("officer", "nominate", nominees=barred, document="1号")
    appointed_but(story)
    assert story.open() == {"nominate"}
    appointed(story)
    assert story.open() == set()


def appointed_but(story: PointStory) -> None:
    """As `appointed`, but somebody objects and is right."""
    story.step("officer", "nominate", nominees=nominees("赵大寒", post="副院长"), document="1号")
    story.decide()
    story.publicise(upheld=True)


def leave_open(story: PointStory, code: str) -> None:
    """A problem in the ledger of a commitment that nobody has signed off."""
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == code)).one()
        session.add(WorkItem(
            id=f"left-{code}", commitment_id=commitment.id, number=1, kind="case", key="left", name="未清问题",
            due_on=date(2021, 12, 31), detail={}, registered_at=clock.now(),
        ))  # fmt: skip


def test_audit_findings_left_open_are_talked_about(bureau: Bureau) -> None:
    story = PointStory(bureau, 4)
    story.plan()
    story.decide()
    leave_open(story, "4-8")
    story.year_ends()
    story.self_check()
    found = rows(finding="往来款未清", kind="staged", due_on="2021-06-30", state="overdue", reason="诉讼未结")
    story.step("shenji", "reconcile_audit", findings=found, conclusion="一项逾期")
    talk = {"talked_with": "某校校长", "held_on": day(), "requirements": "三月底前清理", "notified": True}
    assert "通报文号" in story.refused("leader", "hold_talk", **talk, document="")
    story.step("leader", "hold_talk", **talk, document="锡教通报1号")
    assert "移交函文号" in story.refused("jijian", "note_hand_over", count=1, handed_on=day(), document="")
    story.step("jijian", "note_hand_over", count=1, handed_on=day(), document="移交函1号")
    assert story.open() == {"arrange_supervision"}


@pytest.mark.parametrize("number", [6, 9])
def test_what_experts_do_not_recommend_is_planned_anew(bureau: Bureau, number: int) -> None:
    story = PointStory(bureau, number)
    story.plan()
    story.experts(score=60)
    assert story.open() == {"draft_plan"}


def test_a_quota_beyond_what_was_approved_needs_a_reason(bureau: Bureau) -> None:
    story = PointStory(bureau, 9)
    story.plan()
    story.experts()
    schools = rows(school="新区实验", project="诚信", score=92)
    assert "理由" in story.refused("head", "settle_quota", projects=23, reason="", schools=schools)
    story.step("head", "settle_quota", projects=23, reason="并列", schools=schools)
    assert story.open() == set()


def test_money_is_paid_as_it_was_reckoned_and_shown(bureau: Bureau) -> None:
    story = PointStory(bureau, 7)
    story.plan()
    story.year_ends()
    reckoned = {"basis": "办法", "verification": "已比对"}
    assert "100 人 × 1000 元" in story.refused(
        "shenji", "compute_rewards", **reckoned, grants=[GRANT | {"amount": 110000}]
    )
    story.step("shenji", "compute_rewards", **reckoned, grants=[GRANT])
    story.publicise(upheld=True)
    assert "compute_rewards" in story.open()
    rewarded(story)
    assert "write_self_check" in story.open()


def test_a_plan_of_checks_that_is_rightly_objected_to_is_planned_anew(bureau: Bureau) -> None:
    story = PointStory(bureau, 8)
    story.plan()
    story.publicise(upheld=True)
    assert story.open() == {"draft_plan"}


def test_three_levels_are_three_people_and_the_city_may_send_back(bureau: Bureau) -> None:
    story = PointStory(bureau, 10)
    story.plan()
    story.year_ends()
    story.self_check()
    story.step("officer", "check_schools", **SCHOOLS)
    story.step("liangxi_officer1", "check_districts", **SCHOOLS | {"findings": "一致"})
    story.step("dudao1", "check_city", **SCHOOLS | {"failed": 2, "findings": "两校无台账", "level": "failed"})
    assert story.open() == {"check_schools"}


def test_one_line_that_is_not_lawful_stops_all(bureau: Bureau) -> None:
    story = PointStory(bureau, 12)
    story.plan()
    story.does(("bgs_head", "review_party", APPROVE), ("head", "review_business", APPROVE))
    story.is_lawful("unlawful")
    assert story.open() == {"draft_plan"}


def test_a_reform_is_not_discussed_before_it_may_be(bureau: Bureau) -> None:
    story = PointStory(bureau, 13)
    story.plan()
    assert "不少于30日" in story.refused("officer", "seek_comments", **COMMENTS | {"ends_on": "2021-03-20"})
    story.step("officer", "seek_comments", **COMMENTS)
    story.experts()
    story.step("officer", "assess_risk", **RISK, controllable=False)
    story.is_lawful()
    assert story.open() == {"draft_plan"}, "a risk that nobody controls is not brought before the meeting"


def test_a_building_without_its_papers_is_not_counted(bureau: Bureau) -> None:
    story = PointStory(bureau, 15)
    story.plan()
    story.decide()
    story.year_ends()
    story.self_check()
    assert "不相符之处" in story.refused("dudao1", "verify_completion", **BUILT, accepted=False, reason="")
    story.step("dudao1", "verify_completion", **BUILT, accepted=False, reason="没有验收文件")
    assert "write_self_check" in story.open()


def test_who_is_barred_loses_what_they_were_given(bureau: Bureau) -> None:
    story = PointStory(bureau, 16)
    story.plan()
    story.year_ends()
    story.does(("officer", "nominate_honours", {"nominees": nominees("钱小寒", award="师德模范")}))
    story.publicise()
    story.self_check()
    story.step("officer", "count_exchange", **EXCHANGE)
    bar(story, "钱小寒", "conduct")
    story.supervise()
    people = rows(name="钱小寒", unit="市教师发展学院", award="师德模范", decision="锡教处〔2021〕1号")
    story.step("head", "exclude_barred", people=people, document="1号")
    story.review()


@pytest.mark.parametrize(("score", "incidents", "grade"), [(91, 0, "优秀"), (91, 1, "良好"), (79.5, 2, "不合格")])
def test_incidents_lower_the_grade_that_a_score_gives(bureau: Bureau, score: float, incidents: int, grade: str) -> None:
    story = PointStory(bureau, 17)
    story.plan()
    story.year_ends()
    story.self_check()
    story.step("dudao1", "score_districts", **SCORES | {"score": score, "incidents": incidents})
    story.does(
        ("officer", "prepare_evaluation", PROVINCE), ("head", "settle_feedback", {"done": "已整改", "evidence": []})
    )
    assert story.variables()["grade"] == grade


def test_no_school_opens_while_one_of_the_five_is_lacking(bureau: Bureau) -> None:
    story = PointStory(bureau, 18)
    story.plan()
    assert story.open() == {"sign_four_parties"}, "spring is upon us when the plan is approved"
    assert "每行" in story.refused("officer", "sign_four_parties", term="春季", parties=[*FOUR[:3], FOUR[0]])
    story.step("officer", "sign_four_parties", term="春季", parties=FOUR)
    lacking = [FIVE[0] | {"lacking": 2}, *FIVE[1:]]
    assert "五项缺一即不放行" in story.refused("head", "check_five_items", schools=40, items=lacking, failed=0)
    story.step("head", "check_five_items", schools=40, items=lacking, failed=2)
    assert story.open() == {"sign_four_parties"}
    term_opens(story)
    story.year_ends()
    story.self_check()
    story.step("officer", "check_zero_reports", due=250, reported=250, gap="", clusters=1, infections=12)
    story.step("leader", "review_outbreak", cause="聚餐", handling="已追责", lessons="严格审批")
    assert "arrange_supervision" in story.open()


def test_hazards_left_open_are_supervised_and_a_bar_reaches_the_review(bureau: Bureau) -> None:
    story = PointStory(bureau, 19)
    story.plan()
    leave_open(story, "19-5")
    emergency(story)
    with db.reading() as session:
        told = session.scalars(select(Notification).where(Notification.kind == "emergency.reported")).all()
        assert [each.urgent for each in told] == [True]
    story.year_ends()
    story.self_check()
    hazards = rows(hazard="消防通道", unit="某校", level="major", measure="五落实", by="2022-02-01")
    story.step("head", "list_hazards", hazards=hazards)
    bar(story, "孙小暑", "safety")
    story.supervise()
    story.step("juzhang", "note_veto", decision="1号", reason="重大责任事故", effect="取消平安校园")
    story.review()
