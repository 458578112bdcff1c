"""Everything that must happen later is a row written in the transaction of its cause, and done once when it is due.

A worker claims a due row for the length of a lease, then acts and deletes the row in one transaction; whoever lost the
lease finds another holder in the row and does nothing. A handler that fails is tried again, then becomes an incident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from engine import clock, ids
from engine.db import transaction
from engine.models import Incident, Job, JobState, ProcessInstance

LEASE = timedelta(minutes=2)
BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""Waiting time after the first, second and third failure; the fourth becomes an incident."""

Handler = Callable[[Session, Mapping[str, Any]], None]
handlers: dict[str, Handler] = {}
"""Kind → what does it; filled by `application.assemble`."""


def add(
    session: Session,
    kind: str,
    due_at: datetime,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str,
    instance_id: str | None = None,
) -> None:
    """Remember to do something. A second row with the same `dedupe_key` is silently the same wish."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = {
        "id": ids.new(), "kind": kind, "due_at": due_at, "payload": dict(payload), "dedupe_key": dedupe_key,
        "instance_id": instance_id, "state": JobState.WAITING, "attempts": 0,
    }  # fmt: skip
    session.execute(dialect.insert(Job).values(row).on_conflict_do_nothing(index_elements=["dedupe_key"]))


def cancel(session: Session, dedupe_key: str) -> None:
    session.execute(delete(Job).where(Job.dedupe_key == dedupe_key))


def run_due(limit: int = 1_000) -> int:
    """Do what is due, one transaction each, until nothing is left or `limit` is reached; how many were done."""
    done = 0
    while done < limit and (claimed := _claim()):
        _do(*claimed)
        done += 1
    return done


def _claim() -> tuple[str, str, str | None] | None:
    """Take the oldest due row: its id, the lease under which it may be acted upon, and the instance it is about."""
    with transaction() as session:
        now = clock.now()
        free = or_(Job.lease_until.is_(None), Job.lease_until < now)
        due = select(Job).where(Job.state == JobState.WAITING, Job.due_at <= now, free)
        job = session.scalar(due.order_by(Job.due_at).limit(1).with_for_update(skip_locked=True))
        if job is None:
            return None
        job.lease, job.lease_until = ids.new(), now + LEASE
        job.attempts += 1
        return job.id, job.lease, job.instance_id


def _do(job_id: str, lease: str, instance_id: str | None) -> None:
    try:
        with transaction() as session:
            # First the instance, then its job, as a step does that cancels a timer: else each would wait for the other.
            about = select(ProcessInstance.id).where(ProcessInstance.id == instance_id)
            session.execute(about.with_for_update(key_share=True))
            job = session.scalar(select(Job).where(Job.id == job_id, Job.lease == lease).with_for_update())
            if job is None:
                return
            handlers[job.kind](session, job.payload)
            session.execute(delete(Job).where(Job.id == job_id, Job.lease == lease))
    except Exception as error:  # whatever a handler raises must not stop the worker; it is kept as an incident
        _note_failure(job_id, lease, error)


def _note_failure(job_id: str, lease: str, error: Exception) -> None:
    with transaction() as session:
        job = session.scalar(select(Job).where(Job.id == job_id, Job.lease == lease).with_for_update())
        if job is None:
            return
        if job.attempts <= len(BACKOFF):
            job.due_at = clock.now() + BACKOFF[job.attempts - 1]
            job.lease = job.lease_until = None
            return
        job.state = JobState.FAILED
        session.add(
            Incident(
                id=ids.new(),
                kind="job.failed",
                message=f"{job.kind}: {type(error).__name__}: {error}"[:2_000],
                instance_id=job.instance_id,
                job_id=job.id,
                created_at=clock.now(),
            )
        )
