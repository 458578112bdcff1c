"""Who must not inspect, verify or judge a unit (回避, 教育督导条例 art. 10), by the facts on record."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from engine.models import Person, Position, RecusalFact, Unit


def from_unit(session: Session, unit_id: str | None) -> set[str]:
    """Logins of those who must recuse themselves from a unit."""
    return {login for login, _ in session.execute(_facts().where(Unit.id == unit_id))}


def pairs(session: Session) -> set[tuple[str, str]]:
    """Every login with the key of the unit from which it must recuse itself."""
    return {(login, key) for login, key in session.execute(_facts())}


def keep_away(session: Session, unit_id: str | None) -> set[str]:
    """Ids of those who neither inspect nor verify a unit: who must recuse themselves, and its own people."""
    recused = select(RecusalFact.person_id).where(RecusalFact.unit_id == unit_id)
    return set(session.scalars(recused.union(select(Position.person_id).where(Position.unit_id == unit_id))))


def _facts() -> Select[str, str]:
    facts = select(Person.login, Unit.key).select_from(RecusalFact)
    return facts.join(Person, RecusalFact.person_id == Person.id).join(Unit, RecusalFact.unit_id == Unit.id)
