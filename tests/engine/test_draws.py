"""The algorithm of draws and its repetition from a file; no database is needed for either."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.draws import algorithm, replay
from tests.conftest import Tally

ROOT = Path(__file__).resolve().parents[2]
RECUSED = [["p1", "o1"], ["p2", "o1"], ["p3", "o2"]]


def line(key: str, weight: str = "1", within: int | None = None) -> dict[str, Any]:
    return {"key": key, "name": f"名称{key}", "weight": weight, "within": within}


def roster(objects: int = 8, inspectors: int = 6, count: int = 3, least: int = 2) -> dict[str, Any]:
    return {
        "objects": [line(f"o{n}", str(1 + n % 3)) for n in range(objects)],
        "inspectors": [line(f"p{n}", ("8", "4", "1")[n % 3]) for n in range(inspectors)],
        "recused": RECUSED, "ratio": "30", "count": count, "least": least,
    }  # fmt: skip


def exported(**changed: Any) -> dict[str, Any]:
    """What the product writes, of a draw with a replacement."""
    told = {
        "algorithm": algorithm.ALGORITHM, "roster": roster(4, 5, 1), "secret": "5e" * 32, "contribution": "271828",
        "replacements": [], "about": {"title": "本批抽查"}, **changed,
    }  # fmt: skip
    first = replay.complete(told)
    (key,) = first["result"]["objects"]
    people = first["result"]["inspectors"][key]
    incoming = next(
        each for each in ("p0", "p1", "p2", "p3", "p4") if each not in people and [each, key] not in RECUSED
    )
    row = {"object": key, "outgoing": people[0], "incoming": incoming, "reason": "出差", "by": "某", "at": "2021-06-01"}
    return replay.complete({**told, "replacements": [row]})


def chi_square(observed: Mapping[Any, int], expected: Mapping[Any, float]) -> float:
    assert observed.keys() <= expected.keys()
    return sum((observed.get(key, 0) - value) ** 2 / value for key, value in expected.items())


# ---- what is hashed


def test_no_two_lists_of_texts_are_written_alike() -> None:
    assert algorithm.digest("a", "bc") != algorithm.digest("ab", "c") != algorithm.digest("abc")
    assert algorithm.digest("1:a,") != algorithm.digest("a")
    assert algorithm.digest("校", "") == sha256("3:校,0:,".encode()).hexdigest()


@pytest.mark.parametrize(
    "changed",
    [
        {"ratio": "31"}, {"count": 2}, {"least": 3}, {"recused": RECUSED[1:]}, {"recused": [["p1", "o3"], *RECUSED[1:]]},
        {"objects": [line("o0", "2"), *roster()["objects"][1:]]}, {"objects": [line("o0", "1", 4), *roster()["objects"][1:]]},
        {"inspectors": [line("p0", "7"), *roster()["inspectors"][1:]]}, {"inspectors": roster()["inspectors"][1:]},
    ],
)  # fmt: skip
def test_whatever_is_drawn_from_is_in_the_hash(changed: dict[str, Any]) -> None:
    assert algorithm.hashes({**roster(), **changed})["frozen"] != algorithm.hashes(roster())["frozen"]


def test_neither_secret_nor_contribution_nor_roster_alone_makes_the_seed() -> None:
    seeds = {algorithm.seed(*each) for each in (("f", "s", "c"), ("f", "s", ""), ("f", "t", "c"), ("g", "s", "c"))}
    assert len(seeds) == 4
    assert algorithm.commitment("f", "s") not in seeds | {algorithm.commitment("g", "s")}


# ---- what is drawn


def test_the_draw_is_the_same_to_the_byte_on_every_machine() -> None:
    """Known answers: a change of these is a change of the published algorithm, which then needs another name."""
    assert algorithm.hashes(roster())["frozen"] == FROZEN
    assert algorithm.run(roster(), "seed") == RESULT


FROZEN = "39702fc8f139be2b087e9df13c987a5875f9fed19bd1e42af89ee007ba3f0c6d"
RESULT = {
    "objects": ["o2", "o6", "o5"], "forced": [],
    "inspectors": {"o2": ["p0", "p1"], "o6": ["p2", "p4"], "o5": ["p3", "p0"]},
}  # fmt: skip


def test_lots_are_what_the_published_formula_says() -> None:
    """Reckoned once more from the words of the page, with the logarithm of the machine."""
    weights = {f"o{n}": 1 + n % 4 for n in range(9)}
    for seed in map(str, range(100)):
        lots = {}
        for key, weight in weights.items():
            text = "".join(f"{len(part)}:{part}," for part in (seed, "objects", key))
            lots[key] = -math.log((int(sha256(text.encode()).hexdigest()[:32], 16) + 1) / (2**128 + 1)) / weight
        assert algorithm.draw(weights, 9, seed, weights, "objects") == sorted(lots, key=lots.__getitem__)


def test_a_draw_takes_nobody_twice_and_the_order_of_the_roster_does_not_matter() -> None:
    keys = [f"s{n}" for n in range(50)]
    drawn = algorithm.draw(keys, 7, "seed")
    assert drawn == algorithm.draw(reversed(keys), 7, "seed") != algorithm.draw(keys, 7, "other")
    assert len(set(drawn)) == 7
    assert sorted(algorithm.draw(["a", "a", "b"], 5, "x")) == ["a", "b"]
    assert [algorithm.share(size, 5) for size in (1, 20, 21, 40)] == [1, 1, 2, 2]
    turned = roster() | {name: roster()[name][::-1] for name in ("objects", "inspectors", "recused")}
    assert algorithm.hashes(turned) == algorithm.hashes(roster())
    assert algorithm.run(turned, "seed") == algorithm.run(roster(), "seed")


@settings(max_examples=30, deadline=None)
@given(
    terms=st.lists(st.one_of(st.none(), st.integers(1, 6)), min_size=1, max_size=14),
    pairs=st.sets(st.tuples(st.integers(0, 4), st.integers(0, 13))),
    seed=st.text(max_size=5),
)
def test_whatever_the_roster_the_draw_keeps_the_rules(
    terms: list[int | None], pairs: set[tuple[int, int]], seed: str
) -> None:
    objects = [line(f"o{n}", within=term) for n, term in enumerate(terms)]
    recused = [[f"p{who}", f"o{what}"] for who, what in pairs]
    asked = {**roster(0, 5), "objects": objects, "recused": recused, "count": max(1, algorithm.least_count(objects))}
    if algorithm.short(asked):
        return
    drawn = algorithm.run(asked, seed)
    assert len(set(drawn["objects"])) == min(asked["count"], len(objects))
    for key, people in drawn["inspectors"].items():
        assert len(set(people)) == 2
        assert not any([who, key] in recused for who in people)
    left = [each for each in objects if each["key"] not in drawn["objects"] and each["within"] is not None]
    assert all(each["within"] > 1 for each in left)
    assert algorithm.least_count([{**each, "within": each["within"] - 1} for each in left]) <= asked["count"]


def test_too_few_places_or_inspectors_are_refused_before_anything_is_drawn() -> None:
    late = {**roster(count=2), "objects": [line("a", within=1), line("b", within=1), line("c", within=1)]}
    assert algorithm.least_count(late["objects"]) == 3
    with pytest.raises(ValueError, match="places"):
        algorithm.run(late, "seed")
    lonely = {**roster(1, 2), "recused": [["p0", "o0"]]}
    assert algorithm.short(lonely) == ["名称o0"]
    with pytest.raises(ValueError, match="inspectors"):
        algorithm.run(lonely, "seed")


def test_within_one_batch_the_load_evens_out() -> None:
    asked = {**roster(20, 5, 20), "recused": [], "inspectors": [line(f"p{n}") for n in range(5)]}
    had = Counter(who for people in algorithm.run(asked, "seed")["inspectors"].values() for who in people)
    assert max(had.values()) - min(had.values()) <= 4, had


# ---- the counts


@pytest.mark.parametrize("rounds", [400, pytest.param(100_000, marks=pytest.mark.long)])
def test_frequencies_match_the_weights_and_nobody_who_must_recuse_is_drawn(rounds: int, tally: Tally) -> None:
    """Pearson's statistic against the exact probabilities of drawing two in turn; 0.1 % of fair counts lie beyond the bound."""
    weights, recused = {"o0": 1, "o1": 2, "o2": 3, "o3": 1}, {("p0", "o0"), ("p1", "o1"), ("p2", "o1")}
    people = [line("p0", "8"), line("p1", "4"), line("p2", "2"), line("p3", "1")]
    objects = [line(key, str(weight)) for key, weight in weights.items()]
    pairs: Counter[tuple[str, ...]] = Counter()
    firsts: Counter[str] = Counter()
    violations = 0
    for number in range(rounds):
        seed = algorithm.seed("frozen", str(number), "271828")
        drawn, _ = algorithm.draw_objects(objects, 2, seed)
        pairs[tuple(drawn)] += 1
        sent = algorithm.draw_inspectors(drawn[:1], people, recused, 2, seed)
        violations += sum((who, what) in recused for what, goes in sent.items() for who in goes)
        firsts[algorithm.draw_inspectors(["x"], people, recused, 2, seed)["x"][0]] += 1
    whole = sum(weights.values())
    in_turn = {
        (one, other): rounds * weights[one] / whole * weights[other] / (whole - weights[one])
        for one, other in permutations(weights, 2)
    }
    tally("draws", "replayable draws, no recusal violated, frequencies as weighted", rounds)
    assert violations == 0
    assert chi_square(pairs, in_turn) < 31.264  # 11 degrees of freedom
    assert (
        chi_square(firsts, {"p0": rounds * 8 / 15, "p1": rounds * 4 / 15, "p2": rounds * 2 / 15, "p3": rounds / 15})
        < 16.266
    )


