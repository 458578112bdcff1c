"""The `bench` command: measure what is asked for, print every ratio with its goal, or all of them as JSON."""

from __future__ import annotations

import json
import os
import platform
import signal
import sqlite3
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench import bare, clients, completions, inbox, jobs, memory, roundtrips, web
from bench.databases import CannotRun, Workshop, workshop
from bench.measure import FULL, QUICK, OutOfTime, Ratio, Watch

Group = Callable[[Workshop, Watch, set[int]], Iterator[Ratio]]

GROUPS: tuple[tuple[set[int], Group], ...] = (
    ({1, 2, 3}, completions.against_stock),
    ({4}, bare.measured),
    ({5}, web.measured),
    ({9}, clients.measured),
    ({10}, memory.measured),
    ({12}, roundtrips.measured),
    ({6, 7}, inbox.measured),
    ({11}, completions.with_much_data),
    ({8}, jobs.measured),
)
"""Which ratios a function measures. Those that need many stored rows come late, filling a database upsets the disk; the
one that takes longest comes last."""

ALL = set().union(*(numbers for numbers, _ in GROUPS))


def bench(arguments: Namespace) -> int:
    """0 if it ran, whatever came out; 2 if it could not run."""
    # A terminated run too must stop its PostgreSQL and remove its folder.
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        wanted = _wanted(arguments.only)
        scale = QUICK if arguments.quick else FULL
        with workshop(scale) as place:
            _say(arguments, f"{_machine()}，{place.version()}")
            ratios = list(_measured(place, Watch(scale.seconds), wanted, arguments))
    except (CannotRun, psycopg.OperationalError) as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
    ratios.sort(key=lambda ratio: ratio.no)
    if arguments.json:
        print(json.dumps({"ratios": [_plain(ratio) for ratio in ratios]}, ensure_ascii=False, indent=1))
    missing = wanted - {ratio.no for ratio in ratios}
    if missing:
        _say(arguments, f"时间用尽，未测：{'、'.join(map(str, sorted(missing)))}")
    met = sum(ratio.met for ratio in ratios)
    _say(arguments, f"{len(ratios)} 项比率，{met} 项达到目标")
    return 0


def _measured(place: Workshop, watch: Watch, wanted: set[int], arguments: Namespace) -> Iterator[Ratio]:
    """Every ratio as soon as it is known; when the time is up, the rest is left out."""
    for numbers, group in GROUPS:
        try:
            if numbers & wanted:
                watch.check()
                for ratio in group(place, watch, wanted):
                    if ratio.no in wanted:
                        _say(arguments, _line(ratio))
                        yield ratio
        except OutOfTime:
            continue


def _wanted(only: str | None) -> set[int]:
    if not only:
        return ALL
    named = {int(each) for each in only.split(",") if each.strip().isdecimal()}
    if not named or named - ALL:
        raise CannotRun("--only 后面写比率的编号（1 到 12），用逗号分开。")
    return named


def _line(ratio: Ratio) -> str:
    verdict = "达到" if ratio.met else "未达"
    return f"{ratio.no:>2}  {verdict}  {ratio.value:>9,.3g}  目标 {ratio.goal!s:<8} {ratio.measure}（{ratio.note}）"


def _plain(ratio: Ratio) -> dict[str, Any]:
    return {
        "no": ratio.no,
        "measure": ratio.measure,
        "value": round(ratio.value, 4),
        "goal": str(ratio.goal),
        "met": ratio.met,
        "note": ratio.note,
    }


def _machine() -> str:
    now = datetime.now(UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC，{platform.system()} {platform.machine()}，{os.cpu_count()} 核，"
        f"Python {platform.python_version()}，SQLite {sqlite3.sqlite_version}"
    )


def _say(arguments: Namespace, text: str) -> None:
    """What is for people; with `--json` the output is for tools alone."""
    print(text, file=sys.stderr if arguments.json else sys.stdout, flush=True)
