"""What all tables share, and the one table that holds settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, cast

from sqlalchemy import JSON, MetaData, String, Table, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from engine.db import UtcDateTime

Id = Annotated[str, mapped_column(String(36))]
"""UUID text, or the longer `key:version:uuid` of a definition where a column says so."""

Key = Annotated[str, mapped_column(String(100))]
"""A short name of ours or of a diagram: role, unit key, element id."""

Moment = Annotated[datetime, mapped_column(UtcDateTime)]
Json = Annotated[dict[str, Any], mapped_column(JSON)]
JsonList = Annotated[list[Any], mapped_column(JSON)]
LongText = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table(model: type[Base]) -> Table:
    """The table behind a class: where a step runs often, rows cost less than objects that are tracked for changes."""
    return cast(Table, model.__table__)


class Setting(Base):
    """What the installation is: demonstration or real, and how far a demonstration's clock is shifted."""

    __tablename__ = "setting"

    key: Mapped[Key] = mapped_column(primary_key=True)
    value: Mapped[LongText]
