"""Statements that a step executes each time: written in SQLAlchemy, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
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
        compiled = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect)
        if len(rows) == 1:
            connection.exec_driver_sql(compiled.sql, compiled.bind(rows[0]))
        elif rows:
            connection.exec_driver_sql(compiled.sql, [compiled.bind(row) for row in rows])

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._statement.compile(dialect=dialect, column_keys=list(self._columns) or None)
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

    def bind(self, row: Mapping[str, Any]) -> Any:
        given = [(name, fit, row.get(name, constant)) for name, fit, constant in self.binds]
        if self.positional:
            return tuple([value if fit is None else fit(value) for _, fit, value in given])
        return {name: value if fit is None else fit(value) for name, fit, value in given}
