"""What people see of jobs and incidents, and what an administrator does about an incident: try again, or give up."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from engine import clock, history, incidents, instances, jobs, messages, runtime
from engine.db import transaction
from engine.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import (
    Candidate,
    EventSubscription,
    Incident,
    InstanceStatus,
    Job,
    ProcessInstance,
    TaskStatus,
    UserTask,
    table,
)
from engine.runtime import Instance
from engine.spiff import StateDamaged

INSTANCE, TASK, JOB = table(ProcessInstance), table(UserTask), table(Job)
CANDIDATE, SUBSCRIPTION = table(Candidate), table(EventSubscription)
PAGE = 50


def can_resolve(actor: Actor) -> bool:
    """Those who run the installation; it is no business of those whose processes stand still."""
    return actor.has_role("system_admin")


def require_can_resolve(actor: Actor) -> None:
    if not can_resolve(actor):
        raise NotAllowed(f"{actor.login} may not resolve incidents", advice="异常由系统管理员处理，您无权查看或处理。")


def jobs_for(actor: Actor) -> Select[Job]:
    """What waits to be done and what gave up, first due first; of others only what moves instances they may look at."""
    return select(Job).where(_visible(actor, Job.instance_id)).order_by(Job.due_at, Job.id)


def incidents_for(actor: Actor, *, resolved: bool = False) -> Select[Incident]:
    """The open incidents, oldest first, or the resolved ones, latest first; of others only those of instances they may look at."""
    mine = select(Incident).where(_visible(actor, Incident.instance_id))
    if resolved:
        return mine.where(Incident.resolved_at.is_not(None)).order_by(Incident.resolved_at.desc(), Incident.id)
    unsettled = mine.where(Incident.resolved_at.is_(None), ~incidents.is_over())
    return unsettled.order_by(Incident.created_at, Incident.id)


def page_of(session: Session, wanted: Select[Incident], page: int = 1) -> list[Incident]:
    """One page of a selection with what a list shows of each."""
    whole = wanted.options(
        joinedload(Incident.instance).joinedload(ProcessInstance.unit), joinedload(Incident.resolved_by)
    )
    return list(session.scalars(whole.limit(PAGE).offset((page - 1) * PAGE)))


def count(session: Session, wanted: Select[Incident]) -> int:
    return session.scalar(select(func.count()).select_from(wanted.order_by(None).subquery())) or 0


def jobs_behind(session: Session, those: Iterable[Incident]) -> dict[str, Job]:
    """The jobs that gave up, by id; one that is no longer needed is gone."""
    wanted = select(Job).where(Job.id.in_([each.job_id for each in those if each.job_id]))
    return {job.id: job for job in session.scalars(wanted)}


def instances_in_sight(session: Session, actor: Actor, those: Iterable[Incident]) -> set[str]:
    """Which of the instances this person may also look into: running the installation is not reading its files."""
    theirs = [each.instance_id for each in those if each.instance_id]
    wanted = select(ProcessInstance.id).where(ProcessInstance.id.in_(theirs), instances.visible(actor))
    return set(session.scalars(wanted))


def get(session: Session, incident_id: str, *, actor: Actor) -> Incident:
    """The incident, for those who may resolve it."""
    require_can_resolve(actor)
    incident = session.get(Incident, incident_id)
    if incident is None:
        raise NotFound(f"no incident {incident_id}", advice="没有这项异常。")
    return incident


def retry(session: Session, incident_id: str, *, actor: Actor) -> Incident:
    """Let what gave up be tried again now, as if for the first time. An instance is also looked at afresh."""
    incident, instance = _take_up(session, incident_id, actor)
    jobs.revive(session, _jobs_of(incident))
    if instance and _is_whole(incident):
        look, key = {"instance_id": instance.id}, f"look:{incident.id}"
        jobs.add(session, "timer", clock.now(), look, dedupe_key=key, instance_id=instance.id)
    _resolve(session, incident, instance, incidents.RETRIED, actor)
    return incident


def cancel(session: Session, incident_id: str, reason: str, *, actor: Actor) -> Incident:
    """Give up: the job goes, and where all of an instance stands still, the instance ends. History keeps the reason."""
    reason = reason.strip()
    if not reason:
        raise InvalidInput("no reason given", code="reason", advice="请写明取消的原因。")
    incident, instance = _take_up(session, incident_id, actor)
    jobs.drop(session, _jobs_of(incident))
    _resolve(session, incident, instance, incidents.CANCELLED, actor, reason)
    if instance and _is_whole(incident):
        _end(session, instance, actor, reason)
        tidy(session)
    return incident


def report(damage: StateDamaged) -> None:
    """Open an incident for what somebody met on the way, in a transaction of its own: theirs is rolled back."""
    if damage.instance_id:
        with transaction() as session:
            incidents.record(session, incidents.STATE_DAMAGED, damage.advice, instance_id=damage.instance_id)


def tidy(session: Session) -> None:
    """Do away with what gave up on instances that have ended, and close the incidents that nobody needs any more."""
    jobs.drop_late(session)
    incidents.settle(session)


def _visible(actor: Actor, instance_id: InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    """Whoever runs the installation sees all that waits in it; a designer what moves no instance, too."""
    if actor.has_role("system_admin"):
        return true()
    seen = instances.in_sight(actor, instance_id)
    return or_(seen, instance_id.is_(None)) if actor.has_role("process_designer") else seen


def _take_up(session: Session, incident_id: str, actor: Actor) -> tuple[Incident, Instance | None]:
    """The incident, locked after its instance. The loser of a race learns that it is settled."""
    incident = get(session, incident_id, actor=actor)
    instance = runtime.lock(session, incident.instance_id) if incident.instance_id else None
    session.refresh(incident, with_for_update=True)
    if incident.resolved_at is not None:
        raise InvalidState(f"incident {incident_id} is resolved", code="resolved", advice="这项异常已经处理过了。")
    return incident, instance


def _jobs_of(incident: Incident) -> ColumnElement[bool]:
    if not _is_whole(incident):
        return JOB.c.id == incident.job_id
    return and_(JOB.c.instance_id == incident.instance_id, JOB.c.kind.in_(jobs.MOVING))


def _is_whole(incident: Incident) -> bool:
    return incidents.KINDS[incident.kind].of_instance


def _resolve(
    session: Session, incident: Incident, instance: Instance | None, how: str, actor: Actor, reason: str | None = None
) -> None:  # fmt: skip
    incidents.resolve(session, incident, how, actor=actor, reason=reason)
    if instance:
        detail = {"incident": incident.kind, "message": incident.message} | ({"reason": reason} if reason else {})
        history.note(session, instance, Entry(f"incident.{how}", actor.id, detail=detail))


def _end(session: Session, instance: Instance, actor: Actor, reason: str) -> None:
    if instance.status != InstanceStatus.ACTIVE:
        return
    try:
        runtime.terminate(session, instance, actor=actor, reason=reason)
    except StateDamaged:
        _end_unread(session, instance, actor, reason)


def _end_unread(session: Session, instance: Instance, actor: Actor, reason: str) -> None:
    """End an instance whose state cannot be read; the tables know what waits in it."""
    now = clock.now()
    open_tasks = TASK.c.instance_id == instance.id, TASK.c.status == TaskStatus.OPEN
    offered = select(TASK.c.id).where(*open_tasks)
    session.execute(delete(CANDIDATE).where(CANDIDATE.c.user_task_id.in_(offered)))
    session.execute(update(TASK).where(*open_tasks).values(status=TaskStatus.CANCELLED, ended_at=now))
    session.execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.instance_id == instance.id))
    session.execute(delete(JOB).where(JOB.c.instance_id == instance.id, JOB.c.kind.in_(jobs.MOVING)))
    ended = {"status": InstanceStatus.TERMINATED, "ended_at": now}
    session.execute(update(INSTANCE).where(INSTANCE.c.id == instance.id).values(ended))
    history.note(session, instance, Entry("instance.terminated", actor.id, detail={"reason": reason}))
    if instance.parent_id:
        messages.tell_parent(session, instance.id, instance.definition_key, instance.parent_id)
