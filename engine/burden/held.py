"""填一次: what the bureau already has of a unit, with the day it is of and where it is from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

import forms
from engine import clock
from engine.models import Figure, HeldValue, Submission, Target, Unit
from engine.targets import figures, school_table
from engine.vetoes.register import compared

(SCHOOL_COLUMNS,) = (each.columns for each in forms.get(figures.COLLECTION).fields if each.key == school_table.FIELD)
LATEST = 20
"""So many reported tables of schools are looked through."""


class Held(NamedTuple):
    value: str
    as_of: date
    source: str
    source_id: str | None
    """The instance it was told in."""


Known = dict[tuple[str, str], Held]
"""By unit and `field_of`."""


def field_of(name: str, measure: str | None) -> str:
    return f"{compared(name)}/{compared(measure or '')}"


def of(session: Session, unit_ids: Collection[str], *, before: datetime, but_not: Collection[str] = ()) -> Known:
    """The latest of each field, as it was known at a moment; what was told in certain instances is left out."""
    found = [*_answered(session, unit_ids, but_not), *_figures(session, unit_ids), *_school_tables(session, unit_ids)]
    known = sorted((each for each in found if each[0] <= before), key=lambda each: (each[2].as_of, each[0]))
    return dict(map(itemgetter(1, 2), known))


Found = Iterator[tuple[datetime, tuple[str, str], Held]]


def _answered(session: Session, unit_ids: Collection[str], but_not: Collection[str]) -> Found:
    wanted = select(HeldValue).where(HeldValue.unit_id.in_(unit_ids), HeldValue.told_in_id.not_in(but_not))
    for row in session.scalars(wanted):
        yield row.told_at, (row.unit_id, row.field), Held(row.value, row.as_of, row.source, row.source_id)


def _figures(session: Session, unit_ids: Collection[str]) -> Found:
    same = (Target.commitment_id == Figure.commitment_id) & (Target.number == Figure.target_number)
    wanted = select(Figure, Target.name).join(Target, same)
    for row, name in session.execute(wanted.where(Figure.unit_id.in_(unit_ids), Figure.value.is_not(None))):
        held = Held(row.value or "", row.as_of, f"目标数据：{row.source}", row.instance_id)
        yield row.reported_at, (row.unit_id, field_of(name, row.measure)), held


def _school_tables(session: Session, unit_ids: Collection[str]) -> Found:
    """What departments have reported of schools, row by row (校表)."""
    keys = {unit.key: unit.id for unit in session.scalars(select(Unit).where(Unit.id.in_(unit_ids)))}
    told = select(Submission).where(Submission.form_key == figures.COLLECTION)
    for each in session.scalars(told.order_by(Submission.submitted_at.desc()).limit(LATEST)):
        as_of = each.submitted_at.astimezone(clock.LOCAL).date()
        for row in each.data.get(school_table.FIELD) or []:
            for column in SCHOOL_COLUMNS:
                if row["item"] in keys and row.get(column.key) is not None:
                    held = Held(f"{row[column.key]}", as_of, "指标监测的校表", each.instance_id)
                    yield each.submitted_at, (keys[row["item"]], field_of(column.label, column.suffix)), held
