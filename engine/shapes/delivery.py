"""Duties, projects, events, platforms, accreditation, grants: what they refuse beyond their forms, and how late a project is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, user_tasks
from engine.identity import Actor
from engine.lamps import thresholds
from engine.models import WorkItem
from engine.plan import items
from engine.plan.shapes import GATES, SHAPES
from engine.runtime import Instance, ServiceTask, Told
from engine.targets import subject
from engine.user_tasks import Check
from engine.vetoes.checks import no_barred, require_clear

TESTED = "检测"
"""A commitment whose evidence names a test (照度检测报告) counts nothing that has not passed one."""
COLLECTIVE = GATES["needs_collective"]
APPLICATIONS = no_barred("grant", "applications")


def measure(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> dict[str, float]:
    """By how many points the last monthly report is behind its plan, with the borders the bureau judges it by."""
    told, borders = user_tasks.told(session, instance.id, "report_month"), thresholds.in_force(session)
    behind = round(told["planned_percent"] - told["percent"], 1)
    return {"behind": behind, "behind_yellow": borders.behind_yellow, "behind_red": borders.behind_red}


def done_by_today(field: str) -> Check:
    def check(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
        today = clock.today().isoformat()
        if (data[field] or "") > today:
            _refuse(field, f"不能晚于今天（{today}），请填实际日期")

    return check


def explain_delay(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A period that was missed is made up for, and says why."""
    done_by_today("done_on")(session, instance, data, actor=actor)
    due_on = session.scalars(select(WorkItem.due_on).where(WorkItem.instance_id == instance.id)).one()
    if data["done_on"] > due_on.isoformat() and not data["late_reason"]:
        _refuse("late_reason", f"本期应于{due_on}前办结，已过期限：请填漏报、迟办原因（本局工作约定：漏期补记）")


def require_resolution(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if COLLECTIVE in subject.commitment_of(session, instance).gates and not data["minutes_number"]:
        _refuse("minutes_number", f"任务的环节要求有“{COLLECTIVE}”：请填会议纪要文号；还没有研究的，先提请上会")


def require_test(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    done_by_today("accepted_on")(session, instance, data, actor=actor)
    commitment = subject.commitment_of(session, instance)
    if any(TESTED in kind for kind in commitment.evidence) and not data["test_report"]:
        _refuse("test_report", f"请填检测报告编号：任务{commitment.code}要求的佐证材料有检测报告，没有报告的不计数")


def require_passed(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    accepted = user_tasks.told(session, instance.id, "accept_works")
    if data["decision"] == "approve" and accepted["test_passed"] is False:
        _refuse("decision", f"检测报告{accepted['test_report']}的结论是不合格，请选“不合格”，整改复检后再验收")


def require_safe(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A platform that failed one of its two gates does not pass, and a trial runs into the future."""
    done_by_today("accepted_on")(session, instance, data, actor=actor)
    if data["first_result"] == "pass":
        if data["trial_ends_at"] <= clock.today().isoformat():
            _refuse("trial_ends_at", "试运行截止日期须晚于今天")
        if user_tasks.told(session, instance.id, "protect_levels")["conclusion"] == "bad":
            _refuse("first_result", "等保测评结论是不符合（网络安全等级保护制度，待核对），请选“不合格”，退回建设")
        if user_tasks.told(session, instance.id, "assess_data")["conclusion"] == "unacceptable":
            _refuse("first_result", "数据安全评估结论是风险不可接受（数据安全法，待核对），请选“不合格”，退回建设")


def require_standards(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    missed = [row["name"] for row in data["standards"] if not row["meets"]]
    if data["reached"] == "yes" and missed:
        _refuse("reached", f"还有未达到的标准项：{'、'.join(missed)}，请选“尚未达到，先行整改”")


def require_recognition(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if (
        data["stage"] == "recognised"
        and user_tasks.told(session, instance.id, "record_external")["external"] != "recognised"
    ):
        _refuse("stage", "上级尚未认定（以登记的外部结果为准），请选跨年结转或整改后再报")


def require_applied(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Of a grant only what was applied for is registered, and nobody who has been barred meanwhile."""
    items.require_sensible(session, instance, data, actor=actor)
    if instance.definition_key == "grant_project":
        named = {row["name"] for row in data["items"]}
        rows = [
            row
            for row in user_tasks.told(session, instance.id, "collect_applications")["applications"]
            if row["project"] in named
        ]
        if unknown := named - {row["project"] for row in rows}:
            _refuse("items", f"没有申报过：{'、'.join(sorted(unknown))}；名称请与申报的一致")
        nominees = APPLICATIONS.nominees(session, {APPLICATIONS.field: rows})
        require_clear(session, nominees, APPLICATIONS.scope, clock.today(), field="items")


def _refuse(field: str, words: str) -> NoReturn:
    raise ValidationError({field: [words]})


TABLE: dict[str, ServiceTask] = {"construction.measure": measure}
CHECKS: dict[str, Check] = {
    "duty.carry_out": explain_delay, "campaign.hold": done_by_today("held_on"), SHAPES["SH18"].register: require_applied,
    "construction.approval": require_resolution, "construction.month": done_by_today("as_of"),
    "construction.accept": require_test, "construction.confirm": require_passed, "platform.first_acceptance": require_safe,
    "accreditation.self": require_standards, "accreditation.stage": require_recognition, "grant.applications": APPLICATIONS,
}  # fmt: skip
