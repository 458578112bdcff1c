"""Ratio 12: how often a completion waits for PostgreSQL, read from libpq's own trace of the protocol.

Every answer that the client waits for is asked for by a `Query` or a `Sync`; the writes of a step are one statement.
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
    with ours.opened(place.fresh(Backend.POSTGRESQL).url) as bureau:
        connections = _connections()
        bureau.review(WARM)
        ids = bureau.start("bench_review", place.scale.instances)
        told = [_told(connections, place.folder / "protocol", bureau.steps(ids, decision)) for decision in REVIEW]
    trips = [len(WAITED_FOR.findall(each)) / len(ids) for each in told]
    statements = [len(STATEMENT.findall(each)) / len(ids) for each in told]
    assert all(trips), "nothing was traced"
    note = f"六件中 {min(trips):.1f}–{max(trips):.1f} 次；语句 {mean(statements):.1f} 条，含 BEGIN 和 COMMIT"
    yield Ratio(12, "每办结一件与 PostgreSQL 往返的次数", mean(trips), Goal("≤", 8), note)


def _connections() -> list[Any]:
    """Every connection that is opened from now on."""
    opened: list[Any] = []
    db.engine().dispose()
    event.listen(db.engine(), "connect", lambda connection, _record: opened.append(connection.pgconn))
    return opened


def _told(connections: list[Any], file: Path, steps: list[ours.Step]) -> bytes:
    """The protocol of these completions. Only the end of a trace lets libpq write out the last of it."""
    with file.open("wb") as trace:
        for each in connections:
            each.trace(trace.fileno())
        ours.run(steps)
        for each in connections:
            each.untrace()
    return file.read_bytes()
