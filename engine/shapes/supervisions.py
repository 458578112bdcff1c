"""督导 (SH09): the themes that visits take along; and what older diagrams of SH08 still call (`supervision.formal`)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, user_tasks
from engine.identity import Actor
from engine.models import InstanceStatus, SupervisionRound, Unit, Visit, WorkItem
from engine.options import Choices
from engine.runtime import Instance, Told
from engine.supervision import rounds


def give_opinion(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """The unit has the preliminary opinion from now on: until when it may defend itself (申辩)."""
    return {"defence_until": deadlines.until(session, "defence", instance.started_at)}


def count_returns(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    verified = user_tasks.submissions(session, instance.id, "verify")
    return {"returns": sum(each.data["decision"] == "return" for each in verified)}


def open_round(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """进一次门、查多项事: where the routine visit of these days is still to come, the theme goes along; else a round is opened."""
    told = user_tasks.told(session, instance.id, "schedule_visits")
    item = session.get_one(WorkItem, variables["item"])
    still_to_come = select(Visit).join(Visit.school).join(Visit.round).where(
        Unit.key.in_(told["schools"]), Visit.visited_on.is_(None), SupervisionRound.key.like("routine:%"),
        Visit.instance.has(status=InstanceStatus.ACTIVE),
    )  # fmt: skip
    along = {visit.school.key: visit for visit in session.scalars(still_to_come)}
    for taken in {visit.round for visit in along.values()}:
        taken.theme = f"{taken.theme or ''}；{told['theme']}"
    left, visits = [key for key in told["schools"] if key not in along], list(along.values())
    if own := [each for key in left for each in rounds.bindings_on(session, clock.today(), key)]:
        visits += rounds.open_round(
            session, key=f"item:{item.id}", title=f"{item.name}{told['theme']}", theme=told["theme"],
            visit_by=date.fromisoformat(told["visit_by"]), bindings=own, actor=actor, parent_id=instance.id,
        ).visits  # fmt: skip
    item.detail = {**item.detail, "visits": [each.id for each in visits], "along": sorted(along)}


def look_at_round(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    ours = Visit.id.in_(session.get_one(WorkItem, variables["item"]).detail["visits"])
    running = select(Visit.id).where(ours, Visit.instance.has(status=InstanceStatus.ACTIVE))
    return {"round_open": session.scalars(running).first() is not None}


def _bound_schools(session: Session, instance_id: str | None) -> Choices:
    return [(each.school.key, each.school.name) for each in rounds.bindings_on(session, clock.today())]


def _scheduled_schools(session: Session, instance_id: str | None) -> Choices:
    detail = session.scalar(select(WorkItem.detail).where(WorkItem.instance_id == instance_id)) or {}
    visits = session.scalars(select(Visit).where(Visit.id.in_(detail.get("visits", []))).order_by(Visit.number))
    along = dict.fromkeys(detail.get("along", []), "（随例行督导一并进校）")
    return [(each.school.key, f"{each.school.name}{along.get(each.school.key, '')}") for each in visits]


TABLE = {
    "formal_supervision.give_opinion": give_opinion, "formal_supervision.count_returns": count_returns,
    "routine_visit.open_round": open_round, "routine_visit.look_at_round": look_at_round,
}  # fmt: skip
SOURCES = {"bound_schools": _bound_schools, "scheduled_schools": _scheduled_schools}
