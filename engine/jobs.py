"""Everything that must happen later is a row written in the transaction of its cause, and done once when it is due.

A worker claims due rows in batches for the length of a lease, then takes one after the other: act and delete the row, in
one transaction, while it is still ours. Whoever lost the lease meanwhile finds another holder or no row, and what it did
is rolled back. A failure is tried again later; the last one becomes an incident. A handler deletes no job but through
`cancel`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from engine import clock, ids, incidents, settings
from engine.db import Unavailable, connection, insert_once, reading, transaction
from engine.errors import EngineError
from engine.models import InstanceStatus, Job, JobState, ProcessInstance, table
from engine.spiff import StateDamaged

LEASE = timedelta(minutes=2)
BATCH = 50
BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""Waiting time after the first, second and third failure; the fourth becomes an incident."""
ATTEMPTS = len(BACKOFF) + 1

Handler = Callable[[Session, Mapping[str, Any]], None]
handlers: dict[str, Handler] = {}
"""Kind → what does it; filled by `application.assemble`."""

Errand = Callable[[Mapping[str, Any]], Mapping[str, Any]]
errands: dict[str, Errand] = {}
"""Kind → what it does outside the house first: no transaction is open, so nobody waits for another's server with us.

The outcome joins the payload that the handler gets. An errand may be run again after a crash.
"""

MOVING = ("timer", "message")
"""Kinds that can do nothing to an instance that has ended. Others may still be due: what it has thrown, for one."""

log = logging.getLogger(__name__)

JOB, INSTANCE = table(Job), table(ProcessInstance)
INSERT = insert_once(JOB, "dedupe_key")
NOW = bindparam("now", type_=JOB.c.due_at.type)
LATEST = bindparam("latest", type_=JOB.c.due_at.type)
"""Later than any lease may end. One that does was given before the machine's clock was set back."""
BUSY = select(JOB.c.instance_id).where(
    JOB.c.state == JobState.HELD, JOB.c.lease_until > NOW, JOB.c.lease_until <= LATEST, JOB.c.instance_id.is_not(None)
)  # fmt: skip
"""The instances that a worker has in its hands."""


def _queue(*which: ColumnElement[bool]) -> Select[Any]:
    """Jobs of instances nobody is busy with, first due first.

    Ordered even where one row is enough: it keeps PostgreSQL on the index, whatever it believes about the table.
    """
    free = or_(JOB.c.instance_id.is_(None), JOB.c.instance_id.not_in(BUSY))
    columns = JOB.c.id, JOB.c.kind, JOB.c.payload, JOB.c.dedupe_key, JOB.c.instance_id, JOB.c.due_at, JOB.c.attempts
    return select(*columns).where(*which, free).order_by(JOB.c.due_at).limit(bindparam("most", type_=Integer))


DUE = _queue(JOB.c.state == JobState.WAITING, JOB.c.due_at <= NOW)
LEFT = _queue(JOB.c.state == JobState.HELD, or_(JOB.c.lease_until <= NOW, JOB.c.lease_until > LATEST))
"""Those whose worker never came back."""
LOOK = select(*(queue.with_only_columns(JOB.c.id).scalar_subquery() for queue in (DUE, LEFT)))
MINE = and_(JOB.c.id == bindparam("its_id"), JOB.c.lease == bindparam("its_lease"))
HELD = select(JOB.c.id).where(MINE, JOB.c.lease_until > NOW)
CANCEL = delete(JOB).where(JOB.c.dedupe_key.in_(bindparam("keys", expanding=True)))
CANCELLED = "jobs.cancelled"
"""Under this a session keeps what was cancelled in it."""
FINISH = delete(JOB).where(MINE, JOB.c.lease_until > NOW)
PICKING = 0x7069636B
"""The advisory lock under which one worker at a time picks its jobs on PostgreSQL."""


class UnknownKind(EngineError):
    """A job that nothing here knows how to do."""


class LeaseLost(EngineError):
    """The job is no longer this worker's: it was taken by another, took too long, or is not due any more."""


@dataclass(frozen=True)
class Planned:
    """Something to happen at `due_at`. A second one with the same `dedupe_key` is silently the same wish."""

    kind: str
    due_at: datetime
    payload: Mapping[str, Any]
    dedupe_key: str
    instance_id: str | None = None
    """The instance it belongs to. Jobs of one instance are done one after the other, in the order of their due time."""


