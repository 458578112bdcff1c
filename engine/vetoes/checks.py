"""Who asks the register: forms that name people or units for something, and flows before they announce it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, user_tasks
from engine.errors import InvalidState
from engine.identity import Actor
from engine.models import Bar, Unit
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import Check
from engine.vetoes import register


class Nominee(NamedTuple):
    name: str
    unit: str = ""
    id_hint: str = ""


def find(session: Session, nominee: Nominee, scope: str, on: date) -> list[Bar]:
    """The bars that keep somebody from something on a day."""
    named = select(Bar).where(Bar.subject_key == register.compared(nominee.name)).order_by(Bar.year, Bar.sequence)
    return [
        bar for bar in session.scalars(named)
        if scope in bar.scopes and bar.is_in_force(on) and _is_meant(bar, nominee)
    ]  # fmt: skip


def _is_meant(bar: Bar, nominee: Nominee) -> bool:
    """A name alone may be another person's: the identity number decides where the register has it, else the unit."""
    if bar.kind == "unit":
        return True
    if bar.id_hint:
        return not nominee.id_hint or register.compared(bar.id_hint) == register.compared(nominee.id_hint)
    mine, theirs = register.compared(bar.unit_words), register.compared(nominee.unit)
    return not theirs or mine in theirs or theirs in mine


def refusal(bar: Bar, scope: str, nominee: Nominee) -> str:
    """Who, until when, from what, by which decision and rule."""
    until = f"至{bar.ends_on}" if bar.ends_on else "解除为止"
    is_unsure = bar.kind == "person" and bar.id_hint and not nominee.id_hint
    advice = "。如系同名，请填证件号后四位" if is_unsure else ""
    why = f"{bar.basis}，{register.source_of(bar)}"
    return f"{bar.subject}在一票否决期内（{until}），不能参加{register.SCOPES[scope]}：{why}{advice}"


def require_clear(session: Session, nominees: Iterable[Nominee], scope: str, on: date, *, field: str) -> None:
    """Refuse, beside the field, whoever is barred: by whom, by which decision and until when."""
    barred = [refusal(bar, scope, each) for each in nominees for bar in find(session, each, scope, on)]
    if barred:
        raise ValidationError({field: list(dict.fromkeys(barred))})


@dataclass(frozen=True)
class NoBarred:
    """The check of a form whose field lists nominees: rows with `name`, `unit` and perhaps `id_hint`."""

    scope: str
    field: str
    others: tuple[Check, ...] = ()

    def __call__(self, session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
        require_clear(session, self.nominees(session, data), self.scope, clock.today(), field=self.field)
        for check in self.others:
            check(session, instance, data, actor=actor)

    def nominees(self, session: Session, data: Mapping[str, Any]) -> list[Nominee]:
        """Units may be given by their key, and a row without a name means its unit."""
        names = dict(session.execute(select(Unit.key, Unit.name)).all())
        found = []
        for row in data[self.field]:
            name, unit = (names.get(row.get(part) or "", row.get(part) or "") for part in ("name", "unit"))
            found.append(Nominee(name or unit, unit, row.get("id_hint") or ""))
        return found


def no_barred(scope: str, field: str, *others: Check) -> NoBarred:
    """For a table `CHECKS`: nobody who is barred from `scope` may stand in the rows of `field`; then the other checks."""
    return NoBarred(scope, field, others)


def recheck(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Before something is announced: how many of those last named are `barred` by now, and `barred_names` with why."""
    for sent in reversed(user_tasks.submissions(session, instance.id)):
        check = user_tasks.checks.get(sent.form_key or "")
        if isinstance(check, NoBarred):
            named, today = check.nominees(session, sent.data), clock.today()
            why = {f"{bar.subject}（{bar.basis}）" for each in named for bar in find(session, each, check.scope, today)}
            return {"barred": len(why), "barred_names": "、".join(sorted(why))}
    raise InvalidState("nobody was named", advice="还没有提名，无法核对一票否决。")


TABLE: dict[str, ServiceTask] = {"veto.recheck": recheck}
