"""What runs: deployed diagrams, their instances, what waits in them for people, time and messages, and what happened."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Json, JsonList, Key, LongText, Moment
from engine.models.organisation import Person, Unit

NEVER_DUE = datetime(9000, 1, 1, tzinfo=UTC)
"""From here on stand the tasks without a due date in an inbox."""

DefinitionId = String(180)
"""`key:version:uuid`."""


class Resource(Base):
    """One deployed file, kept once under the hash of its bytes and never changed."""

    __tablename__ = "resource"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Deployment(Base):
    """Files that were deployed together."""

    __tablename__ = "deployment"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[LongText]
    source: Mapped[LongText | None]
    deployed_at: Mapped[Moment]
    deployed_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))

    resources: Mapped[list[DeploymentResource]] = relationship(order_by="DeploymentResource.name")


class DeploymentResource(Base):
    __tablename__ = "deployment_resource"

    deployment_id: Mapped[Id] = mapped_column(ForeignKey("deployment.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("resource.sha256"))


class ProcessDefinition(Base):
    """One version of a process. Instances stay on the version they were started with."""

    __tablename__ = "process_definition"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[str] = mapped_column(DefinitionId, primary_key=True)
    key: Mapped[Key]
    version: Mapped[int]
    name: Mapped[LongText]
    deployment_id: Mapped[Id] = mapped_column(ForeignKey("deployment.id"))
    resource_name: Mapped[str] = mapped_column(String(255))
    bundle: Mapped[JsonList]
    """Hashes of the file that holds the process (first) and of the files of all processes it calls."""
    bundle_hash: Mapped[str] = mapped_column(String(64), index=True)

    deployment: Mapped[Deployment] = relationship()


class DecisionDefinition(Base):
    """One version of a decision (DMN). A process keeps those that were the latest when it was deployed."""

    __tablename__ = "decision_definition"
    __table_args__ = (UniqueConstraint("key", "version"),)

    id: Mapped[str] = mapped_column(DefinitionId, primary_key=True)
    key: Mapped[Key]
    version: Mapped[int]
    name: Mapped[LongText]
    deployment_id: Mapped[Id] = mapped_column(ForeignKey("deployment.id"))
    resource_name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(ForeignKey("resource.sha256"))


class InstanceStatus(StrEnum):
    ACTIVE = "active"
    COMPLETED = "completed"
    TERMINATED = "terminated"


class ProcessInstance(Base):
    """A running or ended process. `state` is opaque to everyone but `engine.spiff`."""

    __tablename__ = "process_instance"
    __table_args__ = (
        Index(None, "parent_id", "status"),
        Index(None, "definition_key", "status"),
        Index(None, "business_key"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    definition_id: Mapped[str] = mapped_column(DefinitionId, ForeignKey("process_definition.id"))
    definition_key: Mapped[Key]
    business_key: Mapped[str | None] = mapped_column(String(255))
    title: Mapped[LongText]
    unit_id: Mapped[Id | None] = mapped_column(ForeignKey("unit.id"))
    """The unit in charge; candidate rules such as `head_of_lead` speak of it."""
    parent_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    started_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    started_at: Mapped[Moment]
    ended_at: Mapped[Moment | None]
    status: Mapped[Key] = mapped_column(default=InstanceStatus.ACTIVE)
    revision: Mapped[int] = mapped_column(default=0)
    """Raised by every step."""
    state: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    history_length: Mapped[int] = mapped_column(default=0)
    history_head: Mapped[str] = mapped_column(String(64), default="")

    definition: Mapped[ProcessDefinition] = relationship()
    unit: Mapped[Unit | None] = relationship()
    parent: Mapped[ProcessInstance | None] = relationship(remote_side=[id])

    @property
    def unit_key(self) -> str | None:
        return self.unit.key if self.unit else None


class TaskStatus(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class UserTask(Base):
    """Something a person is to do (待办). Its id is that of the token it waits with."""

    __tablename__ = "user_task"
    __table_args__ = (
        Index(None, "instance_id", "status"),
        Index("ix_user_task_completed", "completed_by_id", "ended_at", sqlite_where=text("status = 'completed'"),
              postgresql_where=text("status = 'completed'")),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    process_key: Mapped[Key]
    """The process the element is drawn in: that of the instance, or one it calls."""
    activity_id: Mapped[Key]
    name: Mapped[LongText]
    form_key: Mapped[Key | None]
    lane: Mapped[Key | None]
    round: Mapped[int] = mapped_column(default=1)
    """How often this step has been reached in this instance (第 n 轮)."""
    candidate_groups: Mapped[JsonList]
    excluded: Mapped[JsonList]
    """People who must not do it, because they did what it checks (four eyes)."""
    assignee_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    due_at: Mapped[Moment | None]
    due_reason: Mapped[LongText | None]
    due_basis: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """How `due_at` was counted, where a rule made it; see `engine.deadlines`."""
    created_at: Mapped[Moment]
    status: Mapped[Key] = mapped_column(default=TaskStatus.OPEN)
    ended_at: Mapped[Moment | None]
    completed_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))

    instance: Mapped[ProcessInstance] = relationship()
    assignee: Mapped[Person | None] = relationship(foreign_keys=[assignee_id])
    completed_by: Mapped[Person | None] = relationship(foreign_keys=[completed_by_id])


class Candidate(Base):
    """An open user task in an inbox: of each group it is offered to, or of the person it is assigned to (`user:login`).

    The rows go when the task changes hands or ends, so that an inbox is read from one index, however many tasks there are.
    """

    __tablename__ = "candidate"
    __table_args__ = (Index(None, "group_key", "due_at", "user_task_id"), {"sqlite_with_rowid": False})

    user_task_id: Mapped[Id] = mapped_column(ForeignKey("user_task.id"), primary_key=True)
    group_key: Mapped[Key] = mapped_column(primary_key=True)
    due_at: Mapped[Moment]
    """The place in the inbox; a task without a due date comes after `NEVER_DUE`, in either database last."""


class Submission(Base):
    """What somebody sent with a user task. Never edited: another round is another row."""

    __tablename__ = "submission"
    __table_args__ = (Index(None, "instance_id", "activity_id", "submitted_by_id"),)

    user_task_id: Mapped[Id] = mapped_column(ForeignKey("user_task.id"), primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    activity_id: Mapped[Key]
    form_key: Mapped[Key | None]
    data: Mapped[Json]
    submitted_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    submitted_at: Mapped[Moment]


class Comment(Base):
    """What somebody said about an instance, perhaps at one of its user tasks. Never edited."""

    __tablename__ = "comment"
    __table_args__ = (Index(None, "instance_id", "at"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    user_task_id: Mapped[Id | None] = mapped_column(ForeignKey("user_task.id"))
    author_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    text: Mapped[LongText]
    at: Mapped[Moment]

    author: Mapped[Person] = relationship()


class RememberedAnswer(Base):
    """What a request with an idempotency key was answered, written in the transaction that did what it asked."""

    __tablename__ = "remembered_answer"
    __table_args__ = (Index(None, "at"),)

    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """SHA-256 of method, path and body: the same key with another request is a mistake of the client."""
    status: Mapped[int]
    body: Mapped[LongText]
    at: Mapped[Moment]


class JobState(StrEnum):
    WAITING = "waiting"
    HELD = "held"
    """In a worker's hands, or left there: once `lease_until` has passed, anybody may take it."""
    FAILED = "failed"
    """Gave up after its last attempt; the incident beside it says why."""


