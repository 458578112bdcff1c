"""What the diagrams of 督办 call by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import clock, history, identity, ids, notifications, reminders, user_tasks
from engine.errors import NotAllowed
from engine.handover import HEADS
from engine.history import Entry
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import OversightItem, ProcessInstance, Unit
from engine.notifications import Mail
from engine.oversight import extensions, items, subjects
from engine.runtime import Instance, ServiceTask


def issue(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> dict[str, Any]:
    """The item is approved: it gets its number and its date, and the unit in charge is told (交办、督办单)."""
    assert actor is not None, "an item is issued by whoever approves it"
    draft = user_tasks.submissions(session, instance.id, "draft_item")[-1]
    told = draft.data
    items.require_due(told)
    lead, due = items.unit(session, told["lead"]), items.due(session, told, instance.started_at)
    assert due.at is not None
    now = clock.now()
    item = OversightItem(
        id=ids.new(), year=(year := now.astimezone(clock.LOCAL).year), sequence=items.next_sequence(session, year),
        **{name: told[name] for name in ("title", "source", "urgency", "document", "demand", "criterion")},
        event_on=date.fromisoformat(told["event_on"]), lead_id=lead.id, partners=_names(told["partners"]),
        instance_id=instance.id, registered_at=now, registered_by_id=draft.submitted_by_id, approved_by_id=actor.id,
        due_at=due.at, due_reason=due.reason, due_basis=due.basis,
    )  # fmt: skip
    session.add(item)
    session.flush()
    instance.title, instance.unit_id, instance.unit_key = f"{item.number} {item.title}", lead.id, lead.key
    named = {"title": instance.title, "unit_id": lead.id}
    session.execute(update(ProcessInstance).where(ProcessInstance.id == instance.id).values(named))
    history.record(session, instance, [Entry("oversight.issued", actor.id, detail={"reason": item.number})])
    facts.record(session, item, lamp.OPENED, actor=actor)
    facts.record(session, item, lamp.DUE_SET, actor=actor, due=due.at.isoformat())
    reminders.plan(session, "oversight_item", item.id, due.at, instance_id=instance.id)
    _tell(session, item, lead)
    return {
        "item_due_at": subjects.written(due.at), "report_from": items.report_from(due.at),
        "from_leader": item.source == "instruction",
    }  # fmt: skip


def note_report(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """What the unit has reported. Said to be done, the item is due no more while it is verified."""
    told, item = user_tasks.submissions(session, instance.id, "report_result")[-1].data, _item(session, instance)
    facts.record(session, item, lamp.PROGRESS, actor=actor, percent=told["progress"])
    if told["finished"]:
        item.done_at = facts.end_of(date.fromisoformat(told["finished_on"]))
        facts.record(session, item, lamp.DONE, actor=actor, happened_at=item.done_at)
        reminders.forget(session, item.id)
    return {"report_from": items.report_from(item.due_at)}


def reopen(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """退办: the clock runs again, and has not stood still meanwhile."""
    item = _item(session, instance)
    item.done_at = None
    facts.record(session, item, lamp.REOPENED, actor=actor)
    reminders.plan(session, "oversight_item", item.id, item.due_at, instance_id=instance.id)


def close(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """办结, whatever the diagram says never on the word of somebody who did it."""
    item = _item(session, instance)
    doers = {each.submitted_by_id for each in user_tasks.submissions(session, instance.id, "report_result")}
    verified = user_tasks.submissions(session, instance.id, "verify_result")[-1]
    if actor is None or actor.id in doers or verified.submitted_by_id in doers:
        raise NotAllowed(f"closing {item.number}", advice="不能办结：核查和办结审批须由承办人以外的人作出。")
    item.closed_at = clock.now()
    history.record(session, instance, [Entry("oversight.closed", actor.id, detail={"reason": item.number})])
    facts.record(session, item, lamp.CLOSED, actor=actor)


def _item(session: Session, instance: Instance) -> OversightItem:
    return session.scalars(select(OversightItem).where(OversightItem.instance_id == instance.id)).one()


def _names(written: str | None) -> list[str]:
    return [name for each in re.split("[、，,；;]", written or "") if (name := each.strip())]


def _tell(session: Session, item: OversightItem, lead: Unit) -> None:
    """The heads of the unit in charge, and of those co-operating units that are ours."""
    for units, kind, words in (
        (Unit.id == lead.id, "lead", "牵头办理"),
        (Unit.name.in_(item.partners), "partner", "协办"),
    ):
        groups = [f"{role}@{key}" for key in session.scalars(select(Unit.key).where(units)) for role in HEADS]
        notifications.notify(
            session, identity.members(session, groups), "oversight_item", f"{item.number} 请{words}：{item.title}",
            f"{item.demand}\n办结口径：{item.criterion}", about=("instance", item.instance_id),
            dedupe_key=f"oversight_item:{item.id}:{kind}", mail=Mail.DAYTIME,
        )  # fmt: skip


TABLE: dict[str, ServiceTask] = {
    "oversight.issue": issue,
    "oversight.note_report": note_report,
    "oversight.reopen": reopen,
    "oversight.close": close,
    "extension.grant": extensions.grant,
    "extension.refuse": extensions.refuse,
}
