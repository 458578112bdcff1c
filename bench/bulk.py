"""Many stored instances: one real instance is run through the doors, then its rows are multiplied by SQL.

Nobody could click a million tasks together. The copies have ids, due dates, assignees and groups of their own and their
original's other columns; what they were never meant for is to be completed.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from sqlalchemy import Table, select

from bench import drivers, ours
from bench.ours import ABSENT, GROUPS, READER
from bench.script import REVIEW
from engine import db
from engine.models import Base, Candidate, HistoryEvent, Job, Person, ProcessInstance, Submission, UserTask

PER_INSTANCE = 10
"""Open tasks and waiting timers of a stored instance where there are many; with few, each has one."""

ASSIGNED = "s.n % 10 < 2"
"""Two tasks of ten have been claimed, by one of fifty people; the others are offered to one of the groups."""


def fill(url: str, tasks: int) -> None:
    """Put `tasks` open user tasks and as many waiting timers into a furnished database, with instances and history."""
    with ours.opened(url) as bureau:
        (pattern,) = bureau.start("bench_review", 1)
        bureau.follow([pattern], REVIEW[:1])
        (timer,) = bureau.start("bench_timer", 1)
        with db.reading() as session:
            found = select(Person.login, Person.id).where(Person.login.in_([READER, ABSENT]))
            people = dict(session.execute(found).all())
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
    of_instance = f"bench_id('instance', s.n % {instances})"
    assignee = (
        f"CASE WHEN NOT {ASSIGNED} THEN NULL WHEN (s.n / 10) % 50 = 0 THEN '{people[READER]}' "
        f"WHEN (s.n / 10) % 50 = 1 THEN '{people[ABSENT]}' ELSE t.completed_by_id END"
    )
    due = f"CASE WHEN s.n % 11 = 0 THEN NULL ELSE bench_moment({_scattered('s.n', 500_000)}) END"
    group = f"'group_' || ((s.n / 10) % {GROUPS})"
    _copy(plain, ProcessInstance, f"t.id = '{pattern}'", instances, id="bench_id('instance', s.n)")
    _copy(
        plain, UserTask, open_one, tasks, id="bench_id('task', s.n)", instance_id=of_instance,
        assignee_id=assignee.replace("t.completed_by_id", f"(SELECT min(id) FROM person WHERE login = '{ours.LOGINS['a']}')"),
        due_at=due,
    )  # fmt: skip
    _copy(
        plain, Candidate, f"t.user_task_id = (SELECT t.id FROM user_task t WHERE {open_one})", tasks, where=f"NOT {ASSIGNED}", user_task_id="bench_id('task', s.n)", group_key=group, due_at=due,
    )  # fmt: skip
    _copy(
        plain, UserTask, f"{mine} AND t.status = 'completed'", instances, instance_id="bench_id('instance', s.n)",
        id="bench_id('done ' || t.activity_id, s.n)",
    )  # fmt: skip
    _copy(
        plain, Submission, mine, instances, instance_id="bench_id('instance', s.n)",
        user_task_id="bench_id('done ' || t.activity_id, s.n)",
    )  # fmt: skip
    _copy(plain, HistoryEvent, mine, instances, instance_id="bench_id('instance', s.n)")
    _copy(
        plain, Job, f"t.instance_id = '{timer}'", tasks, id="bench_id('job', s.n)", instance_id=of_instance,
        dedupe_key="'timer:' || bench_id('token', s.n)", due_at=f"bench_moment({_scattered('s.n', 30_000_000)})",
    )  # fmt: skip
    # The pattern's own timer would be due in a second.
    plain.connection.execute(f"DELETE FROM job WHERE instance_id = '{timer}'")


def _scattered(n: str, seconds: int) -> str:
    """A number of seconds between an hour and `seconds`, as good as random."""
    return f"3600 + ({n} * 7919) % {seconds}"


def _copy(
    plain: drivers.Plain, model: type[Base], pattern: str, times: int, *, where: str = "", **changed: str
) -> None:
    """Insert the row(s) of `pattern` as often as wanted, with these columns changed; `s.n` counts from 0."""
    table: Table = model.__table__  # type: ignore[assignment]
    names = [column.name for column in table.columns]
    values = [changed.get(name, f't."{name}"') for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    plain.connection.execute(
        f"WITH RECURSIVE s(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {times}) "
        f"INSERT INTO {table.name} ({columns}) SELECT {', '.join(values)} FROM s CROSS JOIN {table.name} t "
        f"WHERE {pattern} {'AND ' + where if where else ''} ORDER BY 1"
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
    """A moment as SQLAlchemy stores it in SQLite."""
    return (began + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")
