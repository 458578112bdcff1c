"""A draw as a file (导出), and its repetition from that file. Standard library only: neither a database nor a setup is needed."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from engine.draws import algorithm

PARTS = {
    "hashes": "名录的哈希", "commitment": "承诺", "seed": "种子", "result": "抽取结果", "final": "更换后的检查人员",
    "contributed": "有无贡献的标记", "digest": "文件摘要",
}  # fmt: skip
"""What is not told but follows from the rest of the file, with its word."""
MARKS = {True: "有监督员贡献", False: "无监督员贡献（到期未贡献）"}


def canonical(told: Mapping[str, Any]) -> bytes:
    """The one way in which an export is written."""
    return (json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def complete(told: Mapping[str, Any]) -> dict[str, Any]:
    """The file with everything that follows reckoned anew: from roster, secret, contribution and replacements alone."""
    if told["algorithm"] != algorithm.ALGORITHM:
        raise ValueError(f"算法是 {told['algorithm']}，本程序只能复算 {algorithm.ALGORITHM}")
    roster, secret, contribution = told["roster"], told["secret"], told["contribution"] or ""
    hashes = algorithm.hashes(roster)
    seed = algorithm.seed(hashes["frozen"], secret, contribution)
    result = algorithm.run(roster, seed)
    whole = {
        **told, "hashes": hashes, "commitment": algorithm.commitment(hashes["frozen"], secret), "seed": seed,
        "contributed": bool(contribution), "result": result,
        "final": replaced(result["inspectors"], told["replacements"], roster["recused"]),
    }  # fmt: skip
    whole.pop("digest", None)
    return {**whole, "digest": algorithm.digest(canonical(whole).decode())}


def replaced(drawn: Mapping[str, list[str]], rows: Any, recused: Any = ()) -> dict[str, list[str]]:
    """Who goes after the replacements. ValueError for one without a reason, or of somebody who must recuse."""
    final = {key: list(people) for key, people in drawn.items()}
    for row in rows:
        people, incoming = final[row["object"]], row["incoming"]
        if not row["reason"] or incoming in people or [incoming, row["object"]] in list(map(list, recused)):
            raise ValueError(f"更换 {row['object']} 的检查人员不合规则：须有原因，换上的人没有抽中、不须回避")
        people[people.index(row["outgoing"])] = incoming
    return final


def look_through(content: bytes) -> list[tuple[str, bool]]:
    """What a repetition of the draw says about a file: each thing in words, and whether it is right."""
    try:
        told = json.loads(content)
        written, expected = canonical(told), complete(told)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        return [(f"无法复算，文件不是完整的抽取导出：{error!r}", False)]
    found = []
    for name, word in PARTS.items():
        one, other = _short(told.get(name)), _short(expected[name])
        right = told.get(name) == expected[name]
        found.append((f"{word}与重新计算的{'一致' if right else f'不符：文件为 {one}，应为 {other}'}", right))
    if written != content:
        found.append((f"文件不是规范写法，{difference(content, written)}", False))
    elif not all(right for _, right in found):
        found.append((difference(content, canonical(expected)), False))
    return found


def difference(given: bytes, expected: bytes) -> str:
    """Where two files first differ, in words; "" if they do not."""
    pairs = enumerate(zip_longest(given, expected))
    at = next((place for place, (one, other) in pairs if one != other), None)
    if at is None:
        return ""
    line, around = given[:at].count(b"\n") + 1, slice(max(0, at - 20), at + 20)
    one, other = (text[around].decode(errors="replace").strip() for text in (given, expected))
    return f"第 {at + 1} 个字节（第 {line} 行）起不同：文件为“{one}”，应为“{other}”"


def verify_draw(arguments: Namespace) -> int:
    """Repeat a draw from its export (`run.py verify-draw FILE`)."""
    try:
        content = Path(arguments.file).read_bytes()
    except OSError as error:
        print(f"打不开文件：{error}")
        return 1
    found = look_through(content)
    for words, right in found:
        print(f"{'  符' if right else '不符'}  {words}")
    if not all(right for _, right in found):
        print("复算不通过。")
        return 1
    told = json.loads(content)
    print(f"复算通过，{MARKS[told['contributed']]}。文件自身一致还不等于没有整份替换，请与抽取前公布的核对：")
    print(f"  名录总哈希 {told['hashes']['frozen']}\n  承诺       {told['commitment']}\n  文件摘要   {told['digest']}")
    return 0


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 90 else f"{text[:90]}……"