@dataclass(frozen=True)
class Claim:
    """A job in this worker's hands, until its lease runs out."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    dedupe_key: str
    instance_id: str | None
    due_at: datetime
    attempts: int
    lease: str
    until: datetime

    def is_due(self) -> bool:
        """Whether it still is: the machine's clock may have been set back, and a timer would find that its time has not come."""
        return self.due_at <= clock.now()

    def leaves_time(self) -> bool:
        """Whether there is enough of the lease left to begin: a job late in its batch must not be cut off by its neighbours."""
        return self.until - clock.now() >= LEASE / 2

    def key(self) -> dict[str, Any]:
        """What finds its row, unless another worker has taken it."""
        return {"its_id": self.id, "its_lease": self.lease, "now": clock.now()}


def add(
    session: Session,
    kind: str,
    due_at: datetime,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str,
    instance_id: str | None = None,
) -> None:
    """Remember to do something. A second row with the same `dedupe_key` is silently the same wish."""
    add_many(session, [Planned(kind, due_at, payload, dedupe_key, instance_id)])


def add_many(session: Session, planned: Iterable[Planned]) -> None:
    """The same for several at once; in one round trip."""
    if rows := [row(each) for each in planned]:
        used = connection(session)
        used.execute(INSERT[used.dialect.name], rows)


def row(planned: Planned) -> dict[str, Any]:
    """The row of a job that nobody has tried yet."""
    return {
        "id": ids.new(), "kind": planned.kind, "due_at": planned.due_at, "payload": dict(planned.payload),
        "dedupe_key": planned.dedupe_key, "instance_id": planned.instance_id, "state": JobState.WAITING, "attempts": 0,
    }  # fmt: skip


def cancel(session: Session, *dedupe_keys: str) -> None:
    """Forget what was to happen. The caller holds the lock of the instance it was to happen to.

    A handler may so cancel its own job: whoever finds the wait of a timer under that lock is the one who lets it fire.
    """
    session.info.setdefault(CANCELLED, set()).update(dedupe_keys)
    connection(session).execute(CANCEL, {"keys": dedupe_keys})


def revive(session: Session, which: ColumnElement[bool]) -> None:
    """Let jobs that gave up be tried again, now and as if for the first time."""
    again = {"state": JobState.WAITING, "attempts": 0, "due_at": clock.now()}
    session.execute(update(JOB).where(which, JOB.c.state == JobState.FAILED).values(again))


def drop(session: Session, which: ColumnElement[bool]) -> None:
    """Do away with jobs that gave up."""
    session.execute(delete(JOB).where(which, JOB.c.state == JobState.FAILED))


def drop_late(session: Session) -> None:
    """Do away with jobs that gave up on an instance which has ended meanwhile."""
    ended = exists().where(INSTANCE.c.id == JOB.c.instance_id, INSTANCE.c.status != InstanceStatus.ACTIVE)
    drop(session, and_(JOB.c.kind.in_(MOVING), ended))


def is_any_due(session: Session) -> bool:
    """Whether there is something to claim: two looks into one index, however many jobs wait."""
    return any(session.execute(LOOK, _bounds(1)).one())


def run_due(limit: int = 1_000, *, stop: Event | None = None) -> int:
    """Do what is due until nothing is left, `limit` is reached or `stop` is set; how many were tried."""
    with reading() as session:
        if not is_any_due(session):
            return 0
    tried = 0
    while tried < limit and not (stop and stop.is_set()) and (batch := claim(min(BATCH, limit - tried))):
        tried += work_off(batch, stop)
    return tried


def claim(limit: int = BATCH) -> list[Claim]:
    """Take the jobs that are due first. While they are held, nobody gets them or anything else of their instances.

    One that was left behind is taken alone: it may have taken the others of its batch down with its worker.
    """
    with transaction() as session:
        # A clock that stands still while a demonstration's was moved would take the leases of others for too long ones.
        settings.apply_clock(session)
        if connection(session).dialect.name == "postgresql":
            # Two that pick at once would not see each other's choice and share out the jobs of one instance.
            session.execute(select(func.pg_advisory_xact_lock(PICKING)))
        rows = _pick(session, LEFT, 1) or _pick(session, DUE, limit)
        lease, until = ids.new(), clock.now() + LEASE
        held = {"state": JobState.HELD, "lease": lease, "lease_until": until, "attempts": JOB.c.attempts + 1}
        if rows:
            session.execute(update(JOB).where(JOB.c.id.in_([row.id for row in rows])).values(held))
        return [
            Claim(
                row.id, row.kind, row.payload, row.dedupe_key, row.instance_id, row.due_at, row.attempts + 1, lease, until
            )
            for row in rows
        ]  # fmt: skip


def work_off(batch: Sequence[Claim], stop: Event | None = None) -> int:
    """Do what was claimed, in order; what is not begun in time is given back. How many were tried."""
    for number, job in enumerate(batch):
        if not (job.is_due() and job.leaves_time()) or (stop and stop.is_set()):
            _give_back(batch[number:])
            return number
        _do(job)
    return len(batch)


