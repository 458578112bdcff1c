"""One instance under way: it is loaded, takes a step, says what waits now and what was passed, and is stored again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.exceptions import WorkflowTaskException
from SpiffWorkflow.bpmn.specs.event_definitions.message import MessageEventDefinition
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent
from SpiffWorkflow.exceptions import WorkflowException
from SpiffWorkflow.util.task import TaskState

from engine import clock
from engine.errors import EngineError, InvalidState
from engine.spiff import codec, timers
from engine.spiff.definition import Activity, Definition
from engine.spiff.script_engine import ScriptEngine

Services = Callable[[str, dict[str, Any]], Mapping[str, Any] | None]
"""What a service task calls: name of the function and the token's variables → variables to set."""

MAX_AUTOMATIC_STEPS = 1_000
"""A step that passes more activities than this goes round in circles."""


class StepFailed(EngineError):
    """An expression or a service of the diagram failed; the step is rolled back."""


@dataclass(frozen=True)
class Wait:
    """A token that stands still: at a user task, for a time (`due_at`) or for a message."""

    token_id: str
    activity: Activity
    variables: Mapping[str, Any]
    due_at: datetime | None = None
    message: str | None = None


@dataclass(frozen=True)
class Passed:
    """An activity that ended in this step."""

    activity: Activity
    token_id: str
    started_at: datetime


class Execution:
    """A workflow with the definition it runs on. Made by `start` or `load`; nothing is kept between steps but `state()`."""

    def __init__(self, definition: Definition, workflow: BpmnWorkflow) -> None:
        self.definition = definition
        self.passed: list[Passed] = []
        self._workflow = workflow

    @classmethod
    def start(cls, definition: Definition, variables: Mapping[str, Any], services: Services) -> Execution:
        """A new instance with its first tokens; `advance` is still to come."""
        workflow = BpmnWorkflow(definition.spec, definition.called, script_engine=ScriptEngine(services))
        workflow.task_tree.data.update(variables)
        return cls(definition, workflow)

    @classmethod
    def load(cls, definition: Definition, state: bytes, services: Services) -> Execution:
        return cls(definition, codec.loads(state, definition, ScriptEngine(services)))

    def state(self) -> bytes:
        return codec.dumps(self._workflow)

    @property
    def completed(self) -> bool:
        return bool(self._workflow.completed)

    def complete(self, token_id: str, variables: Mapping[str, Any]) -> None:
        """Finish a user task. The library would run a finished one again, so its state is checked here."""
        token = self._workflow.get_task_from_id(UUID(token_id))
        if token.state != TaskState.READY:
            raise InvalidState(f"user task {token_id} is not open", advice="这件待办已经不在办理状态。")
        token.data.update(variables)
        self._run(token)

    def deliver(self, message: str, payload: Mapping[str, Any]) -> bool:
        """Hand a message to the tokens that wait for it; False if none does."""
        if not any(wait.message == message for wait in self.waits()):
            return False
        self._workflow.send_event(BpmnEvent(MessageEventDefinition(message), payload=dict(payload)))
        return True

    def advance(self) -> None:
        """Run everything automatic until only people, time and messages can go on."""
        with _plain_failures():
            while self._refresh_timers() or self._step():
                if len(self.passed) > MAX_AUTOMATIC_STEPS:
                    raise StepFailed("too many automatic steps", advice="流程自动环节循环过多，已停止。")

    def terminate(self) -> None:
        self._workflow.cancel()

    def waits(self) -> list[Wait]:
        """Everything that stands still now, in the order of the tokens."""
        return [
            wait for workflow in self._running() for token in workflow.tasks.values() if (wait := self._wait(token))
        ]

    def variables(self) -> dict[str, Any]:
        """The variables of all live tokens together (the later one wins), or those the process ended with."""
        if self.completed:
            return dict(self._workflow.data) or dict(self._workflow.last_task.data)
        merged: dict[str, Any] = {}
        for workflow in self._running():
            for token in workflow.tasks.values():
                if token.has_state(codec.LIVE):
                    merged.update(token.data)
        return merged

    def open_activities(self) -> list[Passed]:
        """Diagram elements that have begun and not ended: waiting events, running calls, user tasks."""
        return [
            Passed(activity, str(token.id), _began(token))
            for workflow in self._running()
            for token in workflow.tasks.values()
            if token.has_state(codec.LIVE) and (activity := self._activity(token))
        ]

    def _running(self) -> list[Any]:
        return [self._workflow, *(sub for sub in self._workflow.subprocesses.values() if not sub.completed)]

    def _refresh_timers(self) -> bool:
        """Let due timers fire before anything else moves: a deadline that has passed wins over what comes after it."""
        fired = False
        for token in list(self._workflow.event_manager.tasks.values()):
            due = timers.due(token)
            if due is not None and due <= clock.now():
                token.task_spec._update(token)
                fired = True
        return fired

    def _step(self) -> bool:
        """Run what is ready, innermost first, one token at a time, so that a cancelled scope does nothing more."""
        for workflow in sorted(self._running(), key=lambda each: each.depth, reverse=True):
            for token in list(workflow.tasks.values()):
                if token.state == TaskState.READY and not token.task_spec.manual:
                    self._run(token)
                    return True
            if workflow is not self._workflow and workflow.completed:
                return True
        return self._update_calls()

    def _update_calls(self) -> bool:
        moved = False
        for token_id in list(self._workflow.subprocesses):
            caller = self._workflow.get_task_from_id(token_id)
            before = caller.state
            caller.task_spec._update(caller)
            moved = moved or caller.state != before
        return moved

    def _run(self, token: Any) -> None:
        began = _began(token)
        with _plain_failures():
            token.run()
        activity = self._activity(token)
        if activity is not None and token.state == TaskState.COMPLETED:
            self.passed.append(Passed(activity, str(token.id), began))
        self._note_beginnings()

    def _note_beginnings(self) -> None:
        """Remember by our own clock when a token began to wait; the library's stamp is the machine's."""
        for workflow in self._running():
            for token in workflow.tasks.values():
                if token.has_state(codec.LIVE) and "began" not in token.internal_data and token.task_spec.bpmn_id:
                    token.internal_data["began"] = clock.now().isoformat()

    def _activity(self, token: Any) -> Activity | None:
        element_id = token.task_spec.bpmn_id
        return self.definition.activities.get((token.workflow.spec.name, element_id)) if element_id else None

    def _wait(self, token: Any) -> Wait | None:
        activity = self._activity(token)
        if activity is None:
            return None
        if token.state == TaskState.READY and token.task_spec.manual:
            return Wait(str(token.id), activity, token.data)
        if token.state == TaskState.WAITING and isinstance(token.task_spec, CatchingEvent):
            event = token.task_spec.event_definition
            message = event.name if isinstance(event, MessageEventDefinition) else None
            return Wait(str(token.id), activity, token.data, timers.due(token), message)
        return None


def _began(token: Any) -> datetime:
    noted = token.internal_data.get("began")
    return datetime.fromisoformat(noted) if noted else clock.now()


class _plain_failures:
    """Name the element where a diagram failed; the library's own exceptions stay inside this package."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, WorkflowTaskException) and isinstance(error.__cause__, EngineError):
            raise error.__cause__
        if isinstance(error, WorkflowException):
            spec = getattr(error, "task_spec", None)
            where = getattr(spec, "bpmn_name", None) or getattr(spec, "name", "")
            raise StepFailed(str(error), code="step", advice=f"流程在“{where}”处无法继续：{error}") from error
