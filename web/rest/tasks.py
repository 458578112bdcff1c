"""task: what is open, doing it, handing it on, and what is said at it."""

from __future__ import annotations

from typing import Any

from flask import g, request
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, joinedload

from engine import comments, handover, identity, instances, runtime, user_tasks
from engine.errors import InvalidInput, NotFound
from engine.models import Candidate, Comment, ProcessInstance, TaskStatus, UserTask
from web.rest import wire
from web.rest.fields import FLAG, TEXT, Always, Answer, Body, Flag, Key, Moment, Text, Variables
from web.rest.lists import (
    Listing,
    after,
    before,
    equals,
    flag,
    like,
    matches,
    of_instance,
    of_its_process,
    one_of,
    person,
)
from web.rest.resource import Resource

bp = Resource("rest_tasks", __name__)


class TaskDto(Answer):
    id = Text()
    name = Text()
    assignee = Text(lambda task: task.assignee and task.assignee.login, allow_none=True)
    created = Moment(attribute="created_at")
    due = Moment(attribute="due_at", allow_none=True)
    executionId = Text(attribute="instance_id")
    processInstanceId = Text(attribute="instance_id")
    processDefinitionId = Text(lambda task: task.instance.definition_id)
    taskDefinitionKey = Text(attribute="activity_id")
    formKey = Text(attribute="form_key", allow_none=True)
    priority = Always(50, {"type": "integer"})
    suspended = Always(False, FLAG)
    never = (
        "camundaFormRef caseDefinitionId caseExecutionId caseInstanceId delegationState description "
        "followUp lastUpdated owner parentTaskId tenantId"
    )


class FormDto(Answer):
    key = Text(attribute="form_key", allow_none=True)
    never = "contextPath camundaFormRef"


class CommentDto(Answer):
    id = Text()
    userId = Text(lambda comment: comment.author.login)
    taskId = Text(attribute="user_task_id", allow_none=True)
    processInstanceId = Text(attribute="instance_id")
    rootProcessInstanceId = Text(attribute="instance_id")
    time = Moment(attribute="at")
    message = Text(attribute="text")
    links = Always([], {"type": "array", "items": {"type": "object"}})
    never = "removalTime"


class UserIdDto(Body):
    userId = Key()


class CompleteTaskDto(Body):
    variables = Variables()
    withVariablesInReturn = Flag()


class NewCommentDto(Body):
    """As Camunda's clients send it: the whole comment, of which they fill in the text."""

    message = Text(required=True)
    processInstanceId = Key()
    unsupported = "id userId taskId time removalTime rootProcessInstanceId links"


TASK, FORM, COMMENT = TaskDto(), FormDto(), CommentDto()


def _known() -> Select[UserTask]:
    """Open tasks of instances this person may look at."""
    in_sight = instances.in_sight(g.actor, UserTask.instance_id)
    wanted = select(UserTask).where(UserTask.status == TaskStatus.OPEN, in_sight)
    return wanted.options(joinedload(UserTask.instance), joinedload(UserTask.assignee))


def _offered_to(group: str) -> ColumnElement[bool]:
    return UserTask.id.in_(select(Candidate.user_task_id).where(Candidate.group_key == group))


Listing(
    "列出未办结的待办", TASK, _known,
    {
        "taskId": equals(UserTask.id),
        **of_its_process(UserTask.instance_id),
        "processInstanceIdIn": one_of(UserTask.instance_id),
        "processInstanceBusinessKey": of_instance(UserTask.instance_id, equals(ProcessInstance.business_key)),
        "taskDefinitionKey": equals(UserTask.activity_id),
        "taskDefinitionKeyIn": one_of(UserTask.activity_id),
        "name": equals(UserTask.name),
        "nameLike": like(UserTask.name),
        "assignee": person(UserTask.assignee_id),
        "assigned": flag(UserTask.assignee_id.is_not(None)),
        "unassigned": flag(UserTask.assignee_id.is_(None)),
        "candidateGroup": matches(_offered_to),
        "dueBefore": before(UserTask.due_at),
        "dueAfter": after(UserTask.due_at),
        "createdBefore": before(UserTask.created_at),
        "createdAfter": after(UserTask.created_at),
    },
    order=(UserTask.created_at, UserTask.id),
    sorts={"created": UserTask.created_at, "dueDate": UserTask.due_at, "name": UserTask.name, "id": UserTask.id,
           "instanceId": UserTask.instance_id},
).mount(bp, "/task")  # fmt: skip


