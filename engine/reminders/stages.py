"""提醒规则: which stages there are, and changing them. Those shipped are a proposal (待核对) until the office has saved them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

import forms
from engine import clock, ids
from engine.errors import NotFound
from engine.identity import Actor
from engine.models import ReminderStage
from engine.notifications import rules
from engine.reminders import schedule

FORM = "reminder.stage"


def every(session: Session, *, actor: Actor) -> list[ReminderStage]:
    rules.require_can_change(actor)
    return list(session.scalars(select(ReminderStage).order_by(ReminderStage.basis, ReminderStage.distance)))


def get(session: Session, stage_id: str, *, actor: Actor) -> ReminderStage:
    rules.require_can_change(actor)
    stage = session.get(ReminderStage, stage_id)
    if stage is None:
        raise NotFound(f"no reminder stage {stage_id}", advice="没有这条提醒规则，可能已被删除。")
    return stage


def save(session: Session, stage_id: str | None, submitted: Mapping[str, Any], *, actor: Actor) -> None:
    """Change a stage, or add one; what is due already is looked at again by the stages there are then."""
    rules.require_can_change(actor)
    stage = get(session, stage_id, actor=actor) if stage_id else ReminderStage(id=ids.new())
    told = forms.get(FORM).load(submitted)
    distance = rules.whole("distance", told["distance"])
    same = select(ReminderStage.id).where(
        ReminderStage.basis == told["basis"], ReminderStage.distance == distance, ReminderStage.id != stage.id
    )
    if session.scalar(same):
        raise ValidationError({"distance": ["这个时间已有一条规则，请改那一条"]})
    stage.basis, stage.distance, stage.words = told["basis"], distance, told["words"]
    stage.recipients, stage.assumed = told["recipients"], False
    stage.changed_at, stage.changed_by_id = clock.now(), actor.id
    session.add(stage)
    session.flush()
    schedule.look_again(session)


def remove(session: Session, stage_id: str, *, actor: Actor) -> None:
    session.delete(get(session, stage_id, actor=actor))
    session.flush()
    schedule.look_again(session)