def batches(schools: int, count: int, cycle: int) -> Iterator[list[str]]:
    """Batch after batch, each school with what is left of its cycle; weights so uneven that chance alone would skip some."""
    left = {f"s{n}": cycle for n in range(schools)}
    for number in range(10**9):
        objects = [line(key, "1" if int(key[1:]) % 2 else "50", within) for key, within in left.items()]
        drawn, _ = algorithm.draw_objects(objects, count, str(number))
        yield drawn
        left = {key: cycle if key in drawn else within - 1 for key, within in left.items()}


@pytest.mark.parametrize("times", [120, pytest.param(20_000, marks=pytest.mark.long)])
@pytest.mark.parametrize(("schools", "count", "cycle"), [(12, 3, 4), (10, 2, 7)])
def test_every_school_is_reached_within_its_cycle(
    times: int, schools: int, count: int, cycle: int, tally: Tally
) -> None:
    seen = dict.fromkeys((f"s{n}" for n in range(schools)), 0)
    for number, drawn in zip(range(1, times + 1), batches(schools, count, cycle), strict=False):
        assert len(drawn) == count
        seen |= dict.fromkeys(drawn, number)
        assert number - min(seen.values()) < cycle, (number, seen)
    tally("draws", "batches, every school within its cycle", times)


# ---- the file


