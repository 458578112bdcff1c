"""How an instance moves: lock it, let the token engine run to the next stand-still, store state and consequences at once.

`step` is the same for a completed user task, a due timer and a delivered message. If you know it, you know the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from engine import assignment, deadlines, definitions, history, identity, incidents, jobs, messages, recusals
from engine.calendar.book import REVISION
from engine.db import connection
from engine.errors import InvalidState, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.jobs import Planned
from engine.models import (
    NEVER_DUE,
    Candidate,
    EventKind,
    EventSubscription,
    InstanceStatus,
    ProcessInstance,
    Setting,
    Submission,
    TaskStatus,
    Unit,
    UserTask,
    table,
)
from engine.reminders import schedule as reminders
from engine.spiff import Activity, Execution, Passed, Services, StateDamaged, Wait
from engine.statements import Batch, Lookup, Prepared

INSTANCE, TASK, UNIT, SETTING = table(ProcessInstance), table(UserTask), table(Unit), table(Setting)
CANDIDATE, SUBSCRIPTION = table(Candidate), table(EventSubscription)
SUBMISSION = table(Submission)
FIRST_YEAR = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Instance:
    """A process instance whose lock this transaction holds: what a step reads of its row and writes back."""

    id: str
    definition_id: str
    definition_key: str
    business_key: str | None
    title: str
    unit_id: str | None
    parent_id: str | None
    started_by_id: str | None
    status: str
    state: bytes
    history_length: int
    history_head: str
    started_at: datetime
    unit_key: str | None = None
    """Of the unit in charge."""
    time_revision: str | None = None
    """Of the calendar and the time limits, as they were when the lock was taken."""


class Task(NamedTuple):
    """A user task as its row says: less to make than an object that is tracked for changes."""

    id: str
    instance_id: str
    process_key: str
    activity_id: str
    name: str
    form_key: str | None
    round: int
    candidate_groups: list[Any]
    excluded: list[Any]
    assignee_id: str | None
    due_at: datetime | None
    created_at: datetime
    status: str
    drafted: bool


Told = Mapping[str, Any]
"""What a form says, what variables say, and what a service tells the diagram."""


class ServiceTask(Protocol):
    """A function that a diagram may name. What it returns becomes variables of the token."""

    def __call__(
        self, session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
    ) -> Mapping[str, Any] | None: ...


service_tasks: dict[str, ServiceTask] = {}
"""Name in the diagram → function; the domains hand theirs over in `application.assemble`."""

_BESIDE = {
    "unit_key": UNIT.c.key,
    "time_revision": func.coalesce(select(SETTING.c.value).where(SETTING.c.key == REVISION).scalar_subquery(), ""),
}
_COLUMNS = [
    _BESIDE[name].label(name) if name in _BESIDE else INSTANCE.c[name] for name in Instance.__dataclass_fields__
]
_HELD = (
    select(*_COLUMNS)
    .select_from(INSTANCE.outerjoin(UNIT, INSTANCE.c.unit_id == UNIT.c.id))
    # `key_share`: rows that only point to this instance (a child's message to its parent) need not wait for it.
    .with_for_update(of=INSTANCE, key_share=True)
)
_LOCK = Lookup(_HELD.where(INSTANCE.c.id == bindparam("wanted")))
_LOCK_WITH_TASK = Lookup(
    select(*_COLUMNS, *(TASK.c[name].label(f"task_{name}") for name in Task._fields))
    .select_from(
        INSTANCE.join(TASK, TASK.c.instance_id == INSTANCE.c.id).outerjoin(UNIT, INSTANCE.c.unit_id == UNIT.c.id)
    )
    .where(TASK.c.id == bindparam("wanted"))
    # Both rows: PostgreSQL shows of a row that it had to wait for what was committed meanwhile, if it locks it.
    .with_for_update(of=[INSTANCE, TASK], key_share=True)
)


def lock(session: Session, instance_id: str) -> Instance:
    """The instance, and nobody else's until this transaction ends."""
    for row in _LOCK.rows(connection(session), wanted=instance_id):
        return Instance(*row)
    raise NotFound(f"no process instance {instance_id}", advice="没有这个流程。")


