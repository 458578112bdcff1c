"""公示: what is shown to everybody before it takes effect, and the objections to it."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText, Moment


class Notice(Base):
    """One public notice; the latest one of an instance counts."""

    __tablename__ = "notice"
    __table_args__ = (Index(None, "instance_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    title: Mapped[LongText]
    starts_on: Mapped[date]
    ends_at: Mapped[Moment]
    reason: Mapped[LongText]
    """How the end was counted."""
    closed_at: Mapped[Moment | None]

    objections: Mapped[list[Objection]] = relationship(order_by="Objection.raised_at")


class Objection(Base):
    __tablename__ = "objection"
    __table_args__ = (Index(None, "notice_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    notice_id: Mapped[Id] = mapped_column(ForeignKey("notice.id"))
    who: Mapped[Key | None]
    """None: anonymous, which is no reason not to look into it."""
    what: Mapped[LongText]
    evidence: Mapped[LongText | None]
    raised_at: Mapped[Moment]
    raised_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    """Who has entered it."""
    upheld: Mapped[bool | None]
    """None until somebody has looked into it."""
