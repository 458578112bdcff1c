"""Walks one random process through the engine and the oracle side by side, and says where they part."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import groupby, permutations
from typing import Any, Protocol

from tests.engine import drawing, process_terms
from tests.engine.driving import Run, Time, Waiting
from tests.engine.oracle import NO_VALUE, UNKNOWN, Oracle, Spot, Undetermined
from tests.engine.process_terms import Block
from tests.engine.random_process import first_variables

STEPS = 70
EAGER_AFTER = 30
"""From this step on loops are left and nothing is triggered that need not be, so that the walk comes to an end."""


class Instance(Protocol):
    """What a walk needs of an engine."""

    @property
    def completed(self) -> bool: ...
    def waiting(self) -> list[Waiting]: ...
    def variables(self) -> Mapping[str, Any]: ...
    def do(self, token: str, values: Mapping[str, Any]) -> None: ...
    def deliver(self, message: str) -> bool: ...
    def look_at_the_clock(self) -> None: ...


Engine = Callable[[str, Mapping[str, Any]], Instance]


class Deviation(AssertionError):
    """The engine is not where it must be."""


class Walk:
    """One run: at each step a random one of the things that can happen happens to both."""

    def __init__(self, process: Block, seed: int, time: Time, engine: Engine, variables: dict[str, Any]) -> None:
        self._chance = random.Random(seed)
        self._time = time
        self._tokens: dict[Spot, str] = {}
        self.steps: list[str] = []
        self.oracle = Oracle(process, variables, time.now)
        self.run = engine(drawing.draw(process), variables)

    def go(self) -> None:
        self._compare()
        for step in range(STEPS):
            if self.oracle.completed or not self._act(eager=step > EAGER_AFTER):
                return
            self._compare()

    def _act(self, eager: bool) -> bool:
        """Do something; False if there is nothing left whose outcome is certain."""
        tasks = [spot for spot in self.oracle.standing if spot.is_task]
        messages = sorted({spot.message for spot in self.oracle.standing if spot.message})
        timers = self.oracle.next_due()
        kinds = ["task"] * (4 if tasks else 0)
        if not (eager and tasks):
            kinds += ["message"] * bool(messages) + ["time"] * (len(timers) == 1)
        if not kinds:
            return False
        match self._chance.choice(kinds):
            case "task":
                self._do(self._chance.choice(tasks), eager)
            case "message":
                self._deliver(self._chance.choice(messages))
            case _:
                self._let_pass(timers[0])
        return True

    def _do(self, spot: Spot, eager: bool) -> None:
        values = {asked.name: asked.options[0] if eager else self._chance.choice(asked.options) for asked in spot.asks}
        self._move_clock_a_little()
        self.steps.append(f"{spot.node}{f' of {spot.item}' if spot.item else ''} {values or ''}")
        token = self._tokens.pop(spot)
        self.oracle.answer(spot, values)
        self.run.do(token, values)

    def _deliver(self, message: str) -> None:
        self.steps.append(f"message {message}")
        self.oracle.deliver(message)
        if not self.run.deliver(message):
            raise Deviation("the message was not taken by anything")

    def _let_pass(self, timer: Spot) -> None:
        """To the moment the next timer rings or, if it alone is concerned, so far that it misses some of its cycles."""
        moment, event = timer.timer
        later = moment + self._chance.randint(1, 4) * (event.after or timedelta())
        others = [spot.due for spot in self.oracle.standing if spot.due and spot is not timer]
        if event.repeats == 0 and self._chance.random() < 0.5 and all(later < due for due in others):
            moment = later
        self._time.now = moment
        self.steps.append(f"it is {moment:%d %H:%M:%S}: {timer.node}")
        self.oracle.let_pass(moment)
        self.run.look_at_the_clock()

    def _move_clock_a_little(self) -> None:
        moment = self._time.now + timedelta(minutes=self._chance.randint(1, 90), seconds=self._chance.randint(0, 59))
        if all(spot.due is None or spot.due > moment for spot in self.oracle.standing):
            self._time.now = self.oracle.now = moment

    def _compare(self) -> None:
        waiting = self.run.waiting()
        _same("stands at", Counter(map(_mark, self.oracle.standing)), Counter(map(_mark, waiting)))
        _same("is completed", self.oracle.completed, self.run.completed)
        self._recognise([each for each in waiting if each.is_task])
        if self.oracle.outcome is not None:
            ended = {name: each.value for name, each in self.oracle.outcome.items() if each.value != UNKNOWN}
            _same_variables("ends with", ended, self.run.variables())

    def _recognise(self, waiting: list[Waiting]) -> None:
        """Find the token of every open task: those known keep theirs, new ones are told apart by what they carry."""
        tokens = {each.token: each for each in waiting}
        for spot, token in self._tokens.items():
            if spot in self.oracle.standing and token not in tokens:
                raise Deviation(f"{spot.node} is still open, but its token is a new one")
        self._tokens = {spot: token for spot, token in self._tokens.items() if spot in self.oracle.standing}
        for spot, token in self._tokens.items():
            _carries(spot, tokens.pop(token))
        new = [spot for spot in self.oracle.standing if spot.is_task and spot not in self._tokens]
        for node, alike in groupby(sorted(new, key=lambda spot: spot.node), key=lambda spot: spot.node):
            spots = list(alike)
            found = [each for each in tokens.values() if each.node == node]
            self._tokens |= {spot: each.token for spot, each in _matched(spots, found)}


def _matched(spots: list[Spot], found: list[Waiting]) -> Iterable[tuple[Spot, Waiting]]:
    failure: Deviation | None = None
    for order in permutations(found):
        pairs = list(zip(spots, order, strict=True))
        try:
            for spot, each in pairs:
                _carries(spot, each)
        except Deviation as deviation:
            failure = failure or deviation
        else:
            return pairs
    raise failure or Deviation("there is nothing to match")


def _carries(spot: Spot, waiting: Waiting) -> None:
    _same_variables(f"{spot.node} carries", spot.visible(), waiting.variables)
    item = next((value for name, value in waiting.variables.items() if name == f"item_{spot.node}"), None)
    if spot.item is not None:
        _same(f"the item of {spot.node}", spot.item, item)


def _same_variables(what: str, expected: dict[str, Any], got: Any) -> None:
    seen = {name: _plain(name, got.get(name, NO_VALUE)) for name in expected}
    differing = [name for name in expected if seen[name] != expected[name]]
    _same(what, {name: expected[name] for name in differing}, {name: seen[name] for name in differing})


def _plain(name: str, value: Any) -> Any:
    """The order of answers is not compared: whether it is the voters' or the votes' is not BPMN's to say."""
    return sorted(value) if name.startswith("answers_") and isinstance(value, list) else value


