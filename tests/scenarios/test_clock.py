"""The clock of a demonstration: whoever moves it, from wherever, every process follows; a real installation refuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
import requests
from sqlalchemy import select

from engine import application, clock, db
from engine.errors import NotAllowed
from engine.models import SupervisionRound
from engine.settings import move_clock
from tests.driver import PASSWORD, Bureau
from tests.server import ROOT, Server

pytestmark = pytest.mark.either_database

PATIENCE = 60
RUN = "import sys; import run; sys.exit(run.perform(run.parse(sys.argv[1:])))"


def command(database: str, var: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, "clock", "--database", database, *words],
        cwd=ROOT, env={**os.environ, "BIHUAN_VAR": str(var)}, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip


def log_in(server: Server, login: str) -> requests.Session:
    browser = requests.Session()
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{server.address}/login").text)
    assert token
    sent = {"login": login, "password": PASSWORD, "csrf_token": token[1]}
    assert browser.post(f"{server.address}/login", sent).ok
    return browser


def test_pages_and_workers_follow(bureau: Bureau, tmp_path: Path) -> None:
    """A server that only shows pages, one that works as well, and a command that moves the clock beside them."""
    with Server(bureau.database, tmp_path, worker=False) as pages, Server(bureau.database, tmp_path):
        head = log_in(pages, "jj_head")
        moved = command(bureau.database, tmp_path, "--advance", "P20D")
        assert moved.stdout.startswith("2021-04-01 09:")
        for path, browser in (("/tasks", head), ("/login", requests.Session())):
            page = browser.get(f"{pages.address}{path}")
            assert "今天是 2021年4月1日 周四" in page.text, path
            assert page.url.endswith(path), "nobody was idle meanwhile"
        assert log_in(pages, "jj_officer1").get(f"{pages.address}/tasks").url.endswith("/tasks")
        assert opened() == ["routine:2021-04"]


def opened() -> list[str]:
    """The rounds there are, once there is one."""
    tick = Event()
    for _ in range(PATIENCE * 10):
        with db.reading() as session:
            if found := list(session.scalars(select(SupervisionRound.key))):
                return found
        tick.wait(0.1)
    raise AssertionError("the worker does not follow the clock")


def test_it_goes_forward_only_and_not_for_ever(bureau: Bureau, tmp_path: Path) -> None:
    for duration, told in (
        ("-P1D", "不是 ISO 8601 时长"),
        ("P90Y", "最远可拨到 2099 年"),
        ("P1", "不是 ISO 8601 时长"),
    ):
        refused = command(bureau.database, tmp_path, f"--advance={duration}")
        assert (refused.returncode, told in refused.stderr) == (1, True), duration
    assert command(bureau.database, tmp_path).stdout.startswith("2021-03-12 09:")


def test_a_real_installation_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    address = f"sqlite:///{tmp_path / 'real.sqlite3'}"
    application.open_application(address)
    application.declare_real()
    with pytest.raises(NotAllowed), db.transaction() as session:
        move_clock(session, clock.now())
    db.close_database()
    refused = command(address, tmp_path, "--advance", "P1D")
    assert (refused.returncode, "正式环境的时钟不能调整" in refused.stderr) == (1, True)
