"""Lists from which a form lets people choose, by the name a field gives its source."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from engine.models import Person, Position, Unit
from forms import Form

Choices = list[tuple[str, str]]


def of_form(session: Session, form: Form, instance_id: str | None = None) -> dict[str, Choices]:
    """The dynamic choices a form needs, where it is filled in for an instance."""
    return {name: SOURCES[name](session, instance_id) for name in form.sources}


def units(session: Session, which: ColumnElement[bool]) -> Choices:
    """Some of them, as the organisation orders them."""
    return [(unit.key, unit.name) for unit in session.scalars(select(Unit).where(which).order_by(Unit.order))]


def people(session: Session, which: ColumnElement[bool]) -> Choices:
    """Those who hold certain positions."""
    wanted = select(Person).join(Position).where(Person.active, which).order_by(Person.login).distinct()
    return [(person.login, person.name) for person in session.scalars(wanted)]


def of_kinds(*kinds: str) -> Callable[[Session, str | None], Choices]:
    return lambda session, _: units(session, Unit.kind.in_(kinds))


SOURCES: dict[str, Callable[[Session, str | None], Choices]] = {
    "schools": of_kinds("school"),
    "departments": of_kinds("department"),
    "districts": of_kinds("district"),
    "units": of_kinds("department", "district", "school"),
    "addressees": of_kinds("district", "school"),
}
"""Other modules hand theirs over in `application.assemble`; the second argument is the instance, if there is one."""
