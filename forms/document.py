"""A form-js document as the product reads it: fields with labels, limits and choices, and the schema that guards them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import marshmallow

from forms import expressions, schema

Option = tuple[str, str]
"""What is submitted, and what a person reads."""

INPUTS = {"textfield", "textarea", "number", "select", "radio", "checkbox", "datetime"}
SILENT = {"text", "separator", "spacer"}
DYNAMIC = "valuesKey"


class FormInvalid(ValueError):
    """Not a form document we can show and guard."""


@dataclass(frozen=True)
class Field:
    key: str
    type: str
    label: str
    description: str = ""
    required: bool = False
    required_when: str | None = None
    """A condition over the other fields under which this one must be filled."""
    options: tuple[Option, ...] = ()
    options_source: str | None = None
    """Name of a list the engine supplies (schools, …) where the choices are not in the document."""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    suffix: str = ""
    as_buttons: bool = False
    """The choices are the page's submit buttons."""
    routing: bool = False
    """The value becomes a process variable."""


@dataclass(frozen=True)
class Form:
    key: str
    fields: tuple[Field, ...]

    def load(self, raw: Mapping[str, object], options: Mapping[str, Sequence[Option]] | None = None) -> dict[str, Any]:
        """What was submitted, checked and in JSON types; marshmallow's ValidationError names every field at fault.

        `options` supplies the dynamic choices by the name of their source.
        """
        loaded: dict[str, Any] = self._schema.load(schema.without_blanks(raw))
        errors = {**self._missing(loaded), **self._not_offered(loaded, options or {})}
        if errors:
            raise marshmallow.ValidationError(errors)
        return loaded

    def routing(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a submission that the diagram's conditions may see."""
        return {field.key: data[field.key] for field in self.fields if field.routing and field.key in data}

    @cached_property
    def _schema(self) -> marshmallow.Schema:
        return schema.build(self.key, self.fields)

    def _missing(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        return {
            field.key: [schema.required_message(field)]
            for field in self.fields
            if field.required_when and data[field.key] is None and _holds(field.required_when, data)
        }

    def _not_offered(
        self, data: Mapping[str, Any], options: Mapping[str, Sequence[Option]]
    ) -> dict[str, list[str]]:  # fmt: skip
        return {
            field.key: [schema.CHOOSE]
            for field in self.fields
            if field.options_source
            and data[field.key] is not None
            and data[field.key] not in {value for value, _ in options.get(field.options_source, ())}
        }


def parse(document: Mapping[str, Any]) -> Form:
    """The form in a form-js document. What we cannot show or guard is refused, never skipped."""
    try:
        fields = tuple(_fields(document["components"]))
        key = str(document["id"])
    except (KeyError, TypeError) as error:
        raise FormInvalid(f"表单缺少 {error}") from error
    if len({field.key for field in fields}) < len(fields):
        raise FormInvalid(f"表单“{key}”的字段重复")
    return Form(key, fields)


def _fields(components: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
    for component in components:
        kind = component["type"]
        if kind in ("group", "dynamiclist"):
            yield from _fields(component["components"])
        elif kind in INPUTS:
            yield _field(component)
        elif kind not in SILENT:
            raise FormInvalid(f"不支持的字段类型 {kind}")


def _field(component: Mapping[str, Any]) -> Field:
    limits = component.get("validate", {})
    properties = component.get("properties", {})
    condition = properties.get("requiredWhen")
    if condition:
        expressions.compile(condition)
    return Field(
        key=component["key"],
        type=component["type"],
        label=component.get("label") or component["dateLabel"],
        description=component.get("description", ""),
        required=bool(limits.get("required")),
        required_when=condition,
        options=tuple((_text(option["value"]), option["label"]) for option in component.get("values", ())),
        options_source=component.get(DYNAMIC),
        minimum=limits.get("min"),
        maximum=limits.get("max"),
        min_length=limits.get("minLength"),
        max_length=limits.get("maxLength"),
        suffix=component.get("appearance", {}).get("suffixAdorner", ""),
        as_buttons=properties.get("as") == "buttons",
        routing=properties.get("routing") == "true",
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holds(condition: str, data: Mapping[str, Any]) -> bool:
    return bool(expressions.compile(condition).evaluate(data))
