"""What an administrator does with a job: let it be tried now, or say how often it may still be tried."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from engine import clock, incidents, instances, jobs
from engine.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import Incident, Job, JobState, ProcessInstance

ATTEMPTS = len(jobs.BACKOFF) + 1


def can_control(actor: Actor) -> bool:
    return actor.has_role("system_admin")


def visible(actor: Actor, instance_id: InstrumentedAttribute[str | None]) -> ColumnElement[bool]:
    """Rows that a person may look at, for a query: all, for who runs the installation; else those of instances in sight."""
    if can_control(actor):
        return true()
    return instance_id.in_(select(ProcessInstance.id).where(instances.visible(actor)))


def get(session: Session, job_id: str, *, actor: Actor) -> Job:
    found = session.scalar(select(Job).where(Job.id == job_id, visible(actor, Job.instance_id)))
    if found is None:
        raise NotFound(f"no job {job_id}", advice="没有这项作业，或您无权查看。")
    return found


def get_incident(session: Session, incident_id: str, *, actor: Actor) -> Incident:
    found = session.scalar(select(Incident).where(Incident.id == incident_id, visible(actor, Incident.instance_id)))
    if found is None:
        raise NotFound(f"no incident {incident_id}", advice="没有这项异常，或您无权查看。")
    return found


def retries_left(job: Job) -> int:
    """How often it will still be tried by itself."""
    return 0 if job.state == JobState.FAILED else max(ATTEMPTS - job.attempts, 0)


def execute(session: Session, job_id: str, *, actor: Actor) -> None:
    """Let a job that has failed be tried at the next tick. One whose time has not come is refused: it would do nothing."""
    job, incident = _held(session, job_id, actor)
    if job.state == JobState.FAILED:
        _revive(session, job, incident, ATTEMPTS, actor)
    elif job.attempts:
        job.due_at = clock.now()
    elif job.due_at > clock.now():
        raise InvalidState(f"job {job_id} is not due", code="not_due", advice="还没到时间，不能提前执行。")


def set_retries(session: Session, job_id: str, retries: int, *, actor: Actor) -> None:
    """Say how often a job may still be tried; one that gave up is tried again."""
    if not 1 <= retries <= ATTEMPTS:
        raise InvalidInput(f"{retries} retries", code="retries", advice=f"重试次数须为 1–{ATTEMPTS}。")
    job, incident = _held(session, job_id, actor)
    if job.state == JobState.FAILED:
        _revive(session, job, incident, retries, actor)
    else:
        job.attempts = ATTEMPTS - retries


def _held(session: Session, job_id: str, actor: Actor) -> tuple[Job, Incident | None]:
    """The job with its open incident, locked in this order, as everybody does."""
    get(session, job_id, actor=actor)
    if not can_control(actor):
        raise NotAllowed(f"{actor.login} may not control jobs", advice="只有系统管理员可以处理作业。")
    open_one = select(Incident).where(Incident.job_id == job_id, Incident.resolved_at.is_(None)).with_for_update()
    incident = session.scalar(open_one)
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound(f"no job {job_id}", advice="这项作业已经完成。")
    return job, incident


def _revive(session: Session, job: Job, incident: Incident | None, retries: int, actor: Actor) -> None:
    job.state, job.attempts, job.due_at = JobState.WAITING, ATTEMPTS - retries, clock.now()
    job.lease = job.lease_until = None
    if incident:
        incidents.resolve(session, incident, incidents.RETRIED, actor=actor)
