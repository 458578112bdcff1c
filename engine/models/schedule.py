"""What comes again and again: recurring duties, their occurrences, and the processes that see to it."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Json, Key, LongText, Moment
from engine.models.organisation import Person
from engine.models.process import ProcessInstance


class Recurrence(Base):
    """A duty or a round of supervision that falls due once in every period, with the rule for its day."""

    __tablename__ = "recurrence"

    key: Mapped[Key] = mapped_column(primary_key=True)
    name: Mapped[Key]
    frequency: Mapped[Key]
    day_kind: Mapped[Key]
    day_number: Mapped[int]
    """Counts from 1, or from the end with -1; a weekday is that of ISO 8601."""
    month: Mapped[int | None]
    """In which month of the period (1 the first) the day is counted; None: in the whole period."""
    hour: Mapped[int]
    roll: Mapped[Key]
    """Where the day moves that is no working day."""
    term_only: Mapped[bool]
    """Pauses in the schools' holidays."""
    catch_up: Mapped[bool]
    """Periods that passed while nobody looked are made up for."""
    opener: Mapped[Key | None]
    """The function of a domain that begins an occurrence; else `definition_key` names the process to start."""
    definition_key: Mapped[Key | None]
    variables: Mapped[Json]
    unit_key: Mapped[Key | None]
    """The unit in charge of what is started."""
    source: Mapped[LongText]
    article: Mapped[LongText | None]
    assumed: Mapped[bool]
    """Day or frequency are our assumption, to be confirmed by the bureau (待核对)."""
    note: Mapped[LongText | None]
    active: Mapped[bool]
    active_from: Mapped[date | None]
    active_to: Mapped[date | None]
    since: Mapped[Moment]
    """Whatever was planned for an earlier moment is settled: done, missed, or from a time when this was not active."""


class Occurrence(Base):
    """What became of a recurrence in one period. The key sees to it that a period has no second one."""

    __tablename__ = "occurrence"
    __table_args__ = (Index(None, "planned_for"),)

    recurrence_key: Mapped[Key] = mapped_column(ForeignKey("recurrence.key"), primary_key=True)
    period_key: Mapped[Key] = mapped_column(primary_key=True)
    period_name: Mapped[Key]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    planned_for: Mapped[Moment]
    reason: Mapped[LongText]
    """Why on that day."""
    outcome: Mapped[Key]
    """`opening`, then `started`, or `nothing` where there was nobody to start it for; or `missed`."""
    ran_at: Mapped[Moment | None]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    asked_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    """Who had it run at once instead of on its day."""

    recurrence: Mapped[Recurrence] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()
    asked_by: Mapped[Person | None] = relationship()


class RecurrenceChange(Base):
    """What somebody did to a recurrence. Never edited."""

    __tablename__ = "recurrence_change"
    __table_args__ = (Index(None, "recurrence_key", "at"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    recurrence_key: Mapped[Key] = mapped_column(ForeignKey("recurrence.key"))
    at: Mapped[Moment]
    actor_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[Key]
    """`paused`, `resumed`, `run`, `changed`."""
    reason: Mapped[LongText | None]
    before: Mapped[Json]
    """The values that were changed, as they were."""

    actor: Mapped[Person] = relationship()


class SchedulerNode(Base):
    """A process that ticks, with its last sign of life by its machine's clock."""

    __tablename__ = "scheduler_node"

    name: Mapped[Key] = mapped_column(primary_key=True)
    version: Mapped[Key]
    started_at: Mapped[Moment]
    ticked_at: Mapped[Moment]
