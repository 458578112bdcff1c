"""deployment and process-definition."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select, tuple_

from engine import db, definitions, instances
from engine.errors import DefinitionRefused, InvalidInput, NotAllowed
from engine.models import Deployment, ProcessDefinition, ProcessInstance
from web.rest import wire

bp = Blueprint("rest_definitions", __name__)


@bp.post("/deployment/create")
def create_deployment() -> ResponseReturnValue:
    """Multipart: every file field is a resource. Only process designers deploy."""
    if not g.actor.has_role("process_designer"):
        raise NotAllowed(f"{g.actor.login} may not deploy", advice="只有流程设计员可以部署流程。")
    files = {part.filename or name: part.read() for name, part in request.files.items(multi=True)}
    if not files:
        raise InvalidInput("no files", advice="请用 multipart/form-data 上传 .bpmn 文件。")
    try:
        with db.transaction() as session:
            deployment, changed = definitions.deploy(
                session, request.form.get("deployment-name") or "REST", files, actor_id=g.actor.id,
                source=request.form.get("deployment-source"),
                only_changed=request.form.get("deploy-changed-only") == "true"
                or request.form.get("enable-duplicate-filtering") == "true",
            )  # fmt: skip
            return jsonify(_deployment(deployment, changed))
    except DefinitionRefused as refusal:
        told = [
            {"mainElementId": p.element_id, "elementName": p.element_name, "message": p.reason}
            for p in refusal.problems
        ]
        message = "；".join(map(str, refusal.problems))
        return jsonify(type="ParseException", message=message, details={"deployment": {"errors": told}}), 400


@bp.get("/process-definition")
def list_definitions() -> ResponseReturnValue:
    first, most = wire.page()
    wanted = select(ProcessDefinition)
    if key := request.args.get("key"):
        wanted = wanted.where(ProcessDefinition.key == key)
    if request.args.get("latestVersion") == "true":
        newest = select(ProcessDefinition.key, func.max(ProcessDefinition.version)).group_by(ProcessDefinition.key)
        wanted = wanted.where(tuple_(ProcessDefinition.key, ProcessDefinition.version).in_(newest))
    wanted = wanted.order_by(ProcessDefinition.key, ProcessDefinition.version).offset(first).limit(most)
    with db.reading() as session:
        return jsonify([_definition(each) for each in session.scalars(wanted)])


@bp.get("/process-definition/key/<key>")
def latest(key: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(_definition(definitions.latest(session, key)))


@bp.get("/process-definition/<definition_id>")
def get(definition_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(_definition(definitions.get(session, definition_id)))


@bp.get("/process-definition/key/<key>/xml")
def xml(key: str) -> ResponseReturnValue:
    with db.reading() as session:
        definition = definitions.latest(session, key)
        content = definitions.xml_of(session, definition)
        return jsonify(id=definition.id, bpmn20Xml=content.decode("utf-8", "replace"))


@bp.post("/process-definition/key/<key>/start")
def start_by_key(key: str) -> ResponseReturnValue:
    return _start(key, None)


@bp.post("/process-definition/<definition_id>/start")
def start_by_id(definition_id: str) -> ResponseReturnValue:
    return _start("", definition_id)


def _start(key: str, definition_id: str | None) -> ResponseReturnValue:
    given = wire.body()
    instances.require_can_start(g.actor, key)
    with db.transaction() as session:
        instance = instances.start(
            session, key, wire.plain(given.get("variables")), actor=g.actor, definition_id=definition_id,
            business_key=given.get("businessKey"),
        )  # fmt: skip
        return jsonify(instance_json(instance))


def instance_json(instance: ProcessInstance) -> dict[str, Any]:
    return {
        "links": [], "id": instance.id, "definitionId": instance.definition_id,
        "definitionKey": instance.definition_key, "businessKey": instance.business_key, "caseInstanceId": None,
        "ended": instance.ended_at is not None, "suspended": False, "tenantId": None,
    }  # fmt: skip


def _definition(definition: ProcessDefinition) -> dict[str, Any]:
    return {
        "id": definition.id, "key": definition.key, "category": None, "description": None, "name": definition.name,
        "version": definition.version, "resource": definition.resource_name, "deploymentId": definition.deployment_id,
        "diagram": None, "suspended": False, "tenantId": None, "versionTag": None, "historyTimeToLive": None,
        "startableInTasklist": True,
    }  # fmt: skip


def _deployment(deployment: Deployment, changed: list[ProcessDefinition]) -> dict[str, Any]:
    return {
        "links": [], "id": deployment.id, "name": deployment.name, "source": deployment.source,
        "deploymentTime": wire.moment(deployment.deployed_at), "tenantId": None,
        "deployedProcessDefinitions": {each.id: _definition(each) for each in changed} or None,
        "deployedCaseDefinitions": None, "deployedDecisionDefinitions": None,
        "deployedDecisionRequirementsDefinitions": None,
    }  # fmt: skip
