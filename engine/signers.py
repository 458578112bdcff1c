"""One signer more or less (加签、减签) while several are asked: the tally counts with whoever is asked now."""

from __future__ import annotations

from sqlalchemy.orm import Session

from engine import handover, history, identity, runtime
from engine.errors import InvalidInput, NotAllowed
from engine.history import Entry
from engine.identity import Actor
from engine.runtime import Instance, Task


def add(session: Session, task_id: str, login: str, *, actor: Actor) -> None:
    """Ask one more person beside those of this task (in a sequence: right after the one whose turn it is)."""
    instance, task = _locked(session, task_id, actor)
    person = identity.find(session, login)
    if person is None or not person.active:
        raise InvalidInput(f"no user {login}", code="signer", advice=f"没有用户“{login}”，不能加签。")
    if person.id in task.excluded:
        raise InvalidInput(
            f"{login} is excluded", code="signer", advice=f"不能请{person.name}加签：其办过所要审核的环节。"
        )
    _note(session, instance, task, "signer.added", login, actor)
    runtime.step(session, instance, lambda execution: execution.add_signer(task.id, login), actor=actor)


def remove(session: Session, task_id: str, *, actor: Actor) -> None:
    """Ask this task's person no more. If nobody is left to wait for, the votes that were given decide."""
    instance, task = _locked(session, task_id, actor)
    _note(session, instance, task, "signer.removed", None, actor)
    runtime.step(session, instance, lambda execution: execution.remove_signer(task.id), actor=actor)


def _locked(session: Session, task_id: str, actor: Actor) -> tuple[Instance, Task]:
    instance, task = handover.locked(session, task_id, actor=actor)
    if not can_change(actor, instance):
        raise NotAllowed(f"{actor.login} may not change signers", advice="只有承办单位负责人可以加签、减签。")
    return instance, task


def can_change(actor: Actor, instance: Instance) -> bool:
    """The heads of the unit in charge; of a process without one its designer."""
    if instance.unit_key is None:
        return actor.has_role("process_designer")
    return any(actor.has_role(role, instance.unit_key) for role in handover.HEADS)


def _note(session: Session, instance: Instance, task: Task, kind: str, login: str | None, actor: Actor) -> None:
    entry = Entry(
        kind, actor.id, task.process_key, task.activity_id, None, task.name, None, task.id,
        {"signer": login} if login else {},
    )  # fmt: skip
    history.record(session, instance, [entry])
