"""Who answers for which schools (责任督学): the list with what is due at each, and how a school changes hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from engine import clock, deadlines, ids, jobs, options, recusals, runtime, user_tasks
from engine.errors import NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import (
    Candidate,
    InstanceStatus,
    Person,
    Position,
    ProcessInstance,
    SchoolBinding,
    TaskStatus,
    Unit,
    UserTask,
    Visit,
)
from engine.supervision import frequency, overview, rounds
from engine.supervision.frequency import Next

BEGIN = "binding.begin"
"""The kind of job by which visits change hands on the day a binding begins."""
FORM = "supervision.binding"
RULES = ("visits_a_month", "visits_a_term", "schools_per_inspector", "schools_per_area", "inspector_rotation")
"""The time limits that this goes by."""
INSPECTED = ("school_visit", "finding", "rectification", "re_look")
"""Processes in which the inspector of the school has the say."""


@dataclass(frozen=True)
class Row:
    """A school with who answers for it and how often it was visited."""

    school: Unit
    binding: SchoolBinding | None
    """Of today; a school without has nobody (缺口)."""
    coming: SchoolBinding | None
    rotates_on: date | None
    counts: tuple[tuple[frequency.Duty, int], ...]
    """What the present month and term demand, and how many visits there were."""
    next: Next | None


def listed(session: Session, actor: Actor) -> list[Row]:
    """The schools a person may look at, those without an inspector first."""
    today, book = clock.today(), deadlines.current(session)
    known, visited = frequency.known(session, today, today + frequency.AHEAD)
    running = [duty for duty in known if duty.period.starts_on <= today]
    bound = {each.school_id: each for each in rounds.bindings_on(session, today)}
    later = {each.school_id: each for each in session.scalars(_lasting().where(SchoolBinding.starts_on > today))}
    found = []
    for school in session.scalars(
        select(Unit).where(Unit.kind == "school", overview.theirs(actor, Unit.id)).order_by(Unit.order)
    ):
        days, binding = visited.get(school.id, set()), bound.get(school.id)
        found.append(Row(
            school, binding, later.get(school.id), _rotates_on(book, binding) if binding else None,
            tuple((duty, duty.made(days)) for duty in running), frequency.next_visit(known, days, today),
        ))  # fmt: skip
    return sorted(found, key=lambda row: row.binding is not None)


def loads(session: Session) -> tuple[Counter[str], int]:
    """How many schools each inspector (by id) answers for today, and how many they should at most."""
    bound = rounds.bindings_on(session, clock.today())
    return Counter(each.inspector_id for each in bound), _most(session, "schools_per_inspector")


def can_bind(actor: Actor) -> bool:
    return actor.has_role("inspectorate_office")


def get_school(session: Session, key: str, *, actor: Actor) -> Unit:
    """The school, for those who may give it an inspector."""
    if not can_bind(actor):
        raise NotAllowed(f"{actor.login} may not bind", advice="责任督学由督导室安排。")
    school = session.scalar(select(Unit).where(Unit.key == key, Unit.kind == "school"))
    if school is None:
        raise NotFound(f"no school {key}", advice="没有这所学校。")
    return school


def bind(session: Session, key: str, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Give a school its inspector from a day on: the one before answers until the day before, and open visits change hands.

    Refused for whoever must recuse, for the past (but for the first entry of a school), and if the area is full.
    """
    school = get_school(session, key, actor=actor)
    starts_on = date.fromisoformat(data["starts_on"])
    # Two who do this at once: the second finds what the first has done.
    session.execute(select(Unit.id).where(Unit.id == school.id).with_for_update(key_share=True))
    held = session.scalars(_lasting().where(SchoolBinding.school_id == school.id)).all()
    person = session.scalars(select(Person).where(Person.login == data["inspector"])).one()
    wrong = _faults(session, school, held, person, starts_on) | _full(session, school, data["area"])
    if wrong:
        raise ValidationError(wrong)
    for before in held:
        before.ends_on = before.ends_on or starts_on - timedelta(days=1)
    binding = SchoolBinding(id=ids.new(), school_id=school.id, inspector_id=person.id, starts_on=starts_on)
    session.add(binding)
    school.area = data["area"]
    session.flush()
    payload = {"binding": binding.id, "actor": actor.id}
    if starts_on > clock.today():
        jobs.add(session, BEGIN, clock.start_of(starts_on, 0), payload, dedupe_key=f"{BEGIN}:{binding.id}")
    else:
        begin(session, payload)


