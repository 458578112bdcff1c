"""Which processes tick, so that people see when none does. Told in real time, also in a demonstration."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from engine import VERSION, clock
from engine.models import SchedulerNode

EVERY = timedelta(seconds=30)
SILENT = 3 * EVERY
"""After that long without a sign of life nobody counts on a process any more."""
KEPT = timedelta(days=1)


def own_name() -> str:
    return f"{socket.gethostname()[:80]}:{os.getpid()}"


def note(session: Session, started_at: datetime) -> None:
    """This process ticks; those that have not for a day are forgotten."""
    now = clock.of_the_machine()
    session.execute(delete(SchedulerNode).where(SchedulerNode.ticked_at < now - KEPT))
    session.merge(SchedulerNode(name=own_name(), version=VERSION, started_at=started_at, ticked_at=now))
    session.flush()


def leave(session: Session) -> None:
    """This process has stopped ticking, as it was told to."""
    session.execute(delete(SchedulerNode).where(SchedulerNode.name == own_name()))


def known(session: Session) -> list[SchedulerNode]:
    """Those that ticked within a day, latest first."""
    return list(session.scalars(select(SchedulerNode).order_by(SchedulerNode.ticked_at.desc())))


def silent_for(node: SchedulerNode) -> timedelta:
    """One whose last sign lies ahead has been silent since the clock was set back."""
    return abs(clock.of_the_machine() - node.ticked_at)


def is_alive(node: SchedulerNode) -> bool:
    return silent_for(node) <= SILENT
