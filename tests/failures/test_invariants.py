"""The invariants see what they are for: each way of damaging the office is told in words, and an office that works is silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from engine import clock, db, ids
from engine.models import Candidate, EventSubscription, HistoryEvent, Incident, Job, ProcessInstance, UserTask
from tests.failures import invariants
from tests.failures.invariants import Acknowledged
from tests.failures.office import Office
from tests.failures.rivals import perform

Damage = Callable[[Session], object]


def _lose_a_task(session: Session) -> None:
    session.execute(delete(Candidate))
    session.execute(delete(UserTask).where(UserTask.status == "open"))


def _reopen(session: Session) -> None:
    session.execute(update(UserTask).where(UserTask.status == "completed").values(status="open"))


def _forge(session: Session) -> None:
    session.execute(update(HistoryEvent).where(HistoryEvent.number == 1).values(kind="forged"))


def _complete_twice(session: Session) -> None:
    done = session.scalars(select(HistoryEvent).where(HistoryEvent.kind == "user_task.completed").limit(1)).one()
    again = {column.name: getattr(done, column.name) for column in HistoryEvent.__table__.columns}
    session.execute(insert(HistoryEvent).values(again | {"number": 999}))


def _take_everything(session: Session) -> None:
    """What waits vanishes from the tables of one instance."""
    (waiting,) = session.scalars(select(Job.instance_id).where(Job.kind == "timer").distinct()).all()
    tasks = select(UserTask.id).where(UserTask.instance_id == waiting)
    session.execute(delete(Candidate).where(Candidate.user_task_id.in_(tasks)))
    session.execute(delete(UserTask).where(UserTask.instance_id == waiting))
    session.execute(delete(Job))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a task is gone": (_lose_a_task, "only in the state"),
    "a task is open again": (_reopen, "only in the table"),
    "a timer is forgotten": (lambda s: s.execute(delete(Job)), "timers, there are 0 jobs"),
    "a subscription is gone": (lambda s: s.execute(delete(EventSubscription)), "subscriptions: only in the table []"),
    "an inbox is empty": (lambda s: s.execute(delete(Candidate)), "in nobody's inbox"),
    "history is forged": (_forge, "history of"),
    "history is cut": (lambda s: s.execute(delete(HistoryEvent).where(HistoryEvent.number == 2)), "history of"),
    "a task is completed twice": (_complete_twice, "completed twice"),
    "nobody is waited for": (_take_everything, "waits for nothing"),
    "a job is overdue": (lambda s: s.execute(update(Job).values(due_at=clock.now() - timedelta(days=1))), "not done"),
}


@pytest.fixture
def busy(office: Office) -> Office:
    """One instance between two signatures, one before a deadline, one that waits for a message."""
    signed = office.start("countersigned")
    assert perform(("complete", office.task(signed, "sign_a"), "officer1")).kind == "done"
    office.start("limited")
    office.start("answered")
    with db.reading() as session:
        assert invariants.violations(session) == []
    return office


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.usefixtures("busy")
def test_damage_is_told(damage: str) -> None:
    harm, words = DAMAGES[damage]
    with db.transaction() as session:
        harm(session)
    with db.reading() as session:
        told = invariants.violations(session)
    assert any(words in each for each in told), told


@pytest.mark.usefixtures("busy")
def test_what_was_acknowledged_and_is_not_there_is_told() -> None:
    nobody = ids.new()
    lost = Acknowledged(started=frozenset({nobody}), completed=frozenset({nobody}), sent=frozenset({(nobody, "heard")}))
    with db.reading() as session:
        told = invariants.violations(session, lost)
        assert [each.split(" was acknowledged")[0] for each in told] == [
            f"start of {nobody}", f"completion of {nobody}", f"a message to heard of {nobody}",
        ]  # fmt: skip
        task = session.scalars(select(UserTask).where(UserTask.status == "open").limit(1)).one()
        claimed = Acknowledged(claimed=frozenset({(task.id, nobody)}))
        assert "was claimed by" in invariants.violations(session, claimed)[0]


def test_somebody_who_was_told_of_a_standstill_is_enough(busy: Office) -> None:
    """An instance that waits for nothing is no zombie when an incident says so."""
    with db.transaction() as session:
        _take_everything(session)
        for instance in session.scalars(select(ProcessInstance)):
            session.add(Incident(id=ids.new(), kind="x", message="x", instance_id=instance.id, created_at=clock.now()))
    with db.reading() as session:
        assert not any("waits for nothing" in each for each in invariants.violations(session))
