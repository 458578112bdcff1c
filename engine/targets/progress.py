"""How targets stand on a day, by the figures that units reported and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from engine import clock, history, ids, user_tasks
from engine.decisions import shipped
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import Commitment, Figure, Submission, Target
from engine.runtime import Instance, ServiceTask, Told
from engine.targets import measures, school_table, subject
from engine.targets.figures import decimal, entries, filled
from engine.targets.measures import HUNDRED, ZERO, Reading

ACCUMULATE = {"sum", "list"}
"""Counts that grow over the year; they are held against a plan that runs evenly. Of anything else the level counts."""
IN_PARTS = {"list", "events"}
"""Counts of which every instance (a project, a case, a period) tells a part of its own; of others a unit tells the whole."""
UNKNOWN = "no_figure"
WORST_FIRST = "missed", "at_risk", UNKNOWN, "aspiration_missed", "on_track", "met"


@dataclass(frozen=True)
class TargetState:
    target: Target
    value: Decimal | None
    figures: Sequence[Figure]
    """Those that count."""
    superseded: Sequence[Figure]
    """Those that a later one of the same unit has replaced."""
    share: Decimal
    """How much of the way is gone, in percent."""
    asked: Mapping[str, Any]
    """What the decision table `indicator_result` was asked."""
    result: str
    word: str
    why: str

    @property
    def as_of(self) -> date | None:
        return max((figure.as_of for figure in self.figures), default=None)


def state_of(session: Session, commitment: Commitment, on: date) -> list[TargetState]:
    """How each target stood on a day. Batches and sessions are not among them: they are no quantities."""
    return states(session, [commitment], on)[commitment.id]


def states(session: Session, commitments: Iterable[Commitment], on: date) -> dict[str, list[TargetState]]:
    """The same for many, by commitment."""
    several = list(commitments)
    wanted = select(Figure).where(Figure.commitment_id.in_([each.id for each in several]), Figure.as_of <= on)
    ordered = wanted.order_by(Figure.as_of, Figure.reported_at, Figure.id)
    told: dict[tuple[str, int], list[Figure]] = {}
    for figure in session.scalars(ordered.options(joinedload(Figure.unit), joinedload(Figure.reported_by))):
        told.setdefault((figure.commitment_id, figure.target_number), []).append(figure)
    return {
        each.id: [_state(each, it, told.get((each.id, it.number), []), on) for it in subject.quantities(each)]
        for each in several
    }


def record(
    session: Session, commitment: Commitment, rows: Iterable[Mapping[str, Any]], *, instance: Instance,
    submission: Submission,
) -> None:  # fmt: skip
    """Keep the figures of a submission, as its unit's. What was kept before stays as it is; doing it twice adds nothing."""
    kept = select(Figure.id).where(Figure.user_task_id == submission.user_task_id).limit(1)
    if session.scalar(kept) is not None:
        return
    targets = {target.number: target for target in commitment.targets}
    for row in rows:
        told = {
            "commitment_id": commitment.id, "target_number": int(row["item"]), "as_of": date.fromisoformat(row["as_of"]),
            "measure": row["unit"], "source": row["source"], "evidence_kind": row["evidence_kind"],
            "instance_id": instance.id, "user_task_id": submission.user_task_id,
            "reported_by_id": submission.submitted_by_id, "reported_at": submission.submitted_at,
        }  # fmt: skip
        target = targets[told["target_number"]]
        of_schools = target.counting == "cv" and row.get("value") is None
        parts = school_table.parts(session, submission.data, target) if of_schools else []
        if parts:
            session.add_all(
                Figure(id=ids.new(), unit_id=part.unit_id, numerator=str(part.has), denominator=str(part.pupils),
                       entries=[part.item], **told)
                for part in parts
            )  # fmt: skip
            continue
        numbers = {name: row.get(name) for name in ("value", "numerator", "denominator")}
        written = {name: None if number is None else str(number) for name, number in numbers.items()}
        unit_id = instance.unit_id or commitment.lead_id
        session.add(Figure(id=ids.new(), unit_id=unit_id, entries=entries(row), **written, **told))
    session.flush()


