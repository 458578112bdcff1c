"""history: instances, activities and user tasks, running and ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import g, request
from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from engine import history, instances, runtime
from engine.models import HistoryEvent, InstanceStatus, Person, ProcessInstance, TaskStatus, UserTask
from engine.spiff import Passed
from web.rest.fields import FLAG, Always, Answer, Moment, Text, Whole
from web.rest.lists import (
    PAGING,
    Listing,
    after,
    asks,
    before,
    equals,
    flag,
    is_person,
    like,
    matches,
    narrowed,
    of_instance,
    of_its_process,
    one_of,
    page,
    person,
)
from web.rest.resource import Resource

bp = Resource("rest_history", __name__)

STATES = {
    InstanceStatus.ACTIVE: "ACTIVE",
    InstanceStatus.COMPLETED: "COMPLETED",
    InstanceStatus.TERMINATED: "EXTERNALLY_TERMINATED",
}
REASONS = {TaskStatus.OPEN: None, TaskStatus.COMPLETED: "completed", TaskStatus.CANCELLED: "deleted"}


@dataclass(frozen=True)
class Told:
    """An instance with what other tables say of it."""

    instance: ProcessInstance
    started_by: str | None
    reason: str | None


@dataclass(frozen=True)
class Activity:
    """An element of a diagram that an instance has passed, or stands at."""

    id: str
    instance: ProcessInstance
    activity_id: str | None
    name: str | None
    type: str | None
    task_id: str | None
    assignee: str | None
    began: datetime
    ended: datetime | None


class HistoricProcessInstanceDto(Answer):
    id = Text(lambda told: told.instance.id)
    rootProcessInstanceId = Text(lambda told: told.instance.id)
    superProcessInstanceId = Text(lambda told: told.instance.parent_id, allow_none=True)
    businessKey = Text(lambda told: told.instance.business_key, allow_none=True)
    processDefinitionId = Text(lambda told: told.instance.definition_id)
    processDefinitionKey = Text(lambda told: told.instance.definition_key)
    processDefinitionName = Text(lambda told: told.instance.title)
    startTime = Moment(lambda told: told.instance.started_at)
    endTime = Moment(lambda told: told.instance.ended_at, allow_none=True)
    durationInMillis = Whole(lambda told: _millis(told.instance.started_at, told.instance.ended_at), allow_none=True)
    startUserId = Text(attribute="started_by", allow_none=True)
    deleteReason = Text(attribute="reason", allow_none=True)
    state = Text(lambda told: STATES[InstanceStatus(told.instance.status)])
    never = "tenantId"


class HistoricActivityInstanceDto(Answer):
    id = Text()
    activityId = Text(attribute="activity_id", allow_none=True)
    activityName = Text(attribute="name", allow_none=True)
    activityType = Text(attribute="type", allow_none=True)
    processInstanceId = Text(lambda activity: activity.instance.id)
    executionId = Text(lambda activity: activity.instance.id)
    processDefinitionId = Text(lambda activity: activity.instance.definition_id)
    processDefinitionKey = Text(lambda activity: activity.instance.definition_key)
    taskId = Text(attribute="task_id", allow_none=True)
    assignee = Text(allow_none=True)
    startTime = Moment(attribute="began")
    endTime = Moment(attribute="ended", allow_none=True)
    durationInMillis = Whole(lambda activity: _millis(activity.began, activity.ended), allow_none=True)
    canceled = Always(False, FLAG)
    completeScope = Always(False, FLAG)
    never = "tenantId"


class HistoricTaskInstanceDto(Answer):
    id = Text()
    name = Text()
    taskDefinitionKey = Text(attribute="activity_id")
    processInstanceId = Text(attribute="instance_id")
    rootProcessInstanceId = Text(attribute="instance_id")
    executionId = Text(attribute="instance_id")
    activityInstanceId = Text(lambda task: f"{task.activity_id}:{task.id}")
    processDefinitionId = Text(lambda task: task.instance.definition_id)
    processDefinitionKey = Text(lambda task: task.instance.definition_key)
    assignee = Text(lambda task: _login(task.completed_by or task.assignee), allow_none=True)
    startTime = Moment(attribute="created_at")
    endTime = Moment(attribute="ended_at", allow_none=True)
    duration = Whole(lambda task: _millis(task.created_at, task.ended_at), allow_none=True)
    due = Moment(attribute="due_at", allow_none=True)
    deleteReason = Text(lambda task: REASONS[TaskStatus(task.status)], allow_none=True)
    priority = Always(50, {"type": "integer"})
    never = (
        "caseDefinitionId caseDefinitionKey caseExecutionId caseInstanceId description followUp owner "
        "parentTaskId removalTime tenantId"
    )


INSTANCE, ACTIVITY, TASK = HistoricProcessInstanceDto(), HistoricActivityInstanceDto(), HistoricTaskInstanceDto()


def _told(session: Session, found: Sequence[ProcessInstance]) -> list[Told]:
    logins = _logins(session, {each.started_by_id for each in found})
    reasons = history.reasons(session, [each.id for each in found if each.status == InstanceStatus.TERMINATED])
    return [Told(each, logins.get(each.started_by_id), reasons.get(each.id)) for each in found]


Listing(
    "列出流程，运行中的和已结束的", INSTANCE, lambda: select(ProcessInstance).where(instances.visible(g.actor)),
    {
        "processInstanceId": equals(ProcessInstance.id),
        "processInstanceIds": one_of(ProcessInstance.id),
        "processDefinitionId": equals(ProcessInstance.definition_id),
        "processDefinitionKey": equals(ProcessInstance.definition_key),
        "processDefinitionKeyIn": one_of(ProcessInstance.definition_key),
        "processInstanceBusinessKey": equals(ProcessInstance.business_key),
        "processInstanceBusinessKeyLike": like(ProcessInstance.business_key),
        "superProcessInstanceId": equals(ProcessInstance.parent_id),
        "rootProcessInstances": flag(ProcessInstance.parent_id.is_(None)),
        "startedBy": person(ProcessInstance.started_by_id),
        "finished": flag(ProcessInstance.ended_at.is_not(None)),
        "unfinished": flag(ProcessInstance.ended_at.is_(None)),
        "active": flag(ProcessInstance.status == InstanceStatus.ACTIVE),
        "completed": flag(ProcessInstance.status == InstanceStatus.COMPLETED),
        "externallyTerminated": flag(ProcessInstance.status == InstanceStatus.TERMINATED),
        "startedBefore": before(ProcessInstance.started_at),
        "startedAfter": after(ProcessInstance.started_at),
        "finishedBefore": before(ProcessInstance.ended_at),
        "finishedAfter": after(ProcessInstance.ended_at),
    },
    order=(ProcessInstance.started_at, ProcessInstance.id),
    sorts={"instanceId": ProcessInstance.id, "definitionKey": ProcessInstance.definition_key,
           "definitionId": ProcessInstance.definition_id, "businessKey": ProcessInstance.business_key,
           "startTime": ProcessInstance.started_at, "endTime": ProcessInstance.ended_at},
    shown=_told,
).mount(bp, "/history/process-instance")  # fmt: skip


@bp.view("GET", "/history/process-instance/<instance_id>", "一个流程，运行中或已结束", answer=INSTANCE)
def get_instance(session: Session, instance_id: str) -> Told:
    (told,) = _told(session, [instances.get(session, instance_id, actor=g.actor)])
    return told


def _tasks() -> Select[UserTask]:
    return select(UserTask).where(instances.in_sight(g.actor, UserTask.instance_id)).options(
        joinedload(UserTask.instance), joinedload(UserTask.assignee), joinedload(UserTask.completed_by)
    )  # fmt: skip


def _done_by(login: str) -> ColumnElement[bool]:
    """Who has completed it, else who has it."""
    holds = and_(UserTask.completed_by_id.is_(None), is_person(UserTask.assignee_id, login))
    return or_(is_person(UserTask.completed_by_id, login), holds)


Listing(
    "列出待办，未办的和已办的", TASK, _tasks,
    {
        "taskId": equals(UserTask.id),
        **of_its_process(UserTask.instance_id),
        "processInstanceBusinessKey": of_instance(UserTask.instance_id, equals(ProcessInstance.business_key)),
        "taskDefinitionKey": equals(UserTask.activity_id),
        "taskDefinitionKeyIn": one_of(UserTask.activity_id),
        "taskName": equals(UserTask.name),
        "taskNameLike": like(UserTask.name),
        "taskAssignee": matches(_done_by),
        "finished": flag(UserTask.ended_at.is_not(None)),
        "unfinished": flag(UserTask.ended_at.is_(None)),
        "startedBefore": before(UserTask.created_at),
        "startedAfter": after(UserTask.created_at),
        "finishedBefore": before(UserTask.ended_at),
        "finishedAfter": after(UserTask.ended_at),
    },
    order=(UserTask.created_at, UserTask.id),
    sorts={"taskId": UserTask.id, "processInstanceId": UserTask.instance_id, "taskName": UserTask.name,
           "startTime": UserTask.created_at, "endTime": UserTask.ended_at, "dueDate": UserTask.due_at},
).mount(bp, "/history/task")  # fmt: skip


PASSED = {
    "processInstanceId": equals(HistoryEvent.instance_id),
    "activityId": equals(HistoryEvent.activity_id),
    "activityName": equals(HistoryEvent.activity_name),
    "activityType": equals(HistoryEvent.activity_type),
}
FINISHED = {"finished": FLAG, "unfinished": FLAG}


@bp.view(
    "GET", "/history/activity-instance", "列出经过的环节；指定流程时也列出所在的环节", answer=[ACTIVITY],
    query={name: each.json for name, each in PASSED.items()} | FINISHED | PAGING,
)  # fmt: skip
def list_activities(session: Session) -> list[Activity]:
    """What was passed, in order; for one instance also what it stands at."""
    instance_id = request.args.get("processInstanceId")
    found = [] if asks("unfinished") else _passed(session)
    if instance_id and not asks("finished"):
        found += _standing(session, instance_id)
    return found


def _passed(session: Session) -> list[Activity]:
    mine = instances.in_sight(g.actor, HistoryEvent.instance_id)
    wanted = select(HistoryEvent).where(HistoryEvent.kind.in_(history.PASSED), mine)
    wanted = narrowed(wanted, PASSED).order_by(HistoryEvent.at, HistoryEvent.instance_id, HistoryEvent.number)
    events = session.scalars(page(wanted)).all()
    logins = _logins(session, {event.actor_id for event in events})
    homes = select(ProcessInstance).where(ProcessInstance.id.in_({event.instance_id for event in events}))
    by_id = {each.id: each for each in session.scalars(homes)}
    return [
        Activity(
            f"{event.activity_id}:{event.instance_id}:{event.number}", by_id[event.instance_id], event.activity_id,
            event.activity_name, event.activity_type, event.user_task_id, logins.get(event.actor_id),
            event.started_at or event.at, event.at,
        )
        for event in events
    ]  # fmt: skip


def _standing(session: Session, instance_id: str) -> list[Activity]:
    """What an instance stands at now, as far as the request asks for it."""
    instance = instances.get(session, instance_id, actor=g.actor)
    if instance.status != InstanceStatus.ACTIVE:
        return []
    return [
        Activity(
            f"{each.activity.id}:{each.token_id}", instance, each.activity.id, each.activity.name, each.activity.type,
            each.token_id if each.activity.type == "userTask" else None, None, each.started_at, None,
        )
        for each in runtime.load(session, instance).open_activities()
        if _is_asked_for(each)
    ]  # fmt: skip


def _is_asked_for(each: Passed) -> bool:
    activity = each.activity
    told = {"activityId": activity.id, "activityName": activity.name, "activityType": activity.type}
    return all(request.args.get(name, value) == value for name, value in told.items())


def _logins(session: Session, ids: set[str | None]) -> dict[str | None, str]:
    found = session.execute(select(Person.id, Person.login).where(Person.id.in_([each for each in ids if each])))
    return {row.id: row.login for row in found}


def _login(person: Person | None) -> str | None:
    return person.login if person else None


def _millis(began: datetime, ended: datetime | None) -> int | None:
    return int((ended - began).total_seconds() * 1000) if ended else None
