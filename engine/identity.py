"""Who is asking: passwords, browser sessions, and the `Actor` that every operation is told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session, selectinload
from werkzeug.security import check_password_hash, generate_password_hash

from engine import clock, ids
from engine.db import connection
from engine.errors import InvalidInput, InvalidState
from engine.models import LoginSession, Person, Position, Unit, table
from engine.statements import Lookup

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
NEVER = datetime.min.replace(tzinfo=UTC)
SEEN_STEP = timedelta(minutes=1)
"""How exactly the last sign of life is kept: not every look at a page is a write."""

MIN_PASSWORD = 12
_NOBODY = generate_password_hash("nobody has this password")


@dataclass(frozen=True)
class Holding:
    """One position as rights see it."""

    role: str
    unit: str
    title: str


@dataclass(frozen=True)
class Actor:
    """A person who acts, with what is needed to judge whether they may; made afresh for every request."""

    id: str
    login: str
    name: str
    holdings: tuple[Holding, ...] = ()

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(holding.role for holding in self.holdings)

    @cached_property
    def units(self) -> frozenset[str]:
        """Keys of the units in which the person holds any position."""
        return frozenset(holding.unit for holding in self.holdings)

    @cached_property
    def groups(self) -> frozenset[str]:
        """What candidate groups may call this person: `role`, `role@UNIT`, `user:login`."""
        exact = {f"{holding.role}@{holding.unit}" for holding in self.holdings}
        return frozenset(exact | self.roles | {f"user:{self.login}"})

    def has_role(self, role: str, unit: str | None = None) -> bool:
        return f"{role}@{unit}" in self.groups if unit else role in self.roles

    @property
    def keeps_rules(self) -> bool:
        """Of the office that chases (督办): it keeps what reminders and lamps go by."""
        return self.has_role("office_supervisor")

    @property
    def title(self) -> str:
        return self.holdings[0].title if self.holdings else ""


def actor(person: Person) -> Actor:
    held = tuple(Holding(position.role, position.unit.key, position.title) for position in person.positions)
    return Actor(person.id, person.login, person.name, held)


@dataclass(frozen=True)
class Account:
    """A person as every request must know them, read in one statement."""

    actor: Actor
    password_hash: str
    active: bool
    credential_version: int
    """Raised when the password changes or the account is closed: what was opened before counts no more."""


def account(session: Session, login: str) -> Account | None:
    rows = _BY_LOGIN.rows(connection(session), login=login) if "\0" not in login else ()
    return _account([_Known(*row) for row in rows])


def authenticate(session: Session, login: str, password: str) -> Account | None:
    """Whom these credentials belong to. Unknown login and wrong password take the same time."""
    known = account(session, login)
    right = check_password_hash(known.password_hash if known else _NOBODY, password)
    return known if known and right and known.active else None


class _Known(NamedTuple):
    """A person with one of their positions, and the browser session by which they were found."""

    id: str
    login: str
    name: str
    password_hash: str
    active: bool
    credential_version: int
    role: str | None
    title: str
    unit: str
    seen_at: datetime = NEVER
    opened_at: datetime = NEVER
    opened_with: int = 0


def _account(rows: Sequence[_Known]) -> Account | None:
    if not rows:
        return None
    person = rows[0]
    held = tuple(Holding(row.role, row.unit, row.title) for row in rows if row.role is not None)
    who = Actor(person.id, person.login, person.name, held)
    return Account(who, person.password_hash, person.active, person.credential_version)


def find(session: Session, login: str) -> Person | None:
    return session.scalar(_whole().where(Person.login == login)) if "\0" not in login else None


def members(session: Session, groups: Iterable[str]) -> frozenset[str]:
    """Ids of the people who have an account and whom these candidate groups mean; the inverse of `Actor.groups`."""
    meant = [_meant_by(group) for group in groups]
    if not meant:
        return frozenset()
    wanted = select(_PERSON.c.id).select_from(_HOLDING).where(_PERSON.c.active, or_(*meant))
    return frozenset(session.scalars(wanted))


def _meant_by(group: str) -> ColumnElement[bool]:
    if group.startswith("user:"):
        return _PERSON.c.login == group.removeprefix("user:")
    role, _, unit = group.partition("@")
    return and_(_POSITION.c.role == role, _UNIT.c.key == unit) if unit else _POSITION.c.role == role


def open_session(session: Session, opened_by: Account) -> str:
    """A new browser session; its token is returned once and kept only as a digest."""
    token, now = ids.token(), clock.now()
    session.add(
        LoginSession(
            digest=digest(token), person_id=opened_by.actor.id, credential_version=opened_by.credential_version,
            opened_at=now, seen_at=now,
        )
    )  # fmt: skip
    return token


@dataclass(frozen=True)
class Browser:
    """A valid browser session."""

    actor: Actor
    is_sign_of_life_due: bool


def browser(session: Session, token: str) -> Browser | None:
    """Whose browser this is, unless it was idle too long, is too old, or the account has changed since."""
    rows = [_Known(*row) for row in _BY_SESSION.rows(connection(session), digest=digest(token))]
    known = _account(rows)
    if known is None:
        return None
    opened, now = rows[0], clock.now()
    fresh = now - opened.seen_at <= IDLE and now - opened.opened_at <= LONGEST
    valid = known.active and known.credential_version == opened.opened_with
    return Browser(known.actor, now - opened.seen_at > SEEN_STEP) if fresh and valid else None


def note_seen(session: Session, token: str) -> None:
    session.execute(update(LoginSession).where(LoginSession.digest == digest(token)).values(seen_at=clock.now()))


def carry_sessions(session: Session, span: timedelta) -> None:
    """Time was moved, not waited for: no browser was idle meanwhile."""
    for opened in session.scalars(select(LoginSession)):
        opened.opened_at, opened.seen_at = opened.opened_at + span, opened.seen_at + span


def close_session(session: Session, token: str) -> None:
    session.execute(delete(LoginSession).where(LoginSession.digest == digest(token)))


def create_person(session: Session, login: str, name: str, password: str) -> Person:
    if len(password) < MIN_PASSWORD:
        raise InvalidInput("password too short", advice=f"密码至少 {MIN_PASSWORD} 位。")
    if find(session, login):
        raise InvalidState(f"login {login} exists", advice=f"登录名“{login}”已被使用。")
    person = Person(id=ids.new(), login=login, name=name, password_hash=generate_password_hash(password))
    session.add(person)
    session.flush()
    return person


def hash_password(password: str) -> str:
    return generate_password_hash(password)


def _whole() -> Select[Person]:
    return select(Person).options(selectinload(Person.positions).joinedload(Position.unit))


def digest(token: str) -> str:
    """What is kept of a secret."""
    return sha256(token.encode()).hexdigest()


_PERSON, _POSITION, _UNIT, _LOGIN = table(Person), table(Position), table(Unit), table(LoginSession)
_WHO = (
    _PERSON.c.id, _PERSON.c.login, _PERSON.c.name, _PERSON.c.password_hash, _PERSON.c.active,
    _PERSON.c.credential_version, _POSITION.c.role, _POSITION.c.title, _UNIT.c.key.label("unit"),
)  # fmt: skip
_HOLDING = _PERSON.outerjoin(_POSITION, _POSITION.c.person_id == _PERSON.c.id).outerjoin(
    _UNIT, _UNIT.c.id == _POSITION.c.unit_id
)
_BY_LOGIN = Lookup(
    select(*_WHO).select_from(_HOLDING).where(_PERSON.c.login == bindparam("login")).order_by(_POSITION.c.order)
)  # fmt: skip
_BY_SESSION = Lookup(
    select(*_WHO, _LOGIN.c.seen_at, _LOGIN.c.opened_at, _LOGIN.c.credential_version.label("opened_with"))
    .select_from(_HOLDING.join(_LOGIN, _LOGIN.c.person_id == _PERSON.c.id))
    .where(_LOGIN.c.digest == bindparam("digest"))
    .order_by(_POSITION.c.order)
)
