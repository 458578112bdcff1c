"""督导 (SH08, SH09): the team and its opinion, the defence, the themes that visits take along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, recusals, user_tasks
from engine.decisions import shipped
from engine.identity import Actor
from engine.models import InstanceStatus, Person, Position, SupervisionRound, Unit, Visit, WorkItem
from engine.options import Choices
from engine.runtime import Instance
from engine.supervision import rounds

OFFICES = ("inspector", "inspectorate_office")


def give_opinion(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """The unit has the preliminary opinion from now on: until when it may defend itself (申辩)."""
    until = deadlines.due(session, "rule:defence", variables, opened_at=instance.started_at).at
    return {"defence_until": (until or clock.now()).isoformat()}


def count_returns(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    verified = user_tasks.submissions(session, instance.id, "verify")
    return {"returns": sum(each.data["decision"] == "return" for each in verified)}


def open_round(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
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
    own = [
        each for key in told["schools"] if key not in along for each in rounds.bindings_on(session, clock.today(), key)
    ]
    visits = list(along.values())
    if own:
        visits += rounds.open_round(
            session, key=f"item:{item.id}", title=f"{item.name}{told['theme']}", theme=told["theme"],
            visit_by=date.fromisoformat(told["visit_by"]), bindings=own, actor=actor, parent_id=instance.id,
        ).visits  # fmt: skip
    item.detail = {**item.detail, "visits": [each.id for each in visits], "along": sorted(along)}


def look_at_round(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    ours = session.scalars(
        select(Visit).where(Visit.id.in_(session.get_one(WorkItem, variables["item"]).detail["visits"]))
    )
    return {"round_open": any(each.instance and each.instance.status == InstanceStatus.ACTIVE for each in ours)}


def _check_team(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """教育督导条例 arts 10 and 16: three inspectors or more, one of them in charge, nobody who must recuse."""
    team, wrong = [row["inspector"] for row in data["team"]], {}
    if len(set(team)) < len(team):
        wrong["team"] = ["同一名督学只能列一次"]
    elif [row["duty"] for row in data["team"]].count("组长") != 1:
        wrong["team"] = ["须有且只有一名组长"]
    must_recuse = recusals.from_unit(session, instance.unit_id)
    for number, login in enumerate(team):
        if login in must_recuse:
            wrong[f"team.{number}.inspector"] = [
                f"第{number + 1}行 督学：与被督导单位有利害关系，须回避（《教育督导条例》第十条），请另选"
            ]
    if not data["self_evaluation_by"] < data["on_site_from"] <= data["on_site_until"]:
        wrong["on_site_from"] = ["先报送自评报告，再现场督导：请核对三个日期的先后"]
    if wrong:
        raise ValidationError(wrong)


def _check_appraisal(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    team = user_tasks.told(session, instance.id, "form_team")["team"]
    judged = shipped.decide("team_agreement", {"agreed": data["agreed"], "members": len(team)})
    if not judged["agreement"]:
        raise ValidationError({"agreed": [f"{judged['word']}：督导小组共{len(team)}人。请再行评议，达成一致后提交"]})


def _supervision_inspectors(session: Session, instance_id: str | None) -> Choices:
    people = (
        select(Person).join(Position).where(Person.active, Position.role.in_(OFFICES)).order_by(Person.login).distinct()
    )
    return [(person.login, person.name) for person in session.scalars(people)]


def _bound_schools(session: Session, instance_id: str | None) -> Choices:
    return [(each.school.key, each.school.name) for each in rounds.bindings_on(session, clock.today())]


def _scheduled_schools(session: Session, instance_id: str | None) -> Choices:
    detail = session.scalar(select(WorkItem.detail).where(WorkItem.instance_id == instance_id)) or {}
    visits = session.scalars(select(Visit).where(Visit.id.in_(detail.get("visits", []))).order_by(Visit.number))
    along = dict.fromkeys(detail.get("along", []), "（随例行督导一并进校）")
    return [(each.school.key, f"{each.school.name}{along.get(each.school.key, '')}") for each in visits]


TABLE = {
    "formal_supervision.give_opinion": give_opinion,
    "formal_supervision.count_returns": count_returns,
    "routine_visit.open_round": open_round,
    "routine_visit.look_at_round": look_at_round,
}
CHECKS = {"formal_supervision.team": _check_team, "formal_supervision.appraisal": _check_appraisal}
SOURCES = {
    "supervision_inspectors": _supervision_inspectors,
    "bound_schools": _bound_schools,
    "scheduled_schools": _scheduled_schools,
}
