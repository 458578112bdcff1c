"""Ratio 10: what an instance that waits takes in the database, and whether it leaves anything in the process."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

from bench import ours
from bench.databases import Backend, Workshop
from bench.measure import Goal, Ratio, Watch
from bench.ours import Bureau
from bench.script import REVIEW

WARM, INSTANCES = 150, 300
NOTHING = 256
"""Bytes per instance below which the process is said to hold none: the interpreter's free lists breathe by a few dozen,
an instance that is kept takes thousands."""


def measured(place: Workshop, _watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    with ours.opened(place.fresh(Backend.SQLITE).url) as bureau:
        largest = _largest_state(bureau)
        yield Ratio(10, "等待办理的流程的状态（六个停留点中最大的），字节", largest, Goal("≤", 6 * 1024))
        held = _held(bureau)
        measure = "每个流程在进程中留下的内存，字节（不计垃圾回收前的）"
        yield Ratio(10, measure, held, Goal("≤", NOTHING), f"办结 {INSTANCES} 个流程的第一件之后")


def _largest_state(bureau: Bureau) -> int:
    """Over every stand-still of the six-task process."""
    ids = bureau.start("bench_review", 1)
    sizes = [bureau.state_bytes(ids)]
    for decision in REVIEW[:-1]:
        bureau.follow(ids, [decision])
        sizes.append(bureau.state_bytes(ids))
    return max(sizes)


def _held(bureau: Bureau) -> float:
    """Bytes that are still allocated per instance after each has taken a step and waits again."""
    _one_step_each(bureau, WARM)
    tracemalloc.start()
    try:
        _one_step_each(bureau, WARM)
        before = _allocated()
        _one_step_each(bureau, INSTANCES)
        return max(0.0, (_allocated() - before) / INSTANCES)
    finally:
        tracemalloc.stop()


def _one_step_each(bureau: Bureau, count: int) -> None:
    bureau.follow(bureau.start("bench_review", count), REVIEW[:1])


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
