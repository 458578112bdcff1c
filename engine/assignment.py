"""Who gets a user task: the candidate groups of a diagram become people's groups, rules are looked up in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, aliased

from engine import clock, identity
from engine.draws import replay
from engine.errors import InvalidInput
from engine.models import DrawRecord, Person, Position, ProcessInstance, SchoolBinding, Submission, Unit
from engine.spiff import Activity
from forms import expressions

OBSERVERS = ("discipline_liaison", "legal_reviewer")
"""Whose holders contribute to a draw: the first role of which somebody is outside."""


@dataclass(frozen=True)
class Assignment:
    assignee_id: str | None = None
    assignee_login: str | None = None
    groups: tuple[str, ...] = ()


class Subject(Protocol):
    """What the rules ask of an instance."""

    @property
    def id(self) -> str: ...
    @property
    def unit_id(self) -> str | None: ...
    @property
    def unit_key(self) -> str | None: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def started_by_id(self) -> str | None: ...


def assign(session: Session, instance: Subject, activity: Activity, variables: Mapping[str, Any]) -> Assignment:
    """Assignee or candidates of a user task. One that names nobody belongs to whoever started the instance."""
    if activity.assignee:
        return _person(session, Person.login == _value(activity.assignee, variables))
    groups = tuple(
        group for named in activity.candidate_groups for group in _groups(session, instance, _value(named, variables))
    )
    if groups or instance.started_by_id is None:
        return Assignment(groups=groups)
    return _person(session, Person.id == instance.started_by_id)


def _groups(session: Session, instance: Subject, named: str) -> list[str]:
    rule = RULES.get(named)
    return rule(session, instance) if rule else [named]


def _value(written: str, variables: Mapping[str, Any]) -> str:
    return str(expressions.compile(written).evaluate(variables)) if written.startswith(("${", "#{")) else written


def _person(session: Session, who: ColumnElement[bool]) -> Assignment:
    found = session.execute(select(Person.id, Person.login).where(who)).one_or_none()
    if found is None:
        raise InvalidInput(f"no user {who}", code="assignee", advice="要指派的用户不存在。")
    return Assignment(found.id, found.login)


def _in_unit(role: str) -> Callable[[Session, Subject], list[str]]:
    """The holders of a role in the unit in charge of the instance."""

    def groups(session: Session, instance: Subject) -> list[str]:
        if instance.unit_key is None:
            raise InvalidInput(
                "the instance has no unit in charge", code="unit", advice="该流程没有责任单位，无法确定办理人。"
            )
        return [f"{role}@{instance.unit_key}"]

    return groups


def _visit_inspector(session: Session, instance: Subject) -> list[str]:
    """The responsible inspector of the school; while it has none, the inspectorate's office."""
    today = clock.today()
    bound = select(Person.login).join(SchoolBinding, SchoolBinding.inspector_id == Person.id).where(
        SchoolBinding.school_id == instance.unit_id,
        SchoolBinding.starts_on <= today,
        or_(SchoolBinding.ends_on.is_(None), SchoolBinding.ends_on >= today),
    )  # fmt: skip
    return [f"user:{login}" for login in session.scalars(bound)] or ["inspectorate_office"]


def _office_head(session: Session, instance: Subject) -> list[str]:
    """The head of the office that oversees (督办机构): wherever those are who do."""
    offices = select(Unit.key).join(Position).where(Position.role == "office_supervisor").distinct().order_by(Unit.key)
    return [f"department_head@{office}" for office in session.scalars(offices)] or ["bureau_leader"]


def _else_leader(rule: Callable[[Session, Subject], list[str]]) -> Callable[[Session, Subject], list[str]]:
    """Who is in charge (分管); where nobody is, the bureau's leader."""

    def groups(session: Session, instance: Subject) -> list[str]:
        in_charge = rule(session, instance)
        return in_charge if identity.members(session, in_charge) else ["bureau_leader"]

    return groups


def _in_unit_above(role: str) -> Callable[[Session, Subject], list[str]]:
    """The holders of a role in the unit in charge of the instance that started this one."""

    def groups(session: Session, instance: Subject) -> list[str]:
        above = select(Unit.key).join(ProcessInstance, ProcessInstance.unit_id == Unit.id)
        unit = session.scalar(above.where(ProcessInstance.id == instance.parent_id))
        return [f"{role}@{unit}"] if unit else [role]

    return groups


def _verifiers_above(session: Session, instance: Subject) -> list[str]:
    """The department that keeps the ledger; what it must put right itself, the office that oversees verifies."""
    above = select(Unit.key, Unit.id).join(ProcessInstance, ProcessInstance.unit_id == Unit.id)
    unit = session.execute(above.where(ProcessInstance.id == instance.parent_id)).one_or_none()
    if unit is None or unit.id == instance.unit_id:
        return ["office_supervisor", "inspectorate_office"]
    return [f"officer@{unit.key}", f"department_head@{unit.key}"]


