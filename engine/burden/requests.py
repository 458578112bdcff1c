"""填报要求: drafting one, sending it, passing it down and sending answers on; what is known already is offered instead of asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import clock, history, ids, instances, options, user_tasks
from engine.burden import contacts, held
from engine.burden.held import Held
from engine.errors import NotFound
from engine.identity import Actor
from engine.models import HeldValue, ProcessInstance, Unit, UserTask
from engine.options import Choices
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import Check, refuse

FORM, ANSWER = "burden.request", "burden.answer"
REQUEST, ANSWERING = "data_request", "data_request_answer"
ASKS = ("officer",)


class Said(NamedTuple):
    """One field of an answer: what was asked, what was said, and where that is from, if the bureau had it already."""

    field: Told
    value: str
    note: str | None
    origin: Held | None


def ask(session: Session, told: Told, *, actor: Actor) -> None:
    """Start a request, with its draft as the first step."""
    owner = contacts.department_of(session, actor, ASKS)
    user_tasks.start_with(session, told, REQUEST, actor=actor, title=f"填报：{told['title']}", unit_id=owner.id)


def check_draft(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    """Refuse, unless it is justified, to ask what was asked lately or what the bureau has of everybody already."""
    if date.fromisoformat(data["due_on"]) < clock.today():
        refuse({"due_on": "填报期限不能早于今天"})
    if len(set(map(_name, data["fields"]))) < len(data["fields"]):
        refuse({"fields": "同一项目（名称和单位都相同）只列一次"})
    contacts.require_justified(data, [*_duplicates(session, data), *_held_of_all(session, data)])


def check_distribution(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    last = date.fromisoformat(request_of(session, instance)["due_on"])
    if data["due_on"] and not clock.today() <= date.fromisoformat(data["due_on"]) <= max(last, clock.today()):
        refuse({"due_on": f"学校报送期限须在今天和{last}之间"})


def check_answer(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    """A number is a number, a day a day; nothing is as of a day to come."""
    if date.fromisoformat(data["as_of"]) > clock.today():
        refuse({"as_of": "数据截止日期不能晚于今天"})
    fields = request_of(session, instance)["fields"]
    refuse({
        f"values.{number}.value": f"{field['name']}应是{KINDS[field['kind']]}"
        for number, (field, row) in enumerate(zip(fields, data["values"], strict=True))
        if not _is(field["kind"], row["value"])
    })  # fmt: skip


KINDS = {"number": "数字，如 486", "date": "日期，如 2021-03-12", "text": "文字"}
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")


def _is(kind: str, value: str) -> bool:
    try:
        return kind == "text" or bool(date.fromisoformat(value) if kind == "date" else NUMBER.fullmatch(value))
    except ValueError:
        return False


def weigh(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Whether a cap is exceeded by it, at a school that is asked or may be by its district: then the office decides."""
    told = request_of(session, instance)
    schools = [unit for unit in _reached(session, told["addressees"]) if unit.kind == "school"]
    over = contacts.over_caps(session, schools, contacts.REQUEST, clock.today(), told["hours"])
    if over:
        history.tell(session, instance, "burden.over_cap", None, reason="；".join(over))
    return {"over_cap": bool(over)}


