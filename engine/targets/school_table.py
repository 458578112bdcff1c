"""校表: what each school has, told row by row beside an indicator's figures; the coefficients of variation come out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.models import Target, Unit
from engine.options import Choices
from engine.targets import indicators, subject
from engine.targets.indicators import STAGES, TABLES, School

FIELD = "schools"
KINDS = {"小学": "primary", "初中": "junior", "九年一贯制": "nine_year"}
"""Stage of a unit → kind of school of the tables; others have no compulsory stage and are not asked."""
TAUGHT = {"primary": ("primary",), "junior": ("junior",), "nine_year": ("primary", "junior")}
RESOURCES = [item["key"] for item in TABLES["balanced"]["resources"]]


class Part(NamedTuple):
    """What one school has of one resource item, and its pupils: a reading of a coefficient."""

    unit_id: str
    item: str
    has: Decimal
    pupils: Decimal


def asked(session: Session, instance_id: str | None) -> Choices:
    """The schools of compulsory education, where the commitment promises a coefficient of variation."""
    commitment = subject.find_commitment(session, instance_id)
    if commitment is None or not any(target.counting == "cv" for target in commitment.targets):
        return []
    return [(unit.key, f"{unit.name}（{unit.stage}）") for unit in compulsory(session).values()]


def require(session: Session, data: Mapping[str, Any]) -> None:
    """A school is told whole or not at all."""
    units, errors = compulsory(session), dict[str, list[str]]()
    for number, row in enumerate(data.get(FIELD) or []):
        if not _is_filled(row):
            continue
        needed = [*(f"pupils_{stage}" for stage in TAUGHT[KINDS[units[row["item"]].stage or ""]]), *RESOURCES]
        errors |= {
            f"{FIELD}.{number}.{column}": [f"{units[row['item']].name}：填了就要填全，没有的填 0"]
            for column in needed
            if row[column] is None
        }
    if errors:
        raise ValidationError(errors)


def parts(session: Session, data: Mapping[str, Any], target: Target) -> list[Part]:
    """The readings for a coefficient that names its stage (小学, 初中); schools that do not count are left out."""
    units, stage = compulsory(session), next((key for key, word in STAGES.items() if word in target.name), "")
    return [
        Part(units[key].id, item["name"], indicators.share(school, stage, item), Decimal(school.pupils[stage]))
        for key, school in _schools(units, data)
        if school.pupils.get(stage) and not indicators.excluded(school, stage)
        for item in TABLES["balanced"]["resources"]
    ]


def judged(session: Session, data: Mapping[str, Any]) -> list[str]:
    """What the tables say of the schools and of all together, in words."""
    schools = [school for _, school in _schools(compulsory(session), data)]
    told: list[str] = []
    for stage in STAGES:
        if any(school.pupils.get(stage) for school in schools):
            found = indicators.balance(schools, stage)
            told += [verdict.why for verdict in (*found.county, *found.schools) if verdict.passed is not True]
    return told


def _schools(units: Mapping[str, Unit], data: Mapping[str, Any]) -> Iterator[tuple[str, School]]:
    for row in data.get(FIELD) or []:
        if _is_filled(row):
            unit = units[row["item"]]
            pupils = {stage: int(row[f"pupils_{stage}"] or 0) for stage in STAGES}
            has = {key: Decimal(str(row[key])) for key in RESOURCES}
            yield unit.key, School(unit.name, KINDS[unit.stage or ""], pupils, has)


def is_filled(data: Mapping[str, Any]) -> bool:
    return any(_is_filled(row) for row in data.get(FIELD) or [])


def _is_filled(row: Mapping[str, Any]) -> bool:
    return any(value is not None for key, value in row.items() if key != "item")


def compulsory(session: Session) -> dict[str, Unit]:
    schools = select(Unit).where(Unit.kind == "school", Unit.stage.in_(KINDS)).order_by(Unit.order)
    return {unit.key: unit for unit in session.scalars(schools)}


SOURCES = {"balance_schools": asked}
