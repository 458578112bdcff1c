"""督办事项: proposing one, the list of them, and what their diagram calls by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

import forms
from engine import clock, deadlines, history, ids, instances, reminders, user_tasks
from engine.deadlines import Due
from engine.errors import InvalidInput, NotAllowed
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import OversightItem, ProcessInstance, Unit
from engine.oversight import dates
from engine.runtime import Instance, ServiceTask, Told

FORM = "oversight.item"
WORDS = {field.key: dict(field.options) for field in forms.get(FORM).fields if field.options}
"""Of sources and urgencies, as the form has them."""
FROM_ITS_DATE = {"minutes_issued", "meeting_held", "document_received"}
"""Events by whose date a limit runs; any other runs from when the unit is charged (交办)."""
LONG = timedelta(days=31)
"""What takes longer is reported on month by month."""


def can_propose(actor: Actor) -> bool:
    return actor.has_role("office_supervisor")


def require_can_propose(actor: Actor) -> None:
    if not can_propose(actor):
        raise NotAllowed(f"{actor.login} may not propose items", advice="督办事项由督办机构立项。")


def propose(session: Session, submitted: Mapping[str, Any], *, actor: Actor, parent_id: str | None = None) -> None:
    """Start the process of an item, with its draft as the first step."""
    require_can_propose(actor)
    _require_dates(submitted)
    lead, title = _unit(session, submitted["lead"]), f"督办：{submitted['title']}"
    user_tasks.start_with(
        session, submitted, "oversight_item", actor=actor, title=title, unit_id=lead.id, parent_id=parent_id
    )  # fmt: skip


def listed(session: Session, actor: Actor) -> list[OversightItem]:
    """The items a person may look at: open first, then latest."""
    wanted = select(OversightItem).join(OversightItem.instance).where(instances.visible(actor))
    latest = OversightItem.year.desc(), OversightItem.sequence.desc()
    ordered = wanted.order_by(OversightItem.closed_at.is_not(None), *latest)
    return list(session.scalars(ordered.options(joinedload(OversightItem.lead))))


def issue(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> dict[str, Any]:
    """The item is approved: it gets its number and its date, and the unit is charged (交办)."""
    assert actor is not None, "an item is issued by whoever approves it"
    draft = user_tasks.last(session, instance.id, "draft_item")
    told, now = draft.data, clock.now()
    _require_dates(told)
    lead, due, year = _unit(session, told["lead"]), _due(session, told, instance), now.astimezone(clock.LOCAL).year
    assert due.at is not None, "an item without a date is refused"
    item = OversightItem(
        id=ids.new(), year=year, sequence=ids.in_year(session, OversightItem, year), event_on=date.fromisoformat(told["event_on"]),
        lead_id=lead.id, instance_id=instance.id, registered_at=now, registered_by_id=draft.submitted_by_id,
        due_at=due.at, due_reason=due.reason, due_basis=due.basis,
        **{name: told[name] for name in ("title", "source", "urgency", "document", "demand", "criterion", "partners")},
    )  # fmt: skip
    session.add(item)
    session.flush()
    instance.title, instance.unit_id, instance.unit_key = f"{item.number} {item.title}", lead.id, lead.key
    named = {"title": instance.title, "unit_id": lead.id}
    session.execute(update(ProcessInstance).where(ProcessInstance.id == instance.id).values(named))
    history.tell(session, instance, "oversight.issued", actor, reason=item.number)
    facts.record(session, item, lamp.OPENED, actor=actor)
    facts.record(session, item, lamp.DUE_SET, actor=actor, due=due.at.isoformat())
    reminders.plan(session, "oversight_item", item.id, due.at, instance_id=instance.id)
    from_leader = item.source == "instruction"
    return {"item_due_at": dates.written(due.at), "report_from": _report_from(due.at), "from_leader": from_leader}


def note_report(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """What the unit has reported. Said to be done, the item is due no more while it is verified."""
    told, item = user_tasks.told(session, instance.id, "report_result"), _item(session, instance)
    facts.record(session, item, lamp.PROGRESS, actor=actor, percent=told["progress"])
    if told["finished"]:
        item.done_at = facts.end_of(date.fromisoformat(told["finished_on"]))
        facts.record(session, item, lamp.DONE, actor=actor, happened_at=item.done_at)
        reminders.forget(session, item.id)
    return {"report_from": _report_from(item.due_at)}


def reopen(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """退办: the clock runs again, and has not stood still meanwhile."""
    item = _item(session, instance)
    item.done_at = None
    facts.record(session, item, lamp.REOPENED, actor=actor)
    reminders.plan(session, "oversight_item", item.id, item.due_at, instance_id=instance.id)


def close(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """办结, whatever the diagram says never on the word of somebody who did it."""
    item, sent = _item(session, instance), user_tasks.submissions(session, instance.id)
    doers = {each.submitted_by_id for each in sent if each.activity_id == "report_result"}
    verifiers = {each.submitted_by_id for each in sent if each.activity_id == "verify_result"}
    if actor is None or actor.id in doers or verifiers & doers:
        raise NotAllowed(f"closing {item.number}", advice="不能办结：核查须由承办人以外的人作出。")
    item.closed_at = clock.now()
    history.tell(session, instance, "oversight.closed", actor, reason=item.number)
    facts.record(session, item, lamp.CLOSED, actor=actor)


TABLE: dict[str, ServiceTask] = {
    "oversight.issue": issue, "oversight.note_report": note_report, "oversight.reopen": reopen, "oversight.close": close,
    **dates.TABLE,
}  # fmt: skip


def _require_dates(told: Mapping[str, Any]) -> None:
    if told["due_on"] and date.fromisoformat(told["due_on"]) < clock.today():
        raise InvalidInput("due in the past", code="due_on", advice="办结期限不能早于今天，请改填或退回修改。")
    if date.fromisoformat(told["event_on"]) > clock.today():
        raise InvalidInput("not yet", code="event_on", advice="来源日期不能晚于今天，请改填或退回修改。")


def _due(session: Session, told: Mapping[str, Any], instance: Instance) -> Due:
    """As the order says; else by the limit for its urgency, for its source and urgency, or for its source."""
    if told["due_on"]:
        return Due(clock.end_of(date.fromisoformat(told["due_on"])), "批示或文件写明的办结期限")
    book, source, urgency = deadlines.current(session), told["source"], told["urgency"]
    named = (f"supervised_{each}" for each in (urgency, f"{source}_{urgency}", source))
    limit = next(filter(None, (book.find(name, instance.started_at) for name in named)), None)
    if limit is None:
        raise InvalidInput("no due date", code="due_on", advice="这类事项没有适用的期限规则，请退回填写办结期限。")
    since = told["event_on"] if limit.event in FROM_ITS_DATE else clock.now().isoformat()
    return deadlines.of_rule(book, limit.key, since, None, instance.started_at)


def _report_from(due_at: datetime) -> str:
    """From which day the time for the next report runs: month by month while the end is far, then by the end itself."""
    today, last = clock.today(), due_at.astimezone(clock.LOCAL).date()
    month_ends = (today.replace(day=1) + LONG).replace(day=1) - timedelta(days=1)
    return (month_ends if last - today > LONG else max(last, today)).isoformat()


def _unit(session: Session, key: str) -> Unit:
    return session.scalars(select(Unit).where(Unit.key == key)).one()


def _item(session: Session, instance: Instance) -> OversightItem:
    return session.scalars(select(OversightItem).where(OversightItem.instance_id == instance.id)).one()
