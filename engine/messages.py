"""Messages between instances: a job delivers each one after the sender's commit, under the receiver's lock."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, jobs
from engine.models import EventSubscription


def send(session: Session, name: str, *, instance_id: str, dedupe_key: str) -> None:
    """Let an instance have a message once this transaction is committed; `runtime.deliver_message` brings it."""
    payload = {"name": name, "instance_id": instance_id}
    jobs.add(session, "message", clock.now(), payload, dedupe_key=dedupe_key, instance_id=instance_id)


def is_awaited(session: Session, instance_id: str, name: str) -> bool:
    waits = select(EventSubscription.token_id).where(
        EventSubscription.instance_id == instance_id, EventSubscription.name == name
    )
    return session.scalar(waits.limit(1)) is not None
