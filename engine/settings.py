"""What an installation is: a demonstration or real, for ever. Only a demonstration's clock can be moved."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from engine import clock
from engine.errors import InvalidInput, NotAllowed
from engine.models import Setting

KIND = "kind"
OFFSET = "clock_offset_seconds"
DEMONSTRATION, REAL = "demonstration", "real"


def declare(session: Session, kind: str) -> None:
    """Say once what this database is."""
    session.add(Setting(key=KIND, value=kind))


def kind(session: Session) -> str | None:
    """None for a database that nobody has set up yet."""
    found = session.get(Setting, KIND)
    return found.value if found else None


def is_demonstration(session: Session) -> bool:
    return kind(session) == DEMONSTRATION


def apply_clock(session: Session) -> None:
    """Let this process live at the time of its database."""
    found = session.get(Setting, OFFSET)
    clock.shift(timedelta(seconds=float(found.value)) if found else timedelta(0))


def move_clock(session: Session, to: datetime) -> None:
    """Set a demonstration's clock; it runs on from there. It never runs backwards: what happened has happened."""
    if not is_demonstration(session):
        raise NotAllowed("a real clock cannot be moved", advice="正式环境的时钟不能调整。")
    if to < clock.now() and session.get(Setting, OFFSET) is not None:
        raise InvalidInput("the clock cannot go back", advice="时钟只能向前调。")
    offset = (to - (clock.now() - clock.offset())).total_seconds()
    session.merge(Setting(key=OFFSET, value=str(offset)))
    session.flush()
    apply_clock(session)
