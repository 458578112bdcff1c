"""Cases of 督导问责: who is held to account, for what, and by which decision."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, JsonList, Key, LongText, Moment
from engine.models.organisation import Person, Unit
from engine.models.process import ProcessInstance
from engine.models.supervision import Finding

MEMBERS = Table(
    "accountability_member", Base.metadata,
    Column("case_id", String(36), ForeignKey("accountability_case.id"), primary_key=True),
    Column("person_id", String(36), ForeignKey("person.id"), primary_key=True),
)  # fmt: skip


class AccountabilityCase(Base):
    """One case. How it stands is how its process stands; a decision that was changed shows what holds now."""

    __tablename__ = "accountability_case"
    __table_args__ = (UniqueConstraint("year", "sequence"), Index(None, "unit_id", "decided_on"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    year: Mapped[int]
    sequence: Mapped[int]
    """Within the year, never used again."""
    unit_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    second_unit_id: Mapped[Id | None] = mapped_column(ForeignKey("unit.id"))
    """The superior department that shares the liability (连带责任)."""
    kind: Mapped[Key]
    """Which means there are: a government, a school, or people of the unit."""
    person: Mapped[LongText | None]
    situation: Mapped[Key]
    finding_id: Mapped[Id | None] = mapped_column(ForeignKey("finding.id"))
    opened_at: Mapped[Moment]
    facts: Mapped[LongText]
    """Of the lead; once it is investigated, as they were found."""
    circumstances: Mapped[JsonList]
    """Keys of what aggravates (从重)."""
    earlier: Mapped[JsonList]
    """Numbers of the decisions of the year before, for the same unit."""
    means: Mapped[JsonList]
    decided_on: Mapped[date | None]
    effective_on: Mapped[date | None]
    revoked: Mapped[bool] = mapped_column(default=False)
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"), unique=True)

    unit: Mapped[Unit] = relationship(foreign_keys=[unit_id])
    second_unit: Mapped[Unit | None] = relationship(foreign_keys=[second_unit_id])
    finding: Mapped[Finding | None] = relationship()
    instance: Mapped[ProcessInstance | None] = relationship()
    members: Mapped[list[Person]] = relationship(secondary=MEMBERS, order_by=Person.login)
    """The working group (调查认定工作组)."""

    @property
    def number(self) -> str:
        return f"问责案〔{self.year}〕{self.sequence}号"

    @property
    def aggravated(self) -> bool:
        return bool(self.earlier or self.circumstances)
