"""A checklist of one school: what was signed at its three levels, by three different people, and whether the gate is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from engine import clock, ids, instances, user_tasks
from engine.checklists import templates
from engine.checklists.templates import Item, Template
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import ChecklistMark, Commitment, InstanceStatus, ProcessInstance, Unit
from engine.options import Choices
from engine.runtime import Instance, ServiceTask
from engine.user_tasks import Check

PROCESS, ITEM, FORM = "three_tier_checklist", "three_tier_checklist_item", "checklist.check"
PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "na"
SCHOOL, DISTRICT, CITY = 1, 2, 3
LEVELS = {"self_check": SCHOOL, "district_check": DISTRICT, "city_check": CITY}
"""The steps at which a level is signed."""
NAMES = {SCHOOL: "学校自查", DISTRICT: "市（县）区核查", CITY: "市级抽查"}
DIFFERENT = "三级检查核查人不得相同（2021年全市教育工作要点第10条“校县市三级检查督查考核”），须由其他人办理。"

Held = Instance | ProcessInstance
Level = dict[str, ChecklistMark]
"""Of each item the latest mark."""


def template_of(session: Session, instance: Held) -> Template:
    """What the commitment was arranged to go by; before that what its code goes by."""
    parent = instance.parent_id if instance.definition_key == ITEM else instance.id
    arranged = _arrangement(session, parent)
    if arranged:
        return templates.TEMPLATES[arranged["template"]]
    return templates.of_commitment(
        session.scalar(select(Commitment.code).where(Commitment.instance_id == parent)) or ""
    )


def signed_in(session: Session, instance_ids: Collection[str]) -> dict[str, dict[int, Level]]:
    """What was signed and counts: of each instance by level, in the order of the latest signing."""
    found: dict[str, dict[int, Level]] = {each: {} for each in instance_ids}
    wanted = select(ChecklistMark).where(ChecklistMark.instance_id.in_(instance_ids))
    for mark in session.scalars(wanted.options(joinedload(ChecklistMark.by)).order_by(ChecklistMark.at)):
        mine = found[mark.instance_id]
        mine[mark.level] = mine.pop(mark.level, {}) | {mark.item_key: mark}
    return found


def levels(session: Session, instance_id: str) -> dict[int, Level]:
    return signed_in(session, [instance_id])[instance_id]


def failed(template: Template, signed: Level) -> list[Item]:
    return [item for item in template.items if item.key in signed and signed[item.key].result == FAIL]


def is_passed(template: Template, signed: Level) -> bool:
    """The gate: every hard item holds; one that nobody has signed does not."""
    return all(item.key in signed and signed[item.key].result != FAIL for item in template.items if item.hard)


def check_rows(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """What the form cannot know: which items may be 不适用, and that each party signs for itself."""
    template, wrong, signed_by = template_of(session, instance), {}, dict[str, str]()
    if date.fromisoformat(data["checked_on"]) > clock.today():
        wrong["checked_on"] = ["核查日期不能晚于今天"]
    for number, row in enumerate(data["items"]):
        item, note, place = template.items[number], row["note"] or "", f"items.{number}.note"
        if row["result"] == NOT_APPLICABLE and not item.na:
            wrong[f"items.{number}.result"] = [f"“{item.text}”必须核查，不能填不适用（{item.source}）"]
        if item.party and row["result"] == PASS and not note:
            wrong[place] = [f"请写{item.party}方签领人的姓名"]
        elif item.party and row["result"] == PASS and signed_by.setdefault(note, item.party) != item.party:
            wrong[place] = [f"{note}已为{signed_by[note]}方签领，四方须各由本方的人签领（{item.source}）"]
    if wrong:
        raise ValidationError(wrong)


def assess(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Keep what a level has signed just now, and say whether its gate is open."""
    sent = [each for each in user_tasks.submissions(session, instance.id) if each.activity_id in LEVELS]
    if not sent:
        raise InvalidState("nothing was signed", advice="还没有核查记录。")
    level, signer = LEVELS[sent[-1].activity_id], sent[-1].submitted_by_id
    for other, marks in levels(session, instance.id).items():
        if other != level and any(mark.by_id == signer for mark in marks.values()):
            raise NotAllowed(f"level {other} signed too", advice=f"您已签过{NAMES[other]}：{DIFFERENT}")
    at = clock.now()
    session.add_all(
        ChecklistMark(id=ids.new(), instance_id=instance.id, level=level, item_key=row["item"], result=row["result"],
                      note=row["note"], by_id=signer, at=at)
        for row in sent[-1].data["items"]
    )  # fmt: skip
    session.flush()
    template, signed = template_of(session, instance), levels(session, instance.id)[level]
    result = "passed" if is_passed(template, signed) else "failed"
    return {"checklist_result": result, "failed_items": len(failed(template, signed))}