def _mark(each: Spot | Waiting) -> tuple[Any, ...]:
    return each.node, each.is_task, each.message, each.due


def _same(what: str, expected: Any, got: Any) -> None:
    if isinstance(expected, Counter) and expected != got:
        raise Deviation(
            f"{what}: missing {list((expected - got).elements())}, too many {list((got - expected).elements())}"
        )
    if expected != got:
        raise Deviation(f"{what}: expected {expected}, got {got}")


def deviation(
    process: Block, seed: int, time: Time, engine: Engine = Run, variables: dict[str, Any] | None = None
) -> str | None:
    """What goes wrong in this run, with the steps that led there; None if nothing does."""
    begin_with = first_variables(process) if variables is None else variables
    start = time.now
    walk = None
    try:
        walk = Walk(process, seed, time, engine, begin_with)
        walk.go()
    except Undetermined:
        raise
    except Exception as error:
        kind = "" if isinstance(error, Deviation) else f"{type(error).__name__}: "
        steps = "".join(f"\n    {step}" for step in walk.steps) if walk else " none"
        return f"{kind}{error}\n  after the steps{steps}"
    finally:
        time.now = start
    return None


def smallest(process: Block, seed: int, time: Time, tries: int = 12) -> tuple[Block, int, str]:
    """A process as small as can be found, and a seed, where something goes wrong like here."""
    found = deviation(process, seed, time)
    assert found is not None
    for less in _candidates(process):
        for other in range(seed, seed + tries):
            with suppress(Undetermined):
                if deviation(less, other, time):
                    return smallest(less, other, time, tries)
    return process, seed, found


def _candidates(process: Block) -> list[Block]:
    """Smaller processes with something left to do, the smallest first."""
    tasks = process_terms.User | process_terms.Several
    less = [
        each for each in process_terms.smaller(process) if any(isinstance(p, tasks) for p in process_terms.inside(each))
    ]
    return sorted(less, key=lambda each: len(repr(each)))
