"""Rounds of school visits: the monthly one that time opens, and those a work point asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from engine import clock, ids, instances, jobs
from engine.identity import Actor
from engine.models import Finding, SchoolBinding, SupervisionRound, Unit, Visit, WorkPoint

MONTHLY = "supervision.monthly_round"


def schedule_monthly(session: Session, month: date) -> None:
    """Remember to open the round of a month when it begins. Twice is once."""
    first = month.replace(day=1)
    payload = {"month": first.isoformat()}
    jobs.add(session, MONTHLY, clock.start_of(first, hour=6), payload, dedupe_key=f"{MONTHLY}:{first:%Y-%m}")


def open_monthly(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: open the month's round, unless it is open, and look ahead to the next month.

    After a long pause months that are over are not made up for: nobody can visit a school in the past.
    """
    month = date.fromisoformat(payload["month"])
    following = (month + timedelta(days=32)).replace(day=1)
    schedule_monthly(session, following)
    if following <= clock.today():
        return
    key = f"routine:{month:%Y-%m}"
    if session.scalar(select(SupervisionRound.id).where(SupervisionRound.key == key)):
        return
    bindings = bindings_on(session, clock.today())
    open_round(
        session, key=key, title=f"{month.year}年{month.month}月经常性督导", theme="办学行为、校园安全、师德师风等八个方面",
        visit_by=following - timedelta(days=1), bindings=bindings, actor=None,
    )  # fmt: skip


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
        unit_id=office, parent_id=point.instance_id if point else None,
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


def next_number(session: Session, at: datetime) -> str:
    """The number of the next finding of a year; the unique column settles a race, so none is given twice."""
    year = at.astimezone(clock.LOCAL).year
    highest = session.scalar(select(func.max(Finding.number)).where(Finding.number.like(f"{year}-%")))
    return f"{year}-{int(highest.split('-')[1]) + 1 if highest else 1:04}"
