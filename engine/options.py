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


def _units(*kinds: str) -> Callable[[Session, str | None], Choices]:
    """Those of these kinds, as the organisation orders them."""

    def choices(session: Session, _: str | None) -> Choices:
        wanted = select(Unit).where(Unit.kind.in_(kinds)).order_by(Unit.order)
        return [(unit.key, unit.name) for unit in session.scalars(wanted)]

    return choices


SOURCES: dict[str, Callable[[Session, str | None], Choices]] = {
    "schools": _units("school"),
    "departments": _units("department"),
    "districts": _units("district"),
    "units": _units("department", "district", "school"),
}
"""Other modules hand theirs over in `application.assemble`; the second argument is the instance, if there is one."""
