"""Workers as processes: several at once, one that is stopped for a while, one that is killed, one that is asked to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from engine import clock, db, jobs, settings
from engine.models import JobState
from tests import effects
from tests.conftest import LONG
from tests.driver import Bureau
from tests.worker import PAUSED, Worker

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
Hire = Callable[[], Worker]


@pytest.fixture
def hire(bureau: Bureau, tmp_path: Path) -> Iterator[Hire]:
    bureau.settle()
    hired: list[Worker] = []

    def one_more() -> Worker:
        hired.append(Worker(bureau.database, tmp_path))
        return hired[-1]

    yield one_more
    for worker in hired:
        worker.signal(signal.SIGCONT)
        worker.ends()


def names_left() -> list[str]:
    return [effect.split(" by ")[0] for effect in effects.left()]


def let_leases_run_out() -> None:
    with db.transaction() as session:
        settings.move_clock(session, clock.now() + jobs.LEASE + timedelta(seconds=1))


def two_inside_one_job(hire: Hire) -> tuple[Worker, Worker]:
    """One that was stopped in the middle of the job until its lease ran out, and the other that has taken it since."""
    effects.plan("once", kind=PAUSED)
    stopped, other = hire(), hire()
    stopped.says("run")
    assert stopped.hears() == "inside"
    stopped.signal(signal.SIGSTOP)
    stopped.says("go")
    let_leases_run_out()
    other.says("run")
    assert other.hears() == "inside"
    return stopped, other


@on_postgresql
def test_two_workers_do_everything_once(bureau: Bureau, hire: Hire) -> None:
    wanted = [f"{number:03}" for number in range(200 if LONG else 40)]
    workers = [hire(), hire()]
    effects.plan(*wanted)
    for worker in workers:
        worker.says("run")
    assert sum(int(worker.hears().removeprefix("tried ")) for worker in workers) == len(wanted)
    assert names_left() == wanted
    assert effects.open_incidents() == []


@on_postgresql
def test_a_worker_that_was_stopped_cannot_act_on_a_lease_it_lost(bureau: Bureau, hire: Hire) -> None:
    stopped, other = two_inside_one_job(hire)
    other.says("go")
    assert other.hears() == "tried 1"
    (done,) = effects.left()
    stopped.signal(signal.SIGCONT)
    assert stopped.hears() == "tried 1"
    assert effects.left() == [done]
    assert effects.job("once") is None
    assert effects.open_incidents() == []


@on_postgresql
def test_of_two_that_are_at_one_job_the_holder_of_the_lease_does_it(bureau: Bureau, hire: Hire) -> None:
    stopped, other = two_inside_one_job(hire)
    stopped.signal(signal.SIGCONT)
    assert stopped.hears() == "tried 1"
    assert effects.left() == []
    other.says("go")
    assert other.hears() == "tried 1"
    assert names_left() == ["once"]


def test_a_killed_worker_leaves_its_job_to_the_next(bureau: Bureau, hire: Hire) -> None:
    effects.plan("once", kind=PAUSED)
    effects.plan("another")
    killed = hire()
    killed.says("run")
    assert killed.hears() == "inside"
    killed.signal(signal.SIGKILL)
    assert killed.ends() == -signal.SIGKILL
    let_leases_run_out()
    other = hire()
    other.says("run")
    assert other.hears() == "inside"
    other.says("go")
    assert other.hears() == "tried 2"
    assert names_left() == ["another", "once"]


def test_a_worker_asked_to_end_finishes_what_it_has_in_hand(bureau: Bureau, hire: Hire) -> None:
    effects.plan("in hand", kind=PAUSED)
    effects.plan("another")
    worker = hire()
    worker.says("work")
    assert worker.hears() == "作业进程已启动，按 Ctrl-C 停止。"
    assert worker.hears() == "inside"
    worker.signal(signal.SIGTERM)
    assert worker.hears() == "正在停止：做完手上的作业。"
    worker.says("go")
    assert worker.ends() == 0
    assert names_left() == ["in hand"]
    given_back = effects.job("another")
    assert given_back is not None
    assert (given_back.state, given_back.attempts) == (JobState.WAITING, 0)
