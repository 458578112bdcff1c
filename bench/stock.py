"""SpiffWorkflow as it comes, with its own JSON serializer: one row per instance, no rights, inbox, form or history.

It runs in a process into which the engine has not been imported: there its joins are the library's own, and its script
engine evaluates Python. A completion is load, complete, run on, save and commit, with a version check.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.util.task import TaskState

from bench import drivers, script
from bench.script import OPENING, ROUND, Decision

TABLE = (
    "CREATE TABLE IF NOT EXISTS stock_instance (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, state TEXT NOT NULL)"
)


class Stock:
    """The baseline on one database. Every sample starts from rows whose instances are exactly at the wanted level."""

    def __init__(self, url: str) -> None:
        assert "engine" not in sys.modules, "the engine mends SpiffWorkflow's classes when it is imported"
        self._plain = drivers.connect(url)
        self._serializer = BpmnWorkflowSerializer()
        self._levels: dict[int, str] = {}
        self._plain.connection.execute(TABLE)
        self._plain.connection.commit()
        mark = self._plain.sql
        self._insert = mark("INSERT INTO stock_instance VALUES (?, 0, ?)")
        self._select = mark("SELECT revision, state FROM stock_instance WHERE id = ?")
        self._update = mark(
            "UPDATE stock_instance SET state = ?, revision = revision + 1 WHERE id = ? AND revision = ?"
        )

    def durability(self) -> dict[str, str]:
        return self._plain.durability()

    def review(self, instances: int) -> float:
        """Seconds per completion over whole runs of the six-task process."""
        return self._sample(_begun("bench_review"), instances, script.REVIEW)

    def returns(self, level: int, instances: int) -> float:
        """Seconds per completion at so many completed tasks."""
        return self._sample(self._at(level), instances, ROUND)

    def bytes_at(self, level: int) -> int:
        return len(self._at(level).encode())

    def _sample(self, workflow: BpmnWorkflow | str, instances: int, steps: Sequence[Decision]) -> float:
        state = workflow if isinstance(workflow, str) else self._serializer.serialize_json(workflow)
        rows = [str(uuid4()) for _ in range(instances)]
        self._plain.connection.execute("DELETE FROM stock_instance")
        for row in rows:
            self._plain.connection.execute(self._insert, (row, state))
        self._plain.connection.commit()
        seconds = 0.0
        for step in steps:
            ready = [(row, self._open_task(row, step.activity)) for row in rows]
            began = time.perf_counter()
            for row, task_id in ready:
                self._complete(row, task_id, step)
            seconds += time.perf_counter() - began
        return seconds / (len(steps) * instances)

    def _complete(self, row: str, task_id: Any, step: Decision) -> None:
        plain = self._plain
        plain.begin()
        revision, state = plain.connection.execute(self._select, (row,)).fetchone()
        workflow = self._serializer.deserialize_json(state)
        _do(workflow, workflow.get_task_from_id(task_id), step)
        state = self._serializer.serialize_json(workflow)
        if plain.connection.execute(self._update, (state, row, revision)).rowcount != 1:
            raise RuntimeError("somebody was faster")
        plain.connection.commit()

    def _open_task(self, row: str, activity: str) -> Any:
        state = self._plain.connection.execute(self._select, (row,)).fetchone()[1]
        self._plain.connection.commit()
        return _ready(self._serializer.deserialize_json(state), activity).id

    def _at(self, level: int) -> str:
        if level not in self._levels:
            workflow = _begun("bench_loop")
            for step in [*OPENING, *ROUND * ((level - len(OPENING)) // len(ROUND))]:
                _do(workflow, _ready(workflow, step.activity), step)
            self._levels[level] = self._serializer.serialize_json(workflow)
        return self._levels[level]


def _begun(key: str) -> BpmnWorkflow:
    parser = BpmnParser()
    parser.add_bpmn_file(str(script.diagram(key)))
    workflow = BpmnWorkflow(parser.get_spec(key))
    workflow.do_engine_steps()
    return workflow


def _do(workflow: BpmnWorkflow, task: Any, step: Decision) -> None:
    """The same data as with us: the decision that routes, and what was written, under the activity's own name."""
    task.data.update(decision=step.decision, **{step.activity: script.submitted(step)})
    task.run()
    workflow.do_engine_steps()


def _ready(workflow: BpmnWorkflow, activity: str) -> Any:
    (task,) = workflow.get_tasks(state=TaskState.READY, spec_name=activity)
    return task
