"""The job that reminds: it reads who answers for the thing when it fires, and says what the present stage says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from engine import clock, notifications, runtime
from engine.models import ReminderStage
from engine.notifications import Mail
from engine.reminders import schedule, subjects
from engine.reminders.subjects import Subject


def remind(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: tell whom the present stage means, and look ahead.

    After a downtime the latest stage speaks for all that were missed, to all whom they mean. A stage that was said for
    this due date is not said again, whatever makes the job look.
    """
    if payload["instance_id"]:
        runtime.lock(session, payload["instance_id"])
    subject = subjects.find(session, payload["subject"], payload["id"])
    if subject is None:
        return
    now, looked = clock.now(), datetime.fromisoformat(payload.get("looked") or payload["since"])
    passed = [stage for moment, stage in schedule.moments(session, subject.due_at) if looked < moment <= now]
    if passed:
        _tell(session, subject, passed[-1], {rank for stage in passed for rank in stage.recipients})
    schedule.forget(session, subject.id)
    schedule.look_after(session, {**payload, "looked": now.isoformat()}, subject.due_at, after=now)


def due_in_words(due_at: datetime, why: str | None) -> str:
    local = due_at.astimezone(clock.LOCAL)
    at = f" {local:%H:%M} " if schedule.is_by_the_hour(due_at) else ""
    return f"应于{local.year}年{local.month}月{local.day}日{at}办结" + (f"：{why}" if why else "")


def _tell(session: Session, subject: Subject, stage: ReminderStage, ranks: Collection[str]) -> None:
    notifications.notify(
        session, subjects.people(session, subject, ranks), schedule.KIND, f"{stage.words}：{subject.title}",
        due_in_words(subject.due_at, subject.why), about=subject.leads_to,
        dedupe_key=f"{schedule.KIND}:{subject.id}:{stage.id}:{subject.due_at.isoformat()}",
        mail=Mail.AT_ONCE if stage.basis == schedule.HOURS else Mail.DIGEST,
    )  # fmt: skip
