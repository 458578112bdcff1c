"""The engine as it is used: an organisation, the measured processes, and completions through the same doors as a page's."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

import forms
from bench import drivers, script
from bench.script import Decision
from engine import application, clock, db, definitions, identity, instances, settings, user_tasks
from engine.demonstration import setup
from engine.identity import Actor
from engine.models import ProcessInstance, TaskStatus, Unit, UserTask

PASSWORD = "password-of-the-benchmark"
UNIT = "BENCH"
LOGINS = {"a": "bench_head", "b": "bench_finance", "c": "bench_legal", "d": "bench_leader"}
"""Activity of the diagrams → who does it."""

READER, ABSENT = "bench_reader", "bench_absent"
"""Whose inbox is looked at, and for whom that person stands in."""

GROUPS = 40
"""Groups that the stored tasks are offered to; the reader is in three of them, the absent one in a fourth."""

PAPER = "bench.paper"
DIAGRAMS = ("bench_review", "bench_loop", "bench_timer", "bench_paper")


class Step(NamedTuple):
    """One completion, with everything looked up that a person at a page would have before them."""

    task_id: str
    submitted: Mapping[str, Any]
    actor: Actor


def furnish(url: str) -> None:
    """Make the tables, the people and the processes."""
    with _paper():
        application.open_application(url)
        with db.transaction() as session:
            settings.declare(session, settings.REAL)
            setup.load_organisation(session, _organisation(), PASSWORD)
            files = {f"{key}.bpmn": script.diagram(key).read_bytes() for key in DIAGRAMS}
            definitions.deploy(session, "bench", files)
        close()


@contextmanager
def opened(url: str) -> Iterator[Bureau]:
    """The engine of this process on a furnished database."""
    application.assemble()
    db.open_database(url)
    try:
        with _paper():
            yield Bureau()
    finally:
        close()


def close() -> None:
    db.close_database()


def durability() -> dict[str, str]:
    """What decides whether a commit of the opened engine survives a power cut."""
    with db.engine().connect() as connection:
        opened = connection.connection.driver_connection
        return drivers.Plain(opened, connection.dialect.name == "sqlite").durability()


class Bureau:
    """Starts instances and does what waits in them; the people are known before anything is timed."""

    def __init__(self) -> None:
        with db.reading() as session:
            self.unit_id = session.scalars(select(Unit.id).where(Unit.key == UNIT)).one()
            people = {login: identity.find(session, login) for login in [*LOGINS.values(), READER]}
            self.actors = {login: identity.actor(person) for login, person in people.items() if person}

    def start(self, key: str, count: int) -> list[str]:
        """New instances, each started in a transaction of its own; their ids."""
        return [self._start(key) for _ in range(count)]

    def steps(self, ids: Sequence[str], step: Decision, submitted: Mapping[str, Any] | None = None) -> list[Step]:
        """What to do now in each of these instances at an activity."""
        with db.reading() as session:
            waiting = select(UserTask.instance_id, UserTask.id).where(
                UserTask.instance_id.in_(ids),
                UserTask.status == TaskStatus.OPEN,
                UserTask.activity_id == step.activity,
            )
            tasks = {row.instance_id: row.id for row in session.execute(waiting)}
        actor = self.actors[LOGINS[step.activity]]
        return [Step(tasks[each], submitted or script.submitted(step), actor) for each in ids]

    def follow(self, ids: Sequence[str], decisions: Iterable[Decision]) -> float:
        """Do one activity after another in all these instances; seconds per completion, without the looking up."""
        seconds, done = 0.0, 0
        for decision in decisions:
            steps = self.steps(ids, decision)
            seconds += run(steps)
            done += len(steps)
        return seconds / done

    def review(self, count: int) -> float:
        """Seconds per completion over whole runs of the six-task process, begun before the time is taken."""
        return self.follow(self.start("bench_review", count), script.REVIEW)

    def state_bytes(self, ids: Sequence[str]) -> int:
        """The largest stored state among these instances."""
        with db.reading() as session:
            return max(map(len, session.scalars(select(ProcessInstance.state).where(ProcessInstance.id.in_(ids)))))

    def _start(self, key: str) -> str:
        with db.transaction() as session:
            return instances.start(session, key, actor=None, unit_id=self.unit_id).id


def run(steps: Iterable[Step]) -> float:
    """Complete user tasks, each in a transaction of its own; seconds in all."""
    began = time.perf_counter()
    for step in steps:
        complete(step)
    return time.perf_counter() - began


def complete(step: Step) -> None:
    with db.transaction() as session:
        user_tasks.complete(session, step.task_id, step.submitted, actor=step.actor)


@contextmanager
def _paper() -> Iterator[None]:
    """A form that takes 50 KB: none of those that ship is that patient. It exists only while a benchmark runs."""
    paper = forms.parse(
        {"id": PAPER, "components": [
            {"type": "textarea", "key": "text", "label": "全文", "validate": {"required": True, "maxLength": 60_000}}
        ]}
    )  # fmt: skip
    get, keys = forms.get, forms.keys
    forms.get = lambda key: paper if key == PAPER else get(key)  # type: ignore[assignment]
    forms.keys = lambda: keys() | {PAPER}  # type: ignore[assignment]
    try:
        yield
    finally:
        forms.get, forms.keys = get, keys


def _organisation() -> dict[str, Any]:
    """In the shape of `engine/demonstration/organisation_2021.toml`."""
    today: date = clock.today()
    posts = {
        LOGINS["a"]: ["department_head"],
        LOGINS["b"]: ["finance_auditor"],
        LOGINS["c"]: ["legal_reviewer"],
        LOGINS["d"]: ["deputy_leader"],
        READER: ["group_0", "group_1", "group_2"],
        ABSENT: ["group_3"],
    }
    return {
        "units": [{"key": UNIT, "name": "测量处", "kind": "department"}],
        "people": [
            {
                "login": login,
                "name": login,
                "positions": [{"unit": UNIT, "role": role, "title": role} for role in roles],
            }
            for login, roles in posts.items()
        ],
        "bindings": [],
        "recusals": [],
        "stand_ins": [
            {
                "person": ABSENT,
                "stand_in": READER,
                "starts_on": today - timedelta(days=1),
                "ends_on": today + timedelta(days=30),
            }
        ],
    }
