"""Variables of tokens: who set what since the branches parted, and what is left of it when they meet.

SpiffWorkflow merges branches in the order in which they end: a "no" of one is overwritten by a later "yes" of another,
and two branches that append to one list keep one item. Here each token remembers which names it has set since the last
fork. At a join a name keeps the value that one branch gave it; a name to which two branches gave different values has
none any more, and whoever reads it is told so. Values are never changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError
from forms.expressions import Expression, ExpressionFailed

if TYPE_CHECKING:
    from engine.spiff.token import Token

CHANGED = "changed"
"""Names set, one list for each fork the token lives behind, the latest fork last."""
CONFLICTS = "conflicts"
DEEPEST = 8
"""Forks are remembered so far down; a branch that never meets the others must not let this grow for ever."""


class StepFailed(EngineError):
    """An expression or a service of the diagram failed; the step is rolled back."""


def inherit(token: Token, parent: Token) -> None:
    token.data = dict(parent.data)
    for kept in (CHANGED, CONFLICTS):
        if kept in parent.internal_data:
            token.internal_data[kept] = parent.internal_data[kept]


def assign(token: Token, values: Mapping[str, Any]) -> None:
    """Set variables of a token and remember that this branch did."""
    if not values:
        return
    token.data.update(values)
    *outer, last = token.internal_data.get(CHANGED) or [[]]
    token.internal_data[CHANGED] = [*outer, sorted({*last, *values})]
    conflicts = [name for name in token.internal_data.pop(CONFLICTS, ()) if name not in values]
    if conflicts:
        token.internal_data[CONFLICTS] = conflicts


def take_over(token: Token, other: Token) -> None:
    """What a token inside (a sub-process, an event's scope) left behind becomes what this one has set."""
    values = {name: value for name, value in other.data.items() if name not in token.data or token.data[name] != value}
    gone = [name for name in token.data if name not in other.data]
    for name in gone:
        del token.data[name]
    assign(token, values)
    if other.internal_data.get(CONFLICTS):
        token.internal_data[CONFLICTS] = other.internal_data[CONFLICTS]


def fork(children: Iterable[Token]) -> None:
    """From here on each branch remembers on its own what it sets."""
    for child in children:
        levels = [*(child.internal_data.get(CHANGED) or [[]]), []]
        if len(levels) > DEEPEST:
            levels = [sorted({*levels[0], *levels[1]}), *levels[2:]]
        child.internal_data[CHANGED] = levels


def join(into: Token, tokens: Iterable[Token]) -> None:
    """Let `into` go on with what all these tokens (it is one of them) have set since they parted."""
    branches = list(tokens)
    if len(branches) < 2:
        return
    levels = [token.internal_data.get(CHANGED) or [[]] for token in branches]
    shared = min(map(len, levels))
    since = [{name for level in each[shared - 1 :] for name in level} for each in levels]
    merged, conflicts = dict(into.data), set()
    for name in set().union(*since):
        given = [token.data.get(name) for token, names in zip(branches, since, strict=True) if name in names]
        merged[name] = given[0]
        if any(value != given[0] for value in given[1:]):
            conflicts.add(name)
    for token in branches:
        conflicts |= set(token.internal_data.get(CONFLICTS, ()))
        merged = {**token.data, **merged}
    into.data = {name: value for name, value in merged.items() if name not in conflicts}
    outer = levels[0][: shared - 1] or [[]]
    into.internal_data[CHANGED] = [*outer[:-1], sorted(set(outer[-1]).union(*since))]
    if conflicts:
        into.internal_data[CONFLICTS] = sorted(conflicts)


def evaluate(expression: Expression, token: Token, extra: Mapping[str, Any] | None = None) -> Any:
    """The value of an expression for a token; StepFailed names the variable that is missing or in conflict."""
    try:
        return expression.evaluate({**token.data, **extra} if extra else token.data)
    except ExpressionFailed as failure:
        clash = set(token.internal_data.get(CONFLICTS, ())) & expression.names
        reason = f"并行分支对变量{'、'.join(sorted(clash))}给出了不同的值，汇合后没有值" if clash else str(failure)
        raise StepFailed(f"“{expression.source.strip()}”：{reason}", code="expression") from failure
