"""APScheduler is only the clock's hand: every second it lets `jobs.run_due` look. What is due is in the `job` table."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from engine import clock, db, housekeeping, jobs, settings, workers
from engine.recurrences import planning

SECONDS = 1

_log = logging.getLogger(__name__)


class Ticking:
    """Ticks in the background until `shutdown`; two that tick on one database do no harm."""

    def __init__(self) -> None:
        self._stop = Event()
        self._started_at = clock.of_the_machine()
        self._noted: float | None = None
        self._scheduler = _Scheduler(timezone="UTC")
        # A tick that takes longer than a second is no news: the ticks it covers are one.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._scheduler.add_job(
            tick, _EverySecond(), [self._stop, self._note], id=TICK, coalesce=True, max_instances=1,
            misfire_grace_time=None,
        )  # fmt: skip
        self._scheduler.start()

    def shutdown(self) -> None:
        """Finish the job in hand, leave the others to whoever ticks next."""
        self._stop.set()
        self._scheduler.shutdown()
        with suppress(db.Unavailable), db.transaction() as session:
            workers.leave(session)

    def _note(self) -> None:
        """Say from time to time that this process ticks."""
        if self._noted is None or time.monotonic() - self._noted >= workers.EVERY.total_seconds():
            with db.transaction() as session:
                workers.note(session, self._started_at)
            self._noted = time.monotonic()


TICK = "tick"


class _EverySecond(BaseTrigger):  # type: ignore[misc]
    """A second from now. APScheduler's own interval counts every second of a leap: thirty million if the clock jumps by a year."""

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return now + timedelta(seconds=SECONDS)


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]
    """Does not wait for the clock to come back to where it was: set back by a day, APScheduler would stand still for a day."""

    def _process_jobs(self) -> float | None:
        seconds: float | None = super()._process_jobs()
        if seconds is not None and seconds > 2 * SECONDS:
            self.modify_job(TICK, next_run_time=clock.of_the_machine())
        return seconds


def start() -> Ticking:
    """See to it that the daily job exists and what recurs is planned, then tick."""
    with db.transaction() as session:
        settings.apply_clock(session)
        housekeeping.schedule(session)
        planning.prepare(session)
        workers.note(session, clock.of_the_machine())
    return Ticking()


def tick(stop: Event | None = None, alive: Callable[[], None] = lambda: None) -> int:
    """Follow the database's clock and do what is due until nothing is left; how much was tried.

    While the database is away, nothing. `alive` is told in between.
    """
    tried = 0
    try:
        alive()
        while more := _look(stop):
            tried += more
            alive()
    except db.Unavailable as outage:
        _log.warning("定时作业等待数据库：%s", outage.advice)
    return tried


def _look(stop: Event | None) -> int:
    with db.reading() as session:
        settings.apply_clock(session)
        if not jobs.is_any_due(session):
            return 0
    return jobs.run_due(stop=stop)
