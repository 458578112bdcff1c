"""Lists: what each may be narrowed and sorted by, under Camunda's parameter names, and its count, from one description."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flask import request
from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import Session

from engine.errors import InvalidInput
from engine.models import Person, ProcessInstance
from web.rest import wire
from web.rest.fields import FLAG, MOMENT, TEXT, WHOLE, Answer, CountResultDto
from web.rest.resource import Resource

Row = TypeVar("Row")
Condition = ColumnElement[bool]

MOST = 1_000
"""Rows in one answer when the caller names no limit, or a larger one."""

PAGING = {"firstResult": WHOLE, "maxResults": WHOLE}


@dataclass(frozen=True)
class Filter:
    """One parameter: how OpenAPI describes it, and the condition its value stands for."""

    json: Mapping[str, Any]
    condition: Callable[[str, str], Condition]
    """From the parameter's name, for the refusal, and its value."""


@dataclass(frozen=True)
class Listing(Generic[Row]):
    summary: str
    shape: Answer
    known: Callable[[], Select[Row]]
    """The rows this person may know of; it refuses those to whom none of it is open."""
    filters: Mapping[str, Filter]
    order: Sequence[Any]
    """How the rows follow one another when the caller does not say, and behind what the caller says."""
    sorts: Mapping[str, Any] = field(default_factory=dict)
    shown: Callable[[Session, Sequence[Row]], Sequence[Any]] = lambda _session, rows: rows
    """Adds what the answer tells of other tables."""

    def mount(self, bp: Resource, path: str) -> None:
        """Serve the list at `path` and its length at `path/count`."""
        narrowing = {name: each.json for name, each in self.filters.items()}
        sorting = {"sortBy": {**TEXT, "enum": list(self.sorts)}, "sortOrder": {**TEXT, "enum": ["asc", "desc"]}}
        paging = PAGING | (sorting if self.sorts else {})
        name = path.strip("/").replace("/", "_").replace("-", "_")

        @bp.view("GET", path, self.summary, query=narrowing | paging, answer=[self.shape], endpoint=f"list_{name}")
        def rows(session: Session) -> Sequence[Any]:
            wanted = page(self._narrowed().order_by(*self._sorted(), *self.order))
            return self.shown(session, session.scalars(wanted).all())

        counted = f"{self.summary}：数量"

        @bp.view("GET", f"{path}/count", counted, query=narrowing, answer=CountResultDto(), endpoint=f"count_{name}")
        def count(session: Session) -> dict[str, int]:
            wanted = select(func.count()).select_from(self._narrowed().subquery())
            return {"count": session.scalar(wanted) or 0}

    def _narrowed(self) -> Select[Row]:
        return narrowed(self.known().order_by(None), self.filters)

    def _sorted(self) -> list[Any]:
        by, order = request.args.get("sortBy"), request.args.get("sortOrder")
        if by is None and order is None:
            return []
        if by is None or by not in self.sorts or order not in ("asc", "desc"):
            raise InvalidInput(
                f"cannot sort by {by} {order}",
                advice=f"sortBy 可用 {'、'.join(self.sorts) or '（无）'}，须与 sortOrder（asc 或 desc）一起使用。",
            )
        column = self.sorts[by]
        return [column.asc() if order == "asc" else column.desc()]


def narrowed(wanted: Select[Row], filters: Mapping[str, Filter]) -> Select[Row]:
    """The selection with a condition for every parameter that is given."""
    for name, each in filters.items():
        if (value := request.args.get(name)) is not None:
            wanted = wanted.where(each.condition(name, value))
    return wanted


def page(wanted: Select[Row]) -> Select[Row]:
    """The part that firstResult and maxResults name."""
    return wanted.offset(_number("firstResult", 0)).limit(min(_number("maxResults", MOST), MOST))


def equals(column: Any) -> Filter:
    return Filter(TEXT, lambda _, value: column == value)


def matches(condition: Callable[[str], Condition]) -> Filter:
    """A text that is compared in a way of its own."""
    return Filter(TEXT, lambda _, value: condition(value))


def one_of(column: Any) -> Filter:
    """Several values with commas between."""
    return Filter({**TEXT, "description": "多个值用逗号分隔"}, lambda _, value: column.in_(value.split(",")))


def person(person_id: Any) -> Filter:
    """Somebody, by their login."""
    return matches(lambda login: is_person(person_id, login))


def is_person(person_id: Any, login: str) -> Condition:
    found: Condition = person_id.in_(select(Person.id).where(Person.login == login))
    return found


def of_instance(instance_id: Any, told: Filter) -> Filter:
    """A filter on the process instance that a row belongs to."""

    def condition(name: str, value: str) -> Condition:
        theirs = select(ProcessInstance.id).where(told.condition(name, value))
        belongs: Condition = instance_id.in_(theirs)
        return belongs

    return Filter(told.json, condition)


def of_its_process(instance_id: Any) -> dict[str, Filter]:
    """The filters by the process instance that a row belongs to, and by the definition it runs on."""
    return {
        "processInstanceId": equals(instance_id),
        "processDefinitionId": of_instance(instance_id, equals(ProcessInstance.definition_id)),
        "processDefinitionKey": of_instance(instance_id, equals(ProcessInstance.definition_key)),
    }


def like(column: Any) -> Filter:
    """`%` stands for anything."""
    return Filter(
        {**TEXT, "description": "% 代表任意文字"}, lambda _, value: column.like(value.replace("!", "!!"), escape="!")
    )


def flag(condition: Condition) -> Filter:
    """`true` narrows; `false` is as if the parameter were not given."""

    return Filter(FLAG, lambda name, _: condition if asks(name) else true())


def asks(name: str) -> bool:
    """Whether a parameter says true; clients in Python write `True`."""
    written = request.args.get(name, "false").lower()
    if written not in ("true", "false"):
        raise InvalidInput(f"{name} is neither true nor false", advice=f"{name} 须是 true 或 false。")
    return written == "true"


def before(column: Any) -> Filter:
    return Filter(MOMENT, lambda name, value: column < _moment(name, value))


def after(column: Any) -> Filter:
    return Filter(MOMENT, lambda name, value: column > _moment(name, value))


def number(column: Any) -> Filter:
    return Filter(WHOLE, lambda name, _: column == _number(name, 0))


def _moment(name: str, written: str) -> Any:
    found = wire.read_moment(written)
    if found is None:
        raise InvalidInput(f"{name} is no moment", advice=f"{name} 须写作 2021-03-12T09:00:00.000+0800。")
    return found


def _number(name: str, default: int) -> int:
    written = request.args.get(name)
    if written is None:
        return default
    if not (written.isascii() and written.isdecimal()) or len(written) > 9:
        raise InvalidInput(f"{name} is not a number", advice=f"{name} 须是不小于 0 的整数。")
    return int(written)
