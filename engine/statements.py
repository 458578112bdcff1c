"""Statements that a step executes each time: written in SQLAlchemy, compiled once, and sent to PostgreSQL as one.

They go to the driver beneath SQLAlchemy, in its transaction: to compile and announce them anew, and to make rows of what
they find, would cost more than the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
        words: Dialect = psycopg2.dialect(paramstyle="format") if dialect.name == "postgresql" else dialect  # type: ignore[no-untyped-call]
        compiled = self._statement.compile(dialect=words, column_keys=list(self._columns) or None)
        names = compiled.positiontup or ()
        fits = [compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
        found = self._statement.selected_columns if isinstance(self._statement, Select) else ()
        makes = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in found]
        made = _Compiled(compiled.string, names, compiled.params, _those_there(fits), _those_there(makes))
        self._compiled[dialect.name] = made
        return made


class Lookup(_Ready):
    """A SELECT."""

    def rows(self, connection: Connection, **values: Any) -> list[list[Any]]:
        """What it finds, as the types of its columns have it."""
        compiled = self.compiled(connection.dialect)
        return compiled.made(beneath(connection, [(compiled.sql, compiled.values(values))]))


class Prepared(_Ready):
    """An INSERT, UPDATE or DELETE."""

    def execute(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute the statement for each row; nothing for none."""
        compiled = self.compiled(connection.dialect)
        beneath(connection, [(compiled.sql, compiled.values(row)) for row in rows])


@dataclass(frozen=True)
class _Compiled:
    sql: str
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

    def made(self, cursor: Any) -> list[list[Any]]:
        return [_changed(list(row), self.makes) for row in cursor.fetchall()]


_Change = Callable[[Any], Any]


def _those_there(changes: Iterable[_Change | None]) -> list[tuple[int, _Change]]:
    return [(place, change) for place, change in enumerate(changes) if change is not None]


def _changed(values: list[Any], changes: Sequence[tuple[int, _Change]]) -> list[Any]:
    for place, change in changes:
        values[place] = change(values[place])
    return values


def beneath(connection: Connection, statements: Iterable[tuple[str, Sequence[Any]]]) -> Any:
    """Execute on the driver's own connection; the cursor of the last one. What goes wrong is SQLAlchemy's error as ever."""
    driver: Any = connection.connection.driver_connection
    dialect, cursor = connection.dialect, None
    for sql, values in statements:
        try:
            cursor = driver.execute(sql, values)
        except dialect.loaded_dbapi.Error as error:
            if dialect.is_disconnect(error, driver, None):
                connection.invalidate(error)
            raise DBAPIError.instance(sql, values, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
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
        dialect = self._connection.dialect
        ready: list[_Written] = [(each.sql, each.values(row)) for each, row in self._compiled(dialect)]
        together = dialect.name == "postgresql"
        beneath(self._connection, map(_as_one, _portions(ready)) if together else ready)
        self._parts = []

    def _compiled(self, dialect: Dialect) -> Iterator[tuple[_Compiled, Mapping[str, Any]]]:
        return ((statement.compiled(dialect), row) for statement, row in self._parts)


_Written = tuple[str, Sequence[Any]]
MOST_PARAMETERS = 50
"""Of one statement: psycopg works out a longer one anew each time."""


def _portions(parts: Iterable[_Written]) -> Iterator[list[_Written]]:
    portion: list[_Written] = []
    count = 0
    for part in parts:
        count += len(part[1])
        if portion and count > MOST_PARAMETERS:
            yield portion
            portion, count = [], len(part[1])
        portion.append(part)
    if portion:
        yield portion


def _as_one(parts: Sequence[_Written]) -> _Written:
    together = ", ".join(f"w{number} AS ({sql})" for number, (sql, _) in enumerate(parts))
    return f"WITH {together} SELECT 1", [value for _, values in parts for value in values]
