"""Who is barred (一票否决) from awards, posts and grants, from when until when, and by which decision."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, JsonList, Key, LongText, Moment
from engine.models.organisation import Person


class Bar(Base):
    """One bar. It is never edited; lifting it (解除) is written down beside it."""

    __tablename__ = "bar"
    __table_args__ = (UniqueConstraint("year", "sequence"), Index(None, "subject_key"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    year: Mapped[int]
    sequence: Mapped[int]
    """Within the year, never used again."""
    kind: Mapped[Key]
    """`person` or `unit`."""
    subject: Mapped[LongText]
    subject_key: Mapped[Key]
    """The name as it is compared: without spaces and variants of signs."""
    unit_words: Mapped[LongText]
    """The person's unit when barred, by name; the unit itself where it is barred."""
    id_hint: Mapped[Key | None]
    """The last signs of an identity number: they tell people of one name apart."""
    reason: Mapped[Key]
    sanction: Mapped[Key]
    basis: Mapped[LongText]
    """Number of the decision."""
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    """The last day of the bar; without one it holds until it is lifted."""
    ends_why: Mapped[LongText]
    scopes: Mapped[JsonList]
    registered_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    registered_at: Mapped[Moment]
    lifted_by_id: Mapped[Id | None] = mapped_column(ForeignKey("person.id"))
    lifted_at: Mapped[Moment | None]
    lifted_on: Mapped[date | None]
    lifted_by_decision: Mapped[LongText | None]

    registered_by: Mapped[Person] = relationship(foreign_keys=[registered_by_id])
    lifted_by: Mapped[Person | None] = relationship(foreign_keys=[lifted_by_id])

    @property
    def number(self) -> str:
        return f"否决〔{self.year}〕{self.sequence}号"

    def is_in_force(self, on: date) -> bool:
        ended = self.ends_on is not None and self.ends_on < on
        lifted = self.lifted_on is not None and self.lifted_on <= on
        return self.starts_on <= on and not ended and not lifted
