"""Ratios 1, 2, 3 and 11: what one completion costs beside the stock engine, after a long history, with much data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench import databases, ours
from bench.databases import Backend, Database, Workshop
from bench.measure import Goal, Ratio, Sample, Watch, in_ms, interleaved, quotient
from bench.ours import Bureau
from bench.remote import Remote
from bench.script import OPENING, ROUND, Decision
from bench.stock import Stock

LEVELS = (10, 100, 600, 1_000)
"""Completed user tasks of an instance. The stock engine loses it at 666."""

SHALLOW = 100
"""Up to here every round gets instances of its own; above, the same ones go on, two tasks per round."""

FASTER = {
    Backend.SQLITE: (1, {10: 1.4, 100: 4.5, 600: 22.0}),
    Backend.POSTGRESQL: (2, {10: 1.2, 100: 3.0, 600: 15.0}),
}
"""Number of the ratio, and by completed tasks how many times as fast as the stock engine we want to be."""

SMALL, LARGE = 1_000, 50_000
"""Bytes of form data."""

FEW_STORED = 1_000


def against_stock(place: Workshop, watch: Watch, wanted: set[int]) -> Iterator[Ratio]:
    """Ratios 1 to 3. All sides and levels of one database take turns in the same rounds."""
    for backend in Backend:
        if wanted & {FASTER[backend][0], 3}:
            yield from _against_stock(place, watch, backend)


def _against_stock(place: Workshop, watch: Watch, backend: Backend) -> Iterator[Ratio]:
    no, goals = FASTER[backend]
    database = place.fresh(backend)
    with ours.opened(database.url) as bureau, Remote(Stock, database.url) as stock:
        databases.require_same_durability(stock.call("durability"), ours.durability())
        pools = {level: _Pool(bureau, level, place, watch) for level in LEVELS}
        place.settle()
        samples: dict[tuple[str, int], Sample] = {("ours", level): pool.sample for level, pool in pools.items()}
        for level in goals:
            samples["stock", level] = partial(stock.call, "returns", level, pools[level].per_round)
        taken = interleaved(samples, place.scale.rounds, watch)
        for level, goal in goals.items():
            us, them = taken["ours", level], taken["stock", level]
            measure = f"{backend}，已办 {level} 件：办结一件的速度，是原版 SpiffWorkflow 的几倍"
            yield Ratio(no, measure, quotient(them, us), Goal("≥", goal), f"{in_ms(us)}，原版 {in_ms(them)}")
        long, short = taken["ours", LEVELS[-1]], taken["ours", LEVELS[0]]
        note = f"{in_ms(long)} / {in_ms(short)}"
        yield Ratio(3, f"{backend}，已办 1,000 件与 10 件之比：时间", quotient(long, short), Goal("≤", 1.1), note)
        heavy, light = pools[LEVELS[-1]].state_bytes(), pools[LEVELS[0]].state_bytes()
        note = f"{heavy:,} / {light:,} 字节；原版 10 件 {stock.call('bytes_at', 10):,}，600 件 {stock.call('bytes_at', 600):,}"
        yield Ratio(3, f"{backend}，已办 1,000 件与 10 件之比：状态字节", heavy / light, Goal("≤", 1.2), note)


class _Pool:
    """Instances of the looping process that have a certain number of completed tasks."""

    def __init__(self, bureau: Bureau, level: int, place: Workshop, watch: Watch) -> None:
        scale = place.scale
        self._bureau = bureau
        self.per_round = scale.deep
        groups = scale.rounds + 1 if level <= SHALLOW else 1
        self._ids = bureau.start("bench_loop", self.per_round * groups)
        self._turn = 0
        bureau.follow(self._ids, OPENING)
        for _ in range((level - len(OPENING)) // len(ROUND)):
            watch.check()
            bureau.follow(self._ids, ROUND)

    def sample(self) -> float:
        first = self._turn * self.per_round % len(self._ids)
        self._turn += 1
        return self._bureau.follow(self._ids[first : first + self.per_round], ROUND)

    def state_bytes(self) -> int:
        return self._bureau.state_bytes(self._ids)


def with_much_data(place: Workshop, watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    """Ratio 11."""
    for backend in Backend:
        yield _large_form(place, watch, backend)
        yield _many_stored(place, watch, backend)


def _large_form(place: Workshop, watch: Watch, backend: Backend) -> Ratio:
    with ours.opened(place.fresh(backend).url) as bureau:
        count = place.scale.instances * 4
        samples = {size: partial(_write_paper, bureau, size, count) for size in (LARGE, SMALL)}
        taken = interleaved(samples, place.scale.rounds, watch)
    large, small = taken[LARGE], taken[SMALL]
    note = f"{in_ms(large)} / {in_ms(small)}"
    return Ratio(11, f"{backend}：表单 50 KB 与 1 KB 的办结时间之比", quotient(large, small), Goal("≤", 1.3), note)


def _write_paper(bureau: Bureau, size: int, count: int) -> float:
    ids = bureau.start("bench_paper", count)
    steps = bureau.steps(ids, Decision("a", ""), {"text": "x" * (size - len('{"text":""}'))})
    return ours.run(steps) / count


def _many_stored(place: Workshop, watch: Watch, backend: Backend) -> Ratio:
    many, few = place.stored(backend, place.scale.stored), place.stored(backend, FEW_STORED)
    samples: dict[str, Sample] = {
        "many": partial(_review_in, many, place.scale.instances),
        "few": partial(_review_in, few, place.scale.instances),
    }
    place.settle()
    taken = interleaved(samples, place.scale.rounds, watch)
    note = f"{in_ms(taken['many'])} / {in_ms(taken['few'])}"
    measure = f"{backend}：库中有 {place.scale.stored // 10:,} 个流程与 1,000 个的办结时间之比"
    return Ratio(11, measure, quotient(taken["many"], taken["few"]), Goal("≤", 1.2), note)


def _review_in(database: Database, count: int) -> float:
    """Opening the database anew costs its connection; the first run warms it up and is not counted."""
    with ours.opened(database.url) as bureau:
        bureau.review(2)
        return bureau.review(count)
