"""event-subscription: which instances wait for a message or a signal."""

from __future__ import annotations

from flask import Blueprint, g
from sqlalchemy import Select, select

from engine import instances
from engine.models import EventSubscription, ProcessInstance
from web.rest.fields import Answer, Never, Text
from web.rest.lists import Listing, equals

bp = Blueprint("rest_events", __name__)


class EventSubscriptionDto(Answer):
    id = Text(attribute="token_id")
    eventType = Text(attribute="kind")
    eventName = Text(attribute="name")
    executionId = Text(attribute="instance_id")
    processInstanceId = Text(attribute="instance_id")
    activityId = Text(attribute="activity_id")
    createdDate = Never()
    tenantId = Never()


def _known() -> Select[EventSubscription]:
    visible = select(ProcessInstance.id).where(instances.visible(g.actor))
    return select(EventSubscription).where(EventSubscription.instance_id.in_(visible))


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
