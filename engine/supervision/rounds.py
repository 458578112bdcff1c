"""Rounds of school visits: the routine one that time opens, and those a work point asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import clock, identity, ids, instances, notifications
from engine.errors import NotAllowed
from engine.identity import Actor
from engine.models import Occurrence, ProcessInstance, SchoolBinding, SupervisionRound, Unit, Visit, WorkPoint
from engine.supervision import frequency
from engine.supervision.frequency import Next

FORM = "supervision.round"


def open_routine(session: Session, occurrence: Occurrence) -> ProcessInstance | None:
    """The round of a period (经常性督导): a visit to every school that must be visited before it ends and has its inspector.

    Where a school has none, the office is told.
    """
    key = f"routine:{occurrence.period_key}"
    opened = session.scalar(select(SupervisionRound).where(SupervisionRound.key == key))
    if opened is not None:
        return opened.instance
    today = max(clock.today(), occurrence.starts_on)
    known, visited = frequency.known(session, today, today + frequency.AHEAD)
    due: dict[str, Next] = {}
    for school in session.scalars(select(Unit.id).where(Unit.kind == "school")):
        coming = frequency.next_visit(known, visited.get(school, ()), today)
        if coming and coming.day <= occurrence.ends_on:
            due[school] = coming
    bound = bindings_on(session, today)
    _tell_of_gaps(session, key, due.keys() - {each.school_id for each in bound})
    bindings = [each for each in bound if each.school_id in due]
    if not bindings:
        return None
    return open_round(
        session, key=key, title=f"{occurrence.period_name}经常性督导", theme="办学行为、校园安全、师德师风等八个方面",
        visit_by=occurrence.ends_on, bindings=bindings, actor=None, kind="routine", all_matters=True, due=due,
    ).instance  # fmt: skip


def _tell_of_gaps(session: Session, key: str, schools: Iterable[str]) -> None:
    names = session.scalars(select(Unit.name).where(Unit.id.in_(list(schools))).order_by(Unit.order)).all()
    if names:
        notifications.notify(
            session, identity.members(session, ["inspectorate_office"]), "gap", f"{len(names)}所学校没有责任督学",
            f"本期应进校而没有责任督学：{'、'.join(names)}。请先安排责任督学。", dedupe_key=f"gap:{key}",
        )  # fmt: skip


def can_open(actor: Actor) -> bool:
    return actor.has_role("inspectorate_office")


def require_can_open(actor: Actor) -> None:
    if not can_open(actor):
        raise NotAllowed(f"{actor.login} may not open rounds", advice="督导轮次由督导室发起。")


def open_theme(session: Session, data: Mapping[str, Any], *, actor: Actor) -> SupervisionRound:
    """A round about one theme (专项主题), at the schools that are chosen."""
    require_can_open(actor)
    visit_by = date.fromisoformat(data["visit_by"])
    if visit_by < clock.today():
        raise ValidationError({"visit_by": ["进校期限不能早于今天"]})
    bindings = [each for each in bindings_on(session, clock.today()) if each.school.key in data["schools"]]
    return open_round(
        session, key=f"theme:{ids.new()}", title=f"{visit_by.year}年{data['theme']}专项督导", theme=data["theme"],
        visit_by=visit_by, bindings=bindings, actor=actor, all_matters=data["all_matters"],
    )  # fmt: skip


def open_round(
    session: Session, *, key: str, title: str, theme: str, visit_by: date, bindings: Iterable[SchoolBinding],
    actor: Actor | None, point: WorkPoint | None = None, parent_id: str | None = None, kind: str = "theme",
    all_matters: bool = False, due: Mapping[str, Next] | None = None,
) -> SupervisionRound:  # fmt: skip
    """Create a round with one visit for each binding of a school and its inspector, and start its process.

    `due` says of schools (by id) that have a day of their own until when and why.
    """
    opened = SupervisionRound(
        id=ids.new(), key=key, kind=kind, all_matters=all_matters, title=title, theme=theme, visit_by=visit_by,
        point_id=point.id if point else None, opened_at=clock.now(),
    )  # fmt: skip
    for number, binding in enumerate(bindings, 1):
        own = (due or {}).get(binding.school_id)
        opened.visits.append(Visit(
            id=ids.new(), number=number, school_id=binding.school_id, inspector_id=binding.inspector_id,
            due_on=own.day if own else None, due_reason=own.reason if own else None,
        ))  # fmt: skip
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
