"""What people upload, and what they have filled in but not sent yet."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from engine.models.base import Base, Id, Json, Key, LongText, Moment


class StoredFile(Base):
    """A file somebody uploads. Its bytes lie under their hash, once for all rows that have the same."""

    __tablename__ = "stored_file"
    __table_args__ = (Index(None, "uploaded_by_id", "instance_id"), Index(None, "instance_id"), Index(None, "sha256"))

    id: Mapped[Id] = mapped_column(primary_key=True)
    """Made by the client, so that announcing it again is harmless."""
    name: Mapped[LongText]
    """As it was called where it came from: a text, never a path."""
    media_type: Mapped[Key] = mapped_column(default="")
    """By its content."""
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[Moment | None]
    begun_at: Mapped[Moment]
    uploaded_at: Mapped[Moment | None]
    """None until all of it is here and it was looked at."""
    uploaded_by_id: Mapped[Id] = mapped_column(ForeignKey("person.id"))
    instance_id: Mapped[Id | None] = mapped_column(ForeignKey("process_instance.id"))
    """With which it was submitted; None before that."""
    thumbnail: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)

    @property
    def is_picture(self) -> bool:
        return self.media_type.startswith("image/")


class Draft(Base):
    """What a person has filled in at a user task (草稿); gone when the task is done."""

    __tablename__ = "draft"

    user_task_id: Mapped[Id] = mapped_column(ForeignKey("user_task.id"), primary_key=True)
    person_id: Mapped[Id] = mapped_column(ForeignKey("person.id"), primary_key=True)
    data: Mapped[Json]
    revision: Mapped[int]
    saved_at: Mapped[Moment]
