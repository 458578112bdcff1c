"""What an administrator does about an incident: try again or give up, once, with a trace in the instance's history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from engine import administration, clock, db, history, housekeeping, identity, incidents, jobs, runtime
from engine.errors import InvalidInput, InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import EventSubscription, Incident, Job, ProcessInstance
from tests import effects
from tests.driver import Bureau


class Weather:
    """Whether the handler of these tests can do its work."""

    bad = True

    def handle(self, session: Session, payload: Mapping[str, Any]) -> None:
        if self.bad:
            raise ConnectionError("no way through")
        effects.leave(session, payload)


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    made = Weather()
    monkeypatch.setitem(jobs.handlers, effects.KIND, made.handle)
    return made


def actor(login: str) -> Actor:
    with db.reading() as session:
        person = identity.find(session, login)
        assert person is not None
        return identity.actor(person)


def give_up_on(bureau: Bureau, name: str, instance_id: str | None) -> str:
    """A job that fails until it is an incident; the incident's id."""
    effects.plan(name, instance_id=instance_id)
    bureau.settle()
    for minutes in (1, 5, 30):
        bureau.let_time_pass(minutes=minutes)
    return effects.open_incidents()[-1].id


def damage(instance_id: str) -> Callable[[], None]:
    """Tear the state of an instance; what is returned brings it back from the backup."""

    def write(state: bytes) -> None:
        with db.transaction() as session:
            torn = update(ProcessInstance).where(ProcessInstance.id == instance_id)
            session.execute(torn.values(state=state))

    with db.reading() as session:
        whole = session.scalars(select(ProcessInstance.state).where(ProcessInstance.id == instance_id)).one()
    write(whole[:-1])
    return lambda: write(whole)


def look_at(instance_id: str) -> None:
    with db.transaction() as session:
        payload, key = {"instance_id": instance_id}, f"test:{instance_id}"
        jobs.add(session, "timer", clock.now(), payload, dedupe_key=key, instance_id=instance_id)


def retry(incident_id: str, login: str = "sysadmin") -> None:
    with db.transaction() as session:
        administration.retry(session, incident_id, actor=actor(login))


def cancel(incident_id: str, reason: str = "不再需要", login: str = "sysadmin") -> None:
    with db.transaction() as session:
        administration.cancel(session, incident_id, reason, actor=actor(login))


def incident(incident_id: str) -> Incident:
    with db.reading() as session:
        return session.get_one(Incident, incident_id)


def told(instance_id: str, kind: str) -> list[dict[str, Any]]:
    with db.reading() as session:
        assert list(history.broken_chains(session)) == []
        return [event.detail for event in history.of(session, instance_id) if event.kind == kind]


def test_what_gave_up_is_tried_again(bureau: Bureau, weather: Weather) -> None:
    point = bureau.point(5)
    known = give_up_on(bureau, "a", point)
    weather.bad = False
    retry(known)
    assert bureau.settle() == 1
    assert effects.left() == ["a"]
    settled = incident(known)
    assert (settled.resolution, settled.resolved_by_id) == ("retried", actor("sysadmin").id)
    assert told(point, "incident.retried") == [{"incident": "job.failed", "message": settled.message}]


def test_a_retry_in_vain_begins_anew_and_is_a_new_incident(bureau: Bureau, weather: Weather) -> None:
    known = give_up_on(bureau, "a", None)
    retry(known)
    bureau.settle()
    job = effects.job("a")
    assert job is not None
    assert (job.state, job.attempts) == ("waiting", 1)
    for minutes in (1, 5, 30):
        bureau.let_time_pass(minutes=minutes)
    (again,) = effects.open_incidents()
    assert (again.id != known, again.job_id) == (True, job.id)


def test_what_is_given_up_goes_with_a_reason(bureau: Bureau, weather: Weather) -> None:
    point = bureau.point(5)
    known = give_up_on(bureau, "a", point)
    with pytest.raises(InvalidInput):
        cancel(known, reason="  ")
    cancel(known, reason="对方系统已停用")
    assert (effects.job("a"), effects.open_incidents()) == (None, [])
    assert told(point, "incident.cancelled")[0]["reason"] == "对方系统已停用"
    assert bureau.status(point) == "active"


def test_of_two_administrators_the_slower_one_is_told(bureau: Bureau, weather: Weather) -> None:
    known = give_up_on(bureau, "a", bureau.point(5))
    cancel(known)
    for act in (retry, cancel):
        with pytest.raises(InvalidState):
            act(known)
    assert incident(known).resolution == "cancelled"


