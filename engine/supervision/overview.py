"""Rounds of every kind and findings, as a person may see them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, select, true
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
    UserTask,
    Visit,
    WorkItem,
)
from engine.supervision.findings import RE_LOOK

OPEN = and_(Finding.closed_at.is_(None), Finding.withdrawn_at.is_(None))
KINDS = {
    "routine": "经常性督导", "theme": "专项主题", "special": "专项督导", "full": "综合督导", "random": "双随机抽查",
    "evaluation": "履职评价",
}  # fmt: skip
ITEMS = {
    "formal_supervision_item": "special", "double_random_check_item": "random", "government_evaluation_item": "evaluation",
}  # fmt: skip
"""Processes that are a round each, by their definition; a formal supervision is 综合 if its team was formed for that."""


def rounds(session: Session, actor: Actor, first: date, last: date) -> list[SupervisionRound]:
    """Rounds that are under way or fall into a span, with those visits whose schools the person may look at, latest first."""
    its = theirs(actor, Visit.school_id)
    visits = selectinload(SupervisionRound.visits.and_(its))
    running = SupervisionRound.instance.has(status=InstanceStatus.ACTIVE)
    within = SupervisionRound.visit_by.between(first, last)
    seen = SupervisionRound.visits.any(Visit.visited_on.between(first, last))
    wanted = select(SupervisionRound).where(running | within | seen, SupervisionRound.visits.any(its)).options(
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
    within: ColumnElement[bool] = unit_id.in_(instances.units_of(actor))
    return within


STAGES = {
    "plan_rectification": "定方案", "confirm_plan": "定方案", "rectify": "整改中", "sign_report": "整改中",
    "approve_extension": "延期待批", "verify": "待核查",
}  # fmt: skip
"""What the open step of a rectification means for whoever looks at all of them."""
LATEST = 50
"""So many closed ones the board shows; the ledger has them all."""


def board(session: Session, actor: Actor) -> dict[str, list[Finding]]:
    """The findings a person may look at by how far they are, most urgent first; of those closed the latest."""
    wanted = select(Finding).where(theirs(actor, Finding.unit_id)).options(
        joinedload(Finding.unit), joinedload(Finding.found_by), joinedload(Finding.closed_by), joinedload(Finding.instance)
    )  # fmt: skip
    lists: dict[str, list[Finding]] = {stage: [] for stage in dict.fromkeys(STAGES.values())}
    found = session.scalars(wanted.where(OPEN).order_by(Finding.due_on, Finding.number)).all()
    waiting = select(UserTask.instance_id, UserTask.activity_id).where(
        UserTask.instance_id.in_([each.instance_id for each in found]), UserTask.status == TaskStatus.OPEN,
        UserTask.activity_id.in_(STAGES),
    )  # fmt: skip
    stages = {row.instance_id: STAGES[row.activity_id] for row in session.execute(waiting)}
    for each in found:
        lists[stages.get(each.instance_id or "", "整改中")].append(each)
    closed = wanted.where(Finding.closed_at.is_not(None)).order_by(Finding.closed_at.desc())
    lists["已销号"] = list(session.scalars(closed.limit(LATEST)))
    return lists


def about(session: Session, instance: ProcessInstance) -> Finding | None:
    """The finding that an instance puts right or looks at again."""
    if instance.definition_key == RE_LOOK:
        return session.scalar(select(Finding).where(Finding.number == (instance.business_key or "").partition(":")[2]))
    return session.scalar(select(Finding).where(Finding.instance_id == instance.id))


def followed_by(session: Session, finding: Finding) -> list[Finding]:
    """What was found again: relapses and repeats, the first one first."""
    again = select(Finding).where((Finding.relapse_of_id == finding.id) | (Finding.repeat_of_id == finding.id))
    return list(session.scalars(again.order_by(Finding.number)))
