"""Supervision (督导): rounds, the visits they are made of, and the findings that must be closed (销号)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText, Moment
from engine.models.organisation import Person, Unit
from engine.models.plan import WorkPoint
from engine.models.process import ProcessInstance


class SupervisionRound(Base):
    """Visits that belong together: those of a month (经常性督导), or those a work point's 督导 phase asks for."""

    __tablename__ = "supervision_round"

    id: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(unique=True)
    """What the round is for, `routine:2021-04` or `point:<instance>`; unique, so that no round is opened twice."""
    title: Mapped[LongText]
    theme: Mapped[LongText | None]
    visit_by: Mapped[date]
    point_id: Mapped[Id | None] = mapped_column(ForeignKey("work_point.id"))
    opened_at: Mapped[Moment]
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)

    point: Mapped[WorkPoint | None] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()
    visits: Mapped[list[Visit]] = relationship(back_populates="round", order_by="Visit.number")


class Visit(Base):
    """One inspector goes to one school."""

    __tablename__ = "visit"
    __table_args__ = (UniqueConstraint("round_id", "school_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    round_id: Mapped[Id] = mapped_column(ForeignKey("supervision_round.id"))
    number: Mapped[int]
    school_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    inspector_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    visited_on: Mapped[date | None]
    summary: Mapped[LongText | None]

    round: Mapped[SupervisionRound] = relationship(back_populates="visits")
    school: Mapped[Unit] = relationship()
    inspector: Mapped[Person] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()


class Finding(Base):
    """A problem found (问题). It is closed by its process alone, and never by whoever rectified it."""

    __tablename__ = "finding"

    id: Mapped[Id] = mapped_column(primary_key=True)
    number: Mapped[Key] = mapped_column(unique=True)
    """`2021-001`, never used again."""
    visit_id: Mapped[Id] = mapped_column(ForeignKey("visit.id"))
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    title: Mapped[LongText]
    description: Mapped[LongText]
    clause: Mapped[LongText]
    severity: Mapped[Key]
    found_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    issued_at: Mapped[Moment]
    rectify_by: Mapped[date]
    closed_at: Mapped[Moment | None]
    closed_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)

    visit: Mapped[Visit] = relationship()
    unit: Mapped[Unit] = relationship()
    found_by: Mapped[Person] = relationship(foreign_keys=[found_by_id])
    closed_by: Mapped[Person | None] = relationship(foreign_keys=[closed_by_id])
    instance: Mapped[ProcessInstance | None] = relationship()
