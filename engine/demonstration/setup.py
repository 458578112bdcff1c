"""Sets up a new database as a demonstration: organisation, people, plan, processes, first supervision round to come."""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from sqlalchemy.orm import Session

from engine import application, db, identity, ids, settings
from engine.models import Person, Position, RecusalFact, SchoolBinding, StandIn, Unit
from engine.plan import launch
from engine.plan.launch import Progress
from engine.recurrences import planning

BEGINS = datetime(2021, 3, 12, 1, 0, tzinfo=UTC)
"""Friday after the plan was issued, nine o'clock where the bureau is."""


def build(progress: Progress = lambda done, total: None) -> None:
    """Everything in one transaction: a start that is interrupted leaves an empty database, not half a bureau."""
    with db.transaction() as session:
        settings.declare(session, settings.DEMONSTRATION)
        settings.move_clock(session, BEGINS)
        load_organisation(session, _data("organisation_2021.toml"), password())
        application.deploy_own_processes(session)
        plan = launch.load(session, _data("plan_2021.toml"))
        launch.start(session, plan, actor=None, progress=progress)
        planning.prepare(session)


def password() -> str:
    """The one password of all demonstration accounts: given, kept from before, or drawn now."""
    given = os.environ.get("DEMO_PASSWORD")
    file = db.var() / "demo_password"
    if not given and file.exists():
        return file.read_text("utf-8").strip()
    chosen = given or secrets.token_urlsafe(9)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(chosen + "\n", "utf-8")
    return chosen


def load_organisation(session: Session, data: Mapping[str, Any], secret: str) -> None:
    """Units, people and what binds them; see `organisation_2021.toml` for the shape."""
    units = _units(session, data["units"])
    # One salt for all: it is one password, and two hundred slow hashes would be the better part of the first start.
    hashed = identity.hash_password(secret)
    people = {each["login"]: _person(each, units, hashed) for each in data["people"]}
    session.add_all(people.values())
    session.flush()
    for each in data["bindings"]:
        school, inspector = units[each["school"]].id, people[each["inspector"]].id
        session.add(SchoolBinding(id=ids.new(), school_id=school, inspector_id=inspector, starts_on=each["starts_on"]))
    for each in data["recusals"]:
        fact = {"person_id": people[each["person"]].id, "unit_id": units[each["unit"]].id, "kind": each["kind"]}
        session.add(RecusalFact(id=ids.new(), **fact, left_on=each.get("left_on"), note=each.get("note")))
    for each in data["stand_ins"]:
        both = {"person_id": people[each["person"]].id, "stand_in_id": people[each["stand_in"]].id}
        days = {"starts_on": each["starts_on"], "ends_on": each["ends_on"]}
        session.add(StandIn(id=ids.new(), **both, **days, note=each.get("note")))
    session.flush()


def _units(session: Session, data: list[dict[str, Any]]) -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for order, each in enumerate(data):
        parent = units.get(each.get("parent", ""))
        units[each["key"]] = Unit(
            id=ids.new(), key=each["key"], name=each["name"], kind=each["kind"], stage=each.get("stage"),
            parent_id=parent.id if parent else None, remit=each.get("remit"), assumed=each.get("assumed", False),
            order=order, area=each.get("area"),
        )  # fmt: skip
        session.add(units[each["key"]])
        session.flush()
    return units


def _person(data: Mapping[str, Any], units: Mapping[str, Unit], hashed: str) -> Person:
    return Person(
        id=ids.new(), login=data["login"], name=data["name"], password_hash=hashed, email=data.get("email"),
        positions=[
            Position(id=ids.new(), unit_id=units[held["unit"]].id, role=held["role"], title=held["title"], order=order)
            for order, held in enumerate(data["positions"])
        ],
    )  # fmt: skip


def _data(file: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(file).read_text("utf-8"))