def _supervision_team(session: Session, instance: Subject) -> list[str]:
    """The inspectors of the team that was formed for this supervision (督导小组)."""
    formed = select(Submission.data).where(
        Submission.instance_id == instance.id, Submission.form_key == "formal_supervision.team"
    )
    data = session.scalars(formed.order_by(Submission.submitted_at.desc()).limit(1)).one()
    return [f"user:{row['inspector']}" for row in data["team"]]


def _drawn_inspectors(session: Session, instance: Subject) -> list[str]:
    """Those whom chance has chosen for the checks of this batch (双随机); elsewhere, who last checked the unit by lot."""
    drawn = select(DrawRecord).join(DrawRecord.instance).where(DrawRecord.drawn_at.is_not(None))
    beside = drawn.where(ProcessInstance.parent_id == instance.parent_id).order_by(DrawRecord.drawn_at.desc())
    if own := session.scalar(drawn.where(DrawRecord.instance_id == instance.id)):
        people = [login for logins in _sent(own).values() for login in logins]
    else:
        earlier = (_sent(record).get(instance.unit_key or "") for record in session.scalars(beside))
        people = next(filter(None, earlier), [])
    return sorted({f"user:{login}" for login in people}) or ["inspectorate_office"]


def _sent(record: DrawRecord) -> dict[str, list[str]]:
    return replay.replaced((record.result or {"inspectors": {}})["inspectors"], record.replacements)


def insiders(instance: Subject) -> Select[str]:
    """Ids of those with a part in a draw: people of the unit that checks, and the inspectorate."""
    lead = select(ProcessInstance.unit_id).where(ProcessInstance.id == instance.parent_id).scalar_subquery()
    inside = or_(Position.unit_id == lead, Position.role.in_(("inspector", "inspectorate_office")))
    return select(Position.person_id).where(inside)


def _draw_observers(session: Session, instance: Subject) -> list[str]:
    """Outside what is drawn for: who oversees discipline, else who reviews legality; the draw goes on without them in the end."""
    for role in OBSERVERS:
        outside = select(Person.login).join(Position).where(Position.role == role, Person.active)
        found = session.scalars(outside.where(Person.id.not_in(insiders(instance))).order_by(Person.login).distinct())
        if groups := [f"user:{login}" for login in found]:
            return groups
    return list(OBSERVERS[:1])


def _checkers_of_unit(session: Session, instance: Subject) -> list[str]:
    """Who fills in a checklist for its unit: a school's officer, a district's own."""
    kind = session.scalar(select(Unit.kind).where(Unit.id == instance.unit_id))
    return _in_unit("district_officer" if kind == "district" else "school_officer")(session, instance)


def _of_item(school: str, district: str, department: str) -> Callable[[Session, Subject], list[str]]:
    """The holders of a role in the unit an item is about, by what kind of unit that is."""

    def groups(session: Session, instance: Subject) -> list[str]:
        kind = session.scalar(select(Unit.kind).where(Unit.id == instance.unit_id))
        return _in_unit({"school": school, "district": district}.get(kind or "", department))(session, instance)

    return groups


def _district_above(session: Session, instance: Subject) -> list[str]:
    """The district a school belongs to; above whatever belongs to none, the department that asks."""
    school, district = aliased(Unit), aliased(Unit)
    above = select(district.key).join(school, school.parent_id == district.id)
    key = session.scalar(above.where(school.id == instance.unit_id, district.kind == "district"))
    return [f"district_officer@{key}"] if key else _in_unit_above("officer")(session, instance)


RULES: dict[str, Callable[[Session, Subject], list[str]]] = {
    "officers_of_lead": _in_unit("officer"),
    "head_of_lead": _in_unit("department_head"),
    "leader_of_lead": _in_unit("deputy_leader"),
    "officers_of_unit": _in_unit("school_officer"),
    "head_of_unit": _in_unit("school_head"),
    "visit_inspector": _visit_inspector,
    "office_head": _office_head,
    "leader_above": _else_leader(_in_unit("deputy_leader")),
    "officers_above": _in_unit_above("officer"),
    "head_above": _in_unit_above("department_head"),
    "leader_over": _else_leader(_in_unit_above("deputy_leader")),
    "chief_of_item": _of_item("school_head", "district_officer", "department_head"),
    "verifiers_above": _verifiers_above,
    "supervision_team": _supervision_team,
    "drawn_inspectors": _drawn_inspectors,
    "draw_observers": _draw_observers,
    "safety_office": lambda session, instance: ["department_head@AQ", "officer@AQ"],
    "deputy_above": _in_unit_above("deputy_leader"),
    "officers_of_item": _of_item("school_officer", "district_officer", "officer"),
    "checkers_of_unit": _checkers_of_unit,
    "district_above": _district_above,
}
