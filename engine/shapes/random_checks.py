"""双随机、一公开 (SH10): objects and inspectors are drawn by lot, and what was drawn stays on record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import clock, history, recusals, user_tasks
from engine.decisions import shipped
from engine.errors import InvalidInput
from engine.history import Entry
from engine.identity import Actor
from engine.models import Commitment, Person, Position, Unit, WorkItem
from engine.options import Choices
from engine.plan import items
from engine.runtime import Instance
from engine.shapes import draws
from engine.targets import subject

CORRECTION = "责令改正"
FOUND = "发现问题"


def draw_objects(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Fix the roster, keep it with its digest and a seed, and draw the share that the approved plan names."""
    batch, plan = user_tasks.told(session, instance.id, "prepare_batch"), _plan(session, instance)
    schools = select(Unit).where(Unit.kind == "school", Unit.stage.in_(batch["stages"])).order_by(Unit.order)
    roster = {school.key: school.name for school in session.scalars(schools)}
    roster |= {row["code"]: row["name"] for row in batch["others"]}
    seed = secrets.token_hex(16)
    drawn = draws.draw(roster, draws.share(len(roster), plan["ratio"]), seed)
    _keep(
        session, instance, algorithm=draws.ALGORITHM, seed=seed, drawn_at=clock.now().isoformat(), roster=roster,
        sha256=draws.digest(roster), ratio=plan["ratio"], objects=drawn,
    )  # fmt: skip


