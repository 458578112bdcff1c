"""Ratio 5: a completion over HTTP beside a minimal Flask view that writes three rows, in the same server.

The view is mounted beside our application in one waitress, with its settings, and is asked over the same connection.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http.client import HTTPConnection
from threading import Thread, local
from urllib.parse import urlencode
from uuid import uuid4

from flask import Flask, request
from flask.typing import ResponseReturnValue
from waitress.server import create_server
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from bench import drivers, ours, script
from bench.databases import Backend, Workshop
from bench.measure import Goal, Ratio, Watch, in_ms, interleaved, quotient
from bench.ours import PASSWORD, Bureau, Step
from bench.remote import Remote
from bench.script import REVIEW
from engine import application
from web.app import create_app
from web.server import THREADS

TABLE = "CREATE TABLE bench_row (id VARCHAR(36) PRIMARY KEY, request VARCHAR(36) NOT NULL, text TEXT NOT NULL)"
PATIENCE = 30
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Server:
    """Our application and, under `/bare`, the minimal one; served until its process ends."""

    def __init__(self, url: str) -> None:
        self._opened = ours.opened(url)
        self._opened.__enter__()
        application.stay()
        both = DispatcherMiddleware(create_app(), {"/bare": _bare(url)})
        self._server = create_server(both, host="127.0.0.1", port=0, threads=THREADS, ident="bihuan")
        Thread(target=self._server.run, daemon=True).start()

    def port(self) -> int:
        return int(self._server.effective_port)


class Client:
    """One connection that stays open, and what a browser or a REST client sends along."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._cookies: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        self._connection.close()

    def bare(self, step: Step) -> None:
        self._post("/bare/rows", json.dumps(step.submitted), {"Content-Type": "application/json"}, 204)

    def rest(self, step: Step) -> None:
        login = base64.b64encode(f"{step.actor.login}:{PASSWORD}".encode()).decode()
        body = json.dumps({"variables": {name: {"value": value} for name, value in step.submitted.items()}})
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        self._post(f"/engine-rest/task/{step.task_id}/complete", body, headers, 204)

    def page(self, step: Step) -> None:
        login = step.actor.login
        body = urlencode({**step.submitted, "csrf_token": self._tokens[login]})
        self._post(f"/tasks/{step.task_id}/complete", body, self._form(self._cookies[login]), 302)

    def log_in(self, login: str) -> None:
        """As at a browser; the token of one page is good for the whole session."""
        page, cookie = self._get("/login", "")
        body = urlencode({"login": login, "password": PASSWORD, "csrf_token": _token(page)})
        page, self._cookies[login] = self._get("/tasks", self._post("/login", body, self._form(cookie), 302))
        self._tokens[login] = _token(page)

    def _form(self, cookie: str) -> dict[str, str]:
        return {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}

    def _get(self, path: str, cookie: str) -> tuple[str, str]:
        self._connection.request("GET", path, headers={"Cookie": cookie})
        answer = self._connection.getresponse()
        return answer.read().decode(), (answer.headers.get("Set-Cookie") or cookie).partition(";")[0]

    def _post(self, path: str, body: str, headers: Mapping[str, str], expected: int) -> str:
        self._connection.request("POST", path, body.encode(), dict(headers))
        answer = self._connection.getresponse()
        told = answer.read()
        assert answer.status == expected, f"{path}: {answer.status} {told[:500]!r}"
        return (answer.headers.get("Set-Cookie") or "").partition(";")[0]


def measured(place: Workshop, watch: Watch, _wanted: set[int]) -> Iterator[Ratio]:
    for backend in Backend:
        yield from _measure(place, watch, backend)


def _measure(place: Workshop, watch: Watch, backend: Backend) -> Iterator[Ratio]:
    database = place.fresh(backend)
    plain = drivers.connect(database.url)
    plain.connection.execute(TABLE)
    plain.connection.commit()
    plain.close()
    with Remote(Server, database.url) as server, ours.opened(database.url) as bureau:
        client = Client(server.call("port"))
        for login in ours.LOGINS.values():
            client.log_in(login)
        place.settle()
        count = place.scale.instances
        samples = {
            "bare": partial(_sample_bare, bureau, client.bare, count),
            "rest": partial(_sample, bureau, client.rest, count),
            "page": partial(_sample, bureau, client.page, count),
        }
        taken = interleaved(samples, place.scale.rounds, watch)
        client.close()
    for name, words, goal in (("rest", "经 /engine-rest 办结", 0.4), ("page", "在页面上办结", 0.3)):
        note = f"{in_ms(taken[name])}，最小视图 {in_ms(taken['bare'])}"
        measure = f"{backend}：{words}的速度，与同一服务器中只写三行的 Flask 视图之比"
        yield Ratio(5, measure, quotient(taken["bare"], taken[name]), Goal("≥", goal), note)


def _sample(bureau: Bureau, send: Callable[[Step], None], count: int) -> float:
    """Seconds per request over whole runs of the six-task process."""
    ids, seconds = bureau.start("bench_review", count), 0.0
    for decision in REVIEW:
        seconds += _timed(send, bureau.steps(ids, decision))
    return seconds / (len(REVIEW) * count)


def _sample_bare(bureau: Bureau, send: Callable[[Step], None], count: int) -> float:
    """Seconds per request; as many requests, with the same content, that name no task."""
    steps = [Step("", script.submitted(each), next(iter(bureau.actors.values()))) for each in REVIEW] * count
    return _timed(send, steps) / len(steps)


def _timed(send: Callable[[Step], None], steps: Sequence[Step]) -> float:
    began = time.perf_counter()
    for step in steps:
        send(step)
    return time.perf_counter() - began


def _bare(url: str) -> Flask:
    """Flask at its least: read JSON, write three rows in one transaction, answer. A connection per thread, plain driver."""
    app = Flask("bare")
    kept = local()

    @app.post("/rows")
    def rows() -> ResponseReturnValue:
        given, request_id = request.get_json(), str(uuid4())
        if not hasattr(kept, "plain"):
            kept.plain = drivers.connect(url)
        plain: drivers.Plain = kept.plain
        plain.begin()
        for text in (given["decision"], given["opinion"], request_id):
            statement = plain.sql("INSERT INTO bench_row VALUES (?, ?, ?)")
            plain.connection.execute(statement, (str(uuid4()), request_id, text))
        plain.connection.commit()
        return "", 204

    return app


def _token(page: str) -> str:
    found = TOKEN.search(page)
    assert found, "the page carries no CSRF token"
    return found[1]
