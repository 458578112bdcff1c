"""A process that works in the office until it is killed: it says what it tries, and what was answered.

It runs in a process of its own (`run`), chooses by a seed, and may be told to die at a named point. The points are put
around the engine from outside; nothing in the engine knows of them.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from engine import clock, db, instances, jobs, messages, runtime, settings, statements, user_tasks
from engine.errors import InvalidState
from engine.models import EventSubscription, InstanceStatus, ProcessInstance, TaskStatus, UserTask
from tests.failures import office as offices

MOST_INSTANCES = 8
"""So many run at once; more are started when some have ended."""

MOST_ROUNDS = 3

STEP = timedelta(minutes=25)
"""How far each look of the scheduler moves the clock; the timers of the diagram last an hour."""


@dataclass(frozen=True)
class Wish:
    """One request, as somebody could repeat it who got no answer."""

    kind: str
    subject: str
    """Business key of what is started, user task, or token that waits for a message."""
    detail: str = ""


Tell = Callable[[str, Wish, str], None]


def run(url: str, seed: int, wishes: int, point: str, times: int, connection: Connection[Any, Any]) -> None:
    """Work through so many wishes; die when `point` is passed for the `times`-th time."""
    offices.enter(url)
    chance = random.Random(seed)
    reached = _Once(times, _die)
    POINTS[point](reached)
    for number in range(wishes):
        with db.reading() as session:
            settings.apply_clock(session)
            wish = choose(session, chance, f"{seed}-{number}")
        connection.send(("tries", wish, ""))
        answer = fulfil(wish)
        if point == AFTER_COMMIT:
            reached()
        connection.send(("answered", wish, answer))
    db.close_database()


def choose(session: Session, chance: random.Random, key: str) -> Wish:
    """Something that can be done now."""
    running = session.scalar(
        select(func.count()).select_from(ProcessInstance).where(ProcessInstance.status == InstanceStatus.ACTIVE)
    )
    tasks = list(session.scalars(select(UserTask).where(UserTask.status == TaskStatus.OPEN).order_by(UserTask.id)))
    awaited = list(session.scalars(select(EventSubscription.token_id).order_by(EventSubscription.token_id)))
    kinds = ["start"] * (running is not None and running < MOST_INSTANCES)
    kinds += ["complete"] * 4 * bool(tasks) + ["send"] * 2 * bool(awaited) + ["tick"] * 3
    kind = chance.choice(kinds)
    if kind == "complete":
        task = chance.choice(tasks)
        return Wish("complete", task.id, "again" if task.round < MOST_ROUNDS and chance.random() < 0.5 else "")
    return Wish(kind, {"start": key, "send": chance.choice(awaited or [""])}.get(kind, ""))


def fulfil(wish: Wish) -> str:
    """Do it, or find it done: whoever repeats a request that got no answer changes nothing more. The answer."""
    return WISHES[wish.kind](wish)


def _start(wish: Wish) -> str:
    with db.transaction() as session:
        known = session.scalar(select(ProcessInstance.id).where(ProcessInstance.business_key == wish.subject))
        if known:
            return known
        designer = offices.actor(session, "designer")
        return instances.start(session, "driven", actor=designer, business_key=wish.subject).id


def _complete(wish: Wish) -> str:
    with db.transaction() as session:
        task = session.get_one(UserTask, wish.subject)
        login = "head" if task.activity_id == "close" else "officer1"
        told = {"again": wish.detail == "again"} if task.activity_id == "close" else {}
        try:
            user_tasks.complete(session, wish.subject, told, actor=offices.actor(session, login))
        except InvalidState:
            session.refresh(task)
            assert task.status == TaskStatus.COMPLETED, task.status
    return wish.subject


def _send(wish: Wish) -> str:
    """The token is the message's key: sent twice, it is one message."""
    with db.transaction() as session:
        waiting = session.scalar(
            select(EventSubscription.instance_id).where(EventSubscription.token_id == wish.subject)
        )
        if waiting is None:
            return ""
        messages.send(session, "go", instance_id=waiting, dedupe_key=f"go:{wish.subject}")
        return waiting


def _tick(_wish: Wish) -> str:
    with db.transaction() as session:
        settings.move_clock(session, clock.now() + STEP)
    return str(jobs.run_due(limit=4))


WISHES: dict[str, Callable[[Wish], str]] = {"start": _start, "complete": _complete, "send": _send, "tick": _tick}


def tick_and_stop(url: str, connection: Connection[Any, Any]) -> None:
    """Claim a job, then stand still as a machine does that is suspended, until somebody wakes it to go on."""

    def stand_still(*_: Any) -> None:
        connection.send("claimed")
        os.kill(os.getpid(), signal.SIGSTOP)

    offices.enter(url)
    _after_claim(_Once(1, stand_still))
    jobs.run_due()
    db.close_database()


class _Once:
    """Called at a point; at the `times`-th call something happens."""

    def __init__(self, times: int, happens: Callable[[], object]) -> None:
        self._left, self._happens = times, happens

    def __call__(self, *_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self._happens()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _never(_reached: _Once) -> None:
    """The process is killed from outside."""


def _before_the_engine(reached: _Once) -> None:
    step = runtime.step

    def dying(*given: Any, **named: Any) -> None:
        reached()
        step(*given, **named)

    runtime.step = dying


def _before_statement(words: str) -> Callable[[_Once], None]:
    """Alone, or as a part of what a step writes at once."""

    def install(reached: _Once) -> None:
        def look(statement: str) -> str:
            if words in statement:
                reached()
            return statement

        def looked_at(connection: Any, wanted: Any) -> Any:
            return beneath(connection, ((look(statement), values) for statement, values in wanted))

        event.listen(db.engine(), "before_cursor_execute", lambda _c, _cursor, statement, *_: look(statement))
        # A step speaks to the driver's own connection, of which SQLAlchemy tells nobody.
        beneath, statements.beneath = statements.beneath, looked_at  # type: ignore[assignment]

    return install


def _before_commit(reached: _Once) -> None:
    event.listen(db.engine(), "commit", reached)


def _after_claim(reached: _Once) -> None:
    """When the connection that wrote a lease is given back, the claim is committed."""
    claims: set[int] = set()

    @event.listens_for(db.engine(), "before_cursor_execute")
    def note(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE job"):
            claims.add(id(connection.connection.dbapi_connection))

    @event.listens_for(db.engine(), "checkin")
    def look(connection: Any, _record: Any) -> None:
        if id(connection) in claims:
            claims.remove(id(connection))
            reached()


AFTER_COMMIT = "after COMMIT, before the answer"
POINTS: dict[str, Callable[[_Once], None]] = {
    "at any moment": _never,
    "before the engine acts": _before_the_engine,
    "after the step, before the UPDATE": _before_statement("UPDATE process_instance"),
    "before the history is written": _before_statement("INSERT INTO history_event"),
    "before COMMIT": _before_commit,
    AFTER_COMMIT: _never,
    "after the claim of a job": _after_claim,
    "before a job is deleted": _before_statement("DELETE FROM job WHERE job.id"),
}
"""Where a process may die → what puts the point there. `AFTER_COMMIT` lies in `run` itself."""
