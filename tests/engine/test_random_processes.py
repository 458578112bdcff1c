"""Random processes: after every step the engine is where an independent reading of BPMN says it must be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import get_args

import pytest

from tests.conftest import Tally
from tests.engine import agreement, drawing, driving
from tests.engine import process_terms as terms
from tests.engine.driving import Time
from tests.engine.random_process import CONSTRUCTS, Maker
from tests.engine.stock import Stock

SHORT = 150
LONG = 4_000


def test_random_processes_go_where_the_oracle_says(monkeypatch: pytest.MonkeyPatch) -> None:
    _walk(range(SHORT), Time(monkeypatch))


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_very_many_random_processes_go_where_the_oracle_says(
    part: int, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    seeds = range(SHORT + part, SHORT + LONG, 4)
    _walk(seeds, Time(monkeypatch))
    tally("oracle", "random processes, no deviation", len(seeds), seed=f"{SHORT} to {SHORT + LONG - 1}")


def test_the_oracle_notices_what_the_stock_library_does_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two signatures, and back to the beginning: stock goes on with one of them."""
    signatures = terms.Fork("and", (terms.User("a"), terms.User("b")))
    check = terms.User("check", (terms.Asked("again", (0, 1)),))
    countersigned = terms.Repeat("loop", terms.Sequence((signatures, check)), "again")
    time = Time(monkeypatch)
    found = [agreement.deviation(countersigned, seed, time, Stock) for seed in range(20)]
    assert any(each and "too many [('check', True, None, None)]" in each for each in found)
    assert all(each is None for each in (agreement.deviation(signatures, seed, time, Stock) for seed in range(20)))


def test_the_oracle_agrees_with_the_stock_library_where_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its joins mended, no loops, and every variable set only once."""
    right = frozenset({"XOR", "AND", "OR", "sub-process", "call activity", "empty branches"})
    time = Time(monkeypatch)
    for seed in range(60):
        process = Maker(random.Random(seed), right).process()
        assert agreement.deviation(process, seed, time, partial(Stock, joins_mended=True), {}) is None, process


def test_random_processes_are_made_of_everything() -> None:
    counted = Counter(
        type(part).__name__ for seed in range(SHORT) for part in terms.inside(Maker(random.Random(seed)).process())
    )
    rare = {kind.__name__ for kind in get_args(terms.Block) if counted[kind.__name__] < 20}
    assert not rare


def _walk(seeds: Iterable[int], time: Time) -> None:
    for seed in seeds:
        process = Maker(random.Random(seed), CONSTRUCTS - driving.LACKING).process()
        if agreement.deviation(process, seed, time):
            least, other, found = agreement.smallest(process, seed, time)
            pytest.fail(f"seed {seed}: {found}\n\nseen with walk {other} of\n{least}\n\n{drawing.draw(least)}")
