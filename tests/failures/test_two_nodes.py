"""Two nodes on one database; one is killed, one stands still for two minutes, clocks jump: each due thing once, and soon."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select

from engine import clock, db, jobs, settings
from engine.models import Job, JobState, Occurrence, ProcessInstance, Recurrence, SchedulerNode
from engine.recurrences import planning
from tests import effects
from tests.conftest import LONG, Tally
from tests.failures import invariants
from tests.failures.node import EFFECT, PATIENCE, PAUSED, Node
from tests.failures.office import Office

MANY = 200 if LONG else 30
on_postgresql = pytest.mark.parametrize("office_database", ["postgresql"], indirect=True)
DAILY = "drill"


@dataclass
class Drill:
    """The office with its nodes. The test's process lives on a machine of the same time as theirs."""

    office: Office
    var: Path
    monkeypatch: pytest.MonkeyPatch
    nodes: list[Node] = field(default_factory=list)
    planned: dict[str, datetime] = field(default_factory=dict)
    """Name of an effect and the moment from which it must be there within a minute."""

    def node(self, zone: str = "UTC") -> Node:
        started = Node(self.office.url, self.var, zone=zone)
        self.nodes.append(started)
        wait_until(lambda: any("已启动" in line for line in started.heard), "a node that ticks")
        return started

    def plan(
        self, *names: str, due: datetime | None = None, kind: str = EFFECT, promised: datetime | None = None
    ) -> None:
        due = due or clock.now()
        with db.transaction() as session:
            jobs.add_many(session, [jobs.Planned(kind, due, {"name": name}, f"drill:{name}") for name in names])
        self.planned |= dict.fromkeys(names, promised or due)

    def plan_behind(self, paused: str, name: str) -> tuple[list[str], list[str]]:
        """A paused job with many behind it: those that whoever takes it has in hand as well, and those that are free."""
        names = [f"{name} {number}" for number in range(jobs.BATCH + MANY)]
        now = clock.now()
        with db.transaction() as session:
            first = jobs.Planned(PAUSED, now - timedelta(seconds=2), {"name": paused}, f"drill:{paused}")
            others = (
                jobs.Planned(EFFECT, now - timedelta(seconds=1) + number * MICROSECOND, {"name": each}, f"drill:{each}")
                for number, each in enumerate(names)
            )
            jobs.add_many(session, [first, *others])
        self.planned |= dict.fromkeys([paused, *names], now)
        in_hand = jobs.BATCH - 1
        return names[:in_hand], names[in_hand:]

    def promise(self, *names: str) -> None:
        """From now on these must be done within a minute."""
        self.planned |= dict.fromkeys(names, clock.now())

    def move(self, to: datetime) -> None:
        with db.transaction() as session:
            settings.move_clock(session, to)

    def set_machines(self, seconds: float) -> None:
        """The clock of every machine jumps, as if somebody had set it."""
        self.monkeypatch.setattr(clock, "of_the_machine", lambda: datetime.now(UTC) + timedelta(seconds=seconds))
        for node in self.nodes:
            node.says(f"machine {seconds}")
            wait_until(lambda node=node: f"machine {seconds}" in node.heard, "a machine whose clock is set")  # type: ignore[misc]

    def inside(self) -> tuple[Node, Node]:
        """The node that stands in a paused job, and the other."""
        wait_until(lambda: any(node.is_inside() for node in self.nodes), "a node inside a job")
        one, other = sorted(self.nodes, key=lambda node: not node.is_inside())
        return one, other

    def done(self) -> dict[str, list[datetime]]:
        """When which effect was left, as often as it was."""
        found: dict[str, list[datetime]] = {}
        for name, at in (each.split(" at ") for each in effects.left()):
            found.setdefault(name, []).append(datetime.fromisoformat(at))
        return found

    def wait_for(self, *names: str, patience: float = PATIENCE) -> None:
        wait_until(lambda: set(names) <= set(self.done()), f"{len(names)} effects", patience)

    def judge(self) -> None:
        """Each once, none before its time, none later than a minute after it could be done."""
        done = self.done()
        assert {name: len(times) for name, times in done.items()} == dict.fromkeys(self.planned, 1)
        late = {name: times[0] - self.planned[name] for name, times in done.items()}
        assert {name: span for name, span in late.items() if not -SKEW <= span <= timedelta(seconds=PATIENCE)} == {}
        with db.reading() as session:
            assert invariants.violations(session) == []
            assert session.scalar(select(func.count()).where(Job.state == JobState.FAILED)) == 0


