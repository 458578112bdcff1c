"""Many stored instances: one real instance is run through the doors, then its rows are multiplied by SQL.

Nobody could click a million tasks together. The copies have ids, due dates, assignees and groups of their own and their
original's other columns; what they were never meant for is to be completed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import Table, select

from bench import drivers, ours
from bench.ours import ABSENT, GROUPS, LOGINS, READER
from bench.script import REVIEW
from engine import db
from engine.models import NEVER_DUE, Base, Candidate, HistoryEvent, Job, Person, ProcessInstance, Submission, UserTask

PER_INSTANCE = 10
"""Open tasks and waiting timers of a stored instance where there are many; with few, each has one."""

STORED = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLAlchemy keeps a moment in SQLite."""

ASSIGNED = "s.n % 10 < 2"
"""Two tasks of ten have been claimed, by one of fifty people; the others are offered to one of the groups."""


def fill(url: str, tasks: int) -> None:
    """Put `tasks` open user tasks and as many waiting timers into a furnished database, with instances and history."""
    with ours.opened(url) as bureau:
        (pattern,) = bureau.start("bench_review", 1)
        bureau.follow([pattern], REVIEW[:1])
        (timer,) = bureau.start("bench_timer", 1)
        with db.reading() as session:
            found = select(Person.login, Person.id).where(Person.login.in_([READER, ABSENT, LOGINS["a"]]))
            people = {row.login: row.id for row in session.execute(found)}
    plain = drivers.connect(url)
    try:
        _prepare(plain)
        indexes = _without_indexes(plain)
        _multiply(plain, pattern, timer, tasks, people)
        for statement in indexes:
            plain.connection.execute(statement)
        _finish(plain)
    finally:
        plain.close()


def _multiply(plain: drivers.Plain, pattern: str, timer: str, tasks: int, people: dict[str, str]) -> None:
    instances = tasks // PER_INSTANCE if tasks > 10_000 else tasks
    mine = f"t.instance_id = '{pattern}'"
    open_one = f"{mine} AND t.activity_id = 'b'"
    owner, of_instance = "bench_id('instance', s.n)", f"bench_id('instance', s.n % {instances})"
    has_date, date = "s.n % 11 > 0", f"bench_moment({_scattered('s.n', 500_000)})"
    done = "bench_id('done ' || t.activity_id, s.n)"
    group = f"'group_' || ((s.n / 10) % {GROUPS})"
    groups = f"""'["' || {group} || '"]'"""
    _copy(plain, ProcessInstance, f"t.id = '{pattern}'", instances, id=owner)
    _copy(
        plain, UserTask, open_one, tasks, id="bench_id('task', s.n)", instance_id=of_instance,
        assignee_id=f"CASE WHEN {ASSIGNED} THEN {_whose(people)} END", due_at=f"CASE WHEN {has_date} THEN {date} END",
        candidate_groups=groups if plain.is_sqlite else f"({groups})::json",
    )  # fmt: skip
    inbox = _whose({login: f"user:{login}" for login in people})
    _copy(
        plain, Candidate, f"t.user_task_id = (SELECT t.id FROM user_task t WHERE {open_one})", tasks,
        user_task_id="bench_id('task', s.n)", group_key=f"CASE WHEN {ASSIGNED} THEN {inbox} ELSE {group} END",
        due_at=f"CASE WHEN {has_date} THEN {date} ELSE {_never(plain)} END",
    )  # fmt: skip
    _copy(plain, UserTask, f"{mine} AND t.status = 'completed'", instances, id=done, instance_id=owner)
    _copy(plain, Submission, mine, instances, user_task_id=done, instance_id=owner)
    _copy(plain, HistoryEvent, mine, instances, instance_id=owner)
    _copy(
        plain, Job, f"t.instance_id = '{timer}'", tasks, id="bench_id('job', s.n)", instance_id=of_instance,
        dedupe_key="'timer:' || bench_id('token', s.n)", due_at=f"bench_moment({_scattered('s.n', 30_000_000)})",
    )  # fmt: skip
    # The pattern's own timer would be due in a second.
    plain.connection.execute(f"DELETE FROM job WHERE instance_id = '{timer}'")


