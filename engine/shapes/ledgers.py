"""问题整改销号 (SH11): the term of a rectification, its one extension, and what follows when it is overdue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import assignment, clock, deadlines, identity, notifications, user_tasks
from engine.identity import Actor
from engine.models import UserTask, WorkItem
from engine.runtime import Instance


def set_term(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Until when, an approved extension counted in; the item keeps its first date. From the day after, every week is urged."""
    item, until = session.get_one(WorkItem, variables["item"]), date.fromisoformat(variables["item_due_at"])
    decided = user_tasks.submissions(session, instance.id, "approve_extension")
    if decided and decided[-1].data["decision"] == "approve":
        until = date.fromisoformat(user_tasks.told(session, instance.id, "rectify")["extend_to"])
        item.detail = {**item.detail, "extended_to": until.isoformat()}
    begins = clock.start_of(until + timedelta(days=1), hour=8)
    return {"item_due_at": until.isoformat(), "overdue_cycle": f"R/{begins.isoformat()}/P7D"}


def measure_delay(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    reviewed = user_tasks.submissions(session, instance.id, "review")
    asked = set(session.scalars(select(UserTask.activity_id).where(UserTask.instance_id == instance.id)))
    return {
        "days_overdue": (clock.today() - date.fromisoformat(variables["item_due_at"])).days,
        "returns": sum(each.data["decision"] == "return" for each in reviewed),
        "talked": "hold_talk" in asked,
        "circulated": "circulate" in asked,
    }


def remind(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    groups = [
        group for rule in ("officers_of_item", "chief_of_item") for group in assignment.RULES[rule](session, instance)
    ]
    notifications.notify(
        session, identity.members(session, groups), "overdue", f"整改已逾期{variables['days_overdue']}日：{instance.title}",
        "请尽快整改并举证；逾期较久或多次退回的，将约谈、通报。", about=("instance", instance.id),
        dedupe_key=f"overdue:{instance.id}:{clock.today()}",
    )  # fmt: skip


def _check_extension(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if data["result"] != "extension":
        return
    limit = deadlines.current(session).find("rectification_extension", instance.started_at)
    granted = [
        each
        for each in user_tasks.submissions(session, instance.id, "approve_extension")
        if each.data["decision"] == "approve"
    ]
    if limit and limit.amount is not None and len(granted) >= limit.amount:
        told = f"已经延期过，一条问题{limit.quantity}（{limit.article}{'，待核对' if limit.is_to_confirm else ''}）：请完成整改后举证"
        raise ValidationError({"result": [told]})
    if date.fromisoformat(data["extend_to"]) <= clock.today():
        raise ValidationError({"extend_to": ["须是今天以后的日期"]})


TABLE = {"ledger.set_term": set_term, "ledger.measure_delay": measure_delay, "ledger.remind": remind}
CHECKS = {"ledger.evidence": _check_extension}
