"""Plain database drivers, durable exactly as the engine's own connections are. Nothing of the engine is imported here."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import psycopg

BUSY_SECONDS = 10
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass(frozen=True)
class Plain:
    """A connection, and the two things in which the drivers differ: the mark of a parameter and how writing begins."""

    connection: Any
    is_sqlite: bool

    @property
    def mark(self) -> str:
        return "?" if self.is_sqlite else "%s"

    def begin(self) -> None:
        """SQLite takes the write lock here, as the engine does; psycopg sends BEGIN with the first statement."""
        if self.is_sqlite:
            self.connection.execute("BEGIN IMMEDIATE")

    def sql(self, statement: str) -> str:
        """A statement written with `?`, in this driver's marks."""
        return statement.replace("?", self.mark)

    def durability(self) -> dict[str, str]:
        """What decides whether a commit survives a power cut."""
        names = (
            ("journal_mode", "synchronous") if self.is_sqlite else ("fsync", "synchronous_commit", "full_page_writes")
        )
        ask = "PRAGMA" if self.is_sqlite else "SHOW"
        found = {name: str(self.connection.execute(f"{ask} {name}").fetchone()[0]) for name in names}
        self.connection.commit()
        return found

    def close(self) -> None:
        self.connection.close()


def connect(url: str) -> Plain:
    """A new connection to what a SQLAlchemy URL means."""
    if url.startswith("sqlite"):
        opened = sqlite3.connect(
            url.removeprefix("sqlite:///"), isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False
        )
        for pragma in PRAGMAS:
            opened.execute(f"PRAGMA {pragma}")
        return Plain(opened, True)
    return Plain(psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://")), False)
