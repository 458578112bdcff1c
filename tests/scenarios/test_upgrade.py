"""A database of the version before, with instances under way: it is opened, and every instance goes on to its end."""

from __future__ import annotations

import json
import lzma
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from engine import application, clock, db, identity, jobs, messages, runtime, settings, user_tasks
from engine.lamps import picture
from engine.models import (
    Commitment,
    EventSubscription,
    Finding,
    HistoryEvent,
    InstanceStatus,
    Job,
    Person,
    ProcessInstance,
    SupervisionRound,
    UserTask,
    Visit,
    WorkPoint,
)
from engine.plan import items
from engine.plan.shapes import SHAPES
from tests import findings, visits
from tests.failures import invariants
from tests.failures.invariants import message_of
from tests.fixtures.make_previous import FORMS

FIXTURES = Path(__file__).parent.parent / "fixtures"
LEFT = json.loads((FIXTURES / "previous.json").read_text("utf-8"))
BEFORE: dict[str, dict[str, Any]] = LEFT["instances"]

SUBMITTED: dict[str, dict[str, Any]] = {
    "check": {"again": False},
    "approve": {"opinion": "同意"},
    "vote": {"vote": "yes"},
}
"""What people submit with the steps of the shapes; those of our own diagrams have forms."""

PEOPLE_DID = {
    "shape_countersign": {"sign_a": 2, "sign_b": 2, "check": 2},
    "shape_inclusive": {"step_a": 1, "step_b": 1, "check": 1},
    "shape_nested": {"inside_first": 1, "inside_second": 1, "called_step": 1, "check": 1},
    "shape_together": {"vote": 3, "check": 1},
    "shape_in_turn": {"approve": 3, "check": 1},
    "shape_reminded": {"work": 1, "remind": 1},
    "shape_raced": {"read": 1},
    "shape_timed": {"work": 1},
    "shape_deadline": {"scope_first": 1, "scope_second": 1},
    "shape_answered": {"work": 1},
    "shape_repeated": {"work": 3},
}
"""What people have done in each shape when it has ended, before the upgrade and after it together."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The database as it was left, after this version has opened it once: new tables, new diagrams."""
    file = tmp_path_factory.mktemp("upgrade") / "previous.sqlite3"
    file.write_bytes(lzma.decompress((FIXTURES / "previous.sqlite3.xz").read_bytes()))
    application.open_application(f"sqlite:///{file}")
    db.close_database()
    clock.shift(timedelta(0))
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


