"""Official papers (文书): each with a number (文号) of its own, kept as it was issued."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Json, JsonList, Key, LongText, Moment
from engine.models.organisation import Person, Unit
from engine.models.process import ProcessInstance


class DocumentSeries(Base):
    """The last number that was given in a series and year. Whoever gives the next one holds the row."""

    __tablename__ = "document_series"

    series: Mapped[Key] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int]


class Document(Base):
    """One paper. What it says is never edited; voiding it (作废) is written down beside it, and its number stays taken."""

    __tablename__ = "document"
    __table_args__ = (
        UniqueConstraint("series", "year", "serial"), Index(None, "instance_id"), Index(None, "unit_id"), Index(None, "about"),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[Key]
    series: Mapped[Key]
    year: Mapped[int]
    serial: Mapped[int]
    title: Mapped[LongText]
    unit_id: Mapped[Id | None] = mapped_column(ForeignKey("unit.id"))
    """Whom it concerns: the unit it is addressed to, or whose own report it is."""
    sender: Mapped[LongText]
    addressee: Mapped[LongText]
    issued_on: Mapped[date]
    """The day it bears (成文日期)."""
    told: Mapped[Json]
    """The facts it was written from."""
    body: Mapped[JsonList]
    """What it says, part by part: later words of its kind do not change it."""
    sha256: Mapped[Key]
    """Over all that the reader of the paper sees, and `told`."""
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    about: Mapped[Key | None]
    """What else it belongs to, as `finding:<id>`."""
    issued_at: Mapped[Moment]
    issued_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    """None where time alone made it due."""
    voided_at: Mapped[Moment | None]
    voided_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    void_reason: Mapped[LongText | None]

    unit: Mapped[Unit | None] = relationship()
    instance: Mapped[ProcessInstance] = relationship()
    issued_by: Mapped[Person | None] = relationship(foreign_keys=[issued_by_id])
    voided_by: Mapped[Person | None] = relationship(foreign_keys=[voided_by_id])

    @property
    def number(self) -> str:
        return f"{self.series}〔{self.year}〕{self.serial}号"

    @property
    def content(self) -> dict[str, Any]:
        """What the fingerprint covers."""
        said = {name: getattr(self, name) for name in ("kind", "title", "sender", "addressee", "told", "body")}
        return {"number": self.number, "issued_on": self.issued_on.isoformat(), **said}
