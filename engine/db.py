"""The way to the database: one engine per process, one transaction per step.

The door of a step (a view, a job, a command) opens `transaction()`; leaving the block commits, an exception rolls back.
Everything behind the door only works in it. Pages that merely look open `reading()`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, DateTime, Dialect, Engine, Insert, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.types import TypeDecorator

from engine.errors import Conflict, EngineError, InvalidState
from engine.statements import beneath

BUSY_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_MS = 120_000
"""A process that was suspended while it held an instance's lock must not keep everybody else from it for ever."""
IDLE_SECONDS = 2
LAST_USED = "last used"
MOST_PREPARED = 1_000
"""Statements that a connection keeps ready. What a step writes at once has many shapes; giving one up costs a round trip."""


AWAY = (OperationalError, InterfaceError, NoConnectionFree)
"""The database does not answer."""

LOST_RACE = {"23505", "40001", "40P01"}
"""SQLSTATE of a unique key that somebody else was first to take, a serialisation failure, a deadlock."""


class Unavailable(EngineError):
    """The database cannot be used: gone, damaged, or no room left. Nothing of the step is stored."""


_BOUND: dict[str, Any] = {}
"""Kind of database → what makes a moment fit for its driver."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC. SQLite forgets zones, so a naive one is refused rather than guessed."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive moment {value!r}")
        return value.astimezone(UTC)

    def bind_processor(self, dialect: Dialect) -> Any:
        """The same for all columns, and with a memory: a step writes its moment again and again."""
        return _BOUND.setdefault(dialect.name, lru_cache(maxsize=64)(super().bind_processor(dialect)))  # type: ignore[arg-type]

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


_engine: Engine | None = None


def url_of(database: str | None) -> str:
    """What `--database` or the environment means: a URL as it is, a path as a SQLite file, nothing as the one in var/."""
    database = database or os.environ.get("DATABASE_URL") or str(var() / "bihuan.sqlite3")
    return database if "://" in database else f"sqlite:///{Path(database).absolute()}"


def exists(url: str) -> bool:
    """Whether there may be a database: opening a SQLite file that is not there would make one."""
    address = make_url(url)
    return address.get_backend_name() != "sqlite" or (bool(address.database) and Path(str(address.database)).is_file())


def var() -> Path:
    """The folder that holds what must survive: database, attachments, secret key."""
    return Path(os.environ.get("BIHUAN_VAR") or Path(__file__).parent.parent / "var")


def open_database(url: str) -> Engine:
    """Make this process work on the database behind `url` (SQLite or PostgreSQL with psycopg 3)."""
    global _engine
    close_database()
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        _engine = create_engine(address, **_HANDLING)
        _teach_sqlite(_engine)
    elif address.drivername == "postgresql+psycopg":
        _engine = create_engine(
            address, **_HANDLING, pool_size=20,
            connect_args={"options": f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_MS}"},
        )  # fmt: skip
        _teach_postgresql(_engine)
    else:
        raise Unavailable(
            f"unsupported database {address.drivername}",
            advice="数据库地址须为 SQLite 文件路径，或以 postgresql+psycopg:// 开头。",
        )
    return _engine


def close_database() -> None:
    """Give back every connection. A test or a forked worker begins anew after this."""
    global _engine
    if _engine is not None:
        _engine.dispose()
    _engine = None


def engine() -> Engine:
    """The engine of this process; it is a mistake to ask before `open_database`."""
    assert _engine is not None, "open_database comes first"
    return _engine


@contextmanager
def transaction() -> Iterator[Session]:
    """One step. On SQLite it takes the write lock at once: a read that later wants to write would find it gone."""
    with plain_errors(), engine().begin() as used:
        _begin(used, "BEGIN IMMEDIATE")
        with _session(used) as session:
            yield session
            if session.in_transaction():
                session.commit()


@contextmanager
def rebuilding() -> Iterator[Connection]:
    """A transaction in which tables may be made anew: SQLite then looks at foreign keys once, when everything is in place."""
    with plain_errors(), engine().connect() as used:
        sqlite = used.dialect.name == "sqlite"
        if sqlite:
            beneath(used, [("PRAGMA foreign_keys=OFF", ())])
        try:
            _begin(used, "BEGIN IMMEDIATE")
            yield used
            if sqlite and (broken := used.exec_driver_sql("PRAGMA foreign_key_check").first()):
                raise InvalidState(f"foreign key broken: {tuple(broken)}", advice="数据库升级未通过核对，没有改动。")
            used.commit()
        finally:
            used.rollback()
            if sqlite:
                beneath(used, [("PRAGMA foreign_keys=ON", ())])


@contextmanager
def reading() -> Iterator[Session]:
    """A look that takes no write lock and keeps nobody waiting."""
    with plain_errors(), engine().connect() as used:
        if used.dialect.name == "sqlite":
            _begin(used, "BEGIN")
        else:
            # Each statement sees what is committed by then, with or without a transaction, which would be two more waits.
            used.execution_options(isolation_level="AUTOCOMMIT")
        with _session(used) as session:
            yield session


def connection(session: Session) -> Connection:
    """What a session works on. To ask the session for it would make it begin to keep book of objects."""
    used = session.get_bind()
    assert isinstance(used, Connection)
    return used


def insert_once(target: Table, *unique: str) -> dict[str, Insert]:
    """By dialect: an insert that leaves out a row whose unique key another one has."""
    dialects = {"postgresql": postgresql, "sqlite": sqlite}
    return {name: each.insert(target).on_conflict_do_nothing(index_elements=unique) for name, each in dialects.items()}


@contextmanager
def _session(used: Connection) -> Iterator[Session]:
    """A session within the transaction of a connection: as long as nobody uses objects, it costs next to nothing."""
    session = Session(used, expire_on_commit=False, join_transaction_mode="rollback_only")
    try:
        yield session
    finally:
        if session.in_transaction():
            session.close()


def _begin(used: Connection, on_sqlite: str) -> None:
    """SQLite's own driver begins too late, with the first write. (An event of the engine would slow every statement.)"""
    if used.dialect.name == "sqlite":
        beneath(used, [(on_sqlite, ())])


