"""What the office may do to a recurrence: pause it, resume it, run it at once, correct its rule. Everything is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

import forms
from engine import clock, ids
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import Occurrence, Recurrence, RecurrenceChange
from engine.recurrences import office_calendar, planning
from engine.recurrences.periods import MONTHS, DayKind, Frequency

VIEWERS = {"system_admin", "process_designer", "office_supervisor", "inspectorate_office", "bureau_leader"}
SHOWN = 50


def can_view(actor: Actor) -> bool:
    """Those who see to it that duties are done, and those who run the installation."""
    return actor.roles & VIEWERS != frozenset()


def require_can_view(actor: Actor) -> None:
    if not can_view(actor):
        raise NotAllowed(f"{actor.login} may not see the schedule", advice="定时作业由办公室、督导室和系统管理员查看。")


def can_manage(actor: Actor, recurrence: Recurrence) -> bool:
    """The office's supervisors (督办员) all of them; the inspectorate's office those of its own unit."""
    own = recurrence.unit_key is not None and actor.has_role("inspectorate_office", recurrence.unit_key)
    return own or actor.has_role("office_supervisor")


def pause(session: Session, key: str, submitted: Mapping[str, Any], *, actor: Actor) -> Recurrence:
    """Let it rest, for a reason; what falls due meanwhile is not made up for. ValidationError names the fields at fault."""
    recurrence = _held(session, key, actor)
    reason = forms.get("recurrence.pause").load(submitted)["reason"]
    if not recurrence.active:
        raise InvalidState(f"{key} is not active", advice="它已经暂停。")
    recurrence.active = False
    return _changed(session, recurrence, "paused", actor, reason=reason)


def resume(session: Session, key: str, *, actor: Actor) -> Recurrence:
    """Let it recur from now on."""
    recurrence = _held(session, key, actor)
    if recurrence.active:
        raise InvalidState(f"{key} is active", advice="它已经启用。")
    _require_startable(session, recurrence)
    recurrence.active, recurrence.since = True, max(recurrence.since, clock.now())
    return _changed(session, recurrence, "resumed", actor)


def run_now(session: Session, key: str, *, actor: Actor) -> Recurrence:
    """Begin the occurrence of the period of today instead of waiting for its day. No period has a second one."""
    recurrence = _held(session, key, actor)
    _require_startable(session, recurrence)
    this = planning.now_in(session, recurrence)
    if this is None:
        raise InvalidState(f"{key} pauses", advice="现在是寒暑假，这项工作没有本期。")
    if session.get(Occurrence, (key, this.period.key)):
        raise InvalidState(
            f"{key} {this.period.key} is settled", advice=f"{this.period.name}已经执行过，不会重复执行。"
        )
    planning.begin(session, recurrence, this, asked_by_id=actor.id)
    return _changed(session, recurrence, "run", actor, reason=this.period.name)


def change(session: Session, key: str, submitted: Mapping[str, Any], *, actor: Actor) -> Recurrence:
    """Correct the rule. ValidationError names the fields at fault."""
    recurrence = _held(session, key, actor)
    wanted = forms.get("recurrence.rule").load(submitted)
    if misfits := dict(_misfits(recurrence, wanted)):
        raise ValidationError(misfits)
    before = {name: getattr(recurrence, name) for name, value in wanted.items() if getattr(recurrence, name) != value}
    for name in before:
        setattr(recurrence, name, wanted[name])
    return _changed(session, recurrence, "changed", actor, before=before) if before else recurrence


def changes(session: Session, key: str) -> list[RecurrenceChange]:
    """What was done to a recurrence, latest first."""
    mine = select(RecurrenceChange).where(RecurrenceChange.recurrence_key == key)
    wanted = mine.options(joinedload(RecurrenceChange.actor)).order_by(RecurrenceChange.at.desc())
    return list(session.scalars(wanted.limit(SHOWN)))


def _misfits(recurrence: Recurrence, rule: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What each field allows alone, but not in this recurrence or beside the others."""
    for name in ("day_number", "month", "hour"):
        if isinstance(rule[name], float):
            yield name, ["应为整数"]
    months = MONTHS.get(Frequency(recurrence.frequency), 1)
    if rule["month"] and (months == 1 or rule["month"] > months):
        yield "month", ["这个周期不分月份，应留空" if months == 1 else f"应在1到{months}之间"]
    if rule["day_kind"] == DayKind.WEEKDAY and rule["day_number"] not in range(1, 8):
        yield "day_number", ["星期应在1到7之间"]
    if rule["day_number"] == 0:
        yield "day_number", ["从1数起，不能是0"]


def _held(session: Session, key: str, actor: Actor) -> Recurrence:
    recurrence = planning.get(session, key, lock=True)
    if not can_manage(actor, recurrence):
        raise NotAllowed(
            f"{actor.login} may not manage {key}", advice="这项定期工作由办公室督办员管理；督导室可以管理本室的。"
        )
    return recurrence


def _require_startable(session: Session, recurrence: Recurrence) -> None:
    if not planning.can_start(session, recurrence):
        raise InvalidState(
            f"nothing to start for {recurrence.key}",
            advice=f"还没有编号为“{recurrence.definition_key}”的流程，请流程设计员部署后再试。",
        )


def _changed(
    session: Session, recurrence: Recurrence, kind: str, actor: Actor, *, reason: str | None = None,
    before: Mapping[str, Any] | None = None,
) -> Recurrence:  # fmt: skip
    """Write down who did it, and plan anew."""
    session.add(
        RecurrenceChange(
            id=ids.new(), recurrence_key=recurrence.key, at=clock.now(), actor_id=actor.id, kind=kind, reason=reason,
            before=dict(before or {}),
        )
    )  # fmt: skip
    session.flush()
    planning.plan(session, recurrence, office_calendar.of(session))
    return recurrence
