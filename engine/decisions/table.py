"""A decision table and how it decides.

UNIQUE and FIRST give one mapping of output names to values. COLLECT gives a list of them in the order of the rules; with
an aggregation it gives one mapping with one value.

When nothing matches, Camunda 7 quietly sets the result to null. Here that is an error which names the inputs: a variable
that should hold a decision never comes out unset because nobody thought of a case. An author who did think of it writes
default outputs, or for FIRST a last rule with `-` in every input. Only where "none" is an answer by itself it is given as
one: COLLECT without aggregation is an empty list, COUNT is 0. COUNT counts the matching rules, equal outputs included, as
Camunda does; SUM, MIN and MAX of nothing are errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.decisions.cells import Cell, Kind, fitted, shown
from forms.expressions import MAX_NUMBER, MAX_SIZE, Expression

Row = Mapping[str, Any]
Result = Row | list[Row]


class DecisionFailed(ValueError):
    """A proper table that has no answer for the values it met; the message says which and why."""


@dataclass(frozen=True)
class Input:
    label: str
    expression: Expression
    kind: Kind | None
    allowed: Cell
    """The values that the author listed as possible."""

    def value(self, variables: Mapping[str, Any]) -> Any:
        """What the cells of this column are asked about."""
        return _listed(fitted(self.expression.evaluate(variables), self.kind), self.allowed)


@dataclass(frozen=True)
class Output:
    name: str
    kind: Kind | None
    allowed: Cell

    def value(self, expression: Expression, variables: Mapping[str, Any]) -> object:
        """What a rule gives to this output; its own kind and listed values are kept."""
        value = expression.evaluate(variables)
        _listed(fitted(value, self.kind), self.allowed)
        return value


def _listed(value: Any, allowed: Cell) -> Any:
    if value is not None and not allowed.matches(value):
        raise ValueError(f"{shown(value)}不在列出的取值之内")
    return value


@dataclass(frozen=True)
class Rule:
    number: int
    """As people count them, from 1; 0 is the default outputs."""
    id: str
    cells: tuple[Cell, ...]
    expressions: tuple[Expression, ...]

    def matches(self, values: Sequence[Any]) -> bool:
        return all(cell.matches(value) for cell, value in zip(self.cells, values, strict=True))

    def __str__(self) -> str:
        if not self.number:
            return "默认输出"
        return f"规则{self.number}（{self.id}）" if self.id else f"规则{self.number}"


@dataclass(frozen=True)
class Decision:
    """One decision table. Made by `parse`; never changes, keeps nothing between decisions."""

    key: str
    name: str
    hit_policy: str
    aggregation: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    default: Rule | None
    """What is given if no rule matches."""
    source: bytes
    """The decision as a DMN document of its own: it has no other decision beside it, and the same table has the same bytes."""

    @property
    def gives_list(self) -> bool:
        return self.hit_policy == "COLLECT" and self.aggregation is None

    def decide(self, variables: Mapping[str, Any]) -> Result:
        """The outputs of the rules that match, as the hit policy has it. DecisionFailed if there is no proper answer."""
        values = [self._named(f"输入“{each.label}”", each.value, variables) for each in self.inputs]
        matching = (rule for rule in self.rules if rule.matches(values))
        rules = HIT_POLICIES[self.hit_policy](matching)
        if len(rules) > 1 and self.hit_policy == "UNIQUE":
            raise self._failed(f"{rules[0]}与{rules[1]}同时相符（{self._told(values)}），而命中策略是 UNIQUE")
        if not rules and self.default:
            rules = [self.default]
        rows = list(self._rows(rules, variables))
        if self.gives_list:
            return rows
        if self.aggregation == "COUNT":
            return {self.outputs[0].name: len(rows)}
        if not rows:
            raise self._failed(f"没有规则与输入相符（{self._told(values)}），也没有默认输出")
        return self._aggregated(rows) if self.aggregation else rows[0]

    def _rows(self, rules: Sequence[Rule], variables: Mapping[str, Any]) -> Iterator[Row]:
        room = MAX_SIZE
        for rule in rules:
            row = self._row(rule, variables)
            room -= len(str(row))
            if room < 0:
                raise self._failed("结果内容过多")
            yield row

    def _row(self, rule: Rule, variables: Mapping[str, Any]) -> Row:
        return {
            output.name: self._named(f"{rule}的“{output.name}”", output.value, expression, variables)
            for output, expression in zip(self.outputs, rule.expressions, strict=True)
        }

    def _aggregated(self, rows: Sequence[Row]) -> Row:
        (output,) = self.outputs
        numbers = [row[output.name] for row in rows]
        if None in numbers:
            raise self._failed(f"输出“{output.name}”有一条规则没有给出数，不能做 {self.aggregation}")
        total = AGGREGATIONS[self.aggregation or ""](numbers)
        if abs(total) > MAX_NUMBER:
            raise self._failed(f"输出“{output.name}”的合计过大")
        return {output.name: total}

    def _named(self, place: str, ask: Callable[..., Any], *arguments: Any) -> Any:
        """Do it, and say where in the table it failed if it does."""
        try:
            return ask(*arguments)
        except ValueError as error:
            raise self._failed(f"{place}：{error}") from error

    def _told(self, values: Sequence[Any]) -> str:
        return "，".join(f"{each.label}：{shown(value)}" for each, value in zip(self.inputs, values, strict=True))

    def _failed(self, reason: str) -> DecisionFailed:
        return DecisionFailed(f"决策表“{self.name}”（{self.key}）：{reason}")


def _first(matching: Iterator[Rule]) -> list[Rule]:
    found = next(matching, None)
    return [found] if found else []


def _sum(numbers: Sequence[int | float]) -> int | float:
    # As they are written: added as binary fractions, 0.1 and 0.2 are more than 0.3.
    total = sum((Decimal(str(number)) for number in numbers), Decimal(0))
    return int(total) if all(isinstance(number, int) for number in numbers) else float(total)


HIT_POLICIES: dict[str, Callable[[Iterator[Rule]], list[Rule]]] = {"UNIQUE": list, "FIRST": _first, "COLLECT": list}

AGGREGATIONS: dict[str, Callable[[Sequence[Any]], Any]] = {"SUM": _sum, "MIN": min, "MAX": max, "COUNT": len}
