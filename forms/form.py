"""A form: what it asks for, and how what people submit is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from marshmallow import Schema, ValidationError

from forms import expressions, schema
from forms.fields import ITEM, Field, Note, Option

Options = Mapping[str, Sequence[Option]]
NO_OPTIONS: Options = MappingProxyType({})


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
        asking = (each for field in self.fields for each in (field, *field.cells))
        return frozenset(each.options_source for each in asking if each.options_source)

    def load(self, raw: Mapping[str, object], options: Options = NO_OPTIONS) -> dict[str, Any]:
        """What was submitted, checked and in JSON types; marshmallow's ValidationError names every field at fault.

        `options` supplies the dynamic choices by the name of their source. A fault in a row is named `rows.0.column`,
        where the rows that were left empty do not count.
        """
        data, errors = self._read(raw)
        for field, row in self._rows.items():
            asked = self._is_asked(field, data)
            data[field.key], wrong = _read_rows(field, row, raw.get(field.key), options, asked=asked)
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
    def has_files(self) -> bool:
        return any(each.is_files for field in self.fields for each in (field, *field.columns))

    def files_in(self, data: Mapping[str, Any]) -> Iterator[tuple[str, str, Field, list[str]]]:
        """Of each field in which files were added: its name, what goes before complaints about it, and the files."""
        for field in self.fields:
            if field.is_files and data[field.key]:
                yield field.key, "", field, data[field.key]
            for index, row in enumerate(data[field.key] if field.is_rows else ()):
                for column in field.columns:
                    if column.is_files and row[column.key]:
                        where = f"第{index + 1}行 {column.label}："
                        yield f"{field.key}.{index}.{column.key}", where, column, row[column.key]

    @cached_property
    def _schema(self) -> Schema:
        return schema.build(self.key, [field for field in self.fields if not field.is_rows])

    @cached_property
    def _rows(self) -> dict[Field, Form]:
        """A row is a small form of its own."""
        return {field: Form(f"{self.key}.{field.key}", field.cells) for field in self.fields if field.is_rows}

    def _read(self, raw: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The good values (None for bad ones) and the errors of the others, so that a person hears of all at once."""
        known = self._schema.fields
        given = {key: value for key, value in raw.items() if key not in known or not schema.is_blank(value)}
        for field in self._rows:
            given.pop(field.key, None)
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
            for field in self.fields
            if field.shown_when
            and field.key not in errors
            and _answered(field, data[field.key])
            and not _holds(field.shown_when, data)
            and errors.keys().isdisjoint(expressions.compile(field.shown_when).names)
        }

    def _not_offered(self, data: Mapping[str, Any], options: Options) -> dict[str, list[str]]:
        return {
            field.key: [field.not_offered or schema.CHOOSE]
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
    field: Field, form: Form, given: object, options: Options, *, asked: bool
) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The rows that were filled in, and what is wrong with them by row and column."""
    given = [] if schema.is_blank(given) else given
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        return [], {field.key: [schema.MALFORMED]}
    try:
        named = _fixed(field, given, options, asked) if field.rows_source else _filled(field, given)
    except ValidationError as error:
        return [], {field.key: [str(each) for each in error.messages]}
    labels = {column.key: column.label for column in field.columns}
    rows, errors = [], dict[str, list[str]]()
    for index, (name, row) in enumerate(named):
        read = {cell.key: row.get(cell.key) if cell.key == ITEM else schema.nothing(cell) for cell in field.cells}
        if asked or not _is_blank(field, row):
            try:
                read = form.load(row, options)
            except ValidationError as error:
                errors |= {
                    f"{field.key}.{index}.{key}": [f"{name} {labels.get(key, key)}：{each}" for each in messages]
                    for key, messages in error.messages_dict.items()
                }
        rows.append(read)
    return rows, errors


def _filled(field: Field, given: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Rows as people add them, with their numbers."""
    filled = [row for row in given if not _is_blank(field, row)]
    if len(filled) > field.max_rows or 0 < len(filled) < field.min_rows:
        bound = f"超过{field.max_rows}" if len(filled) > field.max_rows else f"少于{field.min_rows}"
        raise ValidationError(f"不能{bound}行，现有{len(filled)}行")
    return [(f"第{number}行", row) for number, row in enumerate(filled, 1)]


def _fixed(
    field: Field, given: list[dict[str, Any]], options: Options, asked: bool
) -> list[tuple[str, dict[str, Any]]]:
    """A row for every option, with its label; none at all where none is asked for and none was filled in."""
    by_item = {row[ITEM]: row for row in given if isinstance(row.get(ITEM), str)}
    choices = options.get(field.rows_source or "", ())
    if len(by_item) < len(given) or not by_item.keys() <= {value for value, _ in choices}:
        raise ValidationError("每行应是列出的一项，且每项一行")
    named = [(label, {**by_item.get(item, {}), ITEM: item}) for item, label in choices]
    return named if asked or not all(_is_blank(field, row) for _, row in named) else []


def _is_blank(field: Field, row: Mapping[str, Any]) -> bool:
    """A row in which nothing was filled in; an empty box is not an answer, nor is what a fixed row is about."""
    known = {cell.key: cell for cell in field.cells}
    return row.keys() <= known.keys() and all(
        key == ITEM or schema.is_blank(value) or not _answered(known[key], value) for key, value in row.items()
    )
