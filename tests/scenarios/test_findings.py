"""Findings told from their issue on: an audit with twelve of them, one that comes back, and what is written down on the way."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, db, identity, runtime
from engine.errors import NotAllowed
from engine.models import Document, Finding, Person, ProcessInstance, Unit
from engine.supervision import findings as made
from tests import findings
from tests.driver import Bureau
from tests.findings import day
from tests.shapes import APPROVE, ShapeStory

pytestmark = pytest.mark.either_database
SCHOOL, OFFICER, HEAD = "HUISHAN_XX", "huishan_xx_officer", "huishan_xx_head"


def issued(title: str, *, clause: str = "《学校食品安全与营养健康管理规定》第二十七条", severity: str = "一般") -> str:
    """The instance of a finding that the office issues outside any visit."""
    with db.transaction() as session:
        office = identity.actor(session.scalars(select(Person).where(Person.login == "dudao1")).one())
        unit = session.scalars(select(Unit).where(Unit.key == SCHOOL)).one()
        finding = made.issue(
            session, source="random", unit=unit, title=title, description="台账缺签字", clause=clause, severity=severity,
            mode="分阶段", rectify_by=clock.today(), criteria=["台账补齐", "制度修订"], evidence_kinds=["文件", "照片"],
            parent_id=None, actor=office,
        )  # fmt: skip
        return finding.instance_id or ""


def found(session: Session, instance: str) -> Finding:
    return session.scalars(select(Finding).where(Finding.instance_id == instance)).one()


def test_an_audit_with_twelve_findings_is_signed_off_one_by_one(bureau: Bureau) -> None:
    """Ninety days: ten in time, one by a partial plan with a later date, one late, urged and talked about."""
    story = ShapeStory(bureau, "4-8")
    rows = [findings.AUDIT | {"name": f"审计问题{n}", "unit": SCHOOL, "due_on": day(90)} for n in range(1, 13)]
    story.step("officer", "list_problems", items=rows)
    story.step("head", "confirm_list", **APPROVE)
    items = story.items()
    for item in items:
        story.step(OFFICER, "plan_rectification", item, nature="other", type="分阶段整改", **findings.PLAN | {
            "measures": [{"measure": "整改", "finished_by": day(60)}]})  # fmt: skip
    bureau.let_time_pass(days=80)
    for item in items[:10]:
        story.step(OFFICER, "rectify", item, **findings.shown())
        story.step(HEAD, "sign_report", item, **findings.SIGNATURE)
        story.step("officer", "verify", item, **findings.accepted())
    partial, late = items[10:]
    story.step(OFFICER, "rectify", partial, **findings.asks_for_time(day(40)))
    with pytest.raises(NotAllowed):
        story.step("officer", "approve_extension", partial, **APPROVE)
    story.step("leader", "approve_extension", partial, **APPROVE)
    bureau.let_time_pass(days=30)
    assert story.open(late) == {"rectify", "hold_talk"}
    assert story.open(partial) == {"rectify"}, "its own date has not passed"
    story.step("head", "hold_talk", late, **findings.TALK)
    for item in (partial, late):
        story.step(OFFICER, "rectify", item, **findings.shown())
        story.step(HEAD, "sign_report", item, **findings.SIGNATURE)
        story.step("officer", "verify", item, **findings.accepted())
    assert story.results() == ["done"] * 12
    with db.reading() as session:
        papers = session.scalars(select(Document).where(Document.kind == "rectification_notice")).all()
        assert len({paper.number for paper in papers}) == 12
        assert len(session.scalars(select(Document).where(Document.kind == "rectification_report")).all()) == 12


def test_what_was_closed_is_looked_at_again_and_a_relapse_counts_for_whoever_closed_it(bureau: Bureau) -> None:
    first = issued("进货查验台账不全")
    story = ShapeStory.__new__(ShapeStory)
    story.bureau, story.instance, story.lead = bureau, first, "dd"
    story.step(
        OFFICER, "plan_rectification", first, **findings.PLAN | {"measures": [{"measure": "整改", "due_on": day(3)}]}
    )
    story.step(HEAD, "confirm_plan", first, **APPROVE)
    for verdict in (findings.rejected(0, but=(1,)), findings.rejected(0), findings.accepted(0)):
        unmet = (0, 1) if verdict["verdicts"][-1]["item"] == "1" else (0,)
        story.step(OFFICER, "rectify", first, **findings.shown(*unmet))
        story.step(HEAD, "sign_report", first, **findings.SIGNATURE)
        story.step("dudao1", "verify", first, **verdict)
    with db.reading() as session:
        finding = found(session, first)
        assert (finding.round, finding.closed_by and finding.closed_by.login) == (3, "dudao1")
        told = [(each.round, each.criterion, each.verdict) for each in finding.evidence]
        assert told == [(1, 0, "rejected"), (1, 1, "accepted"), (2, 0, "rejected"), (3, 0, "accepted")]
        (look,) = _looks(session)
    assert bureau.open_tasks(look) == {}
    bureau.let_time_pass(days=91)
    again = {
        "looked_on": day(),
        "on_site": "true",
        "seen": "九月起又缺签字",
        "outcome": "relapsed",
        "rectify_by": day(20),
    }
    story.step("dudao1", "look_again", look, **again)
    with db.reading() as session:
        relapse = session.scalars(select(Finding).where(Finding.relapse_of_id.is_not(None))).one()
        assert (relapse.severity, relapse.relapse_of and relapse.relapse_of.closed_by_id) == (
            "较重",
            finding.closed_by_id,
        )
    page = bureau.person("dudao1").get("/supervision/ledger")
    assert page.says("反弹")
    assert bureau.person(OFFICER).get(f"/instances/{first}").says("反弹")


def _looks(session: Session) -> list[str]:
    return list(session.scalars(select(ProcessInstance.id).where(ProcessInstance.definition_key == "re_look")))


def test_the_same_clause_again_is_a_repeat_and_more_severe(bureau: Bureau) -> None:
    first, second = issued("台账不全"), issued("又不全")
    elsewhere = issued("留样不足", clause="第四十条")
    with db.reading() as session:
        assert found(session, second).repeat_of_id == found(session, first).id
        assert [found(session, each).severity for each in (first, second, elsewhere)] == ["一般", "较重", "一般"]


def test_what_a_re_examination_withdraws_ends_without_being_closed(bureau: Bureau) -> None:
    instance = issued("台账不全")
    with db.transaction() as session:
        office = identity.actor(session.scalars(select(Person).where(Person.login == "dudao1")).one())
        made.withdraw(session, found(session, instance), "复核认定事实不清", actor=office)
    bureau.settle()
    assert bureau.status(instance) == "completed"
    with db.reading() as session:
        assert (found(session, instance).closed_at, found(session, instance).is_open) == (None, False)
        assert _looks(session) == []
    with db.transaction() as session, pytest.raises(Exception, match="is_open"):
        made.close(session, runtime.lock(session, instance), found(session, instance), actor=office)
