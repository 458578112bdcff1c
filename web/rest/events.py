"""message, signal and event-subscription."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import fields
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from engine import instances, reception
from engine.models import EventSubscription
from web.rest.fields import Answer, Body, Flag, Key, Text, Variables
from web.rest.instances import ProcessInstanceDto
from web.rest.lists import Listing, equals
from web.rest.resource import Resource

bp = Resource("rest_events", __name__)


class CorrelationMessageDto(Body):
    messageName = Key(required=True)
    businessKey = Key()
    processInstanceId = Key()
    correlationKeys = Variables()
    processVariables = Variables()
    all = Flag()
    resultEnabled = Flag()
    withoutTenantId = Flag()
    unsupported = "tenantId localCorrelationKeys processVariablesLocal variablesInResultEnabled"


class ExecutionDto(Answer):
    id = Text()
    processInstanceId = Text(attribute="id")
    ended = Flag(lambda instance: instance.ended_at is not None)
    never = "tenantId"


class MessageCorrelationResultDto(Answer):
    resultType = Text(lambda received: "ProcessDefinition" if received.begun else "Execution")
    processInstance = fields.Nested(ProcessInstanceDto, attribute="instance")
    execution = fields.Nested(ExecutionDto, attribute="instance")


class SignalDto(Body):
    name = Key(required=True)
    variables = Variables()
    withoutTenantId = Flag()
    unsupported = "executionId tenantId"


class EventSubscriptionDto(Answer):
    id = Text(attribute="token_id")
    eventType = Text(attribute="kind")
    eventName = Text(attribute="name")
    executionId = Text(attribute="instance_id")
    processInstanceId = Text(attribute="instance_id")
    activityId = Text(attribute="activity_id")
    never = "createdDate tenantId"


@bp.view(
    "POST", "/message", "发送消息，给正在等它的流程，或启动由它启动的流程",
    body=CorrelationMessageDto(), answer=[MessageCorrelationResultDto()], or_nothing=True,
)  # fmt: skip
def send_message(session: Session, given: dict[str, Any]) -> list[reception.Received] | None:
    received = reception.message(
        session, given["messageName"], business_key=given["businessKey"], instance_id=given["processInstanceId"],
        correlation_keys=given["correlationKeys"], payload=given["processVariables"], every=bool(given["all"]),
        actor=g.actor,
    )  # fmt: skip
    return received if given["resultEnabled"] else None


@bp.view("POST", "/signal", "发送信号，给所有正在等它的流程", body=SignalDto())
def send_signal(session: Session, given: dict[str, Any]) -> None:
    reception.signal(session, given["name"], given["variables"], actor=g.actor)


def _known() -> Select[EventSubscription]:
    return select(EventSubscription).where(instances.in_sight(g.actor, EventSubscription.instance_id))


Listing(
    "列出正在等待的消息和信号", EventSubscriptionDto(), _known,
    {
        "eventSubscriptionId": equals(EventSubscription.token_id),
        "eventType": equals(EventSubscription.kind),
        "eventName": equals(EventSubscription.name),
        "executionId": equals(EventSubscription.instance_id),
        "processInstanceId": equals(EventSubscription.instance_id),
        "activityId": equals(EventSubscription.activity_id),
    },
    order=(EventSubscription.token_id,),
).mount(bp, "/event-subscription")  # fmt: skip
