"""One work point from 计划 to 评议, through the pages, with the right person at each step and a stranger at every door."""

from __future__ import annotations

from engine import db, history
from tests import findings
from tests.driver import Bureau

PLAN = {"goal": "学生健康管理闭环", "measures": "逐校推进", "milestones": "每季一次"}
CHECK = {"summary": "总体良好", "achieved": "全部完成", "next_steps": "巩固"}
VISIT = {
    "visited_on": "2021-04-20", "summary": "查看台账与食堂", "problem": "yes", "problem_title": "台账不全",
    "problem_description": "缺三月记录", "clause": "督导条例第十一条", "severity": "一般", "rectify_by": "2021-05-10",
}  # fmt: skip
LEVEL = {"checked": "40", "failed": "0", "findings": "台账齐全"}
POINT, DEPARTMENT = 10, "twy"


class Story:
    """Steps of the point; before each, somebody who has no part in it is turned away."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        self.point = bureau.point(POINT)

    def step(self, who: str, instance: str, activity: str, *, stranger: str = "aq_officer1", **submitted: str) -> None:
        task = self.bureau.open_tasks(instance)[activity]
        turned_away = self.bureau.person(stranger).does(task, **submitted)
        assert turned_away.status in (403, 404)
        assert self.bureau.open_tasks(instance)[activity] == task
        answer = self.bureau.person(who).does(task, **submitted)
        assert answer.status == 302, answer.text
        self.bureau.settle()


def overseer_of(bureau: Bureau, unit: str) -> str:
    """Login of the deputy leader in charge of a department."""
    from sqlalchemy import select

    from engine.models import Person, Position, Unit

    with db.reading() as session:
        found = select(Person.login).join(Position).join(Unit).where(Position.role == "deputy_leader", Unit.key == unit)
        return session.scalars(found).one()


def test_from_plan_to_archive(bureau: Bureau) -> None:
    story = Story(bureau)
    leader = overseer_of(bureau, "TWY")

    # 计划: drafted, returned once, approved, signed
    story.step("twy_officer1", story.point, "draft_plan", **PLAN)
    story.step("twy_head", story.point, "review_plan", decision="return", opinion="请补充数量目标")
    story.step("twy_officer2", story.point, "draft_plan", **PLAN | {"goal": "改造教室照明六十所"})
    story.step("twy_head", story.point, "review_plan", decision="approve")
    story.step(leader, story.point, "sign_plan", decision="approve")

    # 实施: commitments were waiting for the plan; what the year leaves unfinished is carried over
    assert bureau.open_tasks(story.point) == {}
    assert all("report_progress" in bureau.open_tasks(each) for each in bureau.commitments(story.point)[:1])
    bureau.let_time_pass(days=300)

    # 自查
    story.step("twy_officer1", story.point, "write_self_check", **CHECK)
    story.step("twy_head", story.point, "confirm_self_check", decision="approve")

    # 三级检查: the point's own steps
    story.step("twy_officer1", story.point, "check_schools", **LEVEL)
    story.step("liangxi_officer1", story.point, "check_districts", **LEVEL)
    story.step("dudao1", story.point, "check_city", **LEVEL, level="passed")

    # 督导: a problem is found, rectified, verified by somebody else, closed
    arranged = {"school": school_of(bureau, "duxue3"), "theme": "近视防控", "visit_by": "2022-01-30"}
    story.step("dudao1", story.point, "arrange_supervision", **arranged)
    (opened,) = bureau.children(story.point, "supervision_round")
    (visit,) = bureau.children(opened, "school_visit")
    visited = VISIT | {"visited_on": "2022-01-05", "rectify_by": "2022-02-01"}
    story.step("duxue3", visit, "visit_school", stranger="duxue4", **visited)
    (finding,) = bureau.children(opened, "finding")
    officer = f"{arranged['school'].lower()}_officer"
    story.step(officer, finding, "rectify", **findings.typed(findings.shown()))
    story.step("duxue3", finding, "verify", stranger=officer, **findings.typed(findings.rejected()))
    assert bureau.status(story.point) == "active"
    story.step(officer, finding, "rectify", **findings.typed(findings.shown()))
    story.step("duxue3", finding, "verify", stranger=officer, **findings.typed(findings.accepted()))
    assert [bureau.status(finding), bureau.status(opened)] == ["completed", "completed"]

    # 评议, 归档
    story.step("twy_head", story.point, "check_eight_projects", projects_done="8")
    story.step("duban1", story.point, "evaluate_point", grade="优秀", opinion="目标完成")
    story.step("juzhang", story.point, "approve_review", decision="approve")
    story.step("dangan", story.point, "archive_point", archive_number="2021-JY-006")
    assert bureau.status(story.point) == "completed"

    assert bureau.story(story.point) == [
        "draft_plan", "review_plan:return", "draft_plan", "review_plan:approve", "sign_plan:approve",
        "write_self_check", "confirm_self_check:approve", "check_schools", "check_districts", "check_city",
        "arrange_supervision", "check_eight_projects", "evaluate_point",
        "approve_review:approve", "archive_point",
    ]  # fmt: skip
    assert bureau.story(finding) == ["rectify", "verify:return", "rectify", "verify:approve"]
    page = bureau.person("juzhang").get(f"/instances/{story.point}")
    for words in ("退回：审核实施方案", "请补充数量目标", "2021-JY-006"):
        assert page.says(words)
    with db.reading() as session:
        assert list(history.broken_chains(session)) == []


def school_of(bureau: Bureau, inspector: str) -> str:
    from sqlalchemy import select

    from engine.models import Person, SchoolBinding, Unit

    with db.reading() as session:
        bound = select(Unit.key).join(SchoolBinding, SchoolBinding.school_id == Unit.id).join(Person)
        return session.scalars(bound.where(Person.login == inspector).order_by(Unit.order)).first() or ""


def test_the_year_ends_and_carries_over_what_is_unfinished(bureau: Bureau) -> None:
    story = Story(bureau)
    story.step("twy_officer1", story.point, "draft_plan", **PLAN)
    story.step("twy_head", story.point, "review_plan", decision="approve")
    story.step(overseer_of(bureau, "TWY"), story.point, "sign_plan", decision="approve")
    bureau.let_time_pass(days=300)
    assert set(bureau.open_tasks(story.point)) == {"write_self_check"}
    assert {bureau.status(each) for each in bureau.commitments(story.point)} == {"terminated"}
    assert bureau.person("twy_head").get("/plan").says("结转")