def _pick(session: Session, which: Select[Any], most: int) -> Sequence[Row[Any]]:
    return session.execute(which.with_for_update(skip_locked=True), _bounds(most)).all()


def _bounds(most: int) -> dict[str, Any]:
    now = clock.now()
    return {"now": now, "latest": now + 2 * LEASE, "most": most}


def _do(job: Claim) -> None:
    try:
        if job.attempts > ATTEMPTS:
            raise LeaseLost("no worker came back from it", advice="做这项作业的进程几次都没有做完就中断了。")
        errand = errands.get(job.kind)
        payload = {**job.payload, **errand(job.payload)} if errand else job.payload
        with transaction() as session:
            if _is_held(session, job):
                _handler(job)(session, payload)
                _finish(session, job)
    except Exception as error:  # whatever a handler raises must not stop the worker; it is kept with the job
        _note_failure(job, error)


def _handler(job: Claim) -> Handler:
    found = handlers.get(job.kind)
    if found is None:
        raise UnknownKind(f"no handler for jobs of kind {job.kind}", advice=f"系统不认识“{job.kind}”这类作业。")
    return found


def _is_held(session: Session, job: Claim) -> bool:
    return connection(session).execute(HELD, job.key()).first() is not None


def _finish(session: Session, job: Claim) -> None:
    """Delete the row, or refuse what was done: it counts only while it is due and the lease lasts."""
    if not job.is_due():
        raise LeaseLost("the clock was set back meanwhile", advice="做这项作业时，机器的时钟被往回拨了。")
    # A timer that fires has cancelled its own job: that is done under the lock under which its wait was found.
    if job.until > clock.now() and (
        job.dedupe_key in session.info.get(CANCELLED, ()) or connection(session).execute(FINISH, job.key()).rowcount
    ):
        return
    raise LeaseLost("the lease ran out before the job was done", advice="作业没有在规定时间内做完。")


def _give_back(batch: Sequence[Claim]) -> None:
    """Let others have what was not begun, as if it had not been claimed."""
    with transaction() as session:
        mine = JOB.c.id.in_([job.id for job in batch]), JOB.c.lease == batch[0].lease
        free = {"state": JobState.WAITING, "lease": None, "lease_until": None, "attempts": JOB.c.attempts - 1}
        session.execute(update(JOB).where(*mine).values(free))


def _note_failure(job: Claim, error: Exception) -> None:
    """Try again later, or give up and let an administrator look. Whose lease was taken by another has nothing to say."""
    with suppress(LeaseLost), transaction() as session:
        if isinstance(error, EngineError) and _comes_too_late(session, job):
            connection(session).execute(delete(JOB).where(MINE), job.key())
            return
        after: dict[str, Any] = {"error": _told(error), "lease": None, "lease_until": None}
        if _becomes_incident(session, job, error):
            after |= {"state": JobState.FAILED}
        else:
            again = max(job.due_at, clock.now() + BACKOFF[job.attempts - 1])
            after |= {"state": JobState.WAITING, "due_at": again}
        if not connection(session).execute(update(JOB).where(MINE).values(after), job.key()).rowcount:
            raise LeaseLost("this failure is no longer ours to note")
        # What the database refused says nothing about our code: no need for its traceback.
        trace = None if isinstance(error, Unavailable) else error
        log.warning("job %s (%s), attempt %d: %s", job.id, job.kind, job.attempts, after["error"], exc_info=trace)


def _becomes_incident(session: Session, job: Claim, error: Exception) -> bool:
    """Whether to give up: after the last attempt, and at once where no other attempt can mend it."""
    message = getattr(error, "advice", "") or _told(error)
    if isinstance(error, StateDamaged):
        damaged = error.instance_id or job.instance_id
        incidents.record(session, incidents.STATE_DAMAGED, message, instance_id=damaged, job_id=job.id)
        if damaged == job.instance_id:
            return True
    if job.attempts >= ATTEMPTS or isinstance(error, UnknownKind):
        incidents.record(session, incidents.JOB_FAILED, message, instance_id=job.instance_id, job_id=job.id)
        return True
    return False


def _comes_too_late(session: Session, job: Claim) -> bool:
    """The instance it was to move has come to its end: what that refuses now needs nobody's attention."""
    moved = INSTANCE.c.id == job.payload.get("instance_id"), INSTANCE.c.status != InstanceStatus.ACTIVE
    return session.execute(select(INSTANCE.c.id).where(*moved)).first() is not None


def _told(error: Exception) -> str:
    """The reason without the statement that a database error carries along, in signs that any database stores."""
    reason = getattr(error, "orig", None) or error
    written = f"{type(error).__name__}: {reason}".replace("\0", "")[: incidents.MOST]
    return written.encode("utf-8", "replace").decode()
