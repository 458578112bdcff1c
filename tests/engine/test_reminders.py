"""People are reminded of what is due, the owner first, then those above; once for each stage, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from math import ceil

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from engine import application, calendar, clock, db, definitions, identity, instances, jobs, reminders, runtime
from engine.calendar import Calendar, Exceptional
from engine.models import Commitment, Finding, Job, Notification, Person, UserTask, Visit, WorkPoint
from engine.notifications import rules
from engine.reminders import sending, stages
from tests import findings
from tests.driver import Bureau
from tests.scenarios.test_work_point import PLAN, overseer_of
from tests.visits import answers, fields

LIMITED = """<?xml version="1.0"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" targetNamespace="t">
<process id="limited" isExecutable="true"><startEvent id="begin"/><sequenceFlow id="a" sourceRef="begin" targetRef="report"/>
<userTask id="report" name="报告" camunda:candidateGroups="officers_of_lead" camunda:dueDate="${due}"/>
<sequenceFlow id="b" sourceRef="report" targetRef="end"/><endEvent id="end"/></process></definitions>"""


def until(bureau: Bureau, moment: str) -> None:
    """Let time pass until a local moment; the scheduler looks once, however long that is."""
    left = datetime.fromisoformat(moment).replace(tzinfo=clock.LOCAL) - clock.now()
    bureau.let_time_pass(seconds=ceil(left.total_seconds()))


def told(task_id: str | None = None, *, about: str = "") -> list[tuple[str, str]]:
    """Words and login of what was said about a task or by a title, in order."""
    with db.reading() as session:
        wanted = select(Notification, Person.login).join(Person, Person.id == Notification.person_id)
        mine = Notification.subject_id == task_id if task_id else Notification.title.contains(about)
        rows = session.execute(wanted.where(mine).order_by(Notification.created_at, Person.login))
        return [(notification.title.split("：")[0], login) for notification, login in rows]


def jobs_of(*subjects: str) -> int:
    with db.reading() as session:
        mine = Job.dedupe_key.in_([f"reminder:{each}" for each in subjects])
        return session.scalar(select(func.count()).select_from(Job).where(mine)) or 0


OFFICERS = ["zj_officer1", "zj_officer2"]


def test_the_owner_is_told_first_then_the_head_then_the_leader(bureau: Bureau) -> None:
    """Due on Monday 22 March; told three working days before, on the day, and one, five and ten working days after (清明 is none)."""
    task = bureau.open_task(bureau.point(6))
    leader = overseer_of(bureau, "ZJ")
    until(bureau, "2021-03-17T07:59")
    assert told(task) == []
    expected: list[tuple[str, str]] = []
    for moment, words, people in [
        ("2021-03-17T08:01", "即将到期", OFFICERS),
        ("2021-03-22T08:01", "最后一个工作日", OFFICERS),
        ("2021-03-23T08:01", "已经逾期", ["zj_head", *OFFICERS]),
        ("2021-03-29T08:01", "逾期五个工作日", [leader, "zj_head", *OFFICERS]),
        ("2021-04-06T08:01", "逾期十个工作日", [leader, "zj_head"]),
    ]:
        until(bureau, moment)
        expected += [(words, each) for each in sorted(people)]
        assert told(task) == expected
        assert jobs_of(task) == (1 if words != "逾期十个工作日" else 0)
    until(bureau, "2021-05-05T12:00")
    assert told(task) == expected
    page = bureau.person("zj_head").get("/notifications")
    assert page.says("应于2021年3月22日办结")
    assert page.says("收到待办之日起10日内（本局工作约定，待核对）")


def test_after_a_downtime_the_latest_stage_speaks_for_all(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(6))
    until(bureau, "2021-03-24T15:00")
    assert told(task) == [("已经逾期", each) for each in ["zj_head", *OFFICERS]]
    jobs.run_due()
    assert len(told(task)) == 3
    until(bureau, "2021-05-06T09:00")
    leader = overseer_of(bureau, "ZJ")
    everybody = [("逾期十个工作日", each) for each in sorted([leader, "zj_head", *OFFICERS])]
    assert told(task)[3:] == everybody, "the stage at which only those above are told must not swallow the owner's"


def test_a_stage_that_is_looked_at_twice_is_said_once(bureau: Bureau) -> None:
    """A worker that is killed between a commit and its end leaves nothing to do twice."""
    task = bureau.open_task(bureau.point(6))
    until(bureau, "2021-03-17T08:01")
    with db.transaction() as session:
        before = session.get_one(UserTask, task).created_at
        payload = {"subject": "user_task", "id": task, "instance_id": None, "since": before.isoformat()}
        sending.remind(session, payload)
    assert len(told(task)) == 2


def test_what_is_done_is_not_reminded_of(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(6))
    assert jobs_of(task) == 1
    assert bureau.person("zj_officer1").does(task, **PLAN).status == 302
    assert jobs_of(task) == 0
    until(bureau, "2021-03-24T08:01")
    assert told(task) == []


def test_a_returned_task_is_reminded_of_by_its_own_date(bureau: Bureau) -> None:
    point = bureau.point(6)
    until(bureau, "2021-03-17T08:01")
    bureau.person("zj_officer1").does(bureau.open_task(point), **PLAN)
    bureau.person("zj_head").does(bureau.open_task(point), decision="return", opinion="请补充")
    again = bureau.open_task(point, "draft_plan")
    until(bureau, "2021-03-24T08:01")
    assert told(again) == [("即将到期", each) for each in OFFICERS]


def test_who_answers_for_it_is_read_when_the_reminder_fires(bureau: Bureau) -> None:
    """Claimed by one: the others are left alone. Another head by then: the new one is told, in another process."""
    task = bureau.open_task(bureau.point(6))
    bureau.person("zj_officer2").post(f"/tasks/{task}/claim", {})
    until(bureau, "2021-03-22T08:01")
    assert told(task) == [("最后一个工作日", "zj_officer2")]
    db.close_database()
    application.open_application(bureau.database)
    with db.transaction() as session:
        session.execute(update(Person).where(Person.login == "zj_head").values(active=False))
    until(bureau, "2021-03-23T08:01")
    assert told(task)[1:] == sorted([("已经逾期", "zj_officer2"), ("已经逾期", overseer_of(bureau, "ZJ"))])


def test_holidays_move_the_stages(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off from Thursday to Sunday: the third working day before Monday is the Monday before."""
    off = {date(2021, 3, day): Exceptional(False, "") for day in (18, 19)}
    usual = calendar.current

    def with_days_off(session: Session) -> Calendar:
        return replace(usual(session), exceptions={**usual(session).exceptions, **off})

    monkeypatch.setattr(calendar, "current", with_days_off)
    task = bureau.open_task(bureau.point(6))
    until(bureau, "2021-03-15T08:01")
    assert told(task) == [("即将到期", each) for each in OFFICERS]
    until(bureau, "2021-03-21T12:00")
    assert len(told(task)) == 2


