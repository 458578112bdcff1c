"""The office, on a fresh copy for each test, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from engine import clock, db
from tests.conftest import administer, fresh_copy, sqlalchemy_address
from tests.failures import office as offices
from tests.failures.office import Office


@pytest.fixture(scope="session")
def built_office(workshop: Path) -> Path:
    file = workshop / "office.sqlite3"
    offices.build(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def built_office_in_postgresql(postgresql: str) -> str:
    name = f"office_{uuid4().hex[:8]}"
    administer(postgresql, f"CREATE DATABASE {name}")
    offices.build(sqlalchemy_address(postgresql, name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def office_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a fresh copy of the office that nobody has opened."""
    with fresh_copy(request, "built_office", tmp_path) as address:
        yield address


@pytest.fixture
def office(office_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """The office, entered by the test's own process."""
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    entered = Office(office_database, tmp_path / "effects")
    offices.enter(entered.url, entered.effects)
    yield entered
    db.close_database()
    clock.shift(timedelta(0))