@bp.view("GET", "/task/<task_id>", "一件未办结的待办", answer=TASK)
def get(session: Session, task_id: str) -> UserTask:
    return _open(session, task_id)


@bp.view("POST", "/task/<task_id>/claim", "认领", body=UserIdDto())
def claim(session: Session, task_id: str, given: dict[str, Any]) -> None:
    login = given["userId"]
    person = identity.find(session, login) if login else None
    if login and person is None:
        raise InvalidInput(f"no user {login}", advice=f"没有用户“{login}”。")
    user_tasks.claim(session, task_id, actor=g.actor, for_id=person.id if person else None)


@bp.view("POST", "/task/<task_id>/unclaim", "退回认领")
def unclaim(session: Session, task_id: str) -> None:
    user_tasks.unclaim(session, task_id, actor=g.actor)


@bp.view("POST", "/task/<task_id>/assignee", "指派给一位候选人，或退回候选人", body=UserIdDto())
def assign(session: Session, task_id: str, given: dict[str, Any]) -> None:
    handover.assign(session, task_id, given["userId"], actor=g.actor)


@bp.view("POST", "/task/<task_id>/complete", "办结", body=CompleteTaskDto(), answer=Variables(), or_nothing=True)
def complete(session: Session, task_id: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """204, or the variables if asked for. Whoever accepts JSON only gets an empty object: generated clients parse it."""
    instance = user_tasks.complete(session, task_id, given["variables"] or {}, actor=g.actor)
    if given["withVariablesInReturn"]:
        return wire.variables(runtime.load(session, instance).variables())
    return {} if request.headers.get("Accept") == "application/json" else None


@bp.view("GET", "/task/<task_id>/form", "待办的表单", answer=FORM)
def form(session: Session, task_id: str) -> UserTask:
    return _open(session, task_id)


@bp.view(
    "GET", "/task/<task_id>/form-variables", "待办处的变量", answer=Variables(),
    query={"variableNames": TEXT, "deserializeValues": FLAG},
)  # fmt: skip
def form_variables(session: Session, task_id: str) -> dict[str, Any]:
    wanted = request.args.get("variableNames")
    task = _open(session, task_id)
    session.refresh(task.instance, ["state"])
    waits = runtime.load(session, task.instance).waits()
    known = next((wait.variables for wait in waits if wait.token_id == task.id), {})
    names = wanted.split(",") if wanted is not None else list(known)
    return wire.variables({name: known[name] for name in names if name in known})


@bp.view("GET", "/task/<task_id>/comment", "待办处的留言", answer=[COMMENT])
def list_comments(session: Session, task_id: str) -> list[Comment]:
    return comments.of_task(session, task_id, actor=g.actor)


@bp.view("GET", "/task/<task_id>/comment/<comment_id>", "一条留言", answer=COMMENT)
def get_comment(session: Session, task_id: str, comment_id: str) -> Comment:
    return comments.get(session, task_id, comment_id, actor=g.actor)


@bp.view("POST", "/task/<task_id>/comment/create", "留言", body=NewCommentDto(), answer=COMMENT)
def comment(session: Session, task_id: str, given: dict[str, Any]) -> Comment:
    return comments.add(session, task_id, given["message"], actor=g.actor)


@bp.view("GET", "/process-instance/<instance_id>/comment", "流程中的留言", answer=[COMMENT])
def list_comments_of_instance(session: Session, instance_id: str) -> list[Comment]:
    return comments.of_instance(session, instance_id, actor=g.actor)


def _open(session: Session, task_id: str) -> UserTask:
    task = user_tasks.get(session, task_id, actor=g.actor)
    if task.status != TaskStatus.OPEN:
        raise NotFound(f"user task {task_id} has ended", advice="这件待办已经办结。")
    return task
