"""How an instance moves: lock it, let the token engine run to the next stand-still, store state and consequences at once.

`step` is the same for a completed user task, a due timer and a delivered message. If you know it, you know the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, undefer

from engine import assignment, clock, deadlines, definitions, history, jobs, messages
from engine.errors import InvalidState, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import (
    Candidate,
    InstanceStatus,
    Job,
    MessageSubscription,
    ProcessInstance,
    Submission,
    TaskStatus,
    UserTask,
)
from engine.spiff import Definition, Execution, Services, Wait


class ServiceTask(Protocol):
    """A function that a diagram may name. What it returns becomes variables of the token."""

    def __call__(
        self, session: Session, instance: ProcessInstance, *, variables: Mapping[str, Any], actor: Actor | None
    ) -> Mapping[str, Any] | None: ...


service_tasks: dict[str, ServiceTask] = {}
"""Name in the diagram → function; the domains hand theirs over in `application.assemble`."""


def lock(session: Session, instance_id: str) -> ProcessInstance:
    """The instance, and nobody else's until this transaction ends."""
    wanted = select(ProcessInstance).where(ProcessInstance.id == instance_id).options(undefer(ProcessInstance.state))
    # `key_share`: rows that only point to this instance (a child's message to its parent) need not wait for it.
    locked = wanted.with_for_update(of=ProcessInstance, key_share=True)
    instance = session.scalar(locked.execution_options(populate_existing=True))
    if instance is None:
        raise NotFound(f"no process instance {instance_id}", advice="没有这个流程。")
    return instance


def begin(
    session: Session, instance: ProcessInstance, variables: Mapping[str, Any], *, actor: Actor | None
) -> None:  # fmt: skip
    """The first step of a new instance."""
    execution = Execution.start(_definition(session, instance), variables, _services(session, instance, actor))
    history.record(session, instance, [Entry("instance.started", _id(actor), detail={"title": instance.title})])
    _advance(session, instance, execution, [], actor)


def step(
    session: Session,
    instance: ProcessInstance,
    act: Callable[[Execution], object],
    *,
    actor: Actor | None,
    entries: Mapping[str, Entry] | None = None,
) -> None:
    """Load, act, run on, store. `entries` replaces, by token id, what history would say of a passed activity."""
    require_active(instance)
    execution = load(session, instance, actor=actor)
    before = execution.waits()
    act(execution)
    _advance(session, instance, execution, before, actor, entries or {})


def load(session: Session, instance: ProcessInstance, *, actor: Actor | None = None) -> Execution:
    return Execution.load(_definition(session, instance), instance.state, _services(session, instance, actor))


def _definition(session: Session, instance: ProcessInstance) -> Definition:
    return definitions.parsed(session, definitions.get(session, instance.definition_id))


def terminate(session: Session, instance: ProcessInstance, *, actor: Actor | None, reason: str) -> None:
    """End an instance before its end; what waits in it is cancelled. Its children go on."""
    require_active(instance)
    execution = load(session, instance)
    before = execution.waits()
    execution.terminate()
    entry = Entry("instance.terminated", _id(actor), detail={"reason": reason})
    _store(session, instance, execution, before, [])
    _end(session, instance, InstanceStatus.TERMINATED, entry)


