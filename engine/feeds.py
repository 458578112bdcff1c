"""A person's due dates as iCalendar, for a calendar program that knows the secret address and nothing else of us."""

from __future__ import annotations

from collections.abc import Callable

from icalendar import Calendar, Event, vDuration
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, identity, ids, user_tasks
from engine.errors import NotFound
from engine.identity import Actor
from engine.models import NEVER_DUE, CalendarFeed, Candidate, Person, ProcessInstance, UserTask
from engine.notifications.rules import DAY
from engine.reminders.schedule import is_by_the_hour

MOST = 500
"""Events of one feed."""


def find(session: Session, actor: Actor) -> CalendarFeed | None:
    return session.get(CalendarFeed, actor.id)


def open_feed(session: Session, *, actor: Actor) -> str:
    """A new secret for the actor's own feed; the one before it ends. It is told this once."""
    token = ids.token()
    session.merge(CalendarFeed(person_id=actor.id, digest=identity.digest(token), created_at=clock.now()))
    session.flush()
    return token


def revoke(session: Session, *, actor: Actor) -> None:
    session.execute(delete(CalendarFeed).where(CalendarFeed.person_id == actor.id))


def read(session: Session, token: str, address_of: Callable[[str], str]) -> bytes:
    """The feed behind a token, by what its person may do at this moment. `address_of` gives the page of a task."""
    person = session.scalar(
        select(Person).join(CalendarFeed).where(CalendarFeed.digest == identity.digest(token), Person.active)
    )  # fmt: skip
    if person is None:
        raise NotFound("no such feed", advice="没有这份日历，或它的地址已经停用。")
    calendar = Calendar()
    calendar.add("prodid", "-//bihuan//due dates//ZH")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"闭环待办：{person.name}")
    calendar.add("refresh-interval", vDuration(DAY / 24), parameters={"value": "DURATION"})
    for task in _due(session, identity.actor(person)):
        calendar.add_component(_event(task, address_of(task.id)))
    written: bytes = calendar.to_ical()
    return written


def _due(session: Session, actor: Actor) -> list[UserTask]:
    """The dated tasks in the inboxes of a person that are theirs to do."""
    offered = select(Candidate.user_task_id).where(
        Candidate.group_key.in_(actor.groups), Candidate.due_at < NEVER_DUE
    )  # fmt: skip
    whole = joinedload(UserTask.instance).joinedload(ProcessInstance.unit)
    first = select(UserTask).where(UserTask.id.in_(offered)).order_by(UserTask.due_at, UserTask.id).limit(MOST)
    return [task for task in session.scalars(first.options(whole)) if user_tasks.can_complete(actor, task)]


def _event(task: UserTask, address: str) -> Event:
    """All day where a day is the limit, a moment where hours are. The UID is the task's for as long as it is open."""
    assert task.due_at is not None
    event, due_at = Event(), task.due_at.astimezone(clock.LOCAL)
    event.add("uid", f"{task.id}@bihuan")
    event.add("dtstamp", clock.now())
    if is_by_the_hour(task.due_at):
        event.add("dtstart", task.due_at)
    else:
        event.add("dtstart", due_at.date())
        event.add("dtend", due_at.date() + DAY)
    event.add("summary", f"{task.name}：{task.instance.title}")
    unit = task.instance.unit.name if task.instance.unit else ""
    event.add("description", "\n".join(filter(None, [unit, task.due_reason])))
    event.add("url", address)
    event.add("transp", "TRANSPARENT")
    return event
