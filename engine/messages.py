"""Messages and signals on their way: whoever throws one goes on, a job brings it after the commit.

Who receives a message is found in `correlation`, when the job runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from engine import clock, jobs
from engine.models import EventKind, EventSubscription, StartSubscription
from engine.spiff import Thrown

if TYPE_CHECKING:
    from engine.runtime import Instance


def send(session: Session, name: str, *, instance_id: str, dedupe_key: str) -> None:
    """Let a certain instance have a message once this transaction is committed; `correlation.deliver` brings it."""
    payload = {"name": name, "instance_id": instance_id}
    jobs.add(session, "message", clock.now(), payload, dedupe_key=dedupe_key, instance_id=instance_id)


CHILD_FINISHED = "child_finished"
"""What a parent may wait for that has children of many processes."""


def tell_parent(session: Session, instance_id: str, definition_key: str, parent_id: str) -> None:
    """A child has ended: `<process>_finished` for its parent, or if that does not wait for it, `child_finished`.

    The parent counts what is still open when it hears this; it need not be waiting yet.
    """
    payload = {"name": f"{definition_key}_finished", "else": CHILD_FINISHED, "instance_id": parent_id}
    dedupe_key = f"finished:{instance_id}"
    jobs.add(session, "message", clock.now(), payload, dedupe_key=dedupe_key, instance_id=parent_id)


def pass_on(session: Session, instance: Instance, thrown: Thrown, number: str) -> None:
    """Let whoever is meant have what an instance has thrown, once this transaction is committed."""
    dedupe_key = f"{thrown.kind}:{instance.id}:{number}"
    if thrown.kind == EventKind.SIGNAL:
        broadcast(session, thrown.name, thrown.payload, dedupe_key=dedupe_key, but_not=instance.id)
        return
    key = thrown.correlation_key or instance.business_key
    told = {"name": thrown.name, "key": key, "payload": dict(thrown.payload)}
    jobs.add(session, "correlate", clock.now(), told, dedupe_key=dedupe_key, instance_id=instance.id)


def broadcast(
    session: Session, name: str, payload: Mapping[str, Any], *, dedupe_key: str, but_not: str | None = None
) -> int:
    """Let every instance have a signal that waits for it now, and begin what starts by it; how many will hear it."""
    told = {"kind": EventKind.SIGNAL, "name": name, "payload": dict(payload)}
    waiting = set(session.scalars(subscriptions(EventKind.SIGNAL, name))) - {but_not}
    for receiver in sorted(waiting):
        jobs.add(
            session, "message", clock.now(), {**told, "instance_id": receiver},
            dedupe_key=f"{dedupe_key}:{receiver}", instance_id=receiver,
        )  # fmt: skip
    starting = starts(session, EventKind.SIGNAL, name)
    for start in starting:
        wanted = {"definition_id": start.definition_id, "at": start.activity_id, "payload": dict(payload)}
        jobs.add(session, "start", clock.now(), wanted, dedupe_key=f"{dedupe_key}:{start.definition_key}")
    return len(waiting) + len(starting)


def is_awaited(session: Session, instance_id: str, kind: str, name: str) -> bool:
    waits = subscriptions(kind, name).where(EventSubscription.instance_id == instance_id)
    return session.scalar(waits.limit(1)) is not None


def subscriptions(kind: str, name: str) -> Select[str]:
    """Ids of the instances that wait for it."""
    return select(EventSubscription.instance_id).where(EventSubscription.name == name, EventSubscription.kind == kind)


def starts(session: Session, kind: str, name: str) -> list[StartSubscription]:
    """The start events of deployed processes that it triggers."""
    wanted = select(StartSubscription).where(StartSubscription.name == name, StartSubscription.kind == kind)
    return list(session.scalars(wanted.order_by(StartSubscription.definition_key)))