def _whose(by_login: dict[str, str]) -> str:
    """Of fifty people who have claimed something, one is the reader, one the absent colleague; the others are all the same."""
    return (
        f"CASE (s.n / 10) % 50 WHEN 0 THEN '{by_login[READER]}' WHEN 1 THEN '{by_login[ABSENT]}' "
        f"ELSE '{by_login[LOGINS['a']]}' END"
    )


def _never(plain: drivers.Plain) -> str:
    moment = NEVER_DUE.strftime(STORED) if plain.is_sqlite else NEVER_DUE.isoformat()
    return f"'{moment}'" if plain.is_sqlite else f"timestamptz '{moment}'"


def _scattered(n: str, seconds: int) -> str:
    """A number of seconds between an hour and `seconds`, as good as random."""
    return f"3600 + ({n} * 7919) % {seconds}"


def _copy(plain: drivers.Plain, model: type[Base], pattern: str, times: int, **changed: str) -> None:
    """Insert the row(s) of `pattern` as often as wanted, with these columns changed; `s.n` counts from 0."""
    table: Table = model.__table__  # type: ignore[assignment]
    names = [column.name for column in table.columns]
    values = [changed.get(name, f't."{name}"') for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    plain.connection.execute(
        f"WITH RECURSIVE s(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {times}) "
        f"INSERT INTO {table.name} ({columns}) SELECT {', '.join(values)} FROM s CROSS JOIN {table.name} t "
        f"WHERE {pattern} ORDER BY 1"
    )


def _prepare(plain: drivers.Plain) -> None:
    """Both databases get two functions, `bench_id` and `bench_moment`, and leave out foreign keys while they are filled."""
    began = datetime.now(UTC)
    if plain.is_sqlite:
        plain.connection.create_function("bench_id", 2, _uuid, deterministic=True)
        plain.connection.create_function("bench_moment", 1, lambda seconds: _stored(began, seconds), deterministic=True)
        for pragma in ("foreign_keys=OFF", "cache_size=-1000000"):
            plain.connection.execute(f"PRAGMA {pragma}")
        plain.begin()
        return
    for setting in ("session_replication_role = replica", "work_mem = '256MB'", "maintenance_work_mem = '512MB'"):
        plain.connection.execute(f"SET {setting}")
    plain.connection.execute(
        "CREATE FUNCTION bench_id(kind text, n bigint) RETURNS text IMMUTABLE LANGUAGE sql "
        "AS $$ SELECT md5(kind || n)::uuid::text $$"
    )
    plain.connection.execute(
        "CREATE FUNCTION bench_moment(seconds bigint) RETURNS timestamptz IMMUTABLE LANGUAGE sql "
        f"AS $$ SELECT timestamptz '{began.isoformat()}' + seconds * interval '1 second' $$"
    )


def _without_indexes(plain: drivers.Plain) -> list[str]:
    """Drop the indexes that serve queries only, in this transaction; the statements that make them again."""
    known = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if plain.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE indexname LIKE 'ix^_%' ESCAPE '^'"
    )
    found = plain.connection.execute(known).fetchall()
    for name, _ in found:
        plain.connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]


def _finish(plain: drivers.Plain) -> None:
    """Commit, and on PostgreSQL what autovacuum would have done by itself before long."""
    plain.connection.commit()
    if not plain.is_sqlite:
        plain.connection.autocommit = True
        plain.connection.execute("DROP FUNCTION bench_id, bench_moment")
        plain.connection.execute("VACUUM ANALYZE")
        plain.connection.execute("CHECKPOINT")


def _uuid(kind: str, n: int) -> str:
    drawn = hashlib.md5(f"{kind}{n}".encode(), usedforsecurity=False).hexdigest()
    return f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:20]}-{drawn[20:]}"


def _stored(began: datetime, seconds: int) -> str:
    return (began + timedelta(seconds=seconds)).strftime(STORED)
