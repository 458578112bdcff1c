"""发件箱: mails on their way. A row and a job are written together; the job hands the mail to the server, then notes what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, ids, jobs
from engine.db import reading
from engine.errors import InvalidState, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import Delivery, DeliveryState, Notification, Person
from engine.notifications import rules, smtp

MAIL, DIGEST = "mail", "digest"
CHANNEL = "mail"
PAGE = 50
MOST_LISTED = 100
"""Notifications spelled out in one digest; of the others it gives the number."""
LAST_CALL = timedelta(minutes=1)
"""What is written later than this before a digest goes with the next one: the digest may not see it yet."""


def reaches(person: Person) -> bool:
    return person.active and person.email is not None and person.wants_mail


def post(session: Session, person: Person, told: Sequence[Notification]) -> Delivery:
    """Put one mail for a person into the outbox; it leaves once this transaction is committed."""
    delivery = Delivery(
        id=ids.new(), person_id=person.id, channel=CHANNEL, address=person.email, subject=_subject(told),
        body=_body(told), created_at=clock.now(),
    )  # fmt: skip
    session.add(delivery)
    session.flush()
    for notification in told:
        notification.delivery_id = delivery.id
    session.flush()
    _hand_over(session, delivery, clock.now())
    return delivery


def plan_digest(session: Session, person_id: str, kept: rules.Rules, now: datetime) -> None:
    """See to it that the person gets a digest at the next time for digests. Twice is once."""
    at = rules.next_digest(session, kept, now + LAST_CALL)
    day = at.astimezone(clock.LOCAL).date()
    payload = {"person": person_id, "day": day.isoformat()}
    jobs.add(session, DIGEST, at, payload, dedupe_key=_digest_key(person_id, day))


def send_digest(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: one mail with all that a person has not read and was not mailed yet.

    What comes too late, after a downtime, waits for the next time at which people may be disturbed.
    """
    person, kept, now = session.get_one(Person, payload["person"]), rules.current(session), clock.now()
    if not rules.is_time_for_digest(session, kept, now):
        jobs.cancel(session, _digest_key(person.id, date.fromisoformat(payload["day"])))
        plan_digest(session, person.id, kept, now)
        return
    fresh = select(Notification).where(
        Notification.person_id == person.id, Notification.read_at.is_(None), Notification.delivery_id.is_(None)
    )
    told = list(session.scalars(fresh.order_by(Notification.created_at, Notification.id)))
    if told and reaches(person):
        post(session, person, told)


def send(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Errand of a job: hand a mail to the server, with no transaction open; what the server said is the outcome."""
    with reading() as session:
        delivery = session.get_one(Delivery, payload["delivery"], options=[joinedload(Delivery.person)])
    return {"refused": smtp.send(delivery)} if delivery.state == DeliveryState.WAITING else {}


def note(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: write down what became of a mail; one that was refused is tried again as often as any job."""
    delivery = session.get_one(Delivery, payload["delivery"])
    if delivery.state != DeliveryState.WAITING or "refused" not in payload:
        return
    delivery.attempts += 1
    delivery.error = payload["refused"]
    if delivery.error is None:
        delivery.state, delivery.sent_at = DeliveryState.SENT, clock.now()
    elif delivery.attempts >= jobs.ATTEMPTS:
        delivery.state = DeliveryState.FAILED
    else:
        jobs.cancel(session, _key(delivery))
        _hand_over(session, delivery, clock.now() + jobs.BACKOFF[delivery.attempts - 1])


def can_see(actor: Actor) -> bool:
    return actor.has_role("system_admin")


def require_can_see(actor: Actor) -> None:
    if not can_see(actor):
        raise NotAllowed(f"{actor.login} may not see the outbox", advice="发件箱由系统管理员查看，您无权查看。")


def deliveries(session: Session, state: str, *, page: int = 1, actor: Actor) -> list[Delivery]:
    """A page of the outbox, latest first; one row more than a page, if there are more."""
    require_can_see(actor)
    wanted = _in_state(state).options(joinedload(Delivery.person)).order_by(Delivery.created_at.desc(), Delivery.id)
    return list(session.scalars(wanted.limit(PAGE + 1).offset((page - 1) * PAGE)))


def counts(session: Session, *, actor: Actor) -> dict[str, int]:
    require_can_see(actor)
    counted = select(Delivery.state, func.count().label("number")).group_by(Delivery.state)
    found = {each.state: each.number for each in session.execute(counted)}
    return {state: found.get(state, 0) for state in DeliveryState}


def failed(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(_in_state(DeliveryState.FAILED).subquery())) or 0


def send_again(session: Session, delivery_id: str, *, actor: Actor) -> None:
    """Try a mail that failed for good as if for the first time, to the address its person has now."""
    require_can_see(actor)
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise NotFound(f"no delivery {delivery_id}", advice="发件箱里没有这封邮件。")
    if delivery.state != DeliveryState.FAILED:
        raise InvalidState(f"delivery is {delivery.state}", code="state", advice="这封邮件已发出或正在发送，不必重发。")
    delivery.state, delivery.attempts = DeliveryState.WAITING, 0
    delivery.address = delivery.person.email or delivery.address
    _hand_over(session, delivery, clock.now())


def _in_state(state: str) -> Select[Delivery]:
    return select(Delivery).where(Delivery.state == state)


def _hand_over(session: Session, delivery: Delivery, at: datetime) -> None:
    jobs.add(session, MAIL, at, {"delivery": delivery.id}, dedupe_key=_key(delivery))


def _key(delivery: Delivery) -> str:
    return f"{MAIL}:{delivery.id}"


def _digest_key(person_id: str, day: date) -> str:
    return f"{DIGEST}:{person_id}:{day}"


def _subject(told: Sequence[Notification]) -> str:
    return f"闭环：{told[0].title}" if len(told) == 1 else f"闭环：{len(told)} 条提醒，第一条：{told[0].title}"


def _body(told: Sequence[Notification]) -> str:
    listed = [f"{each.title}\n{each.text}".rstrip() for each in told[:MOST_LISTED]]
    left = len(told) - len(listed)
    return "\n\n".join([*listed, *([f"另有 {left} 条，请登录查看。"] if left else [])])
