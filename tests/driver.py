"""A small driver that speaks the domain: people with a browser, a clock that is moved, what can be read back."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from engine import clock, db, jobs, settings
from engine.models import Commitment, HistoryEvent, ProcessInstance, UserTask, WorkPoint
from web.app import create_app

PASSWORD = "demo-password-of-the-tests"


@dataclass
class Answer:
    status: int
    text: str

    def says(self, words: str) -> bool:
        return words in html.unescape(self.text)


class Somebody:
    """A person at a browser, logged in through the login page."""

    def __init__(self, app: Flask, login: str) -> None:
        self.login = login
        self.browser: FlaskClient = app.test_client()
        answer = self.post("/login", {"login": login, "password": PASSWORD}, form_page="/login")
        assert answer.status == 302, answer.text

    def get(self, path: str) -> Answer:
        response = self.browser.get(path)
        return Answer(response.status_code, response.get_data(as_text=True))

    def post(self, path: str, data: dict[str, Any], *, form_page: str = "/tasks") -> Answer:
        """Submit with the CSRF token that a page of ours carries."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(form_page).text)
        response = self.browser.post(path, data={**data, "csrf_token": token[1] if token else ""})
        return Answer(response.status_code, response.get_data(as_text=True))

    def does(self, task_id: str, **submitted: Any) -> Answer:
        return self.post(f"/tasks/{task_id}/complete", submitted)


class Bureau:
    def __init__(self, database: str) -> None:
        self.database = database
        self._people: dict[str, Somebody] = {}

    @cached_property
    def app(self) -> Flask:
        return create_app()

    def person(self, login: str) -> Somebody:
        if login not in self._people:
            self._people[login] = Somebody(self.app, login)
        return self._people[login]

    def let_time_pass(self, **span: int) -> int:
        """Move the clock and let the scheduler look once; everybody logs in anew afterwards. How many jobs ran."""
        with db.transaction() as session:
            settings.move_clock(session, clock.now() + timedelta(**span))
        self._people.clear()
        return jobs.run_due()

    def settle(self) -> int:
        return jobs.run_due()

    def point(self, number: int) -> str:
        """The instance of a work point."""
        with db.reading() as session:
            found = session.scalars(select(WorkPoint.instance_id).where(WorkPoint.number == number)).one()
            assert found is not None
            return found

    def open_task(self, instance_id: str, activity_id: str | None = None) -> str:
        """The id of the one open user task of an instance."""
        tasks = self.open_tasks(instance_id)
        assert list(tasks) == [activity_id or next(iter(tasks))], tasks
        return tasks[activity_id or next(iter(tasks))]

    def open_tasks(self, instance_id: str) -> dict[str, str]:
        with db.reading() as session:
            mine = select(UserTask).where(UserTask.instance_id == instance_id, UserTask.status == "open")
            return {task.activity_id: task.id for task in session.scalars(mine.order_by(UserTask.created_at))}

    def children(self, instance_id: str, key: str) -> list[str]:
        with db.reading() as session:
            ours = select(ProcessInstance.id).where(
                ProcessInstance.parent_id == instance_id, ProcessInstance.definition_key == key
            )
            return list(session.scalars(ours.order_by(ProcessInstance.title)))

    def commitments(self, point_id: str) -> list[str]:
        """The instances of a work point's commitments, in the plan's order."""
        with db.reading() as session:
            ours = select(Commitment.instance_id).join(WorkPoint).where(WorkPoint.instance_id == point_id)
            return [each for each in session.scalars(ours.order_by(Commitment.number)) if each]

    def status(self, instance_id: str) -> str:
        with db.reading() as session:
            return session.get_one(ProcessInstance, instance_id).status

    def story(self, instance_id: str) -> list[str]:
        """What people did, as `activity` or `activity:decision`."""
        with db.reading() as session:
            told = select(HistoryEvent).where(
                HistoryEvent.instance_id == instance_id, HistoryEvent.kind == "user_task.completed"
            )
            events = session.scalars(told.order_by(HistoryEvent.number))
            return [":".join(filter(None, [e.activity_id, e.detail.get("decision")])) for e in events]

    def count(self, table: Any) -> int:
        with db.reading() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0
