"""User tasks (待办): who sees them, who may do them, claiming and completing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import ColumnElement, Select, Subquery, bindparam, delete, func, insert, or_, select, union_all, update
from sqlalchemy.orm import Session, joinedload

import forms
from engine import clock, files, history, instances, options, runtime
from engine.db import connection, to_json
from engine.errors import Conflict, InvalidState, NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import Candidate, Draft, Person, ProcessInstance, Submission, TaskStatus, UserTask, table
from engine.runtime import Task
from engine.statements import Batch, Prepared

PAGE = 50
MOST_COUNTED = 100
"""Where a figure on a page stops: beyond it people read "99+"."""


Check = Callable[..., None]
"""`(session, instance, data, *, actor)`: what must be true beyond the form; raises marshmallow's ValidationError by field."""

checks: dict[str, Check] = {}
"""By form key; domains hand theirs over in `application.assemble`."""


prefills: dict[str, Callable[[Session, str], dict[str, Any]]] = {}
"""By form key: with what a step begins that is done for the first time in an instance."""


four_eyes: dict[str, str] = {}
"""By form key: why nobody does such a task who did what it checks, where a rule says so in words of its own."""


def refuse(wrong: Mapping[str, str]) -> None:
    """What was filled in, if anything is wrong with it: what, by field."""
    if wrong:
        raise ValidationError({field: [words] for field, words in wrong.items()})


@dataclass(frozen=True)
class Refusal:
    """Why somebody may not do a task, in words for them."""

    reason: str


def refusal(actor: Actor, task: Task | UserTask) -> Refusal | None:
    """The one rule for button and operation: None if the task is this person's to do."""
    if task.status == TaskStatus.CANCELLED and task.due_at and task.due_at <= clock.now():
        return Refusal(f"期限已于{task.due_at.astimezone(clock.LOCAL):%Y-%m-%d}届满，这件待办已经终止，不再受理。")
    if task.status != TaskStatus.OPEN:
        return Refusal("这件待办已经办结。")
    if actor.id in task.excluded:
        usual = "不能由您办理：您办过它所要审核的环节，须由其他人办理。"
        return Refusal(four_eyes.get(task.form_key or "", usual))
    if task.assignee_id == actor.id:
        return None
    if task.assignee_id is not None:
        return Refusal("这件待办已由他人认领。")
    return None if actor.groups & set(task.candidate_groups) else Refusal("这件待办不属于您。")


def can_complete(actor: Actor, task: Task | UserTask) -> bool:
    return refusal(actor, task) is None


def inbox(actor: Actor, *, search: str = "", page: int = 1) -> Select[UserTask]:
    """A page of the open tasks of a person, due first: assigned, or offered to one of their groups.

    One row more than a page, if there are more. However many tasks wait, so many rows of each group are read as the
    pages need that are shown.
    """
    first, most = (page - 1) * PAGE, page * PAGE + 1
    offered = _offered(actor, None if search else most)
    wanted = select(UserTask).join(offered, UserTask.id == offered.c.user_task_id)
    if search:
        wanted = wanted.join(UserTask.instance).where(_contains(search))
    return wanted.order_by(offered.c.due_at, UserTask.id).limit(most - first).offset(first)


def page_of(session: Session, wanted: Select[UserTask]) -> list[UserTask]:
    """A selection with what a list shows of each task."""
    return list(session.scalars(wanted.options(joinedload(UserTask.instance).joinedload(ProcessInstance.unit))))


def waiting(session: Session, actor: Actor, *, search: str = "") -> int:
    """How many tasks wait for a person, counted up to `MOST_COUNTED`."""
    offered = _offered(actor, None if search else MOST_COUNTED)
    mine = select(offered.c.user_task_id)
    if search:
        mine = (
            mine.join(UserTask, UserTask.id == offered.c.user_task_id).join(UserTask.instance).where(_contains(search))
        )
    return session.scalar(select(func.count()).select_from(mine.limit(MOST_COUNTED).subquery())) or 0


def done_by(actor: Actor, *, page: int = 1) -> Select[UserTask]:
    """A page of what a person has completed, latest first; one row more than a page, if there are more."""
    mine = UserTask.completed_by_id == actor.id, UserTask.status == TaskStatus.COMPLETED
    latest = select(UserTask).where(*mine).order_by(UserTask.ended_at.desc(), UserTask.id)
    return latest.limit(PAGE + 1).offset((page - 1) * PAGE)


