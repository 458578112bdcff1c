"""When the office may be written to, and how often somebody may be urged: defaults of ours (待核对) that the office changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import orjson
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import calendar, clock, settings
from engine.db import to_json
from engine.errors import NotAllowed
from engine.identity import Actor

KEY = "notification_rules"
FORM = "notification.rules"
TIME = re.compile(r"([01][0-9]|2[0-3])[:：]([0-5][0-9])")
DAY = timedelta(days=1)
TIMES = ("digest_at", "quiet_from", "quiet_until")


@dataclass(frozen=True)
class Rules:
    digest_at: str = "08:30"
    quiet_from: str = "20:00"
    quiet_until: str = "08:00"
    urges_a_day: int = 1
    """Of one task, by anybody."""
    urges_in_all: int = 3

    def is_quiet(self, moment: time) -> bool:
        begins, ends = time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)
        return begins <= moment < ends if begins <= ends else moment >= begins or moment < ends


def current(session: Session) -> Rules:
    kept = settings.value(session, KEY)
    return Rules(**orjson.loads(kept)) if kept else Rules()


def are_assumed(session: Session) -> bool:
    """Whether nobody of the office has confirmed them yet."""
    return settings.value(session, KEY) is None


def require_can_change(actor: Actor) -> None:
    if not actor.keeps_rules:
        raise NotAllowed(f"{actor.login} may not change rules", advice="提醒规则由办公室督办员维护，您无权查看或修改。")


def change(session: Session, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Set all rules at once. A digest in quiet hours would never be sent, so it is refused."""
    require_can_change(actor)
    data = forms.get(FORM).load(submitted)
    wrong = {name: ["时间写作08:30"] for name in TIMES if not TIME.fullmatch(data[name])}
    if wrong:
        raise ValidationError(wrong)
    digest_at, quiet_from, quiet_until = (data[name].replace("：", ":") for name in TIMES)
    a_day, in_all = (whole(name, data[name]) for name in ("urges_a_day", "urges_in_all"))
    rules = Rules(digest_at, quiet_from, quiet_until, a_day, in_all)
    if rules.is_quiet(time.fromisoformat(rules.digest_at)):
        raise ValidationError({"digest_at": ["汇总时间在免打扰时段之内，请改其中一项"]})
    settings.put(session, KEY, to_json(asdict(rules)))


def whole(name: str, number: float) -> int:
    """A number of things."""
    if number != int(number):
        raise ValidationError({name: ["应为整数"]})
    return int(number)


def is_working(session: Session, day: date) -> bool:
    """Whether the office works on a day."""
    return calendar.current(session).is_working(day)


def working_day(session: Session, day: date, distance: int) -> date:
    """The working day so many working days before (-) or after a day; 0 is the day itself, else the last one before it."""
    days = calendar.current(session)
    return (days.working_days_after(day, distance) if distance else days.working_days_after(day + DAY, -1)).day


def next_digest(session: Session, rules: Rules, after: datetime) -> datetime:
    """The first digest after a moment."""
    day = after.astimezone(clock.LOCAL).date()
    if _at(day, rules.digest_at) <= after:
        day += DAY
    return _at(working_day(session, day - DAY, 1), rules.digest_at)


def is_open(session: Session, rules: Rules, moment: datetime) -> bool:
    """Whether people may be disturbed: a working day, and not in quiet hours."""
    local = moment.astimezone(clock.LOCAL)
    return is_working(session, local.date()) and not rules.is_quiet(local.time())


def is_time_for_digest(session: Session, rules: Rules, moment: datetime) -> bool:
    day = moment.astimezone(clock.LOCAL).date()
    return is_open(session, rules, moment) and _at(day, rules.digest_at) <= moment


def _at(day: date, written: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(written), clock.LOCAL).astimezone(UTC)
