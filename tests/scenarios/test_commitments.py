"""What all shapes share: the wait for the plan, reports beside the work, occurrences, the conclusion, the end of the year."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from marshmallow import ValidationError
from sqlalchemy import select

from engine import db, instances, jobs
from engine.errors import Conflict, InvalidState
from engine.models import Commitment, WorkItem
from engine.plan import items
from engine.runtime import lock
from tests import findings
from tests.driver import Bureau
from tests.shapes import APPROVE, ShapeStory

CHANNELS = {"phone": "12345", "address": "网上", "scope": "师德", "keeper": "人事处"}
SCHOOL = "LIANGXI_XX"


def test_a_commitment_reports_beside_its_work_until_it_is_concluded(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "1-1")
    story.step("officer", "report_progress", progress=40, situation="已启动")
    bureau.let_time_pass(days=30)
    assert "report_progress" in bureau.open_tasks(story.instance)
    story.step("officer", "report_progress", progress=100, situation="已完成")
    bureau.let_time_pass(days=60)
    assert "report_progress" not in bureau.open_tasks(story.instance)


def register(story: ShapeStory, *names: str, unit: str | None = None) -> None:
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.instance_id == story.instance)).one()
        actor = story._actor(session, "officer")
        items.add(session, commitment, [{"name": name, "unit": unit} for name in names], actor=actor)


def may_register(story: ShapeStory) -> bool:
    with db.reading() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.instance_id == story.instance)).one()
        return items.offered(session, story._actor(session, "officer"), commitment)


def cases(bureau: Bureau) -> ShapeStory:
    story = ShapeStory(bureau, "16-4")
    story.step("officer", "open_channels", **CHANNELS)
    return story


def test_nothing_is_registered_that_nobody_would_begin(bureau: Bureau) -> None:
    """When the round of items is over there is no button; what is posted all the same is refused, not swallowed."""
    story = ShapeStory(bureau, "16-4")
    officer, page = bureau.person(f"{story.lead}_officer1"), f"/instances/{story.instance}"
    assert officer.get(page).says("登记事项")
    register(story, "甲案")
    story.step("officer", "open_channels", **CHANNELS)
    (case,) = story.items()
    with db.transaction() as session:
        instances.terminate(session, case, reason="重复登记", actor=story._actor(session, "juzhang"))
    assert may_register(story)
    bureau.let_time_pass(days=300)
    assert "claim_completion" in bureau.open_tasks(story.instance), "the round is over"
    register(story, "乙案")
    assert len(story.items()) == 2, "while the conclusion is asked for it begins at once"
    story.carry_over()
    assert not may_register(story)
    assert not bureau.person(f"{story.lead}_officer1").get(page).says("登记事项")
    with pytest.raises(InvalidState):
        register(story, "丙案")
    assert len(story.results()) == 2


def test_what_a_department_handles_is_not_charged_to_a_school(bureau: Bureau) -> None:
    """Nobody there holds the roles of its steps, and those whom a case is about would read it."""
    story = cases(bureau)
    with pytest.raises(ValidationError, match="处室"):
        register(story, "某校教师有偿补课", unit=SCHOOL)
    register(story, "某校教师有偿补课", unit="JJ")
    bureau.settle()
    assert len(story.items()) == 1


def test_two_register_at_once(bureau: Bureau) -> None:
    """Different occurrences get different numbers; the same one is registered once."""
    story, together = cases(bureau), Barrier(2)

    def one(*names: str) -> str:
        together.wait(60)
        try:
            register(story, *names)
        except (ValidationError, Conflict) as refusal:
            return type(refusal).__name__
        return "done"

    with ThreadPoolExecutor(2) as pool:
        for turn in range(5):
            assert list(pool.map(one, (f"甲{turn}", f"乙{turn}"))) == ["done", "done"]
            assert sorted(pool.map(one, (f"丙{turn}", f"丙{turn}"))) == ["ValidationError", "done"]
    bureau.settle()
    with db.reading() as session:
        registered = session.execute(select(WorkItem.name, WorkItem.number, WorkItem.instance_id)).all()
    assert sorted(number for _, number, _ in registered) == list(range(1, 16))
    assert all(instance for _, _, instance in registered)
    assert max(Counter(name for name, _, _ in registered).values()) == 1


def test_two_workers_open_what_is_due(bureau: Bureau) -> None:
    story, together = cases(bureau), Barrier(2)

    def look() -> int:
        together.wait(60)
        return jobs.run_due()

    with ThreadPoolExecutor(2) as pool:
        for turn in range(5):
            register(story, f"甲{turn}", f"乙{turn}")
            for each in [pool.submit(look) for _ in range(2)]:
                each.result()
            bureau.settle()
            assert len(bureau.children(story.instance, "case_handling_item")) == len(story.items()) == 2 * turn + 2


def test_a_case_is_not_over_with_the_year(bureau: Bureau) -> None:
    story = cases(bureau)
    register(story, "甲案", "乙案")
    bureau.settle()
    first, second = story.items()
    story.carry_over()
    assert (story.status(), story.result()) == ("terminated", "carried_over")
    assert [story.status(each) for each in (first, second)] == ["active", "active"]
    assert "register_case" in bureau.open_tasks(first)


def test_a_problem_is_signed_off_after_the_year(bureau: Bureau) -> None:
    """未销号 stays open until somebody signs it off; then the ledger has it as done, though its commitment was carried over."""
    story = ShapeStory(bureau, "4-8")
    told = findings.AUDIT | {"name": "台账不全"}
    story.step("officer", "list_problems", items=[told])
    story.step("head", "confirm_list", **APPROVE)
    (problem,) = story.items()
    story.carry_over()
    assert story.status(problem) == "active"
    with db.transaction() as session:
        (item,) = session.scalars(select(WorkItem).where(WorkItem.instance_id == problem))
        items.close(session, lock(session, problem), variables={"item": item.id}, actor=None)
    assert story.results() == ["done"]


def test_a_period_is_over_with_the_year_and_an_event_is_not(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "18-1")
    told = {"report_rule": "outbreak_report", "channels": "市政府总值班室", "plan": "预案"}
    story.step("officer", "arrange_watch", **told, watch=[{"name": "甲", "duty": "值班", "phone": "1"}])
    story.step("head", "confirm_watch", **APPROVE)
    periods = story.items()
    assert periods
    register(story, "食物中毒")
    bureau.settle()
    (event,) = set(story.items()) - set(periods)
    story.carry_over()
    assert {story.status(each) for each in periods} == {"terminated"}
    assert story.status(event) == "active"


def test_an_instance_ends_no_item_but_its_own(bureau: Bureau) -> None:
    story = cases(bureau)
    register(story, "甲案", "乙案")
    bureau.settle()
    first, second = story.items()
    with db.transaction() as session:
        (other,) = session.scalars(select(WorkItem).where(WorkItem.instance_id == second))
        items.close(session, lock(session, first), variables={"item": other.id}, actor=None)
    assert story.results() == [None, None]
