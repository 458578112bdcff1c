"""Reading form-js documents. What we cannot show or guard is refused, never skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from forms import conditions, expressions, media, schema
from forms.fields import ITEM, Field, FormInvalid, Note
from forms.form import Form

INPUTS = {"textfield", "textarea", "number", "select", "radio", "checkbox", "checklist", "datetime", "filepicker"}
NOTES = {"text", "separator"}
COLUMNS = INPUTS - {"checklist"}
MAX_ROWS, MOST_ROWS = 60, 500
MOST_FILES = 20
"""In one field."""


def parse(document: Mapping[str, Any]) -> Form:
    """The form in a form-js document, or FormInvalid."""
    try:
        read = _Document().load(document)
    except (ValidationError, RecursionError) as error:
        raise FormInvalid(f"不是form-js表单：{error}") from error
    parts = list(_parts(read["components"]))
    explained = iter(_explained([part for part in parts if isinstance(part, Field)]))
    return Form(read["id"], tuple(next(explained) if isinstance(part, Field) else part for part in parts))


def _explained(fields: Sequence[Field]) -> Iterator[Field]:
    """The fields, checked, and with their conditions in words."""
    keys = [field.key for field in fields]
    for field in fields:
        if keys.count(field.key) > 1:
            raise FormInvalid(f"字段“{field.key}”重复")
        _check(field, keys)
        words, tree = conditions.explain(field.shown_when, fields) if field.shown_when else ("", "")
        yield replace(field, shown_words=words, shown_tree=tree)


class _Lenient(Schema):
    """A modeler writes down much that is its own affair (ids, layout)."""

    class Meta:
        unknown = EXCLUDE


class _Limits(Schema):
    """Not lenient: a limit we do not know is one we would not guard."""

    class Meta:
        unknown = RAISE

    required = fields.Boolean(load_default=False)
    minimum = fields.Float(data_key="min", load_default=None)
    maximum = fields.Float(data_key="max", load_default=None)
    min_length = fields.Integer(data_key="minLength", load_default=None)
    max_length = fields.Integer(data_key="maxLength", load_default=None)


def _unguarded(name: str) -> fields.Raw:
    """A setting that changes what may be submitted and that we do not enforce: it must be off."""
    return fields.Raw(data_key=name, allow_none=True, validate=_off)


def _off(value: object) -> None:
    if value is not False:
        raise ValidationError("不支持这项设置")


class _Option(_Lenient):
    value = fields.String(required=True)
    label = fields.String(required=True)


class _Appearance(_Lenient):
    suffix = fields.String(data_key="suffixAdorner", load_default="")


class _Component(_Lenient):
    type = fields.String(required=True)
    key = fields.String(load_default="")
    path = fields.String(load_default="")
    label = fields.String(load_default="")
    date_label = fields.String(data_key="dateLabel", load_default="")
    subtype = fields.String(load_default="date")
    description = fields.String(load_default="")
    multiple = fields.Boolean(load_default=False)
    accept = fields.String(load_default="")
    text = fields.String(load_default="")
    options = fields.List(fields.Nested(_Option), data_key="values", load_default=list)
    options_source = fields.String(data_key="valuesKey", load_default=None)
    limits = fields.Nested(_Limits, data_key="validate", load_default=lambda: _Limits().load({}))
    appearance = fields.Nested(_Appearance, load_default=lambda: _Appearance().load({}))
    properties = fields.Dict(fields.String(), fields.String(), load_default=dict)
    components = fields.List(fields.Nested(lambda: _Component()), load_default=list)
    conditional = _unguarded("conditional")
    decimal_digits = _unguarded("decimalDigits")
    disabled = _unguarded("disabled")
    disallow_passed_dates = _unguarded("disallowPassedDates")
    readonly = _unguarded("readonly")
    serialize_to_string = _unguarded("serializeToString")


class _Document(_Lenient):
    id = fields.String(required=True)
    components = fields.List(fields.Nested(_Component), required=True)


def _parts(components: Sequence[Mapping[str, Any]], group: str = "") -> Iterator[Field | Note]:
    for component in components:
        kind = component["type"]
        if kind == "group":
            yield from _parts(component["components"], component["label"])
        elif kind in NOTES:
            yield Note(kind, component["text"], group)
        elif kind in INPUTS:
            yield _field(component, group)
        elif kind == "dynamiclist":
            yield _rows(component, group)
        else:
            raise FormInvalid(f"不支持{kind}类型的字段")


def _field(component: Mapping[str, Any], group: str) -> Field:
    properties = component["properties"]
    if component["type"] == "datetime" and component["subtype"] != "date":
        raise FormInvalid(f"字段“{component['key']}”：只支持日期，不支持时间")
    return Field(
        key=component["key"],
        type=component["type"],
        label=component["label"] or component["date_label"],
        description=component["description"],
        required_when=properties.get("requiredWhen"),
        shown_when=properties.get("shownWhen"),
        not_offered=properties.get("notOffered", ""),
        options=tuple((option["value"], option["label"]) for option in component["options"]),
        options_source=component["options_source"],
        suffix=component["appearance"]["suffix"],
        as_buttons=properties.get("as") == "buttons",
        routing=properties.get("routing") == "true",
        group=group,
        accept=media.accepted(component["accept"]) if component["type"] == "filepicker" else (),
        max_files=MOST_FILES if component["multiple"] else 1,
        **component["limits"],
    )


def _rows(component: Mapping[str, Any], group: str) -> Field:
    field = _field({**component, "key": component["key"] or component["path"]}, group)
    properties = component["properties"]
    try:
        least, most = int(properties.get("minRows", 0)), int(properties.get("maxRows", MAX_ROWS))
    except ValueError as error:
        raise FormInvalid(f"字段“{field.key}”的行数不是整数") from error
    columns = _explained([_field(column, "") for column in component["components"]])
    return replace(
        field, columns=tuple(columns), rows_source=properties.get("rowsKey"), min_rows=least, max_rows=most,
        required=field.required or least > 0,
    )  # fmt: skip


def _check_rows(field: Field) -> None:
    unfit = [each.key for each in field.columns if each.type not in COLUMNS or each.as_buttons or each.routing]
    if unfit or not field.columns:
        raise FormInvalid(f"字段“{field.key}”的行内没有列，或不支持列{'、'.join(unfit)}的用法")
    if not 0 <= field.min_rows <= field.max_rows <= MOST_ROWS:
        raise FormInvalid(f"字段“{field.key}”的行数应在0到{MOST_ROWS}之间")
    if field.rows_source and ITEM in {column.key for column in field.columns}:
        raise FormInvalid(f"字段“{field.key}”的行由“{ITEM}”命名，列不能再叫这个名字")


def _check(field: Field, keys: Sequence[str]) -> None:
    if not expressions.is_name(field.key) or field.key in schema.RESERVED:
        raise FormInvalid(f"字段名“{field.key}”不可用")
    if not field.label:
        raise FormInvalid(f"字段“{field.key}”没有标签")
    if field.is_choice and not (field.options or field.options_source):
        raise FormInvalid(f"字段“{field.key}”没有选项")
    if field.as_buttons and not (field.type == "radio" and field.options):
        raise FormInvalid(f"字段“{field.key}”不是单选，不能作为按钮")
    if field.is_rows:
        _check_rows(field)
    for kind, condition in (("必填", field.required_when), ("填写", field.shown_when)):
        if condition is not None:
            _check_condition(field.key, kind, condition, keys)


def _check_condition(key: str, kind: str, condition: str, keys: Sequence[str]) -> None:
    try:
        unknown = expressions.compile(condition).names.difference(keys)
    except expressions.ExpressionInvalid as error:
        raise FormInvalid(f"字段“{key}”的{kind}条件：{error}") from error
    if unknown:
        raise FormInvalid(f"字段“{key}”的{kind}条件提到没有的字段{'、'.join(sorted(unknown))}")
