"""Camunda's JSON: typed variables, dates with milliseconds and zone, and what a request may carry at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import request
from marshmallow import ValidationError
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from engine import clock

WRITTEN = "%Y-%m-%dT%H:%M:%S.%f%z"

TYPES = {bool: "Boolean", int: "Integer", float: "Double", str: "String", type(None): "Null"}
SERIALIZED = ("json", "object")
"""Types whose value may come as a text that holds JSON."""

ACCEPTED: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "short": (int,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "number": (int, float),
    "string": (str,),
    "date": (str,),
    "null": (type(None),),
    "json": (object,),
    "object": (object,),
}
"""What a variable of a type may be in JSON, besides null; Camunda writes its types with or without a capital."""


def moment(value: datetime | None) -> str | None:
    """`2021-03-12T09:00:00.000+0800`."""
    if value is None:
        return None
    local = value.astimezone(clock.LOCAL)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03}{local:%z}"


def read_moment(written: str) -> datetime | None:
    """The moment that was written as `moment` does it; None for anything else."""
    try:
        return datetime.strptime(written, WRITTEN).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def variables(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: typed(value) for name, value in values.items()}


def typed(value: Any) -> dict[str, Any]:
    """A value with Camunda's name for its type; what JSON has no plain type for goes as a text."""
    kind = TYPES.get(type(value))
    if kind:
        return {"value": value, "type": kind, "valueInfo": {}}
    return {"value": json.dumps(value, ensure_ascii=False), "type": "Json", "valueInfo": {}}


def plain(variable: object) -> Any:
    """The value of one variable as it came: `{"value": 1, "type": "Integer"}`."""
    if not isinstance(variable, dict) or not ("value" in variable or variable.get("type") == "Null"):
        raise ValidationError('须写作 {"value": …}')
    value, kind = variable.get("value"), variable.get("type")
    if kind is None or value is None:
        return value
    accepted = ACCEPTED.get(kind.lower()) if isinstance(kind, str) else None
    if accepted is None:
        raise ValidationError("类型不支持")
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted and object not in accepted):
        raise ValidationError(f"值与类型 {kind} 不符")
    return _parsed(value) if kind.lower() in SERIALIZED and isinstance(value, str) else value


def body() -> dict[str, Any]:
    """The JSON object of the request; an empty body is an empty object.

    A form is refused even when it is empty: a page of another site could make a browser send one.
    """
    if request.mimetype and not request.is_json:
        raise UnsupportedMediaType("Content-Type 须是 application/json。")
    sent = request.get_data()
    if not sent:
        return {}
    try:
        given = orjson.loads(sent)
    except orjson.JSONDecodeError as error:
        raise BadRequest("请求体不是正确的 JSON。") from error
    if not isinstance(given, dict):
        raise BadRequest("请求体须是 JSON 对象。")
    return given


def _parsed(written: str) -> Any:
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError as error:
        raise ValidationError("值不是正确的 JSON") from error
