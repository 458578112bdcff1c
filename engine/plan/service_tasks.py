"""What the diagrams of the plan call by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, history, messages, runtime, user_tasks
from engine.history import Entry
from engine.identity import Actor
from engine.models import Commitment, InstanceStatus, ProcessInstance, WorkPoint
from engine.recurrences import office_calendar, periods
from engine.runtime import Instance


def release_commitments(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> None:
    """The point's plan is approved: let its commitments begin."""
    for child in _open_commitments(session, instance):
        messages.send(session, "plan_approved", instance_id=child.id, dedupe_key=f"plan_approved:{child.id}")


def count_open_commitments(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    return {"open_commitments": len(_open_commitments(session, instance))}


def carry_over_commitments(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> None:
    """The year is over: what is unfinished ends here and is carried over (结转)."""
    for child in _open_commitments(session, instance):
        commitment = _commitment(session, child)
        commitment.result = "carried_over"
        runtime.terminate(session, runtime.lock(session, child.id), actor=actor, reason="年度截止，未完成，结转下年")


def record_archive(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    point = session.scalars(select(WorkPoint).where(WorkPoint.instance_id == instance.id)).one()
    point.grade = user_tasks.submissions(session, instance.id, "evaluate_point")[-1].data["grade"]
    point.archive_number = user_tasks.submissions(session, instance.id, "archive_point")[-1].data["archive_number"]
    detail = {"grade": point.grade, "archive_number": point.archive_number}
    history.record(session, instance, [Entry("point.archived", actor.id if actor else None, detail=detail)])


def note_progress(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Keep the latest figure beside the commitment, where the ledger reads it."""
    report = user_tasks.submissions(session, instance.id, "report_progress")[-1]
    commitment = _commitment(session, instance)
    commitment.progress, commitment.reported_at = report.data["progress"], report.submitted_at


def schedule_next_report(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Not finished yet: the next report is asked for when the next period begins."""
    note_progress(session, instance, variables=variables, actor=actor)
    commitment = _commitment(session, instance)
    begins = periods.following(commitment.cadence, clock.today(), office_calendar.of(session)).starts_on
    return {
        "next_report_at": clock.start_of(begins, hour=8).isoformat(),
        "report_due_at": report_due(commitment, begins),
    }


def close_commitment(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> None:
    note_progress(session, instance, variables=variables, actor=actor)
    _commitment(session, instance).result = "completed"


def report_due(commitment: Commitment, begins: date) -> str:
    """A report is due ten days after its period begins, at the latest when the commitment itself is; as ISO date.

    What began before the plan was launched is counted from the launch.
    """
    earliest = max(begins, clock.today())
    return max(min(earliest + timedelta(days=10), commitment.due_on), clock.today()).isoformat()


def _open_commitments(session: Session, instance: Instance) -> list[ProcessInstance]:
    ours = select(ProcessInstance).where(
        ProcessInstance.parent_id == instance.id,
        ProcessInstance.status == InstanceStatus.ACTIVE,
        ProcessInstance.definition_key == "commitment",
    )
    return list(session.scalars(ours.order_by(ProcessInstance.id)))


def _commitment(session: Session, instance: Instance | ProcessInstance) -> Commitment:
    return session.scalars(select(Commitment).where(Commitment.instance_id == instance.id)).one()


TABLE: dict[str, runtime.ServiceTask] = {
    "plan.release_commitments": release_commitments,
    "plan.count_open_commitments": count_open_commitments,
    "plan.carry_over_commitments": carry_over_commitments,
    "plan.record_archive": record_archive,
    "commitment.schedule_next_report": schedule_next_report,
    "commitment.close": close_commitment,
}
