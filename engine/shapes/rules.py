"""What the forms of shapes refuse beyond their fields, where a shape has no module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, user_tasks
from engine.identity import Actor
from engine.models import WorkItem
from engine.runtime import Instance
from engine.user_tasks import Check
from engine.vetoes.checks import no_barred


def not_later(*fields: str) -> Check:
    """What has been done has been done by today."""

    def check(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
        today = clock.today().isoformat()
        wrong = {field: [f"不能晚于今天（{today}），请填实际日期"] for field in fields if (data[field] or "") > today}
        if wrong:
            raise ValidationError(wrong)

    return check


def explain_delay(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A period that was missed is made up for, and says why."""
    not_later("done_on")(session, instance, data, actor=actor)
    due_on = session.scalar(select(WorkItem.due_on).where(WorkItem.instance_id == instance.id))
    if due_on and data["done_on"] > due_on.isoformat() and not data["late_reason"]:
        told = f"本期应于{due_on}前办结，办理日期已过期限：请填漏报、迟办原因（本局工作约定：漏期补记）"
        raise ValidationError({"late_reason": [told]})


def require_safe(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A platform that failed one of its two gates does not pass, and a trial runs into the future."""
    not_later("accepted_on")(session, instance, data, actor=actor)
    if data["first_result"] != "pass":
        return
    if data["trial_ends_at"] <= clock.today().isoformat():
        raise ValidationError({"trial_ends_at": ["试运行截止日期须晚于今天"]})
    for activity, bad, told in (
        ("protect_levels", "bad", "等保测评结论是不符合（网络安全等级保护制度，待核对）"),
        ("assess_data", "unacceptable", "数据安全评估结论是风险不可接受（数据安全法，待核对）"),
    ):
        if user_tasks.submissions(session, instance.id, activity)[-1].data["conclusion"] == bad:
            raise ValidationError({"first_result": [f"{told}，初验请选“不合格”，退回建设"]})


def require_every_standard(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    missed = [row["name"] for row in data["standards"] if not row["meets"]]
    if data["reached"] == "yes" and missed:
        raise ValidationError({"reached": [f"还有未达到的标准项：{'、'.join(missed)}，请选“尚未达到，先行整改”"]})


def require_recognition(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    external = user_tasks.submissions(session, instance.id, "record_external")[-1].data["external"]
    if data["stage"] == "recognised" and external != "recognised":
        raise ValidationError({"stage": ["上级尚未认定（以登记的外部结果为准），请选跨年结转或整改后再报"]})


CHECKS: dict[str, Check] = {
    "duty.carry_out": explain_delay, "campaign.hold": not_later("held_on"), "platform.first_acceptance": require_safe,
    "accreditation.self": require_every_standard, "accreditation.stage": require_recognition,
    "grant.applications": no_barred("grant", "applications"),
}  # fmt: skip
