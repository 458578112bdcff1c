"""A due job is done once, whatever happens to its worker; what cannot be done is tried again and then shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from engine import clock, db, housekeeping, incidents, jobs, runtime, scheduler, settings
from engine.errors import InvalidState
from engine.models import JobState, LoginSession, ProcessInstance, RememberedAnswer
from tests import effects
from tests.driver import Bureau


@pytest.fixture(autouse=True)
def own_kinds(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds of these tests: one that leaves an effect, one that breaks after having left one."""
    monkeypatch.setitem(jobs.handlers, effects.KIND, effects.leave)
    monkeypatch.setitem(jobs.handlers, "test.broken", broken)


def broken(session: Session, payload: Mapping[str, Any]) -> None:
    effects.leave(session, payload)
    raise ZeroDivisionError("broken by intent")


def pass_time(**span: float) -> None:
    """Only the clock; nobody looks for jobs."""
    with db.transaction() as session:
        settings.move_clock(session, clock.now() + timedelta(**span))


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    yield sent
    event.remove(db.engine(), "before_cursor_execute", note)


def test_a_job_is_done_once_and_not_before_it_is_due(bureau: Bureau) -> None:
    with db.transaction() as session:
        due = clock.now() + timedelta(minutes=10)
        for _ in range(2):
            jobs.add(session, effects.KIND, due, {"name": "remind"}, dedupe_key="test:remind")
    assert bureau.let_time_pass(minutes=9) == 0
    assert bureau.let_time_pass(minutes=1) == 1
    assert bureau.settle() == 0
    assert effects.left() == ["remind"]


def test_a_look_that_finds_nothing_due_writes_nothing(bureau: Bureau) -> None:
    bureau.settle()
    with statements() as sent:
        assert scheduler.tick() == 0
    assert len([each for each in sent if "FROM job" in each]) == 1
    assert all(each.lstrip().startswith(("SELECT", "BEGIN")) and "IMMEDIATE" not in each for each in sent)


def test_what_is_held_is_nobody_elses_until_the_lease_runs_out(bureau: Bureau) -> None:
    effects.plan("a", "b")
    assert [job.payload["name"] for job in jobs.claim()] == ["a", "b"]
    assert jobs.claim() == []
    pass_time(seconds=jobs.LEASE.total_seconds() - 1)
    assert jobs.claim() == []
    pass_time(seconds=1)
    assert bureau.settle() == 2
    assert effects.left() == ["a", "b"]


@pytest.mark.parametrize("its_clock", ["follows", "stands still"])
def test_who_lost_the_lease_changes_nothing(bureau: Bureau, its_clock: str) -> None:
    effects.plan("a")
    before = clock.offset()
    slow = jobs.claim()
    bureau.let_time_pass(minutes=3)
    assert effects.left() == ["a"]
    if its_clock == "stands still":
        clock.shift(before)
    jobs.work_off(slow)
    assert effects.left() == ["a"]
    assert effects.open_incidents() == []


def test_a_job_in_the_hands_of_another_is_left_to_it(bureau: Bureau) -> None:
    effects.plan("a")
    before = clock.offset()
    slow = jobs.claim()
    pass_time(minutes=3)
    (other,) = jobs.claim()
    clock.shift(before)
    assert jobs.work_off(slow) == 1
    assert effects.left() == []
    held = effects.job("a")
    assert held is not None
    assert (held.lease, held.error, held.attempts) == (other.lease, None, 2)
    jobs.work_off([other])
    assert effects.left() == ["a"]


