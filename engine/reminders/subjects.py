"""What people are reminded of, and who they are: one line of `FINDERS` for each kind of thing that has a due date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, handover, identity, models
from engine.models import Commitment, Finding, InstanceStatus, Person, ProcessInstance, TaskStatus, Unit, UserTask
from engine.runtime import Task

OWNER, HEAD, LEADER = RANKS = ("owner", "head", "leader")


@dataclass(frozen=True)
class Subject:
    """Something that is due and still waits, as it stands at this moment."""

    kind: str
    id: str
    title: str
    due_at: datetime
    why: str | None
    """The reason of the date."""
    leads_to: tuple[str, str]
    """What a notification about it opens: kind and id."""
    owners: frozenset[str]
    """Ids of people."""
    unit: Unit | None
    """In charge; its head and leader are told in the end."""


Finder = Callable[[Session, str], Subject | None]
"""None where the thing waits no more, or is not due any more."""


def find(session: Session, kind: str, subject_id: str) -> Subject | None:
    return FINDERS[kind](session, subject_id)


def owners_of(session: Session, task: UserTask | Task) -> frozenset[str]:
    """In whose inbox a task is: who has claimed it, else everybody it is offered to who may do it."""
    if task.assignee_id:
        return frozenset(
            session.scalars(select(Person.id).where(Person.id == task.assignee_id, Person.active))
        )  # fmt: skip
    return identity.members(session, task.candidate_groups) - set(task.excluded)


def people(session: Session, subject: Subject, ranks: Iterable[str]) -> frozenset[str]:
    """Who holds these ranks. Where nobody does, those of the next rank up are told."""
    holders = [subject.owners, _heads(session, subject), _leaders(session, subject)]
    nobody = frozenset[str]()
    return nobody.union(*(next(filter(None, holders[RANKS.index(rank) :]), nobody) for rank in ranks))


def _heads(session: Session, subject: Subject) -> frozenset[str]:
    if subject.unit is None:
        return frozenset()
    return identity.members(session, [f"{role}@{subject.unit.key}" for role in handover.HEADS])


def _leaders(session: Session, subject: Subject) -> frozenset[str]:
    """Who is in charge of the unit (分管), of a school its education bureau; else the bureau's leader. A proposal (待核对)."""
    unit = subject.unit
    if unit is None:
        return frozenset()
    deputies = identity.members(session, [f"deputy_leader@{unit.key}"])
    above = identity.members(session, [f"district_officer@{unit.parent.key}"]) if unit.parent else frozenset()
    return deputies or above or identity.members(session, ["bureau_leader"])


def _user_task(session: Session, task_id: str) -> Subject | None:
    task = session.get(UserTask, task_id)
    if task is None or task.status != TaskStatus.OPEN or task.due_at is None:
        return None
    return Subject(
        "user_task", task.id, f"{task.name}：{task.instance.title}", task.due_at, task.due_reason,
        ("user_task", task.id), owners_of(session, task), task.instance.unit,
    )  # fmt: skip


def _commitment(session: Session, commitment_id: str) -> Subject | None:
    commitment = session.get(Commitment, commitment_id)
    if commitment is None or commitment.result or not _runs(commitment.instance):
        return None
    return Subject(
        "commitment", commitment.id, f"任务 {commitment.code} {commitment.title}", clock.end_of(commitment.due_on),
        "工作要点中这项任务的期限", ("instance", commitment.instance_id or ""),
        identity.members(session, [f"officer@{commitment.lead.key}"]), commitment.lead,
    )  # fmt: skip


def _finding(session: Session, finding_id: str) -> Subject | None:
    """The school is chased for its rectification; here whoever found it is, who answers for its being closed (销号)."""
    finding = session.get(Finding, finding_id)
    if finding is None or not finding.is_open or finding.instance is None or not _runs(finding.instance):
        return None
    round_of_it = finding.instance.parent
    return Subject(
        "finding", finding.id, f"问题 {finding.number} {finding.title}（{finding.unit.name}）尚未销号",
        clock.end_of(finding.due_on), "整改通知中的期限", ("instance", finding.instance.id),
        frozenset({finding.found_by_id} if finding.found_by.active else ()), round_of_it.unit if round_of_it else None,
    )  # fmt: skip


def _oversight_item(session: Session, item_id: str) -> Subject | None:
    """The unit in charge is chased for its reports; here whoever registered the item is, who answers for its being closed."""
    item = session.get(models.OversightItem, item_id)
    if item is None or item.done_at or item.closed_at or not _runs(item.instance):
        return None
    return Subject(
        "oversight_item", item.id, f"{item.number} {item.title}（{item.lead.name}）尚未办结", item.due_at, item.due_reason,
        ("instance", item.instance_id), frozenset({item.registered_by_id} if item.registered_by.active else ()), None,
    )  # fmt: skip


def _runs(instance: ProcessInstance | None) -> bool:
    return instance is not None and instance.status == InstanceStatus.ACTIVE


FINDERS: dict[str, Finder] = {
    "user_task": _user_task, "commitment": _commitment, "finding": _finding, "oversight_item": _oversight_item,
}  # fmt: skip