def lock_with_task(session: Session, task_id: str) -> tuple[Instance, Task]:
    """A user task and its instance, locked: what another step changed meanwhile is seen."""
    for row in _LOCK_WITH_TASK.rows(connection(session), wanted=task_id):
        size = len(row) - len(Task._fields)
        return Instance(*row[:size]), Task(*row[size:])
    raise NotFound(f"no user task {task_id}", advice="没有这件待办，或您无权查看。")


def begin(
    session: Session, instance: Instance, variables: Mapping[str, Any], *, actor: Actor | None, at: str | None = None
) -> None:
    """The first step of a new instance, from its plain start event or the one that is named."""
    definition = definitions.parsed_by_id(session, instance.definition_id)
    execution = Execution.start(definition, variables, _services(session, instance, actor), at=at)
    began = Entry("instance.started", _id(actor), detail={"title": instance.title})
    _Step(session, instance, execution, [], actor, [began]).take()


def step(
    session: Session,
    instance: Instance,
    act: Callable[[Execution], object],
    *,
    actor: Actor | None,
    entries: Mapping[str, Entry] | None = None,
    batch: Batch | None = None,
) -> None:
    """Load, act, run on, store. `entries` replaces, by token id, what history would say of a passed activity.

    What the caller has put into `batch` is written with the rest, or before a service that may want to read it.
    """
    require_active(instance)
    batch = batch or Batch(connection(session))
    execution = load(session, instance, actor=actor, batch=batch)
    before = execution.waits()
    act(execution)
    _Step(session, instance, execution, before, actor, [], entries or {}, batch).take()


def load(
    session: Session, instance: Instance | ProcessInstance, *, actor: Actor | None = None, batch: Batch | None = None
) -> Execution:
    """Where an instance stands. StateDamaged names the instance if its state is not as it was stored."""
    definition = definitions.parsed_by_id(session, instance.definition_id)
    try:
        execution = Execution.load(definition, instance.state, _services(session, instance, actor, batch))
    except StateDamaged as damage:
        damage.instance_id = instance.id
        raise
    if execution.rounds is None:
        execution.rounds = _rounds_so_far(session, instance.id)
    return execution


def terminate(session: Session, instance: Instance, *, actor: Actor | None, reason: str) -> None:
    """End an instance before its end; what waits in it is cancelled. Its children go on."""
    require_active(instance)
    execution = load(session, instance)
    before = execution.waits()
    execution.terminate()
    entry = Entry("instance.terminated", _id(actor), detail={"reason": reason})
    _Step(session, instance, execution, before, actor, []).store(InstanceStatus.TERMINATED, [entry])