@pytest.mark.parametrize("login", ["jj_head", "juzhang", "designer"])
def test_only_an_administrator_resolves(bureau: Bureau, weather: Weather, login: str) -> None:
    known = give_up_on(bureau, "a", bureau.point(5))
    for act in (retry, cancel):
        with pytest.raises(NotAllowed):
            act(known, login=login)
    assert incident(known).resolved_at is None


def test_people_see_the_troubles_of_what_they_may_look_at(bureau: Bureau, weather: Weather) -> None:
    give_up_on(bureau, "theirs", bureau.point(5))
    give_up_on(bureau, "nobody's", None)
    seen = {}
    for login in ("sysadmin", "designer", "juzhang", "jj_head", "liangxi_officer1"):
        with db.reading() as session:
            jobs_seen = session.scalars(administration.jobs_for(actor(login)).where(Job.kind == effects.KIND)).all()
            incidents_seen = administration.count(session, administration.incidents_for(actor(login)))
            seen[login] = len(jobs_seen), incidents_seen
    assert seen == {
        "sysadmin": (2, 2), "designer": (2, 2), "juzhang": (1, 1), "jj_head": (1, 1), "liangxi_officer1": (0, 0),
    }  # fmt: skip


def test_a_damaged_instance_goes_on_once_it_is_restored(bureau: Bureau) -> None:
    point = bureau.point(5)
    restore = damage(point)
    look_at(point)
    bureau.settle()
    (known,) = effects.open_incidents()
    retry(known.id)
    bureau.settle()
    (still,) = effects.open_incidents()
    assert still.kind == incidents.STATE_DAMAGED
    restore()
    retry(still.id)
    bureau.settle()
    assert effects.open_incidents() == []
    assert bureau.person("jj_officer1").does(
        bureau.open_task(point, "draft_plan"), goal="目标", measures="措施", milestones="节点"
    ).status == 302  # fmt: skip


def test_a_damaged_instance_can_be_ended_without_being_read(bureau: Bureau) -> None:
    point = bureau.point(5)
    commitment = bureau.commitments(point)[0]
    for instance in (point, commitment):
        damage(instance)
        look_at(instance)
    bureau.settle()
    for known in effects.open_incidents():
        cancel(known.id, reason="没有备份")
    for instance in (point, commitment):
        assert bureau.status(instance) == "terminated"
        assert bureau.open_tasks(instance) == {}
        assert told(instance, "instance.terminated") == [{"reason": "没有备份"}]
        with db.reading() as session:
            waits = select(EventSubscription).where(EventSubscription.instance_id == instance)
            assert session.scalars(waits).all() == []
    assert effects.open_incidents() == []
    bureau.settle()
    assert effects.open_incidents() == []


def test_an_instance_that_is_stuck_can_be_ended(bureau: Bureau) -> None:
    point = bureau.point(5)
    with db.transaction() as session:
        for _ in range(2):
            incidents.record(session, incidents.INSTANCE_STUCK, "nothing waits", instance_id=point)
    (known,) = effects.open_incidents()
    cancel(known.id)
    assert bureau.status(point) == "terminated"
    assert (bureau.open_tasks(point), effects.open_incidents()) == ({}, [])


def test_what_has_gone_away_by_itself_is_not_shown_and_passes_in_the_night(bureau: Bureau, weather: Weather) -> None:
    unneeded = give_up_on(bureau, "a", bureau.point(5))
    with db.transaction() as session:
        session.execute(delete(Job).where(Job.dedupe_key == "test:a"))
    ended = bureau.point(6)
    restore = damage(ended)
    look_at(ended)
    bureau.settle()
    known = {each.id for each in effects.open_incidents()}
    assert len(known) == 2
    assert shown() == known - {unneeded}
    restore()
    with db.transaction() as session:
        runtime.terminate(session, runtime.lock(session, ended), actor=None, reason="不再需要")
        housekeeping.schedule(session)
    assert shown() == set()
    bureau.let_time_pass(days=1)
    assert {incident(each).resolution for each in known} == {"passed"}
    assert bureau.count(Job) == bureau.count(select(Job).where(Job.state == "waiting").subquery())


def test_whoever_meets_a_damaged_state_has_it_reported(bureau: Bureau) -> None:
    point = bureau.point(5)
    task = bureau.open_task(point, "draft_plan")
    damage(point)
    for _ in range(2):
        answer = bureau.person("jj_officer1").does(task, goal="目标", measures="措施", milestones="节点")
        assert (answer.status, answer.says("已登记为异常")) == (409, True)
    (known,) = effects.open_incidents()
    assert (known.kind, known.instance_id) == (incidents.STATE_DAMAGED, point)


def shown() -> set[str]:
    with db.reading() as session:
        return {each.id for each in session.scalars(administration.incidents_for(actor("sysadmin")))}
