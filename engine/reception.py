"""Messages and signals from outside, sent by a person who may: to whom they may go, and who has received them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import correlation, ids, instances, messages
from engine.errors import NotAllowed
from engine.identity import Actor
from engine.models import EventKind, ProcessInstance


@dataclass(frozen=True)
class Received:
    """An instance that has a message now."""

    instance: ProcessInstance
    begun: bool
    """By this message; otherwise it waited for it."""


def message(
    session: Session,
    name: str,
    *,
    business_key: str | None = None,
    instance_id: str | None = None,
    correlation_keys: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
    every: bool = False,
    actor: Actor,
) -> list[Received]:
    """Correlate a message as `correlation` does. Refused as a whole if one that waits for it is not the sender's to move."""
    _require_sender(actor)
    instances.check_variables(payload or {})
    waiting = set(session.scalars(messages.subscriptions(EventKind.MESSAGE, name)))
    found = correlation.correlate(
        session, name, business_key=business_key, instance_id=instance_id, correlation_keys=correlation_keys,
        payload=payload, every=every, actor=actor,
    )  # fmt: skip
    _require_all(session, found, actor)
    return [
        Received(session.get_one(ProcessInstance, each, populate_existing=True), each not in waiting) for each in found
    ]


def signal(session: Session, name: str, payload: Mapping[str, Any] | None = None, *, actor: Actor) -> None:
    """Let every instance hear a signal once this transaction is committed."""
    _require_sender(actor)
    instances.check_variables(payload or {})
    _require_all(session, list(session.scalars(messages.subscriptions(EventKind.SIGNAL, name))), actor)
    messages.broadcast(session, name, payload or {}, dedupe_key=f"signal:{ids.new()}")


def _require_sender(actor: Actor) -> None:
    if not actor.has_role("process_designer"):
        raise NotAllowed(f"{actor.login} may not send", advice="只有流程设计员可以发送消息和信号。")


def _require_all(session: Session, instance_ids: list[str], actor: Actor) -> None:
    """Nothing was done yet that the refusal would not roll back."""
    for instance in session.scalars(select(ProcessInstance).where(ProcessInstance.id.in_(instance_ids))):
        if not instances.can_intervene(actor, instance):
            raise NotAllowed(f"{actor.login} may not move {instance.id}", advice=instances.MAY_NOT_INTERVENE)
