"""An application in this process that can be had anew, seen through `/engine-rest`, on a clock that is moved."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select

from engine import application, clock, db, identity, ids, jobs, settings
from engine.models import Incident, Job, Person, Position, Unit
from web.app import create_app

GLANCE = timedelta(milliseconds=500)
"""How far the clock moves at a time, so that a cycle of a second is not missed and then made up for at once."""

LOGIN, PASSWORD = "designer", "laboratory"
CREDENTIALS = {"Authorization": "Basic " + b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()}


@contextmanager
def opened() -> Iterator[Laboratory]:
    """A demonstration in a temporary folder; nobody is in it but one process designer."""
    with tempfile.TemporaryDirectory(prefix="bihuan-") as folder:
        os.environ["BIHUAN_VAR"] = folder
        template = Path(folder) / "template.sqlite3"
        application.open_application(str(template))
        _furnish()
        db.close_database()
        try:
            yield Laboratory(template, create_app().test_client())
        finally:
            db.close_database()


def _furnish() -> None:
    with db.transaction() as session:
        settings.declare(session, settings.DEMONSTRATION)
        settings.move_clock(session, clock.now())
        unit = Unit(id=ids.new(), key="LAB", name="试验室", kind="department")
        post = Position(id=ids.new(), unit=unit, role="process_designer", title="流程设计员")
        hashed = identity.hash_password(PASSWORD)
        session.add(Person(id=ids.new(), login=LOGIN, name="试验员", password_hash=hashed, positions=[post]))


class Laboratory:
    def __init__(self, template: Path, client: FlaskClient) -> None:
        self._template = template
        self._client = client

    def begin_anew(self) -> None:
        """Forget everything that was deployed and started."""
        db.close_database()
        for old in self._template.parent.glob("trial.sqlite3*"):
            old.unlink()
        copy = shutil.copy(self._template, self._template.with_name("trial.sqlite3"))
        db.open_database(db.url_of(str(copy)))

    def deploy(self, name: str, content: bytes) -> tuple[str, ...]:
        """Empty if the file was accepted, else what is wrong with it, `element: reason`."""
        part = (io.BytesIO(content), f"{name}.bpmn")
        answer = self._post("deployment/create", data={"deployment-name": name, "data": part})
        return () if answer.status_code == 200 else _reasons(answer)

    def start(self, key: str, variables: Mapping[str, Any]) -> str:
        """Empty if it started, else why not."""
        typed = {name: {"value": value} for name, value in variables.items()}
        answer = self._post(f"process-definition/key/{key}/start", json={"variables": typed})
        return "" if answer.status_code == 200 else f"{key}：{_reasons(answer)[0]}"

    def settle(self) -> None:
        """Let everything that is due happen, and what follows from it."""
        while jobs.run_due():
            pass

    def let_pass(self, span: timedelta) -> None:
        until = clock.now() + span
        while clock.now() < until:
            with db.transaction() as session:
                settings.move_clock(session, clock.now() + GLANCE)
            self.settle()

    def instances(self) -> list[dict[str, Any]]:
        return self._get("history/process-instance")

    def activities(self, instance_id: str) -> list[dict[str, Any]]:
        return self._get(f"history/activity-instance?processInstanceId={instance_id}")

    def incidents(self) -> list[str]:
        """What an administrator sees because a job failed, or is about to see because it is still tried again."""
        with db.reading() as session:
            told = list(session.scalars(select(Incident.message).where(Incident.job_id.is_not(None))))
            failing = session.scalar(select(func.count()).where(Job.attempts > 0)) or 0
        return told or [f"{failing} 个作业失败"] * bool(failing)

    def _get(self, path: str) -> list[dict[str, Any]]:
        answer = self._client.get(f"/engine-rest/{path}", headers=CREDENTIALS)
        assert answer.status_code == 200, f"{path}: {answer.get_data(as_text=True)}"
        return list(answer.get_json())

    def _post(self, path: str, **sent: Any) -> Any:
        return self._client.post(f"/engine-rest/{path}", headers=CREDENTIALS, **sent)


def _reasons(answer: Any) -> tuple[str, ...]:
    told = answer.get_json(silent=True) or {}
    errors = told.get("details", {}).get("deployment", {}).get("errors", [])
    listed = tuple(f"{each['mainElementId'] or '-'}：{each['message']}" for each in errors)
    return listed or (f"HTTP {answer.status_code} {told.get('message', '')}".strip(),)
