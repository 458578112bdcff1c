"""Who gets a user task: the candidate groups of a diagram become people's groups, rules are looked up in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from engine import clock
from engine.errors import InvalidInput
from engine.models import Person, ProcessInstance, SchoolBinding, Unit
from engine.spiff import Activity
from forms import expressions


@dataclass(frozen=True)
class Assignment:
    assignee_id: str | None = None
    groups: tuple[str, ...] = ()


def assign(
    session: Session, instance: ProcessInstance, activity: Activity, variables: Mapping[str, Any]
) -> Assignment:  # fmt: skip
    """Assignee or candidates of a user task. One that names nobody belongs to whoever started the instance."""
    if activity.assignee:
        return Assignment(_person(session, _value(activity.assignee, variables)))
    groups = tuple(
        group for named in activity.candidate_groups for group in _groups(session, instance, _value(named, variables))
    )
    return Assignment(groups=groups) if groups else Assignment(instance.started_by_id)


def _groups(session: Session, instance: ProcessInstance, named: str) -> list[str]:
    rule = RULES.get(named)
    return rule(session, instance) if rule else [named]


def _value(written: str, variables: Mapping[str, Any]) -> str:
    return str(expressions.compile(written).evaluate(variables)) if written.startswith(("${", "#{")) else written


def _person(session: Session, login: str) -> str:
    found = session.scalar(select(Person.id).where(Person.login == login))
    if found is None:
        raise InvalidInput(f"no user {login}", code="assignee", advice=f"没有用户“{login}”，不能指派。")
    return found


def _in_unit(role: str) -> Callable[[Session, ProcessInstance], list[str]]:
    """The holders of a role in the unit in charge of the instance."""

    def groups(session: Session, instance: ProcessInstance) -> list[str]:
        return [f"{role}@{_unit(session, instance).key}"]

    return groups


def _visit_inspector(session: Session, instance: ProcessInstance) -> list[str]:
    """The responsible inspector of the school; while it has none, the inspectorate's office."""
    today = clock.today()
    bound = select(Person.login).join(SchoolBinding, SchoolBinding.inspector_id == Person.id).where(
        SchoolBinding.school_id == instance.unit_id,
        SchoolBinding.starts_on <= today,
        or_(SchoolBinding.ends_on.is_(None), SchoolBinding.ends_on >= today),
    )  # fmt: skip
    return [f"user:{login}" for login in session.scalars(bound)] or ["inspectorate_office"]


def _unit(session: Session, instance: ProcessInstance) -> Unit:
    unit = session.get(Unit, instance.unit_id) if instance.unit_id else None
    if unit is None:
        raise InvalidInput(
            "the instance has no unit in charge", code="unit", advice="该流程没有责任单位，无法确定办理人。"
        )
    return unit


RULES: dict[str, Callable[[Session, ProcessInstance], list[str]]] = {
    "officers_of_lead": _in_unit("officer"),
    "head_of_lead": _in_unit("department_head"),
    "leader_of_lead": _in_unit("deputy_leader"),
    "officers_of_unit": _in_unit("school_officer"),
    "head_of_unit": _in_unit("school_head"),
    "visit_inspector": _visit_inspector,
}
