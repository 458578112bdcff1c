"""Lists from which a form lets people choose, by the name a field gives its source."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.models import Unit
from forms import Form

Choices = list[tuple[str, str]]


def of_form(session: Session, form: Form) -> dict[str, Choices]:
    """The dynamic choices a form needs."""
    return {
        field.options_source: SOURCES[field.options_source](session) for field in form.fields if field.options_source
    }  # fmt: skip


def _schools(session: Session) -> Choices:
    schools = select(Unit).where(Unit.kind == "school").order_by(Unit.order)
    return [(school.key, school.name) for school in session.scalars(schools)]


def _departments(session: Session) -> Choices:
    departments = select(Unit).where(Unit.kind == "department").order_by(Unit.order)
    return [(unit.key, unit.name) for unit in session.scalars(departments)]


SOURCES: dict[str, Callable[[Session], Choices]] = {"schools": _schools, "departments": _departments}
