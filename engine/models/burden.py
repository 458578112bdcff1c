"""What is asked of schools (负担台账): visits and data requests of all departments, and the values units have answered."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, JsonList, Key, LongText, Moment
from engine.models.organisation import Unit


class SchoolContact(Base):
    """Somebody comes to a school, or wants something told. It announces; what it is about runs elsewhere."""

    __tablename__ = "school_contact"
    __table_args__ = (Index(None, "unit_id", "starts_on"), Index(None, "department_id", "starts_on"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    department_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[Key]
    """`visit` or `request`."""
    title: Mapped[LongText]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    hours: Mapped[float]
    """What it takes the school."""
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    """The process that it belongs to; None for a visit that was announced by hand."""
    statutory: Mapped[bool]
    """The law wants it: no cap counts it, and nothing moves it."""
    matters: Mapped[JsonList]
    justification: Mapped[LongText | None]
    """Why it had to be, although a rule spoke against it."""
    merged_into_id: Mapped[Id | None] = mapped_column(ForeignKey("school_contact.id"), index=True)
    """The visit on whose day it takes place (进一次门、查多项事)."""
    cancelled_at: Mapped[Moment | None]
    noted_at: Mapped[Moment]

    unit: Mapped[Unit] = relationship(foreign_keys=[unit_id])
    department: Mapped[Unit] = relationship(foreign_keys=[department_id])
    merged_into: Mapped[SchoolContact | None] = relationship(remote_side=[id])


class HeldValue(Base):
    """A value that a unit has told and the asker has accepted. It is never edited: what is told later is another row."""

    __tablename__ = "held_value"
    __table_args__ = (Index(None, "unit_id", "field"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    field: Mapped[LongText]
    """Name and unit of measurement, as they are compared."""
    value: Mapped[LongText]
    as_of: Mapped[date]
    source: Mapped[LongText]
    source_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    """The instance in which it was first told: where a later answer left it as it was, that is not the later one."""
    told_in_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    told_at: Mapped[Moment]