def fire_timers(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: let every timer of an instance fire that is due."""
    instance = lock(session, payload["instance_id"])
    if instance.status == InstanceStatus.ACTIVE:
        step(session, instance, lambda execution: None, actor=None)


def deliver_message(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler. An instance that does not wait for it (any more, or yet) loses nothing: it looks at the facts itself."""
    instance = lock(session, payload["instance_id"])
    if instance.status == InstanceStatus.ACTIVE and messages.is_awaited(session, instance.id, payload["name"]):
        step(session, instance, lambda execution: execution.deliver(payload["name"], {}), actor=None)


def require_active(instance: ProcessInstance) -> None:
    if instance.status != InstanceStatus.ACTIVE:
        raise InvalidState(f"process instance {instance.id} has ended", advice="该流程已经结束。")


def _services(session: Session, instance: ProcessInstance, actor: Actor | None) -> Services:
    return lambda name, variables: service_tasks[name](session, instance, variables=variables, actor=actor)


def _advance(
    session: Session,
    instance: ProcessInstance,
    execution: Execution,
    before: list[Wait],
    actor: Actor | None,
    entries: Mapping[str, Entry] | None = None,
) -> None:
    execution.advance()
    passed = [(entries or {}).get(each.token_id) or _entry(each, actor) for each in execution.passed]
    _store(session, instance, execution, before, passed)
    if execution.completed:
        _end(session, instance, InstanceStatus.COMPLETED, Entry("instance.completed", _id(actor)))


def _entry(passed: Any, actor: Actor | None) -> Entry:
    activity = passed.activity
    return Entry(
        "activity.completed", _id(actor), activity.process_key, activity.id, activity.type, activity.name,
        passed.started_at, passed.token_id if activity.type == "userTask" else None,
    )  # fmt: skip


def _store(
    session: Session,
    instance: ProcessInstance,
    execution: Execution,
    before: list[Wait],
    entries: list[Entry],
) -> None:
    """State, history and everything that now waits, in one go."""
    after = [] if execution.completed else execution.waits()
    gone, new = _difference(before, after), _difference(after, before)
    instance.state = execution.state()
    cancelled = _close_tasks(session, instance, gone)
    opened = _open_tasks(session, instance, new)
    history.record(session, instance, [*entries, *cancelled, *opened])
    _sync_timers(session, instance, gone, new)
    _sync_subscriptions(session, instance, gone, new)
    session.flush()


def _difference(these: list[Wait], those: list[Wait]) -> list[Wait]:
    known = {(wait.token_id, wait.due_at) for wait in those}
    return [wait for wait in these if (wait.token_id, wait.due_at) not in known]


def _is_user_task(wait: Wait) -> bool:
    return wait.due_at is None and wait.message is None


def _close_tasks(session: Session, instance: ProcessInstance, gone: list[Wait]) -> list[Entry]:
    """Cancel the user tasks that vanished without having been completed."""
    ended = [wait.token_id for wait in gone if _is_user_task(wait)]
    if not ended:
        return []
    session.execute(delete(Candidate).where(Candidate.user_task_id.in_(ended)))
    still_open = select(UserTask).where(UserTask.id.in_(ended), UserTask.status == TaskStatus.OPEN)
    entries = []
    for task in session.scalars(still_open):
        task.status, task.ended_at = TaskStatus.CANCELLED, clock.now()
        entries.append(Entry("user_task.cancelled", activity_id=task.activity_id, user_task_id=task.id))
    return entries


def _open_tasks(session: Session, instance: ProcessInstance, new: list[Wait]) -> Iterator[Entry]:
    for wait in filter(_is_user_task, new):
        task = _user_task(session, instance, wait)
        session.add(task)
        session.flush()
        if task.assignee_id is None:
            offer(session, task)
        yield Entry(
            "user_task.created", None, task.process_key, task.activity_id, "userTask", task.name,
            user_task_id=task.id, detail={"groups": task.candidate_groups, "assignee": task.assignee_id},
        )  # fmt: skip


def offer(session: Session, task: UserTask) -> None:
    """Put an unassigned user task into the inboxes of its groups."""
    rows = [
        {"user_task_id": task.id, "group_key": group, "due_at": task.due_at}
        for group in dict.fromkeys(task.candidate_groups)
    ]
    if rows:
        session.execute(insert(Candidate), rows)


def _user_task(session: Session, instance: ProcessInstance, wait: Wait) -> UserTask:
    activity = wait.activity
    assigned = assignment.assign(session, instance, activity, wait.variables)
    due = deadlines.due(activity.due_date, wait.variables)
    return UserTask(
        id=wait.token_id, instance_id=instance.id, process_key=activity.process_key, activity_id=activity.id,
        name=activity.name or activity.id, form_key=activity.form_key, lane=activity.lane,
        round=1 + _times_done(session, instance, activity.id), candidate_groups=list(assigned.groups),
        assignee_id=assigned.assignee_id, excluded=_excluded(session, instance, activity.properties),
        due_at=due.at, due_reason=due.reason, created_at=clock.now(), status=TaskStatus.OPEN,
    )  # fmt: skip


def _times_done(session: Session, instance: ProcessInstance, activity_id: str) -> int:
    mine = Submission.instance_id == instance.id, Submission.activity_id == activity_id
    return session.scalar(select(func.count()).select_from(Submission).where(*mine)) or 0


def _excluded(session: Session, instance: ProcessInstance, properties: Mapping[str, str]) -> list[str]:
    """Who did what this task checks, this time or an earlier one (`not_doer_of`)."""
    checked = [name.strip() for name in properties.get("not_doer_of", "").split(",") if name.strip()]
    if not checked:
        return []
    doers = select(Submission.submitted_by_id).where(
        Submission.instance_id == instance.id, Submission.activity_id.in_(checked)
    )
    return sorted(set(session.scalars(doers)))


def _sync_timers(session: Session, instance: ProcessInstance, gone: list[Wait], new: list[Wait]) -> None:
    for wait in gone:
        if wait.due_at:
            jobs.cancel(session, f"timer:{wait.token_id}")
    for wait in new:
        if wait.due_at:
            jobs.add(
                session, "timer", wait.due_at, {"instance_id": instance.id},
                dedupe_key=f"timer:{wait.token_id}", instance_id=instance.id,
            )  # fmt: skip


def _sync_subscriptions(session: Session, instance: ProcessInstance, gone: list[Wait], new: list[Wait]) -> None:
    ended = [wait.token_id for wait in gone if wait.message]
    if ended:
        session.execute(delete(MessageSubscription).where(MessageSubscription.token_id.in_(ended)))
    rows = [
        {"token_id": wait.token_id, "message_name": wait.message, "instance_id": instance.id,
         "business_key": instance.business_key}
        for wait in new if wait.message
    ]  # fmt: skip
    if rows:
        session.execute(insert(MessageSubscription), rows)


def _end(session: Session, instance: ProcessInstance, status: InstanceStatus, entry: Entry) -> None:
    instance.status, instance.ended_at = status, clock.now()
    history.record(session, instance, [entry])
    session.execute(delete(Job).where(Job.instance_id == instance.id, Job.kind == "timer"))
    if instance.parent_id:
        # The parent counts what is still open when it hears this; it need not be waiting yet.
        finished = f"{instance.definition_key}_finished"
        messages.send(session, finished, instance_id=instance.parent_id, dedupe_key=f"finished:{instance.id}")
    session.flush()


def _id(actor: Actor | None) -> str | None:
    return actor.id if actor else None
