"""How everything stood on a day, as it was known on that or on another day. Made from the facts each time, kept nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from engine import clock
from engine.lamps import lamp as judged
from engine.lamps import thresholds
from engine.lamps.facts import COLUMNS, FACT
from engine.lamps.lamp import Fact, Lamp, Thresholds
from engine.models import Commitment, WorkPoint, table

COMMITMENT, POINT = table(Commitment), table(WorkPoint)


@dataclass(frozen=True)
class Picture:
    """Lamps by id of the commitment or work point. A point's lamp is that of its worst commitment."""

    at: datetime
    known_at: datetime
    thresholds: Thresholds
    commitments: Mapping[str, Lamp]
    points: Mapping[str, Lamp]


def picture(
    session: Session, at: datetime, known_at: datetime | None = None, *which: ColumnElement[bool]
) -> Picture:  # fmt: skip
    """The lamps of commitments at a moment by what had been recorded by then (or until `known_at`). One query, whatever the plan.

    `which` narrows it, in terms of `Commitment` and `WorkPoint`.
    """
    known_at = known_at or at
    held = thresholds.in_force(session, at, known_at)
    about = FACT.c.subject_id == COMMITMENT.c.id, FACT.c.subject_kind == COMMITMENT.name
    wanted = (
        select(COMMITMENT.c.id, COMMITMENT.c.code, POINT.c.id, *COLUMNS)
        .select_from(COMMITMENT.join(POINT, COMMITMENT.c.point_id == POINT.c.id))
        .join(FACT, and_(*about, FACT.c.recorded_at <= known_at), isouter=True)
        .where(*which)
        .order_by(POINT.c.number, COMMITMENT.c.number)
    )
    told: dict[tuple[str, str, str], list[Fact]] = {}
    for commitment_id, code, point_id, *fact in session.connection().execute(wanted):
        known = told.setdefault((commitment_id, code, point_id), [])
        if fact[0] is not None:
            known.append(Fact(*fact))
    commitments: dict[str, Lamp] = {}
    members: dict[str, list[tuple[str, Lamp]]] = {}
    for (commitment_id, code, point_id), facts in told.items():
        commitments[commitment_id] = each = judged.lamp(facts, at, held)
        members.setdefault(point_id, []).append((code, each))
    points = {point_id: judged.of_group(lamps) for point_id, lamps in members.items()}
    return Picture(at, known_at, held, commitments, points)


def of_instances(session: Session, instance_ids: Iterable[str]) -> dict[str, Lamp]:
    """The lamps, now, of the commitments, findings and visits that instances run; by instance."""
    ours = FACT.c.instance_id.in_(list(instance_ids)), FACT.c.subject_kind != POINT.name
    told: dict[tuple[str, str], list[Fact]] = {}
    for instance_id, kind, *fact in session.connection().execute(
        select(FACT.c.instance_id, FACT.c.subject_kind, *COLUMNS).where(*ours)
    ):
        told.setdefault((instance_id, kind), []).append(Fact(*fact))
    held, now = thresholds.in_force(session), clock.now()
    return {
        instance_id: judged.lamp(facts, now, held if kind == COMMITMENT.name else held.for_steps())
        for (instance_id, kind), facts in told.items()
    }
