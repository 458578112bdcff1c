"""What was signed on checklists: one row for each item, at each level, each time it was looked at."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText, Moment
from engine.models.organisation import Person


class ChecklistMark(Base):
    """Somebody says of one item whether it is so. Only ever added to: of several on an item and level the latest counts."""

    __tablename__ = "checklist_mark"
    __table_args__ = (Index(None, "instance_id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    level: Mapped[int]
    """1 the school itself, 2 its district, 3 the city."""
    item_key: Mapped[Key]
    result: Mapped[Key]
    """`pass`, `fail` or `na`."""
    note: Mapped[LongText | None]
    by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    at: Mapped[Moment]

    by: Mapped[Person] = relationship()
