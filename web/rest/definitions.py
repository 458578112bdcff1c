"""deployment and process-definition."""

from __future__ import annotations

from typing import Any

from flask import g, request
from marshmallow import fields
from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from engine import definitions, instances, runtime
from engine.errors import InvalidInput, NotAllowed, NotFound
from engine.models import Deployment, DeploymentResource, ProcessDefinition
from web.rest import wire
from web.rest.fields import FLAG, TEXT, Always, Answer, Body, Flag, Key, Moment, Text, Variables, Whole
from web.rest.instances import ProcessInstanceDto
from web.rest.lists import Listing, after, before, equals, flag, like, number, one_of
from web.rest.resource import Resource

bp = Resource("rest_definitions", __name__)

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
    never = "category description diagram historyTimeToLive tenantId versionTag"


class ProcessDefinitionDiagramDto(Answer):
    id = Text()
    bpmn20Xml = Text()


class DeploymentDto(Answer):
    id = Text()
    name = Text()
    source = Text(allow_none=True)
    deploymentTime = Moment(attribute="deployed_at")
    links = Always([], LINKS)
    never = "tenantId"


class DeploymentWithDefinitionsDto(DeploymentDto):
    deployedProcessDefinitions = fields.Dict(values=fields.Nested(ProcessDefinitionDto), allow_none=True)
    never = "deployedCaseDefinitions deployedDecisionDefinitions deployedDecisionRequirementsDefinitions"


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
    unsupported = "caseInstanceId startInstructions"


class ProcessInstanceWithVariablesDto(ProcessInstanceDto):
    variables = Variables(allow_none=True)


DEFINITION, DIAGRAM, DEPLOYMENT = ProcessDefinitionDto(), ProcessDefinitionDiagramDto(), DeploymentDto()
DEPLOYED, RESOURCE = DeploymentWithDefinitionsDto(), DeploymentResourceDto()
START, STARTED = StartProcessInstanceDto(), ProcessInstanceWithVariablesDto()
ONLY_CHANGED = ("deploy-changed-only", "enable-duplicate-filtering")
FORM = {
    "deployment-name": TEXT, "deployment-source": TEXT, **dict.fromkeys(ONLY_CHANGED, FLAG),
    "data": {"type": "string", "format": "binary"},
}  # fmt: skip


@bp.view("POST", "/deployment/create", "部署流程图；每个文件字段是一份资源", form=FORM, answer=DEPLOYED)
def create_deployment(session: Session) -> dict[str, Any]:
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
    return {**DEPLOYED.dump(deployment), "deployedProcessDefinitions": new or None}


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


@bp.view("GET", "/deployment/<deployment_id>", "一次部署", answer=DEPLOYMENT)
def get_deployment(session: Session, deployment_id: str) -> Deployment:
    return _deployment(session, deployment_id)


@bp.view("GET", "/deployment/<deployment_id>/resources", "一次部署的资源", answer=[RESOURCE])
def list_resources(session: Session, deployment_id: str) -> list[DeploymentResource]:
    return _deployment(session, deployment_id).resources


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


@bp.view("GET", "/process-definition/key/<key>", "流程定义的最新版本", answer=DEFINITION, endpoint="latest")
@bp.view("GET", "/process-definition/<definition_id>", "一个流程定义", answer=DEFINITION)
def get(session: Session, key: str = "", definition_id: str = "") -> ProcessDefinition:
    return definitions.latest(session, key) if key else definitions.get(session, definition_id)


@bp.view("GET", "/process-definition/key/<key>/xml", "最新版本的流程图", answer=DIAGRAM)
@bp.view("GET", "/process-definition/<definition_id>/xml", "一个流程定义的流程图", answer=DIAGRAM, endpoint="xml_by_id")
def xml(session: Session, **which: str) -> dict[str, str]:
    definition = get(session, **which)
    content = definitions.xml_of(session, definition).decode("utf-8", "replace")
    return {"id": definition.id, "bpmn20Xml": content}


@bp.view(
    "POST", "/process-definition/key/<key>/start", "启动最新版本", body=START, answer=STARTED, endpoint="start_by_key"
)  # fmt: skip
@bp.view("POST", "/process-definition/<definition_id>/start", "启动一个流程定义", body=START, answer=STARTED)
def start_by_id(session: Session, given: dict[str, Any], **which: str) -> dict[str, Any]:
    definition = get(session, **which)
    instances.require_can_start(g.actor, definition)
    instance = instances.start(
        session, definition.key, given["variables"], actor=g.actor, definition_id=definition.id,
        business_key=given["businessKey"],
    )  # fmt: skip
    asked = given["withVariablesInReturn"]
    variables = wire.variables(runtime.load(session, instance).variables()) if asked else None
    return {**STARTED.dump(instance), "variables": variables}


def _deployment(session: Session, deployment_id: str) -> Deployment:
    found = session.get(Deployment, deployment_id)
    if found is None:
        raise NotFound(f"no deployment {deployment_id}", advice="没有这次部署。")
    return found
