"""How the plan stands, for those who look at it: derived from instances and reports, never set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from engine import instances
from engine.errors import NotAllowed
from engine.identity import Actor
from engine.lamps.lamp import Colour, Lamp, State
from engine.models import Commitment, HistoryEvent, PlanSection, Unit, WorkPlan, WorkPoint

PHASES = {
    "plan_phase": "计划",
    "implement_phase": "实施",
    "self_check_phase": "自查",
    "supervise_phase": "督导",
    "review_phase": "评议",
}
"""The call activities of a work point's diagram, in order."""

SCHOOL_ROLES = {"school_head", "school_officer", "expert"}


@dataclass(frozen=True)
class Sums:
    commitments: int
    completed: int
    carried_over: int
    colours: Mapping[Colour, int]
    """Every commitment counted once, by its lamp."""


def require_can_view(actor: Actor) -> None:
    """The plan is the bureau's and the districts' to read; schools see what is asked of them."""
    if not actor.roles - SCHOOL_ROLES:
        raise NotAllowed(f"{actor.login} may not read the plan", advice="工作要点台账由局机关和各市（县）区查看。")


def current(session: Session) -> WorkPlan | None:
    """The latest plan that was launched, with all that its pages show."""
    points = selectinload(WorkPlan.sections).selectinload(PlanSection.points)
    commitments = points.selectinload(WorkPoint.commitments)
    whole = select(WorkPlan).options(
        points.joinedload(WorkPoint.lead),
        points.joinedload(WorkPoint.instance),
        commitments.joinedload(Commitment.lead),
        commitments.joinedload(Commitment.instance),
        commitments.selectinload(Commitment.targets),
    )
    return session.scalar(whole.where(WorkPlan.launched_at.is_not(None)).order_by(WorkPlan.year.desc()).limit(1))


def viewable(session: Session, plan: WorkPlan, actor: Actor) -> set[str]:
    """The instances of points and commitments that a person may look at; to others no link leads."""
    points = [point for section in plan.sections for point in section.points]
    theirs = [point.instance_id for point in points]
    theirs += [commitment.instance_id for point in points for commitment in point.commitments]
    return instances.viewable(session, theirs, actor=actor)


def phases(session: Session, plan: WorkPlan, at: datetime) -> dict[str, int]:
    """How many of its five phases each running point (by instance id) had behind it at a moment."""
    ids = [point.instance_id for point in _points(plan) if point.instance_id]
    passed = select(HistoryEvent.instance_id, HistoryEvent.activity_id).where(
        HistoryEvent.instance_id.in_(ids), HistoryEvent.activity_id.in_(PHASES), HistoryEvent.at <= at
    )
    done: dict[str, set[str]] = {}
    for instance_id, activity_id in session.execute(passed):
        done.setdefault(instance_id, set()).add(activity_id or "")
    return {instance_id: len(done.get(instance_id, ())) for instance_id in ids}


def sums(lamps: Collection[Lamp]) -> Sums:
    colours, states = Counter(lamp.colour for lamp in lamps), Counter(lamp.state for lamp in lamps)
    return Sums(len(lamps), states[State.DONE], states[State.CARRIED_OVER], {each: colours[each] for each in Colour})


def leads(plan: WorkPlan) -> list[Unit]:
    found = {commitment.lead for point in _points(plan) for commitment in point.commitments}
    return sorted(found, key=lambda unit: unit.order)


def _points(plan: WorkPlan) -> list[WorkPoint]:
    return [point for section in plan.sections for point in section.points]
