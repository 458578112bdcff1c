"""history/process-instance and history/activity-instance."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from engine import db, history, instances, runtime
from engine.models import HistoryEvent, InstanceStatus, Person, ProcessInstance
from engine.spiff import Passed
from web.rest import wire

bp = Blueprint("rest_history", __name__)

STATES = {
    InstanceStatus.ACTIVE: "ACTIVE",
    InstanceStatus.COMPLETED: "COMPLETED",
    InstanceStatus.TERMINATED: "EXTERNALLY_TERMINATED",
}


@bp.get("/history/process-instance")
def list_instances() -> ResponseReturnValue:
    first, most = wire.page()
    wanted = select(ProcessInstance).where(instances.visible(g.actor))
    columns = {"processInstanceId": ProcessInstance.id, "processDefinitionKey": ProcessInstance.definition_key,
               "processInstanceBusinessKey": ProcessInstance.business_key}  # fmt: skip
    wanted = wire.narrowed(wanted, columns)
    wanted = wanted.order_by(ProcessInstance.started_at, ProcessInstance.id).offset(first).limit(most)
    with db.reading() as session:
        found = list(session.scalars(wanted))
        logins = _logins(session, {each.started_by_id for each in found})
        return jsonify([_instance(each, logins) for each in found])


@bp.get("/history/process-instance/<instance_id>")
def get_instance(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        instance = instances.get(session, instance_id, actor=g.actor)
        return jsonify(_instance(instance, _logins(session, {instance.started_by_id})))


@bp.get("/history/activity-instance")
def list_activities() -> ResponseReturnValue:
    """What was passed, in order; for one instance also what it stands at."""
    first, most = wire.page()
    instance_id = request.args.get("processInstanceId")
    with db.reading() as session:
        mine = select(ProcessInstance.id).where(instances.visible(g.actor))
        wanted = select(HistoryEvent).where(HistoryEvent.kind.in_(history.PASSED), HistoryEvent.instance_id.in_(mine))
        if instance_id:
            wanted = wanted.where(HistoryEvent.instance_id == instance_id)
        if activity_id := request.args.get("activityId"):
            wanted = wanted.where(HistoryEvent.activity_id == activity_id)
        wanted = wanted.order_by(HistoryEvent.at, HistoryEvent.instance_id, HistoryEvent.number)
        found = list(session.scalars(wanted.offset(first).limit(most)))
        logins = _logins(session, {event.actor_id for event in found})
        homes = {e.instance_id: session.get_one(ProcessInstance, e.instance_id) for e in found}
        rows = [_activity(event, homes[event.instance_id], logins) for event in found]
        if instance_id and request.args.get("finished") != "true":
            rows += _open(session, instance_id)
        return jsonify(rows)


def _open(session: Any, instance_id: str) -> list[dict[str, Any]]:
    instance = instances.get(session, instance_id, actor=g.actor)
    if instance.status != InstanceStatus.ACTIVE:
        return []
    return [_standing(each, instance) for each in runtime.load(session, instance).open_activities()]


def _logins(session: Any, ids: set[str | None]) -> dict[str | None, str]:
    found = session.execute(select(Person.id, Person.login).where(Person.id.in_([each for each in ids if each])))
    return {row.id: row.login for row in found}


def _instance(instance: ProcessInstance, logins: dict[str | None, str]) -> dict[str, Any]:
    ended, began = instance.ended_at, instance.started_at
    return {
        "id": instance.id, "rootProcessInstanceId": instance.id, "superProcessInstanceId": instance.parent_id,
        "businessKey": instance.business_key, "processDefinitionId": instance.definition_id,
        "processDefinitionKey": instance.definition_key, "processDefinitionName": instance.title,
        "startTime": wire.moment(began), "endTime": wire.moment(ended),
        "durationInMillis": int((ended - began).total_seconds() * 1000) if ended else None,
        "startUserId": logins.get(instance.started_by_id), "deleteReason": None, "tenantId": None,
        "state": STATES[InstanceStatus(instance.status)],
    }  # fmt: skip


def _activity(event: HistoryEvent, instance: ProcessInstance, logins: dict[str | None, str]) -> dict[str, Any]:
    began = event.started_at or event.at
    return {
        "id": f"{event.activity_id}:{event.instance_id}:{event.number}", "activityId": event.activity_id,
        "activityName": event.activity_name, "activityType": event.activity_type,
        "processInstanceId": event.instance_id, "processDefinitionId": instance.definition_id,
        "processDefinitionKey": instance.definition_key, "executionId": event.instance_id,
        "taskId": event.user_task_id, "taskAssignee": logins.get(event.actor_id), "assignee": logins.get(event.actor_id),
        "startTime": wire.moment(began), "endTime": wire.moment(event.at),
        "durationInMillis": int((event.at - began).total_seconds() * 1000), "canceled": False, "completeScope": False,
    }  # fmt: skip


def _standing(each: Passed, instance: ProcessInstance) -> dict[str, Any]:
    activity = each.activity
    return {
        "id": f"{activity.id}:{each.token_id}", "activityId": activity.id, "activityName": activity.name,
        "activityType": activity.type, "processInstanceId": instance.id, "processDefinitionId": instance.definition_id,
        "processDefinitionKey": instance.definition_key, "executionId": instance.id, "assignee": None,
        "startTime": wire.moment(each.started_at), "endTime": None, "durationInMillis": None, "canceled": False,
        "completeScope": False, "taskId": each.token_id if activity.type == "userTask" else None,
    }  # fmt: skip
