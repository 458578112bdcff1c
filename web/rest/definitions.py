"""deployment and process-definition."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import fields
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from engine import db, definitions, instances, runtime
from engine.errors import InvalidInput, NotAllowed, NotFound
from engine.models import Deployment, ProcessDefinition
from web.rest import wire
from web.rest.acting import acting
from web.rest.fields import (
    FLAG,
    TEXT,
    Always,
    Answer,
    Body,
    Flag,
    Key,
    Moment,
    Never,
    Text,
    Unsupported,
    Variables,
    Whole,
)
from web.rest.instances import ProcessInstanceDto
from web.rest.lists import Listing, after, before, equals, flag, like, number, one_of
from web.rest.openapi import described

bp = Blueprint("rest_definitions", __name__)

LINKS = {"type": "array", "items": {"type": "object"}}


class ProcessDefinitionDto(Answer):
    id = Text()
    key = Text()
    name = Text()
    version = Whole()
    resource = Text(attribute="resource_name")
    deploymentId = Text(attribute="deployment_id")
    suspended = Always(False, FLAG)
    startableInTasklist = Always(True, FLAG)
    category = Never()
    description = Never()
    diagram = Never()
    historyTimeToLive = Never()
    tenantId = Never()
    versionTag = Never()


class ProcessDefinitionDiagramDto(Answer):
    id = Text()
    bpmn20Xml = Text()


class DeploymentDto(Answer):
    id = Text()
    name = Text()
    source = Text(allow_none=True)
    deploymentTime = Moment(attribute="deployed_at")
    tenantId = Never()
    links = Always([], LINKS)


class DeploymentWithDefinitionsDto(DeploymentDto):
    deployedProcessDefinitions = fields.Dict(values=fields.Nested(ProcessDefinitionDto), allow_none=True)
    deployedCaseDefinitions = Never()
    deployedDecisionDefinitions = Never()
    deployedDecisionRequirementsDefinitions = Never()


class DeploymentResourceDto(Answer):
    id = Text(lambda resource: resource.sha256)
    name = Text()
    deploymentId = Text(attribute="deployment_id")


class StartProcessInstanceDto(Body):
    variables = Variables()
    businessKey = Key()
    withVariablesInReturn = Flag()
    skipCustomListeners = Flag()
    skipIoMappings = Flag()
    caseInstanceId = Unsupported()
    startInstructions = Unsupported()


class ProcessInstanceWithVariablesDto(ProcessInstanceDto):
    variables = Variables(allow_none=True)


DEFINITION, DIAGRAM, DEPLOYMENT = ProcessDefinitionDto(), ProcessDefinitionDiagramDto(), DeploymentDto()
DEPLOYED, RESOURCE, STARTED = DeploymentWithDefinitionsDto(), DeploymentResourceDto(), ProcessInstanceWithVariablesDto()
ONLY_CHANGED = ("deploy-changed-only", "enable-duplicate-filtering")
FORM = {
    "deployment-name": TEXT, "deployment-source": TEXT, **dict.fromkeys(ONLY_CHANGED, FLAG),
    "data": {"type": "string", "format": "binary"},
}  # fmt: skip


@bp.post("/deployment/create")
@described("部署流程图；每个文件字段是一份资源", form=FORM, answer=DEPLOYED)
@acting
def create_deployment(session: Session) -> ResponseReturnValue:
    """Only process designers deploy."""
    if not g.actor.has_role("process_designer"):
        raise NotAllowed(f"{g.actor.login} may not deploy", advice="只有流程设计员可以部署流程。")
    files = {part.filename or name: part.read() for name, part in request.files.items(multi=True)}
    if not files:
        raise InvalidInput("no files", advice="请用 multipart/form-data 上传 .bpmn 文件。")
    deployment, changed = definitions.deploy(
        session, request.form.get("deployment-name") or "REST", files, actor_id=g.actor.id,
        source=request.form.get("deployment-source"),
        only_changed=any(request.form.get(name, "").lower() == "true" for name in ONLY_CHANGED),
    )  # fmt: skip
    new = {each.id: DEFINITION.dump(each) for each in changed}
    return jsonify(DEPLOYED.dump(deployment) | {"deployedProcessDefinitions": new or None})


Listing(
    "列出部署", DEPLOYMENT, lambda: select(Deployment),
    {
        "id": equals(Deployment.id),
        "name": equals(Deployment.name),
        "nameLike": like(Deployment.name),
        "source": equals(Deployment.source),
        "withoutSource": flag(Deployment.source.is_(None)),
        "before": before(Deployment.deployed_at),
        "after": after(Deployment.deployed_at),
    },
    order=(Deployment.deployed_at, Deployment.id),
    sorts={"id": Deployment.id, "name": Deployment.name, "deploymentTime": Deployment.deployed_at},
).mount(bp, "/deployment")  # fmt: skip


@bp.get("/deployment/<deployment_id>")
@described("一次部署", answer=DEPLOYMENT)
def get_deployment(deployment_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(DEPLOYMENT.dump(_deployment(session, deployment_id)))


@bp.get("/deployment/<deployment_id>/resources")
@described("一次部署的资源", answer=[RESOURCE])
def list_resources(deployment_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(RESOURCE.dump(_deployment(session, deployment_id).resources, many=True))


newest = select(ProcessDefinition.key, func.max(ProcessDefinition.version)).group_by(ProcessDefinition.key)

Listing(
    "列出流程定义", DEFINITION, lambda: select(ProcessDefinition),
    {
        "processDefinitionId": equals(ProcessDefinition.id),
        "processDefinitionIdIn": one_of(ProcessDefinition.id),
        "key": equals(ProcessDefinition.key),
        "keysIn": one_of(ProcessDefinition.key),
        "keyLike": like(ProcessDefinition.key),
        "name": equals(ProcessDefinition.name),
        "nameLike": like(ProcessDefinition.name),
        "version": number(ProcessDefinition.version),
        "latestVersion": flag(tuple_(ProcessDefinition.key, ProcessDefinition.version).in_(newest)),
        "deploymentId": equals(ProcessDefinition.deployment_id),
        "resourceName": equals(ProcessDefinition.resource_name),
    },
    order=(ProcessDefinition.key, ProcessDefinition.version),
    sorts={"key": ProcessDefinition.key, "id": ProcessDefinition.id, "name": ProcessDefinition.name,
           "version": ProcessDefinition.version, "deploymentId": ProcessDefinition.deployment_id},
).mount(bp, "/process-definition")  # fmt: skip


@bp.get("/process-definition/key/<key>")
@described("流程定义的最新版本", answer=DEFINITION)
def latest(key: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(DEFINITION.dump(definitions.latest(session, key)))


@bp.get("/process-definition/<definition_id>")
@described("一个流程定义", answer=DEFINITION)
def get(definition_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(DEFINITION.dump(definitions.get(session, definition_id)))


@bp.get("/process-definition/key/<key>/xml")
@described("最新版本的流程图", answer=DIAGRAM)
def xml(key: str) -> ResponseReturnValue:
    with db.reading() as session:
        return _xml(session, definitions.latest(session, key))


@bp.get("/process-definition/<definition_id>/xml")
@described("一个流程定义的流程图", answer=DIAGRAM)
def xml_by_id(definition_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return _xml(session, definitions.get(session, definition_id))


@bp.post("/process-definition/key/<key>/start")
@described("启动最新版本", body=StartProcessInstanceDto(), answer=STARTED)
@acting
def start_by_key(session: Session, key: str, given: dict[str, Any]) -> ResponseReturnValue:
    return _start(session, definitions.latest(session, key), given)


@bp.post("/process-definition/<definition_id>/start")
@described("启动一个流程定义", body=StartProcessInstanceDto(), answer=STARTED)
@acting
def start_by_id(session: Session, definition_id: str, given: dict[str, Any]) -> ResponseReturnValue:
    return _start(session, definitions.get(session, definition_id), given)


def _start(session: Session, definition: ProcessDefinition, given: dict[str, Any]) -> ResponseReturnValue:
    instances.require_can_start(g.actor, definition.key)
    instance = instances.start(
        session, definition.key, given["variables"], actor=g.actor, definition_id=definition.id,
        business_key=given["businessKey"],
    )  # fmt: skip
    asked = given["withVariablesInReturn"]
    variables = wire.variables(runtime.load(session, instance).variables()) if asked else None
    return jsonify(STARTED.dump(instance) | {"variables": variables})


def _xml(session: Session, definition: ProcessDefinition) -> ResponseReturnValue:
    content = definitions.xml_of(session, definition).decode("utf-8", "replace")
    return jsonify(DIAGRAM.dump({"id": definition.id, "bpmn20Xml": content}))


def _deployment(session: Session, deployment_id: str) -> Deployment:
    found = session.get(Deployment, deployment_id)
    if found is None:
        raise NotFound(f"no deployment {deployment_id}", advice="没有这次部署。")
    return found