def test_what_outlasts_the_lease_does_not_count(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(session: Session, payload: Mapping[str, Any]) -> None:
        effects.leave(session, payload)
        clock.shift(clock.offset() + jobs.LEASE)

    monkeypatch.setitem(jobs.handlers, effects.KIND, slow)
    effects.plan("a")
    bureau.settle()
    assert effects.left() == []
    job = effects.job("a")
    assert job is not None
    assert job.error is not None
    assert job.error.startswith("LeaseLost")
    assert (job.state, job.attempts, job.due_at - clock.now() > timedelta(seconds=59)) == (JobState.WAITING, 1, True)


def test_a_job_may_do_away_with_itself_and_plan_anew(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cycle timer does: its wait is over, and the next one goes by the same name."""

    def cycle(session: Session, payload: Mapping[str, Any]) -> None:
        effects.leave(session, payload)
        jobs.cancel(session, "test:cycle")
        jobs.add(session, effects.KIND, clock.now() + timedelta(days=1), payload, dedupe_key="test:cycle")

    monkeypatch.setitem(jobs.handlers, effects.KIND, cycle)
    effects.plan("cycle")
    assert bureau.settle() == 1
    assert effects.left() == ["cycle"]
    again = effects.job("cycle")
    assert again is not None
    assert again.due_at > clock.now()
    pass_time(days=1)
    bureau.settle()
    assert effects.left() == ["cycle", "cycle"]


def test_a_failure_is_tried_again_after_1_5_and_30_minutes_and_then_shown(bureau: Bureau) -> None:
    effects.plan("a", kind="test.broken")
    assert bureau.settle() == 1
    for attempt, wait in enumerate([60, 300, 1_800], 1):
        job = effects.job("a")
        assert job is not None
        assert (job.attempts, job.error) == (attempt, "ZeroDivisionError: broken by intent")
        assert effects.open_incidents() == []
        assert bureau.let_time_pass(seconds=wait - 1) == 0
        assert bureau.let_time_pass(seconds=1) == 1
    job = effects.job("a")
    assert job is not None
    assert (job.state, job.attempts, job.lease) == (JobState.FAILED, 4, None)
    (incident,) = effects.open_incidents()
    assert (incident.kind, incident.job_id, incident.message) == (incidents.JOB_FAILED, job.id, job.error)
    assert bureau.let_time_pass(hours=2) == 0
    assert effects.left() == []


def set_back(**span: float) -> None:
    clock.shift(clock.offset() - timedelta(**span))


@pytest.fixture
def free_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What moves is the machine's clock, which no database knows of."""
    monkeypatch.setattr(settings, "apply_clock", lambda session: None)


@pytest.mark.usefixtures("free_clock")
def test_what_is_not_due_any_more_waits_for_its_time_again(bureau: Bureau) -> None:
    """A timer would find that its time has not come, and be gone for ever."""
    effects.plan("a")
    claimed = jobs.claim()
    set_back(hours=1)
    assert jobs.work_off(claimed) == 0
    job = effects.job("a")
    assert job is not None
    assert (job.state, job.attempts) == (JobState.WAITING, 0)
    assert bureau.settle() == 0
    clock.shift(clock.offset() + timedelta(hours=1))
    assert bureau.settle() == 1
    assert effects.left() == ["a"]


@pytest.mark.usefixtures("free_clock")
def test_what_was_done_while_the_clock_was_set_back_does_not_count(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(session: Session, payload: Mapping[str, Any]) -> None:
        effects.leave(session, payload)
        set_back(days=1)

    effects.plan("a")
    with monkeypatch.context() as patch:
        patch.setitem(jobs.handlers, effects.KIND, interrupted)
        bureau.settle()
    job = effects.job("a")
    assert job is not None
    assert effects.left() == []
    assert job.due_at - clock.now() > timedelta(hours=23), "tried again, but not before it is due"
    clock.shift(clock.offset() + timedelta(days=1))
    bureau.settle()
    assert effects.left() == ["a"]


@pytest.mark.usefixtures("free_clock")
@pytest.mark.parametrize(("back", "wait"), [({"days": 1}, 0), ({"hours": 1}, 0), ({"minutes": 1}, 180)])
def test_a_lease_from_before_the_clock_was_set_back_keeps_nobody_waiting(
    bureau: Bureau, back: dict[str, float], wait: int
) -> None:
    instance = bureau.point(5)
    with db.transaction() as session:
        due = clock.now() - timedelta(days=2)
        for name in ("killed", "next"):
            jobs.add(session, effects.KIND, due, {"name": name}, dedupe_key=f"test:{name}", instance_id=instance)
    (killed,) = jobs.claim(1)
    set_back(**back)
    clock.shift(clock.offset() + timedelta(seconds=wait))
    assert bureau.settle() == 2
    assert effects.left() == ["killed", "next"]
    jobs.work_off([killed])
    assert effects.left() == ["killed", "next"]


def test_a_poison_job_does_not_keep_the_others_waiting(bureau: Bureau) -> None:
    healthy = [f"{number:02}" for number in range(50)]
    effects.plan(*healthy[:25])
    effects.plan("poison", kind="test.broken")
    effects.plan(*healthy[25:])
    assert bureau.settle() == 51
    assert effects.left() == healthy
    for minutes in (1, 5, 30):
        effects.plan(f"later-{minutes}")
        bureau.let_time_pass(minutes=minutes)
    assert len(effects.left()) == 53
    assert [incident.kind for incident in effects.open_incidents()] == [incidents.JOB_FAILED]


def test_a_kind_nobody_knows_becomes_an_incident_at_once(bureau: Bureau) -> None:
    effects.plan("a", kind="test.from_the_future")
    assert bureau.settle() == 1
    (incident,) = effects.open_incidents()
    assert "test.from_the_future" in incident.message
    bureau.let_time_pass(days=1)
    job = effects.job("a")
    assert job is not None
    assert (job.state, job.attempts) == (JobState.FAILED, 1)


def test_a_refusal_of_an_instance_that_has_ended_is_no_failure(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(session: Session, payload: Mapping[str, Any]) -> None:
        raise InvalidState("not now")

    monkeypatch.setitem(jobs.handlers, "test.refused", refused)
    ended, active = bureau.point(5), bureau.point(6)
    with db.transaction() as session:
        runtime.terminate(session, runtime.lock(session, ended), actor=None, reason="no longer needed")
    effects.plan("moot", kind="test.refused", instance_id=ended)
    effects.plan("real", kind="test.refused", instance_id=active)
    with db.transaction() as session:
        # It comes from the ended instance and is to move another.
        thrown = {"name": "farewell"}
        jobs.add(session, "test.refused", clock.now(), thrown, dedupe_key="test:thrown", instance_id=ended)
    bureau.settle()
    assert effects.job("moot") is None
    for name in ("real", "thrown"):
        kept = effects.job(name)
        assert kept is not None
        assert kept.error == "InvalidState: not now"


def test_a_damaged_state_is_an_incident_of_that_instance_only(bureau: Bureau) -> None:
    damaged, sound = bureau.point(5), bureau.point(6)
    with db.transaction() as session:
        session.execute(update(ProcessInstance).where(ProcessInstance.id == damaged).values(state=b"\x01torn"))
        now = clock.now()
        for number, instance in enumerate([damaged, damaged, sound]):
            payload, key = {"instance_id": instance}, f"test:{number}"
            jobs.add(session, "timer", now, payload, dedupe_key=key, instance_id=instance)
    assert bureau.settle() == 3
    (incident,) = effects.open_incidents()
    assert (incident.kind, incident.instance_id) == (incidents.STATE_DAMAGED, damaged)
    states = [job.state if (job := effects.job(str(number))) else None for number in range(3)]
    assert states == [JobState.FAILED, JobState.FAILED, None]


def test_jobs_of_one_instance_go_one_after_the_other(bureau: Bureau) -> None:
    mine, other = bureau.point(5), bureau.point(6)
    effects.plan("first", "second", instance_id=mine)
    effects.plan("elsewhere", instance_id=other)
    effects.plan("of nothing")
    one = jobs.claim(1)
    another = jobs.claim()
    assert [job.payload["name"] for job in one + another] == ["first", "elsewhere", "of nothing"]
    assert jobs.claim() == []
    jobs.work_off(one)
    assert [job.payload["name"] for job in jobs.claim()] == ["second"]


def test_the_others_of_a_batch_survive_a_job_that_takes_its_worker_down(bureau: Bureau) -> None:
    """A worker that is killed leaves its batch; each is then taken alone, and the killer not for ever."""
    effects.plan("killer", "a", "b")
    killed = jobs.claim()
    for _ in range(3):
        assert len(killed) in (3, 1)
        assert killed[0].payload["name"] == "killer"
        pass_time(minutes=3)
        killed = jobs.claim()
        bureau.settle()
    assert effects.left() == ["a", "b"]
    bureau.let_time_pass(minutes=3)
    assert effects.left() == ["a", "b"]
    (incident,) = effects.open_incidents()
    assert "中断" in incident.message


def test_a_worker_told_to_stop_finishes_the_job_in_hand_and_gives_the_others_back(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Event()

    def interrupted(session: Session, payload: Mapping[str, Any]) -> None:
        stop.set()
        effects.leave(session, payload)

    monkeypatch.setitem(jobs.handlers, "test.interrupted", interrupted)
    effects.plan("in hand", kind="test.interrupted")
    effects.plan("a", "b")
    assert jobs.run_due(stop=stop) == 1
    assert effects.left() == ["in hand"]
    given_back = effects.job("a")
    assert given_back is not None
    assert (given_back.state, given_back.attempts, given_back.lease) == (JobState.WAITING, 0, None)
    assert bureau.settle() == 2
    assert effects.left() == ["a", "b", "in hand"]


def test_housekeeping_keeps_answers_for_a_week_and_comes_again(bureau: Bureau) -> None:
    bureau.person("jj_head")
    with db.transaction() as session:
        housekeeping.schedule(session)
        opened = session.query(LoginSession).one()
        opened.opened_at -= timedelta(days=1)
        person = opened.person_id
        for name, age in [("old", 8), ("new", 5)]:
            at = clock.now() - timedelta(days=age)
            answer = RememberedAnswer(person_id=person, key=name, fingerprint="", status=204, body="", at=at)
            session.add(answer)
    bureau.let_time_pass(days=1)
    with db.reading() as session:
        assert [answer.key for answer in session.query(RememberedAnswer)] == ["new"]
    assert bureau.count(LoginSession) == 0
    bureau.let_time_pass(days=2)
    assert bureau.count(RememberedAnswer) == 0
