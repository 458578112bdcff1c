"""What is awarded (评选认定) and paid out (资金兑付): to nobody who is barred, and never more than was verified and budgeted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from engine import clock, history, user_tasks
from engine.history import Entry
from engine.identity import Actor
from engine.options import Choices
from engine.runtime import Instance, ServiceTask
from engine.user_tasks import Check
from engine.vetoes import checks as vetoes

WAN = 10_000
NOMINEES = vetoes.no_barred("award", "nominees")


def require_clear(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Whoever passes the list passes everybody on it as they stand today."""
    if data["decision"] == "approve":
        named = NOMINEES.nominees(session, _last(session, instance.id, "collect_nominees"))
        vetoes.require_clear(session, named, NOMINEES.scope, clock.today(), field="decision")


def claims(session: Session, instance_id: str | None) -> Choices:
    """The rows that were collected last, as they are verified one by one."""
    rows = _last(session, instance_id, "collect_claims")["claims"] if instance_id else []
    return [(str(n), f"{row['name']}（{row['unit']}，申报{row['count']:g}）") for n, row in enumerate(rows, 1)]


def require_within_claims(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Nobody gets more than was asked for, and whoever gets less is told why."""
    claimed, errors = _last(session, instance.id, "collect_claims")["claims"], {}
    for number, (row, claim) in enumerate(zip(data["counts"], claimed, strict=True)):
        if row["counted"] > claim["count"]:
            errors[f"counts.{number}.counted"] = [f"{claim['name']}：核定数不能多于申报数{claim['count']:g}"]
        elif row["counted"] < claim["count"] and not row["note"]:
            errors[f"counts.{number}.note"] = [f"{claim['name']}：核定数少于申报数，请写明原因"]
    if errors:
        raise ValidationError(errors)


def calculate(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """测算, with its working kept in the history. `amount` is in 万元, as the table of large sums wants it."""
    (counted, standard, budget), due = _working(session, instance), _due(session, instance)
    words = f"测算：{counted} × {standard}元 = {due}元；预算{budget}元" + (
        "，超出预算，不能兑付" if due > budget else ""
    )
    history.record(session, instance, [Entry("fund.calculated", actor.id if actor else None, detail={"reason": words})])
    return {"amount": float(due / WAN), "over_budget": due > budget}


def require_sum(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """What the vouchers say is what was reckoned and approved."""
    paid, due = sum(Decimal(str(row["amount"])) for row in data["payments"]), _due(session, instance)
    if paid != due:
        raise ValidationError({"payments": [f"合计{paid}元，应为测算并批准的{due}元；请逐张核对凭证"]})


def _working(session: Session, instance: Instance) -> tuple[Decimal, Decimal, Decimal]:
    """How many, at what standard, within which budget."""
    told, verified = (_last(session, instance.id, step) for step in ("collect_claims", "verify_claims"))
    counted = sum((Decimal(str(row["counted"])) for row in verified["counts"]), Decimal(0))
    return counted, Decimal(str(told["standard"])), Decimal(str(told["budget"]))


def _due(session: Session, instance: Instance) -> Decimal:
    counted, standard, _ = _working(session, instance)
    return counted * standard


def _last(session: Session, instance_id: str, activity_id: str) -> dict[str, Any]:
    return user_tasks.submissions(session, instance_id, activity_id)[-1].data


TABLE: dict[str, ServiceTask] = {"fund.calculate": calculate}
SOURCES = {"claims": claims}
CHECKS: dict[str, Check] = {
    "selection.nominees": NOMINEES, "selection.check": require_clear, "fund.claims": vetoes.no_barred("subsidy", "claims"),
    "fund.verification": require_within_claims, "fund.payment": require_sum,
}  # fmt: skip
