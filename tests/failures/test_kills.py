"""kill -9, at every point of a step and at any moment: what was answered is there, what was not can be repeated."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from sqlalchemy import select, text

from engine import clock, db, jobs, settings
from engine.models import HistoryEvent, InstanceStatus, ProcessInstance
from tests.conftest import LONG, SEED, Tally
from tests.failures import invariants, worker
from tests.failures import office as offices
from tests.failures.invariants import Acknowledged
from tests.failures.office import Office
from tests.failures.rivals import FORKING, PATIENCE
from tests.failures.worker import POINTS, Wish

KILLS = 20 if LONG else 1
RANDOM_KILLS = 160 if LONG else 5
WISHES = 400
"""More than any process lives to see."""

LONGEST_LIFE = 0.4
"""Seconds after which a process that may die at any moment is dead."""

STORY = re.compile(r"(?:(?:ab|ba)rhhc)*(?:a|b|(?:ab|ba)(?:rh{0,2})?)?")
"""What an instance may have behind it: both signatures, a rest, two messages, the closing; again, or not yet.

The two messages have one name: one that is delivered twice is taken for the other.
"""


@dataclass
class Life:
    """An office whose workers are killed one after another."""

    url: str
    chance: random.Random
    answered: dict[str, set[str]] = field(default_factory=dict)
    heard: set[str] = field(default_factory=set)
    """Tokens whose message was acknowledged."""
    perhaps_heard: set[str] = field(default_factory=set)
    """Tokens whose message was sent by somebody who died, and that no longer waited afterwards."""
    kills: int = 0

    def send_a_worker_to_death(self, point: str) -> None:
        """Nobody else has the database open, so that the next one finds it as the dead one left it."""
        ours, theirs = FORKING.Pipe()
        seed, times = self.chance.randrange(10**6), self.chance.randrange(1, 6)
        process = FORKING.Process(target=worker.run, args=(self.url, seed, WISHES, point, times, theirs), daemon=True)
        process.start()
        theirs.close()
        if point == "at any moment":
            self._hear(ours)
            process.join(self.chance.uniform(0, LONGEST_LIFE))
            process.kill()
        unanswered = self._listen(ours)
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL, f"died by itself: {process.exitcode}"
        self.kills += 1
        self._begin_again(unanswered)

    def _hear(self, connection: object) -> None:
        assert connection.poll(PATIENCE), "the worker says nothing"  # type: ignore[attr-defined]

    def _listen(self, connection: object) -> Wish | None:
        """Everything the worker said before it died: the wish that got no answer."""
        open_wish = None
        while True:
            try:
                self._hear(connection)
                said, wish, answer = connection.recv()  # type: ignore[attr-defined]
            except EOFError:
                return open_wish
            open_wish = wish if said == "tries" else None
            if said == "answered":
                self._note(wish, answer)

    def _note(self, wish: Wish, answer: str) -> None:
        self.answered.setdefault(wish.kind, set()).add(answer)
        if wish.kind == "send":
            (self.heard if answer else self.perhaps_heard).add(wish.subject)

    def _begin_again(self, unanswered: Wish | None) -> None:
        offices.enter(self.url)
        wait_until_the_dead_are_gone()
        if unanswered:
            self._note(unanswered, worker.fulfil(unanswered))
        # A lease of the dead lasts two minutes.
        settle(timedelta(minutes=3))
        self.judge()
        db.close_database()

    def judge(self) -> None:
        acknowledged = Acknowledged(
            started=frozenset(self.answered.get("start", ())),
            completed=frozenset(self.answered.get("complete", ())),
            sent=frozenset((each, "heard") for each in self.answered.get("send", ()) if each),
        )
        with db.reading() as session:
            assert invariants.violations(session, acknowledged) == []
            stories = {instance_id: story(instance_id) for instance_id in session.scalars(select(ProcessInstance.id))}
        assert all(STORY.fullmatch(told) for told in stories.values()), stories
        messages = sum(told.count("h") for told in stories.values())
        assert len(self.heard) <= messages <= len(self.heard | self.perhaps_heard), "a message came twice, or never"

    def end(self) -> None:
        """Everything that is under way can still come to its end."""
        offices.enter(self.url)
        for number in range(500):
            with db.reading() as session:
                wish = worker.choose(session, self.chance, f"end-{number}")
                running = select(ProcessInstance.id).where(ProcessInstance.status == InstanceStatus.ACTIVE)
                if session.scalar(running.limit(1)) is None:
                    break
            if wish.kind != "start":
                self._note(Wish(wish.kind, wish.subject), worker.fulfil(Wish(wish.kind, wish.subject)))
        else:
            raise AssertionError("instances are left that never end")
        settle(timedelta(minutes=3))
        self.judge()
        db.close_database()


@pytest.fixture
def life(office_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    yield Life(office_database, random.Random(SEED))
    db.close_database()
    clock.shift(timedelta(0))


@pytest.mark.parametrize("point", sorted(set(POINTS) - {"at any moment"}))
def test_nothing_is_lost_by_a_kill(life: Life, point: str, tally: Tally) -> None:
    for _ in range(KILLS):
        life.send_a_worker_to_death(point)
    life.end()
    tally("kill -9", point, life.kills, seed=SEED)


def test_nothing_is_lost_by_kills_at_any_moment(life: Life, tally: Tally) -> None:
    for _ in range(RANDOM_KILLS):
        life.send_a_worker_to_death("at any moment")
    life.end()
    tally("kill -9", "at any moment", life.kills, seed=SEED)


def test_a_worker_that_was_suspended_does_nothing_when_it_wakes(office: Office, tally: Tally) -> None:
    """Its lease ran out meanwhile, and another worker did the job."""
    for _ in range(KILLS):
        instance = office.start("limited")
        office.let_time_pass(hours=1, seconds=1)
        ours, theirs = FORKING.Pipe()
        process = FORKING.Process(target=worker.tick_and_stop, args=(office.url, theirs), daemon=True)
        process.start()
        assert ours.poll(PATIENCE)
        assert ours.recv() == "claimed"
        wait_until_it_stands_still(process.pid)
        assert office.settle() == 0, "the lease holds"
        office.let_time_pass(minutes=3)
        assert office.settle() == 1, "the lease has run out"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGCONT)
        process.join(PATIENCE)
        assert process.exitcode == 0
        assert office.open_activities(instance) == ["explain"]
    with db.reading() as session:
        assert invariants.violations(session) == []
    tally("kill -9", "suspended and resumed", KILLS)


def wait_until_it_stands_still(pid: int | None) -> None:
    patience = threading.Event()
    for _ in range(PATIENCE * 100):
        if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
            return
        patience.wait(0.01)
    raise AssertionError("the worker does not stand still")


def wait_until_the_dead_are_gone() -> None:
    """PostgreSQL may still be carrying out the last words of a dead client; SQLite's die with it."""
    if db.engine().dialect.name != "postgresql":
        return
    others = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    with db.reading() as session:
        for _ in range(PATIENCE * 100):
            if not session.execute(others).all():
                return
            session.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("a dead worker's connection is still there")


def settle(later: timedelta) -> None:
    with db.transaction() as session:
        settings.apply_clock(session)
        settings.move_clock(session, clock.now() + later)
    jobs.run_due()


def story(instance_id: str) -> str:
    """What an instance has passed, a letter each."""
    letters = {"sign_a": "a", "sign_b": "b", "rested": "r", "heard": "h", "heard_again": "h", "close": "c"}
    with db.reading() as session:
        told = select(HistoryEvent.activity_id).where(
            HistoryEvent.instance_id == instance_id,
            HistoryEvent.kind.in_(("activity.completed", "user_task.completed")),
        )
        passed = session.scalars(told.order_by(HistoryEvent.number))
        return "".join(letters.get(activity or "", "") for activity in passed)
