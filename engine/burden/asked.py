"""要我办的: for schools and districts, one list of what is asked of them, by whom and until when, and what they have answered."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, instances
from engine.burden import contacts, requests
from engine.errors import NotFound
from engine.identity import Actor
from engine.models import Candidate, ProcessInstance, SchoolContact, TaskStatus, Unit, UserTask

ROLES = ("school_head", "school_officer", "district_officer")
LATEST = 30


class Asked(NamedTuple):
    tasks: list[tuple[UserTask, str]]
    """Due first, each with who asks."""
    visits: list[SchoolContact]
    answers: list[ProcessInstance]
    """Data requests, latest first."""


def of(session: Session, *, actor: Actor) -> Asked:
    """All that is open for the school or district, whoever in it is to do it."""
    ours = select(Unit).where(Unit.key.in_(actor.units), Unit.kind.in_(("school", "district")))
    units = {unit.id: unit for unit in session.scalars(ours)}
    if not units:
        advice = "这一页只给学校和区县教育局：机关处室请看负担台账。"
        raise NotFound(f"nothing is asked of {actor.login}", advice=advice)
    groups = {f"{role}@{unit.key}" for role in ROLES for unit in units.values()}
    offered = select(Candidate.user_task_id).where(Candidate.group_key.in_(groups))
    wanted = select(UserTask).join(UserTask.instance).where(
        UserTask.status == TaskStatus.OPEN, or_(ProcessInstance.unit_id.in_(units), UserTask.id.in_(offered)),
        or_(ProcessInstance.definition_key.not_in(instances.confidential), instances.visible(actor)),
    )  # fmt: skip
    whole = joinedload(UserTask.instance).joinedload(ProcessInstance.parent).joinedload(ProcessInstance.unit)
    due_first = wanted.order_by(UserTask.due_at.is_(None), UserTask.due_at, UserTask.id)
    tasks = [each for each in session.scalars(due_first.options(whole)) if groups & set(each.candidate_groups)]
    coming = SchoolContact.kind == contacts.VISIT, SchoolContact.ends_on >= clock.today()
    still = SchoolContact.unit_id.in_(units), SchoolContact.cancelled_at.is_(None)
    visits = select(SchoolContact).where(*coming, *still).order_by(SchoolContact.starts_on)
    mine = ProcessInstance.definition_key == requests.ANSWERING, ProcessInstance.unit_id.in_(units)
    answers = select(ProcessInstance).where(*mine).order_by(ProcessInstance.started_at.desc()).limit(LATEST)
    return Asked(
        [(task, _asker(task.instance)) for task in tasks], list(session.scalars(visits.options(*contacts.WHOLE))),
        list(session.scalars(answers)),
    )  # fmt: skip


def _asker(instance: ProcessInstance) -> str:
    above = instance.parent.unit if instance.parent else None
    return above.name if above and above.id != instance.unit_id else "市教育局"
