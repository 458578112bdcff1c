"""Who must not inspect, verify or judge a unit (回避, 教育督导条例 art. 10), by the facts on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from engine import clock, deadlines
from engine.models import Person, Position, RecusalFact, Submission, Unit

LEFT = "left"
"""The kind of fact that fades: somebody has left the unit, and some years later may judge it again."""


def from_unit(session: Session, unit_id: str | None) -> set[str]:
    """Logins of those who must recuse themselves from a unit."""
    return {login for login, _ in _in_force(session, Unit.id == unit_id)}


def why(session: Session, unit_id: str | None) -> dict[str, str]:
    """The same people, with the words by which they are refused."""
    return dict.fromkeys(from_unit(session, unit_id), "与该单位有利害关系，须回避（《教育督导条例》第十条）")


def faults_of_team(data: Mapping[str, Any], rows: str, column: str, barred: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a team as it was filled in: nobody is in it twice, one is in charge, and who is barred is not in it."""
    people = [row[column] for row in data[rows]]
    alone = len(set(people)) == len(people) and [row["duty"] for row in data[rows]].count("组长") == 1
    wrong = {} if alone else {rows: "每人只列一次，须有且只有一名组长"}
    return wrong | faults_of_rows(data, rows, column, barred)


def faults_of_rows(data: Mapping[str, Any], rows: str, column: str, barred: Mapping[str, str]) -> dict[str, str]:
    people = enumerate(row[column] for row in data[rows])
    return {f"{rows}.{n}.{column}": f"第{n + 1}行：{barred[who]}，请另选" for n, who in people if who in barred}


def pairs(session: Session) -> set[tuple[str, str]]:
    """Every login with the key of the unit from which it must recuse itself."""
    return _in_force(session, true())


def keep_away(session: Session, unit_id: str | None) -> set[str]:
    """Ids of those who neither inspect nor verify a unit: who must recuse themselves, and its own people."""
    recused = select(Person.id).where(Person.login.in_(from_unit(session, unit_id)))
    return set(session.scalars(recused.union(select(Position.person_id).where(Position.unit_id == unit_id))))


def took_part(session: Session, supervision_id: str | None) -> set[str]:
    """Ids of those who did anything in a supervision, the inspectors of its team and those who signed among them."""
    done = session.scalars(select(Submission).where(Submission.instance_id == supervision_id)).all()
    team = {row["inspector"] for each in done for row in each.data.get("team", [])}
    return {each.submitted_by_id for each in done} | set(
        session.scalars(select(Person.id).where(Person.login.in_(team)))
    )


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
