"""What every route says of itself, beside its view; the OpenAPI document is read off Flask's own table of routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from engine.errors import InvalidInput
from web.rest import wire
from web.rest.fields import TEXT, Answer, Body, Field
from web.rest.parameters import CAMUNDAS

View = Callable[..., ResponseReturnValue]
Content = Answer | list[Answer] | Field | Mapping[str, Any] | None
"""A body: one object, a list of them, a field of its own, a schema as it stands, or nothing."""

REFUSAL = {
    "type": "object",
    "required": ["type", "message"],
    "properties": {
        "type": TEXT,
        "message": {**TEXT, "description": "给人看的原因"},
        "code": {**TEXT, "nullable": True, "description": "给程序看的原因"},
        "errors": {"type": "object", "description": "按字段列出的原因"},
        "details": {"type": "object", "description": "部署检查列出的问题"},
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key", "in": "header", "schema": {**TEXT, "maxLength": 255},
    "description": "同一人以同一个键重发同一请求，得到第一次的回答，事情只做一次。",
}  # fmt: skip
ERROR = {"description": "被拒绝", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}


@dataclass(frozen=True)
class Description:
    summary: str
    answers: Mapping[int, Content]
    body: Body | None = None
    form: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)


def described(
    summary: str,
    *,
    answer: Content = None,
    answers: Mapping[int, Content] | None = None,
    body: Body | None = None,
    form: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
) -> Callable[[View], View]:
    """Describe a view, and hold requests to it: the loaded `body` comes as `given`; 204 is the answer of no content.

    A parameter of Camunda's that the route does not know is refused by name: a filter that is silently ignored
    would answer more than was asked for.
    """
    told = answers or {200 if answer is not None else 204: answer}
    description = Description(summary, told, body, form, query or {})

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(**named: Any) -> ResponseReturnValue:
            _refuse_unreadable([*named.values(), *request.args.values()])
            _refuse_unsupported(description)
            if body is not None:
                named["given"] = body.load(wire.body())
            return view(**named)

        guarded.described = description  # type: ignore[attr-defined]
        return guarded

    return decorate


def document(app: Flask, prefix: str) -> dict[str, Any]:
    """OpenAPI 3 for every route below `prefix`."""
    schemas: dict[str, Any] = {"Refusal": REFUSAL}
    paths: dict[str, Any] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(prefix + "/"):
            path = re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix(prefix))
            paths.setdefault(path, {}).update(_operations(app, rule, schemas))
    return {
        "openapi": "3.0.3",
        "info": {"title": "闭环", "version": "1", "description": "资源、字段与错误沿用 Camunda 7 REST API。"},
        "servers": [{"url": prefix}],
        "security": [{"basic": []}],
        "paths": paths,
        "components": {"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}, "schemas": schemas},
    }


def _operations(app: Flask, rule: Rule, schemas: dict[str, Any]) -> dict[str, Any]:
    view: Any = app.view_functions[rule.endpoint]
    description: Description = view.described
    named = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in sorted(rule.arguments)]
    asked = [{"name": name, "in": "query", "schema": schema} for name, schema in description.query.items()]
    operation = {
        "operationId": rule.endpoint.removeprefix("rest_").replace(".", "_"),
        "summary": description.summary,
        "parameters": [*named, *asked, *([IDEMPOTENCY_KEY] if getattr(view, "acts", False) else [])],
        "responses": {
            **{str(status): _response(status, content, schemas) for status, content in description.answers.items()},
            "default": ERROR,
        },
    }
    if description.body:
        operation["requestBody"] = {"content": _json(_object(description.body, schemas))}
    if description.form:
        form = {"type": "object", "properties": description.form}
        operation["requestBody"] = {"content": {"multipart/form-data": {"schema": form}}}
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return {method.lower(): operation for method in methods}


def _response(status: int, content: Content, schemas: dict[str, Any]) -> dict[str, Any]:
    told = {"description": HTTPStatus(status).phrase}
    return told if content is None else {**told, "content": _json(_schema(content, schemas))}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _schema(content: Content, schemas: dict[str, Any]) -> Mapping[str, Any]:
    match content:
        case [each]:
            return {"type": "array", "items": _object(each, schemas)}
        case Schema():
            return _object(content, schemas)
        case Field():
            return content.json
        case Mapping():
            return content
    raise TypeError(f"no schema for {content!r}")


def _object(schema: Schema, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema's component, which is written down at the first one."""
    name = type(schema).__name__
    if name not in schemas:
        schemas[name] = {}
        named = schema.fields.items()
        required = [key for key, each in named if isinstance(schema, Answer) or each.required]
        schemas[name] = {
            "type": "object",
            "properties": {key: _field(each, schemas) for key, each in named},
            "additionalProperties": False,
        } | ({"required": required} if required else {})
    return {"$ref": f"#/components/schemas/{name}"}


def _field(each: fields.Field[Any], schemas: dict[str, Any]) -> Mapping[str, Any]:
    match each:
        case fields.Nested():
            told: Mapping[str, Any] = {"allOf": [_object(each.schema, schemas)]}
        case fields.Dict(value_field=fields.Nested() as inner):
            told = {"type": "object", "additionalProperties": _object(inner.schema, schemas)}
        case Field():
            told = each.json
        case _:
            raise TypeError(f"{each!r} does not describe itself")
    return {**told, "nullable": True} if each.allow_none and ("type" in told or "allOf" in told) else told


def _refuse_unreadable(texts: list[str]) -> None:
    if any("\0" in text for text in texts):
        raise InvalidInput("NUL in the address", advice="地址中含有不可用的控制字符。")


def _refuse_unsupported(description: Description) -> None:
    unsupported = sorted((request.args.keys() & CAMUNDAS) - description.query.keys())
    if unsupported:
        names = "、".join(unsupported)
        raise InvalidInput(f"unsupported: {names}", code="parameter", advice=f"不支持查询参数 {names}。")
