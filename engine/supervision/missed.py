"""Missed visits (漏访): written down when a month or term has ended, explained by whoever answered for the school, never taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, ids, notifications
from engine.errors import InvalidState, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import MissedVisit, Occurrence, ProcessInstance, SupervisionRound, Unit
from engine.recurrences.planning import Opener
from engine.supervision import frequency, overview, rounds


def note(session: Session, occurrence: Occurrence) -> ProcessInstance | None:
    """Write down what was missed in the periods that ended before this one; of those before the first routine round nothing is known."""
    today = occurrence.starts_on
    first = session.scalar(select(func.min(SupervisionRound.opened_at)).where(SupervisionRound.kind == "routine"))
    if first is None:
        return None
    begun = max(first.astimezone(clock.LOCAL).date(), today - frequency.AHEAD)
    known, visited = frequency.known(session, begun, today)
    noted = {tuple(row) for row in session.execute(
        select(MissedVisit.school_id, MissedVisit.rule, MissedVisit.period_key).where(MissedVisit.ended_on >= begun)
    )}  # fmt: skip
    for school in session.scalars(select(Unit).where(Unit.kind == "school")).all():
        days = visited.get(school.id, ())
        for duty in frequency.missed(known, days, today):
            if (school.id, duty.demand.rule, duty.period.key) not in noted:
                _add(session, school, duty, duty.made(days))
    session.flush()
    _tell(session, occurrence)
    return None


OPENERS: dict[str, Opener] = {"supervision.open_routine": rounds.open_routine, "supervision.note_missed": note}


class Missed(NamedTuple):
    row: MissedVisit
    made_up_on: date | None
    """The first visit afterwards (补访)."""
    explainable: bool


def listed(session: Session, actor: Actor, since: date = date.min) -> list[Missed]:
    """What a person may know of: what nobody has explained, however old, then what has ended since a day."""
    shown = MissedVisit.explained_at.is_(None) | (MissedVisit.ended_on >= since)
    wanted = select(MissedVisit).join(MissedVisit.school).where(overview.theirs(actor, MissedVisit.school_id), shown)
    held = session.scalars(
        wanted.order_by(MissedVisit.explained_at.is_not(None), MissedVisit.ended_on.desc(), Unit.order)
        .options(joinedload(MissedVisit.school), joinedload(MissedVisit.inspector))
    ).all()  # fmt: skip
    visited = frequency.visited(session, min((each.ended_on for each in held), default=clock.today()))
    return [
        Missed(
            each, min((day for day in visited.get(each.school_id, ()) if day > each.ended_on), default=None),
            can_explain(actor, each),
        )
        for each in held
    ]  # fmt: skip


def can_explain(actor: Actor, missed: MissedVisit) -> bool:
    """The inspector who answered for the school; where there was none, the office that should have named one."""
    answers = actor.id == missed.inspector_id if missed.inspector_id else actor.has_role("inspectorate_office")
    return answers and missed.explained_at is None


def get(session: Session, missed_id: str, *, actor: Actor, lock: bool = False) -> MissedVisit:
    """For whoever is to explain it; of others, those who may see the school are told why they may not."""
    wanted = select(MissedVisit).where(MissedVisit.id == missed_id, overview.theirs(actor, MissedVisit.school_id))
    found = session.scalar(wanted.with_for_update() if lock else wanted)
    if found is None:
        raise NotFound(f"no missed visit {missed_id}", advice="没有这条漏访，或您无权查看。")
    if found.explained_at is not None:
        raise InvalidState(f"{missed_id} is explained", advice="这条漏访已经说明过原因，不能改写。")
    if not can_explain(actor, found):
        raise NotAllowed(f"{actor.login} may not explain {missed_id}", advice="漏访的原因由当时的责任督学说明。")
    return found


def explain(session: Session, missed_id: str, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Say why nobody came. It stays on the list, with the reason."""
    found = get(session, missed_id, actor=actor, lock=True)
    found.reason, found.explained_by_id, found.explained_at = data["reason"], actor.id, clock.now()


def _add(session: Session, school: Unit, duty: frequency.Duty, made: int) -> None:
    bound = next(iter(rounds.bindings_on(session, duty.working[-1], school.key)), None)
    session.add(MissedVisit(
        id=ids.new(), school_id=school.id, rule=duty.demand.rule, period_key=duty.period.key,
        period_name=duty.period.name, ended_on=duty.period.ends_on, demanded=f"{duty.demand.told}；实际{made}次",
        inspector_id=bound.inspector_id if bound else None, noted_at=clock.now(),
    ))  # fmt: skip


def _tell(session: Session, occurrence: Occurrence) -> None:
    """Each inspector hears once what they have to explain."""
    open_ = select(MissedVisit.inspector_id).where(MissedVisit.explained_at.is_(None))
    for person_id, count in Counter(filter(None, session.scalars(open_))).items():
        notifications.notify(
            session, [person_id], "missed_visit", f"{count}条漏访待说明原因", "请在“督导任务”页面逐条说明原因，并尽快补访。",
            dedupe_key=f"missed_visit:{occurrence.period_key}",
        )  # fmt: skip
