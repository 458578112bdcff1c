"""process-instance."""

from __future__ import annotations

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from engine import db, instances, runtime
from engine.models import InstanceStatus, ProcessInstance
from web.rest import wire
from web.rest.definitions import instance_json

bp = Blueprint("rest_instances", __name__)

FILTERS = {
    "processDefinitionKey": ProcessInstance.definition_key,
    "processDefinitionId": ProcessInstance.definition_id,
    "businessKey": ProcessInstance.business_key,
    "superProcessInstance": ProcessInstance.parent_id,
}


@bp.get("/process-instance")
def list_instances() -> ResponseReturnValue:
    """The running ones this person may know of."""
    first, most = wire.page()
    running = ProcessInstance.status == InstanceStatus.ACTIVE
    wanted = wire.narrowed(select(ProcessInstance).where(running, instances.visible(g.actor)), FILTERS)
    wanted = wanted.order_by(ProcessInstance.started_at, ProcessInstance.id).offset(first).limit(most)
    with db.reading() as session:
        return jsonify([instance_json(each) for each in session.scalars(wanted)])


@bp.get("/process-instance/<instance_id>")
def get(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return jsonify(instance_json(instances.get(session, instance_id, actor=g.actor)))


@bp.get("/process-instance/<instance_id>/variables")
def variables(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        instance = instances.get(session, instance_id, actor=g.actor)
        session.refresh(instance, ["state"])
        return jsonify(wire.variables(runtime.load(session, instance).variables()))
