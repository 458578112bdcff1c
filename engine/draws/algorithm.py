"""The published algorithm of the draw (抽取算法): pure, exact to the byte on every machine, nothing but the standard library.

The page of a draw says the same in its own words (`web/templates/draw.html`, 复算方法). Every hash is SHA-256 over netstrings.
1. The roster is frozen: objects, inspectors (key, name, weight, within), recusal pairs and numbers are hashed, all sorted.
2. A secret is promised: commitment = hash("commitment", frozen, secret). 3. Somebody outside contributes a number, or "".
4. seed = hash("seed", frozen, secret, contribution). 5. A lot is -ln(u) / weight, u from hash(seed, purpose, candidate).
6. Objects: first, with equal lots, as many of the most urgent as later batches could not reach in time any more; the rest by weight.
7. Inspectors, object by object: without those who must recuse, by weight, which halves each time within the draw.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from hashlib import sha256
from typing import Any

ALGORITHM = "bihuan-draw-2"
_CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN)
_SPAN = Decimal(2**128 + 1)
Line = Mapping[str, Any]
"""`key`, `name`, `weight` (a decimal number as text) and `within`: in how many batches at the latest, this one included, or None."""
Roster = Mapping[str, Any]
"""`objects` and `inspectors` (lines), `recused` (pairs inspector, object), `ratio` (text), `count`, `least` (whole numbers)."""


def digest(*parts: str) -> str:
    """SHA-256 of the parts as netstrings: no two lists of parts are written alike."""
    written = [part.encode() for part in parts]
    return sha256(b"".join(b"%d:%b," % (len(part), part) for part in written)).hexdigest()


def hashes(roster: Roster) -> dict[str, str]:
    """What is published when the roster is frozen: one hash for each of its parts, and `frozen` for the whole."""
    each = {
        "objects": _of_lines(roster["objects"]),
        "inspectors": _of_lines(roster["inspectors"]),
        "recused": digest(*(word for pair in sorted(map(tuple, roster["recused"])) for word in pair)),
    }
    numbers = str(roster["ratio"]), str(roster["count"]), str(roster["least"])
    return {**each, "frozen": digest(ALGORITHM, each["objects"], each["inspectors"], each["recused"], *numbers)}


def commitment(frozen: str, secret: str) -> str:
    return digest("commitment", frozen, secret)


def seed(frozen: str, secret: str, contribution: str) -> str:
    return digest("seed", frozen, secret, contribution)


def draw(
    candidates: Iterable[str], count: int, seed: str, weights: Mapping[str, Any] | None = None, purpose: str = "draw"
) -> list[str]:
    """So many of the candidates without replacement, heavier ones more often; fewer only where there are no more."""
    lots = [(_lot(digest(seed, purpose, each), weights[each] if weights else 1), each) for each in set(candidates)]
    return [each for _, each in sorted(lots)[:count]]


def draw_objects(roster: Sequence[Line], count: int, seed: str) -> tuple[list[str], list[str]]:
    """Who is drawn, and which of them had to be, for their cycle could not be met any more; those come first."""
    if count < least_count(roster):
        raise ValueError("too few places for those whose cycle ends")
    forced: list[str] = []
    urgent: set[str] = set()
    for within, keys in _by_term(roster):
        urgent.update(keys)
        needed = len(urgent) - count * (within - 1) - len(forced)
        if needed > 0:
            forced += draw(urgent.difference(forced), needed, seed, purpose="forced")
    weights = {line["key"]: line["weight"] for line in roster}
    free = draw(weights.keys() - set(forced), count - len(forced), seed, weights, "objects")
    return [*forced, *free], forced


def draw_inspectors(
    objects: Iterable[str], roster: Iterable[Line], recused: Collection[tuple[str, str]], least: int, seed: str
) -> dict[str, list[str]]:
    """So many for each object, without those who must recuse; whoever is drawn weighs half as much for the next one."""
    weights, drawn = {line["key"]: Decimal(line["weight"]) for line in roster}, {}
    for each in objects:
        drawn[each] = draw(_allowed(weights, each, recused), least, seed, weights, f"inspectors:{each}")
        for who in drawn[each]:
            weights[who] = _CONTEXT.divide(weights[who], Decimal(2))
    return drawn


def run(roster: Roster, seed: str) -> dict[str, Any]:
    """The whole draw. ValueError where too few remain: see `least_count` and `short`, which say so before."""
    objects, forced = draw_objects(roster["objects"], roster["count"], seed)
    pairs = {(who, what) for who, what in roster["recused"]}
    inspectors = draw_inspectors(objects, roster["inspectors"], pairs, roster["least"], seed)
    if any(len(people) < roster["least"] for people in inspectors.values()):
        raise ValueError("too few inspectors")
    return {"objects": objects, "forced": forced, "inspectors": inspectors}


def least_count(roster: Iterable[Line]) -> int:
    """How many must be drawn so that every object can still be reached in time, in this batch and those to come."""
    urgent, most = 0, 0
    for within, keys in _by_term(roster):
        urgent += len(keys)
        most = max(most, math.ceil(urgent / within))
    return most


def short(roster: Roster) -> list[str]:
    """Names of the objects for which too few inspectors remain once those are left out who must recuse."""
    people, pairs = [line["key"] for line in roster["inspectors"]], {(who, what) for who, what in roster["recused"]}
    lines, least = roster["objects"], roster["least"]
    return [line["name"] for line in lines if len(_allowed(people, line["key"], pairs)) < least]


def share(size: int, percent: float) -> int:
    """How many of a roster a ratio asks for: rounded up, for less than the ratio would not do."""
    return min(size, max(1, math.ceil(round(size * percent / 100, 9))))


def _allowed(people: Iterable[str], what: str, recused: Collection[tuple[str, str]]) -> list[str]:
    return [who for who in people if (who, what) not in recused]


def _by_term(roster: Iterable[Line]) -> list[tuple[int, list[str]]]:
    terms: dict[int, list[str]] = {}
    for line in roster:
        if line["within"] is not None:
            terms.setdefault(line["within"], []).append(line["key"])
    return sorted(terms.items())


def _lot(hashed: str, weight: Any) -> Decimal:
    """-ln(u) / weight: what is drawn by the smallest of these is drawn by weight."""
    u = _CONTEXT.divide(Decimal(int(hashed[:32], 16) + 1), _SPAN)
    return _CONTEXT.divide(_CONTEXT.ln(u).copy_negate(), Decimal(weight))


def _of_lines(lines: Iterable[Line]) -> str:
    written = sorted((line["key"], line["name"], line["weight"], str(line["within"] or "")) for line in lines)
    return digest(*(word for line in written for word in line))
