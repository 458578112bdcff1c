"""Once a day: do away with rows that only served for a while."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from engine import administration, clock, drafts, files, identity, jobs
from engine.models import LoginSession, RememberedAnswer
from engine.recurrences import planning

KIND = "housekeeping"
HOUR = 3
ANSWERS_KEPT = timedelta(days=7)
"""How long a client may repeat a request and get the answer of the first time."""


def schedule(session: Session) -> None:
    """Remember to sweep in the coming night. Twice is once."""
    tomorrow = clock.today() + timedelta(days=1)
    jobs.add(session, KIND, clock.start_of(tomorrow, HOUR), {}, dedupe_key=f"{KIND}:{tomorrow}")


def sweep(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: do away with answers nobody will ask for again, browser sessions that have run out, troubles that are over,
    drafts of what is over, files that nobody has submitted.

    A recurrence that has lost its job, or waited for a calendar, gets one again.
    """
    now = clock.now()
    session.execute(delete(RememberedAnswer).where(RememberedAnswer.at < now - ANSWERS_KEPT))
    over = or_(LoginSession.seen_at < now - identity.IDLE, LoginSession.opened_at < now - identity.LONGEST)
    session.execute(delete(LoginSession).where(over))
    administration.tidy(session)
    drafts.sweep(session)
    files.sweep(session)
    planning.replan(session)
    schedule(session)
