"""A form: what it asks for, and how what people submit is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from marshmallow import Schema, ValidationError

from forms import expressions, schema
from forms.fields import Field, Note, Option

Options = Mapping[str, Sequence[Option]]
NO_OPTIONS: Options = MappingProxyType({})


@dataclass(frozen=True)
class Form:
    key: str
    parts: tuple[Field | Note, ...]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return tuple(part for part in self.parts if isinstance(part, Field))

    def load(self, raw: Mapping[str, object], options: Options = NO_OPTIONS) -> dict[str, Any]:
        """What was submitted, checked and in JSON types; marshmallow's ValidationError names every field at fault.

        `options` supplies the dynamic choices by the name of their source.
        """
        data, errors = self._read(raw)
        errors = {**self._missing(data), **self._not_offered(data, options), **errors}
        if errors:
            raise ValidationError(errors)
        return data

    def routing(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a submission that the diagram's conditions may see."""
        return {field.key: data[field.key] for field in self.fields if field.routing and field.key in data}

    @cached_property
    def _schema(self) -> Schema:
        return schema.build(self.key, self.fields)

    def _read(self, raw: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The good values (None for bad ones) and the errors of the others, so that a person hears of all at once."""
        known = self._schema.fields
        given = {key: value for key, value in raw.items() if key not in known or not schema.is_blank(value)}
        try:
            return self._schema.load(given), {}
        except ValidationError as error:
            good = error.valid_data if isinstance(error.valid_data, dict) else {}
            return {**dict.fromkeys(known), **good}, error.messages_dict

    def _missing(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        return {
            field.key: [schema.required_message(field)]
            for field in self.fields
            if not _answered(field, data[field.key]) and _holds(field.required_when, data)
        }

    def _not_offered(self, data: Mapping[str, Any], options: Options) -> dict[str, list[str]]:
        return {
            field.key: [schema.CHOOSE]
            for field in self.fields
            if field.is_choice and not _offered(data[field.key], _choices(field, options))
        }


def _answered(field: Field, value: object) -> bool:
    return value is not None and value != [] and not (field.type == "checkbox" and value is False)


def _holds(condition: str | None, data: Mapping[str, Any]) -> bool:
    try:
        return condition is not None and bool(expressions.compile(condition).evaluate(data))
    except expressions.ExpressionFailed:
        return False  # it compares with a field that was left empty


def _choices(field: Field, options: Options) -> Sequence[Option]:
    return options.get(field.options_source, ()) if field.options_source else field.options


def _offered(value: object, choices: Sequence[Option]) -> bool:
    if value is None or isinstance(value, bool):
        return True
    chosen = value if isinstance(value, list) else [value]
    return {each for each, _ in choices}.issuperset(chosen)