def to_json(value: Any) -> str:
    """JSON as it is stored: compact, keys sorted, so that equal values are equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


_HANDLING: Any = {"json_serializer": to_json, "json_deserializer": orjson.loads, "hide_parameters": True}
"""What is written must not be read in a log or an incident: the secret of a draw, for one, or what people submit."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what the driver says of the database as a whole, or of a race, into a refusal. What is a mistake stays one."""
    try:
        yield
    except (DBAPIError, StaleDataError, NoConnectionFree) as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal from error


@contextmanager
def explained_errors() -> Iterator[None]:
    """The same for whoever starts the program: the driver's own words name hosts and paths, so nobody else reads them."""
    try:
        with plain_errors():
            yield
    except Unavailable as outage:
        outage.advice += f"（{str(outage).splitlines()[0]}）"
        raise


def _refusal(error: Exception) -> EngineError | None:
    reason = str(error.orig if isinstance(error, DBAPIError) else error)
    if _is_lost_race(error, reason):
        return Conflict(reason, code="concurrent", advice="刚刚有人同时在办同一件事，这次没有保存，请刷新后再试。")
    # A bare DatabaseError is SQLite's word for a damaged file; its other descendants are mistakes of ours.
    if isinstance(error, AWAY) or type(error) is DatabaseError:
        return Unavailable(reason, advice=_advice_on(reason))
    return None


def _is_lost_race(error: Exception, reason: str) -> bool:
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return isinstance(error, StaleDataError) or state in LOST_RACE or "UNIQUE constraint failed" in reason


def _advice_on(reason: str) -> str:
    for sign, advice in {
        "malformed": "数据库文件已损坏，请用备份恢复后再启动。",
        "not a database": "数据库文件已损坏或不是数据库，请检查路径，或用备份恢复。",
        "is full": "磁盘空间不足，没有保存；请清理磁盘后再试。",
        "No space left": "磁盘空间不足，没有保存；请清理磁盘后再试。",
        "disk I/O": "磁盘读写出错，没有保存；请检查磁盘后再试。",
        "unable to open": "无法打开数据库文件，请检查路径和权限。",
        "readonly": "数据库文件不可写，请检查权限。",
        "locked": "数据库正被其他程序占用，请稍后再试。",
    }.items():
        if sign in reason:
            return advice
    return "暂时连接不上数据库，没有保存；请稍后再试。"


def _teach_postgresql(target: Engine) -> None:
    """Ask a connection that nobody used for a while whether it still lives, and let each keep what it has prepared."""

    @event.listens_for(target.pool, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.prepared_max = MOST_PREPARED

    @event.listens_for(target.pool, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info[LAST_USED] = time.monotonic()

    @event.listens_for(target.pool, "checkout")
    def ping(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get(LAST_USED, time.monotonic()) > IDLE_SECONDS:
            try:
                target.dialect.do_ping(connection)
            except Exception as error:
                raise DisconnectionError from error


def _teach_sqlite(target: Engine) -> None:
    """Durable commits, real foreign keys, and no transactions but those that `_begin` opens."""

    @event.listens_for(target.pool, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            connection.execute(f"PRAGMA {pragma}")
