"""What people are told: in the application, by mail, and in their calendars; and when they are reminded of what is due."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, JsonList, Key, LongText, Moment
from engine.models.organisation import Person


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"


class Delivery(Base):
    """A mail on its way (发件箱): it leaves by a job, and stays here with what became of it."""

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "state", "created_at"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    channel: Mapped[Key]
    address: Mapped[str] = mapped_column(String(254))
    subject: Mapped[LongText]
    body: Mapped[LongText]
    state: Mapped[Key] = mapped_column(default=DeliveryState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[LongText | None]
    """What the last attempt met with."""
    created_at: Mapped[Moment]
    sent_at: Mapped[Moment | None]

    person: Mapped[Person] = relationship()


class Notification(Base):
    """Something one person is told, once."""

    __tablename__ = "notification"
    __table_args__ = (
        Index(None, "person_id", "created_at"),
        Index("ix_notification_unread", "person_id", sqlite_where=text("read_at IS NULL"),
              postgresql_where=text("read_at IS NULL")),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    kind: Mapped[Key]
    title: Mapped[LongText]
    text: Mapped[LongText]
    subject_kind: Mapped[Key | None]
    subject_id: Mapped[Id | None]
    """Where it leads: what kind of thing it is about, and which."""
    urgent: Mapped[bool]
    created_at: Mapped[Moment]
    read_at: Mapped[Moment | None]
    dedupe_key: Mapped[str] = mapped_column(String(255), unique=True)
    delivery_id: Mapped[Id | None] = mapped_column(ForeignKey("delivery.id"))
    """The mail that carries it."""


class ReminderStage(Base):
    """One step of reminding (提醒规则): so far from the due date these are told, in these words."""

    __tablename__ = "reminder_stage"
    __table_args__ = (UniqueConstraint("basis", "distance"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    basis: Mapped[Key]
    """`days`: working days, for what is due on a day; `hours`, for what is due at a moment of it."""
    distance: Mapped[int]
    """Negative before the due date, 0 on it."""
    recipients: Mapped[JsonList]
    """Of `owner`, `head`, `leader`."""
    words: Mapped[Key]
    assumed: Mapped[bool] = mapped_column(default=False)
    """Ours, to be confirmed by the office (待核对)."""
    changed_at: Mapped[Moment | None]
    changed_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))


class CalendarFeed(Base):
    """A person's due dates for a calendar program. Only a digest of the token in its address is kept."""

    __tablename__ = "calendar_feed"

    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Moment]
