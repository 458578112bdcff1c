"""task: what is open, and doing it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from engine import db, identity, instances, runtime, user_tasks
from engine.errors import InvalidInput, NotFound
from engine.models import Candidate, ProcessInstance, TaskStatus, UserTask
from web.rest import wire

bp = Blueprint("rest_tasks", __name__)


@bp.get("/task")
def list_tasks() -> ResponseReturnValue:
    first, most = wire.page()
    with db.reading() as session:
        wanted = _wanted(session).order_by(UserTask.created_at, UserTask.id).offset(first).limit(most)
        return jsonify([_task(task) for task in session.scalars(wanted)])


@bp.get("/task/count")
def count_tasks() -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(count=user_tasks.count(session, _wanted(session)))


@bp.get("/task/<task_id>")
def get(task_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        task = user_tasks.get(session, task_id, actor=g.actor)
        if task.status != TaskStatus.OPEN:
            raise NotFound(f"user task {task_id} has ended", advice="这件待办已经办结。")
        return jsonify(_task(task))


@bp.post("/task/<task_id>/claim")
def claim(task_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        user = wire.body().get("userId")
        person = identity.find(session, str(user)) if user else None
        if user and person is None:
            raise InvalidInput(f"no user {user}", advice=f"没有用户“{user}”。")
        user_tasks.claim(session, task_id, actor=g.actor, for_id=person.id if person else None)
    return "", 204


@bp.post("/task/<task_id>/unclaim")
def unclaim(task_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        user_tasks.unclaim(session, task_id, actor=g.actor)
    return "", 204


@bp.post("/task/<task_id>/complete")
def complete(task_id: str) -> ResponseReturnValue:
    """204, or the variables if asked for. Whoever accepts JSON only gets an empty object: generated clients parse it."""
    given = wire.body()
    with db.transaction() as session:
        instance = user_tasks.complete(session, task_id, wire.plain(given.get("variables")), actor=g.actor)
        if given.get("withVariablesInReturn"):
            return jsonify(wire.variables(runtime.load(session, instance).variables()))
    return jsonify({}) if request.headers.get("Accept") == "application/json" else ("", 204)


def _wanted(session: Session) -> Select[UserTask]:
    """Open tasks this person may do or look at, narrowed by Camunda's parameters."""
    visible = select(ProcessInstance.id).where(instances.visible(g.actor))
    wanted = select(UserTask).where(UserTask.status == TaskStatus.OPEN, UserTask.instance_id.in_(visible))
    columns = {"processInstanceId": UserTask.instance_id, "taskDefinitionKey": UserTask.activity_id}
    wanted = wire.narrowed(wanted, columns)
    if key := request.args.get("processDefinitionKey"):
        wanted = wanted.where(UserTask.instance.has(ProcessInstance.definition_key == key))
    if login := request.args.get("assignee"):
        person = identity.find(session, login)
        wanted = wanted.where(UserTask.assignee_id == (person.id if person else ""))
    if group := request.args.get("candidateGroup"):
        offered = select(Candidate.user_task_id).where(Candidate.group_key == group)
        wanted = wanted.where(UserTask.id.in_(offered))
    return wanted


def _task(task: UserTask) -> dict[str, Any]:
    return {
        "id": task.id, "name": task.name, "assignee": task.assignee.login if task.assignee else None,
        "created": wire.moment(task.created_at), "due": wire.moment(task.due_at), "followUp": None,
        "lastUpdated": None, "delegationState": None, "description": None, "executionId": task.instance_id,
        "owner": None, "parentTaskId": None, "priority": 50, "processDefinitionId": task.instance.definition_id,
        "processInstanceId": task.instance_id, "taskDefinitionKey": task.activity_id, "caseExecutionId": None,
        "caseInstanceId": None, "caseDefinitionId": None, "suspended": False, "formKey": task.form_key,
        "camundaFormRef": None, "tenantId": None,
    }  # fmt: skip
