"""What the law asks of single steps: of a document (文件制定), of a case (个案), of the first report of an event (应急)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from engine import clock, deadlines, identity, user_tasks
from engine.identity import Actor
from engine.models import Person
from engine.runtime import Instance, ServiceTask
from engine.user_tasks import Check
from engine.vetoes import register

REPLY = {"ordinary": "proposal_reply", "difficult": "proposal_reply_difficult", "petition": "petition_completion"}


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
            words = f"{limit.told}，最早填{earliest}；确需缩短的，写明理由"
            raise ValidationError({"consultation_ends_at": [words]})


def require_controlled(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if data["level"] == "uncontrollable":
        words = "风险不可控的，先调整草案或采取措施，可控后再提交（《重大行政决策程序暂行条例》第二十四条）"
        raise ValidationError({"level": [words]})


def require_two(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    names = [each["name"] for each in data["investigators"] if each["interest"] == "no"]
    if len(set(names)) < len(data["investigators"]):
        words = "调查人员不得少于两人，一人一行；有利害关系的应当回避，请另选（《中华人民共和国行政处罚法》第四十二条、第四十三条）"
        raise ValidationError({"investigators": [words]})


def count_reply_time(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    told = user_tasks.submissions(session, instance.id, "assign_case")[-1].data
    return {"reply_due_at": _due(session, instance, REPLY[told["nature"]], told["assigned_on"])}


def count_report_time(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """The hours run from the moment the event is entered, by the rule that the department has arranged."""
    assert instance.parent_id is not None, "an event is an item of a commitment"
    told = user_tasks.submissions(session, instance.parent_id, "arrange_watch")[-1].data
    return {"first_report_due_at": _due(session, instance, told["report_rule"], clock.now().isoformat())}


def register_bar(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """What was decided bars for its time, in the name of whoever decided."""
    decided = user_tasks.submissions(session, instance.id, "decide_case")[-1]
    if decided.data["outcome"] == "punish" and decided.data["scopes"]:
        told = {**decided.data, "reason": "conduct", "sanction": decided.data["penalty"], "ends_on": None}
        register.enter(session, told, actor=identity.actor(session.get_one(Person, decided.submitted_by_id)))


def _due(session: Session, instance: Instance, rule: str, since: str) -> str:
    """Where no limit is in force yet, at once: nothing may be later for want of a rule."""
    due = deadlines.of_rule(deadlines.current(session), rule, since, None, instance.started_at)
    return (due.at or clock.now()).isoformat()


TABLE: dict[str, ServiceTask] = {
    "case.count_reply_time": count_reply_time, "emergency.count_report_time": count_report_time,
    "veto.register_from_decision": register_bar,
}  # fmt: skip
CHECKS: dict[str, Check] = {
    "policy.draft": require_first_draft, "policy.consultation": require_long_enough, "policy.risk": require_controlled,
    "case.investigation": require_two,
}  # fmt: skip
