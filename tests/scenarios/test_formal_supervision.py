"""综合督导、专项督导: from the notice to the published report, with defence, re-examination, and a problem that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine import clock, db, identity, ids, instances, settings, user_tasks
from engine.draws import algorithm
from engine.errors import InvalidState, NotAllowed
from engine.models import Commitment, Document, Finding, Person, ProcessInstance, RecusalFact, Unit, UserTask, WorkItem
from tests import findings
from tests.driver import Bureau
from tests.shapes import APPROVE, RETURN, ShapeStory

pytestmark = pytest.mark.either_database

OFFICER, HEAD = "huishan_xx_officer", "huishan_xx_head"
TEAM = ("duxue1", "duxue2", "duxue4")


def day(after: int) -> str:
    return (clock.today() + timedelta(days=after)).isoformat()


def team(*logins: str, **told: Any) -> dict[str, Any]:
    return {
        "scope": "special", "matters": ["办学行为"],
        "team": [{"inspector": each, "duty": "成员" if n else "组长"} for n, each in enumerate(logins)],
        "self_evaluation_by": day(10), "on_site_from": day(15), "on_site_until": day(16), **told,
    }  # fmt: skip


def problem(title: str, **told: Any) -> dict[str, Any]:
    return {
        "title": title, "description": "课表与备案不一致", "clause": f"课程方案·{title}", "severity": "一般", "mode": "立行立改",
        "rectify_by": day(30), "criteria": "开齐课程\n课表公示", "evidence_kinds": "文件、照片", **told,
    }  # fmt: skip


GROUPS: list[dict[str, Any]] = [
    {"group": "学生", "listed": 1200, "wanted": 20}, {"group": "家长", "listed": 1100, "wanted": 10},
    {"group": "教师", "listed": 60, "wanted": 8},
]  # fmt: skip
SITE = {"records": [{"place": "教室", "seen": "课表与备案不一致"}], "groups": GROUPS}
HEARD: dict[str, Any] = {
    "heard": [{"item": each["group"], "came": each["wanted"]} for each in GROUPS],
    "ways": ["座谈会"], "managers_left": "true", "public_opinion": "总体满意",
}  # fmt: skip
APPRAISAL = {
    "strengths": "规范", "opinion": "开课不足", "problems": [{"title": "课程", "fact": "不足", "clause": "课程方案"}],
}  # fmt: skip
LETTER = {"analysis": "已综合分析", "evaluation": "总体较好", "rectification": "yes"}
DEFENCE = {
    "answer": "defended",
    "grounds": [{"point": "课程", "ground": "已调整课表"}, {"point": "师资", "ground": "在招聘"}],
}
STEPS = [
    "form_team", "approve_notice", "self_evaluate", "review_self_evaluation", "inspect_on_site", "hear_public", "appraise",
]  # fmt: skip


class Supervision(ShapeStory):
    """A special inspection of one school, from its registration on."""

    def __init__(self, bureau: Bureau) -> None:
        super().__init__(bureau, "17-6")
        assert "承担单位" in self.refused("officer", "choose_units", items=[{"name": "惠山小学"}])
        self.step("officer", "choose_units", items=[{"name": "惠山小学", "unit": "HUISHAN_XX"}])
        self.step("head", "confirm_units", **APPROVE)
        (self.item,) = self.items()
        with db.reading() as session:
            kinds = session.scalars(select(Commitment.evidence).where(Commitment.instance_id == self.instance)).one()
        told = {"overview": "自评", "problems": "无", "evidence": [{"kind": str(kinds[0]), "name": "自评报告"}]}
        self.way: list[tuple[str, str, dict[str, Any]]] = [
            ("dudao1", "form_team", team(*TEAM)), ("head", "approve_notice", APPROVE), (OFFICER, "self_evaluate", told),
            ("duxue1", "review_self_evaluation", {"opinion": "基本一致", "focus": "课程"}),
            ("duxue2", "inspect_on_site", SITE | {"finished_on": day(0)}), ("duxue2", "hear_public", HEARD),
            ("duxue1", "appraise", APPRAISAL | {"agreed": 2}),
        ]  # fmt: skip

    def goes_to(self, activity: str) -> None:
        """On to a step, and nothing but the next one is ever open."""
        for who, step, told in self.way[STEPS.index(self.only()) :]:
            if step == activity:
                return
            assert self.open(self.item) == {step}
            self.step(who, step, self.item, **told)

    def only(self) -> str:
        (step,) = self.open(self.item)
        return step

    def child(self, process: str) -> str:
        with db.reading() as session:
            ours = instances.children(session, self.item)
            return [each.id for each in ours if each.definition_key == process][-1]

    def answers(self, **told: Any) -> None:
        self.goes_to("")
        self.step(OFFICER, "answer_opinion", self.child("supervision_defence"), **told)

    def letter_is_signed(self, *problems: Mapping[str, Any], **told: Any) -> None:
        self.step("dudao1", "weigh_defence", self.item, **LETTER, problems=list(problems), **told)
        self.step("head", "sign_letter", self.item, **APPROVE)

    def report_is_published(self) -> None:
        self.step("dudao1", "write_report", self.item, report="督导报告", submitted_to="市人民政府")
        self.step("head", "sign_report", self.item, **APPROVE)
        where = {"submitted_on": day(0), "filing_receipt": "备案1号", "published_on": day(0), "published_at": "局网站"}
        self.step("dudao1", "file_and_publish", self.item, **where)
        assert (self.status(self.item), self.results()) == ("completed", ["done"])

    def found(self) -> list[Finding]:
        with db.reading() as session:
            ours = select(Finding).join(Finding.instance).where(ProcessInstance.parent_id == self.item)
            return list(session.scalars(ours.order_by(Finding.number)))

    def is_closed(self, finding: Finding, *, returned: int = 0) -> None:
        """Put right and signed off, after so many returns."""
        instance = finding.instance_id or ""
        for _ in range(returned):
            self._is_shown(instance)
            self.step("duxue2", "verify", instance, **findings.rejected(0, 1))
        self._is_shown(instance)
        self.step("duxue4", "verify", instance, **findings.accepted(0, 1))
        assert self.status(instance) == "completed"

    def _is_shown(self, instance: str) -> None:
        self.step(OFFICER, "rectify", instance, **findings.shown(0, 1))
        self.step(HEAD, "sign_report", instance, **findings.SIGNATURE)

    def papers(self) -> list[str]:
        with db.reading() as session:
            ours = select(Document.kind).where(Document.instance_id == self.item)
            return list(session.scalars(ours.order_by(Document.issued_at)))


def test_a_school_defends_itself_puts_right_after_two_returns_and_relapses(bureau: Bureau) -> None:
    story = Supervision(bureau)
    story.goes_to("approve_notice")
    story.step("head", "approve_notice", story.item, **RETURN)
    story.goes_to("appraise")
    assert "三分之二" in story.refused("duxue1", "appraise", story.item, agreed=1, **APPRAISAL)
    story.answers(**DEFENCE)
    assert story.papers() == ["supervision_notice", "preliminary_opinion"]
    letter = LETTER | {"problems": [problem("课程"), problem("作业")]}
    one = {"item": "1", "verdict": "adopted", "reason": "课表属实"}
    assert "answers" in story.refused("dudao1", "weigh_defence", story.item, **letter, answers=[one])
    with db.reading() as session:
        basis = session.get_one(UserTask, story.task("weigh_defence", story.item)).due_basis
        assert basis is not None
        assert basis["since"] == day(0), "the letter's days count from the end of the visit"
    answers = [one, {"item": "2", "verdict": "rejected", "reason": "不影响认定"}]
    late = letter | {"problems": [problem("课程", rectify_by=day(-1))]}
    assert "不能早于今天" in story.refused("dudao1", "weigh_defence", story.item, **late, answers=answers)
    story.step("dudao1", "weigh_defence", story.item, **letter, answers=answers)
    story.step("head", "sign_letter", story.item, **RETURN)
    story.letter_is_signed(problem("课程"), problem("作业"), answers=answers)
    with db.reading() as session:
        told = session.scalars(select(Document.told).where(Document.kind == "opinion_letter")).one()
        assert "不采纳：不影响认定" in told["defence"]
        assert "课表与备案不一致" in told["evaluation"]
    first, second = story.found()
    assert (first.source, first.verified_by, first.criteria) == (
        "supervision",
        "supervision_team",
        ["开齐课程", "课表公示"],
    )
    story.step(OFFICER, "apply_for_review", story.child("supervision_review"), request="none")
    story.is_closed(first, returned=2)
    assert story.open(story.item) == set()
    story.is_closed(second)
    story.report_is_published()
    assert story.papers()[2:] == ["opinion_letter", "supervision_report"]
    story.conclude()
    with db.reading() as session:
        looks = instances.children(session, story.item)
        look = next(each.id for each in looks if each.definition_key == "re_look")
    bureau.let_time_pass(days=120)
    bureau.settle()
    back = {"looked_on": day(0), "on_site": "true", "seen": "又停开", "outcome": "relapsed", "rectify_by": day(20)}
    story.step("duxue1", "look_again", look, **back)
    again = story.found()[-1]
    assert again.relapse_of_id in (first.id, second.id)
    assert story.open(again.instance_id) == {"rectify"}


def test_who_is_heard_is_drawn_so_that_anybody_can_repeat_it_and_nobody_is_named(bureau: Bureau) -> None:
    story = Supervision(bureau)
    story.goes_to("inspect_on_site")
    here = SITE | {"finished_on": day(0)}
    assert "教师" in story.refused(
        "duxue2", "inspect_on_site", story.item, **here | {"groups": [*GROUPS[:2], GROUPS[0]]}
    )
    assert "不能晚于今天" in story.refused("duxue2", "inspect_on_site", story.item, **here | {"finished_on": day(1)})
    story.goes_to("hear_public")
    with db.reading() as session:
        kept = session.scalars(select(WorkItem.detail).where(WorkItem.instance_id == story.item)).one()["heard"]
    for drawn, asked in zip(kept["groups"], GROUPS, strict=True):
        places = map(str, range(1, asked["listed"] + 1))
        again = algorithm.draw(places, asked["wanted"], kept["seed"], purpose=asked["group"])
        assert drawn["numbers"] == sorted(map(int, again))
    page = bureau.person("duxue2").get(f"/tasks/{story.task('hear_public', story.item)}")
    assert page.says("、".join(map(str, kept["groups"][2]["numbers"])))
    stayed = {name: value for name, value in HEARD.items() if name != "managers_left"}
    assert "managers_left" in story.refused("duxue2", "hear_public", story.item, **stayed)
    nobody = HEARD | {"heard": [{**row, "came": 0} for row in HEARD["heard"]]}
    assert "heard.0.came" in story.refused("duxue2", "hear_public", story.item, **nobody)


def test_a_team_is_three_and_nobody_in_it_must_recuse(bureau: Bureau) -> None:
    story = Supervision(bureau)
    assert "不能少于3" in story.refused("dudao1", "form_team", story.item, **team("duxue1", "duxue2"))
    assert "回避" in story.refused("dudao1", "form_team", story.item, **team("duxue1", "duxue2", "duxue3"))
    leaders = team(*TEAM)
    leaders["team"][1]["duty"] = "组长"
    assert "一名组长" in story.refused("dudao1", "form_team", story.item, **leaders)
    late = team(*TEAM, self_evaluation_by=day(15))
    assert "先报送自评" in story.refused("dudao1", "form_team", story.item, **late)
    bar("zhuanjia1")
    assert "advisers.0.person" in story.refused(
        "dudao1", "form_team", story.item, **team(*TEAM, advisers=[{"person": "zhuanjia1"}])
    )


def test_silence_ends_the_defence_and_what_comes_late_is_refused_with_the_date(bureau: Bureau) -> None:
    story = Supervision(bureau)
    story.goes_to("")
    defence, last = story.child("supervision_defence"), day(10)
    task = story.task("answer_opinion", defence)
    assert story.open(story.item) == set()
    with db.transaction() as session:
        # The last day is over, and no timer has looked yet.
        settings.move_clock(session, clock.now() + timedelta(days=11))
    assert last in story.refused(OFFICER, "answer_opinion", defence, **DEFENCE)
    bureau.settle()
    bureau.settle()
    assert (story.status(defence), story.only()) == ("completed", "weigh_defence")
    answer = bureau.person(OFFICER).does(task, answer="accepted")
    assert answer.status == 409
    assert answer.says(f"期限已于{last}届满")
    with pytest.raises(InvalidState):
        story_completes(story, task)
    story.letter_is_signed(problem("课程"))
    assert [each.title for each in story.found()] == ["课程"]


def test_a_re_examination_is_for_others_and_stops_nothing_meanwhile(bureau: Bureau) -> None:
    story = Supervision(bureau)
    story.answers(answer="accepted")
    story.letter_is_signed(problem("课程"), problem("作业"), problem("体育"))
    kept, withdrawn, changed = story.found()
    review = story.child("supervision_review")
    grounds = [{"finding": each.id, "ground": "事实不清"} for each in (withdrawn, changed)]
    story.step(OFFICER, "apply_for_review", review, request="apply", grounds=grounds)
    story.is_closed(kept)
    assert story.open(story.item) == set(), "the report waits for the re-examination"
    outcomes = [
        {"item": withdrawn.id, "outcome": "withdrawn", "reason": "事实不成立"},
        {"item": changed.id, "outcome": "changed", "reason": "要求过宽", "description": "每周少开一节", "rectify_by": day(40)},
    ]  # fmt: skip
    decision = {"outcomes": outcomes, "took_no_part": "true"}
    for who in ("duxue1", "duxue4", "dudao1", "duxue3"):
        with pytest.raises(NotAllowed, match="not for"):
            story.step(who, "examine_review", review, **decision)
    page = bureau.person("duxue4").get(f"/tasks/{story.task('examine_review', review)}")
    assert page.says("没有参加这次督导")
    bar("duxue6")
    with pytest.raises(NotAllowed, match="re-examine"):
        story.step("duxue6", "examine_review", review, **decision)
    story.step("duxue5", "examine_review", review, **decision)
    story.step("fenguan3", "decide_review", review, **RETURN)
    story.step("duxue5", "examine_review", review, **decision)
    story.step("fenguan3", "decide_review", review, **APPROVE)
    assert [story.status(each.instance_id or "") for each in (withdrawn, changed)] == ["completed", "completed"]
    issued = story.found()
    assert [each.withdrawn_at is not None for each in issued] == [False, True, True, False]
    assert (issued[3].description, issued[3].severity) == ("每周少开一节", changed.severity)
    assert issued[3].rectify_by.isoformat() == day(40)
    assert story.open(story.item) == set()
    story.is_closed(issued[3])
    story.report_is_published()


def test_a_letter_without_problems_still_waits_until_the_time_for_a_re_examination_is_over(bureau: Bureau) -> None:
    story = Supervision(bureau)
    story.answers(answer="accepted")
    story.step("dudao1", "weigh_defence", story.item, **LETTER | {"rectification": "no"})
    story.step("head", "sign_letter", story.item, **APPROVE)
    assert (story.found(), story.open(story.item)) == ([], set())
    story.carry_over()
    assert (story.status(), story.status(story.item)) == ("terminated", "active"), "the law's order outlives a year"
    bureau.let_time_pass(days=14)
    bureau.settle()
    assert story.only() == "write_report"
    story.report_is_published()


def story_completes(story: Supervision, task: str) -> None:
    with db.transaction() as session:
        person = identity.find(session, OFFICER)
        assert person is not None
        user_tasks.complete(session, task, {"answer": "accepted"}, actor=identity.actor(person))


def bar(login: str) -> None:
    """A fact comes to light for which somebody must keep away from the school."""
    with db.transaction() as session:
        person = session.scalars(select(Person.id).where(Person.login == login)).one()
        unit = session.scalars(select(Unit.id).where(Unit.key == "HUISHAN_XX")).one()
        session.add(RecusalFact(id=ids.new(), person_id=person, unit_id=unit, kind="other"))
