"""Identifiers: lower-case UUID text."""

from __future__ import annotations

import secrets
from uuid import uuid4


def new() -> str:
    """A fresh random UUID (version 4)."""
    return str(uuid4())


def token() -> str:
    """A secret nobody can guess."""
    return secrets.token_urlsafe(32)
