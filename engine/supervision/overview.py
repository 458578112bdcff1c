"""Rounds and findings as a person may see them."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from engine.identity import Actor
from engine.instances import OVERSEERS
from engine.models import Finding, SupervisionRound, Unit, Visit


def rounds(session: Session, actor: Actor) -> list[SupervisionRound]:
    """Rounds with visits to schools the person may look at, latest first."""
    visits = selectinload(SupervisionRound.visits)
    wanted = select(SupervisionRound).options(
        visits.joinedload(Visit.school), visits.joinedload(Visit.inspector), visits.joinedload(Visit.instance)
    )
    if not actor.roles & OVERSEERS:
        wanted = wanted.where(SupervisionRound.visits.any(Visit.school_id.in_(_units(actor))))
    return list(session.scalars(wanted.order_by(SupervisionRound.opened_at.desc())))


def visible(actor: Actor, opened: SupervisionRound) -> list[Visit]:
    """Those visits of a round that the person may look at."""
    return [visit for visit in opened.visits if actor.roles & OVERSEERS or _is_theirs(actor, visit.school)]


def _is_theirs(actor: Actor, unit: Unit) -> bool:
    return unit.key in actor.units or (unit.parent is not None and unit.parent.key in actor.units)


def findings(session: Session, actor: Actor) -> list[Finding]:
    """Findings of the schools the person may look at: open first, then latest."""
    wanted = select(Finding).options(
        joinedload(Finding.unit),
        joinedload(Finding.found_by),
        joinedload(Finding.closed_by),
        joinedload(Finding.instance),
    )
    if not actor.roles & OVERSEERS:
        wanted = wanted.where(Finding.unit_id.in_(_units(actor)))
    return list(session.scalars(wanted.order_by(Finding.closed_at.is_not(None), Finding.number.desc())))


def _units(actor: Actor) -> Select[str]:
    """The person's own units and what lies below them."""
    own = select(Unit.id).where(Unit.key.in_(actor.units))
    return select(Unit.id).where(Unit.key.in_(actor.units) | Unit.parent_id.in_(own))
