"""process-instance: the running ones, their variables, and ending one before its end."""

from __future__ import annotations

from typing import Any

from flask import g, request
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from engine import instances, runtime
from engine.errors import NotFound
from engine.models import Incident, InstanceStatus, ProcessInstance
from web.rest import wire
from web.rest.fields import (
    FLAG,
    TEXT,
    VARIABLE,
    Always,
    Answer,
    Anything,
    Body,
    Flag,
    Text,
    Texts,
    Variables,
    read_variable,
)
from web.rest.lists import Listing, equals, flag, like, one_of
from web.rest.resource import Resource

bp = Resource("rest_instances", __name__)


class ProcessInstanceDto(Answer):
    id = Text()
    definitionId = Text(attribute="definition_id")
    definitionKey = Text(attribute="definition_key")
    businessKey = Text(attribute="business_key", allow_none=True)
    ended = Flag(lambda instance: instance.ended_at is not None)
    suspended = Always(False, FLAG)
    links = Always([], {"type": "array", "items": {"type": "object"}})
    never = "caseInstanceId tenantId"


class VariableValueDto(Body):
    value = Anything()
    type = Text()
    valueInfo = Anything()


class PatchVariablesDto(Body):
    modifications = Variables()
    deletions = Texts()


INSTANCE = ProcessInstanceDto()


def _known() -> Select[ProcessInstance]:
    """The running ones this person may know of."""
    running = ProcessInstance.status == InstanceStatus.ACTIVE
    return select(ProcessInstance).where(running, instances.visible(g.actor))


with_incident = select(Incident.instance_id).where(Incident.resolved_at.is_(None), Incident.instance_id.is_not(None))

Listing(
    "列出运行中的流程", INSTANCE, _known,
    {
        "processInstanceIds": one_of(ProcessInstance.id),
        "processDefinitionKey": equals(ProcessInstance.definition_key),
        "processDefinitionKeyIn": one_of(ProcessInstance.definition_key),
        "processDefinitionId": equals(ProcessInstance.definition_id),
        "businessKey": equals(ProcessInstance.business_key),
        "businessKeyLike": like(ProcessInstance.business_key),
        "superProcessInstance": equals(ProcessInstance.parent_id),
        "rootProcessInstances": flag(ProcessInstance.parent_id.is_(None)),
        "withIncident": flag(ProcessInstance.id.in_(with_incident)),
    },
    order=(ProcessInstance.started_at, ProcessInstance.id),
    sorts={"instanceId": ProcessInstance.id, "definitionKey": ProcessInstance.definition_key,
           "definitionId": ProcessInstance.definition_id, "businessKey": ProcessInstance.business_key},
).mount(bp, "/process-instance")  # fmt: skip


@bp.view("GET", "/process-instance/<instance_id>", "一个流程", answer=INSTANCE)
def get(session: Session, instance_id: str) -> ProcessInstance:
    return instances.get(session, instance_id, actor=g.actor)


@bp.view("DELETE", "/process-instance/<instance_id>", "终止流程；在其中等待的一并取消", query={"deleteReason": TEXT})
def delete(session: Session, instance_id: str) -> None:
    reason = request.args.get("deleteReason") or "经 REST 终止"
    instances.terminate(session, instance_id, reason=reason, actor=g.actor)


@bp.view(
    "GET", "/process-instance/<instance_id>/variables", "流程的变量", answer=Variables(), query={"deserializeValues": FLAG}
)  # fmt: skip
def variables(session: Session, instance_id: str) -> dict[str, Any]:
    return wire.variables(_variables(session, instance_id))


@bp.view("POST", "/process-instance/<instance_id>/variables", "设置和删除变量", body=PatchVariablesDto())
def change_variables(session: Session, instance_id: str, given: dict[str, Any]) -> None:
    changes, deletions = given["modifications"] or {}, given["deletions"] or []
    instances.change_variables(session, instance_id, changes, deletions, actor=g.actor)


@bp.view(
    "GET", "/process-instance/<instance_id>/variables/<name>", "一个变量", answer=VARIABLE, query={"deserializeValue": FLAG}
)  # fmt: skip
def variable(session: Session, instance_id: str, name: str) -> dict[str, Any]:
    known = _variables(session, instance_id)
    if name not in known:
        raise NotFound(f"no variable {name}", advice=f"没有变量“{name}”。")
    return wire.typed(known[name])


@bp.view("PUT", "/process-instance/<instance_id>/variables/<name>", "设置一个变量", body=VariableValueDto())
def put_variable(session: Session, instance_id: str, name: str, given: dict[str, Any]) -> None:
    instances.change_variables(session, instance_id, {name: read_variable(name, given)}, [], actor=g.actor)


@bp.view("DELETE", "/process-instance/<instance_id>/variables/<name>", "删除一个变量")
def delete_variable(session: Session, instance_id: str, name: str) -> None:
    instances.change_variables(session, instance_id, {}, [name], actor=g.actor)


def _variables(session: Session, instance_id: str) -> dict[str, Any]:
    instance = instances.get(session, instance_id, actor=g.actor)
    session.refresh(instance, ["state"])
    return runtime.load(session, instance).variables()
