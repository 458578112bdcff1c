"""The calendar changes: due dates that rest on it follow, each with its place in the inbox and a word in its history."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from engine import clock, db, deadlines, runtime
from engine.calendar import Exceptional, corrections
from engine.deadlines import limits, recount
from engine.models import Candidate, HistoryEvent, Job, UserTask
from tests.driver import Bureau
from tests.engine.test_calendar_corrections import NOTICE, correct, somebody
from tests.failures import invariants

MONDAY = date(2021, 3, 22)
"""The plans of all 19 points are due ten days after the 12th of March."""


def dates(*instances: str) -> list[date]:
    with db.reading() as session:
        ours = select(UserTask.due_at).where(UserTask.instance_id.in_(instances), UserTask.status == "open")
        return [at.astimezone(clock.LOCAL).date() for at in session.scalars(ours) if at]


def changes(instance: str) -> list[HistoryEvent]:
    with db.reading() as session:
        told = select(HistoryEvent).where(
            HistoryEvent.instance_id == instance, HistoryEvent.kind == "user_task.due_changed"
        )
        return list(session.scalars(told.order_by(HistoryEvent.number)))


def test_a_new_day_off_puts_off_what_ends_on_it(bureau: Bureau) -> None:
    point = bureau.point(5)
    assert dates(point) == [MONDAY]
    correct(MONDAY)
    bureau.settle()
    assert dates(point) == [date(2021, 3, 23)]
    (told,) = changes(point)
    assert told.detail["reason"] == f"拟定实施方案，2021-03-22 改为 2021-03-23：{NOTICE}"
    assert (
        bureau.person("jj_head").get(f"/instances/{point}").says("期限重算（拟定实施方案，2021-03-22 改为 2021-03-23")
    )
    with db.reading() as session:
        task = session.get_one(UserTask, told.user_task_id)
        places = session.scalars(select(Candidate.due_at).where(Candidate.user_task_id == task.id)).all()
        assert set(places) == {task.due_at}
        assert task.due_basis is not None
        assert task.due_basis["skipped"] == [["2021-03-22", "2021-03-22", "临时放假"]]
        assert invariants.violations(session) == []


def test_it_comes_back_when_the_day_off_is_taken_back(bureau: Bureau) -> None:
    point = bureau.point(5)
    correct(MONDAY)
    bureau.settle()
    correct(MONDAY, working=True, name="")
    bureau.settle()
    assert dates(point) == [MONDAY]
    assert len(changes(point)) == 2


def test_a_day_off_within_a_period_of_natural_days_moves_nothing(bureau: Bureau) -> None:
    correct(date(2021, 3, 18))
    # A day off after the last day cannot move it either.
    correct(date(2021, 3, 23))
    bureau.settle()
    assert set(dates(*[bureau.point(number) for number in range(1, 20)])) == {MONDAY}
    assert changes(bureau.point(5)) == []


def test_every_point_is_reached_page_by_page(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount, "PAGE", 4)
    points = [bureau.point(number) for number in range(1, 20)]
    correct(MONDAY)
    bureau.settle()
    assert set(dates(*points)) == {date(2021, 3, 23)}
    bureau.let_time_pass(minutes=11)  # the second look finds nothing more to do
    assert [len(changes(point)) for point in points] == [1] * 19
    assert bureau.count(Job) == len(_waiting())


def test_a_working_day_limit_follows_days_within(bureau: Bureau) -> None:
    point = _with_working_days(bureau)
    assert dates(point) == [date(2021, 3, 26)]
    correct(date(2021, 3, 18))
    bureau.settle()
    assert dates(point) == [date(2021, 3, 29)]
    correct(date(2021, 3, 27), working=True, name="调休上班")
    bureau.settle()
    assert dates(point) == [date(2021, 3, 27)]


def test_a_provisional_date_becomes_final_when_the_year_is_announced(bureau: Bureau) -> None:
    point = _with_working_days(bureau, since="2026-12-24")
    assert dates(point) == [date(2027, 1, 8)]
    assert _basis(point)["provisional"]
    told = bureau.person("jj_officer1").get(f"/instances/{point}")
    assert '为什么是这一天 <span class="tag">暂定</span>' in told.text
    assert told.says("元旦1月1日—1月3日")
    days = {date(2027, 1, 1): Exceptional(False, "元旦"), date(2027, 1, 3): Exceptional(True, "调休上班")}
    with db.transaction() as session:
        corrections.announce(session, 2027, NOTICE, days=days, actor=somebody())
    bureau.settle()
    assert dates(point) == [date(2027, 1, 7)]
    assert not _basis(point)["provisional"]


def test_an_announcement_that_confirms_what_was_guessed_moves_nothing(bureau: Bureau) -> None:
    point = _with_working_days(bureau, since="2026-12-24")
    with db.transaction() as session:
        corrections.announce(session, 2027, NOTICE, actor=somebody())
    bureau.settle()
    assert (dates(point), _basis(point)["provisional"], changes(point)) == ([date(2027, 1, 8)], False, [])


def test_whoever_counted_on_the_old_calendar_is_found_by_the_second_look(bureau: Bureau) -> None:
    """A step that began before the correction is stored after the first look at the open tasks."""
    point = bureau.point(5)
    with db.reading() as session:
        old = deadlines.current(session)
    correct(MONDAY)
    bureau.settle()
    (task,) = bureau.open_tasks(point).values()
    with db.transaction() as session:
        late = deadlines.recounted(old, _basis(point))
        session.execute(update(UserTask).where(UserTask.id == task).values(due_at=late.at, due_basis=late.basis))
    assert dates(point) == [MONDAY]
    bureau.let_time_pass(minutes=11)
    assert dates(point) == [date(2021, 3, 23)]


def test_counting_again_twice_is_once_and_leaves_ended_instances_alone(bureau: Bureau) -> None:
    point = bureau.point(5)
    correct(MONDAY)
    bureau.settle()
    payload = {"instance_id": point, "why": NOTICE}
    for _ in range(2):
        with db.transaction() as session:
            recount.recount(session, payload)
    assert len(changes(point)) == 1
    with db.transaction() as session:
        runtime.terminate(session, runtime.lock(session, point), actor=None, reason="撤销")
        recount.recount(session, payload)


def _with_working_days(bureau: Bureau, since: str = "2021-03-12") -> str:
    """A point whose open task has ten working days from a day, as if its case had begun under such a rule."""
    point = bureau.point(5)
    (task,) = bureau.open_tasks(point).values()
    with db.transaction() as session:
        book = deadlines.current(session)
        due = deadlines.of_rule(book, "school_bus_proposal", since, None, clock.now())
        ten = limits.revise(
            session, (due.basis or {})["rule_id"], amount=10, unit="working_days", article="x", effective_from=None,
            effective_to=None, confirmed=True, source="x", reason="x", actor=somebody(),
        )  # fmt: skip
        due = deadlines.recounted(deadlines.current(session), {**(due.basis or {}), "rule_id": ten.id})
        told = {"due_at": due.at, "due_reason": due.reason, "due_basis": due.basis}
        session.execute(update(UserTask).where(UserTask.id == task).values(told))
    return point


def _basis(instance: str) -> dict[str, object]:
    with db.reading() as session:
        ours = select(UserTask.due_basis).where(UserTask.instance_id == instance, UserTask.status == "open")
        return session.scalars(ours).one() or {}


def _waiting() -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(Job.kind).where(Job.kind.not_in((corrections.CHANGED, recount.RECOUNT)))))
