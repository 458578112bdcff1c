"""问题整改销号 (SH11) begun by the diagram of before, which had a loop of its own; since then a problem is a finding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from engine import clock, user_tasks
from engine.identity import Actor
from engine.models import WorkItem
from engine.runtime import Instance, Told
from engine.supervision import rectification


def set_term(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Until when, an approved extension counted in; the item keeps its first date."""
    item, until = session.get_one(WorkItem, variables["item"]), date.fromisoformat(variables["item_due_at"])
    if rectification.granted(session, instance.id):
        until = date.fromisoformat(user_tasks.told(session, instance.id, "rectify")["extend_to"])
        item.detail = {**item.detail, "extended_to": until.isoformat()}
    begins = clock.start_of(until + timedelta(days=1), hour=8)
    return {"item_due_at": until.isoformat(), "overdue_cycle": f"R/{begins.isoformat()}/P7D"}


def _check_evidence(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if data["result"] == "extension":
        rectification.check_extension(session, instance, data)


TABLE = {"ledger.set_term": set_term}
CHECKS = {"ledger.evidence": _check_evidence}
