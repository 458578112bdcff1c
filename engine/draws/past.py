"""What earlier draws and visits mean for the next one: whose turn it is, who found trouble, who has gone often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from engine import clock
from engine.draws import draw
from engine.models import DrawRecord, Finding, Person, Submission, Unit, Visit

FOUND = "发现问题"


def batches_left(session: Session, series: str, keys: Collection[str], cycle: int) -> dict[str, int]:
    """In how many batches at the latest, the next one included, each must be drawn so that its cycle is kept."""
    left = dict.fromkeys(keys, cycle)
    drawn = select(DrawRecord).where(DrawRecord.series == series, DrawRecord.drawn_at.is_not(None))
    for record in session.scalars(drawn.order_by(DrawRecord.drawn_at)):
        for line in record.roster["objects"]:
            left[line["key"]] = max(1, left.get(line["key"], cycle) - 1)
        left |= dict.fromkeys((record.result or {"objects": []})["objects"], cycle)
    return {key: left[key] for key in keys}


def problems(session: Session, since: datetime) -> Counter[str]:
    """How often something was found with a unit or institution: findings, and random checks."""
    issued = select(Unit.key, func.count()).select_from(Finding).join(Unit, Finding.unit_id == Unit.id)
    found = _counted(session, issued.where(Finding.issued_at >= since).group_by(Unit.key))
    recorded = select(Submission.data).where(Submission.form_key == "random_check.records")
    for data in session.scalars(recorded.where(Submission.submitted_at >= since)):
        found.update(row["item"] for row in data["records"] if row["result"] == FOUND)
    return found


def visits_had(session: Session, since: datetime) -> Counter[str]:
    """How often each inspector has gone, or is to go because of a draw."""
    visited = select(Person.login, func.count()).select_from(Visit).join(Person, Visit.inspector_id == Person.id)
    first = since.astimezone(clock.LOCAL).date()
    had = _counted(session, visited.where(Visit.visited_on >= first).group_by(Person.login))
    for record in session.scalars(select(DrawRecord).where(DrawRecord.drawn_at >= since)):
        had.update(login for people in draw.final(record).values() for login in people)
    return had


def _counted(session: Session, wanted: Select[str, int]) -> Counter[str]:
    return Counter({row[0]: row[1] for row in session.execute(wanted)})
