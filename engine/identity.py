"""Who is asking: passwords, browser sessions, and the `Actor` that every operation is told of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from hashlib import sha256

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session, selectinload
from werkzeug.security import check_password_hash, generate_password_hash

from engine import clock, ids
from engine.errors import InvalidInput, InvalidState
from engine.models import LoginSession, Person, Position

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
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
    def title(self) -> str:
        return self.holdings[0].title if self.holdings else ""


def actor(person: Person) -> Actor:
    held = tuple(Holding(position.role, position.unit.key, position.title) for position in person.positions)
    return Actor(person.id, person.login, person.name, held)


def authenticate(session: Session, login: str, password: str) -> Person | None:
    """The person these credentials belong to. Unknown login and wrong password take the same time."""
    person = session.scalar(_whole().where(Person.login == login))
    right = check_password_hash(person.password_hash if person else _NOBODY, password)
    return person if person and right and person.active else None


def find(session: Session, login: str) -> Person | None:
    return session.scalar(_whole().where(Person.login == login))


def open_session(session: Session, person: Person) -> str:
    """A new browser session; its token is returned once and kept only as a digest."""
    token = ids.token()
    now = clock.now()
    session.add(
        LoginSession(
            digest=_digest(token),
            person_id=person.id,
            credential_version=person.credential_version,
            opened_at=now,
            seen_at=now,
        )
    )
    return token


def person_of_session(session: Session, token: str) -> Person | None:
    """Whose browser this is, unless it was idle too long, is too old, or the account has changed since."""
    found = session.get(LoginSession, _digest(token))
    if found is None:
        return None
    now = clock.now()
    person = session.scalar(_whole().where(Person.id == found.person_id))
    fresh = now - found.seen_at <= IDLE and now - found.opened_at <= LONGEST
    valid = person is not None and person.active and person.credential_version == found.credential_version
    return person if fresh and valid else None


def is_sign_of_life_due(session: Session, token: str) -> bool:
    found = session.get(LoginSession, _digest(token))
    return found is not None and clock.now() - found.seen_at > SEEN_STEP


def note_seen(session: Session, token: str) -> None:
    session.execute(update(LoginSession).where(LoginSession.digest == _digest(token)).values(seen_at=clock.now()))


def close_session(session: Session, token: str) -> None:
    session.execute(delete(LoginSession).where(LoginSession.digest == _digest(token)))


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


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
