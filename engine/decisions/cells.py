"""What a cell asks of its input: the unary tests of S-FEEL on literals, compiled once.

A cell is understood whole or it is refused, and so is one that no value could ever pass. Names are not understood: who
wants to compare two variables writes the comparison into the input and `true` or `false` into the cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from forms.expressions import MAX_LENGTH, MAX_NUMBER


class CellInvalid(ValueError):
    """Not a cell that is understood; the message says why."""


class Kind(StrEnum):
    """What can be compared with one another. The value is its Chinese name."""

    TEXT = "文字"
    NUMBER = "数"
    BOOLEAN = "真假值"
    DATE = "日期"


ORDERED = {Kind.NUMBER, Kind.DATE}


@dataclass(frozen=True)
class Range:
    """An interval; without a bound it is open to that side."""

    low: Any = None
    high: Any = None
    with_low: bool = False
    with_high: bool = False

    def contains(self, value: Any) -> bool:
        above = self.low is None or self.low < value or (self.with_low and self.low == value)
        below = self.high is None or value < self.high or (self.with_high and self.high == value)
        return above and below


@dataclass(frozen=True)
class Cell:
    """The values and ranges that pass, or if `negated`, those that do not."""

    values: tuple[Any, ...] = ()
    ranges: tuple[Range, ...] = ()
    negated: bool = False
    kind: Kind | None = None
    """What it can be compared with; None if it asks for nothing, or only whether there is a value."""

    def matches(self, value: Any) -> bool:
        """Whether a value of this kind passes. As in FEEL, no value (None) passes no comparison, negated or not."""
        if value is None and self.ranges and None not in self.values:
            return False
        found = value in self.values or any(each.contains(value) for each in self.ranges)
        return found is not self.negated


ANYTHING = Cell(negated=True)
"""`-`: not one of no values."""

_TEXT = r'"(?:[^"\\]|\\.)*"'
_LITERAL = rf"{_TEXT}|-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)|date\(\s*{_TEXT}\s*\)|true|false|null"
_TEST = re.compile(
    rf"""\s*(?:
        (?P<sign><=|>=|<|>)?\s*(?P<value>{_LITERAL})
        | (?P<opens>[\[(\]])\s*(?P<low>{_LITERAL})\s*\.\.\s*(?P<high>{_LITERAL})\s*(?P<closes>[\])\[])
    )\s*(?P<end>,|\Z)""",
    re.VERBOSE,
)
_NOT = re.compile(r"not\s*\((.*)\)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}
_BEYOND = {
    "<": lambda bound: Range(high=bound),
    "<=": lambda bound: Range(high=bound, with_high=True),
    ">": lambda bound: Range(low=bound),
    ">=": lambda bound: Range(low=bound, with_low=True),
}


def parse(text: str) -> Cell:
    """The cell behind a text: `-`, values, comparisons, ranges, lists of these, and `not(…)` around one."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        raise CellInvalid(f"超过{MAX_LENGTH}个字符")
    if text in ("", "-"):
        return ANYTHING
    negation = _NOT.fullmatch(text)
    tests = list(_tests(negation[1] if negation else text))
    ranges = tuple(test for test in tests if isinstance(test, Range))
    values = tuple(test for test in tests if not isinstance(test, Range))
    compared = [*values, *(each.high if each.low is None else each.low for each in ranges)]
    kinds = {kind for value in compared if (kind := kind_of(value))}
    if len(kinds) > 1:
        raise CellInvalid(f"同一格里混用了{'和'.join(sorted(kinds))}")
    return Cell(values, ranges, negation is not None, next(iter(kinds), None))


def fitted(value: object, kind: Kind | None) -> Any:
    """A variable's value as cells of this kind compare it: dates are ISO text among variables. ValueError if it is another kind."""
    if value is None or kind is None:
        return value
    if kind is Kind.DATE and isinstance(value, str):
        return _day(value)
    if kind_of(value) is not kind:
        raise ValueError(f"{shown(value)}不是{kind}")
    return value


def kind_of(value: object) -> Kind | None:
    """None for what no cell can be compared with, such as a list."""
    match value:
        case bool():
            return Kind.BOOLEAN
        case int() | float():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case date():
            return Kind.DATE
    return None


def day_of(text: str) -> date | None:
    """The day behind `date("2021-03-01")`; None if the text is something else."""
    return _literal(text) if text.startswith("date(") and re.fullmatch(_LITERAL, text) else None


def shown(value: object) -> str:
    """A value in a sentence, not more of it than one reads."""
    text = str(value)
    return "没有值" if value is None else f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def _tests(text: str) -> Iterator[Any]:
    """Each literal or range of a comma list."""
    position, more = 0, True
    while more:
        found = _TEST.match(text, position)
        if found is None:
            raise CellInvalid(
                f"看不懂{shown(text[position:].strip())}，只能写值、比较、区间、列表和 not(…)，文字加英文双引号"
            )
        yield _test(found)
        position, more = found.end(), found["end"] == ","


def _test(found: re.Match[str]) -> Any:
    if found["value"] and not found["sign"]:
        return _literal(found["value"])
    if found["value"]:
        return _BEYOND[found["sign"]](_bound(found["value"]))
    low, high = _bound(found["low"]), _bound(found["high"])
    if kind_of(low) is not kind_of(high):
        raise CellInvalid("区间的两端不是同一种值")
    interval = Range(low, high, found["opens"] == "[", found["closes"] == "]")
    if high < low or not (interval.contains(low) or low < high):
        raise CellInvalid("区间里没有任何值")
    return interval


def _bound(text: str) -> Any:
    value = _literal(text)
    if kind_of(value) not in ORDERED:
        raise CellInvalid(f"{text}不能比较大小，只有数和日期可以")
    return value


def _literal(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text.startswith("date("):
        return _day(_unquoted(text.removeprefix("date(").removesuffix(")").strip()))
    return _unquoted(text) if text.startswith('"') else _number(text)


def _unquoted(text: str) -> str:
    try:
        value: str = json.loads(text)
    except ValueError as error:
        raise CellInvalid(f"{text}里有不能用的转义") from error
    return value


def _number(text: str) -> int | float:
    value = float(text) if "." in text else int(text)
    if abs(value) > MAX_NUMBER:
        raise CellInvalid("数值过大")
    return value


def _day(text: str) -> date:
    try:
        # `fromisoformat` alone would take weeks and other spellings that do not compare as text.
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise CellInvalid(f"{shown(text)}不是形如 2021-03-01 的日期")
