"""Ratio 4: our completion beside writing the very same rows through the plain driver in one transaction.

What a completion writes is not listed by hand: whole runs are done once, all tables compared before and after every
completion, and the differences written again into a copy of the database as it was. In the end both must be equal.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.string import TextLoader
from sqlalchemy import Table

from bench import databases, drivers, ours
from bench.databases import Backend, Database, Workshop
from bench.drivers import Plain
from bench.measure import Goal, Ratio, Watch, in_ms, interleaved, quotient
from bench.script import REVIEW
from engine.models import Base

GOALS = {Backend.SQLITE: 0.4, Backend.POSTGRESQL: 0.5}

TABLES: list[Table] = Base.metadata.sorted_tables

Row = tuple[Any, ...]
Picture = dict[str, dict[Row, Row]]
"""Table → primary key → row, as the driver gives it."""


@dataclass(frozen=True)
class Write:
    """One statement and the rows it is run with."""

    sql: str
    rows: list[Row]


Transaction = list[Write]


def measured(place: Workshop, watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    for backend in Backend:
        yield _measure(place, watch, backend)


def _measure(place: Workshop, watch: Watch, backend: Backend) -> Ratio:
    begun, batches = _with_instances(place, backend)
    once, again = place.copy(begun), place.copy(begun)
    recorded, last = record(once.url, batches)
    plain = opened(again.url)
    with ours.opened(begun.url) as bureau:
        databases.require_same_durability(plain.durability(), ours.durability())
        place.settle()
        us, them = iter(batches), iter(recorded)
        samples = {
            "ours": lambda: bureau.follow(next(us), REVIEW),
            "bare": lambda: replay(plain, next(them)),
        }
        taken = interleaved(samples, place.scale.rounds, watch)
    for batch in them:
        replay(plain, batch)
    assert picture(plain) == last, "the plain driver wrote other rows than a completion does"
    plain.close()
    count = sum(len(write.rows) for batch in recorded for each in batch for write in each)
    per = count / sum(len(batch) for batch in recorded)
    note = f"{in_ms(taken['ours'])}，直接写 {in_ms(taken['bare'])}；每件 {per:.1f} 行"
    measure = f"{backend}：办结一件的速度，与用驱动在一个事务中直接写同样的行之比"
    return Ratio(4, measure, quotient(taken["bare"], taken["ours"]), Goal("≥", GOALS[backend]), note)


def _with_instances(place: Workshop, backend: Backend) -> tuple[Database, list[list[str]]]:
    """A database with running instances, in one batch per round and one to warm up."""
    made = place.fresh(backend)
    with ours.opened(made.url) as bureau:
        batches = [bureau.start("bench_review", place.scale.instances) for _ in range(place.scale.rounds + 1)]
    return made, batches


def record(url: str, batches: Sequence[Sequence[str]]) -> tuple[list[list[Transaction]], Picture]:
    """Do all of it once; what every completion changed, and how everything looked in the end."""
    plain = opened(url)
    recorded: list[list[Transaction]] = []
    with ours.opened(url) as bureau:
        before = picture(plain)
        for batch in batches:
            recorded.append([])
            for decision in REVIEW:
                for step in bureau.steps(batch, decision):
                    ours.complete(step)
                    after = picture(plain)
                    recorded[-1].append(_changes(plain, before, after))
                    before = after
    plain.close()
    return recorded, before


def replay(plain: Plain, transactions: Sequence[Transaction]) -> float:
    """Seconds per transaction."""
    cursor = plain.connection.cursor()
    began = time.perf_counter()
    for transaction in transactions:
        plain.begin()
        for write in transaction:
            if len(write.rows) == 1:
                cursor.execute(write.sql, write.rows[0])
            else:
                cursor.executemany(write.sql, write.rows)
        plain.connection.commit()
    return (time.perf_counter() - began) / len(transactions)


def opened(url: str) -> Plain:
    """JSON stays text on its way through, so that what is read can be written as it is."""
    plain = drivers.connect(url)
    if isinstance(plain.connection, psycopg.Connection):
        for kind in ("json", "jsonb"):
            plain.connection.adapters.register_loader(kind, TextLoader)
    return plain


def picture(plain: Plain) -> Picture:
    picture = {table.name: _rows(plain, table) for table in TABLES}
    plain.connection.commit()
    return picture


def _rows(plain: Plain, table: Table) -> dict[Row, Row]:
    names = [column.name for column in table.columns]
    places = [names.index(column.name) for column in table.primary_key]
    found = plain.connection.execute(f"SELECT {_listed(names)} FROM {table.name}")
    return {tuple(row[place] for place in places): tuple(row) for row in found}


def _changes(plain: Plain, before: Picture, after: Picture) -> Transaction:
    """Parents are inserted before their children and deleted after them."""
    writes = [_inserts(plain, table, before[table.name], after[table.name]) for table in TABLES]
    for table in TABLES:
        writes += _updates(plain, table, before[table.name], after[table.name])
    writes += [_deletes(plain, table, before[table.name], after[table.name]) for table in reversed(TABLES)]
    return [write for write in writes if write.rows]


def _inserts(plain: Plain, table: Table, before: dict[Row, Row], after: dict[Row, Row]) -> Write:
    names = [column.name for column in table.columns]
    sql = f"INSERT INTO {table.name} ({_listed(names)}) VALUES ({', '.join('?' * len(names))})"
    return Write(plain.sql(sql), [row for key, row in after.items() if key not in before])


def _updates(plain: Plain, table: Table, before: dict[Row, Row], after: dict[Row, Row]) -> list[Write]:
    names = [column.name for column in table.columns]
    found: dict[str, Write] = {}
    for key, row in after.items():
        changed = [place for place, value in enumerate(row) if key in before and before[key][place] != value]
        if changed:
            setting = ", ".join(f'"{names[place]}" = ?' for place in changed)
            sql = plain.sql(f"UPDATE {table.name} SET {setting} WHERE {_is_row(table)}")
            found.setdefault(sql, Write(sql, [])).rows.append((*(row[place] for place in changed), *key))
    return list(found.values())


def _deletes(plain: Plain, table: Table, before: dict[Row, Row], after: dict[Row, Row]) -> Write:
    sql = f"DELETE FROM {table.name} WHERE {_is_row(table)}"
    return Write(plain.sql(sql), [key for key in before if key not in after])


def _is_row(table: Table) -> str:
    return " AND ".join(f'"{column.name}" = ?' for column in table.primary_key)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