@pytest.fixture
def upgraded(opened: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same, at the moment it was left."""
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    copy = tmp_path / "previous.sqlite3"
    copy.write_bytes(opened)
    offset = (datetime.fromisoformat(LEFT["at"]) - datetime.now(UTC)).total_seconds()
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE setting SET value = ? WHERE key = 'clock_offset_seconds'", [str(offset)])
    application.open_application(f"sqlite:///{copy}")
    yield
    db.close_database()
    clock.shift(timedelta(0))


@pytest.mark.usefixtures("upgraded")
def test_everything_that_waited_before_an_upgrade_waits_after_it() -> None:
    jobs.run_due()  # the first look at what is due: there were no reminders before
    with db.reading() as session:
        running = {instance.id: instance for instance in _running(session)}
        assert set(running) == set(BEFORE)
        for instance_id, before in BEFORE.items():
            assert _standing(session, running[instance_id]) == before, before["title"]
        assert invariants.violations(session) == []


@pytest.mark.usefixtures("upgraded")
def test_what_was_under_way_has_lamps_from_what_the_tables_knew() -> None:
    """Points 5 and 6 stood in the middle; the picture of the day on which everything began is there as well."""
    with db.reading() as session:
        now, earlier = clock.now(), datetime(2021, 3, 12, 15, 59, tzinfo=UTC)
        seen, then = picture.picture(session, now), picture.picture(session, earlier)
        mine = session.execute(
            select(Commitment.code, Commitment.id).join(WorkPoint).where(WorkPoint.number.in_([1, 5, 6]))
        )
        lamps = {code: seen.commitments[commitment_id] for code, commitment_id in mine}
        assert {code: (lamp.word, lamp.percent) for code, lamp in lamps.items()} == {
            "1-1": ("未按月启动", None), "1-9": ("未按月启动", None), "5-1": ("还有 273 天", 100),
            "5-16": ("还有 273 天", 40), "5-17": ("待启动日", None), "6-1": ("完成", 100), "6-12": ("还有 273 天", 100),
        }  # fmt: skip
        assert {lamp.state for lamp in then.commitments.values()} == {"not_begun", "open", "done"}
        due = session.scalars(select(Finding.instance_id).union(select(Visit.instance_id))).all()
        assert set(picture.of_instances(session, filter(None, due))) == set(due)


@pytest.mark.usefixtures("upgraded")
def test_every_instance_of_the_version_before_comes_to_its_end() -> None:
    _let_everything_end()
    with db.reading() as session:
        assert invariants.violations(session) == []
        for instance_id, before in BEFORE.items():
            instance = session.get_one(ProcessInstance, instance_id)
            assert instance.status == InstanceStatus.COMPLETED, before["title"]
            expected = PEOPLE_DID.get(before["definition"])
            if expected:
                assert _done_by_people(session, instance_id) == expected, before["definition"]
        # What was under way in the called process is still there: `total = amount + 1`.
        (nested,) = [each for each, before in BEFORE.items() if before["definition"] == "shape_nested"]
        ended = session.get_one(ProcessInstance, nested, options=[undefer(ProcessInstance.state)])
        assert runtime.load(session, ended).variables()["total"] == 42


@pytest.mark.usefixtures("upgraded")
def test_a_commitment_of_the_version_before_takes_up_no_items() -> None:
    """Its diagram has no round of items: what was registered there would never begin."""
    with db.reading() as session:
        repeating = [each for each in session.scalars(select(Commitment)) if SHAPES[each.shape].kind and each.instance]
        office = next(
            a for a in map(identity.actor, session.scalars(select(Person))) if items.can_register(a, repeating[0])
        )
        assert {each.instance.definition_key for each in repeating if each.instance} == {"commitment"}
        assert not any(items.offered(session, office, each) for each in repeating)


@pytest.mark.usefixtures("upgraded")
def test_the_monthly_round_of_the_version_before_goes_on() -> None:
    with db.transaction() as session:
        settings.move_clock(session, clock.start_of(date(2021, 5, 1), 6))
    jobs.run_due()
    with db.reading() as session:
        keys = session.scalars(select(SupervisionRound.key).where(SupervisionRound.key.like("routine:%")))
        assert sorted(keys) == ["routine:2021-04", "routine:2021-05"]
        waiting = session.scalars(select(Job).where(Job.kind == "recurrence")).one()
        assert waiting.due_at == clock.start_of(date(2021, 6, 1), 6)


def _running(session: Session) -> list[ProcessInstance]:
    active = select(ProcessInstance).where(ProcessInstance.status == InstanceStatus.ACTIVE)
    return list(session.scalars(active.options(undefer(ProcessInstance.state))))


def _standing(session: Session, instance: ProcessInstance) -> dict[str, Any]:
    """What waits in an instance by its tables and by its state, in the shape in which it was told before."""
    waits = runtime.load(session, instance).waits()
    variables = {wait.token_id: wait.variables for wait in waits}
    opened = select(UserTask).where(UserTask.instance_id == instance.id, UserTask.status == "open")
    told = {
        task.id: [task.process_key, task.activity_id, task.round, task.assignee_id, variables.get(task.id)]
        for task in session.scalars(opened)
    }
    return {
        "definition": instance.definition_key,
        "title": instance.title,
        "tasks": told,
        "timers": {w.token_id: [w.activity.id, w.due_at.isoformat(), w.variables] for w in waits if w.due_at},
        "messages": {w.token_id: [w.activity.id, name, w.variables] for w in waits if (name := message_of(w))},
    }


def _let_everything_end() -> None:
    """People do what is open; when nothing is, the awaited answer comes; when none is awaited, time passes."""
    for _ in range(60):
        jobs.run_due()
        if not (_do_what_is_open() or _answer() or _wait_for_the_next_job()):
            return
    raise AssertionError("this does not end")


def _do_what_is_open() -> int:
    """The latest first, so that a reminder is answered before what it reminds of."""
    with db.reading() as session:
        latest = select(UserTask.id).where(UserTask.status == "open").order_by(UserTask.created_at.desc(), UserTask.id)
        open_tasks = list(session.scalars(latest))
    for task_id in open_tasks:
        with db.transaction() as session:
            task = session.get_one(UserTask, task_id)
            if task.status == "open":
                told = _answer_to(task)
                user_tasks.complete(session, task_id, told, actor=_whoever_may(session, task))
    return len(open_tasks)


def _answer_to(task: UserTask) -> dict[str, Any]:
    """What an old visit finds is put right by this version's forms."""
    now = {
        "finding.evidence": findings.shown(), "finding.verification": findings.accepted(), "ledger.signature": findings.SIGNATURE,
        "accountability.overdue_talk": findings.TALK | {"talked_on": findings.day()},
        "accountability.circular": {"range": "全市", "facts": "逾期未改", "basis": "《条例》第二十一条", "decision": "予以通报"},
        "accountability.overdue_talk": {
            "talked_on": findings.day(), "place": "会议室", "hosts": "处长", "guests": "校长", "reason": "逾期", "record": "限期",
            "promises": [{"promise": "整改", "until": findings.day(9)}],
        },
        "accountability.circular": {"range": "全市", "facts": "逾期未改", "basis": "《条例》", "decision": "予以通报"},
        "finding.re_look": {"looked_on": findings.day(), "on_site": "true", "seen": "仍然完好", "outcome": "effective"},
    }  # fmt: skip
    if task.form_key == "visit.checklist":
        return visits.answers(task.instance_id)
    return (FORMS | now)[task.form_key] if task.form_key else SUBMITTED.get(task.activity_id, {})


def _answer() -> bool:
    with db.transaction() as session:
        waiting = select(EventSubscription.instance_id).where(EventSubscription.name == "go")
        asked = list(session.scalars(waiting))
        for instance_id in asked:
            messages.send(session, "go", instance_id=instance_id, dedupe_key=f"go:{instance_id}")
    return bool(asked)


def _wait_for_the_next_job() -> bool:
    """False when nothing of before runs any more; a monthly round opens for ever, and what it finds is looked at again."""
    with db.transaction() as session:
        due = session.scalar(select(Job.due_at).order_by(Job.due_at).limit(1))
        if not {each.id for each in _running(session)} & set(BEFORE) or due is None:
            return False
        settings.move_clock(session, max(due, clock.now()) + timedelta(seconds=1))
    return True


def _whoever_may(session: Session, task: UserTask) -> identity.Actor:
    everybody = (identity.actor(person) for person in session.scalars(select(Person).order_by(Person.login)))
    return next(actor for actor in everybody if user_tasks.can_complete(actor, task))


def _done_by_people(session: Session, instance_id: str) -> Counter[str | None]:
    told = select(HistoryEvent.activity_id).where(
        HistoryEvent.instance_id == instance_id, HistoryEvent.kind == "user_task.completed"
    )
    return Counter(session.scalars(told))
