"""SpiffWorkflow as it comes, in copies of its own: what our engine mends in the library does not reach them, nor they it.

`Stock` runs a diagram the way `driving.Run` does. With `joins_mended` its joins count what they have not yet consumed;
that is the one change without which it cannot be compared with anything in a loop.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from functools import cache
from types import ModuleType
from typing import Any

from tests.engine.driving import Waiting

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
MODULES = (
    "bpmn",
    "bpmn.parser",
    "bpmn.parser.task_parsers",
    "bpmn.specs.defaults",
    "bpmn.specs.event_definitions.message",
    "bpmn.specs.event_definitions.timer",
    "util.task",
    "util.deep_merge",
)


class Library:
    """A copy of the library that nobody else has in hand."""

    def __init__(self) -> None:
        ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "SpiffWorkflow"}
        try:
            self._modules = {name: importlib.import_module(f"SpiffWorkflow.{name}") for name in MODULES}
        finally:
            for name in [name for name in sys.modules if name.split(".")[0] == "SpiffWorkflow"]:
                del sys.modules[name]
            sys.modules.update(ours)

    def module(self, name: str) -> ModuleType:
        return self._modules[name]

    def get(self, module: str, name: str) -> Any:
        return getattr(self._modules[module], name)

    def tell_time(self, now: Callable[[], datetime]) -> None:
        """Let its timers ask us instead of the machine."""

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Moved:
                return cls.fromisoformat(now().astimezone(tz).isoformat())

        self.module("bpmn.specs.event_definitions.timer").datetime = Moved  # type: ignore[attr-defined]


@cache
def library() -> Library:
    """The library with nothing changed."""
    return Library()


@cache
def mended_parser() -> type[Any]:
    """A parser of the unchanged library whose joins wait for the tokens of their own round."""
    shipped = library()
    state, merge = shipped.get("util.task", "TaskState"), shipped.get("util.deep_merge", "DeepMerge").merge
    defaults, parsers = shipped.module("bpmn.specs.defaults"), shipped.module("bpmn.parser.task_parsers")

    class Rounds:
        """A token that has come to the join counts until the join fires, and never again."""

        def _here(self, token: Any) -> list[Any]:
            return [
                each
                for each in token.workflow.tasks.values()
                if each.task_spec is self
                and not each.internal_data.get("consumed")
                and each.parent.has_state(state.COMPLETED)
                and (each is token or each.has_state(state.WAITING) or each.internal_data.get("absorbed"))
            ]

        def _update_hook(self, token: Any) -> bool:
            may_fire = self._may_fire(token)
            for other in self._here(token):
                if other is not token and other.has_state(state.WAITING):
                    other.internal_data["absorbed"] = True
                    other.cancel()
            if may_fire:
                token._inherit_data()
            else:
                token._set_state(state.WAITING)
            return may_fire

        def _run_hook(self, token: Any) -> bool:
            for each in sorted(self._here(token), key=lambda each: each.last_state_change):
                merge(token.data, each.parent.data)
                each.internal_data["consumed"] = True
            return True

        def _may_fire(self, token: Any) -> bool:
            raise NotImplementedError

    class Parallel(Rounds, defaults.ParallelGateway):  # type: ignore[name-defined,misc]
        def _may_fire(self, token: Any) -> bool:
            return {each.parent.task_spec.name for each in self._here(token)} >= set(self._inputs)

    class Inclusive(Rounds, defaults.InclusiveGateway):  # type: ignore[name-defined,misc]
        def _may_fire(self, token: Any) -> bool:
            taken = {each.parent.task_spec.name for each in self._here(token)}
            empty = set(self._inputs) - taken
            reached = [self._reach(each.task_spec) for each in token.workflow.tasks.values() if self._is_live(each)]
            return not any(reach & empty and not reach & taken for reach in reached)

        def _is_live(self, task: Any) -> bool:
            begun = task.has_state(state.READY | state.WAITING | state.STARTED)
            is_next = (
                task.has_state(state.FUTURE) and task.parent is not None and task.parent.has_state(state.COMPLETED)
            )
            return task.task_spec is not self and (begun or is_next)

        def _reach(self, spec: Any) -> set[str]:
            """Everything on the ways from a node that do not lead through this join."""
            reached, ahead = set(), [spec.name]
            while ahead:
                name = ahead.pop()
                if name not in reached and name != self.name:
                    reached.add(name)
                    ahead.extend(self._wf_spec.task_specs[name]._outputs)
            return reached

        def _run_hook(self, token: Any) -> bool:
            Rounds._run_hook(self, token)
            matching, defaults = self._get_matching_outputs(token)
            token._sync_children(matching or defaults, state.FUTURE)
            for child in token.children:
                child.task_spec._predict(child, mask=state.FUTURE | state.PREDICTED_MASK)
            return True

    class Parser(shipped.module("bpmn.parser").BpmnParser):  # type: ignore[misc]
        OVERRIDE_PARSER_CLASSES = {
            f"{BPMN}parallelGateway": (parsers.GatewayParser, Parallel),
            f"{BPMN}inclusiveGateway": (parsers.ConditionalGatewayParser, Inclusive),
        }

    return Parser


class Stock:
    """One instance in the stock library, kept in memory."""

    def __init__(self, xml: str, variables: Mapping[str, Any], key: str = "p", joins_mended: bool = False) -> None:
        self.library = library()
        parser = mended_parser()() if joins_mended else self.library.get("bpmn.parser", "BpmnParser")()
        parser.add_bpmn_str(_timers_in_python(xml).encode())
        spec = parser.get_spec(key)
        self.workflow: Any = self.library.get("bpmn", "BpmnWorkflow")(spec, parser.get_subprocess_specs(key))
        self.workflow.task_tree.data.update(variables)
        self.workflow.do_engine_steps()

    @property
    def completed(self) -> bool:
        return bool(self.workflow.completed)

    def open_tasks(self) -> list[Any]:
        ready = self.library.get("util.task", "TaskState").READY
        return list(self.workflow.get_tasks(state=ready, manual=True))

    def waiting(self) -> list[Waiting]:
        """The open user tasks."""
        return [
            Waiting(str(task.id), task.task_spec.name.removesuffix(" [child]"), dict(task.data), is_task=True)
            for task in self.open_tasks()
        ]

    def do(self, token: str, values: Mapping[str, Any]) -> None:
        (task,) = [task for task in self.open_tasks() if str(task.id) == token]
        task.data.update(values)
        task.run()
        self.workflow.do_engine_steps()

    def awaits(self, message: str) -> bool:
        return any(event.name == message for event in self.workflow.waiting_events())

    def variables(self) -> Mapping[str, Any]:
        return dict(self.workflow.data)

    def deliver(self, message: str) -> bool:
        if not self.awaits(message):
            return False
        definition = self.library.get("bpmn.specs.event_definitions.message", "MessageEventDefinition")(message)
        self.workflow.send_event(self.library.get("bpmn", "BpmnEvent")(definition, payload={}))
        self.workflow.do_engine_steps()
        return True

    def look_at_the_clock(self) -> None:
        """What is due by now happens, and what follows from it."""
        self.workflow.refresh_timers()
        self.workflow.do_engine_steps()


def _timers_in_python(xml: str) -> str:
    """Stock evaluates the text of a timer, so ISO 8601 has to be quoted."""
    return re.sub(r"<bpmn:(time\w+)>([^<]+)<", r'<bpmn:\1>"\2"<', xml)
