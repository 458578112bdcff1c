"""Reading form-js documents. What we cannot show or guard is refused, never skipped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from forms import expressions, schema
from forms.fields import Field, FormInvalid, Note
from forms.form import Form

INPUTS = {"textfield", "textarea", "number", "select", "radio", "checkbox", "checklist", "datetime"}
NOTES = {"text", "separator"}


def parse(document: Mapping[str, Any]) -> Form:
    """The form in a form-js document, or FormInvalid."""
    try:
        read = _Document().load(document)
    except (ValidationError, RecursionError) as error:
        raise FormInvalid(f"不是form-js表单：{error}") from error
    form = Form(read["id"], tuple(_parts(read["components"])))
    keys = [field.key for field in form.fields]
    for field in form.fields:
        if keys.count(field.key) > 1:
            raise FormInvalid(f"字段“{field.key}”重复")
        _check(field, keys)
    return form


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
    label = fields.String(load_default="")
    date_label = fields.String(data_key="dateLabel", load_default="")
    subtype = fields.String(load_default="date")
    description = fields.String(load_default="")
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
        options=tuple((option["value"], option["label"]) for option in component["options"]),
        options_source=component["options_source"],
        suffix=component["appearance"]["suffix"],
        as_buttons=properties.get("as") == "buttons",
        routing=properties.get("routing") == "true",
        group=group,
        **component["limits"],
    )


def _check(field: Field, keys: Sequence[str]) -> None:
    if not expressions.is_name(field.key) or field.key in schema.RESERVED:
        raise FormInvalid(f"字段名“{field.key}”不可用")
    if not field.label:
        raise FormInvalid(f"字段“{field.key}”没有标签")
    if field.is_choice and not (field.options or field.options_source):
        raise FormInvalid(f"字段“{field.key}”没有选项")
    if field.as_buttons and not (field.type == "radio" and field.options):
        raise FormInvalid(f"字段“{field.key}”不是单选，不能作为按钮")
    if field.required_when:
        _check_condition(field.key, field.required_when, keys)


def _check_condition(key: str, condition: str, keys: Sequence[str]) -> None:
    try:
        unknown = expressions.compile(condition).names.difference(keys)
    except expressions.ExpressionInvalid as error:
        raise FormInvalid(f"字段“{key}”的必填条件：{error}") from error
    if unknown:
        raise FormInvalid(f"字段“{key}”的必填条件提到没有的字段{'、'.join(sorted(unknown))}")