def test_stages_of_what_is_due_on_a_sunday(bureau: Bureau) -> None:
    """The last working day is the Friday before; the first one after is Monday."""
    sunday = date(2021, 3, 21)
    with db.reading() as session:
        days = [rules.working_day(session, sunday, distance).day for distance in (-3, -1, 0, 1, 5)]
    assert days == [17, 19, 19, 22, 26]


def test_a_date_that_moves_is_planned_anew_and_twice_is_once(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(6))
    until(bureau, "2021-03-17T08:01")
    later = clock.end_of(date(2021, 4, 22))
    for _ in range(2):
        with db.transaction() as session:
            held = session.get_one(UserTask, task)
            runtime.lock(session, held.instance_id)
            held.due_at = later
            reminders.plan(session, "user_task", task, later, instance_id=held.instance_id)
    assert jobs_of(task) == 1
    until(bureau, "2021-04-18T12:00")
    assert told(task) == [("即将到期", each) for each in OFFICERS]
    until(bureau, "2021-04-19T08:01")
    assert told(task) == [("即将到期", each) for each in OFFICERS * 2]
    with db.transaction() as session:
        reminders.plan(session, "user_task", task, None, instance_id=None)
    assert jobs_of(task) == 0


def test_an_earlier_date_makes_up_for_the_stage_that_is_over(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(6))
    until(bureau, "2021-03-16T12:00")
    with db.transaction() as session:
        held = session.get_one(UserTask, task)
        held.due_at = clock.end_of(date(2021, 3, 18))
        reminders.plan(session, "user_task", task, held.due_at, instance_id=held.instance_id)
    until(bureau, "2021-03-16T12:01")
    assert told(task) == [("即将到期", each) for each in OFFICERS]


def test_what_begins_late_hears_the_next_morning_how_late(bureau: Bureau) -> None:
    task = limited("2021-03-01")
    until(bureau, "2021-03-13T08:01")
    assert {words for words, _ in told(task)} == {"逾期五个工作日"}


def test_a_limit_in_hours_is_reminded_of_by_the_hour(bureau: Bureau) -> None:
    task = limited("2021-03-12T11:00")
    jobs.run_due()
    assert told(task) == []
    for moment, words, count in [("10:01", "即将到时限", 2), ("11:01", "已到时限", 3), ("12:01", "超过时限", 4)]:
        until(bureau, f"2021-03-12T{moment}")
        assert [each for each, _ in told(task)][-count:] == [words] * count
    assert bureau.person("zj_head").get("/notifications").says("紧急")


