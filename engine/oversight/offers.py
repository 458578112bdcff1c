"""What may be done about a due date, for the page of what is due."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from engine.identity import Actor
from engine.models import ProcessInstance
from engine.oversight import extensions, pauses, subjects
from engine.oversight.subjects import Subject


class Offers(NamedTuple):
    """Of what one may ask or do: None if it is not this person's, the reason if it cannot be done now, empty if it can."""

    subject: Subject | None = None
    paused: tuple[datetime, str] | None = None
    extension: str | None = None
    pause: str | None = None


def of(session: Session, instance: ProcessInstance, *, actor: Actor) -> Offers:
    subject = subjects.find(session, instance.id)
    if subject is None:
        return Offers()
    return Offers(
        subject,
        pauses.since(session, instance.id),
        extensions.refusal(session, instance, subject) if extensions.can_ask(actor, instance) else None,
        pauses.refusal(session, instance, subject) if pauses.can_pause(actor, instance) else None,
    )