def record_submitted(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """Keep the figures that were submitted last in this instance."""
    commitment = subject.find_commitment(session, instance.id)
    sent = [each for each in user_tasks.submissions(session, instance.id) if "figures" in each.data]
    if commitment is not None and sent:
        record(session, commitment, filled(sent[-1].data), instance=instance, submission=sent[-1])
        if school_table.is_filled(sent[-1].data):
            reason = "；".join(school_table.judged(session, sent[-1].data)) or "各校、各项全部达到"
            history.tell(session, instance, "schools.judged", actor, reason=reason)
        _note_bottom_lines(session, commitment, actor)


def _note_bottom_lines(session: Session, commitment: Commitment, actor: Actor | None) -> None:
    """What must not happen (底线) and has happened turns the lamp at once; a corrected figure turns it back."""
    known = {fact.kind for fact in facts.of_instance(session, commitment.instance_id or "")}
    for state in state_of(session, commitment, clock.today()):
        if state.target.counting == "events" and state.value is not None and (state.value or lamp.BREACHED in known):
            facts.record(
                session, commitment, lamp.BREACHED, actor=actor, name=state.target.name, count=float(state.value),
                unit=state.target.unit or "", hard=state.target.hardness == "硬",
            )  # fmt: skip


def assess(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """How the target stands that stands worst, with what the decision table was asked; without targets all is met."""
    return _worst(session, instance)


def conclude(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Keep the last figures, and judge as if every target were due: whoever asks to conclude has no more to show."""
    record_submitted(session, instance, variables=variables, actor=actor)
    return _worst(session, instance, due=True)


def _worst(session: Session, instance: Instance, **final: bool) -> dict[str, Any]:
    commitment = subject.find_commitment(session, instance.id)
    stand = state_of(session, commitment, clock.today()) if commitment else []
    if not stand:
        return {"indicator_result": "met"}
    asked = [{**each.asked, **final} for each in stand]
    results = [shipped.decide("indicator_result", each)["result"] for each in asked]
    worst = min(range(len(stand)), key=lambda n: WORST_FIRST.index(results[n]))
    return {"indicator_result": results[worst], **asked[worst]}


TABLE: dict[str, ServiceTask] = {
    "targets.record": record_submitted, "targets.assess": assess, "targets.conclude": conclude,
}  # fmt: skip


def _state(commitment: Commitment, target: Target, told: Sequence[Figure], on: date) -> TargetState:
    current = _current(commitment, target, told)
    readings = [
        Reading(decimal(each.value), decimal(each.numerator), decimal(each.denominator), tuple(each.entries))
        for each in current
    ]
    counting = measures.COUNTINGS[target.counting or "latest"]
    value, how = counting(readings, target.unit or "") if readings else (None, "尚无填报")
    goal, tolerance = decimal(target.value) or ZERO, decimal(target.tolerance) or ZERO
    operator, end = target.operator or "=", _end(commitment, target)
    met = value is not None and measures.met(operator, value, goal, tolerance)
    share = measures.way(operator, value, goal, tolerance) if value is not None else ZERO
    # What must not happen and has happened cannot be made good by the end of the year.
    lost = target.counting == "events" and value is not None and not met and operator in ("=", "<", "<=")
    pace = _pace(commitment.starts_on, end, on) if target.counting in ACCUMULATE else HUNDRED
    asked = {
        "hardness": target.hardness or "硬", "met": met, "due": on > end or lost,
        "share": float(min(HUNDRED, share * HUNDRED / pace)) if pace else 100.0,
    }  # fmt: skip
    row = shipped.decide("indicator_result", asked)
    if value is None and on <= end:
        row = {"result": UNKNOWN, "word": "尚无数据"}
    superseded = [each for each in told if each not in current]
    why = _why(commitment, target, value, how, end, current)
    return TargetState(target, value, current, superseded, share, asked, row["result"], row["word"], why)


def _current(commitment: Commitment, target: Target, told: Sequence[Figure]) -> list[Figure]:
    """Of each reporter the latest: of the same day the one reported last. The figures come in that order."""
    whole = [figure for figure in told if figure.instance_id == commitment.instance_id][-1:]
    if whole and target.counting in IN_PARTS:
        # The commitment itself tells the sum of all parts until that day: they are not counted again.
        told = [figure for figure in told if figure is whole[0] or figure.as_of > whole[0].as_of]

    def reporter(figure: Figure) -> tuple[str, ...]:
        if target.counting in IN_PARTS:
            return figure.unit_id, figure.instance_id
        return (figure.unit_id, *figure.entries) if target.counting == "cv" else (figure.unit_id,)

    latest = {reporter(figure): figure for figure in told}
    return [figure for figure in told if latest[reporter(figure)] is figure]


def _end(commitment: Commitment, target: Target) -> date:
    """The day the target names, else the commitment's own due date; until that is set, the end of the plan's year."""
    try:
        return date.fromisoformat(target.as_of or "")
    except ValueError:
        return commitment.due_on or date(commitment.point.section.plan.year, 12, 31)


def _pace(first: date, end: date, on: date) -> Decimal:
    """How much of the time is gone, in percent."""
    gone, whole = (min(on, end) - first).days + 1, (end - first).days + 1
    return HUNDRED * max(0, gone) / max(1, whole)


def _why(
    commitment: Commitment, target: Target, value: Decimal | None, how: str, end: date, current: Sequence[Figure]
) -> str:  # fmt: skip
    unit = target.unit or ""
    told = [f"{how}，现为 {measures.shown(value)}{unit}" if value is not None else how]
    told.append(f"目标 {measures.promise(target)}，截止 {end}")
    if current:
        told.append(f"数据截至 {max(figure.as_of for figure in current)}")
    told.append(f"口径：{target.definition or target.aggregation or commitment.definition or '未写明，待补'}")
    return "；".join(told)
