"""Construction projects: how far behind they are, and what must be on paper before they count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from engine import user_tasks
from engine.identity import Actor
from engine.lamps import thresholds
from engine.plan import items
from engine.runtime import Instance, ServiceTask
from engine.shapes.rules import not_later

TESTED = "检测"
"""A commitment whose evidence names a test (照度检测报告) counts nothing that has not passed one."""
COLLECTIVE = items.GATES["needs_collective"]


def measure(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, float]:
    """By how many points the last monthly report is behind its plan, with the borders the bureau judges it by."""
    told, borders = user_tasks.submissions(session, instance.id, "report_month")[-1].data, thresholds.in_force(session)
    behind = round(told["planned_percent"] - told["percent"], 1)
    return {"behind": behind, "behind_yellow": borders.behind_yellow, "behind_red": borders.behind_red}


def require_resolution(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if COLLECTIVE in items.commitment_of(session, instance).gates and not data["minutes_number"]:
        told = f"本任务标明“{COLLECTIVE}”：请填集体研究的会议纪要文号；还没有研究的，先提请上会（三重一大决策制度）"
        raise ValidationError({"minutes_number": [told]})


def require_test(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    not_later("accepted_on")(session, instance, data, actor=actor)
    commitment = items.commitment_of(session, instance)
    if any(TESTED in kind for kind in commitment.evidence) and not data["test_report"]:
        told = f"请填检测报告编号：任务{commitment.code}要求的佐证材料有检测报告，没有报告的不计数"
        raise ValidationError({"test_report": [told]})


def require_passed(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    accepted = user_tasks.submissions(session, instance.id, "accept_works")[-1].data
    if data["decision"] == "approve" and accepted["test_passed"] is False:
        raise ValidationError(
            {"decision": [f"检测报告{accepted['test_report']}的结论是不合格，请选“不合格”，整改复检后再验收"]}
        )


TABLE: dict[str, ServiceTask] = {"construction.measure": measure}
CHECKS = {
    "construction.approval": require_resolution, "construction.month": not_later("as_of"),
    "construction.accept": require_test, "construction.confirm": require_passed,
}  # fmt: skip
