"""The published algorithm of the draw (抽取算法): pure, exact to the byte on every machine, nothing but the standard library.

`PUBLISHED` says in the words of the page what the functions below do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from hashlib import sha256
from typing import Any

ALGORITHM = "bihuan-draw-2"
PUBLISHED = (
    "哈希一律为 SHA-256。参与计算的每一段文字按 UTF-8 编码，写成“字节数:内容,”（netstring）后依次相连，"
    "因此不会有两组不同的文字连成同一串。",
    "一、固定名录。检查对象和检查人员各成一份名录，按编号排序，每行依次为编号、名称、权重、还剩几批（没有的为空）；"
    "回避关系按“人员、对象”排序。三者各取哈希，再与算法名、抽查比例、抽取数量、每个对象的人数一起取哈希，得到“名录总哈希”。",
    "二、承诺。名录固定以后才产生一个随机秘密；先公布“commitment、名录总哈希、秘密”三段的哈希，秘密不公布。",
    "三、贡献。检查机构和承办处室以外的监督员贡献一个数字。到期没有贡献的，贡献为空，结果注明“无监督员贡献”。",
    "四、种子。种子为“seed、名录总哈希、秘密、贡献”四段的哈希。秘密随结果公布，任何人可以核对承诺。",
    "五、签号。对每个候选者，取“种子、用途、编号”三段哈希的前 32 个十六进制字符作为整数 h，u=(h+1)/(2^128+1)，签号=-ln(u)/权重，"
    "按 50 位十进制、四舍六入五成双计算。签号小的先抽中，相同的按编号。因此权重大的更易抽中，且无人被抽中两次。",
    "六、抽对象。设每批抽 k 个。对 j=1、2、3……，还剩不超过 j 批的对象多于 k×(j-1) 个的，多出的部分（已经定下的计入）本批必须抽，"
    "在这些对象中等权抽签（用途 forced）；否则以后各批就来不及了。其余名额按权重抽签（用途 objects）。",
    "七、抽人员。按抽中的次序逐个对象抽签（用途“inspectors:”加对象编号），先排除须回避的人员；每抽中一次，此人在本批以后的权重减半。",
)
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
