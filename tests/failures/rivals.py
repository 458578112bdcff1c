"""Two who act at the same moment: as threads of one process, or as two processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Barrier
from typing import Any, Protocol

from engine import correlation, db, definitions, handover, instances, jobs, runtime, settings, signers, user_tasks
from engine.errors import EngineError
from engine.models import InstanceStatus
from tests.failures import office as offices

PATIENCE = 60
"""Seconds after which a rival that does not answer fails the test."""

Act = tuple[str, ...]
"""Name in `ACTS`, then its arguments."""

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.failures.rivals", "tests.failures.worker"])


@dataclass(frozen=True)
class Outcome:
    """How an act ended: `done` with what came of it, `refused` in the engine's words, or `failed` as no act may."""

    kind: str
    told: str


class Rivals(Protocol):
    def race(self, *acts: Act) -> list[Outcome]:
        """Let everybody act at once; the outcomes in the order of the acts."""


class Threads:
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)

    def race(self, *acts: Act) -> list[Outcome]:
        together = Barrier(len(acts))

        def run(act: Act) -> Outcome:
            together.wait(PATIENCE)
            return perform(act)

        return list(self._pool.map(run, acts))

    def end(self) -> None:
        self._pool.shutdown()


class Processes:
    def __init__(self, url: str, effects: Path) -> None:
        self._together = FORKING.Barrier(2)
        self._ends = [FORKING.Pipe() for _ in range(2)]
        self._processes = [
            FORKING.Process(target=_serve, args=(url, effects, self._together, theirs), daemon=True)
            for _, theirs in self._ends
        ]
        for process in self._processes:
            process.start()

    def race(self, *acts: Act) -> list[Outcome]:
        for (ours, _), act in zip(self._ends, acts, strict=True):
            ours.send(act)
        return [self._answer(ours) for ours, _ in self._ends]

    def _answer(self, connection: Any) -> Outcome:
        assert connection.poll(PATIENCE), "a rival does not answer"
        outcome: Outcome = connection.recv()
        return outcome

    def end(self) -> None:
        for ours, _ in self._ends:
            ours.send(None)
        for process in self._processes:
            process.join(PATIENCE)


def _serve(url: str, effects: Path, together: Any, connection: Connection[Any, Any]) -> None:
    offices.enter(url, effects)
    while (act := connection.recv()) is not None:
        with db.reading() as session:
            settings.apply_clock(session)
        together.wait(PATIENCE)
        connection.send(perform(act))
    db.close_database()


def perform(act: Act) -> Outcome:
    name, *arguments = act
    try:
        return Outcome("done", str(ACTS[name](*arguments)))
    except EngineError as refusal:
        return Outcome("refused", f"{type(refusal).__name__} {refusal.code}".strip())
    except Exception as error:  # whatever else comes is what the test is looking for
        return Outcome("failed", f"{type(error).__name__}: {error}")


def _complete(task_id: str, login: str) -> str:
    with db.transaction() as session:
        return user_tasks.complete(session, task_id, {}, actor=offices.actor(session, login)).id


def _claim(task_id: str, login: str) -> None:
    with db.transaction() as session:
        user_tasks.claim(session, task_id, actor=offices.actor(session, login))


def _terminate(instance_id: str) -> None:
    with db.transaction() as session:
        runtime.terminate(session, runtime.lock(session, instance_id), actor=None, reason="撤销")


def _end_family(parent_id: str, child_id: str) -> None:
    """As the end of the year does: the parent's step ends what its children have not finished."""
    with db.transaction() as session:
        runtime.lock(session, parent_id)
        child = runtime.lock(session, child_id)
        if child.status == InstanceStatus.ACTIVE:
            runtime.terminate(session, child, actor=None, reason="年度截止")


def _start(key: str) -> str:
    with db.transaction() as session:
        started = instances.start(session, key, {}, actor=offices.actor(session, "designer"))
        return f"{started.id} {started.definition_id}"


def _deploy(file: str, note: str) -> str:
    """A new version of a diagram: the same, with another remark in it."""
    content = (offices.DIAGRAMS / file).read_bytes() + f"<!-- {note} -->\n".encode()
    with db.transaction() as session:
        _, (made,) = definitions.deploy(session, note, {file: content})
        return made.id


def _assign(task_id: str, login: str) -> None:
    with db.transaction() as session:
        handover.assign(session, task_id, login, actor=offices.actor(session, "designer"))


def _add_signer(task_id: str, login: str) -> None:
    with db.transaction() as session:
        signers.add(session, task_id, login, actor=offices.actor(session, "designer"))


def _remove_signer(task_id: str) -> None:
    with db.transaction() as session:
        signers.remove(session, task_id, actor=offices.actor(session, "designer"))


def _correlate(instance_id: str) -> int:
    """How many have received the message."""
    with db.transaction() as session:
        return len(correlation.correlate(session, "go", instance_id=instance_id, actor=None))


ACTS: dict[str, Callable[..., Any]] = {
    "complete": _complete,
    "claim": _claim,
    "terminate": _terminate,
    "end family": _end_family,
    "start": _start,
    "deploy": _deploy,
    "assign": _assign,
    "add signer": _add_signer,
    "remove signer": _remove_signer,
    "correlate": _correlate,
    "tick": lambda: jobs.run_due(),
}