def _offered(actor: Actor, most: int | None) -> Subquery:
    """Ids and places of the tasks in the inboxes of a person's groups, of each group the first ones.

    Asked for all groups at once, a database would read and sort everything that waits in any of them.
    """
    place = _CANDIDATE.c.due_at, _CANDIDATE.c.user_task_id
    each = [select(*place).where(_CANDIDATE.c.group_key == group) for group in sorted(actor.groups)]
    first = [select(part.order_by(*place).limit(most).subquery()) if most else part for part in each]
    rows = union_all(*first).subquery()
    return select(rows.c.user_task_id, func.min(rows.c.due_at).label("due_at")).group_by(rows.c.user_task_id).subquery()


def _contains(search: str) -> ColumnElement[bool]:
    words = f"%{search.replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
    return or_(UserTask.name.like(words, escape="!"), ProcessInstance.title.like(words, escape="!"))


def get(session: Session, task_id: str, *, actor: Actor) -> UserTask:
    """The task, if this person may know of it: theirs to do, or part of an instance they may look at."""
    task = session.get(UserTask, task_id)
    if task is None or not (can_complete(actor, task) or instances.can_view(session, actor, task.instance_id)):
        raise _unknown(task_id)
    return task


def claim(session: Session, task_id: str, *, actor: Actor, for_id: str | None = None) -> None:
    """Take an offered task, so that nobody else does it. The loser of a race is told so."""
    instance, task = runtime.lock_with_task(session, task_id)
    if task.assignee_id not in (None, actor.id):
        raise Conflict(f"user task {task_id} is claimed", code="claimed", advice="这件待办已由他人认领。")
    if for_id not in (None, actor.id):
        raise NotAllowed("claiming for somebody else", advice="只能为自己认领。")
    require(session, actor, task)
    hand_over(session, instance, task, actor.id, actor.login, Entry("user_task.claimed", actor.id))


def unclaim(session: Session, task_id: str, *, actor: Actor) -> None:
    """Put a claimed task back to the groups it was offered to."""
    instance, task = runtime.lock_with_task(session, task_id)
    require(session, actor, task)
    if not task.candidate_groups:
        raise InvalidState(f"user task {task_id} has no candidates", advice="这件待办没有其他候选人，不能退回认领。")
    if task.assignee_id is not None:
        hand_over(session, instance, task, None, None, Entry("user_task.unclaimed", actor.id))


def complete(session: Session, task_id: str, submitted: Mapping[str, Any], *, actor: Actor) -> runtime.Instance:
    """Do a task: check the form, keep what was submitted, move the instance on.

    With a form, `submitted` is what was filled in (marshmallow's ValidationError names the fields at fault) and only
    its routing fields become variables; without one it is variables. The property `prefix` of the task goes before
    their names, so that branches which use the same form keep their decisions apart. Rules beyond the form are `checks`.
    """
    instance, task = runtime.lock_with_task(session, task_id)
    require(session, actor, task)
    form = forms.get(task.form_key) if task.form_key else None
    data = form.load(submitted, options.of_form(session, form, instance.id)) if form else dict(submitted)
    if form and form.key in checks:
        checks[form.key](session, instance, data, actor=actor)
    if form and form.has_files:
        files.bind(session, form.files_in(data), instance.id, actor=actor)
    variables = form.routing(data) if form else data
    instances.check_variables(variables)
    prefix = runtime.activity_of(session, instance, task).properties.get("prefix", "")
    runtime.step(
        session,
        instance,
        lambda execution: execution.complete(task.id, {prefix + name: value for name, value in variables.items()}),
        actor=actor,
        entries={task.id: _completed(task, data, actor)},
        batch=_kept(session, task, data, actor),
    )
    return instance


def start_with(session: Session, submitted: Mapping[str, Any], *process: Any, actor: Actor, **about: Any) -> None:
    """Start a process (`instances.start`), and do what its starter is asked first with what they have submitted."""
    started = instances.start(session, *process, actor=actor, **about)
    (task,) = open_in(session, started.id)
    complete(session, task.id, submitted, actor=actor)


