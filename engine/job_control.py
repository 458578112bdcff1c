"""One job in an administrator's hands: let it be tried now, or say how often it may still be tried."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import administration, clock, jobs
from engine.errors import InvalidInput, InvalidState, NotFound
from engine.identity import Actor
from engine.models import Incident, Job, JobState


def get(session: Session, job_id: str, *, actor: Actor) -> Job:
    """The job, if this person may know of it."""
    found = session.scalar(administration.jobs_for(actor).where(Job.id == job_id))
    if found is None:
        raise NotFound(f"no job {job_id}", advice="没有这项作业，或您无权查看。")
    return found


def retries_left(job: Job) -> int:
    """How often it will still be tried by itself."""
    return 0 if job.state == JobState.FAILED else max(jobs.ATTEMPTS - job.attempts, 0)


def execute(session: Session, job_id: str, *, actor: Actor) -> None:
    """Let a job that has failed be tried at the next tick. One whose time has not come is refused: it would do nothing."""
    job = _held(session, job_id, actor)
    if job.state == JobState.WAITING and job.attempts:
        job.due_at = clock.now()
    elif job.state == JobState.WAITING and job.due_at > clock.now():
        raise InvalidState(f"job {job_id} is not due", code="not_due", advice="还没到时间，不能提前执行。")


def set_retries(session: Session, job_id: str, retries: int, *, actor: Actor) -> None:
    """Say how often a job may still be tried; one that gave up is tried again."""
    if not 1 <= retries <= jobs.ATTEMPTS:
        raise InvalidInput(f"{retries} retries", code="retries", advice=f"重试次数须为 1–{jobs.ATTEMPTS}。")
    job = _held(session, job_id, actor)
    job.attempts = jobs.ATTEMPTS - retries


def _held(session: Session, job_id: str, actor: Actor) -> Job:
    """The job, locked; if it gave up, its incident is settled and it waits again."""
    get(session, job_id, actor=actor)
    administration.require_can_resolve(actor)
    unresolved = select(Incident.id).where(Incident.job_id == job_id, Incident.resolved_at.is_(None))
    incident_id = session.scalar(unresolved)
    if incident_id:
        administration.retry(session, incident_id, actor=actor)
    job = session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None:
        raise NotFound(f"no job {job_id}", advice="这项作业已经完成。")
    return job
