"""Block-structured processes as terms: what is drawn, run by the engine and understood by the oracle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A variable that a user is asked for, and what may be answered."""

    name: str
    options: tuple[Any, ...]


@dataclass(frozen=True)
class User:
    """A user task. Whoever does it answers everything that is asked."""

    id: str
    asks: tuple[Asked, ...] = ()


@dataclass(frozen=True)
class Sequence:
    """One after another. Without parts: nothing at all, only a flow."""

    parts: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Choice:
    """Exactly one branch: the one whose number the variable holds, else the first (XOR)."""

    id: str
    variable: str
    branches: tuple[Block, ...]
    merged: bool = True
    """Whether the branches come together in a gateway of their own, or simply in what follows."""


@dataclass(frozen=True)
class Fork:
    """All branches at once, and on when all are done (AND)."""

    id: str
    branches: tuple[Block, ...]
    fused: bool = False
    """Whether the gateway that joins what came before, if it is of the same kind, forks here as well."""


@dataclass(frozen=True)
class Some:
    """The branches whose numbers the variable lists, else the first; on when none of them can still come (OR)."""

    id: str
    variable: str
    branches: tuple[Block, ...]
    fused: bool = False
    """As in `Fork`."""


@dataclass(frozen=True)
class Repeat:
    """The body, and once more as long as the variable is 1 afterwards."""

    id: str
    body: Block
    variable: str
    merged: bool = True


@dataclass(frozen=True)
class Scope:
    """An embedded sub-process."""

    id: str
    body: Block


@dataclass(frozen=True)
class Call:
    """A call activity; the called process sees and returns all variables."""

    id: str
    body: Block


@dataclass(frozen=True)
class Several:
    """A multi-instance user task: each instance is given an item and answers 0 or 1."""

    id: str
    number: int
    sequential: bool = False
    listed: bool = True
    """Whether the items come from a list among the variables; else only their number is known."""
    until: str | None = None
    """Key of `CONDITIONS`: when it is enough."""

    @property
    def items(self) -> str:
        return f"items_{self.id}"

    @property
    def item(self) -> str:
        return f"item_{self.id}"

    @property
    def answer(self) -> str:
        return f"answer_{self.id}"

    @property
    def answers(self) -> str:
        return f"answers_{self.id}"


@dataclass(frozen=True)
class Event:
    """A message of that name, or a time: once after a duration, or again and again (`repeats`, 0 = for ever)."""

    id: str
    message: str | None = None
    after: timedelta | None = None
    repeats: int | None = None


@dataclass(frozen=True)
class Pause:
    """An intermediate event on the way."""

    event: Event


@dataclass(frozen=True)
class Race:
    """An event-based gateway: the first event decides."""

    id: str
    events: tuple[Event, ...]
    branches: tuple[Block, ...]


@dataclass(frozen=True)
class Boundary:
    """An event on the border of an activity and where it leads."""

    event: Event
    interrupting: bool
    path: Block
    returns: bool = False
    """Whether an interrupting one comes back to the way behind the activity; else its path ends by itself."""


@dataclass(frozen=True)
class Guarded:
    """An activity with boundary events."""

    host: User | Several | Scope | Call
    boundaries: tuple[Boundary, ...]


@dataclass(frozen=True)
class End:
    """The token ends here; others of its process go on, unless they are all terminated."""

    id: str
    terminates: bool = False


Block = User | Sequence | Choice | Fork | Some | Repeat | Scope | Call | Several | Pause | Race | Guarded | End

CONDITIONS = {
    "one yes": "count({answers}, 1) >= 1",
    "a veto": "count({answers}, 0) >= 1",
    "two heads": "nrOfCompletedInstances >= 2",
    "more than half": "count({answers}, 1) * 2 > nrOfInstances",
    "one is left": "nrOfActiveInstances == 1",
}
"""Completion conditions of a multi-instance task, as they stand in the diagram."""


def inside(term: Any) -> Iterator[Any]:
    """The term and every term in it."""
    yield term
    for part in _parts(term):
        yield from inside(part)


def _parts(term: Any) -> Iterator[Any]:
    for value in _values(term):
        if isinstance(value, tuple):
            yield from (each for each in value if _is_term(each))
        elif _is_term(value):
            yield value


def _values(term: Any) -> list[Any]:
    return [getattr(term, field.name) for field in fields(term)]


def _is_term(value: Any) -> bool:
    return isinstance(value, Block | Event | Boundary)


def written(term: Any) -> set[str]:
    """Names of the variables that may be set somewhere in a term."""
    return {asked.name for part in inside(term) if isinstance(part, User) for asked in part.asks} | {
        part.answers for part in inside(term) if isinstance(part, Several)
    }


def smaller(term: Any) -> Iterator[Any]:
    """The same term with something left out, in as many ways as there are."""
    for field in fields(term):
        value = getattr(term, field.name)
        if isinstance(value, Block):
            yield from (replace(term, **{field.name: less}) for less in _less(value, field.name))
        elif isinstance(value, tuple) and any(_is_term(each) for each in value):
            yield from (replace(term, **{field.name: less}) for less in _shorter(term, value))
        elif isinstance(term, User) and isinstance(value, tuple):
            yield from (replace(term, asks=value[:n] + value[n + 1 :]) for n in range(len(value)))


def _less(block: Block, role: str) -> Iterator[Block]:
    if role == "host":
        yield from smaller(block)
        return
    if block != Sequence():
        yield Sequence()
    yield from (part for part in _parts(block) if isinstance(part, Block))
    if isinstance(block, Guarded):
        yield block.host
    yield from smaller(block)


def _shorter(term: Any, parts: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    fewest = {Sequence: 0, Guarded: 1}.get(type(term), len(parts))
    for n, part in enumerate(parts):
        if len(parts) > fewest:
            yield parts[:n] + parts[n + 1 :]
        less = _less(part, "branch") if isinstance(part, Block) else smaller(part)
        yield from ((*parts[:n], each, *parts[n + 1 :]) for each in less)
