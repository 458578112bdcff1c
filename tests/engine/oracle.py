"""What must be open after each step: an interpreter of process terms, written from BPMN's semantics.

It shares no code with the engine and knows no graph: a block is entered with the variables of a token and left with
them, and what stands still in between is a list of spots. Variables carry their own past, so that where branches come
together it is plain who set what since they parted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from tests.engine import process_terms as terms
from tests.engine.process_terms import Block

NO_VALUE = "(no value)"
"""What a variable has behind a join whose branches set it to different values."""

UNKNOWN = "(not for the oracle to say)"
"""What a variable has where BPMN leaves it open, as after the interruption of a sub-process that was setting it."""


class Undetermined(Exception):
    """The process reads a variable that has no value, or a value BPMN leaves open: no fair question to the engine."""


@dataclass(frozen=True, eq=False)
class Written:
    """One setting of a variable, and those it has replaced."""

    value: Any
    before: tuple[Written, ...] = ()

    def follows(self, other: Written) -> bool:
        waiting, seen = list(self.before), {id(self)}
        while waiting:
            each = waiting.pop()
            if each is other:
                return True
            if id(each) not in seen:
                seen.add(id(each))
                waiting.extend(each.before)
        return False


Variables = Mapping[str, Written]


def assign(variables: Variables, values: Mapping[str, Any]) -> Variables:
    return {**variables, **{name: Written(value, _last(variables, name)) for name, value in values.items()}}


def _last(variables: Variables, name: str) -> tuple[Written, ...]:
    return (variables[name],) if name in variables else ()


def merge(branches: Sequence[Variables], at_join: bool) -> Variables:
    """The variables where branches come together: whoever set one last counts.

    If several did, each without knowing of the other: at a join those who differ cancel each other, at the end of a
    sub-process it is open.
    """
    names = dict.fromkeys(name for branch in branches for name in branch)
    return {name: _together([branch[name] for branch in branches if name in branch], at_join) for name in names}


def _together(settings: list[Written], at_join: bool) -> Written:
    distinct = list({id(each): each for each in settings}.values())
    latest = [each for each in distinct if not any(other.follows(each) for other in distinct)]
    if len(latest) == 1:
        return latest[0]
    values = [each.value for each in latest]
    agreed = all(value == values[0] for value in values)
    certain = at_join and UNKNOWN not in values
    return Written((values[0] if agreed else NO_VALUE) if certain else UNKNOWN, tuple(latest))


class Hold:
    """What is cancelled together."""

    def __init__(self, outer: Hold | None) -> None:
        self.outer = outer

    def is_within(self, hold: Hold) -> bool:
        each: Hold | None = self
        while each is not None and each is not hold:
            each = each.outer
        return each is hold


class Region(Hold):
    """Where tokens live: a process or sub-process. It is over when the last of them has ended."""

    def __init__(self, outer: Hold | None, body: Block, over: Callable[[Variables], None]) -> None:
        super().__init__(outer)
        self.written = terms.written(body)
        self.threads = 1
        self.ended: list[Variables] = []
        self.is_over = False
        self._over = over

    def end(self, variables: Variables) -> None:
        self.ended.append(variables)
        self.threads -= 1
        if not self.threads:
            self.finish(merge(self.ended, at_join=False))

    def finish(self, variables: Variables) -> None:
        """Over, even if tokens are left."""
        if not self.is_over:
            self.is_over = True
            self._over(variables)

    def way(self) -> Way:
        """The way of the first token."""
        return Way(self, self, self.end, self.forget)

    def forget(self) -> None:
        """A thread has gone over into others that count by themselves."""
        self.threads -= 1


Then = Callable[[Variables], None]


@dataclass(frozen=True)
class Way:
    """Where a token is, and what comes after the block it enters."""

    region: Region
    hold: Hold
    leave: Then
    stray: Callable[[], None]
    """Called when it is settled that nothing will leave: the join behind need not wait."""
    is_aside: bool = False

    def aside(self) -> Way:
        """The way of a token that will end by itself, while the block it came from goes on without."""
        self.region.threads += 1
        return Way(self.region, self.hold, self.region.end, self.region.forget, is_aside=True)

    def astray(self) -> Way:
        """The way of the token itself, once it cannot leave the block any more."""
        if self.is_aside:
            return replace(self, leave=self.region.end)
        aside = self.aside()
        self.stray()
        return aside


@dataclass(eq=False)
class Spot:
    """A token that stands still."""

    node: str
    variables: Variables
    hold: Hold
    go: Callable[[Mapping[str, Any]], None]
    is_task: bool = False
    asks: tuple[terms.Asked, ...] = ()
    item: Any = None
    message: str | None = None
    due: datetime | None = None
    event: terms.Event | None = None
    rings_left: int | None = None
    """How often a repeating timer still rings; None = for ever."""
    stays: bool = False
    """Whether it waits on after it was triggered."""

    @property
    def timer(self) -> tuple[datetime, terms.Event]:
        """When it rings, and what rings."""
        if self.due is None or self.event is None:
            raise ValueError(f"{self.node} is no timer")
        return self.due, self.event

    def visible(self) -> dict[str, Any]:
        return {name: written.value for name, written in self.variables.items() if written.value != UNKNOWN}


@dataclass
class Vote:
    """A multi-instance task under way."""

    task: terms.Several
    hold: Hold
    variables: Variables
    leave: Then
    began: int = 0
    answers: list[Any] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return len(self.answers) == self.task.number or bool(self.answers and self._is_enough())

    def _is_enough(self) -> bool:
        yes, given = self.answers.count(1), len(self.answers)
        match self.task.until:
            case "one yes":
                return yes >= 1
            case "a veto":
                return yes < given
            case "two heads":
                return given >= 2
            case "more than half":
                return yes * 2 > self.task.number
            case "one is left":
                return self.task.number - given == 1
            case _:
                return False


class Oracle:
    """One instance as it must be."""

    def __init__(self, process: Block, variables: Mapping[str, Any], now: datetime) -> None:
        self.now = now
        self.standing: list[Spot] = []
        self.outcome: Variables | None = None
        region = Region(None, process, self._complete)
        self._enter(process, assign({}, variables), region.way())

    @property
    def completed(self) -> bool:
        return self.outcome is not None

    def answer(self, spot: Spot, values: Mapping[str, Any]) -> None:
        """A user does a task."""
        self.standing.remove(spot)
        spot.go(values)

    def deliver(self, message: str) -> None:
        for spot in [each for each in self.standing if each.message == message]:
            if spot in self.standing:
                self._trigger(spot)

    def let_pass(self, now: datetime) -> None:
        """The clock is at a later moment; everything due by then happens, the earliest first."""
        self.now = now
        while due := [spot for spot in self.standing if spot.due and spot.due <= now]:
            self._ring(min(due, key=lambda spot: spot.due or now))

    def next_due(self) -> list[Spot]:
        """The timers that ring next; several only if they ring at the very same moment."""
        timers = [spot for spot in self.standing if spot.due]
        first = min((spot.due for spot in timers if spot.due), default=None)
        return [spot for spot in timers if spot.due == first]

    def _ring(self, spot: Spot) -> None:
        """However many cycles were missed, a timer rings once and goes on with the next moment to come."""
        _, event = spot.timer
        if event.repeats is not None:
            while spot.due and spot.due <= self.now:
                spot.due += event.after or timedelta()
                if spot.rings_left is not None:
                    spot.rings_left -= 1
                    spot.due = spot.due if spot.rings_left else None
        if event.repeats is None or spot.due is None:
            spot.stays = False
        self._trigger(spot)

    def _trigger(self, spot: Spot) -> None:
        if not spot.stays:
            self.standing.remove(spot)
        spot.go({})

    def _complete(self, variables: Variables) -> None:
        self.outcome = variables

    def _cancel(self, hold: Hold) -> None:
        self.standing = [spot for spot in self.standing if not spot.hold.is_within(hold)]

    def _enter(self, block: Block, variables: Variables, way: Way) -> None:
        if way.region.is_over:
            return
        if never_leaves(block):
            way = way.astray()
        match block:
            case terms.Sequence():
                self._enter_all(block.parts, variables, way)
            case terms.End():
                self._end(block, variables, way.region)
            case terms.User():
                self._stand_at_task(block, variables, way)
            case terms.Choice():
                self._enter(_chosen(block, variables), variables, way)
            case terms.Fork():
                self._enter_together(block.branches, variables, way, wants_all=True)
            case terms.Some():
                self._enter_together(_listed(block, variables), variables, way, wants_all=False)
            case terms.Repeat():
                self._enter(block.body, variables, replace(way, leave=lambda after: self._again(block, after, way)))
            case terms.Scope() | terms.Call():
                region = Region(way.hold, block.body, way.leave)
                self._enter(block.body, variables, region.way())
            case terms.Several():
                self._call_on(Vote(block, Hold(way.hold), variables, way.leave))
            case terms.Pause():
                self._wait(block.event, variables, way.hold, lambda: way.leave(variables))
            case terms.Race():
                self._race(block, variables, way)
            case terms.Guarded():
                self._guard(block, variables, way)

    def _end(self, end: terms.End, variables: Variables, region: Region) -> None:
        if end.terminates:
            self._cancel(region)
            region.finish(_doubtful(variables, region.written))
        else:
            region.end(variables)

    def _enter_all(self, parts: Sequence[Block], variables: Variables, way: Way) -> None:
        if not parts:
            way.leave(variables)
            return
        first, *rest = parts
        self._enter(first, variables, replace(way, leave=lambda after: self._enter_all(rest, after, way)))

    def _again(self, block: terms.Repeat, variables: Variables, way: Way) -> None:
        if _read(variables, block.variable) == 1:
            self._enter(block, variables, way)
        else:
            way.leave(variables)

    def _enter_together(self, branches: Sequence[Block], variables: Variables, way: Way, wants_all: bool) -> None:
        """On when every branch has arrived that leads to the join. One that turned away is missed by a parallel join only."""
        leading = sum(not never_leaves(branch) for branch in branches)
        arrived: list[Variables] = []
        strayed = 0

        def arrive(after: Variables) -> None:
            arrived.append(after)
            look()

        def miss() -> None:
            nonlocal strayed
            strayed += 1
            look()

        def look() -> None:
            wanted = leading if wants_all else len(branches) - strayed
            if strayed == len(branches):
                way.stray()
            elif len(arrived) == wanted:
                way.leave(merge(arrived, at_join=True))

        for branch in sorted(branches, key=never_leaves, reverse=True):
            self._enter(branch, variables, replace(way, leave=arrive, stray=miss, is_aside=False))

    def _stand_at_task(self, task: terms.User, variables: Variables, way: Way) -> None:
        def go(values: Mapping[str, Any]) -> None:
            way.leave(assign(variables, values))

        self.standing.append(Spot(task.id, variables, way.hold, go, is_task=True, asks=task.asks))

    def _wait(
        self, event: terms.Event, variables: Variables, hold: Hold, go: Callable[[], None], stays: bool = False
    ) -> None:
        self.standing.append(
            Spot(
                event.id,
                variables,
                hold,
                lambda _: go(),
                message=event.message,
                due=self.now + event.after if event.after else None,
                event=event,
                rings_left=event.repeats or None,
                stays=stays,
            )
        )

    def _race(self, race: terms.Race, variables: Variables, way: Way) -> None:
        hold = Hold(way.hold)

        def win(branch: Block) -> None:
            self._cancel(hold)
            self._enter(branch, variables, way)

        for event, branch in zip(race.events, race.branches, strict=True):
            self._wait(event, variables, hold, partial(win, branch))

    def _guard(self, block: terms.Guarded, variables: Variables, way: Way) -> None:
        hold = Hold(way.hold)
        is_inner = isinstance(block.host, terms.Scope | terms.Call)

        def leave(after: Variables) -> None:
            self._cancel(hold)
            way.leave(after)

        def catch(boundary: terms.Boundary) -> None:
            outside = _doubtful(variables, terms.written(block.host)) if is_inner else variables
            if not boundary.interrupting:
                self._enter(boundary.path, outside, way.aside())
                return
            self._cancel(hold)
            self._enter(boundary.path, outside, way if boundary.returns else way.astray())

        for boundary in block.boundaries:
            self._wait(
                boundary.event,
                variables,
                hold,
                partial(catch, boundary),
                stays=not boundary.interrupting,
            )
        self._enter(block.host, variables, replace(way, hold=hold, leave=leave))

    def _call_on(self, vote: Vote) -> None:
        """Ask the next voter, or all of them at once; without any the task is over before it began."""
        if vote.is_over:
            self._cancel(vote.hold)
            vote.leave(assign(vote.variables, {vote.task.answers: sorted(vote.answers)}))
            return
        limit = len(vote.answers) + 1 if vote.task.sequential else vote.task.number
        while vote.began < limit:
            self.standing.append(self._voter(vote))
            vote.began += 1

    def _voter(self, vote: Vote) -> Spot:
        def go(values: Mapping[str, Any]) -> None:
            vote.answers.append(values[vote.task.answer])
            self._call_on(vote)

        task = vote.task
        item = _read(vote.variables, task.items)[vote.began] if task.listed else None
        asks = (terms.Asked(task.answer, (0, 1)),)
        visible = {name: written for name, written in vote.variables.items() if name != task.answers}
        return Spot(task.id, visible, vote.hold, go, is_task=True, asks=asks, item=item)


def never_leaves(block: Block) -> bool:
    """Whether every token that enters a block ends in it."""
    match block:
        case terms.End():
            return True
        case terms.Sequence():
            return any(never_leaves(part) for part in block.parts)
        case terms.Choice() | terms.Fork() | terms.Some() | terms.Race():
            return all(never_leaves(branch) for branch in block.branches)
        case terms.Repeat():
            return never_leaves(block.body)
        case _:
            return False


def _read(variables: Variables, name: str) -> Any:
    value = variables[name].value
    if value in (NO_VALUE, UNKNOWN):
        raise Undetermined(name)
    return value


def _chosen(choice: terms.Choice, variables: Variables) -> Block:
    number = _read(variables, choice.variable)
    return choice.branches[number if number < len(choice.branches) else 0]


def _listed(some: terms.Some, variables: Variables) -> list[Block]:
    numbers = _read(variables, some.variable)
    return [branch for n, branch in enumerate(some.branches) if n and n in numbers] or [some.branches[0]]


def _doubtful(variables: Variables, names: Iterable[str]) -> Variables:
    return {**variables, **{name: Written(UNKNOWN, _last(variables, name)) for name in names}}
