"""Draws by lot (双随机): what was frozen, promised and contributed, and what came of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Json, JsonList, Key, Moment
from engine.models.organisation import Person
from engine.models.process import ProcessInstance


class DrawRecord(Base):
    """One draw. Everything but the replacements is written once; nobody reads `secret` before `drawn_at`."""

    __tablename__ = "draw"
    __table_args__ = (Index(None, "series", "drawn_at"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"), unique=True)
    series: Mapped[Key]
    """Which draws count together towards the cycle in which each object is reached."""
    algorithm: Mapped[Key]
    roster: Mapped[Json]
    """`objects`, `inspectors`, `recused`, `ratio`, `count`, `least`: see `draws.algorithm`."""
    hashes: Mapped[Json]
    frozen_at: Mapped[Moment]
    commitment: Mapped[Key | None]
    secret: Mapped[Key | None]
    committed_at: Mapped[Moment | None]
    drawer_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    contribution: Mapped[Key | None]
    """None after the draw: nobody contributed in time."""
    contributed_at: Mapped[Moment | None]
    contributor_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    seed: Mapped[Key | None]
    drawn_at: Mapped[Moment | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """`objects`, `forced`, `inspectors`, as they were drawn first."""
    replacements: Mapped[JsonList] = mapped_column(default=list)

    instance: Mapped[ProcessInstance] = relationship()
    drawer: Mapped[Person | None] = relationship(foreign_keys=[drawer_id])
    contributor: Mapped[Person | None] = relationship(foreign_keys=[contributor_id])

    @property
    def names(self) -> dict[str, str]:
        """Of objects and inspectors, by key and login."""
        lines: list[dict[str, Any]] = self.roster["objects"] + self.roster["inspectors"]
        return {line["key"]: line["name"] for line in lines}
