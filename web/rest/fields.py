"""What bodies consist of: each field checks what comes, shapes what goes and describes itself for OpenAPI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.constants import missing

from web.rest import wire

TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
WHOLE = {"type": "integer"}
MOMENT = {"type": "string", "description": "如 2021-03-12T09:00:00.000+0800"}
VARIABLE = {
    "type": "object",
    "properties": {
        "value": {"description": "任意 JSON 值"},
        "type": {"type": "string", "nullable": True, "description": "Boolean、Integer、Double、String、Json、Null 等"},
        "valueInfo": {"type": "object", "nullable": True},
    },
}
VARIABLES = {"type": "object", "additionalProperties": VARIABLE}

MOST_TEXT = 20_000


class Field(fields.Field[Any]):
    """`get` computes the value of an answer where it is not simply an attribute."""

    json: Mapping[str, Any] = {}
    default_error_messages = {"required": "必须填写", "null": "不能为空"}

    def __init__(self, get: Callable[[Any], Any] | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self._get = get

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = missing) -> Any:
        return self._get(obj) if self._get else super().get_value(obj, attr, accessor, default)


class Text(Field, fields.String):
    default_error_messages = {"invalid": "应为文字", "long": "不能超过{longest}字", "nul": "含有不可用的控制字符"}

    def __init__(self, get: Callable[[Any], Any] | None = None, longest: int = MOST_TEXT, **rest: Any) -> None:
        super().__init__(get, **rest)
        self._longest = longest
        self.json = TEXT

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if "\0" in value:
            raise self.make_error("nul")
        if len(value) > self._longest:
            raise self.make_error("long", longest=self._longest)
        return value


class Key(Text):
    """A short text that is kept in a column of that width."""

    def __init__(self, get: Callable[[Any], Any] | None = None, **rest: Any) -> None:
        super().__init__(get, longest=255, **rest)


class Flag(Field, fields.Boolean):
    json = FLAG
    truthy, falsy = {True}, {False}
    default_error_messages = {"invalid": "应为 true 或 false"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Whole(Field, fields.Integer):
    """A whole number that fits every database."""

    json = WHOLE
    default_error_messages = {"invalid": "应为整数"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
            raise self.make_error("invalid")
        return value


class Moment(Field, fields.Raw):
    json = MOMENT

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return wire.moment(value)


class Anything(Field, fields.Raw):
    """Any JSON value."""

    json = {"description": "任意 JSON 值"}


class Variables(Field, fields.Raw):
    """Typed variables: `{"x": {"value": 1, "type": "Integer"}}`."""

    json = VARIABLES
    default_error_messages = {"invalid": "应为对象"}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, Any]:
        return wire.variables(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        return {name: read_variable(name, each) for name, each in value.items()}


class Texts(Field, fields.Raw):
    """A list of texts."""

    json = {"type": "array", "items": TEXT}
    default_error_messages = {"invalid": "应为文字的列表"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.make_error("invalid")
        return value


class Never(Field, fields.Raw):
    """What Camunda's answers have and ours never do."""

    json = TEXT

    def __init__(self) -> None:
        super().__init__(lambda _: None, allow_none=True)


class Always(Field, fields.Raw):
    """What is the same in every answer."""

    def __init__(self, value: Any, json: Mapping[str, Any]) -> None:
        super().__init__(lambda _: value)
        self.json = json


class Unsupported(Field, fields.Raw):
    """What Camunda's clients may send and we cannot do: refused, unless it is empty."""

    json = {"description": "不支持；须为空"}
    default_error_messages = {"unsupported": "本系统不支持"}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> None:
        if value:
            raise self.make_error("unsupported")


class Body(Schema):
    """What a request carries. An unknown field is refused; what need not be there may be null."""

    unsupported = ""
    """Fields that Camunda's clients may send, and we cannot do what they ask for."""
    error_messages = {"unknown": "没有这个字段"}

    def __init_subclass__(cls) -> None:
        cls.Meta = _including({name: Unsupported() for name in cls.unsupported.split()})  # type: ignore[misc]

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if not field_obj.required:
            field_obj.allow_none, field_obj.load_default = True, None


class Answer(Schema):
    """What is answered; every field is always there."""

    never = ""
    """Fields that Camunda's answers have; ours never have anything in them."""

    def __init_subclass__(cls) -> None:
        cls.Meta = _including({name: Never() for name in cls.never.split()})  # type: ignore[misc]

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.dump_only = True


def _including(more: Mapping[str, Field]) -> Any:
    """The settings of a schema that has these fields as well; marshmallow reads them when the class is made."""
    return type("Meta", (), {"include": more, "unknown": RAISE})


class CountResultDto(Answer):
    count = Whole()


def read_variable(name: str, variable: object) -> Any:
    """The value of a variable as it came; the refusal names it."""
    try:
        return wire.plain(variable)
    except ValidationError as error:
        raise ValidationError(f"变量“{name}”{'，'.join(map(str, error.messages))}") from error