def send(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """下发: every addressee answers in a process of its own. Whatever was asked meanwhile by others is refused as in the draft."""
    told = request_of(session, instance)
    contacts.require_justified(told, _duplicates(session, told))
    units = contacts.locked(session, Unit.key.in_(told["addressees"]))
    _hand_out(session, instance, units, told, told["due_on"], actor)


def pass_down(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """A district lets schools of its own answer, in the name of whoever asked."""
    chosen = user_tasks.told(session, instance.id, "choose_schools")
    ours = Unit.key.in_(chosen["schools"]) & (Unit.parent_id == instance.unit_id)
    told = request_of(session, instance)
    _hand_out(session, instance, contacts.locked(session, ours), told, chosen["due_on"] or told["due_on"], actor)


def keep(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """The answer is accepted: the bureau has these values from now on. What was left as it was keeps its day and its source."""
    unit, as_of = session.get_one(Unit, instance.unit_id), user_tasks.told(session, instance.id, "give_answer")["as_of"]
    source = f"{unit.name}填报“{request_of(session, instance)['title']}”"
    for each in told(session, instance):
        origin = each.origin or Held(each.value, date.fromisoformat(as_of), source, instance.id)
        new = {"id": ids.new(), "told_at": clock.now(), "told_in_id": instance.id}
        session.add(HeldValue(unit_id=unit.id, field=_name(each.field), **new, **origin._asdict()))


CHECKS: dict[str, Check] = {FORM: check_draft, "burden.distribute": check_distribution, ANSWER: check_answer}
TABLE: dict[str, ServiceTask] = {
    "burden.weigh": weigh, "burden.send": send, "burden.pass_down": pass_down, "burden.keep": keep,
}  # fmt: skip


def request_of(session: Session, instance: instances.Held) -> dict[str, Any]:
    """What is asked, as it was sent."""
    return user_tasks.told(session, _root(session, instance).id, "draft_request")


def answers(session: Session, instance: instances.Held) -> list[tuple[ProcessInstance, list[UserTask], list[Said]]]:
    """Of those whom a request or a district asked: how far each is, and what it has told."""
    found = [each for each in instances.children(session, instance.id) if each.definition_key == ANSWERING]
    return [(each, user_tasks.open_in(session, each.id), told(session, each)) for each in found]


def told(session: Session, answer: instances.Held) -> list[Said]:
    """Field by field what was answered last, nothing before."""
    sent = user_tasks.submissions(session, answer.id, "give_answer")
    if not sent:
        return []
    rows = zip(sent[-1].data["values"], _known(session, answer, sent[-1].submitted_at), strict=True)
    return [
        Said(field, row["value"], row["note"], origin if origin and origin.value == row["value"] else None)
        for row, (field, origin) in rows
    ]


def prefill(session: Session, instance_id: str) -> dict[str, Any]:
    """An answer begins with what the bureau has; that of a district whose schools have answered, with what these told."""
    instance = session.get_one(ProcessInstance, instance_id)
    below, rows = [each for _, _, each in answers(session, instance) if each], []
    for number, (field, origin) in enumerate(_known(session, instance, clock.now())):
        values = [each[number].value for each in below]
        said = _together(field["kind"], values) if values else origin and origin.value
        rows.append({"item": str(number), "value": said, "note": f"汇总{len(values)}所学校" if values else None})
    return {"as_of": clock.today().isoformat(), "values": rows}


def _together(kind: str, values: Sequence[str]) -> str:
    return f"{sum(map(Decimal, values)):f}" if kind == "number" else "；".join(dict.fromkeys(values))[:500]


PREFILLS = {ANSWER: prefill}


def schools_below(session: Session, instance_id: str | None) -> Choices:
    above = select(ProcessInstance.unit_id).where(ProcessInstance.id == instance_id).scalar_subquery()
    return options.units(session, (Unit.kind == "school") & (Unit.parent_id == above))


def request_fields(session: Session, instance_id: str | None) -> Choices:
    """A row for each field that is asked, saying what the bureau has of it and where that is from."""
    instance = session.get(ProcessInstance, instance_id) if instance_id else None
    known = _known(session, instance, clock.now()) if instance else []
    return [(str(number), _label(field, origin)) for number, (field, origin) in enumerate(known)]


def _label(field: Told, origin: Held | None) -> str:
    label = f"{field['name']}（{'，'.join(filter(None, [field['measure'], KINDS[field['kind']].split('，')[0]]))}）"
    return f"{label} 来自{origin.source}，{origin.as_of} ▸改" if origin else label


SOURCES = {"schools_below": schools_below, "request_fields": request_fields}


def _hand_out(
    session: Session, instance: Instance, units: Collection[Unit], told: Told, due_on: str, actor: Actor | None
) -> None:  # fmt: skip
    asking = _root(session, instance).unit_id or ""
    for unit in units:
        answer = instances.start(
            session, ANSWERING, {"level": unit.kind, "answer_due_at": due_on}, actor=actor, unit_id=unit.id,
            title=f"填报：{told['title']}（{unit.name}）", parent_id=instance.id,
        )  # fmt: skip
        contacts.note(
            session, unit_id=unit.id, department_id=asking, kind=contacts.REQUEST, title=told["title"],
            starts_on=clock.today(), ends_on=date.fromisoformat(due_on), hours=told["hours"], instance_id=answer.id,
            matters=[field["name"] for field in told["fields"]], justification=told["justification"],
        )  # fmt: skip


def _duplicates(session: Session, told: Told) -> list[str]:
    names, due_on = [field["name"] for field in told["fields"]], date.fromisoformat(told["due_on"])
    return contacts.duplicates(session, _reached(session, told["addressees"]), names, clock.today(), due_on)


def _held_of_all(session: Session, told: Told) -> list[str]:
    """Fields of which the bureau has a value of every addressee, in words."""
    units = list(session.scalars(select(Unit).where(Unit.key.in_(told["addressees"]))))
    known, words = held.of(session, [unit.id for unit in units], before=clock.now()), []
    for field in told["fields"]:
        has = [known[unit.id, _name(field)] for unit in units if (unit.id, _name(field)) in known]
        if len(has) == len(units):
            told_of = f"如{units[0].name}{has[0].value}（{has[0].source}，{has[0].as_of}）"
            words.append(f"“{field['name']}”本局已有，不必再要：{told_of}")
    return words


def _reached(session: Session, keys: Collection[str]) -> list[Unit]:
    """Who is asked, and the schools that a district might pass it on to."""
    asked = select(Unit.id).where(Unit.key.in_(keys))
    return contacts.locked(session, or_(Unit.id.in_(asked), Unit.parent_id.in_(asked) & (Unit.kind == "school")))


def _known(session: Session, answer: instances.Held, before: datetime) -> list[tuple[Told, Held | None]]:
    """Field by field what is asked and what the bureau had of it, of the unit, from elsewhere."""
    unit_id = answer.unit_id or ""
    known = held.of(session, [unit_id], before=before, but_not=[answer.id])
    return [(each, known.get((unit_id, _name(each)))) for each in request_of(session, answer)["fields"]]


def _name(field: Told) -> str:
    return held.field_of(field["name"], field["measure"])


def _root(session: Session, instance: instances.Held) -> ProcessInstance:
    """The request that an answer is for, however many hands it went through."""
    found = session.get_one(ProcessInstance, instance.id)
    while found.definition_key == ANSWERING and found.parent:
        found = found.parent
    if found.definition_key != REQUEST:
        raise NotFound(f"{instance.id} is no request", advice="没有这件填报要求，或您无权查看。")
    return found
