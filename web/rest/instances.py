"""process-instance: the running ones, their variables, and ending one before its end."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from engine import db, instances, runtime
from engine.errors import NotFound
from engine.models import Incident, InstanceStatus, ProcessInstance
from web.rest import wire
from web.rest.acting import acting
from web.rest.fields import (
    FLAG,
    TEXT,
    VARIABLE,
    Always,
    Answer,
    Anything,
    Body,
    Flag,
    Never,
    Text,
    Texts,
    Variables,
    read_variable,
)
from web.rest.lists import Listing, equals, flag, like, one_of
from web.rest.openapi import described

bp = Blueprint("rest_instances", __name__)


class ProcessInstanceDto(Answer):
    id = Text()
    definitionId = Text(attribute="definition_id")
    definitionKey = Text(attribute="definition_key")
    businessKey = Text(attribute="business_key", allow_none=True)
    ended = Flag(lambda instance: instance.ended_at is not None)
    suspended = Always(False, FLAG)
    caseInstanceId = Never()
    tenantId = Never()
    links = Always([], {"type": "array", "items": {"type": "object"}})


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


@bp.get("/process-instance/<instance_id>")
@described("一个流程", answer=INSTANCE)
def get(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(INSTANCE.dump(instances.get(session, instance_id, actor=g.actor)))


@bp.delete("/process-instance/<instance_id>")
@described("终止流程；在其中等待的一并取消", query={"deleteReason": TEXT})
@acting
def delete(session: Session, instance_id: str) -> ResponseReturnValue:
    reason = request.args.get("deleteReason") or "经 REST 终止"
    instances.terminate(session, instance_id, reason=reason, actor=g.actor)
    return "", 204


@bp.get("/process-instance/<instance_id>/variables")
@described("流程的变量", answer=Variables(), query={"deserializeValues": FLAG})
def variables(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(wire.variables(_variables(session, instance_id)))


@bp.post("/process-instance/<instance_id>/variables")
@described("设置和删除变量", body=PatchVariablesDto())
@acting
def change_variables(session: Session, instance_id: str, given: dict[str, Any]) -> ResponseReturnValue:
    changes, deletions = given["modifications"] or {}, given["deletions"] or []
    instances.change_variables(session, instance_id, changes, deletions, actor=g.actor)
    return "", 204


@bp.get("/process-instance/<instance_id>/variables/<name>")
@described("一个变量", answer=VARIABLE, query={"deserializeValue": FLAG})
def variable(instance_id: str, name: str) -> ResponseReturnValue:
    with db.reading() as session:
        known = _variables(session, instance_id)
        if name not in known:
            raise NotFound(f"no variable {name}", advice=f"没有变量“{name}”。")
        return jsonify(wire.typed(known[name]))


@bp.put("/process-instance/<instance_id>/variables/<name>")
@described("设置一个变量", body=VariableValueDto())
@acting
def put_variable(session: Session, instance_id: str, name: str, given: dict[str, Any]) -> ResponseReturnValue:
    instances.change_variables(session, instance_id, {name: read_variable(name, given)}, [], actor=g.actor)
    return "", 204


@bp.delete("/process-instance/<instance_id>/variables/<name>")
@described("删除一个变量")
@acting
def delete_variable(session: Session, instance_id: str, name: str) -> ResponseReturnValue:
    instances.change_variables(session, instance_id, {}, [name], actor=g.actor)
    return "", 204


def _variables(session: Session, instance_id: str) -> dict[str, Any]:
    instance = instances.get(session, instance_id, actor=g.actor)
    session.refresh(instance, ["state"])
    return runtime.load(session, instance).variables()
