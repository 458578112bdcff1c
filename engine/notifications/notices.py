"""Telling people something, and what somebody was told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from engine import clock, ids
from engine.db import connection, insert_once
from engine.errors import NotFound
from engine.identity import Actor
from engine.models import Notification, Person, table
from engine.notifications import outbox, rules

PAGE = 50
MOST_COUNTED = 100

_NOTIFICATION = table(Notification)
_INSERT = insert_once(_NOTIFICATION, "dedupe_key")


class Mail(StrEnum):
    """When the mail leaves, for those who have an address and want mail."""

    DIGEST = "digest"
    """With the next digest, one per person and day."""
    DAYTIME = "daytime"
    """At once, unless it is quiet hours or no working day: then with the next digest."""
    AT_ONCE = "at_once"


def notify(
    session: Session,
    people: Iterable[str],
    kind: str,
    title: str,
    text: str = "",
    *,
    about: tuple[str, str] | None = None,
    dedupe_key: str,
    mail: Mail = Mail.DIGEST,
) -> list[str]:
    """Tell people (by id) something, once each for a `dedupe_key`; who is told now. `about` is kind and id of what it leads to."""
    now, subject = clock.now(), about or (None, None)
    reached = select(Person).where(Person.id.in_(set(people)), Person.active).order_by(Person.login)
    told = [
        (person, row)
        for person in session.scalars(reached)
        if _add(session, row := {
            "id": ids.new(), "person_id": person.id, "kind": kind, "title": title, "text": text,
            "subject_kind": subject[0], "subject_id": subject[1], "urgent": mail != Mail.DIGEST, "created_at": now,
            "dedupe_key": f"{dedupe_key}:{person.id}",
        })
    ]  # fmt: skip
    mailed = [(person, row) for person, row in told if outbox.reaches(person)]
    if mailed:
        kept = rules.current(session)
        soon = mail == Mail.AT_ONCE or (mail == Mail.DAYTIME and rules.is_open(session, kept, now))
        for person, row in mailed:
            if soon:
                outbox.post(session, person, [session.get_one(Notification, row["id"])])
            else:
                outbox.plan_digest(session, person.id, kept, now)
    return [person.id for person, _ in told]


def _add(session: Session, row: dict[str, str | datetime | bool | None]) -> bool:
    add = _INSERT[connection(session).dialect.name].returning(_NOTIFICATION.c.id)
    return session.scalar(add, row) is not None


def of(actor: Actor, *, page: int = 1) -> Select[Notification]:
    """A page of what a person was told, unread first, then latest; one row more than a page, if there are more."""
    mine = select(Notification).where(Notification.person_id == actor.id)
    latest = mine.order_by(Notification.read_at.is_not(None), Notification.created_at.desc(), Notification.id)
    return latest.limit(PAGE + 1).offset((page - 1) * PAGE)


def unread(session: Session, actor: Actor) -> int:
    """How many a person has not read, counted up to `MOST_COUNTED`."""
    mine = select(Notification.id).where(Notification.person_id == actor.id, Notification.read_at.is_(None))
    return session.scalar(select(func.count()).select_from(mine.limit(MOST_COUNTED).subquery())) or 0


def read(session: Session, notification_id: str, *, actor: Actor) -> Notification:
    """Mark one as read; reading twice is reading once. Somebody else's is as if there were none."""
    notification = session.get(Notification, notification_id)
    if notification is None or notification.person_id != actor.id:
        raise NotFound(f"no notification {notification_id}", advice="没有这条通知，或不是发给您的。")
    notification.read_at = notification.read_at or clock.now()
    return notification


def read_all(session: Session, *, actor: Actor) -> None:
    mine = Notification.person_id == actor.id, Notification.read_at.is_(None)
    session.execute(update(Notification).where(*mine).values(read_at=clock.now()))
