"""双随机、一公开 (SH10): what is drawn from, who is replaced, what was found; the draw itself is `engine.draws`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, options, recusals, user_tasks
from engine.burden import contacts
from engine.decisions import shipped
from engine.draws import algorithm, draw, past
from engine.identity import Actor
from engine.models import Position, Unit, WorkItem
from engine.options import Choices
from engine.plan import items
from engine.runtime import Instance, Told
from engine.targets import subject
from engine.user_tasks import refuse

CORRECTION = "责令改正"
MOST_TOLD = 3
"""Objects that a refusal names."""


def freeze(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """Fix what this batch is drawn from, as the officer has settled it and as it is on record today."""
    batch, plan = user_tasks.told(session, instance.id, "prepare_batch"), _plan(session, instance)
    series, roster = _series(session, instance, plan), _roster(session, instance, batch)
    draw.freeze(session, instance, roster, series=series, actor=actor)


def draw_at_once(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """For batches whose diagram asks nobody for a contribution: drawn without, and marked so."""
    for step in (freeze, draw.commit, draw.make):
        step(session, instance, variables=variables, actor=actor)


def is_drawn(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """The second step of those diagrams: inspectors were drawn with the objects."""


def confirm_draw(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """Replace by hand whom the head has named."""
    draw.replace(session, instance, user_tasks.told(session, instance.id, "confirm_draw")["replacements"], actor=actor)
    item = session.scalars(select(WorkItem).where(WorkItem.instance_id == instance.id)).one()
    drawn = draw.of(session, instance.id).result
    assert drawn is not None
    assert instance.unit_id is not None, "a batch is run by a department"
    for school in session.scalars(select(Unit).where(Unit.key.in_(drawn["objects"]))):
        contacts.expect(session, instance, school, instance.unit_id, item.due_on, item.due_on, [item.name])


def open_rectifications(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """What must be corrected (责令改正) becomes a finding, in an item of the same commitment; who was drawn verifies it.

    An institution without a unit of its own is answered for by the unit that checks, so others than that verify.
    """
    names, commitment = draw.of(session, instance.id).names, subject.commitment_of(session, instance)
    units = {unit.key: unit for unit in session.scalars(select(Unit).where(Unit.key.in_(names)))}
    seen = {row["item"]: row["problem"] for row in user_tasks.told(session, instance.id, "record_checks")["records"]}
    for row in user_tasks.told(session, instance.id, "dispose")["disposals"]:
        if row["measure"] == CORRECTION:
            key, unit = row["object"], units.get(row["object"])
            detail = {**row, "clause": row["basis"], "note": seen[key], "source": "random"}
            items.begin(
                session, commitment, "rectification_ledger_item", f"{names[key]}{CORRECTION}", unit,
                date.fromisoformat(row["due_on"]), detail=detail | ({"verified_by": "drawn_inspectors"} if unit else {}),
                parent_id=instance.parent_id or instance.id, actor=actor,
            )  # fmt: skip


def _check_plan(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    rules = _rules(data["attention"])
    short = ((name, unit) for name, unit in (("ratio", "%"), ("times", "次")) if data[name] < rules[name])
    refuse({name: f"不能少于{rules[name]:g}{unit}（抽查计划规则表，待核对）" for name, unit in short})


def _check_batch(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    codes = [row["code"] for row in data["others"]]
    if (not data["stages"] and not codes) or len(set(codes)) < len(codes):
        refuse({"others": "名录库不能为空，同一统一社会信用代码只能入库一次：请选择学段或逐行填写机构"})
    roster, wrong = _roster(session, instance, data), {}
    if short := algorithm.short(roster):
        few = f"“{'、'.join(short[:MOST_TOLD])}”{'等' * (len(short) > MOST_TOLD)}可派的检查人员不足{roster['least']}人"
        wrong["absent"] = f"{few}（已排除须回避的人员）：请减少不能参加的人员，或先增补检查人员名录"
    ratio, least = roster["ratio"], algorithm.least_count(roster["objects"])
    if roster["count"] < least:
        cause = "否则有的对象在规定的抽查周期内轮不到（抽查计划规则表，待核对）"
        wrong["count"] = f"按比例{ratio}%抽{roster['count']}个不够：本批至少抽{least}个，{cause}"
    elif data["count"] and data["count"] != roster["count"]:
        wrong["count"] = f"可以多抽，不能少于计划的{ratio}%，也不能超过名录：请填整数"
    refuse(wrong)


def _check_replacements(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    """Who was drawn goes; who comes is on the roster, has not been drawn and need not recuse (教育督导条例 art. 10)."""
    record, wrong = draw.of(session, instance.id), {}
    drawn, pool = draw.final(record), {line["key"] for line in record.roster["inspectors"]}
    recused = recusals.pairs(session) | {(who, what) for who, what in record.roster["recused"]}
    for number, row in enumerate(data["replacements"]):
        gone, come, people = row["outgoing"], row["incoming"], drawn[row["item"]]
        if gone and gone not in people:
            wrong[f"replacements.{number}.outgoing"] = f"第{number + 1}行 换下：此人没有被抽中检查这个对象"
        if come and (not gone or come in people or come not in pool or (come, row["item"]) in recused):
            whom = "另选一名在本批人员名录中、没有抽中、不须回避（《教育督导条例》第十条）的人员"
            wrong[f"replacements.{number}.incoming"] = f"第{number + 1}行 换上：须先写换下的人，{whom}"
    refuse(wrong)


def _check_records(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    if (data["problems"] == "yes") != any(row["result"] == past.FOUND for row in data["records"]):
        refuse({"problems": "与逐户记录不一致：有一户“发现问题”的，这里选“发现”，否则选“未发现”"})


def _check_disposals(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    named = {row["object"] for row in data["disposals"]}
    left = [name for key, name in _problem_objects(session, instance.id) if key not in named]
    refuse({"disposals": f"还没有处置：{'、'.join(left)}"} if left else {})


def _check_inspectors(session: Session, instance_id: str | None) -> Choices:
    """The roster of those who check: inspectors, and the officers of the department that runs the batch."""
    running = subject.find_commitment(session, instance_id)
    ours = (Position.role == "officer") & (Position.unit_id == (running.lead_id if running else None))
    return options.people(session, (Position.role == "inspector") | ours)


def _drawn_objects(session: Session, instance_id: str | None) -> Choices:
    record = draw.find(session, instance_id)
    if record is None or record.result is None:
        return []
    names = {**dict(_check_inspectors(session, instance_id)), **record.names}
    people = {key: "、".join(names.get(who, who) for who in each) for key, each in draw.final(record).items()}
    return [(key, f"{names[key]}（{people[key]}）") for key in record.result["objects"]]


def _problem_objects(session: Session, instance_id: str | None) -> Choices:
    if not (instance_id and (records := user_tasks.submissions(session, instance_id, "record_checks"))):
        return []
    names = draw.of(session, instance_id).names
    return [(row["item"], names[row["item"]]) for row in records[-1].data["records"] if row["result"] == past.FOUND]


def _roster(session: Session, instance: Instance, batch: Mapping[str, Any]) -> dict[str, Any]:
    """What is drawn from: objects by risk and by whose turn it is, inspectors by how often they have gone, who must recuse."""
    plan = _plan(session, instance)
    rules = _rules(plan["attention"])
    since = clock.now() - timedelta(days=float(rules["look_back"]))
    schools = options.units(session, (Unit.kind == "school") & Unit.stage.in_(batch["stages"]))
    objects = dict(schools) | {row["code"]: row["name"] for row in batch["others"]}
    people = {login: name for login, name in _check_inspectors(session, instance.id) if login not in batch["absent"]}
    cycle = int(rules["cycle"] * plan["times"])
    turns = past.batches_left(session, _series(session, instance, plan), objects, cycle)
    count = max(algorithm.share(len(objects), plan["ratio"]), int(batch.get("count") or 0))
    found, had = past.problems(session, since), past.visits_had(session, since)
    least = min((had[who] for who in people), default=0)
    risks = {key: _weight("risk", problems=found[key]) for key in objects}
    loads = {who: _weight("load", more=had[who] - least) for who in people}
    return {
        "objects": _lines(objects, risks, turns), "inspectors": _lines(people, loads, {}),
        "recused": sorted([who, what] for who, what in recusals.pairs(session) if who in people and what in objects),
        "ratio": f"{plan['ratio']:g}", "count": min(count, len(objects)), "least": int(rules["inspectors"]),
    }  # fmt: skip


def _lines(names: Mapping[str, str], weights: Mapping[str, str], turns: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"key": k, "name": name, "weight": weights[k], "within": turns.get(k)} for k, name in sorted(names.items())]


def _weight(table: str, **told: int) -> str:
    """For the risk of an object by what was found there, for the load of an inspector by how much more than others they went."""
    return f"{shipped.decide(f'random_check_{table}', told)['weight']:g}"


def _series(session: Session, instance: Instance, plan: Mapping[str, Any]) -> str:
    """Batches count together, over the years, where the same unit checks the same category."""
    return f"{subject.commitment_of(session, instance).lead.key}:{plan['attention']}"


def _rules(attention: str) -> Mapping[str, Any]:
    return shipped.decide("random_check_rules", {"attention": attention})


def _plan(session: Session, instance: Instance) -> dict[str, Any]:
    return user_tasks.told(session, instance.parent_id or "", "plan_checks")


TABLE = {
    "draw.freeze": freeze, "draw.objects": draw_at_once, "draw.inspectors": is_drawn, "draw.confirm": confirm_draw,
    "draw.open_rectifications": open_rectifications,
}  # fmt: skip
CHECKS = {
    "random_check.plan": _check_plan, "random_check.batch": _check_batch, "random_check.records": _check_records,
    "random_check.confirmation": _check_replacements, "random_check.disposal": _check_disposals,
}  # fmt: skip
SOURCES = {
    "check_inspectors": _check_inspectors, "drawn_objects": _drawn_objects, "problem_objects": _problem_objects,
}  # fmt: skip
