"""Identifiers: lower-case UUID text. A demonstration seeds the source, so that two equal ones are equal to the byte."""

from __future__ import annotations

import random
import secrets
from uuid import UUID

_source: random.Random = random.SystemRandom()


def new() -> str:
    """A fresh random UUID (version 4)."""
    return str(UUID(int=_source.getrandbits(128), version=4))


def token() -> str:
    """A secret nobody can guess; never seeded."""
    return secrets.token_urlsafe(32)


def seed(value: int) -> None:
    """Draw ids from a reproducible source from here on."""
    global _source
    _source = random.Random(value)