def limited(due: str) -> str:
    """The task of an instance with this limit, in charge of which is the unit of the sixth point."""
    with db.transaction() as session:
        definitions.deploy(session, "限时", {"limited.bpmn": LIMITED.encode()})
        lead = session.scalars(select(WorkPoint.lead_id).where(WorkPoint.number == 6)).one()
        instance = instances.start(session, "limited", {"due": due}, actor=None, unit_id=lead)
        return session.scalars(select(UserTask.id).where(UserTask.instance_id == instance.id)).one()


def test_stages_are_the_offices_to_change(bureau: Bureau) -> None:
    """A new stage counts for what is due already; what was said is not said again."""
    task = bureau.open_task(bureau.point(6))
    until(bureau, "2021-03-17T08:01")
    with db.transaction() as session:
        office = _actor(session, "duban1")
        new = {"basis": "days", "distance": "-2", "recipients": ["head"], "words": "请督促"}
        stages.save(session, None, new, actor=office)
    jobs.run_due()
    until(bureau, "2021-03-18T08:01")
    assert told(task) == [*(("即将到期", each) for each in OFFICERS), ("请督促", "zj_head")]
    with db.transaction() as session:
        for stage in stages.every(session, actor=_actor(session, "duban1")):
            stages.remove(session, stage.id, actor=_actor(session, "duban1"))
    jobs.run_due()
    assert jobs_of(task) == 0


def _actor(session: Session, login: str) -> identity.Actor:
    person = identity.find(session, login)
    assert person is not None
    return identity.actor(person)


def test_a_commitment_is_reminded_of_until_it_is_carried_over(bureau: Bureau) -> None:
    with db.reading() as session:
        first = select(Commitment).order_by(Commitment.due_on, Commitment.code).limit(1)
        commitment = session.scalars(first).one()
        unit, due_on, code = commitment.lead.key.lower(), commitment.due_on, commitment.code
        morning = rules.working_day(session, due_on, 1)
    assert jobs_of(commitment.id) == 1
    until(bureau, f"{morning}T08:01")
    people = ["head", "officer1", "officer2"]
    assert told(about=f"任务 {code} ") == [("已经逾期", f"{unit}_{each}") for each in people]
    with db.reading() as session:
        still_open = list(session.scalars(select(Commitment.id).where(Commitment.result.is_(None))))
    with db.transaction() as session:
        for each in still_open:
            reminders.forget(session, each)
    assert jobs_of(*still_open) == 0


def test_a_finding_is_the_inspectorates_to_close(bureau: Bureau) -> None:
    """The school is chased by its task, its education bureau last; whoever found it, and those above, to see it closed."""
    until(bureau, "2021-04-01T06:01")
    with db.reading() as session:
        mine = select(Visit).join(Person).where(Person.login == "duxue3").order_by(Visit.number)
        visit = session.scalars(mine).first()
        assert visit is not None
        assert visit.instance_id is not None
        school = visit.school.key.lower()
    visited = answers(visit.instance_id, {"other": {"rectify_by": "2021-05-10"}}, visited_on="2021-04-01")
    bureau.person("duxue3").does(bureau.open_task(visit.instance_id), **fields(visited))
    with db.reading() as session:
        finding = session.scalars(select(Finding)).one()
        assert finding.instance_id is not None
    task = bureau.open_task(finding.instance_id, "rectify")
    until(bureau, "2021-05-17T08:01")
    chased = {login for _, login in told(task)}
    assert chased > {f"{school}_head", f"{school}_officer"}
    with db.reading() as session:
        district = chased - {f"{school}_head", f"{school}_officer"}
        assert {_actor(session, login).holdings[0].role for login in district} == {"district_officer"}
    above = ["duxue3", "dd_head", overseer_of(bureau, "DD")]
    weekly = [("整改已逾期7日", f"{school}_{who}") for who in ("head", "officer")]
    assert sorted(told(finding.instance_id)) == sorted([("逾期五个工作日", each) for each in above] + weekly)
    assert bureau.person(f"{school}_officer").does(task, **findings.typed(findings.shown())).status == 302
    assert (jobs_of(task), jobs_of(finding.id)) == (0, 1)
    accepted = findings.typed(findings.accepted())
    verified = bureau.person("duxue3").does(bureau.open_task(finding.instance_id), **accepted)
    assert (verified.status, jobs_of(finding.id)) == (302, 0)
