"""Identifiers: lower-case UUID text."""

from __future__ import annotations

import secrets
from uuid import NAMESPACE_OID, uuid4, uuid5


def new() -> str:
    """A fresh random UUID (version 4)."""
    return str(uuid4())


def of(name: str) -> str:
    """The UUID of something that has a name of ours: the same in every database."""
    return str(uuid5(NAMESPACE_OID, name))


def token() -> str:
    """A secret nobody can guess."""
    return secrets.token_urlsafe(32)
