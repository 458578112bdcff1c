"""Lists the deviations found in many random processes, each kind once and as small as it gets.

`python -m tests.engine.survey 0 2000` walks the seeds from 0 to 1,999 and prints Markdown; exit 1 if there are any.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import pytest

from tests.engine import agreement, drawing, driving, process_terms
from tests.engine.driving import Time
from tests.engine.process_terms import Block
from tests.engine.random_process import CONSTRUCTS, Maker

EXAMPLES = 3
"""Deviations of one kind that are made smaller; the rest is only counted."""


def main(first: int, last: int) -> int:
    time = Time(pytest.MonkeyPatch())
    counted: dict[str, int] = {}
    told: set[str] = set()
    for seed in range(first, last):
        process = Maker(random.Random(seed), CONSTRUCTS - driving.LACKING).process()
        found = agreement.deviation(process, seed, time)
        if not found:
            continue
        kind = _kind(found)
        counted[kind] = counted.get(kind, 0) + 1
        if counted[kind] <= EXAMPLES:
            print("\n".join(_story(process, seed, time, told)), flush=True)
    print(f"{last - first} runs, {sum(counted.values())} deviations")
    for kind, number in sorted(counted.items(), key=lambda each: -each[1]):
        print(f"* {number} × {kind}")
    return 1 if counted else 0


def _kind(found: str) -> str:
    """The first words of a deviation, without what is peculiar to one run."""
    first = found.splitlines()[0]
    return "".join(sign for sign in first[:70] if not sign.isdigit())


def _story(process: Block, seed: int, time: Time, told: set[str]) -> Iterator[str]:
    """Told only if no other one of the same make and outcome has been."""
    least, walk, found = agreement.smallest(process, seed, time)
    make = sorted({type(part).__name__ for part in process_terms.inside(least)})
    key = f"{make} {_kind(found)}"
    if key not in told:
        told.add(key)
        yield f"## Seed {seed}: {', '.join(make)}\n\n    {found}\n\nWalk {walk} of `{least}`:\n"
        yield f"```xml\n{drawing.draw(least)}\n```\n"


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
