"""Ratio 9: two client processes beside one, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

from bench import ours
from bench.databases import Backend, Workshop
from bench.measure import Goal, Ratio, Watch, interleaved, per_second, quotient
from bench.remote import Remote
from bench.script import REVIEW

CLIENTS = 2


class Client:
    """A process that completes tasks of its own instances; `prepare` is not timed, `work` is."""

    def __init__(self, url: str) -> None:
        self._opened = ours.opened(url)
        self._bureau = self._opened.__enter__()
        self._steps: list[ours.Step] = []
        self._ids: list[str] = []

    def begin(self, count: int) -> None:
        self._ids = self._bureau.start("bench_review", count)

    def prepare(self, turn: int) -> None:
        self._steps = self._bureau.steps(self._ids, REVIEW[turn])

    def work(self) -> float:
        return ours.run(self._steps)


def measured(place: Workshop, watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    url = place.fresh(Backend.POSTGRESQL).url
    count = place.scale.instances * 4
    with Remote(Client, url) as first, Remote(Client, url) as second:
        samples = {1: lambda: _together([first], count), CLIENTS: lambda: _together([first, second], count)}
        taken = interleaved(samples, place.scale.rounds, watch)
    note = f"{per_second(taken[CLIENTS])} / {per_second(taken[1])}"
    measure = "PostgreSQL：两个进程与一个进程每秒办结件数之比"
    yield Ratio(9, measure, quotient(taken[1], taken[CLIENTS]), Goal("≥", 1.6), note)


def _together(clients: list[Remote], count: int) -> float:
    """Seconds per completion with these clients at work; each step begins for all at once and ends with the slowest."""
    seconds = 0.0
    _all(clients, "begin", count)
    for turn in range(len(REVIEW)):
        _all(clients, "prepare", turn)
        seconds += max(_all(clients, "work"))
    return seconds / (len(REVIEW) * count * len(clients))


def _all(clients: list[Remote], name: str, *given: int) -> list[float]:
    for client in clients:
        client.begin(name, *given)
    return [client.end() for client in clients]
