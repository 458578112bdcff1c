"""Makes random process terms that always can be carried out: what a gateway reads was set on the way to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tests.engine import process_terms as terms
from tests.engine.process_terms import Asked, Block

NOTES = ("note_1", "note_2", "note_3")
"""Variables that many tasks set and no gateway reads; branches may contradict each other in them."""

CONSTRUCTS = frozenset(
    {
        "XOR", "AND", "OR", "loop", "sub-process", "call activity", "multi-instance", "timer", "message",
        "event gateway", "boundary", "end inside",
        "condition on votes", "answers of another round", "empty branches", "non-interrupting message",
        "empty multi-instance", "cardinality", "side path", "contradictions",
        "terminate", "fused gateways", "several empty branches",
    }
)  # fmt: skip
"""Everything a random process may be made of."""


@dataclass(frozen=True)
class Place:
    """What may be drawn at a spot of the diagram, and what its token is sure to carry."""

    depth: int
    numbers: frozenset[str] = frozenset()
    """Variables that hold a number and were set on every way to here."""
    may_fork: bool = True
    """Not beside the main flow, where a second token could overtake the first one at a join."""
    may_end: bool = False
    """Whether a token may end here: no join waits for it in vain."""
    in_loop: bool = False

    def deeper(self) -> Place:
        return replace(self, depth=self.depth - 1)


class Maker:
    """One random process; what it may contain is `constructs`."""

    def __init__(self, chance: random.Random, constructs: frozenset[str] = CONSTRUCTS) -> None:
        self._chance = chance
        self._constructs = constructs
        self._count = 0
        self._room = chance.randint(4, 22)

    def process(self) -> Block:
        return self._sequence(Place(depth=4, may_end=True))

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def _maybe(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _sequence(self, place: Place, fewest: int = 1) -> terms.Sequence:
        parts: list[Block] = []
        for _ in range(self._chance.randint(fewest, 3)):
            parts.append(self._block(place))
            place = replace(place, numbers=place.numbers | settled(parts[-1]))
        return terms.Sequence(tuple(parts))

    def _block(self, place: Place) -> Block:
        self._room -= 1
        if place.depth <= 0 or self._room <= 0:
            return self._user()
        return self._chance.choice(list(self._makers(place)))(place.deeper())

    def _makers(self, place: Place) -> Iterator[Callable[[Place], Block]]:
        yield lambda _: self._user()
        for construct, make in (
            ("XOR", self._choice),
            ("AND", self._fork),
            ("OR", self._some),
            ("loop", self._repeat),
            ("sub-process", self._scope),
            ("call activity", self._call),
            ("multi-instance", self._several),
            ("timer", self._pause),
            ("event gateway", self._race),
            ("boundary", self._guarded),
            ("boundary", self._guarded),
        ):
            if construct in self._constructs and self._fits(construct, place):
                yield make

    def _fits(self, construct: str, place: Place) -> bool:
        if construct in ("AND", "OR"):
            return place.may_fork
        return construct != "multi-instance" or not place.in_loop or "answers of another round" in self._constructs

    def _user(self, *asks: Asked) -> terms.User:
        noted = NOTES if "contradictions" in self._constructs else ()
        notes = tuple(Asked(name, (0, 1)) for name in noted if self._maybe(0.25))
        return terms.User(self._id("task"), asks + notes)

    def _decision(self, place: Place, options: tuple[Any, ...]) -> tuple[Block, str]:
        """A user task that sets a new variable; perhaps within a sub-process, or while something else is done."""
        name = f"decision_{self._count + 1}"
        asker: Block = self._user(Asked(name, options))
        if self._maybe(0.2) and "sub-process" in self._constructs:
            asker = terms.Scope(self._id("sub"), asker)
        if self._maybe(0.3) and place.may_fork and "AND" in self._constructs:
            branches = [asker, self._block(replace(place, may_end=False))]
            self._chance.shuffle(branches)
            asker = terms.Fork(self._id("and"), tuple(branches))
        return asker, name

    def _choice(self, place: Place) -> Block:
        size = self._chance.randint(2, 3)
        branches = self._branches(place, size)
        merged = self._maybe(0.6)
        if place.numbers and self._maybe(0.4):
            variable = self._chance.choice(sorted(place.numbers))
            return terms.Choice(self._id("xor"), variable, branches, merged)
        asker, variable = self._decision(place, tuple(range(size)))
        return terms.Sequence((asker, terms.Choice(self._id("xor"), variable, branches, merged)))

    def _branches(self, place: Place, size: int) -> tuple[Block, ...]:
        """Some branches; one or two may be empty, one may end everything around it."""
        branches: list[Block] = [self._sequence(place) for _ in range(size)]
        if "empty branches" in self._constructs and self._maybe(0.25):
            branches[self._chance.randrange(size)] = terms.Sequence()
        if "several empty branches" in self._constructs and self._maybe(0.1):
            branches[self._chance.randrange(size)] = terms.Sequence()
        if "terminate" in self._constructs and self._maybe(0.07):
            n = self._chance.randrange(size)
            branches[n] = terms.Sequence((branches[n], terms.End(self._id("end"), terminates=True)))
        return tuple(branches)

    def _fork(self, place: Place) -> Block:
        inner = replace(place, may_end=False)
        branches = self._branches(inner, self._chance.randint(2, 3))
        return terms.Fork(self._id("and"), branches, self._is_fused())

    def _some(self, place: Place) -> Block:
        """Each branch may end on its own: an inclusive join does not wait for what cannot come."""
        size = self._chance.randint(2, 4)
        branches = list(self._branches(replace(place, may_end=False), size))
        if place.may_end and self._maybe(0.25) and "end inside" in self._constructs:
            n = self._chance.randrange(size)
            branches[n] = terms.Sequence((branches[n], terms.End(self._id("end"))))
        sets = [[n for n in range(1, size) if mask >> n & 1] for mask in range(0, 2**size, 2)]
        asker, variable = self._decision(place, tuple(sets))
        if "fused gateways" in self._constructs and self._maybe(0.2):
            asker = self._user(Asked(variable, tuple(sets)), Asked(f"{variable}_too", ([], [1])))
            more = terms.Some(
                self._id("or"), f"{variable}_too", self._branches(replace(place, may_end=False), 2), fused=True
            )
            return terms.Sequence((asker, terms.Some(self._id("or"), variable, tuple(branches)), more))
        return terms.Sequence((asker, terms.Some(self._id("or"), variable, tuple(branches))))

    def _is_fused(self) -> bool:
        return "fused gateways" in self._constructs and self._maybe(0.5)

    def _repeat(self, place: Place) -> Block:
        inner = replace(place, in_loop=True)
        body = self._sequence(inner)
        inner = replace(inner, numbers=inner.numbers | settled(body))
        asker, variable = self._decision(inner, (0, 1))
        parts = (asker, body) if self._maybe(0.3) else (body, asker)
        if may_end(body):
            parts = (body, asker)
        return terms.Repeat(self._id("loop"), terms.Sequence(parts), variable, self._maybe(0.6))

    def _scope(self, place: Place) -> terms.Scope:
        return terms.Scope(self._id("sub"), self._sequence(replace(place, may_fork=True, may_end=True)))

    def _call(self, place: Place) -> terms.Call:
        return terms.Call(self._id("call"), self._sequence(replace(place, may_fork=True, may_end=True)))

    def _several(self, _place: Place) -> terms.Several:
        sequential = self._maybe(0.5)
        conditions = [key for key in terms.CONDITIONS if not (sequential and key == "one is left")]
        fewest = 0 if "empty multi-instance" in self._constructs else 1
        return terms.Several(
            self._id("many"),
            number=self._chance.randint(fewest, 4),
            sequential=sequential,
            listed="cardinality" not in self._constructs or self._maybe(0.7),
            until=self._chance.choice(conditions)
            if "condition on votes" in self._constructs and self._maybe(0.6)
            else None,
        )

    def _pause(self, _place: Place) -> terms.Pause:
        if "message" in self._constructs and self._maybe(0.4):
            return terms.Pause(self._message())
        return terms.Pause(self._timer())

    def _race(self, place: Place) -> terms.Race:
        size = self._chance.randint(2, 3)
        events = [self._timer()] + [self._message() for _ in range(size - 1)]
        self._chance.shuffle(events)
        return terms.Race(self._id("race"), tuple(events), self._branches(place, size))

    def _guarded(self, place: Place) -> terms.Guarded:
        hosts: list[Callable[[Place], Any]] = [lambda _: self._user()]
        for construct, make in (
            ("sub-process", self._scope),
            ("call activity", self._call),
            ("multi-instance", self._several),
        ):
            if construct in self._constructs and self._fits(construct, place):
                hosts.append(make)
        host = self._chance.choice(hosts)(place)
        boundaries = tuple(self._boundary(place) for _ in range(self._chance.choice((1, 1, 2))))
        return terms.Guarded(host, boundaries)

    def _boundary(self, place: Place) -> terms.Boundary:
        by_message = "message" in self._constructs and self._maybe(0.5)
        aside = "side path" in self._constructs and self._maybe(0.5)
        if aside and by_message and "non-interrupting message" not in self._constructs:
            by_message = False
        if not aside:
            returns = not place.may_end or "end inside" not in self._constructs or self._maybe(0.7)
            event = self._message() if by_message else self._timer()
            return terms.Boundary(event, True, self._sequence(replace(place, may_end=False)), returns)
        event = self._message() if by_message else self._timer(self._chance.choice((None, 0, 1, 3)))
        path = self._sequence(replace(place, may_fork=False, may_end=False, depth=min(place.depth, 1)))
        return terms.Boundary(event, False, path)

    def _message(self) -> terms.Event:
        identity = self._id("message")
        return terms.Event(identity, message=f"{identity}_name")

    def _timer(self, repeats: int | None = None) -> terms.Event:
        """No two timers last equally long, so that it is plain which rings first."""
        identity = self._id("timer")
        span = timedelta(days=self._chance.randint(1, 9), seconds=7 * self._count + 1)
        return terms.Event(identity, after=span, repeats=repeats)


def may_end(block: Block) -> bool:
    """Whether the token that enters a block may end in it instead of leaving it."""
    match block:
        case terms.End():
            return True
        case terms.Scope() | terms.Call():
            return False
        case terms.Guarded():
            return any(b.interrupting and (not b.returns or may_end(b.path)) for b in block.boundaries)
        case terms.Sequence():
            return any(may_end(part) for part in block.parts)
        case terms.Choice() | terms.Fork() | terms.Some() | terms.Race():
            return any(may_end(branch) for branch in block.branches)
        case terms.Repeat():
            return may_end(block.body)
        case _:
            return False


def settled(block: Block) -> frozenset[str]:
    """Decisions that were certainly taken, and are certainly known, when a token leaves a block."""
    match block:
        case terms.User():
            return frozenset(asked.name for asked in block.asks if asked.name not in NOTES and asked.options[0] == 0)
        case terms.Sequence():
            return frozenset().union(*(settled(part) for part in block.parts))
        case terms.Fork():
            return frozenset().union(*(settled(branch) for branch in block.branches))
        case terms.Repeat():
            return settled(block.body)
        case terms.Scope() | terms.Call():
            return frozenset() if may_end(block.body) else settled(block.body)
        case _:
            return frozenset()


def first_variables(process: Block) -> dict[str, Any]:
    """What an instance starts with: every decision and note at nothing, and the items of multi-instance tasks."""
    variables: dict[str, Any] = {}
    for part in terms.inside(process):
        if isinstance(part, terms.User):
            variables |= {asked.name: [] if isinstance(asked.options[0], list) else 0 for asked in part.asks}
        elif isinstance(part, terms.Several) and part.listed:
            variables[part.items] = [f"person {n}" for n in range(part.number)]
        elif isinstance(part, terms.Choice | terms.Repeat):
            variables.setdefault(part.variable, 0)
        elif isinstance(part, terms.Some):
            variables.setdefault(part.variable, [])
    return variables
