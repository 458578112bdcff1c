"""Drawing by lot so that anybody can repeat it: from what was kept, with nothing but SHA-256.

Candidates are ordered by the hexadecimal SHA-256 of `seed:candidate`; the first ones are drawn. So nobody is drawn twice,
and neither the order of the roster nor the machine matters.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

ALGORITHM = "sha256-order-1"


def draw(candidates: Iterable[str], count: int, seed: str) -> list[str]:
    """So many of the candidates, without replacement; fewer only where there are no more."""
    return sorted(set(candidates), key=lambda each: _place(f"{seed}:{each}"))[:count]


def draw_inspectors(
    objects: Iterable[str], inspectors: Collection[str], recused: Collection[tuple[str, str]], count: int, seed: str
) -> dict[str, list[str]]:
    """For each object so many inspectors; pairs that must recuse (inspector, object) are left out before the draw."""
    return {
        each: draw((who for who in inspectors if (who, each) not in recused), count, f"{seed}:{each}")
        for each in objects
    }  # fmt: skip


def share(size: int, percent: float) -> int:
    """How many of a roster a ratio asks for: rounded up, for less than the ratio would not do."""
    return min(size, max(1, math.ceil(round(size * percent / 100, 9))))


def digest(roster: Mapping[str, str]) -> str:
    """What the roster was when it was drawn from: SHA-256 of its lines `key<TAB>name`, sorted."""
    return _place("\n".join(sorted(f"{key}\t{name}" for key, name in roster.items())))


def _place(text: str) -> str:
    return sha256(text.encode()).hexdigest()
