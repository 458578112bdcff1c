"""Messages between instances: a job delivers each one after the sender's commit, under the receiver's lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, jobs, runtime
from engine.models import InstanceStatus, MessageSubscription


def send(session: Session, name: str, *, instance_id: str, dedupe_key: str) -> None:
    """Let an instance have a message once this transaction is committed."""
    payload = {"name": name, "instance_id": instance_id}
    jobs.add(session, "message", clock.now(), payload, dedupe_key=dedupe_key, instance_id=instance_id)


def deliver(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler. An instance that does not wait for it (any more, or yet) loses nothing: it looks at the facts itself."""
    instance = runtime.lock(session, payload["instance_id"])
    waits = select(MessageSubscription).where(
        MessageSubscription.instance_id == instance.id, MessageSubscription.message_name == payload["name"]
    )
    if instance.status == InstanceStatus.ACTIVE and session.scalar(waits.limit(1)):
        runtime.step(session, instance, lambda execution: execution.deliver(payload["name"], {}), actor=None)
