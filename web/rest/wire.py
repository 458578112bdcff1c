"""Camunda's JSON: typed variables, dates with milliseconds and zone, paging parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from flask import request
from sqlalchemy import Select
from werkzeug.exceptions import UnsupportedMediaType

from engine import clock
from engine.errors import InvalidInput

T = TypeVar("T")

TYPES = {bool: "Boolean", int: "Integer", float: "Double", str: "String", type(None): "Null"}
MOST = 1_000
"""Rows in one answer when the caller names no limit, or a larger one."""


def moment(value: datetime | None) -> str | None:
    """`2021-03-12T09:00:00.000+0800`."""
    if value is None:
        return None
    local = value.astimezone(clock.LOCAL)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03}{local:%z}"


def variables(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(value) for name, value in values.items()}


def plain(given: object) -> dict[str, Any]:
    """Variables as they came: `{"x": {"value": 1, "type": "Integer"}}`."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidInput("variables must be an object", code="variables", advice="variables 须是对象。")
    return {name: _value(name, typed) for name, typed in given.items()}


def body() -> dict[str, Any]:
    """The JSON object of the request; an empty body is an empty object."""
    if not request.data:
        return {}
    if not request.is_json:
        raise UnsupportedMediaType("Content-Type 须是 application/json。")
    given = request.get_json()
    if not isinstance(given, dict):
        raise InvalidInput("the body must be an object", advice="请求体须是 JSON 对象。")
    return given


def narrowed(wanted: Select[T], columns: Mapping[str, Any]) -> Select[T]:
    """The selection with a filter for every parameter that is given; `columns` by the parameter's name."""
    for name, column in columns.items():
        if value := request.args.get(name):
            wanted = wanted.where(column == value)
    return wanted


def page() -> tuple[int, int]:
    """firstResult and maxResults."""
    return _number("firstResult", 0), min(_number("maxResults", MOST), MOST)


def _number(name: str, default: int) -> int:
    written = request.args.get(name)
    if written is None:
        return default
    if not written.isdecimal() or len(written) > 9:
        raise InvalidInput(f"{name} is not a number", advice=f"{name} 须是不小于 0 的整数。")
    return int(written)


def _typed(value: Any) -> dict[str, Any]:
    kind = TYPES.get(type(value))
    if kind:
        return {"value": value, "type": kind, "valueInfo": {}}
    return {"value": json.dumps(value, ensure_ascii=False), "type": "Json", "valueInfo": {}}


def _value(name: str, typed: object) -> Any:
    if not isinstance(typed, dict) or "value" not in typed:
        raise InvalidInput(f"{name} has no value", code="variables", advice=f'变量“{name}”须写作 {{"value": …}}。')
    value = typed["value"]
    if typed.get("type") in ("Json", "Object") and isinstance(value, str):
        return json.loads(value)
    return value
