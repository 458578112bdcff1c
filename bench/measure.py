"""Interleaved rounds, medians, and a ratio beside its goal."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

Sample = Callable[[], float]
"""Does a batch of operations of one side and says how many seconds one of them took."""

FEWEST_ROUNDS = 3


class OutOfTime(Exception):
    """The run has used up its time; what is left stays unmeasured."""


@dataclass(frozen=True)
class Goal:
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.sign} {self.limit:g}"

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.sign == "≥" else value <= self.limit


@dataclass(frozen=True)
class Ratio:
    """One figure of the table in `README.md`; `note` says what it was made of."""

    no: int
    measure: str
    value: float
    goal: Goal
    note: str = ""

    @property
    def met(self) -> bool:
        return self.goal.is_met(self.value)


@dataclass(frozen=True)
class Scale:
    """How much is done. `--quick` is a look, the full run a measurement."""

    rounds: int
    instances: int
    """Instances that one side completes tasks in, per round."""
    deep: int
    """The same for ratios 1 to 3, at every level: the first completion of a sample is the dearest, so all have equally many."""
    stored: int
    """Rows for "1 M waiting tasks" and "1 M waiting timers"; a tenth of it is the number of stored instances."""
    fired: int
    """How many timers fall due, for ratio 8."""
    seconds: float
    """Nothing new begins after this."""


FULL = Scale(rounds=9, instances=8, deep=5, stored=1_000_000, fired=10_000, seconds=1_500)
QUICK = Scale(rounds=3, instances=4, deep=2, stored=50_000, fired=300, seconds=165)


class Watch:
    """Ends a run that takes too long."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def check(self) -> None:
        if self.is_over():
            raise OutOfTime

    def is_over(self) -> bool:
        return time.monotonic() > self._until


def interleaved(samples: Mapping[Key, Sample], rounds: int, watch: Watch) -> dict[Key, list[float]]:
    """Every sample once per round, in turning order, after one round that only warms up; seconds by sample and round."""
    taken: dict[Key, list[float]] = {key: [] for key in samples}
    for number in range(-1, rounds):
        if number >= FEWEST_ROUNDS and watch.is_over():
            break
        for key in sorted(samples, key=list(samples).index, reverse=number % 2 == 1):
            gc.collect()
            seconds = samples[key]()
            if number >= 0:
                taken[key].append(seconds)
    return taken


def quotient(these: list[float], those: list[float]) -> float:
    """Median of the rounds' own quotients: neighbours in time share the machine's mood."""
    return median(this / that for this, that in zip(these, those, strict=True))


def per_second(seconds: list[float]) -> str:
    return f"{1 / median(seconds):,.0f}/s"


def in_ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.3g} ms"
