"""job and incident: what waits to happen, what stands still, and trying again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload

from engine import administration, incidents, job_control
from engine.errors import NotFound
from engine.models import Incident, Job, JobState, ProcessInstance
from web.rest.fields import FLAG, Always, Answer, Body, Moment, Text, Whole
from web.rest.lists import Listing, after, before, equals, flag, like, matches, of_instance, of_its_process, one_of
from web.rest.resource import Resource

bp = Resource("rest_jobs", __name__)

CAMUNDAS_TYPES = {incidents.JOB_FAILED: "failedJob"}
"""What Camunda calls a kind of incident; ours without a counterpart keep their name."""


@dataclass(frozen=True)
class Planned:
    """A job with the instance it will move."""

    job: Job
    instance: ProcessInstance | None


class JobDto(Answer):
    id = Text(lambda planned: planned.job.id)
    dueDate = Moment(lambda planned: planned.job.due_at)
    processInstanceId = Text(lambda planned: planned.job.instance_id, allow_none=True)
    executionId = Text(lambda planned: planned.job.instance_id, allow_none=True)
    processDefinitionId = Text(lambda planned: planned.instance and planned.instance.definition_id, allow_none=True)
    processDefinitionKey = Text(lambda planned: planned.instance and planned.instance.definition_key, allow_none=True)
    retries = Whole(lambda planned: job_control.retries_left(planned.job))
    exceptionMessage = Text(lambda planned: planned.job.error, allow_none=True)
    jobDefinitionId = Text(lambda planned: planned.job.kind)
    priority = Always(0, {"type": "integer"})
    suspended = Always(False, FLAG)
    never = "createTime failedActivityId tenantId"


class IncidentDto(Answer):
    id = Text()
    incidentType = Text(lambda incident: CAMUNDAS_TYPES.get(incident.kind, incident.kind))
    incidentMessage = Text(attribute="message")
    incidentTimestamp = Moment(attribute="created_at")
    processInstanceId = Text(attribute="instance_id", allow_none=True)
    executionId = Text(attribute="instance_id", allow_none=True)
    processDefinitionId = Text(lambda incident: incident.instance and incident.instance.definition_id, allow_none=True)
    configuration = Text(attribute="job_id", allow_none=True)
    causeIncidentId = Text(attribute="id")
    rootCauseIncidentId = Text(attribute="id")
    never = "activityId annotation failedActivityId jobDefinitionId tenantId"


class JobRetriesDto(Body):
    retries = Whole(required=True)
    unsupported = "dueDate"


JOB, INCIDENT = JobDto(), IncidentDto()


def _planned(session: Session, found: Sequence[Job]) -> list[Planned]:
    moved = select(ProcessInstance).where(ProcessInstance.id.in_({job.instance_id for job in found if job.instance_id}))
    by_id = {each.id: each for each in session.scalars(moved)}
    return [Planned(job, by_id.get(job.instance_id or "")) for job in found]


Listing(
    "列出等待执行和已停下的作业", JOB, lambda: administration.jobs_for(g.actor),
    {
        "jobId": equals(Job.id),
        "jobIds": one_of(Job.id),
        "jobDefinitionId": equals(Job.kind),
        **of_its_process(Job.instance_id),
        "processInstanceIds": one_of(Job.instance_id),
        "executionId": equals(Job.instance_id),
        "timers": flag(Job.kind == "timer"),
        "messages": flag(Job.kind != "timer"),
        "withException": flag(Job.error.is_not(None)),
        "noRetriesLeft": flag(Job.state == JobState.FAILED),
        "withRetriesLeft": flag(Job.state != JobState.FAILED),
    },
    order=(Job.due_at, Job.id),
    sorts={"jobId": Job.id, "jobDueDate": Job.due_at, "processInstanceId": Job.instance_id},
    shown=_planned,
).mount(bp, "/job")  # fmt: skip


@bp.view("GET", "/job/<job_id>", "一项作业", answer=JOB)
def get(session: Session, job_id: str) -> Planned:
    (planned,) = _planned(session, [job_control.get(session, job_id, actor=g.actor)])
    return planned


@bp.view("POST", "/job/<job_id>/execute", "立即再试失败过的作业")
def execute(session: Session, job_id: str) -> None:
    job_control.execute(session, job_id, actor=g.actor)


@bp.view("PUT", "/job/<job_id>/retries", "设置还可重试的次数", body=JobRetriesDto())
def set_retries(session: Session, job_id: str, given: dict[str, Any]) -> None:
    job_control.set_retries(session, job_id, given["retries"], actor=g.actor)


def _incidents() -> Select[Incident]:
    """The open ones, as Camunda does: those that were settled are history."""
    return administration.incidents_for(g.actor).options(joinedload(Incident.instance))


def _of_type(written: str) -> ColumnElement[bool]:
    return Incident.kind.in_([kind for kind in incidents.KINDS if CAMUNDAS_TYPES.get(kind, kind) == written])


Listing(
    "列出未处理的异常", INCIDENT, _incidents,
    {
        "incidentId": equals(Incident.id),
        "incidentType": matches(_of_type),
        "incidentMessage": equals(Incident.message),
        "incidentMessageLike": like(Incident.message),
        "processInstanceId": equals(Incident.instance_id),
        "executionId": equals(Incident.instance_id),
        "processDefinitionId": of_instance(Incident.instance_id, equals(ProcessInstance.definition_id)),
        "processDefinitionKeyIn": of_instance(Incident.instance_id, one_of(ProcessInstance.definition_key)),
        "incidentTimestampBefore": before(Incident.created_at),
        "incidentTimestampAfter": after(Incident.created_at),
        "configuration": equals(Incident.job_id),
    },
    order=(Incident.created_at, Incident.id),
    sorts={"incidentId": Incident.id, "incidentTimestamp": Incident.created_at, "incidentType": Incident.kind,
           "processInstanceId": Incident.instance_id},
).mount(bp, "/incident")  # fmt: skip


@bp.view("GET", "/incident/<incident_id>", "一项异常", answer=INCIDENT)
def get_incident(session: Session, incident_id: str) -> Incident:
    found = session.scalar(_incidents().where(Incident.id == incident_id))
    if found is None:
        raise NotFound(f"no incident {incident_id}", advice="没有这项异常，或您无权查看。")
    return found
