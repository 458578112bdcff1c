"""What may be reported: every figure with unit, date, source and evidence; what is wrong is told with its rule (依据)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

import forms
from engine import clock
from engine.identity import Actor
from engine.models import Commitment, Figure, Target
from engine.runtime import Instance
from engine.targets import measures, school_table, subject
from engine.user_tasks import Check

COMPLETION, COLLECTION = "commitment.completion", "indicator.figures"
LABELS = {column.key: column.label for field in forms.get(COMPLETION).fields for column in field.columns}
_SHIPPED = tomllib.loads(resources.files(__package__).joinpath("figure_rules.toml").read_text("utf-8"))
RULES, GROSS = _SHIPPED["rules"], _SHIPPED["gross"]
ROUNDING = Decimal("0.1")

Complaint = tuple[str, str]
"""The column at fault, and what is wrong."""


def require_figures(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Refuse what cannot be true, or cannot be counted, of the targets of the instance's commitment."""
    commitment = subject.find_commitment(session, instance.id)
    if commitment is not None:
        school_table.require(session, data)
        _require(commitment, data)
        if subject.quantities(commitment) and not filled(data):
            raise ValidationError({"figures": [_said("empty")]})


def require_completion(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """The same; and at the end every target has a figure, from now or from before."""
    commitment = subject.find_commitment(session, instance.id)
    if commitment is None:
        return
    _require(commitment, data)
    known = set(session.scalars(select(Figure.target_number).where(Figure.commitment_id == commitment.id)))
    known |= {int(row["item"]) for row in filled(data)}
    missing = [target.name for target in subject.quantities(commitment) if target.number not in known]
    if missing:
        raise ValidationError({"figures": [_said("missing", names="、".join(missing))]})


CHECKS: dict[str, Check] = {COMPLETION: require_completion, COLLECTION: require_figures}


def filled(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows in which something was filled in."""
    return [row for row in data["figures"] if _is_filled(row)]


def _is_filled(row: Mapping[str, Any]) -> bool:
    return any(row.get(key) is not None for key in LABELS)


def entries(row: Mapping[str, Any]) -> list[str]:
    """The names of a list, one a line."""
    return [name.strip() for name in (row.get("entries") or "").splitlines() if name.strip()]


def decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _require(commitment: Commitment, data: Mapping[str, Any]) -> None:
    targets = {str(target.number): target for target in commitment.targets}
    errors: dict[str, list[str]] = {}
    for index, row in enumerate(data["figures"]):
        if _is_filled(row):
            target = targets[row["item"]]
            by_school = target.counting == "cv" and school_table.is_filled(data)
            wrong = () if by_school and row["value"] is None else _of_target(target, row)
            for column, words in (*wrong, *_of_row(commitment, row)):
                named = f"{target.name} {LABELS[column]}：{words}"
                errors.setdefault(f"figures.{index}.{column}", []).append(named)
    for index, row in enumerate(data.get("evidence") or []):
        given = {"evidence_kind": row["kind"], "as_of": row["date"]}
        for column, words in _of_row(commitment, given, dated=False):
            place = {"evidence_kind": "kind", "as_of": "date"}[column]
            errors.setdefault(f"evidence.{index}.{place}", []).append(f"第{index + 1}行：{words}")
    if data.get("as_of"):
        told = [words for column, words in _of_row(commitment, data) if column == "as_of"]
        errors |= {"as_of": told} if told else {}
    if errors:
        raise ValidationError(errors)


def _of_target(target: Target, row: Mapping[str, Any]) -> Iterator[Complaint]:
    if not measures.is_quantity(target):
        yield "value", _said("ordinal", name=target.name)
        return
    if (given := row["unit"]) != target.unit:
        yield "unit", _said("unit", unit=target.unit, given=f"现在写的是“{given}”" if given else "现在没有写")
    value, part, whole = (decimal(row[key]) for key in ("value", "numerator", "denominator"))
    if target.counting == "ratio":
        yield from _of_ratio(target, value, part, whole)
    elif target.counting == "list":
        yield from _of_list(entries(row), value)
    elif value is None and target.counting == "cv" and part is not None and whole:
        return
    elif value is None or (value < 0 and target.counting != "latest"):
        yield "value", _said("number")


def _of_ratio(
    target: Target, value: Decimal | None, part: Decimal | None, whole: Decimal | None
) -> Iterator[Complaint]:
    is_share = target.unit == "%" and not any(word in target.name for word in GROSS)
    if is_share and value is not None and value > measures.HUNDRED:
        yield "value", _said("over_100")
    if part is None or not whole:
        yield ("denominator" if part is not None else "numerator"), _said("pair")
        return
    if is_share and part > whole:
        yield "numerator", _said("share", part=measures.shown(part), whole=measures.shown(whole))
    ratio = part / whole * (measures.HUNDRED if target.unit == "%" else 1)
    if value is not None and abs(value - ratio) > ROUNDING:
        told = {"part": part, "whole": whole, "ratio": ratio}
        yield "value", _said("agree", unit=target.unit, **{name: measures.shown(each) for name, each in told.items()})


def _of_list(names: list[str], value: Decimal | None) -> Iterator[Complaint]:
    if not names and value != 0:
        yield "entries", _said("entries")
        return
    seen: set[str] = set()
    for name in names:
        if (normal := measures.normal(name)) in seen:
            yield "entries", _said("twice", name=name)
        seen.add(normal)
    if value is not None and value != len(names):
        yield "value", _said("count", count=len(names), given=measures.shown(value))


def _of_row(commitment: Commitment, row: Mapping[str, Any], *, dated: bool = True) -> Iterator[Complaint]:
    if "evidence_kind" in row and commitment.evidence and row["evidence_kind"] not in commitment.evidence:
        yield "evidence_kind", _said("evidence", kinds="、".join(commitment.evidence))
    day = date.fromisoformat(row["as_of"]) if row["as_of"] else None
    year = commitment.point.section.plan.year
    first, last = commitment.starts_on, max(commitment.due_on, date(year, 12, 31))
    if day and day > clock.today():
        yield "as_of", _said("future")
    elif day and dated and not first <= day <= last:
        yield "as_of", _said("period", first=first, last=last)


def _said(rule: str, **values: object) -> str:
    known = RULES[rule]
    return f"{known['words'].format(**values)}（依据：{known['source']}{'' if known['confirmed'] else '，待核对'}）"