def fire_timers(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: let every timer of an instance fire that is due."""
    instance = lock(session, payload["instance_id"])
    if instance.status == InstanceStatus.ACTIVE:
        step(session, instance, lambda execution: None, actor=None)


def require_active(instance: Instance) -> None:
    if instance.status != InstanceStatus.ACTIVE:
        raise InvalidState(f"process instance {instance.id} has ended", advice="该流程已经结束。")


def activity_of(session: Session, instance: Instance, task: Task) -> Activity:
    """What the diagram says of a user task."""
    return definitions.parsed_by_id(session, instance.definition_id).activity(task.process_key, task.activity_id)


def offer(session: Session, task: Task, assignee_login: str | None = None) -> None:
    """Put a user task into the inbox of its assignee, or into those of its groups; out of all others."""
    used = connection(session)
    _DROP_CANDIDATES.execute(used, [{"wanted": task.id}])
    rows = list(_inbox_rows(task.id, behind_all(task.due_at, task.created_at), assignee_login, task.candidate_groups))
    _ADD_CANDIDATE.execute(used, rows)


def _services(session: Session, instance: Any, actor: Actor | None, batch: Batch | None = None) -> Services:
    def call(name: str, variables: dict[str, Any]) -> Mapping[str, Any] | None:
        if batch is not None:
            batch.send()
        return service_tasks[name](session, instance, variables=variables, actor=actor)

    return call


@dataclass
class _Step:
    """One step that was taken in the token engine, and what the database must know of it."""

    session: Session
    instance: Instance
    execution: Execution
    before: list[Wait]
    actor: Actor | None
    said: list[Entry]
    entries: Mapping[str, Entry] = field(default_factory=dict)
    pending: Batch | None = None

    def __post_init__(self) -> None:
        self.batch = self.pending or Batch(connection(self.session))

    def take(self) -> None:
        """Run on to the next stand-still and store it."""
        self.execution.advance()
        passed = [self.entries.get(each.token_id) or _entry(each, self.actor) for each in self.execution.passed]
        if not self.execution.completed:
            self.store(InstanceStatus.ACTIVE, passed)
        elif self.execution.failure is not None:
            failed = Entry("instance.failed", _id(self.actor), detail={"code": self.execution.failure})
            self.store(InstanceStatus.TERMINATED, [*passed, failed])
        else:
            self.store(InstanceStatus.COMPLETED, [*passed, Entry("instance.completed", _id(self.actor))])

    def store(self, status: InstanceStatus, passed: list[Entry]) -> None:
        """State, history and everything that now waits, in one go."""
        self.instance.status = status
        after = self.execution.waits() if status == InstanceStatus.ACTIVE else []
        gone, new = _difference(self.before, after), _difference(after, self.before)
        opened = [self._task(wait) for wait in new if wait.is_user_task]
        told = [*self.said, *passed, *self._cancelled(gone), *map(_created, opened)]
        self._close(gone)
        self._open(opened)
        self._wait(gone, new)
        self.batch.add(history.ADD, history.chain(self.instance, told))
        self._write_instance()
        self.batch.send()
        self._tell()
        if status == InstanceStatus.ACTIVE and not after:
            why = "没有待办、定时或消息可以使它继续"
            incidents.record(self.session, incidents.INSTANCE_STUCK, why, instance_id=self.instance.id)

    def _write_instance(self) -> None:
        ended_at = None if self.instance.status == InstanceStatus.ACTIVE else self.batch.at
        self.instance.state = self.execution.state()
        written = {
            "wanted": self.instance.id, "state": self.instance.state, "status": self.instance.status,
            "ended_at": ended_at, "history_length": self.instance.history_length,
            "history_head": self.instance.history_head,
        }  # fmt: skip
        self.batch.add(_WRITE, [written])

    def _task(self, wait: Wait) -> dict[str, Any]:
        """The row of a new user task, with the login of its assignee beside it."""
        activity = wait.activity
        assigned = assignment.assign(self.session, self.instance, activity, wait.variables)
        due = deadlines.due(
            self.session, activity.due_date, wait.variables, opened_at=self.instance.started_at,
            revision=self.instance.time_revision,
        )  # fmt: skip
        return {
            "id": wait.token_id, "instance_id": self.instance.id, "process_key": activity.process_key,
            "activity_id": activity.id, "name": activity.name or activity.id, "form_key": activity.form_key,
            "lane": activity.lane, "round": wait.round, "candidate_groups": list(assigned.groups),
            "assignee_id": assigned.assignee_id, "assignee_login": assigned.assignee_login,
            "excluded": self._excluded(activity.properties, assigned.groups), "due_at": due.at, "due_reason": due.reason,
            "due_basis": due.basis, "created_at": self.batch.at, "status": TaskStatus.OPEN,
            "drafted": False,
        }  # fmt: skip

    def _excluded(self, properties: Mapping[str, str], groups: Collection[str]) -> list[str]:
        """Who did what this task checks, this time or an earlier one (`not_doer_of`); if `independent`, who must keep away,
        and if it is so `of_parent`, who took part in what this re-examines.

        Work that went to and fro may have been done by everybody who could check it; then only who did it last is excluded.
        """
        checked = [name.strip() for name in properties.get("not_doer_of", "").split(",") if name.strip()]
        used = connection(self.session)
        now = {done.activity_id: done.actor_id for done in self.entries.values() if done.activity_id in checked}
        before = (_DOERS.rows(used, instance=self.instance.id, checked=name) for name in checked)
        everybody = {who for who in now.values() if who}.union(*(who for rows in before for who in rows))
        if groups and len(everybody) > 1 and identity.members(self.session, groups) <= everybody:
            last = (
                _LAST_DOER.rows(used, instance=self.instance.id, checked=name) for name in checked if name not in now
            )
            everybody = {who for who in now.values() if who}.union(*(who for rows in last for who in rows))
        if "independent" in properties:
            everybody |= recusals.keep_away(self.session, self.instance.unit_id)
        if properties.get("independent") == "of_parent":
            everybody |= recusals.took_part(self.session, self.instance.parent_id)
        return sorted(everybody)

    def _open(self, tasks: list[dict[str, Any]]) -> None:
        rows = [row for task in tasks for row in _inbox_rows(
            task["id"], behind_all(task["due_at"], task["created_at"]), task["assignee_login"], task["candidate_groups"])]  # fmt: skip
        self.batch.add(_ADD_TASK, tasks)
        self.batch.add(_ADD_CANDIDATE, rows)
        due = [task for task in tasks if task["due_at"]]
        self.batch.add(
            reminders.ADD,
            (reminders.first("user_task", task["id"], self.instance.id, task["due_at"]) for task in due),
        )  # fmt: skip

    def _close(self, gone: list[Wait]) -> None:
        ended = [wait.token_id for wait in gone if wait.is_user_task]
        self.batch.add(_DROP_CANDIDATES, ({"wanted": task_id} for task_id in ended))
        self.batch.add(
            _CANCEL_TASK,
            ({"wanted": task_id, "at": self.batch.at} for task_id in ended if task_id not in self.entries),
        )  # fmt: skip
        dated = [wait for wait in gone if wait.is_user_task and wait.activity.due_date]
        self.batch.add(reminders.DROP, ({"wanted": reminders.key(wait.token_id)} for wait in dated))

    def _cancelled(self, gone: list[Wait]) -> Iterator[Entry]:
        """User tasks that vanished without having been completed."""
        for wait in gone:
            if wait.is_user_task and wait.token_id not in self.entries:
                yield Entry("user_task.cancelled", activity_id=wait.activity.id, user_task_id=wait.token_id)

    def _wait(self, gone: list[Wait], new: list[Wait]) -> None:
        """Jobs for timers and subscriptions for messages, as many as there are waits for them."""
        ended = [f"timer:{wait.token_id}" for wait in gone if wait.due_at]
        if ended:
            jobs.cancel(self.session, *ended)
        planned = [
            Planned("timer", wait.due_at, {"instance_id": self.instance.id}, f"timer:{wait.token_id}", self.instance.id)
            for wait in new if wait.due_at
        ]  # fmt: skip
        jobs.add_many(self.session, planned)
        self.batch.add(_DROP_SUBSCRIPTIONS, ({"wanted": wait.token_id} for wait in gone if _is_subscription(wait)))
        rows = [
            {"token_id": wait.token_id, "instance_id": self.instance.id, "activity_id": wait.activity.id,
             "kind": wait.event_kind, "name": wait.event_name,
             "correlation_key": wait.correlation_key or self.instance.business_key}
            for wait in new if _is_subscription(wait)
        ]  # fmt: skip
        self.batch.add(_ADD_SUBSCRIPTION, rows)

    def _tell(self) -> None:
        """What others must hear of: what was thrown, and that a child has ended."""
        instance = self.instance
        for number, thrown in enumerate(self.execution.thrown):
            messages.pass_on(self.session, instance, thrown, f"{instance.history_length}:{number}")
        if instance.status != InstanceStatus.ACTIVE and instance.parent_id:
            messages.tell_parent(self.session, instance.id, instance.definition_key, instance.parent_id)


_WRITE = Prepared(
    update(INSTANCE)
    .where(INSTANCE.c.id == bindparam("wanted"))
    .values(
        state=bindparam("state"), status=bindparam("status"), ended_at=bindparam("ended_at"),
        history_length=bindparam("history_length"), history_head=bindparam("history_head"),
        revision=INSTANCE.c.revision + 1,
    )
)  # fmt: skip
_DOERS = Lookup(
    select(SUBMISSION.c.submitted_by_id)
    .distinct()
    .where(SUBMISSION.c.instance_id == bindparam("instance"), SUBMISSION.c.activity_id == bindparam("checked"))
)
"""Read off an index: after a thousand rounds it costs what it did after the first."""
_LAST_DOER = Lookup(
    select(SUBMISSION.c.submitted_by_id)
    .where(SUBMISSION.c.instance_id == bindparam("instance"), SUBMISSION.c.activity_id == bindparam("checked"))
    .order_by(SUBMISSION.c.submitted_at.desc())
    .limit(1)
)
_ADD_TASK = Prepared(insert(TASK), *Task._fields, "lane", "due_reason", "due_basis")
_ADD_CANDIDATE = Prepared(insert(CANDIDATE), "user_task_id", "group_key", "due_at")
_ADD_SUBSCRIPTION = Prepared(
    insert(SUBSCRIPTION), "token_id", "instance_id", "activity_id", "kind", "name", "correlation_key"
)  # fmt: skip
_DROP_CANDIDATES = Prepared(delete(CANDIDATE).where(CANDIDATE.c.user_task_id == bindparam("wanted")))
_DROP_SUBSCRIPTIONS = Prepared(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.token_id == bindparam("wanted")))
_CANCEL_TASK = Prepared(
    update(TASK)
    .where(TASK.c.id == bindparam("wanted"), TASK.c.status == TaskStatus.OPEN)
    .values(status=TaskStatus.CANCELLED, ended_at=bindparam("at"))
)


def _difference(these: Iterable[Wait], those: Iterable[Wait]) -> list[Wait]:
    known = {_identity(wait) for wait in those}
    return [wait for wait in these if _identity(wait) not in known]


def _identity(wait: Wait) -> tuple[str, datetime | None, str | None, str | None]:
    return wait.token_id, wait.due_at, wait.event_kind, wait.event_name


def _is_subscription(wait: Wait) -> bool:
    return wait.event_kind in (EventKind.MESSAGE, EventKind.SIGNAL)


def _entry(passed: Passed, actor: Actor | None) -> Entry:
    activity = passed.activity
    return Entry(
        "activity.completed", _id(actor), activity.process_key, activity.id, activity.type, activity.name,
        passed.started_at, passed.token_id if activity.type == "userTask" else None,
    )  # fmt: skip


def _created(task: Mapping[str, Any]) -> Entry:
    return Entry(
        "user_task.created", None, task["process_key"], task["activity_id"], "userTask", task["name"],
        user_task_id=task["id"], detail={"groups": task["candidate_groups"], "assignee": task["assignee_id"]},
    )  # fmt: skip


def behind_all(due_at: datetime | None, created_at: datetime) -> datetime:
    """Where a task stands in an inbox: by its due date; without one behind all others, in the order they came."""
    return due_at or NEVER_DUE + (created_at - FIRST_YEAR)


def _inbox_rows(
    task_id: str, due_at: datetime, assignee_login: str | None, groups: Iterable[str]
) -> Iterator[dict[str, Any]]:
    for group in [f"user:{assignee_login}"] if assignee_login else dict.fromkeys(groups):
        yield {"user_task_id": task_id, "group_key": group, "due_at": due_at}


def _rounds_so_far(session: Session, instance_id: str) -> dict[str, int]:
    """Of an instance whose state was stored before states told it."""
    reached = (
        select(UserTask.process_key, UserTask.activity_id, func.max(UserTask.round))
        .where(UserTask.instance_id == instance_id)
        .group_by(UserTask.process_key, UserTask.activity_id)
    )
    return {f"{process_key}/{activity_id}": latest for process_key, activity_id, latest in session.execute(reached)}


def _id(actor: Actor | None) -> str | None:
    return actor.id if actor else None
