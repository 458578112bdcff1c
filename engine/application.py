"""Puts the engine together: hands the domains' tables to the modules below them, opens the database, keeps it current."""

from __future__ import annotations

import gc
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

import bpmn
from engine import (
    assignment,
    correlation,
    db,
    definitions,
    housekeeping,
    instances,
    jobs,
    options,
    publicity,
    reviews,
    runtime,
    settings,
    user_tasks,
)
from engine.accountability import procedure as accountability
from engine.accountability import talks
from engine.burden import requests
from engine.calendar import book, corrections
from engine.calendar import shipped as shipped_calendar
from engine.checklists import checks as checklists
from engine.deadlines import limits, recount
from engine.draws import draw
from engine.meetings import records
from engine.notifications import outbox
from engine.oversight import items
from engine.plan import items as plan_items
from engine.plan import launch, points
from engine.plan import service_tasks as plan_tasks
from engine.recurrences import planning
from engine.reminders import schedule, sending
from engine.shapes import delivery, evaluations, ledgers, procedures, random_checks, supervisions
from engine.supervision import bindings, formal, missed, rectification, visits
from engine.supervision import service_tasks as supervision_tasks
from engine.targets import figures, progress, school_table, subject
from engine.vetoes import checks as vetoes

SHIPPED, LIBRARY = "time.shipped", "library.shipped"
SHIPPING = 0x73686970
"""The advisory lock under which one process at a time does so on PostgreSQL."""


DOMAINS = (
    plan_tasks, plan_items, subject, school_table, figures, progress, supervision_tasks, rectification, items, checklists,
    vetoes, records, reviews, publicity, procedures, delivery, evaluations, ledgers, draw, random_checks,
    supervisions, formal, points, requests, accountability, talks, visits, bindings,
)  # fmt: skip
"""What each may hand over: what diagrams call (`TABLE`), rules about what was filled in (`CHECKS`) and about who may do
what after what (`FOUR_EYES`), with what a form begins (`PREFILLS`), lists to choose from (`SOURCES`), who gets a task
(`CANDIDATES`), who alone may look (`CONFIDENTIAL`). A later one may add to what an earlier one refuses."""


def assemble() -> None:
    """Tell the engine what diagrams may call and what jobs there are. Doing it twice is harmless."""
    for domain in DOMAINS:
        runtime.service_tasks.update(getattr(domain, "TABLE", {}))
        user_tasks.checks.update(getattr(domain, "CHECKS", {}))
        user_tasks.four_eyes.update(getattr(domain, "FOUR_EYES", {}))
        user_tasks.prefills.update(getattr(domain, "PREFILLS", {}))
        options.SOURCES.update(getattr(domain, "SOURCES", {}))
        assignment.RULES.update(getattr(domain, "CANDIDATES", {}))
        instances.confidential.update(getattr(domain, "CONFIDENTIAL", {}))
    definitions.service_names.update(runtime.service_tasks)
    planning.openers.update(missed.OPENERS)
    jobs.handlers.update(
        {
            "timer": runtime.fire_timers,
            "message": correlation.deliver,
            "correlate": correlation.deliver_thrown,
            "start": instances.start_by_job,
            launch.LAUNCH: launch.launch_point,
            planning.KIND: planning.run,
            planning.OPEN: planning.open_occurrence,
            housekeeping.KIND: housekeeping.sweep,
            schedule.KIND: sending.remind,
            outbox.DIGEST: outbox.send_digest,
            outbox.MAIL: outbox.note,
            corrections.CHANGED: recount.look_through,
            recount.RECOUNT: recount.recount,
            bindings.BEGIN: bindings.begin,
        }
    )
    jobs.errands[outbox.MAIL] = outbox.send


def open_application(database: str | None = None) -> str:
    """Assemble, open and migrate the database, live at its time; what kind it is, "" for one not set up."""
    assemble()
    with db.explained_errors():
        db.open_database(db.url_of(database))
        migrate()
        with db.transaction() as session:
            settings.apply_clock(session)
            ship(session)
            return settings.kind(session) or ""


def stay() -> None:
    """What is loaded now lives as long as the process: keep the garbage collector from looking at it again and again."""
    gc.collect()
    gc.freeze()


def open_library(database: str | None = None) -> None:
    """Assemble, and open what is deployed without changing it; where nothing is, the shipped processes, in memory."""
    assemble()
    url = db.url_of(database)
    if db.exists(url):
        db.open_database(url)
        if is_current():
            return
    open_application("sqlite://")
    with db.transaction() as session:
        deploy_own_processes(session)


def is_current() -> bool:
    """Whether the database that is open has this version's tables."""
    try:
        with db.reading() as session:
            held = MigrationContext.configure(session.connection()).get_current_heads()
    except (DatabaseError, db.Unavailable):
        return False
    return set(held) == set(ScriptDirectory.from_config(_alembic()).get_heads())


def declare_real() -> None:
    """Make a new database a real installation, with our own processes deployed and nobody in it yet."""
    with db.transaction() as session:
        settings.declare(session, settings.REAL)
        deploy_own_processes(session)
        planning.prepare(session)


def deploy_own_processes(session: Session) -> int:
    """Deploy the shipped diagrams; those that have not changed stay as they are. How many are new."""
    files = {path: bpmn.read(path) for path in bpmn.paths()}
    settings.put(session, LIBRARY, bpmn.fingerprint())
    _, changed = definitions.deploy(session, "闭环流程库", files, source=definitions.OURS)
    return len(changed)


def ship(session: Session) -> None:
    """Bring what comes with this version into the database: calendar, time limits and, once it is set up, the diagrams.

    Only what it does not hold yet. What is under way stays on its version; what this version's code begins must be there.
    """
    if _holds_time(session) and _holds_library(session):
        return
    if db.connection(session).dialect.name == "postgresql":
        # Two that start at once would both find nothing there.
        session.execute(select(func.pg_advisory_xact_lock(SHIPPING)))
    if not _holds_time(session):
        if settings.value(session, book.REVISION) is None:
            shipped_calendar.fill(session)
        limits.ship(session)
        settings.put(session, SHIPPED, limits.FINGERPRINT)
    if not _holds_library(session):
        deploy_own_processes(session)


def _holds_time(session: Session) -> bool:
    return settings.value(session, SHIPPED) == limits.FINGERPRINT


def _holds_library(session: Session) -> bool:
    """A database that nobody has set up yet gets its diagrams when it is."""
    return settings.kind(session) is None or settings.value(session, LIBRARY) == bpmn.fingerprint()


def migrate() -> None:
    """Bring the tables to this version's shape."""
    config = _alembic()
    with db.rebuilding() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