def verified(path: Path, content: bytes) -> subprocess.CompletedProcess[str]:
    path.write_bytes(content)
    command = [sys.executable, "-S", str(ROOT / "run.py"), "verify-draw", str(path)]
    return subprocess.run(command, env={}, cwd=path.parent, capture_output=True, encoding="utf-8")


def test_another_process_without_anything_repeats_the_draw(tmp_path: Path) -> None:
    told = exported()
    answer = verified(tmp_path / "draw.json", replay.canonical(told))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert told["commitment"] in answer.stdout
    assert "复算通过，有监督员贡献" in answer.stdout
    assert "无监督员贡献" in verified(tmp_path / "draw.json", replay.canonical(exported(contribution=None))).stdout
    spoilt = verified(tmp_path / "draw.json", replay.canonical({**told, "seed": "0" * 64}))
    assert spoilt.returncode == 1
    assert "种子与重新计算的不符" in spoilt.stdout
    assert "个字节" in spoilt.stdout
    assert verified(tmp_path / "draw.json", b"\xff").returncode == 1


def test_one_changed_byte_is_found_out_wherever_it_is() -> None:
    content = replay.canonical(exported())
    assert all(right for _, right in replay.look_through(content))
    for at, byte in enumerate(content):
        spoilt = content[:at] + bytes([byte ^ 1]) + content[at + 1 :]
        found = replay.look_through(spoilt)
        assert not all(right for _, right in found), (at, chr(byte))
        assert replay.difference(spoilt, content).startswith(f"第 {at + 1} 个字节")


@pytest.mark.parametrize("name", ["hashes", "commitment", "seed", "result", "final", "contributed"])
def test_a_forger_who_reckons_the_digest_anew_is_found_out_all_the_same(name: str) -> None:
    told = exported()
    told[name] = {
        "hashes": told["hashes"] | {"inspectors": "0" * 64}, "commitment": "0" * 64, "seed": "0" * 64,
        "result": told["result"] | {"objects": ["o3"]}, "final": told["result"]["inspectors"], "contributed": False,
    }[name]  # fmt: skip
    del told["digest"]
    told["digest"] = algorithm.digest(replay.canonical(told).decode())
    assert any(
        word.startswith(replay.PARTS[name]) for word, right in replay.look_through(replay.canonical(told)) if not right
    )


def test_a_whole_forgery_has_another_commitment() -> None:
    forged = exported(secret="00" * 32)
    assert all(right for _, right in replay.look_through(replay.canonical(forged)))
    assert forged["commitment"] != exported()["commitment"]


@pytest.mark.parametrize("changed", [{"reason": ""}, {"incoming": "p1"}, {"incoming": "p2"}])
def test_a_replacement_against_the_rules_is_no_repetition(changed: dict[str, Any]) -> None:
    recused = [["p1", "o0"]]
    told = {"object": "o0", "outgoing": "p3", "incoming": "p0", "reason": "出差"}
    assert replay.replaced({"o0": ["p2", "p3"]}, [told], recused) == {"o0": ["p2", "p0"]}
    with pytest.raises(ValueError, match="不合规则"):
        replay.replaced({"o0": ["p2", "p3"]}, [{**told, **changed}], recused)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff\xfe", b'"x"', b"[" * 100_000, b"null", b'{"algorithm": "x"}']
)
def test_what_is_no_export_is_said_to_be_none(content: bytes) -> None:
    ((words, right),) = replay.look_through(content)
    assert "无法复算" in words
    assert not right


def test_a_file_written_otherwise_is_not_the_export() -> None:
    loose = json.dumps(exported()).encode()
    (words,) = [word for word, right in replay.look_through(loose) if not right]
    assert "规范写法" in words