def open_in(session: Session, instance_id: str) -> list[UserTask]:
    """What waits for people in an instance, due first."""
    mine = select(UserTask).where(UserTask.instance_id == instance_id, UserTask.status == TaskStatus.OPEN)
    whole = mine.options(joinedload(UserTask.instance).joinedload(ProcessInstance.unit), joinedload(UserTask.assignee))
    return list(session.scalars(whole.order_by(UserTask.due_at.is_(None), UserTask.due_at, UserTask.created_at)))


def submissions(session: Session, instance_id: str, activity_id: str | None = None) -> list[Submission]:
    """What was submitted in an instance, oldest first."""
    wanted = select(Submission).where(Submission.instance_id == instance_id)
    if activity_id:
        wanted = wanted.where(Submission.activity_id == activity_id)
    return list(session.scalars(wanted.order_by(Submission.submitted_at, Submission.user_task_id)))


def last(session: Session, instance_id: str, activity_id: str) -> Submission:
    """What was submitted last at a step that has been done."""
    return submissions(session, instance_id, activity_id)[-1]


def told(session: Session, instance_id: str, activity_id: str) -> dict[str, Any]:
    """The same, what it says."""
    return last(session, instance_id, activity_id).data


def people_of(session: Session, ids: set[str]) -> dict[str, str]:
    """Names by id."""
    found = session.execute(select(Person.id, Person.name).where(Person.id.in_(ids)))
    return {row.id: row.name for row in found}


def _kept(session: Session, task: Task, data: dict[str, Any], actor: Actor) -> Batch:
    """What was submitted, and that the task is done: to be written with all that follows from it."""
    batch = Batch(connection(session))
    batch.add(_DO, [{"wanted": task.id, "at": batch.at, "who": actor.id}])
    submitted = {
        "user_task_id": task.id, "instance_id": task.instance_id, "activity_id": task.activity_id,
        "form_key": task.form_key, "data": data, "submitted_by_id": actor.id, "submitted_at": batch.at,
    }  # fmt: skip
    batch.add(_SUBMIT, [submitted])
    if task.drafted:
        batch.add(_FORGET_DRAFTS, [{"wanted": task.id}])
    return batch


def _completed(task: Task, data: dict[str, Any], actor: Actor) -> Entry:
    return Entry(
        "user_task.completed", actor.id, task.process_key, task.activity_id, "userTask", task.name, task.created_at,
        task.id, {"round": task.round, "submitted": history.fingerprint(to_json(data)), "decision": data.get("decision")},
    )  # fmt: skip


def require(session: Session, actor: Actor, task: Task | UserTask) -> None:
    """Refuse what is not theirs; to a stranger the task does not even exist."""
    refused = refusal(actor, task)
    if refused is None:
        return
    if not instances.can_view(session, actor, task.instance_id):
        raise _unknown(task.id)
    if task.status != TaskStatus.OPEN:
        raise InvalidState(f"user task {task.id} is {task.status}", code="not_open", advice=refused.reason)
    raise NotAllowed(f"user task {task.id} is not for {actor.login}", advice=refused.reason)


def _unknown(task_id: str) -> NotFound:
    return NotFound(f"no user task {task_id}", advice="没有这件待办，或您无权查看。")


def hand_over(
    session: Session, instance: runtime.Instance, task: Task, person_id: str | None, login: str | None, entry: Entry
) -> None:
    """Let a task change hands and inboxes, and write it down. Who may, the caller has asked."""
    _HAND_OVER.execute(connection(session), [{"wanted": task.id, "who": person_id}])
    runtime.offer(session, task, login)
    told = replace(
        entry, process_key=task.process_key, activity_id=task.activity_id, activity_name=task.name, user_task_id=task.id
    )  # fmt: skip
    history.note(session, instance, told)


_TASK, _SUBMISSION, _CANDIDATE, _DRAFT = table(UserTask), table(Submission), table(Candidate), table(Draft)
_MINE = _TASK.c.id == bindparam("wanted")
_DO = Prepared(
    update(_TASK)
    .where(_MINE)
    .values(status=TaskStatus.COMPLETED, ended_at=bindparam("at"), completed_by_id=bindparam("who"))
)
_HAND_OVER = Prepared(update(_TASK).where(_MINE).values(assignee_id=bindparam("who")))
_FORGET_DRAFTS = Prepared(delete(_DRAFT).where(_DRAFT.c.user_task_id == bindparam("wanted")))
_SUBMIT = Prepared(insert(_SUBMISSION), *_SUBMISSION.columns.keys())