SKEW = timedelta(seconds=1)
"""Between a moment that is promised and the look at the clock after it."""

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def drill(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    begun = Drill(office, tmp_path, monkeypatch)
    yield begun
    for node in begun.nodes:
        node.ends()


def wait_until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    tick = Event()
    for _ in range(int(patience * 10)):
        if holds():
            return
        tick.wait(0.1)
    raise AssertionError(f"no {what} for {patience} seconds")


def every_day(session: Any) -> None:
    """A recurrence that starts a process at midnight."""
    session.add(
        Recurrence(
            key=DAILY, name="每日", frequency="daily", day_kind="day", day_number=1, hour=0, roll="none",
            term_only=False, catch_up=False, definition_key="simple", variables={}, source="", assumed=False,
            active=True, since=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    planning.replan(session)


@on_postgresql
@pytest.mark.parametrize("pause", ["moved clock", pytest.param("two minutes", marks=pytest.mark.long)])
def test_one_is_killed_and_one_stands_still(drill: Drill, pause: str, tally: Tally) -> None:
    def let_the_lease_run_out() -> None:
        if pause == "moved clock":
            drill.move(clock.now() + jobs.LEASE + timedelta(seconds=1))
        else:
            until = clock.now() + jobs.LEASE
            wait_until(lambda: clock.now() > until, "end of a lease", jobs.LEASE.total_seconds() + PATIENCE)

    limited = [drill.office.start("limited") for _ in range(5)]
    drill.node()
    drill.node(zone="America/New_York")
    soon = [f"soon {number}" for number in range(MANY)]
    drill.plan(*soon)
    drill.wait_for(*soon)

    # Killed in the middle of a job, with others in its hands.
    in_hand, free = drill.plan_behind("killed", "behind the killed")
    killed, other = drill.inside()
    killed.signal(signal.SIGKILL)
    killed.ends()
    drill.nodes.remove(killed)
    drill.wait_for(*free)
    let_the_lease_run_out()
    drill.promise("killed", *in_hand)
    wait_until(other.is_inside, "node that takes over")
    other.says("go")
    drill.wait_for("killed", *in_hand)

    # Standing still in the middle of a job for longer than its lease; then it goes on as if nothing had been.
    drill.node(zone="Asia/Tokyo")
    in_hand, free = drill.plan_behind("stopped", "behind the stopped")
    stopped, other = drill.inside()
    stopped.signal(signal.SIGSTOP)
    drill.wait_for(*free)
    let_the_lease_run_out()
    drill.promise("stopped", *in_hand)
    wait_until(other.is_inside, "node that takes over")
    other.says("go")
    drill.wait_for("stopped", *in_hand)
    stopped.signal(signal.SIGCONT)
    stopped.says("go")
    wait_until(lambda: not stopped.is_inside(), "node that goes on")
    afterwards = [f"afterwards {number}" for number in range(MANY)]
    drill.plan(*afterwards)
    drill.wait_for(*afterwards)

    # What waited in instances all the time.
    drill.move(clock.now() + timedelta(hours=1))
    wait_until(lambda: all(drill.office.open_activities(each) == ["explain"] for each in limited), "timers that fire")
    drill.judge()
    tally("two nodes", f"due things, {pause}", len(drill.planned) + len(limited))


JUMPS = {"an hour": 3_600, "a day": 86_400, "400 days": 400 * 86_400}


@on_postgresql
@pytest.mark.parametrize("jump", JUMPS)
def test_the_clock_of_the_machines_jumps_there_and_back(drill: Drill, jump: str, tally: Tally) -> None:
    """Nothing is done twice when a time comes a second time, and nobody waits for the clock to be where it was."""
    seconds = JUMPS[jump]
    drill.node()
    drill.node(zone="America/New_York")
    later = clock.now() + timedelta(seconds=seconds / 2)
    drill.plan("now")
    drill.plan(*(ahead := [f"later {number}" for number in range(MANY)]), due=later)
    drill.wait_for("now")
    drill.set_machines(seconds)
    drill.promise(*ahead)
    drill.wait_for(*ahead)
    drill.plan("ahead")
    drill.wait_for("ahead")
    # In hand while it is set back: what has not come yet waits until it has.
    drill.plan("in hand", kind=PAUSED)
    holder, _ = drill.inside()
    drill.set_machines(0)
    holder.says("go")
    wait_until(lambda: not holder.is_inside(), "end of the job in hand")
    # One after the other, so that each needs a tick of its own.
    for number in range(5):
        drill.plan(f"back {number}")
        drill.wait_for(f"back {number}")
    assert "in hand" not in drill.done()
    drill.set_machines(seconds)
    drill.promise("in hand")
    drill.inside()[0].says("go")
    drill.wait_for("in hand")
    drill.judge()
    tally("two nodes", f"due things, clocks jump by {jump}", len(drill.planned))


@on_postgresql
def test_one_is_killed_and_the_clocks_are_set_back(drill: Drill, tally: Tally) -> None:
    """Its lease lasts, by the clock, another day; nobody waits for that."""
    drill.set_machines(86_400)
    drill.plan("killed", kind=PAUSED, due=clock.now() - timedelta(days=2), promised=clock.now())
    drill.node()
    drill.nodes[0].says("machine 86400")
    killed = drill.nodes[0]
    wait_until(killed.is_inside, "node inside a job")
    killed.signal(signal.SIGKILL)
    killed.ends()
    drill.nodes.clear()
    drill.set_machines(0)
    drill.promise("killed")
    drill.node()
    wait_until(drill.nodes[0].is_inside, "node that takes over")
    drill.nodes[0].says("go")
    drill.wait_for("killed")
    drill.judge()
    tally("two nodes", "due things, killed before a clock is set back", 1)


SPECIAL = {
    # what begins two seconds later: the moment before it
    "summer time in New York": datetime(2021, 3, 14, 6, 59, 58, tzinfo=UTC),
    "winter time in New York": datetime(2021, 11, 7, 5, 59, 58, tzinfo=UTC),
    "2022-01-01": datetime(2021, 12, 31, 15, 59, 58, tzinfo=UTC),
    "2024-02-29": datetime(2024, 2, 28, 15, 59, 58, tzinfo=UTC),
    "2024-03-01": datetime(2024, 2, 29, 15, 59, 58, tzinfo=UTC),
    "2025-04-05": datetime(2025, 4, 4, 15, 59, 58, tzinfo=UTC),
}
"""The last lies four hundred days after the one before it."""


@on_postgresql
def test_special_days_begin_once_wherever_the_nodes_believe_to_be(drill: Drill, tally: Tally) -> None:
    drill.node(zone="America/New_York")
    drill.node(zone="Asia/Shanghai")
    with db.transaction() as session:
        every_day(session)
    for name, before in SPECIAL.items():
        drill.move(before)
        drill.plan(name, due=before + timedelta(seconds=2))
        drill.wait_for(name)
        if name.startswith("20"):
            wait_until(lambda day=name: day in started(), f"occurrence of {name}")  # type: ignore[misc]
    drill.judge()
    assert len(started()) == len(set(started()))
    assert {"2022-01-01", "2024-02-29", "2024-03-01", "2025-04-05"} <= set(started())
    with db.reading() as session:
        mine = select(Occurrence.planned_for).where(Occurrence.recurrence_key == DAILY).order_by(Occurrence.planned_for)
        days = [at.astimezone(clock.LOCAL) for at in session.scalars(mine)]
    assert {(at.hour, at.minute) for at in days} == {(0, 0)}
    assert all(other - one == timedelta(days=1) for one, other in pairwise(days)), "no day without"
    tally("two nodes", "special days", len(SPECIAL))


def started() -> list[str]:
    """Days whose occurrence has started a process, as often as it has."""
    with db.reading() as session:
        keys = session.scalars(
            select(ProcessInstance.business_key).where(ProcessInstance.business_key.like(f"recurrence:{DAILY}:%"))
        )
        return sorted(key.split(":")[-1] for key in keys if key)


@on_postgresql
def test_both_are_seen_to_tick(drill: Drill) -> None:
    drill.node()
    drill.node()
    wait_until(lambda: len(ticking()) == 2, "two signs of life")
    drill.nodes[0].signal(signal.SIGTERM)
    drill.nodes[0].process.wait(PATIENCE)
    assert len(ticking()) == 1


def ticking() -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(SchedulerNode.name)))
