"""Ratio 8: a tick among a million waiting timers, and firing timers beside completing user tasks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from statistics import median

from bench import ours
from bench.databases import Backend, Database, Workshop
from bench.measure import Goal, Ratio, Watch, in_ms, interleaved, per_second, quotient
from bench.ours import Bureau
from bench.script import Decision
from engine import jobs, scheduler

TICKS = 50
A_SECOND = 1.0
"""How long the timer of `bench_timer` waits."""


def measured(place: Workshop, watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    for backend in Backend:
        yield _tick(place, watch, backend)
        yield _firing(place, watch, backend)


def _tick(place: Workshop, watch: Watch, backend: Backend) -> Ratio:
    database = place.stored(backend, place.scale.stored)
    place.settle()
    taken = interleaved({"tick": partial(_idle_ticks, database)}, place.scale.rounds, watch)
    measure = f"{backend}：{place.scale.stored:,} 个定时在等、无一到期时看一次，毫秒"
    return Ratio(8, measure, median(taken["tick"]) * 1000, Goal("≤", 2), in_ms(taken["tick"]))


def _idle_ticks(database: Database) -> float:
    with ours.opened(database.url):
        for _ in range(TICKS):
            scheduler.tick()
        began = time.perf_counter()
        done = sum(scheduler.tick() for _ in range(TICKS))
        assert done == 0, "nothing was due"
        return (time.perf_counter() - began) / TICKS


def _firing(place: Workshop, watch: Watch, backend: Backend) -> Ratio:
    """In every round some timers fall due and lead to a user task each; then these are completed and lead to another."""
    per_round = place.scale.fired // place.scale.rounds
    with ours.opened(place.fresh(backend).url) as bureau:
        story = _Story(bureau, per_round)
        taken = interleaved({"fire": story.fire, "complete": story.complete}, place.scale.rounds, watch)
    fire, complete = taken["fire"], taken["complete"]
    note = f"{per_second(fire)} / {per_second(complete)}"
    measure = f"{backend}：触发 {per_round * len(fire):,} 个到期定时与办结同样多待办的速度之比"
    return Ratio(8, measure, quotient(complete, fire), Goal("≥", 0.7), note)


class _Story:
    """Timers that fall due, and the user tasks they lead to. One batch is fired ahead, whichever side comes first."""

    def __init__(self, bureau: Bureau, per_round: int) -> None:
        self._bureau = bureau
        self._per_round = per_round
        self._fired: deque[list[str]] = deque()
        self.fire()

    def fire(self) -> float:
        """Seconds per timer."""
        ids = self._bureau.start("bench_timer", self._per_round)
        time.sleep(A_SECOND)
        began, done = time.perf_counter(), 0
        while now := jobs.run_due():
            done += now
        seconds = time.perf_counter() - began
        assert done == self._per_round, f"{done} of {self._per_round} timers fired"
        self._fired.append(ids)
        return seconds / done

    def complete(self) -> float:
        """Seconds per completion of the user tasks that timers led to."""
        return self._bureau.follow(self._fired.popleft(), [Decision("a", "approve")])
