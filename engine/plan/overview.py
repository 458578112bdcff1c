"""How the plan stands, for those who look at it: derived from instances and reports, never set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from engine import clock
from engine.errors import NotAllowed
from engine.identity import Actor
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
    overdue: int
    not_begun: int

    @property
    def under_way(self) -> int:
        return self.commitments - self.completed - self.carried_over - self.overdue - self.not_begun


def require_can_view(actor: Actor) -> None:
    """The plan is the bureau's and the districts' to read; schools see what is asked of them."""
    if not actor.roles - SCHOOL_ROLES:
        raise NotAllowed(f"{actor.login} may not read the plan", advice="工作要点台账由局机关和各市（县）区查看。")


def current(session: Session) -> WorkPlan | None:
    """The latest plan with all that its pages show."""
    points = selectinload(WorkPlan.sections).selectinload(PlanSection.points)
    commitments = points.selectinload(WorkPoint.commitments)
    whole = select(WorkPlan).options(
        points.joinedload(WorkPoint.lead),
        points.joinedload(WorkPoint.instance),
        commitments.joinedload(Commitment.lead),
        commitments.joinedload(Commitment.instance),
        commitments.selectinload(Commitment.targets),
    )
    return session.scalar(whole.order_by(WorkPlan.year.desc()).limit(1))


def phases(session: Session, plan: WorkPlan) -> dict[str, int]:
    """How many of its five phases each running point (by instance id) has behind it."""
    ids = [point.instance_id for point in _points(plan) if point.instance_id]
    passed = select(HistoryEvent.instance_id, HistoryEvent.activity_id).where(
        HistoryEvent.instance_id.in_(ids), HistoryEvent.activity_id.in_(PHASES)
    )
    done: dict[str, set[str]] = {}
    for instance_id, activity_id in session.execute(passed):
        done.setdefault(instance_id, set()).add(activity_id or "")
    return {instance_id: len(done.get(instance_id, ())) for instance_id in ids}


def has_begun(commitment: Commitment, phases_passed: int) -> bool:
    """Its point's plan is approved and its own period has started."""
    return phases_passed > 0 and commitment.starts_on <= clock.today()


def sums(plan: WorkPlan, passed: Mapping[str, int]) -> Sums:
    """Every commitment counted once; `passed` as from `phases`."""
    begun = [(c, has_begun(c, passed.get(p.instance_id or "", 0))) for p in _points(plan) for c in p.commitments]
    commitments = [commitment for commitment, _ in begun]
    today = clock.today()
    still_open = [c for c in commitments if c.result is None]
    return Sums(
        commitments=len(commitments),
        completed=sum(c.result == "completed" for c in commitments),
        carried_over=sum(c.result == "carried_over" for c in commitments),
        overdue=sum(c.due_on < today for c in still_open),
        not_begun=sum(not has for c, has in begun if c.result is None and c.due_on >= today),
    )


def leads(plan: WorkPlan) -> list[Unit]:
    found = {commitment.lead for point in _points(plan) for commitment in point.commitments}
    return sorted(found, key=lambda unit: unit.order)


def _points(plan: WorkPlan) -> list[WorkPoint]:
    return [point for section in plan.sections for point in section.points]
