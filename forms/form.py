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
ITEM = "item"
"""In rows that are fixed: the option a row is about."""


@dataclass(frozen=True)
class Form:
    key: str
    parts: tuple[Field | Note, ...]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return tuple(part for part in self.parts if isinstance(part, Field))

    @cached_property
    def sources(self) -> frozenset[str]:
        """The lists the engine supplies for it."""
        asking = [column for field in self.fields for column in (field, *field.columns)]
        return frozenset(name for field in asking for name in (field.options_source, field.rows_source) if name)

    @property
    def is_wide(self) -> bool:
        """Whether it wants a page's whole width."""
        return any(len(field.columns) > 3 for field in self.fields)

    @property
    def has_script(self) -> bool:
        """Whether a script shortens the way through it."""
        return any(field.is_rows or field.shown_tree for field in self.fields)

    def load(self, raw: Mapping[str, object], options: Options = NO_OPTIONS) -> dict[str, Any]:
        """What was submitted, checked and in JSON types; marshmallow's ValidationError names every field at fault.

        `options` supplies the dynamic choices by the name of their source. A fault in a row is named `rows.0.column`,
        where the rows that were left empty do not count.
        """
        data, errors = self._read(raw)
        for field, row in self._rows.items():
            data[field.key], wrong = _read_rows(field, row, raw.get(field.key), options, self._is_asked(field, data))
            errors |= wrong
        errors = {**self._missing(data), **self._not_offered(data, options), **errors}
        errors |= self._not_shown(data, errors)
        if errors:
            raise ValidationError(errors)
        return data

    def routing(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a submission that the diagram's conditions may see."""
        return {field.key: data[field.key] for field in self.fields if field.routing and field.key in data}

    @cached_property
    def _schema(self) -> Schema:
        return schema.build(self.key, [field for field in self.fields if not field.is_rows])

    @cached_property
    def _rows(self) -> dict[Field, Form]:
        """A row is a small form of its own."""
        return {field: Form(f"{self.key}.{field.key}", field.columns) for field in self.fields if field.is_rows}

    @cached_property
    def _conditional(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.shown_when)

    def _read(self, raw: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The good values (None for bad ones) and the errors of the others, so that a person hears of all at once."""
        known = self._schema.fields
        rows = {field.key for field in self._rows}
        given = {
            key: value
            for key, value in raw.items()
            if key not in rows and (key not in known or not schema.is_blank(value))
        }
        try:
            return self._schema.load(given), {}
        except ValidationError as error:
            good = error.valid_data if isinstance(error.valid_data, dict) else {}
            return {**dict.fromkeys(known), **good}, error.messages_dict

    def _missing(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        return {
            field.key: [schema.required_message(field)]
            for field in self.fields
            if not _answered(field, data[field.key]) and self._is_asked(field, data)
        }

    def _is_asked(self, field: Field, data: Mapping[str, Any]) -> bool:
        """Whether it must be filled, given the other fields."""
        if field.shown_when and not _holds(field.shown_when, data):
            return False
        return field.required or _holds(field.required_when, data)

    def _not_shown(self, data: Mapping[str, Any], errors: Mapping[str, Any]) -> dict[str, list[str]]:
        """What was filled in although its condition does not hold; where the condition itself is at fault, nobody knows."""
        return {
            field.key: [f"此项仅在{field.shown_words}时填写，请清空"]
            for field in self._conditional
            if field.key not in errors
            and _answered(field, data[field.key])
            and not _holds(field.shown_when, data)
            and errors.keys().isdisjoint(expressions.compile(field.shown_when or "").names)
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


def _read_rows(
    field: Field, form: Form, given: object, options: Options, asked: bool
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The rows that were filled in, and what is wrong with them by row and column."""
    if schema.is_blank(given):
        given = []
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        return [], {field.key: [schema.MALFORMED]}
    if field.rows_source:
        return _read_fixed(form, field, given, options, asked)
    filled = [row for row in given if not _is_blank(field, row)]
    if len(filled) > field.max_rows:
        return [], {field.key: [f"不能超过{field.max_rows}行，现有{len(filled)}行"]}
    rows, errors = _read_each(form, field, [(f"第{number}行", row) for number, row in enumerate(filled, 1)], options)
    if 0 < len(filled) < field.min_rows:
        errors[field.key] = [f"不能少于{field.min_rows}行，现有{len(filled)}行"]
    return rows, errors


def _read_fixed(
    form: Form, field: Field, given: list[dict[str, Any]], options: Options, asked: bool
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """A row for every option, or none at all; only where they are asked for must each be filled."""
    choices = options.get(field.rows_source or "", ())
    by_item = {row[ITEM]: row for row in given if isinstance(row.get(ITEM), str)}
    if len(by_item) < len(given) or not by_item.keys() <= {value for value, _ in choices}:
        return [], {field.key: ["每行应是列出的一项，且每项一行"]}
    filled = [{key: value for key, value in by_item.get(item, {}).items() if key != ITEM} for item, _ in choices]
    if not asked and all(_is_blank(field, row) for row in filled):
        return [], {}
    named = [(label, row) for (_, label), row in zip(choices, filled, strict=True)]
    rows, errors = _read_each(form, field, named, options, may_be_blank=not asked)
    return [{ITEM: item, **row} for (item, _), row in zip(choices, rows, strict=True)], errors


def _read_each(
    form: Form, field: Field, named: list[tuple[str, dict[str, Any]]], options: Options, *, may_be_blank: bool = False
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    labels = {column.key: column.label for column in field.columns}
    rows, errors = [], {}
    for index, (name, row) in enumerate(named):
        read = {column.key: schema.nothing(column) for column in field.columns}
        if not (may_be_blank and _is_blank(field, row)):
            try:
                read = form.load(row, options)
            except ValidationError as error:
                errors |= {
                    f"{field.key}.{index}.{key}": [f"{name} {labels.get(key, key)}：{each}" for each in messages]
                    for key, messages in error.messages_dict.items()
                }
        rows.append(read)
    return rows, errors


def _is_blank(field: Field, row: Mapping[str, Any]) -> bool:
    """A row in which nothing was filled in; an empty box is not an answer."""
    boxes = {column.key for column in field.columns if column.type == "checkbox"}
    known = {column.key for column in field.columns}
    return row.keys() <= known and all(
        schema.is_blank(value) or (value is False and key in boxes) for key, value in row.items()
    )
