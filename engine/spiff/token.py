"""Tokens: SpiffWorkflow's tasks without its look-ahead.

The library draws every possible future below a task (3^k tasks behind k forks of three) and keeps every past above it,
so that a step costs more the longer an instance has lived; beyond a depth of 1,000 it loses tasks and calls the
instance complete. Here a token gets children only when it is done, and `Scope.tidy` takes away what is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine import clock, ids
from engine.spiff import data

if TYPE_CHECKING:
    from engine.spiff.nodes import Node
    from engine.spiff.scope import Scope

LIVE = TaskState.WAITING | TaskState.READY | TaskState.STARTED


class Token(Task):  # type: ignore[misc]
    """A token at a node. `data` holds its variables, `internal_data` what the node remembers of it."""

    task_spec: Node
    workflow: Scope
    inner: Scope | None = None
    """What runs inside: the sub-process or called process of a token that stands at one."""

    def __init__(
        self,
        scope: Scope,
        node: Node,
        parent: Token | None = None,
        state: int = TaskState.FUTURE,
        token_id: str | None = None,
    ) -> None:
        # The library's constructor would ask the machine's clock and draw an id we then had to translate.
        self.id = token_id or ids.new()
        self.workflow = scope
        self.task_spec = node
        self.triggered = False
        self.thread_id = 0
        self.last_state_change = 0
        self.data: dict[str, Any] = {}
        self.internal_data: dict[str, Any] = {}
        self._state = state
        self._children: list[str] = []
        self._parent = parent.id if parent is not None else None
        scope.tasks[self.id] = self
        if parent is not None:
            parent._children.append(self.id)

    @property
    def is_live(self) -> bool:
        return bool(self._state & LIVE)

    @property
    def is_ready(self) -> bool:
        return bool(self._state == TaskState.READY)

    @property
    def is_waiting(self) -> bool:
        return bool(self._state == TaskState.WAITING)

    def add(self, node: Node, *, arriving_by: str | None = None) -> Token:
        """A token behind this one with its variables, not yet under way; `arriving_by` is the flow it comes along."""
        child = Token(self.workflow, node, self)
        if arriving_by is not None and node.is_join:
            child.internal_data["from"] = arriving_by
        data.inherit(child, self)
        return child

    def start(self) -> None:
        """Let the node decide what becomes of a token that has just come."""
        try:
            self.task_spec._update(self)
        except data.StepFailed as failure:
            raise self.task_spec.failed(failure) from failure

    def stand(self, state: int) -> None:
        self._set_state(state)

    def run(self) -> None:
        """Do what the node does, and go on unless the token has ended by it."""
        if self.task_spec._run(self):
            self.complete()

    def complete(self) -> None:
        """Leave the node along the flows it chooses."""
        node = self.task_spec
        self._set_state(TaskState.COMPLETED)
        parent = self.parent
        if parent is not None:
            parent.task_spec.child_completed(parent, self)
        self.workflow.run.note_passed(self)
        children = [self.add(flow.target, arriving_by=flow.id) for flow in node.choose(self)]
        if len(children) > 1 and node.forks:
            data.fork(children)
        for child in children:
            child.start()

    def cancel(self) -> None:
        """End without going on; with it ends everything that runs inside."""
        if not self._state & TaskState.FINISHED_MASK:
            self._set_state(TaskState.CANCELLED)
            if self.inner is not None:
                self.inner.cancel()
                self.inner = None
        for child in self.children:
            if child is not None:
                child.cancel()

    def remove(self) -> None:
        """Take a token away that another one goes on for."""
        self._set_state(TaskState.CANCELLED)

    def _set_state(self, value: int) -> None:
        self._state = value
        if value & LIVE and "began" not in self.internal_data and self.task_spec.activity is not None:
            self.internal_data["began"] = clock.now().isoformat()
