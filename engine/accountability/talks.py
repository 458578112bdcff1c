"""约谈 and 通报 as numbered papers, out of an escalation or standing alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, documents, user_tasks
from engine.documents.kinds import KINDS
from engine.errors import NotAllowed
from engine.identity import Actor
from engine.models import Unit
from engine.runtime import Instance, ServiceTask
from engine.user_tasks import Check

PROCESS, FORM = "talk", "accountability.talk"


def can_hold(actor: Actor) -> bool:
    return bool(actor.groups & KINDS["talk_record"].issuers)


def require_can_hold(actor: Actor) -> None:
    if not can_hold(actor):
        raise NotAllowed(f"{actor.login} may not hold talks", advice="约谈由督导室、处室负责人或局领导进行。")


def hold(session: Session, told: Mapping[str, Any], *, actor: Actor) -> None:
    """Write down a talk that was held."""
    require_can_hold(actor)
    unit = session.scalars(select(Unit).where(Unit.key == told["unit"])).one()
    user_tasks.start_with(session, told, PROCESS, actor=actor, title=f"约谈{unit.name}", unit_id=unit.id)


def record_talk(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Who talked with whom, and what was promised until when."""
    told = user_tasks.told(session, instance.id, "hold_talk")
    people = {name: re.split("[、，,]", told[name]) for name in ("hosts", "guests")}
    promises = [f"{row['promise']}（{row['until']}前）" for row in told["promises"]]
    kept = {name: told[name] for name in ("talked_on", "place", "reason", "record")}
    _issue(session, instance, "talk_record", {**kept, **people, "promises": promises}, actor)


def record_circular(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    told = user_tasks.told(session, instance.id, "circulate")
    _issue(session, instance, "circular", {name: told[name] for name in ("facts", "basis", "decision")}, actor)


def _issue(session: Session, instance: Instance, kind: str, told: dict[str, Any], actor: Actor | None) -> None:
    unit = session.get(Unit, instance.unit_id) if instance.unit_id else None
    title = f"{KINDS[kind].name}：{instance.title}"
    documents.issue(session, instance, kind, unit=unit, title=title, told=told, actor=actor)


def _check_talk(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if date.fromisoformat(data["talked_on"]) > clock.today():
        raise ValidationError({"talked_on": ["约谈以后才能记录，不能晚于今天"]})


TABLE: dict[str, ServiceTask] = {
    "accountability.record_talk": record_talk, "accountability.record_circular": record_circular,
}  # fmt: skip
CHECKS: dict[str, Check] = {FORM: _check_talk, "accountability.overdue_talk": _check_talk}
