"""Meetings that decide together (集体决策): one row for each topic a meeting has dealt with, and one for each member."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from engine.models.base import Base, Id, Key, LongText


class Meeting(Base):
    """One topic before one meeting. A topic that was deferred comes before another one; that is another row."""

    __tablename__ = "meeting"
    __table_args__ = (UniqueConstraint("year", "sequence"), Index(None, "instance_id"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    year: Mapped[int]
    sequence: Mapped[int]
    """Within the year, never used again."""
    instance_id: Mapped[Id] = mapped_column(ForeignKey("process_instance.id"))
    matter: Mapped[Key]
    title: Mapped[LongText]
    held_as: Mapped[Key]
    held_on: Mapped[date]
    chair: Mapped[Key]
    resolved: Mapped[LongText]
    result: Mapped[Key]
    reckoned: Mapped[LongText]
    """How the result comes about, in words."""
    minutes_number: Mapped[Key | None]
    """None until the minutes are issued."""

    members: Mapped[list[MeetingMember]] = relationship(
        order_by="MeetingMember.number", cascade="all, delete-orphan"
    )  # fmt: skip

    @property
    def number(self) -> str:
        return f"会议〔{self.year}〕{self.sequence}号"


class MeetingMember(Base):
    """Somebody entitled to vote, as the day found them."""

    __tablename__ = "meeting_member"

    meeting_id: Mapped[Id] = mapped_column(ForeignKey("meeting.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[Key]
    name: Mapped[Key]
    head: Mapped[bool]
    """主要负责人, who speaks last."""
    attended: Mapped[bool]
    recused: Mapped[bool]
    because: Mapped[LongText | None]
    """Why they left the room (回避), or did not come."""
    spoke_as: Mapped[int | None]
    vote: Mapped[Key | None]
    dissent: Mapped[LongText | None]

    @property
    def present(self) -> bool:
        """For the vote: whoever recuses has left the room."""
        return self.attended and not self.recused
