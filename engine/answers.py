"""Requests that are sent twice and happen once: what one with an idempotency key was answered is kept beside what it did."""

from __future__ import annotations

import re

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import clock
from engine.db import connection, insert_once
from engine.errors import EngineError, InvalidInput
from engine.identity import Actor
from engine.models import RememberedAnswer, table

KEY = re.compile(r"[ -~]{1,255}")
UNANSWERED = 0
_INSERT = insert_once(table(RememberedAnswer), "person_id", "key")


class KeyReused(EngineError):
    """The key belongs to another request."""


def reserve(session: Session, key: str, fingerprint: str, *, actor: Actor) -> RememberedAnswer | None:
    """Take a key for this transaction, before it does anything else; what was answered, if the request has been here.

    Of two that come at once the later waits at the unique key until the earlier has ended: then it finds the answer,
    or, if the earlier was refused and rolled back, has the key for itself.
    """
    if not KEY.fullmatch(key):
        raise InvalidInput(
            "bad idempotency key", code="idempotency_key", advice="Idempotency-Key 须为 1–255 个可见字符。"
        )
    row = {"person_id": actor.id, "key": key, "fingerprint": fingerprint, "status": UNANSWERED, "body": "",
           "at": clock.now()}  # fmt: skip
    take = _INSERT[connection(session).dialect.name].returning(RememberedAnswer.key)
    if session.scalar(take, row) is not None:
        return None
    mine = select(RememberedAnswer).where(RememberedAnswer.person_id == actor.id, RememberedAnswer.key == key)
    earlier = session.scalars(mine).one()
    if earlier.fingerprint != fingerprint:
        raise KeyReused(
            "key of another request", code="idempotency_key", advice="这个 Idempotency-Key 已用于另一个请求，请换一个。"
        )
    return earlier


def remember(session: Session, key: str, status: int, body: str, *, actor: Actor) -> None:
    """Keep the answer of a request whose key is reserved; it is committed, or lost, with what the request did."""
    mine = RememberedAnswer.person_id == actor.id, RememberedAnswer.key == key
    session.execute(update(RememberedAnswer).where(*mine).values(status=status, body=body))
