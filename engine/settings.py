"""What an installation is: a demonstration or real, for ever. Only a demonstration's clock can be moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from weakref import WeakSet

from marshmallow import ValidationError
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

import forms
from engine import clock, identity
from engine.db import connection
from engine.errors import InvalidInput, NotAllowed
from engine.identity import Actor
from engine.models import Setting, table
from engine.statements import Lookup

KIND = "kind"
OFFSET = "clock_offset_seconds"
DEMONSTRATION, REAL = "demonstration", "real"
SPANS = {"PT1H": timedelta(hours=1), "P1D": timedelta(days=1), "P7D": timedelta(days=7)}
HOUR = 8
"""At which a day begins to which a demonstration's clock is moved."""

LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""No demonstration goes on longer: dates that are counted from a later moment would soon be none."""


def declare(session: Session, kind: str) -> None:
    """Say once what this database is."""
    session.add(Setting(key=KIND, value=kind))
    session.flush()


def kind(session: Session) -> str | None:
    """None for a database that nobody has set up yet."""
    return value(session, KIND)


def is_demonstration(session: Session) -> bool:
    return kind(session) == DEMONSTRATION


def apply_clock(session: Session) -> None:
    """Let this process live at the time of its database. A real one is real for ever, and need not be asked again."""
    database = connection(session).engine
    if database in _REAL_ONES:
        return
    clock.shift(timedelta(seconds=float(value(session, OFFSET) or 0)))
    if kind(session) == REAL:
        _REAL_ONES.add(database)


def move_clock(session: Session, to: datetime) -> None:
    """Set a demonstration's clock; it runs on from there. It never runs backwards: what happened has happened.

    Nobody was idle meanwhile, so whoever is logged in stays so.
    """
    if not is_demonstration(session):
        raise NotAllowed("a real clock cannot be moved", advice="正式环境的时钟不能调整。")
    # Somebody else may move it at the same moment, from another process.
    before = session.scalar(select(Setting).where(Setting.key == OFFSET).with_for_update())
    apply_clock(session)
    if before and to < clock.now():
        raise InvalidInput("the clock cannot go back", code="back", advice="时钟只能向前调，请选一个以后的时间。")
    if to >= LATEST:
        raise InvalidInput("too far ahead", code="far", advice=f"时钟最远可拨到 {LATEST.year - 1} 年年底。")
    identity.carry_sessions(session, to - clock.now())
    put(session, OFFSET, str((to - clock.of_the_machine()).total_seconds()))
    apply_clock(session)


def can_move_clock(session: Session, actor: Actor) -> bool:
    """A demonstration's administrator; a real database has nobody who can."""
    return actor.has_role("system_admin") and is_demonstration(session)


def let_time_pass(session: Session, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Move a demonstration's clock by a span or to a day. ValidationError names the fields at fault."""
    if not can_move_clock(session, actor):
        raise NotAllowed(f"{actor.login} may not move the clock", advice="只有演示环境的系统管理员可以拨时钟。")
    wanted = forms.get("demonstration.clock").load(submitted)
    try:
        span = SPANS.get(wanted["span"])
        move_clock(session, clock.now() + span if span else clock.start_of(date.fromisoformat(wanted["to"]), HOUR))
    except InvalidInput as error:
        raise ValidationError({"to": [error.advice]}) from error


def value(session: Session, key: str) -> str | None:
    return next((found for (found,) in _VALUE.rows(connection(session), wanted=key)), None)


def put(session: Session, key: str, value: str) -> None:
    session.merge(Setting(key=key, value=value))
    session.flush()


_REAL_ONES: WeakSet[object] = WeakSet()
_SETTING = table(Setting)
_VALUE = Lookup(select(_SETTING.c.value).where(_SETTING.c.key == bindparam("wanted")))
