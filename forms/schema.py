"""The marshmallow schema of a form: strict about unknown fields and empty text, forgiving about how people write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

if TYPE_CHECKING:
    from forms.document import Field

CHOOSE = "请选择列出的选项"
DATE = re.compile(r"(\d{4})[-./年]?(\d{1,2})[-./月]?(\d{1,2})日?")
MAX_TEXT = 20_000


def required_message(field: Field) -> str:
    verb = "请选择" if field.options or field.options_source else "请填写"
    return f"{verb}{field.label}"


class Strict(Schema):
    """Unknown fields are refused, and said so in Chinese."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "未知字段", "type": "提交的内容格式不对"}


class Text(fields.String):
    """Trimmed text; empty means not given. Control characters other than line breaks and tabs are refused."""

    default_error_messages = {"invalid": "应为文字", "control": "含有不可见的控制字符"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = value.replace("\r\n", "\n").strip()
        if any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text):
            raise self.make_error("control")
        return text


class Number(fields.Field[Any]):
    """`88.4`, `12,480`, full-width digits or a JSON number."""

    default_error_messages = {"invalid": "应为数字"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise self.make_error("invalid")
        written = unicodedata.normalize("NFKC", str(value)).replace(",", "").strip()
        if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", written):
            raise self.make_error("invalid")
        return float(written) if "." in written else int(written)


class Day(fields.Field[Any]):
    """A date in any of the ways people write one; kept as ISO text."""

    default_error_messages = {"invalid": "日期应写作 2021-09-30"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        written = DATE.fullmatch(unicodedata.normalize("NFKC", value).strip()) if isinstance(value, str) else None
        try:
            if written:
                return date(*map(int, written.groups())).isoformat()
        except ValueError:
            pass
        raise self.make_error("invalid")


class Tick(fields.Boolean):
    default_error_messages = {"invalid": CHOOSE}


KINDS: dict[str, type[fields.Field[Any]]] = {"number": Number, "datetime": Day, "checkbox": Tick}


def build(name: str, described: Sequence[Field]) -> Schema:
    """One schema class per form; instances are safe to share."""
    return Strict.from_dict({field.key: _guard(field) for field in described}, name=f"Form {name}")()


def _guard(field: Field) -> fields.Field[Any]:
    options = dict(field.options)
    boolean = set(options) == {"true", "false"}
    kind = Tick if boolean else KINDS.get(field.type, Text)
    required = field.required and field.type != "checkbox"
    complaint = required_message(field)
    defaults = {} if required else {"load_default": False if field.type == "checkbox" else None}
    return kind(
        validate=_limits(field, () if boolean else tuple(options)),
        required=required,
        allow_none=not required,
        error_messages={"required": complaint, "null": complaint},
        **defaults,
    )


def without_blanks(raw: Mapping[str, object]) -> dict[str, object]:
    """An HTML form sends an empty field as empty text: that is nothing."""
    return {key: None if isinstance(value, str) and not value.strip() else value for key, value in raw.items()}


def _limits(field: Field, options: tuple[str, ...]) -> list[Any]:
    limits: list[Any] = []
    if options:
        limits.append(validate.OneOf(options, error=CHOOSE))
    if field.type == "number":
        limits.append(_range(field))
    elif field.type in ("textfield", "textarea"):
        limits.append(_length(field))
    return limits


def _range(field: Field) -> Any:
    low, high = field.minimum, field.maximum
    bounds = f"应在 {low:g} 到 {high:g} 之间" if low is not None and high is not None else "数值超出范围"
    return validate.Range(low, high, error=bounds)


def _length(field: Field) -> Any:
    longest = field.max_length or MAX_TEXT

    def check(text: str) -> None:
        if len(text) > longest:
            raise ValidationError(f"不能超过 {longest} 字，现有 {len(text)} 字")
        if field.min_length and len(text) < field.min_length:
            raise ValidationError(f"不能少于 {field.min_length} 字")

    return check