def begin(session: Session, payload: Mapping[str, Any]) -> None:
    """Visits that are still to be made, and what else waits for the school's inspector, change hands. Also a job handler."""
    binding = session.get_one(SchoolBinding, payload["binding"])
    former = select(Person.login).join(SchoolBinding, SchoolBinding.inspector_id == Person.id).where(
        SchoolBinding.school_id == binding.school_id, SchoolBinding.ends_on < binding.starts_on
    )  # fmt: skip
    theirs = Candidate.group_key.in_([f"user:{login}" for login in session.scalars(former)])
    nobodys = and_(Candidate.group_key == "inspectorate_office", UserTask.activity_id == "visit_school")
    waiting = select(UserTask.id).join(UserTask.instance).join(Candidate, Candidate.user_task_id == UserTask.id).where(
        ProcessInstance.unit_id == binding.school_id, ProcessInstance.definition_key.in_(INSPECTED), theirs | nobodys
    )  # fmt: skip
    entry = Entry("user_task.assigned", payload["actor"], detail={"assignee": binding.inspector_id})
    for task_id in session.scalars(waiting.order_by(UserTask.id)).all():
        instance, task = runtime.lock_with_task(session, task_id)
        if task.status != TaskStatus.OPEN:  # done while we waited for it
            continue
        groups = [f"user:{binding.inspector.login}"]
        session.execute(update(UserTask).where(UserTask.id == task_id).values(candidate_groups=groups))
        user_tasks.hand_over(session, instance, task._replace(candidate_groups=groups), None, None, entry)
    # After the instances, in the order in which whoever submits a visit locks them.
    pending = select(Visit.id).join(Visit.instance).where(
        Visit.school_id == binding.school_id, Visit.visited_on.is_(None), ProcessInstance.status == InstanceStatus.ACTIVE
    )  # fmt: skip
    session.execute(update(Visit).where(Visit.id.in_(pending)).values(inspector_id=binding.inspector_id))


def _inspectors(session: Session, _: str | None) -> options.Choices:
    return options.people(session, Position.role == "inspector")


SOURCES = {"responsible_inspectors": _inspectors}


def _faults(session: Session, school: Unit, held: Any, person: Person, starts_on: date) -> dict[str, list[str]]:
    wrong = {}
    if person.login in recusals.from_unit(session, school.id):
        wrong["inspector"] = [f"{person.name}与该校有利害关系，须回避（《教育督导条例》第十条），请另选"]
    elif any(each.inspector_id == person.id for each in held):
        wrong["inspector"] = [f"{person.name}已经是该校责任督学，请另选"]
    latest = max((each.starts_on for each in held), default=None)
    if latest and starts_on <= latest:
        wrong["starts_on"] = [f"须晚于现任（或已安排的）责任督学到任之日{latest}"]
    elif latest and starts_on < clock.today():
        wrong["starts_on"] = ["更换责任督学不能早于今天，请改填"]
    return wrong


def _full(session: Session, school: Unit, area: str) -> dict[str, list[str]]:
    others = select(func.count()).where(Unit.kind == "school", Unit.area == area, Unit.id != school.id)
    most = _most(session, "schools_per_area")
    if school.area == area or (session.scalar(others) or 0) < most:
        return {}
    rule = f"一个督学责任区至多{most}所（教督〔2012〕7号，待核对）"
    return {"area": [f"“{area}”已有{most}所学校，{rule}，请划入其他责任区"]}


def _lasting() -> Any:
    """What has not ended, begun or not."""
    return select(SchoolBinding).where(SchoolBinding.ends_on.is_(None) | (SchoolBinding.ends_on >= clock.today()))


def _most(session: Session, rule: str) -> int:
    limit = deadlines.current(session).find(rule, clock.now())
    return limit.amount if limit and limit.amount else 10**6


def _rotates_on(book: deadlines.Book, binding: SchoolBinding) -> date | None:
    """When somebody has answered for the school long enough (轮换)."""
    at = deadlines.of_rule(book, "inspector_rotation", binding.starts_on.isoformat(), None, clock.now()).at
    return at.astimezone(clock.LOCAL).date() if at else None
