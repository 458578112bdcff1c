"""Variables of tokens: who set what since the branches parted, and what is left of it when they meet.

SpiffWorkflow merges branches in the order in which they end: a "no" of one is overwritten by a later "yes" of another,
a decision by the older value that another branch still carries, and two branches that append to one list keep one item.
Here an instance counts its writings. A token knows the writing that gave it each value, and the count at each fork it
lives behind; so a join sees what was written since. A name keeps the value that one branch gave it; a name to which two
branches gave different values has none any more, and whoever reads it is told so. Values are never changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError
from forms.expressions import Expression, ExpressionFailed

if TYPE_CHECKING:
    from engine.spiff.token import Token

WRITTEN = "written"
"""Name → number of the writing that gave the token its value."""
PARTED = "parted"
"""The count when the token parted from others, at each fork that it lives behind, the latest last."""
CONFLICTS = "conflicts"
"""Names without a value since a join whose branches disagreed."""
DEEPEST = 16
"""Forks are remembered so far down; a branch that never meets the others must not let this grow for ever."""
NOTHING = object()


class StepFailed(EngineError):
    """An expression or a service of the diagram failed; the step is rolled back."""

    element: str | None = None
    """Where in the diagram, as soon as that is known."""


def inherit(token: Token, parent: Token) -> None:
    token.data = dict(parent.data)
    for kept in (WRITTEN, PARTED, CONFLICTS):
        if kept in parent.internal_data:
            token.internal_data[kept] = parent.internal_data[kept]


def assign(token: Token, values: Mapping[str, Any]) -> None:
    """Set variables of a token and remember that this branch did."""
    if values:
        _write(token, values, ())


def take_over(token: Token, other: Token) -> None:
    """What a token inside (a sub-process, an event's scope) left behind becomes what this one has set."""
    known = token.internal_data.get(WRITTEN, {})
    said = {name for name, number in other.internal_data.get(WRITTEN, {}).items() if number != known.get(name)}
    clashing = [name for name in other.internal_data.get(CONFLICTS, ()) if name in said]
    for name in [name for name in token.data if name not in other.data]:
        del token.data[name]
    values = {
        name: value for name, value in other.data.items() if name in said or token.data.get(name, NOTHING) != value
    }
    if values or clashing:
        _write(token, values, clashing)


def fork(children: Iterable[Token]) -> None:
    """From here on it can be told what each branch writes by itself."""
    for branch in children:
        number = branch.workflow.run.count_writing()
        branch.internal_data[PARTED] = [*branch.internal_data.get(PARTED, ()), number][-DEEPEST:]


def join(into: Token, tokens: Iterable[Token], *, more_to_come: bool = False) -> None:
    """Let `into` go on with what all these tokens (it is one of them) have set since they parted.

    Where a scope ends there may be `more_to_come`: one from which all these parted earlier.
    """
    branches = list(tokens)
    if len(branches) < 2:
        return
    behind = [set(branch.internal_data.get(PARTED, ())) for branch in branches]
    shared = set.intersection(*behind)
    apart = [forks - shared for forks in behind]
    parted = min(set().union(*apart), default=0)
    values: dict[str, Any] = {}
    numbers: dict[str, int] = {}
    conflicts: list[str] = []
    for name in sorted(
        {name for branch in branches for name in (*branch.data, *branch.internal_data.get(WRITTEN, ()))}
    ):
        last = max(_number(branch, name) for branch in branches)
        # If nobody wrote it since, all that have the last writing have the same.
        writers = [branch for branch in branches if _number(branch, name) > min(parted, last - 1)]
        given = [branch.data[name] for branch in writers if name in branch.data]
        disputed = any(name in branch.internal_data.get(CONFLICTS, ()) for branch in writers)
        if disputed or any(value != given[0] for value in given):
            conflicts.append(name)
        elif given:
            values[name] = given[0]
        if last:
            numbers[name] = last
    into.data = values
    _remember(into, WRITTEN, numbers)
    still_apart = max(apart, key=min) if more_to_come and all(apart) else set()
    _remember(into, PARTED, sorted(shared | still_apart))
    _close(into, {max(forks) for forks in apart if forks} if more_to_come else set().union(*apart))
    _remember(into, CONFLICTS, conflicts)


def _close(met: Token, forks: set[int]) -> None:
    """These branches have met again: whoever left one of them on the way parted only there from what goes on."""
    for token in met.workflow.live():
        behind = token.internal_data.get(PARTED, ())
        if token is not met and not forks.isdisjoint(behind):
            _remember(token, PARTED, [number for number in behind if number not in forks])


def written_since_parting(token: Token) -> list[str]:
    """Names that a branch has set by itself."""
    parted = token.internal_data[PARTED][-1]
    return sorted(name for name, number in token.internal_data.get(WRITTEN, {}).items() if number > parted)


def latest(tokens: Iterable[Token]) -> dict[str, Any]:
    """What any of these tokens has written, the last writing of each name."""
    known: dict[str, tuple[int, Any]] = {}
    for token in tokens:
        for name, number in token.internal_data.get(WRITTEN, {}).items():
            if number > known.get(name, (0,))[0]:
                known[name] = (number, token.data.get(name, NOTHING))
    return {name: value for name, (_, value) in known.items() if value is not NOTHING}


def conflict(token: Token, names: Iterable[str]) -> None:
    """Take the value of names away over which there was no agreement."""
    _write(token, {}, list(names))


def _write(token: Token, values: Mapping[str, Any], clashing: Iterable[str]) -> None:
    number = token.workflow.run.count_writing()
    token.data.update(values)
    for name in clashing:
        token.data.pop(name, None)
    written = token.internal_data.get(WRITTEN, {})
    token.internal_data[WRITTEN] = {**written, **dict.fromkeys([*values, *clashing], number)}
    _remember(token, CONFLICTS, sorted({*token.internal_data.get(CONFLICTS, ()), *clashing}.difference(values)))


def _number(token: Token, name: str) -> int:
    number: int = token.internal_data.get(WRITTEN, {}).get(name, 0)
    return number


def _remember(token: Token, what: str, value: Any) -> None:
    token.internal_data.pop(what, None)
    if value:
        token.internal_data[what] = value


def evaluate(expression: Expression, token: Token, extra: Mapping[str, Any] | None = None) -> Any:
    """The value of an expression for a token; StepFailed names the variable that is missing or in conflict."""
    try:
        return expression.evaluate({**token.data, **extra} if extra else token.data)
    except ExpressionFailed as failure:
        clash = set(token.internal_data.get(CONFLICTS, ())) & expression.names
        reason = f"并行分支对变量{'、'.join(sorted(clash))}给出了不同的值，汇合后没有值" if clash else str(failure)
        raise StepFailed(f"“{expression.source.strip()}”：{reason}", code="expression") from failure
