"""督办事项: proposing one, how long it has, and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

import forms
from engine import clock, deadlines, instances, user_tasks
from engine.deadlines import Due
from engine.errors import InvalidInput, NotAllowed
from engine.identity import Actor
from engine.models import OversightItem, ProcessInstance, Unit

PROCESS = "oversight_item"
FORM = "oversight.item"
WORDS = {field.key: dict(field.options) for field in forms.get(FORM).fields if field.options}
"""Of sources and urgencies, as the form has them."""

BY_SOURCE = {
    "instruction": "supervised_instruction", "minutes": "supervised_minutes", "meeting": "supervised_meeting",
    "document": "supervised_document", "media": "supervised_media",
}  # fmt: skip
BY_URGENCY = {"urgent": "supervised_urgent", "pressing": "supervised_pressing"}
DIFFICULT = {("instruction", "difficult"): "supervised_instruction_difficult"}
FROM_ITS_DATE = {"supervised_minutes", "supervised_meeting", "supervised_document"}
"""Limits that run from the day of the document or meeting; the others from when the unit is charged (交办)."""
LONG = timedelta(days=31)
"""What takes longer is reported on month by month."""


def can_propose(actor: Actor) -> bool:
    return actor.has_role("office_supervisor")


def require_can_propose(actor: Actor) -> None:
    if not can_propose(actor):
        raise NotAllowed(f"{actor.login} may not propose items", advice="督办事项由督办机构立项。")


def propose(session: Session, submitted: Mapping[str, Any], *, actor: Actor) -> ProcessInstance:
    """Start the process of an item, with its draft as the first step."""
    require_can_propose(actor)
    require_due(submitted)
    instance = instances.start(
        session, PROCESS, actor=actor, title=f"督办：{submitted['title']}", unit_id=unit(session, submitted["lead"]).id
    )  # fmt: skip
    (task,) = user_tasks.open_in(session, instance.id)
    user_tasks.complete(session, task.id, submitted, actor=actor)
    return instance


def unit(session: Session, key: str) -> Unit:
    return session.scalars(select(Unit).where(Unit.key == key)).one()


def require_due(told: Mapping[str, Any]) -> None:
    if told["due_on"] and date.fromisoformat(told["due_on"]) < clock.today():
        raise InvalidInput("due in the past", code="due_on", advice="办结期限不能早于今天，请改填或退回修改。")
    if date.fromisoformat(told["event_on"]) > clock.today():
        raise InvalidInput("not yet", code="event_on", advice="来源日期不能晚于今天，请改填或退回修改。")


def rule_of(source: str, urgency: str) -> str | None:
    """The time limit for this kind of item; None where only a date that is given counts."""
    return BY_URGENCY.get(urgency) or DIFFICULT.get((source, urgency)) or BY_SOURCE.get(source)


def due(session: Session, told: Mapping[str, Any], opened_at: datetime) -> Due:
    """When an item that is issued now must be done: as the order says, else by its time limit."""
    if told["due_on"]:
        return Due(clock.end_of(date.fromisoformat(told["due_on"])), "批示或文件写明的办结期限")
    rule = rule_of(told["source"], told["urgency"])
    since = told["event_on"] if rule in FROM_ITS_DATE else clock.now().isoformat()
    found = deadlines.of_rule(deadlines.current(session), rule, since, None, opened_at) if rule else Due()
    if found.at is None:
        raise InvalidInput("no due date", code="due_on", advice="这类事项没有适用的期限规则，请退回填写办结期限。")
    return found


def report_from(due_at: datetime) -> str:
    """From which day the time for the next report runs: month by month while the end is far, else only by the end."""
    today, last = clock.today(), due_at.astimezone(clock.LOCAL).date()
    month_ends = (today.replace(day=1) + LONG).replace(day=1) - timedelta(days=1)
    return (month_ends if last - today > LONG else max(last, today)).isoformat()


def next_sequence(session: Session, year: int) -> int:
    """The unique columns settle a race, so none is given twice."""
    return (session.scalar(select(func.max(OversightItem.sequence)).where(OversightItem.year == year)) or 0) + 1


def listed(session: Session, actor: Actor) -> list[OversightItem]:
    """The items a person may look at: open first, then latest."""
    whole = joinedload(OversightItem.lead), joinedload(OversightItem.instance), joinedload(OversightItem.registered_by)
    wanted = select(OversightItem).join(OversightItem.instance).where(instances.visible(actor)).options(*whole)
    latest = OversightItem.year.desc(), OversightItem.sequence.desc()
    return list(session.scalars(wanted.order_by(OversightItem.closed_at.is_not(None), *latest)))
