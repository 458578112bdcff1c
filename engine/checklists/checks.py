"""A checklist of one school: what was signed at its three levels, by three different people, and whether the gate is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, joinedload

from engine import clock, ids, user_tasks
from engine.checklists import templates
from engine.checklists.templates import Item, Template
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import ChecklistMark, Commitment, ProcessInstance, Unit, WorkItem
from engine.options import Choices
from engine.plan import items
from engine.runtime import Instance, ServiceTask, Told
from engine.targets import subject
from engine.user_tasks import Check

PROCESS, ITEM = "three_tier_checklist", "three_tier_checklist_item"
FORM = "checklist.check"
PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "na"
SCHOOL, DISTRICT, CITY = 1, 2, 3
LEVELS = {"self_check": SCHOOL, "district_check": DISTRICT, "city_check": CITY}
"""The steps at which a level is signed."""
NAMES = {SCHOOL: "学校自查", DISTRICT: "市（县）区核查", CITY: "市级抽查"}
DIFFERENT = "三级检查核查人不得相同（2021年全市教育工作要点第10条“校县市三级检查督查考核”），须由其他人办理。"

Level = dict[str, ChecklistMark]
"""Of each item the latest mark."""


def template_of(session: Session, instance: Instance | ProcessInstance) -> Template:
    """What the commitment was arranged to go by; before that what its code goes by."""
    parent = instance.parent_id if instance.definition_key == ITEM else instance.id
    arranged = _arrangement(session, parent)
    if arranged:
        return templates.TEMPLATES[arranged["template"]]
    code = session.scalar(select(Commitment.code).where(Commitment.instance_id == parent))
    return templates.of_commitment(code or "")


def levels(session: Session, instance_id: str) -> dict[int, Level]:
    """What was signed and counts, by level in the order of the latest signing."""
    found: dict[int, Level] = {}
    wanted = select(ChecklistMark).where(ChecklistMark.instance_id == instance_id).order_by(ChecklistMark.at)
    for mark in session.scalars(wanted.options(joinedload(ChecklistMark.by))):
        found[mark.level] = found.pop(mark.level, {}) | {mark.item_key: mark}
    return found


def failed(template: Template, signed: Level) -> list[Item]:
    return [item for item in template.items if item.key in signed and signed[item.key].result == FAIL]


def is_passed(template: Template, signed: Level) -> bool:
    """The gate: every hard item holds; one that nobody has signed does not."""
    return all(item.key in signed and signed[item.key].result != FAIL for item in template.items if item.hard)


def check_rows(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """What the form cannot know: which items may be 不适用, and that each party signs for itself."""
    template, wrong, signed_by = template_of(session, instance), dict[str, list[str]](), dict[str, str]()
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
    check_day(session, instance, data, actor=actor)


def check_day(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    for name in ("checked_on", "finished_on"):
        if data.get(name, "") > clock.today().isoformat():
            raise ValidationError({name: ["不能晚于今天，请填实际日期"]})


def assess(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
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


def open_rectification(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """A check by others did not pass: what has failed goes back to the school, for the second time to the head as well."""
    return {"times_failed": variables.get("times_failed", 0) + 1}


def sample(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Whether the city looks too: at so many of 100 as arranged, or as the list says, and again at what it has failed.

    The draw is a number below 100 made from the item's id: nobody chooses it, and anybody can work it out again.
    """
    arranged = _arrangement(session, instance.parent_id) or {}
    asked = arranged.get("share")
    share = template_of(session, instance).share if asked is None else asked
    drawn = int(sha256(str(variables.get("item", instance.id)).encode()).hexdigest(), 16) % 100
    return {"sampled": drawn < share or CITY in levels(session, instance.id)}


def open_items(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """A list for every school, or district, of the scope that was arranged; another arrangement adds what is new."""
    told, commitment = _arrangement(session, instance.id), subject.commitment_of(session, instance)
    assert told is not None, "the scope has been arranged"
    known = set(session.scalars(select(WorkItem.key).where(WorkItem.commitment_id == commitment.id)))
    district, due_on = aliased(Unit), date.fromisoformat(told["due_on"])
    schools = select(Unit).join(district, Unit.parent_id == district.id).where(Unit.kind == "school")
    scope = schools if told["each"] == "school" else select(district)
    for unit in session.scalars(scope.where(district.key.in_(told["districts"]))).all():
        if unit.key not in known:
            items.note(session, commitment, told["each"], unit, due_on, actor=actor)


def check_arrangement(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    commitment, today = subject.commitment_of(session, instance), clock.today()
    earliest, latest = max(today, commitment.starts_on), max(today, commitment.due_on)
    if not earliest <= date.fromisoformat(data["due_on"]) <= latest:
        raise ValidationError({"due_on": [f"须在{earliest}至{latest}之间（任务自己的起止日期）；要延期的先申请延期"]})


CHECKS: dict[str, Check] = {FORM: check_rows, "checklist.rectify": check_day, "checklist.arrange": check_arrangement}
FOUR_EYES = {FORM: f"不能由您办理：{DIFFERENT}"}
TABLE: dict[str, ServiceTask] = {
    "checklist.assess": assess, "checklist.open_rectification": open_rectification, "checklist.sample": sample,
    "checklist.open_items": open_items,
}  # fmt: skip


def _arrangement(session: Session, instance_id: str | None) -> dict[str, Any] | None:
    arranged = user_tasks.submissions(session, instance_id, "arrange_check") if instance_id else []
    return arranged[-1].data if arranged else None


# ---- what forms offer, what pages show


def _items(session: Session, instance_id: str | None) -> Choices:
    template = template_of(session, session.get_one(ProcessInstance, instance_id))
    return [(item.key, item.label) for item in template.items]


def _failed_items(session: Session, instance_id: str | None) -> Choices:
    """What the level that signed last has failed, with its words; once nothing has, all items, so that rows have names."""
    template = template_of(session, session.get_one(ProcessInstance, instance_id))
    last = next(reversed(levels(session, instance_id or "").values()), {})
    told = [(item.key, f"{item.text}：{last[item.key].note}") for item in failed(template, last)]
    return told or _items(session, instance_id)


def _templates(session: Session, _: str | None) -> Choices:
    return [(each.key, f"{each.name}（{len(each.items)}项）") for each in templates.TEMPLATES.values()]


SOURCES = {"checklist_items": _items, "checklist_failed": _failed_items, "checklist_templates": _templates}


class Standing(NamedTuple):
    """A list on the page of its school; on the page of a commitment, how many schools stand how."""

    template: Template
    levels: Mapping[int, Level]
    schools: Mapping[str, int]


def standing(session: Session, instance: ProcessInstance) -> Standing | None:
    if instance.definition_key not in (ITEM, PROCESS):
        return None
    theirs = select(WorkItem.result).join(Commitment, WorkItem.commitment_id == Commitment.id)
    mine = theirs.where(Commitment.instance_id == instance.id)
    words = {"done": "已放行", "dropped": "不放行"}
    schools = Counter(words.get(result or "", "核查中") for result in session.scalars(mine))
    return Standing(template_of(session, instance), levels(session, instance.id), schools)
