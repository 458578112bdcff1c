"""Who there is: units, people, the positions they hold, and the facts that limit who may act for or on whom."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText, Moment


class Unit(Base):
    """Bureau, leadership, department, district bureau or school; `key` is what diagrams and data files call it."""

    __tablename__ = "unit"

    id: Mapped[Id] = mapped_column(primary_key=True)
    key: Mapped[Key] = mapped_column(unique=True)
    name: Mapped[Key]
    kind: Mapped[Key]
    parent_id: Mapped[Id | None] = mapped_column(ForeignKey("unit.id"))
    stage: Mapped[Key | None]
    remit: Mapped[LongText | None]
    assumed: Mapped[bool] = mapped_column(default=False)
    """The name or remit is our assumption, to be confirmed by the bureau (待核对)."""
    order: Mapped[int] = mapped_column(default=0)
    area: Mapped[Key | None]
    """The inspectors' area (督学责任区) of a school, by its name."""

    parent: Mapped[Unit | None] = relationship(remote_side=[id])


class Person(Base):
    """Somebody who may log in. Ending an account, or changing its password, raises `credential_version`."""

    __tablename__ = "person"

    id: Mapped[Id] = mapped_column(primary_key=True)
    login: Mapped[Key] = mapped_column(unique=True)
    name: Mapped[Key]
    password_hash: Mapped[LongText]
    credential_version: Mapped[int] = mapped_column(default=1)
    active: Mapped[bool] = mapped_column(default=True)
    email: Mapped[str | None] = mapped_column(String(254))
    wants_mail: Mapped[bool] = mapped_column(default=True)
    """Whether notifications also go to the address, where there is one."""

    positions: Mapped[list[Position]] = relationship(back_populates="person", order_by="Position.order")


class Position(Base):
    """A role exercised over a unit. A deputy leader's position names the department overseen (分管)."""

    __tablename__ = "position"
    __table_args__ = (UniqueConstraint("person_id", "unit_id", "role"), Index(None, "role", "unit_id"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    role: Mapped[Key]
    title: Mapped[Key]
    order: Mapped[int] = mapped_column(default=0)

    person: Mapped[Person] = relationship(back_populates="positions")
    unit: Mapped[Unit] = relationship()


class SchoolBinding(Base):
    """The responsible inspector (责任督学) of a school, while the binding lasts."""

    __tablename__ = "school_binding"
    __table_args__ = (Index(None, "school_id", "starts_on"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    school_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    inspector_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]

    school: Mapped[Unit] = relationship()
    inspector: Mapped[Person] = relationship()


class RecusalFact(Base):
    """Why a person must not inspect or verify a unit (教育督导条例 art. 10)."""

    __tablename__ = "recusal_fact"
    __table_args__ = (Index(None, "person_id", "unit_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[Key]
    """`relative`, `child_attends`, `served_there`, `left`, or `other`."""
    left_on: Mapped[date | None]
    """Of `left`: since when; the fact counts for as long as the limit `recusal_after_leaving` says."""
    note: Mapped[LongText | None]


class StandIn(Base):
    """Somebody acts for an absent person (代理) from one day to another, both included."""

    __tablename__ = "stand_in"
    __table_args__ = (Index(None, "stand_in_id", "ends_on"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    stand_in_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    note: Mapped[LongText | None]

    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class LoginSession(Base):
    """A browser that logged in. Only a digest of its token is kept; it ends with the credential it was opened under."""

    __tablename__ = "login_session"

    digest: Mapped[Key] = mapped_column(primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    credential_version: Mapped[int]
    opened_at: Mapped[Moment]
    seen_at: Mapped[Moment]

    person: Mapped[Person] = relationship()
