"""Identifiers: lower-case UUID text."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def new() -> str:
    """A fresh random UUID (version 4)."""
    return str(uuid4())


def of(name: str) -> str:
    """The UUID of something that has a name of ours: the same in every database."""
    return str(uuid5(NAMESPACE_OID, name))


def in_year(session: Session, numbered: Any, year: int) -> int:
    """The next `sequence` of what is numbered within a year."""
    return (session.scalar(select(func.max(numbered.sequence)).where(numbered.year == year)) or 0) + 1


def token() -> str:
    """A secret nobody can guess."""
    return secrets.token_urlsafe(32)
