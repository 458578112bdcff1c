"""Programs that work over HTTP without pause, keep what was answered, and repeat what was not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from tests.failures import office as offices
from tests.failures.invariants import Acknowledged

PATIENCE = 60
MOMENT = 0.02
"""Seconds until somebody who got no answer asks again."""

UNAVAILABLE = 503


@dataclass
class Client:
    """Starts instances and completes their first two tasks, each request under an idempotency key of its own."""

    address: str
    name: str
    started: set[str] = field(default_factory=set)
    completed: set[str] = field(default_factory=set)
    refusals: list[str] = field(default_factory=list)
    """What was said when the database was unavailable."""
    unexpected: list[str] = field(default_factory=list)
    broken: int = 0
    """Connections that ended without an answer."""

    def __post_init__(self) -> None:
        self._http = requests.Session()
        self._number = 0
        self._to_do: list[str] = []

    @property
    def acknowledged(self) -> int:
        return len(self.started) + len(self.completed)

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if not self.act():
                stop.wait(MOMENT)

    def act(self) -> bool:
        """One request; one that gets no answer is sent again next time, under the same key. Whether it succeeded."""
        if self._to_do:
            return self._complete(self._to_do[-1])
        return self._start(f"{self.name}-{self._number}")

    def _complete(self, task_id: str) -> bool:
        if self._ask("POST", f"task/{task_id}/complete", "officer1", key=task_id) is None:
            return False
        self.completed.add(self._to_do.pop())
        return True

    def _start(self, key: str) -> bool:
        begun = self._ask("POST", "process-definition/key/driven/start", "designer", key=key, businessKey=key)
        waiting = begun and self._ask("GET", f"task?processInstanceId={begun.json()['id']}", "designer")
        if begun is None or waiting is None:
            return False
        self.started.add(begun.json()["id"])
        self._to_do = [task["id"] for task in waiting.json()]
        self._number += 1
        return True

    def _ask(self, method: str, path: str, login: str, key: str = "", **body: str) -> requests.Response | None:
        """The answer, or None if there was none, or that the database is unavailable."""
        try:
            answer = self._http.request(
                method, f"{self.address}/engine-rest/{path}", json=body or None, auth=(login, offices.PASSWORD),
                headers={"Idempotency-Key": key} if key else None, timeout=PATIENCE,
            )  # fmt: skip
        except requests.RequestException:
            self.broken += 1
            return None
        if answer.status_code == UNAVAILABLE:
            self.refusals.append(answer.json()["message"])
            return None
        if not answer.ok:
            self.unexpected.append(f"{answer.status_code} {answer.text[:200]}")
            return None
        return answer


class Crowd:
    """Several clients, working in the background until the block is left."""

    def __init__(self, address: str, size: int) -> None:
        self.clients = [Client(address, f"client{number}") for number in range(size)]
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(size)

    def __enter__(self) -> Crowd:
        self._running = [self._pool.submit(client.work, self._stop) for client in self.clients]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for running in self._running:
            running.result(PATIENCE)
        self._pool.shutdown()

    def wait_for(self, count: int) -> None:
        """Until every client has had so many more of its requests answered with success."""
        wanted = [client.acknowledged + count for client in self.clients]
        self._wait(lambda: all(c.acknowledged >= w for c, w in zip(self.clients, wanted, strict=True)), "answers")

    def wait_for_refusals(self, count: int) -> None:
        """Until every client has been refused so many more times."""
        wanted = [len(client.refusals) + count for client in self.clients]
        self._wait(lambda: all(len(c.refusals) >= w for c, w in zip(self.clients, wanted, strict=True)), "refusals")

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        tick = threading.Event()
        for _ in range(PATIENCE * 20):
            if reached():
                return
            for running in self._running:
                if running.done():
                    running.result()
            tick.wait(0.05)
        raise AssertionError(f"no {what} for {PATIENCE} seconds: {[client.unexpected for client in self.clients]}")

    @property
    def refusals(self) -> set[str]:
        return {told for client in self.clients for told in client.refusals}

    @property
    def unexpected(self) -> list[str]:
        return [told for client in self.clients for told in client.unexpected]

    @property
    def broken(self) -> int:
        return sum(client.broken for client in self.clients)

    @property
    def acknowledged(self) -> Acknowledged:
        return Acknowledged(
            started=_together(client.started for client in self.clients),
            completed=_together(client.completed for client in self.clients),
        )


def _together(parts: Iterable[set[str]]) -> frozenset[str]:
    return frozenset().union(*parts)
