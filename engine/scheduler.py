"""APScheduler is only the clock's hand: every second it lets `jobs.run_due` look. What is due is in the `job` table."""

from __future__ import annotations

import logging

from apscheduler.schedulers.background import BackgroundScheduler

from engine import db, jobs, settings

SECONDS = 1

_log = logging.getLogger(__name__)


def start() -> BackgroundScheduler:
    """Tick in the background until `shutdown()`; two that tick on one database do no harm."""
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(tick, "interval", seconds=SECONDS, coalesce=True, max_instances=1, misfire_grace_time=None)
    scheduler.start()
    return scheduler


def tick() -> int:
    """One look: follow the database's clock, do what is due; how much was done. While the database is away, nothing."""
    try:
        with db.reading() as session:
            settings.apply_clock(session)
        return jobs.run_due()
    except db.Unavailable as outage:
        _log.warning("定时作业等待数据库：%s", outage.advice)
        return 0
