"""Rounds of school visits: the routine one that time opens, and those a work point asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import clock, ids, instances
from engine.identity import Actor
from engine.models import (
    Occurrence,
    ProcessInstance,
    SchoolBinding,
    SupervisionRound,
    Unit,
    Visit,
    WorkPoint,
)
from engine.recurrences.planning import Opener


def open_routine(session: Session, occurrence: Occurrence) -> ProcessInstance | None:
    """The round of a period (经常性督导), with a visit to every school that has its inspector."""
    key = f"routine:{occurrence.period_key}"
    opened = session.scalar(select(SupervisionRound).where(SupervisionRound.key == key))
    bindings = bindings_on(session, clock.today())
    if opened is None and bindings:
        opened = open_round(
            session, key=key, title=f"{occurrence.period_name}经常性督导", theme="办学行为、校园安全、师德师风等八个方面",
            visit_by=occurrence.ends_on, bindings=bindings, actor=None,
        )  # fmt: skip
    return opened.instance if opened else None


OPENERS: dict[str, Opener] = {"supervision.open_routine": open_routine}


def open_round(
    session: Session,
    *,
    key: str,
    title: str,
    theme: str,
    visit_by: date,
    bindings: Iterable[SchoolBinding],
    actor: Actor | None,
    point: WorkPoint | None = None,
    parent_id: str | None = None,
) -> SupervisionRound:
    """Create a round with one visit for each binding of a school and its inspector, and start its process."""
    opened = SupervisionRound(
        id=ids.new(), key=key, title=title, theme=theme, visit_by=visit_by, point_id=point.id if point else None,
        opened_at=clock.now(),
        visits=[
            Visit(id=ids.new(), number=number, school_id=binding.school_id, inspector_id=binding.inspector_id)
            for number, binding in enumerate(bindings, 1)
        ],
    )  # fmt: skip
    session.add(opened)
    session.flush()
    office = session.scalar(select(Unit.id).where(Unit.key == "DD"))
    opened.instance = instances.start(
        session, "supervision_round", {"round": opened.id}, actor=actor, title=title, business_key=key,
        unit_id=office, parent_id=parent_id or (point.instance_id if point else None),
    )  # fmt: skip
    session.flush()
    return opened


def bindings_on(session: Session, day: date, school_key: str | None = None) -> list[SchoolBinding]:
    """Which inspector answers for which school on a day."""
    lasting = or_(SchoolBinding.ends_on.is_(None), SchoolBinding.ends_on >= day)
    wanted = select(SchoolBinding).join(SchoolBinding.school).where(SchoolBinding.starts_on <= day, lasting)
    if school_key:
        wanted = wanted.where(Unit.key == school_key)
    return list(session.scalars(wanted.order_by(Unit.order)))
