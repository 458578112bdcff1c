"""Random processes: after every step the engine is where an independent reading of BPMN says it must be."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from tests.engine import agreement, drawing, driving
from tests.engine.driving import Time
from tests.engine.random_process import CONSTRUCTS, Maker

SHORT = 150
LONG = 4_000


def test_random_processes_go_where_the_oracle_says(monkeypatch: pytest.MonkeyPatch) -> None:
    _walk(range(SHORT), Time(monkeypatch))


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_very_many_random_processes_go_where_the_oracle_says(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _walk(range(SHORT + part, SHORT + LONG, 4), Time(monkeypatch))


def _walk(seeds: Iterable[int], time: Time) -> None:
    for seed in seeds:
        process = Maker(random.Random(seed), CONSTRUCTS - driving.LACKING).process()
        if agreement.deviation(process, seed, time):
            least, other, found = agreement.smallest(process, seed, time)
            pytest.fail(f"seed {seed}: {found}\n\nseen with walk {other} of\n{least}\n\n{drawing.draw(least)}")