def open_rectification(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """A check by others did not pass: what has failed goes back to the school, for the second time to the head as well."""
    return {"times_failed": variables.get("times_failed", 0) + 1}


def sample(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Whether the city looks too: at so many of 100 as arranged, or as the list says, and again at what it has failed.

    The draw is a number below 100 made from the item's id: nobody chooses it, and anybody can work it out again.
    """
    arranged = _arrangement(session, instance.parent_id) or {}
    asked = arranged.get("share")
    share = template_of(session, instance).share if asked is None else asked
    drawn = int(sha256(str(variables.get("item", instance.id)).encode()).hexdigest(), 16) % 100
    return {"sampled": drawn < share or CITY in levels(session, instance.id)}


CHECKS: dict[str, Check] = {FORM: check_rows}
FOUR_EYES = {FORM: f"不能由您办理：{DIFFERENT}"}
TABLE: dict[str, ServiceTask] = {
    "checklist.assess": assess, "checklist.open_rectification": open_rectification, "checklist.sample": sample,
}  # fmt: skip


def _arrangement(session: Session, instance_id: str | None) -> dict[str, Any] | None:
    arranged = user_tasks.submissions(session, instance_id, "arrange_check") if instance_id else []
    return arranged[-1].data if arranged else None


# ---- what forms offer, what pages show


def _items(session: Session, instance_id: str | None) -> Choices:
    template = template_of(session, session.get_one(ProcessInstance, instance_id))
    return [(item.key, item.label) for item in template.items]


def _failed_items(session: Session, instance_id: str | None) -> Choices:
    """What the level that signed last has failed, with its words."""
    template = template_of(session, session.get_one(ProcessInstance, instance_id))
    last = list(levels(session, instance_id or "").values())[-1]
    return [(item.key, f"{item.text}：{last[item.key].note}") for item in failed(template, last)]


def _templates(session: Session, _: str | None) -> Choices:
    return [(each.key, f"{each.name}（{len(each.items)}项）") for each in templates.TEMPLATES.values()]


def _districts(session: Session, _: str | None) -> Choices:
    districts = select(Unit).where(Unit.kind == "district").order_by(Unit.order)
    return [(unit.key, unit.name) for unit in session.scalars(districts)]


SOURCES = {
    "checklist_items": _items, "checklist_failed": _failed_items, "checklist_templates": _templates,
    "checklist_districts": _districts,
}  # fmt: skip


class Standing(NamedTuple):
    """A list on the page of its school; on the page of a commitment, how many schools stand how."""

    template: Template
    levels: Mapping[int, Level]
    schools: Mapping[str, int]


def standing(session: Session, instance: ProcessInstance) -> Standing | None:
    if instance.definition_key not in (ITEM, PROCESS):
        return None
    template, signed = template_of(session, instance), levels(session, instance.id)
    theirs = [each for each in instances.children(session, instance.id) if each.definition_key == ITEM]
    return Standing(template, signed, _schools(session, template, theirs))


def _schools(session: Session, template: Template, theirs: Collection[ProcessInstance]) -> dict[str, int]:
    signed, counted = signed_in(session, [each.id for each in theirs]), Counter[str]()
    for each in theirs:
        last = next(reversed(signed[each.id].values()), None)
        opened = last is not None and is_passed(template, last)
        active = "整改中" if last and not opened else "核查中"
        counted[active if each.status == InstanceStatus.ACTIVE else "已放行" if opened else "不放行"] += 1
    return counted
