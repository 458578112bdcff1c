"""The marshmallow schema of a form: strict about unknown fields and empty text, forgiving about how people write."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from forms.fields import Field

CHOOSE = "请选择列出的选项"
MALFORMED = "提交的内容格式不对"
MAX_TEXT = 20_000
MAX_NUMBER = 10**15
MAX_WRITTEN_NUMBER = 40
RESERVED = frozenset({"Meta"})
"""A schema keeps its own settings under this name."""

BLANK = re.compile(r"[\s\u200b-\u200f\u2060\ufeff]*")
"""Nothing that a reader would see."""

UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters other than line breaks and tabs, and halves of characters."""

UNWRITABLE_ASCII = [sign for sign in map(chr, range(128)) if UNWRITABLE.match(sign)]

NUMBER = re.compile(r"[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?")
DATE = re.compile(
    r"([12][0-9]{3})(?:([-./])([0-9]{1,2})\2([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日|([0-9]{2})([0-9]{2}))"
)
FILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FULL_WIDTH = {sign + 0xFEE0: sign for sign in range(ord("!"), ord("~") + 1)}
"""Digits and signs as a Chinese keyboard writes them. Not NFKC, which reads 5² as 52."""

TICKS = {"true": True, "on": True, "false": False}

Check = Callable[[Any], None]


def required_message(field: Field) -> str:
    if field.type == "checkbox":
        return f"请勾选{field.label}"
    if field.is_files:
        return f"请添加{field.label}"
    return f"请选择{field.label}" if field.is_choice else f"请填写{field.label}"


def is_blank(value: object) -> bool:
    """An HTML form sends an empty field as empty text: that is nothing."""
    return value is None or value == [] or (isinstance(value, str) and BLANK.fullmatch(value) is not None)


def build(name: str, described: Sequence[Field]) -> Schema:
    """One schema class per form; its instance is safe to share."""
    return _Strict.from_dict({field.key: _guard(field) for field in described}, name=f"Form {name}")()


class _Strict(Schema):
    class Meta:
        unknown = RAISE

    def __init__(self) -> None:
        super().__init__()
        self.error_messages |= {"unknown": "未知字段", "type": MALFORMED}


def _guard(field: Field) -> fields.Function:
    read = _tick if field.is_yes_or_no else _READERS[field.type]
    messages: dict[str, Any] = {"required": required_message(field)}
    if is_always_required(field):
        return fields.Function(deserialize=read, validate=_checks(field), required=True, error_messages=messages)
    return fields.Function(deserialize=read, validate=_checks(field), load_default=nothing(field))


def _text(value: object) -> str:
    """Trimmed text. Control characters other than line breaks and tabs, and halves of characters, are refused."""
    if not isinstance(value, str):
        raise ValidationError("应为文字")
    text = (value.replace("\r\n", "\n") if "\r" in value else value).strip()
    if _is_unwritable(text):
        raise ValidationError("含有不可见的控制字符")
    return text


def _is_unwritable(text: str) -> bool:
    """Most texts are plain; that is seen much faster than the few signs that are not allowed are looked for."""
    if text.isascii():
        return any(sign in text for sign in UNWRITABLE_ASCII)
    return not text.replace("\n", "").isprintable() and UNWRITABLE.search(text) is not None


def _line(value: object) -> str:
    """What becomes a title, a number or the subject of a mail."""
    text = _text(value)
    if "\n" in text:
        raise ValidationError("只能填一行")
    return text


def _number(value: object) -> int | float:
    """`88.4`, `12,480`, full-width digits or a JSON number."""
    number = _written_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValidationError("应为数字，如12480或88.4")
    if not abs(number) <= MAX_NUMBER:  # so that NaN is caught as well
        raise ValidationError("超出可以填写的范围")
    return number


def _written_number(text: str) -> int | float | None:
    written = text.strip().translate(FULL_WIDTH)
    if len(written) > MAX_WRITTEN_NUMBER or not NUMBER.fullmatch(written):
        return None
    digits = written.replace(",", "")
    return float(digits) if "." in digits else int(digits)


def _day(value: object) -> str:
    """A date in any of the ways people write one; kept as ISO text."""
    found = DATE.fullmatch(value.strip().translate(FULL_WIDTH)) if isinstance(value, str) else None
    try:
        if found:
            return date(*(int(part) for part in found.groups() if part and part.isdigit())).isoformat()
    except ValueError:
        pass
    raise ValidationError("日期应写作2021-09-30")


def _tick(value: object) -> bool:
    """A boolean, or the words in which HTML and our choices write one."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in TICKS:
        return TICKS[value]
    raise ValidationError(CHOOSE)


def _choice(value: object) -> str:
    if not isinstance(value, str):
        raise ValidationError(CHOOSE)
    return value


def _choices(value: object) -> list[str]:
    """Several choices; a single one may come bare, as HTML sends it."""
    chosen = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(map(_choice, chosen)))


def _files(value: object) -> list[str]:
    """Ids of stored files; what is behind them the engine knows."""
    chosen = _choices(value)
    if not all(FILE_ID.fullmatch(each) for each in chosen):
        raise ValidationError(MALFORMED)
    return chosen


_READERS: dict[str, Callable[[Any], object]] = {
    "textfield": _line,
    "textarea": _text,
    "number": _number,
    "datetime": _day,
    "checkbox": _tick,
    "select": _choice,
    "radio": _choice,
    "checklist": _choices,
    "filepicker": _files,
}


def is_always_required(field: Field) -> bool:
    return field.required and not field.shown_when


def nothing(field: Field) -> Any:
    """What an optional field is when it was left empty."""
    return {"checkbox": False, "checklist": list, "filepicker": list}.get(field.type)


def _checks(field: Field) -> list[Check]:
    if field.type == "number":
        return [_range(field.minimum, field.maximum)]
    if field.type in ("textfield", "textarea"):
        return [_length(field.min_length, field.max_length or MAX_TEXT)]
    if field.is_files:
        return [validate.Length(max=field.max_files, error=f"最多{field.max_files}个文件")]
    if field.type == "checkbox" and is_always_required(field):
        return [validate.Equal(True, error=required_message(field))]
    return []


def _range(low: float | None, high: float | None) -> Check:
    least, most = (_short(bound) if bound is not None else "" for bound in (low, high))
    both = f"应在{least}到{most}之间"
    return validate.Range(
        low, high, error=both if least and most else f"不能小于{least}" if least else f"不能大于{most}"
    )


def _short(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def _length(shortest: int | None, longest: int) -> Check:
    def check(text: str) -> None:
        if len(text) > longest:
            raise ValidationError(f"不能超过{longest}字，现有{len(text)}字")
        if shortest and len(text) < shortest:
            raise ValidationError(f"不能少于{shortest}字，现有{len(text)}字")

    return check
