"""Who must not inspect, verify or judge a unit (回避, 教育督导条例 art. 10), by the facts on record."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from engine import clock, deadlines
from engine.models import Person, Position, RecusalFact, Unit

LEFT = "left"
"""The kind of fact that fades: somebody has left the unit, and some years later may judge it again."""


def from_unit(session: Session, unit_id: str | None) -> set[str]:
    """Logins of those who must recuse themselves from a unit."""
    return {login for login, _ in _in_force(session, Unit.id == unit_id)}


def pairs(session: Session) -> set[tuple[str, str]]:
    """Every login with the key of the unit from which it must recuse itself."""
    return _in_force(session, true())


def keep_away(session: Session, unit_id: str | None) -> set[str]:
    """Ids of those who neither inspect nor verify a unit: who must recuse themselves, and its own people."""
    recused = select(Person.id).where(Person.login.in_(from_unit(session, unit_id)))
    return set(session.scalars(recused.union(select(Position.person_id).where(Position.unit_id == unit_id))))


def _in_force(session: Session, which: ColumnElement[bool]) -> set[tuple[str, str]]:
    facts = select(Person.login, Unit.key, RecusalFact.kind, RecusalFact.left_on).select_from(RecusalFact).where(which)
    joined = facts.join(Person, RecusalFact.person_id == Person.id).join(Unit, RecusalFact.unit_id == Unit.id)
    rows, faded = session.execute(joined).all(), set()
    if any(kind == LEFT for _, _, kind, _ in rows):
        book = deadlines.current(session)
        limit = book.find("recusal_after_leaving", clock.now())
        faded = {
            left_on for _, _, kind, left_on in rows
            if kind == LEFT and left_on and limit and deadlines.count(book.calendar, limit, left_on).day < clock.today()
        }  # fmt: skip
    return {(login, key) for login, key, kind, left_on in rows if kind != LEFT or left_on not in faded}
