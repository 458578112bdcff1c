#!/usr/bin/env python3
"""Drives betsy, a public conformance suite for BPMN engines, through `/engine-rest` and compares what was passed.

FOLDER is a checkout of the suite; nothing of it is kept here. Exit code 0 if the goals are met, 1 if not, 2 if there is
no suite in FOLDER. This file is only the door: `betsy.py` reads the suite, `laboratory.py` is the engine under test,
`trials.py` runs and judges.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import run

if TYPE_CHECKING:
    from bench.trials import Forbidden, Outcome

WORDS = {
    "total": "合计", "passed": "通过", "refused": "拒绝部署", "failed": "运行时报错", "stuck": "停滞", "wrong": "错而不报",
}  # fmt: skip


def main(words: Sequence[str]) -> int:
    arguments = parse(words)
    folder = Path(arguments.folder)
    if not (folder / "pebl-builder").is_dir():
        print(f"“{folder}”里没有 betsy 测试套件（缺 pebl-builder 目录）。", file=sys.stderr)
        return 2
    if Path(sys.prefix) != run.VENV:
        run.prepare("requirements.lock")
        os.execve(run.PYTHON, [str(run.PYTHON), __file__, *words], run.environment())
    # What these need is installed only there.
    from bench import betsy, laboratory, trials

    logging.disable(logging.CRITICAL)
    only = arguments.only or ""
    with laboratory.opened() as room:
        chosen = [test for test in betsy.tests(folder) if only in test.name]
        outcomes = [outcome for test in chosen for outcome in trials.run(room, test)]
        files = [file for file in betsy.forbidden_files(folder) if only in file.name]
        forbidden = [trials.try_forbidden(room, file) for file in files]
    summary = trials.summarise(outcomes, forbidden, 0 if only else trials.GOAL)
    print(as_json(summary, outcomes, forbidden) if arguments.json else as_text(summary, outcomes, forbidden))
    return 0 if summary["met"] else 1


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="用公开的 BPMN 引擎符合性测试套件 betsy 检验 /engine-rest")
    parser.add_argument("folder", metavar="FOLDER", help="betsy 的检出目录")
    parser.add_argument("--json", action="store_true", help="输出 JSON")
    parser.add_argument("--only", metavar="NAME", help="只运行名称含此文字的测试和文件，不论通过多少")
    return parser.parse_args(words)


def as_json(summary: Mapping[str, Any], outcomes: Sequence[Outcome], forbidden: Sequence[Forbidden]) -> str:
    details = {"outcomes": [asdict(each) for each in outcomes], "forbidden_files": [asdict(each) for each in forbidden]}
    return json.dumps({**summary, **details}, ensure_ascii=False, indent=1)


def as_text(summary: Mapping[str, Any], outcomes: Sequence[Outcome], forbidden: Sequence[Forbidden]) -> str:
    """Bad news last, where a reader of a terminal sees it: refusals, failures, then what stands still or went wrong."""
    lines = []
    for verdict in ("refused", "failed", "stuck", "wrong"):
        lines += [line for each in outcomes if each.verdict == verdict for line in _told(each)]
    accepted = [each for each in forbidden if not each.refused]
    lines += [f"接受了应拒绝的文件：{each.file}　{each.excuse or '危险'}" for each in accepted]
    lines += ["", _row("", *WORDS.values())]
    lines += [_row(group, *counts.values()) for group, counts in summary["groups"].items()]
    lines += [_row("测试", *summary["tests"].values()), _row("用例", *summary["cases"].values())]
    files = summary["forbidden"]
    lines += [
        "",
        f"应拒绝的文件 {files['total']} 个：已拒绝 {files['refused']}（其中 {files['refused_as_a_whole']} 个未指明元素），"
        f"接受而无害 {files['accepted_harmless']}，接受而危险 {files['accepted_dangerous']}",
        f"目标（通过不少于 {summary['goal']}，无错而不报，无停滞，危险文件全部拒绝）："
        + ("达到" if summary["met"] else "未达到"),
    ]
    return "\n".join(lines)


def _told(outcome: Outcome) -> Iterator[str]:
    """Name, what was expected and seen, and what the engine said; what is refused is refused for all cases alike."""
    refused = outcome.verdict == "refused"
    if refused and outcome.case > 1:
        return
    yield f"{WORDS[outcome.verdict]}：{outcome.group}/{outcome.test}" + ("" if refused else f"，用例 {outcome.case}")
    if not refused:
        yield f"  应为 {' '.join(outcome.expected) or '（空）'}"
        yield f"  实为 {' '.join(outcome.actual) or '（空）'}"
    if outcome.standing:
        yield f"  停在 {'、'.join(outcome.standing)}"
    yield from (f"  {each}" for each in outcome.said)


def _row(name: str, *cells: object) -> str:
    """Columns that line up although a Chinese sign is two wide."""
    return f"{name:<12}" + "".join(" " * (12 - _width(str(cell))) + str(cell) for cell in cells)


def _width(text: str) -> int:
    return sum(2 if ord(sign) > 0x2E80 else 1 for sign in text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
