"""The OpenAPI document: read off Flask's own table of routes, and what every view says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Flask
from marshmallow import Schema, fields
from werkzeug.routing import Rule

from web.rest.fields import TEXT, Answer, Body, Field

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
    """What a view says of itself."""

    summary: str
    answer: Content = None
    or_nothing: bool = False
    """There may be an answer, or none."""
    body: Body | None = None
    form: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)


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
    methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    named = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in sorted(rule.arguments)]
    asked = [{"name": name, "in": "query", "schema": schema} for name, schema in description.query.items()]
    operation = {
        "operationId": rule.endpoint.removeprefix("rest_").replace(".", "_"),
        "summary": description.summary,
        "parameters": [*named, *asked, *([] if "GET" in methods else [IDEMPOTENCY_KEY])],
        "responses": {**_answers(description, schemas), "default": ERROR},
    }
    if description.body:
        operation["requestBody"] = {"content": _json(_object(description.body, schemas))}
    if description.form:
        form = {"type": "object", "properties": description.form}
        operation["requestBody"] = {"content": {"multipart/form-data": {"schema": form}}}
    return {method.lower(): operation for method in methods}


def _answers(description: Description, schemas: dict[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    if description.answer is not None:
        content = _json(_schema(description.answer, schemas))
        answers["200"] = {"description": HTTPStatus.OK.phrase, "content": content}
    if description.or_nothing or not answers:
        answers["204"] = {"description": HTTPStatus.NO_CONTENT.phrase}
    return answers


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
