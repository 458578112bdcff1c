"""The stored state of an execution: one opaque blob, `version byte · 8 bytes of SHA-256 · JSON rows`.

Only tokens are stored, never the specification (it is found by the definition's hash), and data only where a token
still needs it. A row is `[id, parent, spec, state, changed at, triggered, internal data, data]`; data `1` means "the
same as my parent's". A changed or truncated blob is refused; it never loads as something else.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from SpiffWorkflow.bpmn import BpmnWorkflow
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.bpmn.util.subworkflow import BpmnSubWorkflow
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

from engine.errors import EngineError
from engine.spiff.definition import Definition

VERSION = b"\x01"
CHECKSUM_BYTES = 8
LIVE = TaskState.WAITING | TaskState.READY | TaskState.STARTED
SAME_AS_PARENT = 1


class StateDamaged(EngineError):
    """The stored state is not what was stored."""


def dumps(workflow: BpmnWorkflow) -> bytes:
    """The state of a workflow and of its running sub-processes, outer before inner."""
    running = sorted((sub for sub in workflow.subprocesses.values() if not sub.completed), key=lambda sub: sub.depth)
    body = orjson.dumps(
        {
            "top": _dump(workflow),
            "subs": [[sub.parent_task_id.hex, sub.spec.name, _dump(sub)] for sub in running],
        }
    )
    return VERSION + _checksum(body) + body


def loads(state: bytes, definition: Definition, script_engine: Any) -> BpmnWorkflow:
    """The workflow as it was stored, on the shared specification of its definition."""
    stored = orjson.loads(_checked(state))
    workflow = BpmnWorkflow(definition.spec, definition.called, script_engine=script_engine, deserializing=True)
    _load(workflow, stored["top"], workflow)
    for parent_id, name, rows in stored["subs"]:
        parent = workflow.get_task_from_id(UUID(parent_id))
        sub = BpmnSubWorkflow(definition.called[name], parent.id, workflow, deserializing=True)
        workflow.subprocesses[parent.id] = sub
        _load(sub, rows, workflow)
        sub.completed_event.connect(parent.task_spec._on_subworkflow_completed, parent)
    return workflow


def _checksum(body: bytes) -> bytes:
    return sha256(VERSION + body).digest()[:CHECKSUM_BYTES]


def _checked(state: bytes) -> bytes:
    version, checksum, body = state[:1], state[1 : 1 + CHECKSUM_BYTES], state[1 + CHECKSUM_BYTES :]
    if version != VERSION or checksum != _checksum(body):
        raise StateDamaged(
            "the stored state does not match its checksum", advice="该流程的运行数据已损坏，已登记为异常。"
        )
    return body


def _dump(workflow: Any) -> dict[str, Any]:
    last = workflow.last_task
    return {
        "root": workflow.task_tree.id.hex,
        "last": last.id.hex if last is not None and last.id in workflow.tasks else None,
        "success": workflow.success,
        "completed": workflow.completed,
        "data": workflow.data,
        "rows": [_row(task, task is last) for task in workflow.tasks.values()],
    }


def _row(task: Task, is_last: bool) -> list[Any]:
    return [
        task.id.hex,
        task._parent.hex if task._parent else None,
        task.task_spec.name,
        task._state,
        task.last_state_change,
        int(task.triggered),
        task.internal_data or None,
        _data(task) if is_last or _is_needed(task) else None,
    ]


def _data(task: Task) -> Any:
    parent = task.parent
    inherited = parent is not None and parent._state == TaskState.COMPLETED and task.data == parent.data
    return SAME_AS_PARENT if inherited and task._state & LIVE else task.data


def _is_needed(task: Task) -> bool:
    """A live token reads its data; a finished one hands it to children that have yet to begin."""
    if task._state & LIVE:
        return True
    return task._state == TaskState.COMPLETED and any(c._state != TaskState.COMPLETED for c in task.children)


def _load(workflow: Any, stored: dict[str, Any], top: BpmnWorkflow) -> None:
    workflow.success, workflow.completed, workflow.data = stored["success"], stored["completed"], stored["data"]
    for row in stored["rows"]:
        _restore(workflow, row, top)
    workflow.task_tree = workflow.tasks[UUID(stored["root"])]
    workflow.last_task = workflow.tasks[UUID(stored["last"])] if stored["last"] else None


def _restore(workflow: Any, row: list[Any], top: BpmnWorkflow) -> None:
    identity, parent_id, spec_name, state, changed_at, triggered, internal, data = row
    # The constructor would draw an id, take the time and tell the parent; all of that is already in the row.
    task = Task.__new__(Task)
    task.id = UUID(identity)
    task._parent = UUID(parent_id) if parent_id else None
    task.workflow = workflow
    task.task_spec = workflow.spec.task_specs[spec_name]
    task._children = []
    task._state = state
    task.triggered = bool(triggered)
    task.thread_id = 0
    task.last_state_change = changed_at
    task.internal_data = internal or {}
    parent = workflow.tasks.get(task._parent)
    # The same one-level copy as the library makes when a token inherits.
    task.data = DeepMerge.merge({}, parent.data) if data == SAME_AS_PARENT else data or {}
    workflow.tasks[task.id] = task
    if parent is not None:
        parent._children.append(task.id)
    if state == TaskState.WAITING and isinstance(task.task_spec, CatchingEvent):
        top.event_manager.add_task(task)
