"""APScheduler is only the clock's hand: every second it lets `jobs.run_due` look. What is due is in the `job` table."""

from __future__ import annotations

import logging
from threading import Event

from apscheduler.schedulers.background import BackgroundScheduler

from engine import db, housekeeping, jobs, settings

SECONDS = 1

_log = logging.getLogger(__name__)


class Ticking:
    """Ticks in the background until `shutdown`; two that tick on one database do no harm."""

    def __init__(self) -> None:
        self._stop = Event()
        self._scheduler = BackgroundScheduler(timezone="UTC")
        # A tick that takes longer than a second is no news: the ticks it covers are one.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._scheduler.add_job(
            tick, "interval", [self._stop], seconds=SECONDS, coalesce=True, max_instances=1, misfire_grace_time=None
        )
        self._scheduler.start()

    def shutdown(self) -> None:
        """Finish the job in hand, leave the others to whoever ticks next."""
        self._stop.set()
        self._scheduler.shutdown()


def start() -> Ticking:
    """See to it that the daily job exists, then tick."""
    with db.transaction() as session:
        settings.apply_clock(session)
        housekeeping.schedule(session)
    return Ticking()


def tick(stop: Event | None = None) -> int:
    """Follow the database's clock and do what is due until nothing is left; how much was tried.

    While the database is away, nothing.
    """
    tried = 0
    try:
        while more := _look(stop):
            tried += more
    except db.Unavailable as outage:
        _log.warning("定时作业等待数据库：%s", outage.advice)
    return tried


def _look(stop: Event | None) -> int:
    with db.reading() as session:
        settings.apply_clock(session)
        if not jobs.is_any_due(session):
            return 0
    return jobs.run_due(stop=stop)
