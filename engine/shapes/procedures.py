"""What law and plan ask of single steps: of awards and payments (评选, 资金), documents (文件), cases (个案), first reports (应急)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from engine import clock, deadlines, history, identity, user_tasks
from engine.identity import Actor
from engine.models import Person
from engine.options import Choices
from engine.runtime import Instance, ServiceTask, Told
from engine.targets import figures
from engine.user_tasks import Check
from engine.vetoes import checks as vetoes
from engine.vetoes import register

WAN = 10_000
NOMINEES = vetoes.no_barred("award", "nominees")


def require_clear(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Whoever passes the list passes everybody on it as they stand today."""
    if data["decision"] == "approve":
        named = NOMINEES.nominees(session, user_tasks.told(session, instance.id, "collect_nominees"))
        vetoes.require_clear(session, named, NOMINEES.scope, clock.today(), field="decision")


def claims(session: Session, instance_id: str | None) -> Choices:
    """The rows that were collected last, as they are verified one by one."""
    rows = user_tasks.told(session, instance_id, "collect_claims")["claims"] if instance_id else []
    return [(str(n), f"{row['name']}（{row['unit']}，申报{row['count']:g}）") for n, row in enumerate(rows, 1)]


def require_within_claims(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Nobody gets more than was asked for, and whoever gets less is told why."""
    claimed, errors = user_tasks.told(session, instance.id, "collect_claims")["claims"], {}
    for number, (row, claim) in enumerate(zip(data["counts"], claimed, strict=True)):
        if row["counted"] > claim["count"]:
            errors[f"counts.{number}.counted"] = [f"{claim['name']}：核定数不能多于申报数{claim['count']:g}"]
        elif row["counted"] < claim["count"] and not row["note"]:
            errors[f"counts.{number}.note"] = [f"{claim['name']}：核定数少于申报数，请写明原因"]
    if errors:
        raise ValidationError(errors)


def calculate(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """测算, with its working kept in the history. `amount` is in 万元, as the table of large sums wants it."""
    due, working = _reckoned(session, instance)
    budget = Decimal(str(user_tasks.told(session, instance.id, "collect_claims")["budget"]))
    words = f"测算：{working}；预算{budget}元{'，超出预算，不能兑付' if due > budget else ''}"
    history.tell(session, instance, "fund.calculated", actor, reason=words)
    return {"amount": float(due / WAN), "over_budget": due > budget}


def require_sum(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """What the vouchers say is what was reckoned and approved."""
    paid, (due, working) = sum(Decimal(str(row["amount"])) for row in data["payments"]), _reckoned(session, instance)
    if paid != due:
        raise ValidationError({"payments": [f"合计{paid}元，应为测算并批准的{working}；请逐张核对凭证"]})


def _reckoned(session: Session, instance: Instance) -> tuple[Decimal, str]:
    verified = user_tasks.told(session, instance.id, "verify_claims")["counts"]
    counted = sum((Decimal(str(row["counted"])) for row in verified), Decimal(0))
    standard = Decimal(str(user_tasks.told(session, instance.id, "collect_claims")["standard"]))
    return counted * standard, f"{counted:f} × {standard:f}元 = {counted * standard:f}元"


def require_first_draft(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Only what has been through its steps before may go without them."""
    earlier = [each.data["kind"] for each in user_tasks.submissions(session, instance.id, "draft_document")]
    if data["substantial"] == "no" and data["kind"] not in earlier:
        raise ValidationError({"substantial": ["这一种类的草案还没有走过程序，请选“首次起草或作了实质性修改”"]})


def require_long_enough(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    book = deadlines.current(session)
    limit = book.find("decision_comments", instance.started_at)
    if limit is not None and not data["short_reason"]:
        earliest = deadlines.count(book.calendar, limit, date.fromisoformat(data["published_on"])).day
        if date.fromisoformat(data["consultation_ends_at"]) < earliest:
            raise ValidationError({"consultation_ends_at": [f"{limit.told}，最早填{earliest}；确需缩短的，写明理由"]})


def require_two(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    names = [each["name"] for each in data["investigators"] if each["interest"] == "no"]
    if len(set(names)) < len(data["investigators"]):
        words = "调查人员不得少于两人，一人一行；有利害关系的应当回避，请另选（《中华人民共和国行政处罚法》第四十二条、第四十三条）"
        raise ValidationError({"investigators": [words]})


def require_in_force(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """The register takes what is in force, and names that can be found again."""
    if date.fromisoformat(data["starts_on"]) > clock.today():
        raise ValidationError({"starts_on": ["决定自作出之日起生效，生效日期不能晚于今天"]})
    if not register.compared(data["subject"]):
        raise ValidationError({"subject": ["请填写姓名或单位名称，不能只有符号"]})


def register_bar(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """What was decided bars for its time, in the name of whoever decided."""
    decided = user_tasks.last(session, instance.id, "decide_case")
    if decided.data["outcome"] == "punish" and decided.data["scopes"]:
        told = {**decided.data, "reason": "conduct", "sanction": decided.data["penalty"], "ends_on": None}
        register.enter(session, told, actor=identity.actor(session.get_one(Person, decided.submitted_by_id)))


def count_reply_time(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    told = user_tasks.told(session, instance.id, "assign_case")
    return {"reply_due_at": deadlines.until(session, told["nature"], instance.started_at, told["assigned_on"])}


def count_report_time(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """The hours run from the moment the event is entered, by the rule that the department has arranged."""
    assert instance.parent_id is not None, "an event is an item of a commitment"
    told = user_tasks.told(session, instance.parent_id, "arrange_watch")
    return {"first_report_due_at": deadlines.until(session, told["report_rule"], instance.started_at)}


TABLE: dict[str, ServiceTask] = {
    "fund.calculate": calculate, "veto.register_from_decision": register_bar, "case.count_reply_time": count_reply_time,
    "emergency.count_report_time": count_report_time,
}  # fmt: skip
SOURCES = {"claims": claims}
CHECKS: dict[str, Check] = {
    "selection.nominees": NOMINEES, "selection.check": require_clear, "selection.issue": figures.require_figures,
    "fund.claims": vetoes.no_barred("subsidy", "claims"), "fund.verification": require_within_claims,
    "fund.payment": require_sum, "policy.draft": require_first_draft, "policy.consultation": require_long_enough,
    "case.investigation": require_two, "case.decision": require_in_force,
}  # fmt: skip
