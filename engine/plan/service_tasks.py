"""What the diagrams of the plan call by name."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, history, instances, messages, reminders, runtime, user_tasks
from engine.identity import Actor
from engine.lamps import facts, lamp, periods, picture
from engine.models import Commitment, InstanceStatus, ProcessInstance, Submission
from engine.plan import items
from engine.runtime import Instance, Told
from engine.targets import subject

OUTLIVE_THE_YEAR = "oversight_item", "supervision_round", "finding", "re_look", "formal_supervision_item"
"""督办 is closed by whoever verifies it, a finding (问题) by its evidence, a round with its last finding, a
formal supervision with its published report: not by the end of a year."""


def release_commitments(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """The point's plan is approved: let its commitments begin, and say when they are looked at."""
    for child in _open_commitments(session, instance):
        facts.record(session, subject.commitment_of(session, child), lamp.RELEASED, actor=actor)
        messages.send(session, "plan_approved", instance_id=child.id, dedupe_key=f"plan_approved:{child.id}")
    return {**next_quarter(session, instance, variables=variables, actor=actor), **_next_lamp_day(), "red_codes": []}


def next_quarter(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """The quarter is checked when it is over."""
    return {"quarter_ends_at": clock.start_of(periods.of("季", clock.today()).next, hour=8).isoformat()}


def count_red(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """How many commitments have turned red since the last look; the leader is asked about each once."""
    lamps = picture.of_instances(session, [child.id for child in _open_commitments(session, instance)])
    red = {instance_id for instance_id, each in lamps.items() if each.colour == lamp.Colour.RED}
    codes = sorted(session.scalars(select(Commitment.code).where(Commitment.instance_id.in_(red))))
    new = [code for code in codes if code not in variables.get("red_codes", [])]
    return {**_next_lamp_day(), "red_commitments": len(new), "red_codes": codes}


def _next_lamp_day() -> dict[str, Any]:
    """Monday, before the week begins."""
    monday = clock.today() + timedelta(days=7 - clock.today().weekday())
    return {"lamps_checked_at": clock.start_of(monday, hour=8).isoformat()}


def count_open_commitments(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    return {"open_commitments": len(_open_commitments(session, instance))}


def carry_over_commitments(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """The year is over: what is unfinished ends here and is carried over (结转)."""
    for child in _open_commitments(session, instance):
        commitment = subject.commitment_of(session, child)
        commitment.result = "carried_over"
        facts.record(session, commitment, lamp.CARRIED_OVER, actor=actor)
        reminders.forget(session, commitment.id)
        spared = [*OUTLIVE_THE_YEAR, *items.outliving(session, commitment)]
        for ending in [*instances.running_below(session, child.id, but_not=spared), child.id]:
            runtime.terminate(session, runtime.lock(session, ending), actor=actor, reason="年度截止，未完成，结转下年")


def record_archive(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    point = subject.point_of(session, instance)
    point.grade = user_tasks.told(session, instance.id, "evaluate_point")["grade"]
    point.archive_number = user_tasks.told(session, instance.id, "archive_point")["archive_number"]
    history.tell(session, instance, "point.archived", actor, grade=point.grade, archive_number=point.archive_number)
    facts.record(session, point, lamp.CLOSED, actor=actor)


def note_progress(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """Keep what was reported: how far it is, as of the day the report names, and that its period has a report."""
    report, commitment = (
        user_tasks.last(session, instance.id, "report_progress"),
        subject.commitment_of(session, instance),
    )
    if commitment.reported_at == report.submitted_at:
        return
    commitment.progress, commitment.reported_at = report.data["progress"], report.submitted_at
    as_of = _as_of(report)
    period = periods.of(commitment.cadence, as_of)
    facts.record(
        session, commitment, lamp.PROGRESS, actor=actor, happened_at=facts.end_of(as_of), percent=report.data["progress"]
    )  # fmt: skip
    facts.record(
        session, commitment, lamp.PERIOD_REPORTED, actor=actor, starts_on=period.first.isoformat(), name=period.name
    )  # fmt: skip


def schedule_next_report(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Not finished yet: the next report is asked for when the next reporting period begins."""
    note_progress(session, instance, variables=variables, actor=actor)
    commitment = subject.commitment_of(session, instance)
    begins = next_report(commitment, _as_of(user_tasks.last(session, instance.id, "report_progress")), clock.today())
    return {"next_report_at": clock.start_of(begins, hour=8).isoformat(), **report_period(commitment, begins)}


def close_commitment(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    commitment = subject.commitment_of(session, instance)
    items.require_none_open(session, commitment)
    commitment.result, commitment.progress = "completed", 100
    facts.record(session, commitment, lamp.DONE, actor=actor)
    reminders.forget(session, commitment.id)


def close_short(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """It ends with a target missed, which stays visible: its lamp is red for good."""
    commitment = subject.commitment_of(session, instance)
    items.require_none_open(session, commitment)
    commitment.result = "missed"
    facts.record(session, commitment, lamp.CLOSED, actor=actor, missed=True)
    reminders.forget(session, commitment.id)


def next_report(commitment: Commitment, reported: date, today: date) -> date:
    """When to ask again: with the period after the one reported, and early enough to be answered before the due date.

    What is nearly due, or late, is asked for every month, so that it can be finished whatever its cadence.
    """
    last = commitment.due_on - periods.FIRST_REPORT
    if today >= last:
        return periods.of(None, today).next
    return min(periods.of(commitment.cadence, reported).next, last)


def report_period(commitment: Commitment, begins: date) -> dict[str, str]:
    """From which day the time for a report runs, and the day it must not pass: the commitment's own; as ISO dates.

    What began before the plan was launched is counted from the launch.
    """
    earliest, today = max(begins, clock.today()), clock.today()
    return {
        "report_from": earliest.isoformat(),
        "report_by": max(commitment.due_on, today).isoformat(),
        # Instances of diagrams from before there were rules read this one.
        "report_due_at": max(min(earliest + periods.FIRST_REPORT, commitment.due_on), today).isoformat(),
    }


def _as_of(report: Submission) -> date:
    """The day whose state a report tells: the one it names, else the one on which it was sent."""
    named = report.data.get("as_of")
    return date.fromisoformat(named) if named else report.submitted_at.astimezone(clock.LOCAL).date()


def _open_commitments(session: Session, instance: Instance) -> list[ProcessInstance]:
    ours = (
        select(ProcessInstance)
        .join(Commitment, Commitment.instance_id == ProcessInstance.id)
        .where(ProcessInstance.parent_id == instance.id, ProcessInstance.status == InstanceStatus.ACTIVE)
    )
    return list(session.scalars(ours.order_by(ProcessInstance.id)))


TABLE: dict[str, runtime.ServiceTask] = {
    "plan.release_commitments": release_commitments,
    "plan.next_quarter": next_quarter,
    "plan.count_red": count_red,
    "plan.count_open_commitments": count_open_commitments,
    "plan.carry_over_commitments": carry_over_commitments,
    "plan.record_archive": record_archive,
    "commitment.note_progress": note_progress,
    "commitment.schedule_next_report": schedule_next_report,
    "commitment.close": close_commitment,
    "commitment.close_short": close_short,
}
