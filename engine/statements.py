"""Statements that a step executes each time: written in SQLAlchemy, compiled once, and sent to PostgreSQL as one.

To compile and bind them anew, or to make rows of what they find, would cost more than the database does.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.dml import UpdateBase

from engine import clock


class _Ready:
    """A statement that is compiled once for each kind of database, with its columns' types."""

    def __init__(self, statement: UpdateBase | Select[Any], *columns: str) -> None:
        """`columns` are those that the rows of an INSERT will have."""
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, _Compiled] = {}

    def compiled(self, dialect: Dialect) -> _Compiled:
        return self._compiled.get(dialect.name) or self._compile(dialect)

    def _compile(self, dialect: Dialect) -> _Compiled:
        # The words of another driver's dialect, because ours casts every parameter: psycopg keeps no text that long.
        words: Dialect = psycopg2.dialect() if dialect.name == "postgresql" else dialect  # type: ignore[no-untyped-call]
        compiled = self._statement.compile(dialect=words, column_keys=list(self._columns) or None)
        names = compiled.positiontup or list(dict.fromkeys(compiled.bind_names.values()))
        fits = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
        found = self._statement.selected_columns if isinstance(self._statement, Select) else ()
        makes = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in found]
        made = _Compiled(
            compiled.string, compiled.positional, names, compiled.params, _those_there(fits), _those_there(makes)
        )  # fmt: skip
        self._compiled[dialect.name] = made
        return made


class Lookup(_Ready):
    """A SELECT."""

    def rows(self, connection: Connection, **values: Any) -> list[list[Any]]:
        """What it finds, as the types of its columns have it."""
        compiled = self.compiled(connection.dialect)
        if compiled.positional:
            found = beneath(connection, [(compiled.sql, compiled.values(values))]).fetchall()
        else:
            found = connection.exec_driver_sql(compiled.sql, compiled.bind(values)).all()
        return [compiled.made(row) for row in found]


class Prepared(_Ready):
    """An INSERT, UPDATE or DELETE."""

    def execute(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute the statement for each row; nothing for none."""
        compiled = self.compiled(connection.dialect)
        if compiled.positional:
            beneath(connection, ((compiled.sql, compiled.values(row)) for row in rows))
        elif len(rows) == 1:
            connection.exec_driver_sql(compiled.sql, compiled.bind(rows[0]))
        elif rows:
            connection.exec_driver_sql(compiled.sql, [compiled.bind(row) for row in rows])


@dataclass(frozen=True)
class _Compiled:
    sql: str
    positional: bool
    names: Sequence[str]
    constants: Mapping[str, Any]
    """The values of those that the statement itself gives, and None for all others."""
    fits: Sequence[tuple[int, _Change]]
    """What makes a value fit for the driver, where something must."""
    makes: Sequence[tuple[int, _Change]]
    """What makes of the driver's value what the type of its column says."""

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        whole = {**self.constants, **row}
        return _changed([whole[name] for name in self.names], self.fits)

    def bind(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return dict(zip(self.names, self.values(row), strict=True))

    def made(self, row: Iterable[Any]) -> list[Any]:
        return _changed(list(row), self.makes)


_Change = Callable[[Any], Any]


def _those_there(changes: Iterable[_Change | None]) -> list[tuple[int, _Change]]:
    return [(place, change) for place, change in enumerate(changes) if change is not None]


def _changed(values: list[Any], changes: Sequence[tuple[int, _Change]]) -> list[Any]:
    for place, change in changes:
        values[place] = change(values[place])
    return values


def beneath(connection: Connection, statements: Iterable[tuple[str, Sequence[Any]]]) -> Any:
    """Execute on SQLite's own connection, in SQLAlchemy's transaction; the cursor of the last one.

    A statement takes SQLite less time than to be announced.
    """
    driver: Any = connection.connection.driver_connection
    cursor = None
    for sql, values in statements:
        try:
            cursor = driver.execute(sql, values)
        except sqlite3.Error as error:
            raise DBAPIError.instance(sql, values, error, sqlite3.Error, dialect=connection.dialect) from error
    return cursor


class Batch:
    """What a step writes. PostgreSQL gets it as one statement (WITH …), so that a step waits for it once.

    None of it may look at what another part of it has written, or write a row twice.
    """

    def __init__(self, connection: Connection) -> None:
        self.at = clock.now()
        """When all of it happens."""
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
            beneath(self._connection, [(compiled.sql, values) for compiled, values in self._ready()])
        self._parts = []

    def _ready(self) -> Iterator[_Part]:
        dialect = self._connection.dialect
        for statement, row in self._parts:
            compiled = statement.compiled(dialect)
            yield compiled, compiled.values(row)

    def _portions(self) -> Iterator[list[_Part]]:
        portion: list[_Part] = []
        for part in self._ready():
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
        short = {name: f"%(p{next(numbers)})s" for name in statement.names}
        parts.append(f"w{part} AS ({_PARAMETER.sub(lambda found, short=short: short[found[1]], statement.sql)})")  # type: ignore[misc]
    return f"WITH {', '.join(parts)} SELECT 1"
