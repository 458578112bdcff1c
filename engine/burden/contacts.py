"""负担台账: every time somebody asks something of a school; what a rule speaks against; visits announced, merged, cancelled."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from importlib import resources
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import ColumnElement, or_, select, true, update
from sqlalchemy.orm import Session, joinedload

from engine import clock, identity, ids, notifications
from engine.errors import Conflict, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import ProcessInstance, SchoolContact, Unit
from engine.runtime import Instance
from engine.user_tasks import refuse
from engine.vetoes.register import compared

RULES = tomllib.loads(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"))
VISIT, REQUEST = "visit", "request"
WORDS = {VISIT: "进校", REQUEST: "填报"}
FORM = "burden.visit"
SEES_ALL = {"inspectorate_office", "office_supervisor", "bureau_leader", "deputy_leader"}
MERGES = {"inspectorate_office", "office_supervisor"}
ANNOUNCES = ("officer", "department_head", "inspectorate_office", "office_supervisor")
MOST_TOLD = 6
Merge = tuple[SchoolContact, list[SchoolContact]]
"""A visit, and those of other departments that would come on its day."""


def note(
    session: Session, *, unit_id: str, department_id: str, kind: str, title: str, starts_on: date, ends_on: date,
    hours: float, instance_id: str | None, matters: Sequence[str], justification: str | None = None,
) -> SchoolContact:  # fmt: skip
    """Write down that a department asks something of a unit. Nothing is refused: what runs already is only to be seen."""
    instance = session.get(ProcessInstance, instance_id) if instance_id else None
    contact = SchoolContact(
        id=ids.new(), unit_id=unit_id, department_id=department_id, kind=kind, title=title, starts_on=starts_on,
        ends_on=ends_on, hours=hours, instance_id=instance_id, matters=list(matters), justification=justification,
        statutory=instance is not None and instance.definition_key in RULES["statutory"]["processes"],
        noted_at=clock.now(),
    )  # fmt: skip
    session.add(contact)
    session.flush()
    return contact


def expect(
    session: Session, instance: Instance | ProcessInstance, unit: Unit, department_id: str, starts_on: date, ends_on: date,
    matters: Sequence[str],
) -> None:  # fmt: skip
    """A visit that a process of ours brings to a school; the hours are those its kind usually takes."""
    if unit.kind == "school":
        note(
            session, unit_id=unit.id, department_id=department_id, kind=VISIT, title=instance.title, starts_on=starts_on,
            ends_on=ends_on, hours=RULES["hours"][instance.definition_key], instance_id=instance.id, matters=matters,
        )  # fmt: skip


def took_place(session: Session, instance_id: str, day: date) -> None:
    """It was expected by a certain day, and came on this one."""
    mine = update(SchoolContact).where(SchoolContact.instance_id == instance_id, SchoolContact.kind == VISIT)
    session.execute(mine.values(starts_on=day, ends_on=day))


def clashes(session: Session, unit_id: str, starts_on: date, ends_on: date) -> list[SchoolContact]:
    """The visits a unit has on these days already. The routine one of the month is only expected by a day, and gives way."""
    return _held(
        session, [unit_id], starts_on, ends_on, SchoolContact.kind == VISIT, SchoolContact.statutory.is_(False)
    )


def duplicates(
    session: Session, units: Collection[Unit], matters: Sequence[str], starts_on: date, ends_on: date
) -> list[str]:
    """What was asked of these units lately, or will be soon, in the same matter, in words."""
    near, asked = timedelta(days=RULES["duplicates"]["days"]), set(map(compared, matters))
    found = _held(session, [unit.id for unit in units], starts_on - near, ends_on + near)
    told = [
        f"{each.unit.name}：{each.department.name}{each.starts_on:%m-%d}{WORDS[each.kind]}“{each.title}”已有“{matter}”"
        for each in found for matter in each.matters if compared(matter) in asked
    ]  # fmt: skip
    return _sourced(told, "与已有的重复", RULES["duplicates"]["source"])


def over_caps(session: Session, units: Collection[Unit], kind: str, day: date, hours: float) -> list[str]:
    """The caps that one more contact in the month of a day would exceed, in words. What the law demands counts for none."""
    first, last = month_of(day)
    found = _held(session, [unit.id for unit in units], first, last, SchoolContact.statutory.is_(False))
    had: defaultdict[tuple[str, str], float] = defaultdict(float)
    for each in (each for each in found if first <= each.starts_on):
        had[each.unit_id, f"{each.kind}s"] += each.merged_into_id is None
        had[each.unit_id, "hours"] += each.hours
    told: list[str] = []
    for name, more in ((f"{kind}s", 1), ("hours", hours)):
        cap = RULES["caps"][name]
        over = [unit.name for unit in units if had[unit.id, name] + more > cap["amount"]]
        told += _sourced(over, f"{cap['name']}超过{cap['amount']}{cap['unit']}", cap["source"])
    return told


def _sourced(told: Sequence[str], what: str, source: str) -> list[str]:
    more = f"等{len(told)}处" if len(told) > MOST_TOLD else ""
    return [f"{what}（{source}）：{'；'.join(told[:MOST_TOLD])}{more}"] if told else []


def require_justified(told: Mapping[str, Any], objections: Sequence[str]) -> None:
    if objections and not told["justification"]:
        advice = "请改期、合并或删去（已送审的退回修改）；确有必要的在“必要性说明”中写明，会留存并向学校显示"
        raise ValidationError({"justification": [*objections, advice]})


def department_of(session: Session, actor: Actor, roles: Collection[str]) -> Unit:
    """In whose name a person asks something of schools; whoever holds none of the roles may not."""
    key = next((holding.unit for holding in actor.holdings if holding.role in roles), None)
    if key is None:
        advice = "进校事项由机关处室的承办人、负责人登记，填报要求由处室承办人拟定。"
        raise NotAllowed(f"{actor.login} asks nothing of schools", advice=advice)
    return session.scalars(select(Unit).where(Unit.key == key)).one()


def announce(session: Session, told: Mapping[str, Any], *, actor: Actor) -> None:
    """登记进校事项: a visit to each of some schools, refused where a rule speaks against it and no reason is given."""
    owner = department_of(session, actor, ANNOUNCES)
    starts_on = date.fromisoformat(told["starts_on"])
    ends_on = date.fromisoformat(told["ends_on"]) if told["ends_on"] else starts_on
    if not clock.today() <= starts_on <= ends_on:
        field, words = ("ends_on", "不能早于开始日期") if clock.today() <= starts_on else ("starts_on", "不能早于今天")
        refuse({field: words})
    schools, matters = locked(session, Unit.key.in_(told["schools"])), [row["matter"] for row in told["matters"]]
    same_day = [
        f"{school.name}：{each.department.name}{each.starts_on:%m-%d}“{each.title}”"
        for school in schools for each in clashes(session, school.id, starts_on, ends_on)
    ]  # fmt: skip
    require_justified(told, [
        *_sourced(same_day, "与已有的进校同日", RULES["merging"]["source"]),
        *duplicates(session, schools, matters, starts_on, ends_on),
        *over_caps(session, schools, VISIT, starts_on, told["hours"]),
    ])  # fmt: skip
    for school in schools:
        contact = note(
            session, unit_id=school.id, department_id=owner.id, kind=VISIT, title=told["title"], starts_on=starts_on,
            ends_on=ends_on, hours=told["hours"], instance_id=None, matters=matters, justification=told["justification"],
        )  # fmt: skip
        _tell(session, contact, "登记", f"{owner.name}将于{starts_on}进校：{'、'.join(matters)}。")


def can_cancel(actor: Actor, contact: SchoolContact) -> bool:
    """Whoever announced it, until the day has come. What a process demands is ended there."""
    ours = any(actor.has_role(role, contact.department.key) for role in ANNOUNCES)
    by_hand = contact.instance_id is None and contact.cancelled_at is None
    return ours and by_hand and contact.starts_on >= clock.today()


def cancel(session: Session, contact_id: str, *, actor: Actor) -> None:
    """取消. Whoever would have come on its day comes on that day all the same, but on their own."""
    contact = session.scalar(select(SchoolContact).where(SchoolContact.id == contact_id, visible(actor)))
    if contact is None:
        raise NotFound(f"no contact {contact_id}", advice="没有这件进校事项，或您无权查看。")
    locked(session, Unit.id == contact.unit_id)
    session.refresh(contact)
    if not can_cancel(actor, contact):
        advice = "由登记的处室在进校日期之前取消；已取消的不必再办。"
        raise NotAllowed(f"{actor.login} may not cancel it", advice=advice)
    contact.cancelled_at, contact.merged_into_id = clock.now(), None
    for joined in session.scalars(select(SchoolContact).where(SchoolContact.merged_into_id == contact.id)):
        joined.merged_into_id = None
    _tell(session, contact, "取消", f"{contact.department.name}取消{contact.starts_on}进校。")


def proposals(session: Session, *, actor: Actor) -> list[Merge]:
    """Visits to come that might be one, for those who may join them."""
    if not actor.roles & MERGES:
        return []
    coming = select(SchoolContact).where(SchoolContact.kind == VISIT, SchoolContact.starts_on > clock.today(), *COUNTS)
    return mergeable(session.scalars(coming.options(*WHOLE)), timedelta(days=RULES["merging"]["days"]))


def mergeable(visits: Iterable[SchoolContact], within: timedelta) -> list[Merge]:
    """Each visit is part of one proposal at most, and what has a process of its own stays on its day, above all what the
    law demands; so whatever is accepted, a school has fewer visits and no minimum is broken."""
    found: list[Merge] = []
    left = sorted(visits, key=lambda each: (each.unit_id, each.instance_id is None, each.starts_on, each.id))
    while left:
        into = left.pop(0)
        others = [
            each for each in left
            if each.unit_id == into.unit_id and each.department_id != into.department_id
            if each.instance_id is None and abs(each.starts_on - into.starts_on) <= within
        ]  # fmt: skip
        left = [each for each in left if each not in others]
        found += [(into, others)] if others else []
    return found


def merge(session: Session, into_id: str, other_ids: Collection[str], *, actor: Actor) -> None:
    """Accept a proposal as it was shown: the others come on the day of the first, and all departments hear of it."""
    if not actor.roles & MERGES:
        raise NotAllowed(f"{actor.login} may not merge visits", advice="合并进校由督导室或办公室督办员办理。")
    into = session.get(SchoolContact, into_id)
    locked(session, Unit.id == (into.unit_id if into else ""))
    session.expire_all()
    shown = {first.id: (first, others) for first, others in proposals(session, actor=actor)}
    first, others = shown.get(into_id, (None, []))
    if first is None or {other.id for other in others} != set(other_ids):
        raise Conflict("the proposal is no more", advice="进校安排已有变动，这个合并方案不再适用，请刷新后再看。")
    joined = session.scalars(select(SchoolContact).where(SchoolContact.merged_into_id.in_(other_ids)))
    for each in (*others, *joined):
        length = each.ends_on - each.starts_on
        each.merged_into_id, each.starts_on, each.ends_on = first.id, first.starts_on, first.starts_on + length
    whose = "、".join(each.department.name for each in (first, *others))
    for each in (first, *others):
        _tell(session, each, "合并", f"{whose}于{first.starts_on}同日进校（{RULES['merging']['source']}）。")


def visible(actor: Actor) -> ColumnElement[bool]:
    """All, for those who oversee and lead; else those of one's own department, school, or the district's schools."""
    if actor.roles & SEES_ALL:
        return true()
    own = select(Unit.id).where(Unit.key.in_(actor.units))
    below = select(Unit.id).where(Unit.parent_id.in_(own), Unit.kind == "school")
    places = SchoolContact.unit_id, SchoolContact.department_id
    return or_(*(place.in_(own) for place in places), SchoolContact.unit_id.in_(below))


def listed(session: Session, day: date, *, actor: Actor) -> list[SchoolContact]:
    """What a person may see of the month of a day, school by school."""
    first, last = month_of(day)
    wanted = select(SchoolContact).join(SchoolContact.unit).where(
        SchoolContact.starts_on <= last, SchoolContact.ends_on >= first, visible(actor)
    )  # fmt: skip
    return list(session.scalars(wanted.order_by(Unit.order, SchoolContact.starts_on).options(*WHOLE)))


def clashing(contacts: Collection[SchoolContact]) -> set[str]:
    """Ids of the visits that share a day with another one that is not the same."""
    visits = [
        each for each in contacts
        if each.kind == VISIT and not each.statutory and each.cancelled_at is None and not each.merged_into_id
    ]  # fmt: skip
    return {
        one.id for one in visits for other in visits
        if one is not other and one.unit_id == other.unit_id
        and one.starts_on <= other.ends_on and other.starts_on <= one.ends_on
    }  # fmt: skip


def by_day(contacts: Collection[SchoolContact], month: date) -> dict[date, list[SchoolContact]]:
    """What lies on each day of a month."""
    days: defaultdict[date, list[SchoolContact]] = defaultdict(list)
    first, last = month_of(month)
    for each in contacts:
        begin, end = max(each.starts_on, first), min(each.ends_on, last)
        for day in range((end - begin).days + 1):
            days[begin + timedelta(days=day)].append(each)
    return days


def hours(contacts: Collection[SchoolContact], month: date) -> float:
    """Asked of schools in a month, whoever asks."""
    asked = (each for each in contacts if each.unit.kind == "school" and each.cancelled_at is None)
    return sum(each.hours for each in asked if month_of(each.starts_on) == month_of(month))


def month_of(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def locked(session: Session, which: ColumnElement[bool]) -> list[Unit]:
    """Units, locked in one order, so that of two who count at the same time the second sees what the first has written."""
    wanted = select(Unit).where(which).order_by(Unit.order, Unit.id).with_for_update(key_share=True)
    return list(session.scalars(wanted))


def _tell(session: Session, contact: SchoolContact, what: str, text: str) -> None:
    """The school and the department hear of it."""
    asked = [f"{role}@{contact.unit.key}" for role in ("school_head", "school_officer")]
    asking = [f"{role}@{contact.department.key}" for role in ANNOUNCES]
    title = f"{what}进校事项：{contact.unit.name}，{contact.title}"
    notifications.notify(
        session, identity.members(session, asked + asking), "contact", title, text,
        dedupe_key=f"contact:{contact.id}:{clock.now().isoformat()}",
    )  # fmt: skip


COUNTS = SchoolContact.cancelled_at.is_(None), SchoolContact.merged_into_id.is_(None)
WHOLE = joinedload(SchoolContact.unit).joinedload(Unit.parent), joinedload(SchoolContact.department)


def _held(
    session: Session, unit_ids: Collection[str], first: date, last: date, *more: ColumnElement[bool]
) -> list[SchoolContact]:
    on = SchoolContact.unit_id.in_(unit_ids), SchoolContact.starts_on <= last, SchoolContact.ends_on >= first
    wanted = select(SchoolContact).where(*on, SchoolContact.cancelled_at.is_(None), *more)
    return list(session.scalars(wanted.order_by(SchoolContact.starts_on, SchoolContact.id).options(*WHOLE)))
