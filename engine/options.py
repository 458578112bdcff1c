"""Lists from which a form lets people choose, by the name a field gives its source."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.models import Unit
from forms import Form

Choices = list[tuple[str, str]]


def of_form(session: Session, form: Form, instance_id: str | None = None) -> dict[str, Choices]:
    """The dynamic choices a form needs, where it is filled in for an instance."""
    return {name: SOURCES[name](session, instance_id) for name in form.sources}


def _schools(session: Session, _: str | None) -> Choices:
    schools = select(Unit).where(Unit.kind == "school").order_by(Unit.order)
    return [(school.key, school.name) for school in session.scalars(schools)]


def _departments(session: Session, _: str | None) -> Choices:
    departments = select(Unit).where(Unit.kind == "department").order_by(Unit.order)
    return [(unit.key, unit.name) for unit in session.scalars(departments)]


SOURCES: dict[str, Callable[[Session, str | None], Choices]] = {"schools": _schools, "departments": _departments}
"""Other modules hand theirs over in `application.assemble`; the second argument is the instance, if there is one."""