def draw_inspectors(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Draw those who check each object; refused where too few remain once those are left out who must recuse."""
    detail, batch = _item(session, instance.id).detail, user_tasks.told(session, instance.id, "prepare_batch")
    pool = [login for login, _ in _check_inspectors(session, instance.id) if login not in batch["absent"]]
    least = int(_rules(_plan(session, instance)["attention"])["inspectors"])
    recused = sorted(recusals.pairs(session))
    drawn = draws.draw_inspectors(detail["objects"], pool, recused, least, detail["seed"])
    short = [detail["roster"][each] for each, people in drawn.items() if len(people) < least]
    if short:
        raise InvalidInput(
            "not enough inspectors", advice=f"“{'、'.join(short)}”可派的检查人员不足{least}人（已排除须回避的人员）："
            "请减少不能参加的人员，或先增补检查人员名录，再重新抽取。",
        )  # fmt: skip
    _keep(session, instance, pool=pool, recused=recused, first_inspectors=drawn, inspectors=drawn)
    told = {name: detail[name] for name in ("algorithm", "seed", "sha256", "objects")} | {"inspectors": drawn}
    history.record(session, instance, [Entry("draw.made", actor.id if actor else None, detail=told)])


def confirm_draw(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Replace by hand whom the head has named, with the reason; what was drawn first stays beside it."""
    rows = [row for row in user_tasks.told(session, instance.id, "confirm_draw")["replacements"] if row["outgoing"]]
    drawn = {key: list(people) for key, people in _item(session, instance.id).detail["inspectors"].items()}
    for row in rows:
        people = drawn[row["item"]]
        people[people.index(row["outgoing"])] = row["incoming"]
    _keep(session, instance, inspectors=drawn, replacements=rows)


def open_rectifications(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> None:
    """What must be corrected (责令改正) becomes an item of the same commitment, to be rectified and signed off."""
    detail, commitment = _item(session, instance.id).detail, subject.commitment_of(session, instance)
    units = {unit.key: unit for unit in session.scalars(select(Unit).where(Unit.key.in_(detail["objects"])))}
    for row in user_tasks.told(session, instance.id, "dispose")["disposals"]:
        if row["measure"] == CORRECTION:
            items.begin(
                session, commitment, "rectification_ledger_item", f"{detail['roster'][row['object']]}{CORRECTION}",
                units.get(row["object"]), date.fromisoformat(row["due_on"]), detail=row,
                parent_id=instance.parent_id or instance.id, actor=actor,
            )  # fmt: skip


def _check_plan(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    rules = _rules(data["attention"])
    wrong = {
        name: [f"不能少于{rules[name]:g}{unit}（抽查计划规则表，待核对）"]
        for name, unit in (("ratio", "%"), ("times", "次"))
        if data[name] < rules[name]
    }
    if wrong:
        raise ValidationError(wrong)


def _check_batch(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    codes = [row["code"] for row in data["others"]]
    if (not data["stages"] and not codes) or len(set(codes)) < len(codes):
        raise ValidationError(
            {"others": ["名录库不能为空，同一统一社会信用代码只能入库一次：请选择学段或逐行填写机构"]}
        )


def _check_replacements(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Who was drawn goes; who comes has not been drawn and need not recuse (教育督导条例 art. 10)."""
    drawn, recused, wrong = _item(session, instance.id).detail["inspectors"], recusals.pairs(session), {}
    for number, row in enumerate(data["replacements"]):
        gone, come, people = row["outgoing"], row["incoming"], drawn[row["item"]]
        if gone and gone not in people:
            wrong[f"replacements.{number}.outgoing"] = [f"第{number + 1}行 换下：此人没有被抽中检查这个对象"]
        if come and (not gone or come in people or (come, row["item"]) in recused):
            wrong[f"replacements.{number}.incoming"] = [
                f"第{number + 1}行 换上：须先写换下的人，另选一名没有抽中、不须回避（《教育督导条例》第十条）的人员"
            ]
    if wrong:
        raise ValidationError(wrong)


def _check_records(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if (data["problems"] == "yes") != any(row["result"] == FOUND for row in data["records"]):
        raise ValidationError({"problems": ["与逐户记录不一致：有一户“发现问题”的，这里选“发现”，否则选“未发现”"]})


def _check_disposals(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    named = {row["object"] for row in data["disposals"]}
    left = [name for key, name in _problem_objects(session, instance.id) if key not in named]
    if left:
        raise ValidationError({"disposals": [f"还没有处置：{'、'.join(left)}"]})


def _check_inspectors(session: Session, instance_id: str | None) -> Choices:
    """The roster of those who check: inspectors, and the officers of the department that runs the batch."""
    item = _find(session, instance_id)
    lead = session.scalar(select(Commitment.lead_id).where(Commitment.id == item.commitment_id)) if item else None
    ours = or_(Position.role == "inspector", (Position.role == "officer") & (Position.unit_id == lead))
    people = select(Person).join(Position).where(Person.active, ours).order_by(Person.login).distinct()
    return [(person.login, person.name) for person in session.scalars(people)]


def _drawn_objects(session: Session, instance_id: str | None) -> Choices:
    item, names = _find(session, instance_id), dict(_check_inspectors(session, instance_id))
    detail = item.detail if item else {}
    return [
        (key, f"{detail['roster'][key]}（{'、'.join(names.get(who, who) for who in people)}）")
        for key, people in detail.get("inspectors", {}).items()
    ]


def _problem_objects(session: Session, instance_id: str | None) -> Choices:
    records = user_tasks.submissions(session, instance_id, "record_checks") if instance_id else []
    if not instance_id or not records:
        return []
    roster = _item(session, instance_id).detail["roster"]
    return [(row["item"], roster[row["item"]]) for row in records[-1].data["records"] if row["result"] == FOUND]


def _rules(attention: str) -> Mapping[str, Any]:
    return shipped.decide("random_check_rules", {"attention": attention})


def _plan(session: Session, instance: Instance) -> dict[str, Any]:
    return user_tasks.told(session, instance.parent_id or "", "plan_checks")


def _find(session: Session, instance_id: str | None) -> WorkItem | None:
    return session.scalar(select(WorkItem).where(WorkItem.instance_id == instance_id))


def _item(session: Session, instance_id: str) -> WorkItem:
    return session.scalars(select(WorkItem).where(WorkItem.instance_id == instance_id)).one()


def _keep(session: Session, instance: Instance, **told: Any) -> None:
    item = _item(session, instance.id)
    item.detail = {**item.detail, **told}
    session.flush()


TABLE = {
    "draw.objects": draw_objects,
    "draw.inspectors": draw_inspectors,
    "draw.confirm": confirm_draw,
    "draw.open_rectifications": open_rectifications,
}
CHECKS = {
    "random_check.plan": _check_plan,
    "random_check.batch": _check_batch,
    "random_check.confirmation": _check_replacements,
    "random_check.records": _check_records,
    "random_check.disposal": _check_disposals,
}
SOURCES = {
    "check_inspectors": _check_inspectors,
    "drawn_objects": _drawn_objects,
    "problem_objects": _problem_objects,
}
