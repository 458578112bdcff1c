"""Bringing a plan into the database, seeing to it that nothing is missing, and starting its work points and commitments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, history, identity, ids, instances, jobs, reminders, runtime
from engine.errors import InvalidState, NotAllowed
from engine.history import Entry
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import Commitment, Partner, Person, PlanSection, Target, Unit, WorkPlan, WorkPoint
from engine.plan import items, points
from engine.plan.service_tasks import report_period
from engine.plan.shapes import SHAPES

Progress = Callable[[int, int], None]
"""Told how many of how many are started."""
LAUNCH = "plan.launch"
NEEDED = {"lead_id": "牵头处室", "due_on": "期限", "definition": "口径（完成标准）"}
PERIOD = 5
"""Years of a plan of development (规划): nothing in a plan of a year begins or is due further away."""
MOST_TOLD = 5
"""Incomplete commitments that a refusal names; the page lists them all."""


def load(session: Session, data: Mapping[str, Any]) -> WorkPlan:
    """Store a plan as its data file tells it; see `demonstration/plan_2021.toml` for the shape."""
    units = {unit.key: unit for unit in session.scalars(select(Unit))}
    head = data["plan"]
    plan = WorkPlan(
        id=ids.new(), year=head["year"], title=head["title"], issued_on=head["issued_on"], source=head["source"]
    )
    assumed = head.get("assumed", [])
    for each in data["sections"]:
        points = [_point(point, units, assumed) for point in data["points"] if point["section"] == each["number"]]
        section = PlanSection(
            id=ids.new(), number=each["number"], numeral=each["numeral"], title=each["title"], points=points
        )
        plan.sections.append(section)
    session.add(plan)
    session.flush()
    return plan


def pending(session: Session) -> WorkPlan | None:
    """The plan that waits for its launch."""
    waiting = select(WorkPlan).where(WorkPlan.launched_at.is_(None)).order_by(WorkPlan.year).limit(1)
    return session.scalar(waiting)


def gaps(plan: WorkPlan) -> dict[Commitment, list[str]]:
    """What each commitment lacks without which it cannot be launched, in the plan's order."""
    lacking = {each: [word for name, word in NEEDED.items() if not getattr(each, name)] for each in _commitments(plan)}
    return {commitment: words for commitment, words in lacking.items() if words}


def start(
    session: Session, plan: WorkPlan, *, actor: Actor | None, progress: Progress = lambda done, total: None
) -> None:
    """Start one instance for every point and commitment; commitments wait for their point's plan and their own period."""
    _declare(plan)
    done, total = 0, len(_points(plan)) + len(_commitments(plan))
    for point in _points(plan):
        start_point(session, point, actor=actor)
        done += 1 + len(point.commitments)
        progress(done, total)


def begin(session: Session, plan: WorkPlan, *, actor: Actor) -> None:
    """Launch the plan point by point, each in a transaction of its own, so that whoever looks sees how far it is."""
    if not can_launch(actor):
        raise NotAllowed(f"{actor.login} may not launch", advice="年度工作要点由督办机构启动。")
    _declare(plan)
    for point in _points(plan):
        jobs.add(session, LAUNCH, clock.now(), {"point": point.id, "by": actor.id}, dedupe_key=f"{LAUNCH}:{point.id}")


