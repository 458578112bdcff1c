"""The calendars, and the time limits (期限) that are counted on them. Nothing recorded is edited: a change is another row."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText, Moment
from engine.models.organisation import Person


class CalendarDay(Base):
    """A day that is not what its weekday says, or that has a name. Of several rows for a day the last one holds."""

    __tablename__ = "calendar_day"
    __table_args__ = (Index(None, "day"),)

    number: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    working: Mapped[bool]
    name: Mapped[Key]
    source: Mapped[LongText]
    """The document it is taken from."""
    recorded_at: Mapped[Moment]
    recorded_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))

    recorded_by: Mapped[Person | None] = relationship()


class CalendarYear(Base):
    """A year whose holidays the State Council has announced. Any other is provisional (暂定)."""

    __tablename__ = "calendar_year"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[LongText]
    recorded_at: Mapped[Moment]
    recorded_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))

    recorded_by: Mapped[Person | None] = relationship()


class SchoolTerm(Base):
    """A term of a school year (2021: the one that begins in autumn 2021). Of several rows for a term the last one holds."""

    __tablename__ = "school_term"

    number: Mapped[int] = mapped_column(primary_key=True)
    school_year: Mapped[int]
    term: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    source: Mapped[LongText]
    confirmed: Mapped[bool]
    """The bureau has said so; otherwise it is our assumption (待核对)."""
    recorded_at: Mapped[Moment]
    recorded_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))


class TimeLimit(Base):
    """One version of one rule about time: who must have done what, so long after (or before) which event."""

    __tablename__ = "time_limit"
    __table_args__ = (Index(None, "key"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Key]
    """What a diagram calls it; the same in every rule set that has a word on the matter."""
    rule_set: Mapped[Key]
    """`national`, a province, or `bureau`."""
    subject: Mapped[Key]
    name: Mapped[LongText]
    article: Mapped[LongText]
    amount: Mapped[int | None]
    """None where the number is not known yet, or where somebody sets the date in each case."""
    unit: Mapped[Key]
    """`working_days`, `days`, `hours`, `months`, or `set`: a date that somebody sets."""
    sense: Mapped[Key]
    """`within`, `at_least`, or `ahead` of the event."""
    event: Mapped[Key]
    counts_from: Mapped[LongText]
    """The event in words."""
    on_expiry: Mapped[LongText]
    bound: Mapped[LongText]
    """Who must keep it."""
    mark: Mapped[Key]
    """How sure we are: L read in the law, V seen in print, K known but not verified, P proposed."""
    effective_from: Mapped[date | None]
    effective_to: Mapped[date | None]
    source: Mapped[LongText]
    reason: Mapped[LongText]
    """Why this version was made."""
    recorded_at: Mapped[Moment]
    recorded_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    replaces_id: Mapped[Id | None] = mapped_column(ForeignKey("time_limit.id"), unique=True)

    recorded_by: Mapped[Person | None] = relationship()
