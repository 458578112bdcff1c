"""What the database says becomes a refusal in plain words, wherever in a step it is said; a mistake of ours stays one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from engine import db
from engine.errors import Conflict
from engine.models import Setting, table
from tests.failures.office import PASSWORD
from web.app import create_app

SETTING = table(Setting)


def add(session: Session, key: str) -> None:
    session.connection().execute(insert(SETTING), {"key": key, "value": "x"})


@pytest.mark.usefixtures("office")
def test_whoever_takes_a_key_too_late_is_told_to_try_again() -> None:
    with pytest.raises(Conflict) as lost, db.transaction() as session:
        add(session, "kind")
    assert lost.value.code == "concurrent"


@pytest.mark.usefixtures("office")
def test_a_mistake_of_ours_is_no_refusal() -> None:
    with pytest.raises(DBAPIError, match=r"(?i)null"), db.transaction() as session:
        session.connection().execute(insert(SETTING), {"key": "x", "value": None})


@pytest.mark.parametrize("office_database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("statements_after", [1, 2])
@pytest.mark.usefixtures("office")
def test_a_connection_that_is_cut_in_the_middle_is_an_outage(statements_after: int) -> None:
    def step() -> None:
        with db.transaction() as session:
            own = session.connection().connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            add(session, "before")
            with db.transaction() as other:
                other.execute(text("SELECT pg_terminate_backend(:own, 5000)"), {"own": own})
            for number in range(statements_after):
                add(session, f"after {number}")

    with pytest.raises(db.Unavailable) as gone:
        step()
    assert gone.value.advice == "暂时连接不上数据库，没有保存；请稍后再试。"
    with db.transaction() as session:
        add(session, "before")


def test_a_database_that_cannot_be_opened_says_why_to_whoever_starts_it(tmp_path: Path) -> None:
    from engine import application

    (tmp_path / "broken.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(db.Unavailable) as broken:
        application.open_application(str(tmp_path / "broken.sqlite3"))
    db.close_database()
    assert broken.value.advice.startswith("数据库文件已损坏或不是数据库")
    assert broken.value.advice.endswith("（file is not a database）")


@pytest.mark.parametrize("office_database", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("office")
def test_pages_and_clients_are_told_that_the_database_is_away() -> None:
    """Each page asks the database who is there and what waits; the one that says it is gone must not."""
    browser = create_app().test_client()
    assert browser.get("/login").status_code == 200
    with browser.session_transaction() as session:
        session["token"] = "of somebody who had logged in"
    db.open_database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    for path in ("/login", "/tasks", "/instances/x", "/plan", "/readyz"):
        answer = browser.get(path)
        assert (answer.status_code, "暂时连接不上数据库" in answer.text) == (503, True), path
        assert "127.0.0.1" not in answer.text
    told = browser.get("/engine-rest/task", auth=("officer1", PASSWORD))
    assert (told.status_code, told.get_json()["message"]) == (503, "暂时连接不上数据库，没有保存；请稍后再试。")
    for path in ("/healthz", "/static/bihuan.css"):
        assert browser.get(path).status_code == 200
