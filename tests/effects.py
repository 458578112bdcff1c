"""What jobs of the tests leave behind: one row per effect, in the transaction of the job, so that a double is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, db, ids, jobs
from engine.models import Incident, Job, Setting

KIND = "test.effect"


def leave(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler."""
    session.add(Setting(key=f"effect:{ids.new()}", value=payload["name"]))
    session.flush()


def left() -> list[str]:
    with db.reading() as session:
        return sorted(session.scalars(select(Setting.value).where(Setting.key.like("effect:%"))))


def plan(*names: str, kind: str = KIND, instance_id: str | None = None) -> None:
    """Jobs that are due now, one after the other in this order; they are to move the instance, if there is one."""
    with db.transaction() as session:
        moves = {"instance_id": instance_id} if instance_id else {}
        now = clock.now()
        jobs.add_many(
            session,
            [jobs.Planned(kind, now, {"name": name, **moves}, f"test:{name}", instance_id) for name in names],
        )


def job(name: str) -> Job | None:
    with db.reading() as session:
        return session.scalar(select(Job).where(Job.dedupe_key == f"test:{name}"))


def open_incidents() -> list[Incident]:
    with db.reading() as session:
        return list(session.scalars(select(Incident).where(Incident.resolved_at.is_(None))))
