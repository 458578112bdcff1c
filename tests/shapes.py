"""One commitment from its launch on, driven by the people whose task each step is, through the engine's own door."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select

from engine import clock, db, identity, instances, jobs, messages, runtime, user_tasks
from engine.models import Commitment, Job, Person, Position, ProcessInstance, Unit, UserTask, WorkItem
from engine.plan import service_tasks
from tests.driver import Bureau

APPROVE = {"decision": "approve", "opinion": "同意"}
RETURN = {"decision": "return", "opinion": "请补充"}
COMPLETION = {"as_of": "2021-03-12", "situation": "已按方案完成", "figures": [], "evidence": []}


class ShapeStory:
    """A commitment of the demonstration whose point's plan is taken as approved, unless it was `released` by its point."""

    def __init__(self, bureau: Bureau, code: str, *, released: bool = False) -> None:
        self.bureau = bureau
        with db.transaction() as session:
            commitment = session.scalars(select(Commitment).where(Commitment.code == code)).one()
            assert commitment.instance_id is not None
            self.instance, self.lead = commitment.instance_id, commitment.lead.key.lower()
            if not released:
                messages.send(session, "plan_approved", instance_id=self.instance, dedupe_key=f"test:{code}")
            starts = clock.start_of(commitment.starts_on, hour=8) - clock.now()
        jobs.run_due()
        if starts > timedelta(0):
            bureau.let_time_pass(seconds=int(starts.total_seconds()) + 1)
        bureau.settle()

    def step(self, login: str, activity: str, instance: str | None = None, /, **submitted: Any) -> None:
        """Somebody does the one open task of an activity; `officer`, `head` and `leader` are those of the lead."""
        task = self.task(activity, instance)
        with db.transaction() as session:
            user_tasks.complete(session, task, submitted, actor=self._actor(session, login))
        self.bureau.settle()

    def refused(self, login: str, activity: str, instance: str | None = None, /, **submitted: Any) -> str:
        """The words with which what somebody submits is refused; nothing has moved by it."""
        task = self.task(activity, instance)
        try:
            with db.transaction() as session:
                user_tasks.complete(session, task, submitted, actor=self._actor(session, login))
        except ValidationError as refusal:
            assert self.task(activity, instance) == task
            return str(refusal.messages_dict)
        raise AssertionError(f"{activity} was accepted")

    def task(self, activity: str, instance: str | None = None) -> str:
        tasks = self.bureau.open_tasks(instance or self.instance)
        assert activity in tasks, f"{activity} is not open, but {sorted(tasks)}"
        return tasks[activity]

    def open(self, instance: str | None = None) -> set[str]:
        """Activities of the open tasks, without the progress report that goes on beside them."""
        return set(self.bureau.open_tasks(instance or self.instance)) - {"report_progress"}

    def items(self) -> list[str]:
        """Instances of the occurrences begun so far, in their order."""
        with db.reading() as session:
            mine = select(WorkItem.instance_id).join(Commitment, WorkItem.commitment_id == Commitment.id)
            begun = mine.where(Commitment.instance_id == self.instance, WorkItem.instance_id.is_not(None))
            return [each for each in session.scalars(begun.order_by(WorkItem.number)) if each]

    def results(self) -> list[str | None]:
        with db.reading() as session:
            mine = select(WorkItem.result).join(Commitment, WorkItem.commitment_id == Commitment.id)
            return list(session.scalars(mine.where(Commitment.instance_id == self.instance).order_by(WorkItem.number)))

    def claim(self, **completion: Any) -> None:
        self.step("officer", "claim_completion", **COMPLETION | {"as_of": clock.today().isoformat()} | completion)

    def conclude(self, **completion: Any) -> None:
        """The officer asks for it, the head confirms; and nothing waits for anybody any more."""
        self.claim(**completion)
        self.step("head", "confirm_completion", **APPROVE)
        self.has_ended("completed")

    def has_ended(self, result: str) -> None:
        """With this result, and with everything that it had begun."""
        assert (self.status(), self.result()) == ("completed", result)
        assert self.bureau.open_tasks(self.instance) == {}
        assert all(self.results())
        with db.reading() as session:
            # What was found at a school has its own end and its own red lamp, and is looked at again later.
            assert instances.running_below(session, self.instance, but_not=["finding", "re_look"]) == []
            assert session.scalars(select(Job.kind).where(Job.instance_id == self.instance)).all() == []

    def of_item(self, item: str) -> ShapeStory:
        """The same story, told of one occurrence."""
        told = ShapeStory.__new__(ShapeStory)
        told.bureau, told.instance, told.lead = self.bureau, item, self.lead
        return told

    def carry_over(self) -> None:
        """The end of the year, as the commitment's point brings it."""
        with db.transaction() as session:
            mine = select(Commitment).where(Commitment.instance_id == self.instance)
            point = runtime.lock(session, session.scalars(mine).one().point.instance_id or "")
            service_tasks.carry_over_commitments(session, point, variables={}, actor=None)
        self.bureau.settle()

    def status(self, instance: str | None = None) -> str:
        return self.bureau.status(instance or self.instance)

    def result(self) -> str | None:
        with db.reading() as session:
            return session.scalars(select(Commitment.result).where(Commitment.instance_id == self.instance)).one()

    def variables(self, instance: str | None = None) -> dict[str, Any]:
        with db.reading() as session:
            return dict(runtime.load(session, session.get_one(ProcessInstance, instance or self.instance)).variables())

    def _actor(self, session: Any, login: str) -> identity.Actor:
        if login == "leader":
            overseen = select(Person.login).join(Position).join(Unit)
            login = session.scalars(
                overseen.where(Position.role == "deputy_leader", Unit.key == self.lead.upper())
            ).one()
        person = identity.find(
            session, {"officer": f"{self.lead}_officer1", "head": f"{self.lead}_head"}.get(login, login)
        )
        assert person is not None, login
        return identity.actor(person)


def doers(bureau: Bureau, task_id: str) -> list[str]:
    """Whom a task is offered to, as candidate groups."""
    with db.reading() as session:
        return list(session.get_one(UserTask, task_id).candidate_groups)
