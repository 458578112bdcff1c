"""Ratios 6 and 7: a person's inbox and the figure beside it, with a thousand and with a million open tasks stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from bench import ours
from bench.databases import Backend, Database, Workshop
from bench.measure import Goal, Ratio, Watch, in_ms, interleaved, quotient
from bench.ours import READER
from engine import db, user_tasks
from engine.identity import Actor

FEW = 1_000
LOOKS = 20
"""Looks per round; their mean is the round's figure."""
WARM = 8
"""Looks that are not counted: caches of both databases, and the statements that psycopg prepares by and by."""
LONGEST = 5.0
"""Seconds for one batch of looks, so that a slow query does not hold up the run."""


def measured(place: Workshop, watch: Watch, wanted: set[int]) -> Iterator[Ratio]:
    for backend in Backend:
        many, few = place.stored(backend, place.scale.stored), place.stored(backend, FEW)
        place.settle()
        if 6 in wanted:
            yield _first_page(place, watch, backend, many, few)
        if 7 in wanted:
            yield _count(place, watch, backend, many)


def _first_page(place: Workshop, watch: Watch, backend: Backend, many: Database, few: Database) -> Ratio:
    samples = {database.url: partial(_look, database, _page) for database in (many, few)}
    taken = interleaved(samples, place.scale.rounds, watch)
    note = f"{in_ms(taken[many.url])} / {in_ms(taken[few.url])}"
    measure = f"{backend}：我的待办首页（本人、三个组、代理）在 {place.scale.stored:,} 件与 1,000 件时的时间之比"
    return Ratio(6, measure, quotient(taken[many.url], taken[few.url]), Goal("≤", 1.5), note)


def _count(place: Workshop, watch: Watch, backend: Backend, many: Database) -> Ratio:
    taken = interleaved({"count": partial(_look, many, _figure)}, place.scale.rounds, watch)
    measure = f"{backend}：{place.scale.stored:,} 件时页面上的待办数，毫秒"
    return Ratio(7, measure, median(taken["count"]) * 1000, Goal("≤", 5), in_ms(taken["count"]))


def _look(database: Database, at: Callable[[Actor], None]) -> float:
    with ours.opened(database.url) as bureau:
        reader = bureau.actors[READER]
        _repeat(partial(at, reader), WARM)
        return _repeat(partial(at, reader), LOOKS)


def _repeat(look: Callable[[], None], times: int) -> float:
    """Seconds per look."""
    began, done = time.perf_counter(), 0
    while done < times and time.perf_counter() - began < LONGEST:
        look()
        done += 1
    return (time.perf_counter() - began) / done


def _page(reader: Actor) -> None:
    with db.reading() as session:
        found = user_tasks.page_of(session, user_tasks.inbox(reader))
    assert len(found) >= user_tasks.PAGE


def _figure(reader: Actor) -> None:
    with db.reading() as session:
        assert user_tasks.waiting(session, reader) == user_tasks.MOST_COUNTED
