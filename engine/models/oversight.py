"""What the office drives others to do (督办事项): one row for each thing, from its registration (立项) on."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText, Moment
from engine.models.organisation import Person, Unit
from engine.models.process import ProcessInstance


class OversightItem(Base):
    """One thing that one unit must bring to its end (一事一项). It is closed by its process alone."""

    __tablename__ = "oversight_item"
    __table_args__ = (UniqueConstraint("year", "sequence"), Index(None, "lead_id"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    year: Mapped[int]
    sequence: Mapped[int]
    """Within the year, never used again."""
    title: Mapped[LongText]
    source: Mapped[Key]
    urgency: Mapped[Key]
    document: Mapped[LongText]
    """Where it is demanded, and when."""
    event_on: Mapped[date]
    demand: Mapped[LongText]
    criterion: Mapped[LongText]
    """What counts as done (办结口径)."""
    lead_id: Mapped[Id] = mapped_column(ForeignKey("unit.id"))
    partners: Mapped[LongText | None]
    """Co-operating units, in the words of the order."""
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    registered_at: Mapped[Moment]
    registered_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    """Who drafted it, and chases it from then on."""
    due_at: Mapped[Moment]
    due_reason: Mapped[LongText | None]
    due_basis: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """As in a user task: how the date was counted, None where somebody has set it."""
    done_at: Mapped[Moment | None]
    """When the unit has reported it done; None again once that is returned (退办)."""
    closed_at: Mapped[Moment | None]

    lead: Mapped[Unit] = relationship()
    instance: Mapped[ProcessInstance] = relationship()
    registered_by: Mapped[Person] = relationship()

    @property
    def number(self) -> str:
        return f"督办〔{self.year}〕{self.sequence}号"
