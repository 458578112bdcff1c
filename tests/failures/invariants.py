"""What must hold in a database whatever happened to it: nothing acknowledged is lost, nothing is done twice, nothing is forgotten.

`violations` looks at everything. It reads only tables, history and stored states; it knows nothing of what the test did
but the requests that were acknowledged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, undefer

from engine import clock, history, runtime
from engine.models import (
    Candidate,
    EventKind,
    EventSubscription,
    HistoryEvent,
    Incident,
    InstanceStatus,
    Job,
    JobState,
    ProcessInstance,
    Submission,
    TaskStatus,
    UserTask,
)
from engine.spiff import Wait


@dataclass(frozen=True)
class Acknowledged:
    """Requests that were answered with success."""

    started: frozenset[str] = frozenset()
    """Ids of instances."""
    completed: frozenset[str] = frozenset()
    """Ids of user tasks."""
    claimed: frozenset[tuple[str, str]] = frozenset()
    """User task, and the person who was told that it is theirs."""
    sent: frozenset[tuple[str, str]] = frozenset()
    """Instance, and the activity that waited for the message."""


def violations(session: Session, acknowledged: Acknowledged | None = None) -> list[str]:
    """Everything that is not as it must be, in words. The scheduler has looked, so nothing may be overdue."""
    instances = list(session.scalars(select(ProcessInstance).options(undefer(ProcessInstance.state))))
    return [
        *_lost(session, acknowledged or Acknowledged()),
        *(f"{instance.title}：{told}" for instance in instances for told in _inconsistent(session, instance)),
        *_done_twice(session),
        *(f"history of {instance_id}: {reason}" for instance_id, reason in history.broken_chains(session)),
        *_overdue(session),
    ]


def message_of(wait: Wait) -> str | None:
    """The name of the message or signal a token waits for."""
    return wait.event_name if wait.event_kind in (EventKind.MESSAGE, EventKind.SIGNAL) else None


def _lost(session: Session, acknowledged: Acknowledged) -> Iterator[str]:
    started = set(session.scalars(_ids_of("instance.started")))
    yield from (f"start of {each} was acknowledged and is lost" for each in acknowledged.started - started)
    told = select(HistoryEvent.user_task_id).where(HistoryEvent.kind == "user_task.completed")
    recorded = set(session.scalars(told))
    done = set(session.scalars(select(UserTask.id).where(UserTask.status == TaskStatus.COMPLETED)))
    kept = set(session.scalars(select(Submission.user_task_id)))
    for task_id in acknowledged.completed:
        missing = [
            what for what, known in (("status", done), ("form", kept), ("history", recorded)) if task_id not in known
        ]
        if missing:
            yield f"completion of {task_id} was acknowledged and is lost: no {', '.join(missing)}"
    for task_id, person_id in acknowledged.claimed:
        task = session.get_one(UserTask, task_id)
        if task.assignee_id != person_id:
            yield f"{task_id} was claimed by {person_id} and belongs to {task.assignee_id}"
    heard = {tuple(row) for row in session.execute(_passed_events())}
    under_way = set(session.scalars(select(Job.instance_id).where(Job.kind == "message")))
    for instance_id, activity_id in acknowledged.sent:
        if (instance_id, activity_id) not in heard and instance_id not in under_way:
            yield f"a message to {activity_id} of {instance_id} was acknowledged and is lost"


def _ids_of(kind: str) -> Any:
    return select(HistoryEvent.instance_id).where(HistoryEvent.kind == kind)


def _passed_events() -> Any:
    return select(HistoryEvent.instance_id, HistoryEvent.activity_id).where(HistoryEvent.kind == "activity.completed")


def _inconsistent(session: Session, instance: ProcessInstance) -> Iterator[str]:
    """What the tables say of an instance against what its stored state says."""
    tasks = set(session.scalars(_of(UserTask.id, UserTask, instance).where(UserTask.status == TaskStatus.OPEN)))
    timers = list(session.scalars(_of(Job.due_at, Job, instance).where(Job.kind == "timer")))
    awaited = set(session.scalars(_of(EventSubscription.token_id, EventSubscription, instance)))
    if instance.status != InstanceStatus.ACTIVE:
        if tasks or timers or awaited:
            yield f"has ended, but {len(tasks)} tasks, {len(timers)} timers, {len(awaited)} subscriptions are left"
        return
    waits = runtime.load(session, instance).waits()
    yield from _differ("user tasks", tasks, {wait.token_id for wait in waits if wait.is_user_task})
    yield from _differ("subscriptions", awaited, {wait.token_id for wait in waits if message_of(wait)})
    due = [wait.due_at for wait in waits if wait.due_at]
    if len(timers) != len(due):
        yield f"its state waits for {len(due)} timers, there are {len(timers)} jobs"
    offered = set(session.scalars(select(Candidate.user_task_id).where(Candidate.user_task_id.in_(tasks))))
    yield from (f"task {task_id} is in nobody's inbox" for task_id in tasks - offered)
    if not (tasks or timers or awaited or _has_incident(session, instance)):
        yield "waits for nothing and nobody was told"


def _of(column: Any, table: Any, instance: ProcessInstance) -> Any:
    return select(column).where(table.instance_id == instance.id)


def _differ(what: str, rows: set[str], state: set[str]) -> Iterator[str]:
    if rows != state:
        yield f"{what}: only in the table {sorted(rows - state)}, only in the state {sorted(state - rows)}"


def _has_incident(session: Session, instance: ProcessInstance) -> bool:
    still_open = _of(Incident.id, Incident, instance).where(Incident.resolved_at.is_(None))
    return session.scalar(still_open.limit(1)) is not None


def _done_twice(session: Session) -> Iterator[str]:
    """A token passes an activity once. What a timer or message began at a moment it ends once, whichever token it was."""
    by_task = select(HistoryEvent.user_task_id).where(HistoryEvent.kind == "user_task.completed")
    yield from _repeated("completed twice: task", session.scalars(by_task))
    alike = (UserTask.instance_id, UserTask.process_key, UserTask.activity_id, UserTask.round, UserTask.created_at)
    yield from _repeated("opened twice:", session.execute(select(*alike, UserTask.id)))
    caught = select(HistoryEvent.instance_id, HistoryEvent.activity_id, HistoryEvent.started_at).where(
        HistoryEvent.kind == "activity.completed", HistoryEvent.activity_type == "intermediateCatchEvent"
    )
    yield from _repeated("caught twice:", session.execute(caught))


def _repeated(what: str, values: Iterable[Any]) -> Iterator[str]:
    for value, times in Counter(values).items():
        if times > 1:
            yield f"{what} {value} ({times} times)"


def _overdue(session: Session) -> Iterator[str]:
    """Nothing that is due is still waiting for a worker, unless it failed and somebody was told."""
    late = select(func.count()).select_from(Job).where(
        Job.state != JobState.FAILED, Job.due_at <= clock.now(),
        or_(Job.lease_until.is_(None), Job.lease_until <= clock.now()),
    )  # fmt: skip
    if count := session.scalar(late):
        yield f"{count} jobs are due and not done"
