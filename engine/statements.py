"""Statements that a step executes each time: written in SQLAlchemy, compiled once, and sent to PostgreSQL as one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase


class Prepared:
    """A statement that is compiled once for each kind of database, with its columns' types, and then only executed.

    A step executes the same few statements each time; to compile and bind them anew would cost more than they do.
    """

    def __init__(self, statement: UpdateBase, *columns: str) -> None:
        """`columns` are those that the rows of an INSERT will have."""
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement for each row; nothing for none."""
        compiled = self.compiled(connection.dialect)
        if compiled.positional:
            compiled.execute_beneath(connection, rows)
        elif len(rows) == 1:
            connection.exec_driver_sql(compiled.sql, compiled.bind(rows[0]))
        elif rows:
            connection.exec_driver_sql(compiled.sql, [compiled.bind(row) for row in rows])

    def compiled(self, dialect: Dialect) -> _Compiled:
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: Dialect) -> _Compiled:
        # The words of another driver's dialect, because ours casts every parameter: psycopg keeps no text that long.
        words: Dialect = psycopg2.dialect() if dialect.name == "postgresql" else dialect  # type: ignore[no-untyped-call]
        compiled = self._statement.compile(dialect=words, column_keys=list(self._columns) or None)
        names = compiled.positiontup or list(compiled.binds)
        binds = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect), compiled.params.get(name))
            for name in names
        ]
        self._compiled[dialect.name] = made = _Compiled(compiled.string, compiled.positional, binds)
        return made


@dataclass(frozen=True)
class _Compiled:
    sql: str
    positional: bool
    binds: Sequence[tuple[str, Callable[[Any], Any] | None, Any]]
    """Name, what makes a value fit for the driver, and the value of a constant."""

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        given = [(row.get(name, constant), fit) for name, fit, constant in self.binds]
        return [value if fit is None else fit(value) for value, fit in given]

    def bind(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return dict(zip([name for name, *_ in self.binds], self.values(row), strict=True))

    def execute_beneath(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """On SQLite's own connection, in SQLAlchemy's transaction: a statement takes it less time than to be announced."""
        driver: Any = connection.connection.driver_connection
        values = [self.values(row) for row in rows]
        try:
            if len(values) == 1:
                driver.execute(self.sql, values[0])
            elif values:
                driver.executemany(self.sql, values)
        except sqlite3.Error as error:
            raise DBAPIError.instance(self.sql, values, error, sqlite3.Error, dialect=connection.dialect) from error


class Batch:
    """What a step writes. PostgreSQL gets it as one statement (WITH …), so that a step waits for it once.

    None of it may look at what another part of it has written, or write a row twice.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parts: list[tuple[Prepared, Mapping[str, Any]]] = []

    def add(self, statement: Prepared, rows: Iterable[Mapping[str, Any]]) -> None:
        self._parts += [(statement, row) for row in rows]

    def send(self) -> None:
        """Write what was added so far; whoever reads it must ask for that first."""
        if self._connection.dialect.name == "postgresql":
            for parts in self._portions():
                self._send_as_one(parts)
        else:
            for statement, same in groupby(self._parts, key=lambda part: part[0]):
                statement.execute(self._connection, [row for _, row in same])
        self._parts = []

    def _portions(self) -> Iterator[list[_Part]]:
        portion: list[_Part] = []
        for statement, row in self._parts:
            compiled = statement.compiled(self._connection.dialect)
            part = compiled, compiled.values(row)
            if portion and sum(len(values) for _, values in [*portion, part]) > MOST_PARAMETERS:
                yield portion
                portion = []
            portion.append(part)
        if portion:
            yield portion

    def _send_as_one(self, parts: list[_Part]) -> None:
        shape = tuple(compiled.sql for compiled, _ in parts)
        if shape not in _TEXTS:
            _TEXTS[shape] = _as_one([compiled for compiled, _ in parts])
        values = [value for _, values in parts for value in values]
        self._connection.exec_driver_sql(_TEXTS[shape], {f"p{number}": value for number, value in enumerate(values)})


_Part = tuple[_Compiled, list[Any]]
MOST_PARAMETERS = 50
"""Of one statement: psycopg works out a longer one anew each time."""

_TEXTS: dict[tuple[str, ...], str] = {}
_PARAMETER = re.compile(r"%\((\w+)\)s")


def _as_one(statements: Sequence[_Compiled]) -> str:
    """The parts as one text, their parameters numbered through."""
    numbers, parts = count(), []
    for part, statement in enumerate(statements):
        short = {name: f"%(p{next(numbers)})s" for name, *_ in statement.binds}
        parts.append(f"w{part} AS ({_PARAMETER.sub(lambda found, short=short: short[found[1]], statement.sql)})")  # type: ignore[misc]
    return f"WITH {', '.join(parts)} SELECT 1"
