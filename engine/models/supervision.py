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
    """Visits that belong together: those of a month (经常性督导), or those a theme or a work point's 督导 phase asks for."""

    __tablename__ = "supervision_round"

    id: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(unique=True)
    """What the round is for, `routine:2021-04` or `point:<instance>`; unique, so that no round is opened twice."""
    kind: Mapped[Key]
    """`routine` (经常性) or `theme` (专项主题)."""
    all_matters: Mapped[bool]
    """Its visits look at all eight matters, so they count for how often a school must be visited."""
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
    due_on: Mapped[date | None]
    """Until when, where that is not the round's own day, and by which rule."""
    due_reason: Mapped[LongText | None]
    visited_on: Mapped[date | None]
    summary: Mapped[LongText | None]

    round: Mapped[SupervisionRound] = relationship(back_populates="visits")
    school: Mapped[Unit] = relationship()
    inspector: Mapped[Person] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()

    @property
    def visit_by(self) -> date:
        return self.due_on or self.round.visit_by


class MissedVisit(Base):
    """A month or term went by without the visits it demands (漏访). It stays, whatever is visited or corrected later."""

    __tablename__ = "missed_visit"
    __table_args__ = (UniqueConstraint("school_id", "rule", "period_key"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    school_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    rule: Mapped[Key]
    """Key of the time limit that demands them."""
    period_key: Mapped[Key]
    period_name: Mapped[Key]
    ended_on: Mapped[date]
    demanded: Mapped[LongText]
    """What was demanded, and how often somebody came."""
    inspector_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    """Who answered for the school when the period ended; nobody where it had no inspector."""
    noted_at: Mapped[Moment]
    reason: Mapped[LongText | None]
    explained_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    explained_at: Mapped[Moment | None]

    school: Mapped[Unit] = relationship()
    inspector: Mapped[Person | None] = relationship(foreign_keys=[inspector_id])
    explained_by: Mapped[Person | None] = relationship(foreign_keys=[explained_by_id])


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
