"""What an installation is: a demonstration or real, for ever. Only a demonstration's clock can be moved."""

from __future__ import annotations

from datetime import datetime, timedelta
from weakref import WeakSet

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from engine import clock
from engine.db import connection
from engine.errors import InvalidInput, NotAllowed
from engine.models import Setting, table
from engine.statements import Lookup

KIND = "kind"
OFFSET = "clock_offset_seconds"
DEMONSTRATION, REAL = "demonstration", "real"


def declare(session: Session, kind: str) -> None:
    """Say once what this database is."""
    session.add(Setting(key=KIND, value=kind))
    session.flush()


def kind(session: Session) -> str | None:
    """None for a database that nobody has set up yet."""
    return _value(session, KIND)


def is_demonstration(session: Session) -> bool:
    return kind(session) == DEMONSTRATION


def apply_clock(session: Session) -> None:
    """Let this process live at the time of its database. A real one is real for ever, and need not be asked again."""
    database = connection(session).engine
    if database in _REAL_ONES:
        return
    clock.shift(timedelta(seconds=float(_value(session, OFFSET) or 0)))
    if kind(session) == REAL:
        _REAL_ONES.add(database)


def move_clock(session: Session, to: datetime) -> None:
    """Set a demonstration's clock; it runs on from there. It never runs backwards: what happened has happened."""
    if not is_demonstration(session):
        raise NotAllowed("a real clock cannot be moved", advice="正式环境的时钟不能调整。")
    if to < clock.now() and _value(session, OFFSET) is not None:
        raise InvalidInput("the clock cannot go back", advice="时钟只能向前调。")
    offset = (to - (clock.now() - clock.offset())).total_seconds()
    session.merge(Setting(key=OFFSET, value=str(offset)))
    session.flush()
    apply_clock(session)


def _value(session: Session, key: str) -> str | None:
    return next((value for (value,) in _VALUE.rows(connection(session), wanted=key)), None)


_REAL_ONES: WeakSet[object] = WeakSet()
_SETTING = table(Setting)
_VALUE = Lookup(select(_SETTING.c.value).where(_SETTING.c.key == bindparam("wanted")))