def launch_point(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: the next point of a plan that was launched."""
    point = session.get_one(WorkPoint, payload["point"])
    if point.instance_id is None:
        start_point(session, point, actor=identity.actor(session.get_one(Person, payload["by"])))


def can_launch(actor: Actor) -> bool:
    """The office that oversees fills in what is missing, confirms what was assumed, and launches."""
    return actor.has_role("office_supervisor")


def charge(session: Session, commitment: Commitment, told: Mapping[str, Any], *, actor: Actor) -> None:
    """Fill in lead, dates and definition of completion (口径); what the office has filled in or confirmed is no assumption.

    Once the plan is launched the lead and the dates change by their own procedures (转办, 延期) and are confirmed as they are.
    """
    if not can_launch(actor):
        raise NotAllowed(f"{actor.login} may not charge", advice="牵头处室、期限和口径由督办机构填写、核对。")
    if commitment.point.section.plan.launched_at is None:
        if told["due_on"] < told["starts_on"]:
            raise ValidationError({"due_on": [f"期限不能早于启动日期{told['starts_on']:%Y-%m-%d}"]})
        for name in ("starts_on", "due_on"):
            if abs(told[name].year - commitment.point.section.plan.year) > PERIOD:
                raise ValidationError({name: [f"与工作要点的年度相差不能超过{PERIOD}年，请核对年份"]})
        commitment.lead = session.scalars(select(Unit).where(Unit.key == told["lead"])).one()
        commitment.starts_on, commitment.due_on = told["starts_on"], told["due_on"]
    commitment.definition, commitment.assumed = told["definition"], []
    if commitment.instance_id:
        detail = {"definition": told["definition"]}
        instance = runtime.lock(session, commitment.instance_id)
        history.note(session, instance, Entry("commitment.confirmed", actor.id, detail=detail))


def start_point(session: Session, point: WorkPoint, *, actor: Actor | None) -> None:
    plan = point.section.plan
    year_closes_at = clock.start_of(plan.issued_on.replace(year=plan.year + 1, month=1, day=1)).isoformat()
    point.instance = instances.start(
        session, f"work_point_{point.number:02}", {"year_closes_at": year_closes_at, **points.variables(point)}, actor=actor,
        title=f"要点{point.number} {point.title}", business_key=f"point-{plan.year}-{point.number}",
        unit_id=point.lead_id,
    )  # fmt: skip
    session.flush()
    facts.record(session, point, lamp.OPENED, actor=actor)
    for commitment in point.commitments:
        start_commitment(session, commitment, actor=actor)
    session.flush()


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


def _declare(plan: WorkPlan) -> None:
    """From now on it runs; refused twice, and while anything is missing."""
    if plan.launched_at is not None:
        raise InvalidState(f"plan {plan.year} was launched", advice="这一年的工作要点已经启动，不能再次启动。")
    if lacking := gaps(plan):
        told = "；".join(f"{each.code} 缺{'、'.join(words)}" for each, words in list(lacking.items())[:MOST_TOLD])
        more = f" 等 {len(lacking)} 项" if len(lacking) > MOST_TOLD else ""
        raise InvalidState(
            f"{len(lacking)} commitments are incomplete", code="incomplete",
            advice=f"不能启动：{told}{more}。请先在“年度启动”页上补齐牵头处室、期限和口径。",
        )  # fmt: skip
    plan.launched_at = clock.now()


def _points(plan: WorkPlan) -> list[WorkPoint]:
    return [point for section in plan.sections for point in section.points]


def _commitments(plan: WorkPlan) -> list[Commitment]:
    return [commitment for point in _points(plan) for commitment in point.commitments]


def _point(data: Mapping[str, Any], units: Mapping[str, Unit], assumed: Sequence[str]) -> WorkPoint:
    return WorkPoint(
        id=ids.new(), number=data["number"], title=data["title"], lead_id=units[data["lead"]].id,
        commitments=[_commitment(number, each, units, assumed) for number, each in enumerate(data["commitments"], 1)],
    )  # fmt: skip


def _commitment(number: int, data: Mapping[str, Any], units: Mapping[str, Unit], assumed: Sequence[str]) -> Commitment:
    lead = units.get(data.get("lead", ""))
    return Commitment(
        id=ids.new(), number=number, code=data["code"], title=data["title"], kind=data["kind"], shape=data["shape"],
        starts_on=data["starts_on"], due_on=data.get("due_on"), cadence=data.get("cadence"),
        definition=data.get("definition"), assumed=data.get("assumed", assumed), lead_id=lead.id if lead else None,
        evidence=data.get("evidence", []), gates=data.get("gates", []),
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