class Job(Base):
    """Something that must happen, not before `due_at`. It is deleted in the transaction that does it."""

    __tablename__ = "job"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "instance_id"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[Key]
    due_at: Mapped[Moment]
    payload: Mapped[Json]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    dedupe_key: Mapped[str] = mapped_column(String(255), unique=True)
    state: Mapped[Key] = mapped_column(default=JobState.WAITING)
    lease_until: Mapped[Moment | None]
    lease: Mapped[Id | None]
    """Who holds it; a worker that lost its lease finds another value here and stops."""
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[LongText | None]
    """What the last attempt failed with."""


class Incident(Base):
    """Something stands still and a person must look at it."""

    __tablename__ = "incident"
    __table_args__ = (
        Index(None, "instance_id"),
        Index("ix_incident_open", "created_at", sqlite_where=text("resolved_at IS NULL"),
              postgresql_where=text("resolved_at IS NULL")),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[Key]
    """`job.failed`, `state.damaged`, `instance.stuck`."""
    message: Mapped[LongText]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    job_id: Mapped[Id | None]
    """The job that gave up. It is deleted when it is done after all, so this is no foreign key."""
    created_at: Mapped[Moment]
    resolved_at: Mapped[Moment | None]
    resolved_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    resolution: Mapped[Key | None]
    """`retried`, `cancelled`, or `passed` when it went away by itself."""
    reason: Mapped[LongText | None]
    """Why somebody cancelled it."""

    instance: Mapped[ProcessInstance | None] = relationship()
    resolved_by: Mapped[Person | None] = relationship()


class EventKind(StrEnum):
    MESSAGE = "message"
    SIGNAL = "signal"


class EventSubscription(Base):
    """An instance waits for a message or a signal. A message is found by name and key, a signal by name alone."""

    __tablename__ = "event_subscription"
    __table_args__ = (Index(None, "name", "kind", "correlation_key"), Index(None, "instance_id"))

    token_id: Mapped[Id] = mapped_column(primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    activity_id: Mapped[Key]
    kind: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    correlation_key: Mapped[str | None] = mapped_column(String(255))
    """What the event's own `correlation_key` yielded, else the instance's business key."""


class StartSubscription(Base):
    """The latest version of a process begins when a message or a signal comes, or a time."""

    __tablename__ = "start_subscription"
    __table_args__ = (Index(None, "name", "kind"),)

    definition_key: Mapped[Key] = mapped_column(primary_key=True)
    activity_id: Mapped[Key] = mapped_column(primary_key=True)
    definition_id: Mapped[str] = mapped_column(DefinitionId, ForeignKey("process_definition.id"))
    kind: Mapped[Key]
    """`message`, `signal` or `timer`."""
    name: Mapped[str] = mapped_column(String(255))
    """Of the message or signal; the text of a timer."""


class HistoryEvent(Base):
    """One thing that happened in an instance. Append-only; `hash` covers this row and, through `hash` before it, all earlier ones."""

    __tablename__ = "history_event"

    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[Key]
    at: Mapped[Moment]
    actor_id: Mapped[Id | None]
    process_key: Mapped[Key | None]
    activity_id: Mapped[Key | None]
    activity_type: Mapped[Key | None]
    activity_name: Mapped[LongText | None]
    started_at: Mapped[Moment | None]
    user_task_id: Mapped[Id | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    hash: Mapped[str] = mapped_column(String(64))
