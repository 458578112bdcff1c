"""Bringing a plan into the database and starting its work points and commitments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, ids, instances, reminders
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import Commitment, Partner, PlanSection, Target, Unit, WorkPlan, WorkPoint
from engine.plan import items
from engine.plan.service_tasks import report_period
from engine.plan.shapes import SHAPES

Progress = Callable[[int, int], None]
"""Told how many of how many are started."""


def load(session: Session, data: Mapping[str, Any]) -> WorkPlan:
    """Store a plan as its data file tells it; see `demonstration/plan_2021.toml` for the shape."""
    units = {unit.key: unit for unit in session.scalars(select(Unit))}
    head = data["plan"]
    plan = WorkPlan(
        id=ids.new(), year=head["year"], title=head["title"], issued_on=head["issued_on"], source=head["source"]
    )
    for each in data["sections"]:
        points = [_point(point, units) for point in data["points"] if point["section"] == each["number"]]
        section = PlanSection(
            id=ids.new(), number=each["number"], numeral=each["numeral"], title=each["title"], points=points
        )
        plan.sections.append(section)
    session.add(plan)
    session.flush()
    return plan


def start(
    session: Session, plan: WorkPlan, *, actor: Actor | None, progress: Progress = lambda done, total: None
) -> None:
    """Start one instance for every point and commitment; commitments wait for their point's plan and their own period."""
    points = [point for section in plan.sections for point in section.points]
    total = len(points) + sum(len(point.commitments) for point in points)
    done = 0
    year_closes_at = clock.start_of(plan.issued_on.replace(year=plan.year + 1, month=1, day=1)).isoformat()
    for point in points:
        point.instance = instances.start(
            session, f"work_point_{point.number:02}", {"year_closes_at": year_closes_at}, actor=actor,
            title=f"要点{point.number} {point.title}", business_key=f"point-{plan.year}-{point.number}",
            unit_id=point.lead_id,
        )  # fmt: skip
        session.flush()
        facts.record(session, point, lamp.OPENED, actor=actor)
        for commitment in point.commitments:
            start_commitment(session, commitment, actor=actor)
        done += 1 + len(point.commitments)
        session.flush()
        progress(done, total)


def start_commitment(session: Session, commitment: Commitment, *, actor: Actor | None) -> None:
    point = commitment.point
    assert point.instance is not None, "a commitment is the child of its point"
    starts_at = clock.start_of(commitment.starts_on, hour=8)
    commitment.instance = instances.start(
        session, SHAPES[commitment.shape].key,
        {"period_starts_at": starts_at.isoformat(), **report_period(commitment, commitment.starts_on),
         **items.gates(commitment)},
        actor=actor, title=f"{commitment.code} {commitment.title}",
        business_key=f"commitment-{point.section.plan.year}-{commitment.code}", unit_id=commitment.lead_id,
        parent_id=point.instance.id,
    )  # fmt: skip
    session.flush()
    facts.record_opened(
        session, commitment, commitment.due_on, actor=actor,
        begins=commitment.starts_on.isoformat(), cadence=commitment.cadence,
    )  # fmt: skip
    due_at = clock.end_of(commitment.due_on)
    reminders.plan(session, "commitment", commitment.id, due_at, instance_id=commitment.instance.id)


def _point(data: Mapping[str, Any], units: Mapping[str, Unit]) -> WorkPoint:
    return WorkPoint(
        id=ids.new(), number=data["number"], title=data["title"], lead_id=units[data["lead"]].id,
        commitments=[_commitment(number, each, units) for number, each in enumerate(data["commitments"], 1)],
    )  # fmt: skip


def _commitment(number: int, data: Mapping[str, Any], units: Mapping[str, Unit]) -> Commitment:
    return Commitment(
        id=ids.new(), number=number, code=data["code"], title=data["title"], kind=data["kind"], shape=data["shape"],
        starts_on=data["starts_on"], due_on=data["due_on"], cadence=data.get("cadence"),
        lead_id=units[data["lead"]].id, evidence=data.get("evidence", []), gates=data.get("gates", []),
        note=data.get("note"), partners=_partners(data.get("partners", []), units),
        targets=[_target(n, target) for n, target in enumerate(data.get("targets", []), 1)],
    )  # fmt: skip


def _partners(named: Sequence[str], units: Mapping[str, Unit]) -> list[Partner]:
    """Units of ours by their key; whoever is not ours stays in the plan's own words."""
    return [
        Partner(number=number, unit_id=units[name].id if name in units else None,
                words=units[name].name if name in units else name)
        for number, name in enumerate(named, 1)
    ]  # fmt: skip


def _target(number: int, data: Mapping[str, Any]) -> Target:
    told = (
        "name", "operator", "unit", "hardness", "certainty", "aggregation", "as_of", "caveat", "headline", "definition",
        "counting",
    )  # fmt: skip
    written = {name: str(data[name]) if name in data else None for name in ("value", "tolerance")}
    return Target(number=number, assumed=data.get("assumed", []), **written, **{name: data.get(name) for name in told})
