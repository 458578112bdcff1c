"""A small office to break things in: four people, a handful of diagrams, and a service task whose effect no rollback takes back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import application, clock, db, definitions, identity, instances, jobs, messages, runtime, settings
from engine.demonstration import setup
from engine.models import ProcessInstance, UserTask

DIAGRAMS = Path(__file__).parent / "diagrams"
BEGINS = datetime(2021, 3, 12, 1, 0, tzinfo=UTC)
PASSWORD = "password-of-the-office"
ROLES = {"officer1": "officer", "officer2": "officer", "head": "department_head", "designer": "process_designer"}
ORGANISATION: Mapping[str, Any] = {
    "units": [{"key": "OFFICE", "name": "办公室", "kind": "department"}],
    "people": [
        {"login": login, "name": login, "positions": [{"role": role, "unit": "OFFICE", "title": role}]}
        for login, role in ROLES.items()
    ],
    "bindings": [], "recusals": [], "stand_ins": [],
}  # fmt: skip

effects: Path | None = None
"""Where `test.effect` leaves a line each time it is called, whatever becomes of the transaction."""


def build(url: str) -> None:
    """An empty database becomes the office."""
    assemble(None)
    application.open_application(url)
    with db.transaction() as session:
        settings.declare(session, settings.DEMONSTRATION)
        settings.move_clock(session, BEGINS)
        setup.load_organisation(session, ORGANISATION, PASSWORD)
        definitions.deploy(session, "破坏试验", {file.name: file.read_bytes() for file in sorted(DIAGRAMS.glob("*"))})
    db.close_database()


def enter(url: str, effects_file: Path | None = None) -> None:
    """Open the office's database in this process, as a server does that is started again."""
    assemble(effects_file)
    db.open_database(url)
    with db.reading() as session:
        settings.apply_clock(session)


def assemble(effects_file: Path | None) -> None:
    global effects
    effects = effects_file
    application.assemble()
    runtime.service_tasks["test.effect"] = _effect
    definitions.service_names.add("test.effect")


def _effect(
    session: Session, instance: runtime.Instance, *, variables: Mapping[str, Any], actor: identity.Actor | None
) -> None:
    assert effects is not None
    line = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(line, f"{instance.id}\n".encode())
    os.close(line)


def actor(session: Session, login: str) -> identity.Actor:
    person = identity.find(session, login)
    assert person is not None, login
    return identity.actor(person)


@dataclass
class Office:
    """The office, entered by this process."""

    url: str
    effects: Path

    def start(self, key: str, *, parent_id: str | None = None, **variables: Any) -> str:
        with db.transaction() as session:
            designer = actor(session, "designer")
            return instances.start(session, key, variables, actor=designer, parent_id=parent_id).id

    def task(self, instance_id: str, activity_id: str) -> str:
        """The one open task of an activity."""
        with db.reading() as session:
            wanted = select(UserTask.id).where(
                UserTask.instance_id == instance_id, UserTask.activity_id == activity_id, UserTask.status == "open"
            )
            return session.scalars(wanted).one()

    def open_activities(self, instance_id: str) -> list[str]:
        with db.reading() as session:
            wanted = select(UserTask.activity_id).where(UserTask.instance_id == instance_id, UserTask.status == "open")
            return sorted(session.scalars(wanted))

    def status(self, instance_id: str) -> str:
        with db.reading() as session:
            return session.get_one(ProcessInstance, instance_id).status

    def times_effective(self, instance_id: str) -> int:
        """How often the service task was called for an instance, rolled back or not."""
        return self.effects.read_text("utf-8").split().count(instance_id) if self.effects.exists() else 0

    def let_time_pass(self, **span: int) -> None:
        with db.transaction() as session:
            settings.move_clock(session, clock.now() + timedelta(**span))

    def send(self, instance_id: str) -> None:
        with db.transaction() as session:
            messages.send(session, "go", instance_id=instance_id, dedupe_key=f"go:{instance_id}")

    def settle(self) -> int:
        return jobs.run_due()
