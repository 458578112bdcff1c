"""Who receives a message: found by name and key among those that wait, then given it under the receiver's lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from engine import instances, messages, runtime
from engine.errors import InvalidState
from engine.identity import Actor
from engine.models import EventKind, EventSubscription, InstanceStatus, ProcessInstance, StartSubscription

MOST_COMPARED = 1_000
"""Waiting instances whose variables are compared when a message is correlated by them."""


class NobodyWaits(InvalidState):
    """No instance waits for the message and none begins by it, or several do where one was meant."""


def deliver(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: a message or signal for a certain instance.

    One that does not wait for it (any more, or yet) loses nothing: it looks at the facts itself.
    """
    kind, told = payload.get("kind", EventKind.MESSAGE), payload.get("payload", {})
    names = filter(None, [payload["name"], payload.get("else")])
    any(_give(session, payload["instance_id"], kind, name, told, None) for name in names)


def deliver_thrown(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: a message that an instance has thrown, for the one that waits for its name and key."""
    correlate(session, payload["name"], business_key=payload["key"], payload=payload["payload"], actor=None)


def correlate(
    session: Session,
    name: str,
    *,
    business_key: str | None = None,
    instance_id: str | None = None,
    correlation_keys: Mapping[str, Any] | None = None,
    payload: Mapping[str, Any] | None = None,
    every: bool = False,
    actor: Actor | None,
) -> list[str]:
    """Give a message to the one instance that waits for it (or to every one), or begin a process that starts by it.

    Narrowed by correlation key, by instance, by the values of variables. NobodyWaits if none is found, or several.
    The ids of those that have received it, the new instance last.
    """
    waiting = _waiting(session, name, business_key, instance_id, correlation_keys or {})
    starting = [] if instance_id or waiting else messages.starts(session, EventKind.MESSAGE, name)
    if (not waiting and not starting) or (len(waiting) > 1 and not every):
        raise _undecided(name, len(waiting))
    received = [each for each in waiting if _give(session, each, EventKind.MESSAGE, name, payload or {}, actor)]
    if waiting and not received:
        # Whoever waited was served by somebody else between our look and our lock.
        raise _undecided(name, 0)
    return received + [_begin(session, each, payload or {}, business_key, actor) for each in starting]


def _undecided(name: str, waiting: int) -> NobodyWaits:
    found = f"有 {waiting} 个流程" if waiting else "没有流程"
    return NobodyWaits(
        f"{waiting} instances wait for message {name}", code="correlation",
        advice=f"{found}在等待消息“{name}”，无法确定交给谁。",
    )  # fmt: skip


def _waiting(
    session: Session, name: str, key: str | None, instance_id: str | None, variables: Mapping[str, Any]
) -> list[str]:
    wanted = messages.subscriptions(EventKind.MESSAGE, name)
    if key is not None:
        wanted = wanted.where(EventSubscription.correlation_key == key)
    if instance_id is not None:
        wanted = wanted.where(EventSubscription.instance_id == instance_id)
    found = sorted(set(session.scalars(wanted.limit(MOST_COMPARED))))
    return [each for each in found if not variables or _has(session, each, variables)]


def _has(session: Session, instance_id: str, wanted: Mapping[str, Any]) -> bool:
    instance = session.get_one(ProcessInstance, instance_id)
    variables = runtime.load(session, instance).variables()
    return all(name in variables and variables[name] == value for name, value in wanted.items())


def _give(
    session: Session, instance_id: str, kind: str, name: str, payload: Mapping[str, Any], actor: Actor | None
) -> bool:
    instance = runtime.lock(session, instance_id)
    if instance.status != InstanceStatus.ACTIVE or not messages.is_awaited(session, instance_id, kind, name):
        return False
    runtime.step(session, instance, lambda execution: execution.deliver(kind, name, payload), actor=actor)
    return True


def _begin(
    session: Session, start: StartSubscription, payload: Mapping[str, Any], key: str | None, actor: Actor | None
) -> str:
    begun = instances.start(
        session, start.definition_key, payload, actor=actor, definition_id=start.definition_id, business_key=key,
        at=start.activity_id,
    )  # fmt: skip
    return begun.id
