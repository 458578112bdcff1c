"""What lamps rest on: facts with two times, and the thresholds they are judged by. Both are only ever added to."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from engine.models.base import Base, Id, Json, Key, LongText, Moment


class Fact(Base):
    """One thing that is known of a commitment, work point, finding or visit: when it happened, and when we were told."""

    __tablename__ = "fact"
    __table_args__ = (Index(None, "subject_id", "subject_kind"), Index(None, "instance_id"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    subject_kind: Mapped[Key]
    """The table of what it is about."""
    subject_id: Mapped[Id]
    kind: Mapped[Key]
    happened_at: Mapped[Moment]
    recorded_at: Mapped[Moment]
    """The moment of the transaction that wrote it, whatever was said in it. Never before `happened_at`."""
    recorded_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    value: Mapped[Json]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))


class LampThreshold(Base):
    """From a day on a border between two colours lies here. A change is another row, so that earlier days keep theirs."""

    __tablename__ = "lamp_threshold"
    __table_args__ = (Index(None, "key", "effective_on"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Key]
    value: Mapped[float]
    effective_on: Mapped[date]
    source: Mapped[LongText]
    confirmed: Mapped[bool]
    """False until the bureau has checked it (待核对)."""
    recorded_at: Mapped[Moment]
    recorded_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
