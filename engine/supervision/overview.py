"""Rounds of every kind and findings, as a person may see them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.orm import QueryableAttribute, Session, joinedload, selectinload

from engine import instances
from engine.identity import Actor
from engine.instances import OVERSEERS
from engine.models import (
    Finding,
    InstanceStatus,
    ProcessInstance,
    Submission,
    SupervisionRound,
    TaskStatus,
    Unit,
    UserTask,
    Visit,
    WorkItem,
)

KINDS = {
    "routine": "经常性督导", "theme": "专项主题", "special": "专项督导", "full": "综合督导", "random": "双随机抽查",
    "evaluation": "履职评价",
}  # fmt: skip
ITEMS = {
    "formal_supervision_item": "special", "double_random_check_item": "random", "government_evaluation_item": "evaluation",
}  # fmt: skip
"""Processes that are a round each, by their definition; a formal supervision is 综合 if its team was formed for that."""


def rounds(session: Session, actor: Actor, first: date, last: date) -> list[SupervisionRound]:
    """Rounds that are under way or fall into a span, with visits to schools the person may look at, latest first."""
    visits = selectinload(SupervisionRound.visits)
    running = SupervisionRound.instance.has(status=InstanceStatus.ACTIVE)
    within = SupervisionRound.visit_by.between(first, last)
    seen = SupervisionRound.visits.any(Visit.visited_on.between(first, last))
    theirs_ = SupervisionRound.visits.any(theirs(actor, Visit.school_id))
    wanted = select(SupervisionRound).where(running | within | seen, theirs_).options(
        visits.joinedload(Visit.school), visits.joinedload(Visit.inspector), visits.joinedload(Visit.instance)
    )  # fmt: skip
    return list(session.scalars(wanted.order_by(SupervisionRound.opened_at.desc())))


class Item(NamedTuple):
    kind: str
    row: WorkItem
    steps: str
    """Where it stands."""


def items(session: Session, actor: Actor) -> list[Item]:
    """Formal supervisions, random checks and evaluations the person may look at: open first, then by date."""
    ours = ProcessInstance.definition_key.in_(ITEMS)
    wanted = select(WorkItem).join(WorkItem.instance).where(ours, instances.visible(actor)).options(
        joinedload(WorkItem.unit), joinedload(WorkItem.instance)
    )  # fmt: skip
    found = session.scalars(wanted.order_by(WorkItem.ended_at.is_not(None), WorkItem.due_on, WorkItem.id)).all()
    ids = [item.instance_id for item in found]
    steps: dict[str, list[str]] = defaultdict(list)
    waiting = select(UserTask.instance_id, UserTask.name).where(UserTask.instance_id.in_(ids))
    for instance_id, name in session.execute(waiting.where(UserTask.status == TaskStatus.OPEN).distinct()):
        steps[instance_id].append(name)
    formed = select(Submission.instance_id, Submission.data).where(
        Submission.instance_id.in_(ids), Submission.form_key == "formal_supervision.team"
    )  # fmt: skip
    scopes = {key: data["scope"] for key, data in session.execute(formed.order_by(Submission.submitted_at))}

    return [
        Item(scopes.get(instance.id) or ITEMS[instance.definition_key], row, "、".join(sorted(steps[instance.id])))
        for row in found
        if (instance := row.instance)
    ]


def theirs(actor: Actor, unit_id: QueryableAttribute[str]) -> ColumnElement[bool]:
    """Which rows, by the unit they are about, a person may look at: all, or those of their own units and below."""
    if actor.roles & OVERSEERS:
        return true()
    within: ColumnElement[bool] = unit_id.in_(_units(actor))
    return within


def visible(actor: Actor, opened: SupervisionRound) -> list[Visit]:
    """Those visits of a round that the person may look at."""
    return [visit for visit in opened.visits if actor.roles & OVERSEERS or _is_theirs(actor, visit.school)]


def _is_theirs(actor: Actor, unit: Unit) -> bool:
    return unit.key in actor.units or (unit.parent is not None and unit.parent.key in actor.units)


def findings(session: Session, actor: Actor) -> list[Finding]:
    """Findings of the schools the person may look at: open first, then latest."""
    wanted = select(Finding).options(
        joinedload(Finding.unit),
        joinedload(Finding.found_by),
        joinedload(Finding.closed_by),
        joinedload(Finding.instance),
    )
    wanted = wanted.where(theirs(actor, Finding.unit_id))
    return list(session.scalars(wanted.order_by(Finding.closed_at.is_not(None), Finding.number.desc())))


def _units(actor: Actor) -> Select[str]:
    """The person's own units and what lies below them."""
    own = select(Unit.id).where(Unit.key.in_(actor.units))
    return select(Unit.id).where(Unit.key.in_(actor.units) | Unit.parent_id.in_(own))
