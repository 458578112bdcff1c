"""The borders between colours: data of the bureau, with source and 待核对 mark, each in force from a day on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

import forms
from engine import clock, ids
from engine.errors import NotAllowed, NotFound
from engine.identity import Actor
from engine.lamps.lamp import Thresholds
from engine.models import LampThreshold

FORM = "lamp.threshold"


@dataclass(frozen=True)
class Known:
    """What a threshold is about, in the words of its page."""

    name: str
    unit: str
    most: float
    below: str = ""
    """The threshold it must not exceed: yellow comes before red."""


KNOWN = {
    "near_due_days": Known("任务临期（蓝）：距期限不超过", "天", 366),
    "near_due_days_of_steps": Known("待办、进校、整改临期（蓝）：距期限不超过", "天", 366),
    "behind_yellow": Known("进度落后（黄）：不少于", "个百分点", 100, "behind_red"),
    "behind_red": Known("进度落后（红）：超过", "个百分点", 100),
    "start_yellow_months": Known("未按月启动（黄）：满", "个月", 60, "start_red_months"),
    "start_red_months": Known("连续未启动（红）：满", "个月", 60),
    "report_yellow_months": Known("未填报（黄）：连续满", "个月", 60, "report_red_months"),
    "report_red_months": Known("未填报（红）：连续满", "个月", 60),
    "report_grace_days": Known("填报期结束后宽限", "天", 60),
    "backdated_days": Known("登记晚于发生超过多少天标为补录", "天", 366),
}


def in_force(session: Session, at: datetime | None = None, known_at: datetime | None = None) -> Thresholds:
    """Those that hold at a moment (now), as was known at another (the same)."""
    at = at or clock.now()
    held = select(LampThreshold.key, LampThreshold.value).where(
        LampThreshold.effective_on <= at.astimezone(clock.LOCAL).date(), LampThreshold.recorded_at <= (known_at or at)
    )
    rows = session.execute(held.order_by(LampThreshold.effective_on, LampThreshold.recorded_at, LampThreshold.id))
    return Thresholds(**{row.key: row.value for row in rows})


def versions(session: Session) -> dict[str, list[LampThreshold]]:
    """Every version of each threshold, the latest first."""
    latest = select(LampThreshold).order_by(
        LampThreshold.effective_on.desc(), LampThreshold.recorded_at.desc(), LampThreshold.id.desc()
    )
    found: dict[str, list[LampThreshold]] = {key: [] for key in KNOWN}
    for row in session.scalars(latest):
        found[row.key].append(row)
    return found


def require_can_change(actor: Actor, key: str) -> None:
    if not actor.keeps_rules:
        raise NotAllowed(
            f"{actor.login} may not change thresholds", advice="灯的界限由局办公室督办员修改，您可以查看。"
        )
    if key not in KNOWN:
        raise NotFound(f"no threshold {key}", advice="没有这项界限。")


def change(session: Session, key: str, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Set a border anew from today or a later day on; what earlier days were judged by stays."""
    require_can_change(actor, key)
    told = forms.get(FORM).load(submitted)
    effective_on = date.fromisoformat(told["effective_on"])
    _check(session, key, told["value"], effective_on)
    session.add(
        LampThreshold(
            id=ids.new(), key=key, value=told["value"], effective_on=effective_on, source=told["source"],
            confirmed=told["confirmed"], recorded_at=clock.now(), recorded_by_id=actor.id,
        )
    )  # fmt: skip
    session.flush()


def _check(session: Session, key: str, value: float, effective_on: date) -> None:
    known = KNOWN[key]
    if effective_on < clock.today():
        raise ValidationError({"effective_on": ["生效日期不能早于今天：此前的灯按当时的阈值判定"]})
    if value > known.most:
        raise ValidationError({"value": [f"不能大于{known.most:g}"]})
    if known.unit != "个百分点" and value != int(value):
        raise ValidationError({"value": ["应为整数"]})
    then = vars(in_force(session, clock.end_of(effective_on), clock.now())) | {key: value}
    for each, other in KNOWN.items():
        if other.below and key in (each, other.below) and then[each] > then[other.below]:
            raise ValidationError(
                {"value": [f"黄灯的界限（{then[each]:g}）不能高于红灯的界限（{then[other.below]:g}）"]}
            )
