"""Ratio 12: how often a completion waits for PostgreSQL, read from libpq's own trace of the protocol.

Every answer that the client waits for is asked for by a `Query` or a `Sync`; a pipelined batch has one `Sync`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from sqlalchemy import event

from bench import ours
from bench.databases import Backend, Workshop
from bench.measure import Goal, Ratio, Watch
from bench.script import REVIEW
from engine import db

WAITED_FOR = re.compile(rb"F\t\d+\t(?:Query|Sync)\b")
STATEMENT = re.compile(rb"F\t\d+\t(?:Query|Execute)\b")
WARM = 8
"""Instances run before counting: psycopg prepares a statement when it has seen it a few times."""


def measured(place: Workshop, _watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    trace = place.folder / "protocol"
    with ours.opened(place.fresh(Backend.POSTGRESQL).url) as bureau, trace.open("wb") as file:
        _trace(file.fileno())
        bureau.review(WARM)
        ids = bureau.start("bench_review", place.scale.instances)
        told = [_told(trace, step) for decision in REVIEW for step in bureau.steps(ids, decision)]
    trips = [len(WAITED_FOR.findall(each)) for each in told]
    statements = [len(STATEMENT.findall(each)) for each in told]
    note = f"{min(trips)}–{max(trips)} 次，语句 {mean(statements):.1f} 条"
    yield Ratio(12, "每办结一件与 PostgreSQL 往返的次数", mean(trips), Goal("≤", 8), note)


def _trace(file: int) -> None:
    """Let every connection from now on write down what it sends and receives."""
    db.engine().dispose()

    @event.listens_for(db.engine(), "connect")
    def begin(connection: Any, _record: Any) -> None:
        connection.pgconn.trace(file)


def _told(trace: Path, step: ours.Step) -> bytes:
    """The protocol of one completion."""
    from_here = trace.stat().st_size
    ours.complete(step)
    return trace.read_bytes()[from_here:]
