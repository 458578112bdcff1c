"""Flow nodes: what a token does where it stands, and along which flows it leaves.

They are SpiffWorkflow's task specifications with its life cycle (update → ready → run → complete). What the library
gets wrong or leaves out lies in the modules beside this one, each next to the fault it mends: `joins`, `events`,
`several`, `timers`, `data`, `token`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from SpiffWorkflow.specs.base import TaskSpec
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.util.task import TaskState

from engine.decisions import BusinessRuleTask, DecisionFailed
from engine.errors import EngineError
from engine.spiff import data
from engine.spiff.data import StepFailed
from engine.spiff.definition import Activity
from forms.expressions import Expression

if TYPE_CHECKING:
    from engine.spiff.events import CatchEvent, StartEvent
    from engine.spiff.token import Token


@dataclass(frozen=True)
class Flow:
    """A sequence flow, as the node it leaves knows it."""

    id: str
    target: Node
    condition: Expression | None = None
    is_default: bool = False


class ProcessSpec(WorkflowSpec):  # type: ignore[misc]
    """The nodes of one process or sub-process."""

    def __init__(self, key: str, title: str) -> None:
        super().__init__(key)
        self.title = title
        self.start: Node = Node(self, "(root)")
        self.listeners: list[CatchEvent] = []
        """The start events of its event sub-processes."""
        self.starts: dict[str, StartEvent] = {}

    def start_event(self, at: str | None = None) -> StartEvent:
        """The start event of that id, or the plain one, or the only one."""
        if at is not None:
            return self.starts[at]
        plain = [start for start in self.starts.values() if start.is_plain]
        return (plain or list(self.starts.values()))[0]


class Node(TaskSpec):  # type: ignore[misc]
    """Passes its token on at once. `activity` is None for what the engine adds and no diagram shows."""

    manual = False
    is_join = False
    repeats = False
    """Runs its activity several times, in tokens below its own."""
    throws = False
    """Does something that others may hear of."""
    forks = True
    """Tokens that leave together are branches; of an engine's own frame they are not."""
    body: str | None = None
    """What runs inside, the key of a sub-process or called process."""
    only_listens = False
    """Does not keep its scope alive."""

    def __init__(self, spec: ProcessSpec, name: str, activity: Activity | None = None) -> None:
        super().__init__(spec, name, manual=type(self).manual)
        self.activity = activity
        self.flows: list[Flow] = []
        self.incoming: list[tuple[Node, Flow]] = []

    def leads_to(self, target: Node, flow: str, condition: Expression | None = None, is_default: bool = False) -> None:
        made = Flow(flow, target, condition, is_default)
        self.flows.append(made)
        target.incoming.append((self, made))

    def choose(self, token: Token) -> Sequence[Flow]:
        """All flows without a condition and those whose condition holds, the default one if none does (BPMN 2.0, 8.3.13)."""
        plain = [flow for flow in self.flows if flow.condition is None and not flow.is_default]
        holding = [flow for flow in self.flows if flow.condition is not None and _holds(flow, token)]
        otherwise = [flow for flow in self.flows if flow.is_default and not holding]
        return plain + holding + otherwise or self._default()

    def holds(self, child: Token) -> bool:
        """Whether a token at this node must stay with those below it, though it is done."""
        return False

    def child_completed(self, token: Token, child: Token) -> None:
        """A token below one of this node has ended well."""

    def failed(self, failure: EngineError) -> StepFailed:
        """The failure with where in the diagram it happened."""
        if isinstance(failure, StepFailed) and failure.element is not None:
            return failure
        where = (self.activity.name or self.activity.id) if self.activity else self.name
        located = StepFailed(
            f"{self.name}: {failure}", code=failure.code or "step", advice=f"流程在“{where}”处无法继续：{failure}"
        )
        located.element = self.name
        return located

    def test(self) -> None:
        """The library would look for inputs each time a token comes; the deployment check has done so once."""

    def _update(self, token: Token) -> None:
        if self._update_hook(token):
            token._ready()

    def _update_hook(self, token: Token) -> bool:
        return True

    def _default(self) -> Sequence[Flow]:
        defaults = [flow for flow in self.flows if flow.is_default]
        if self.flows and not defaults:
            raise StepFailed("没有一个出口的条件成立，也没有默认出口", code="no_flow")
        return defaults

    def _on_ready(self, token: Token) -> None:
        """Nothing: what the library does here (assignments before a task) our diagrams do not have."""

    def _run(self, token: Token) -> bool:
        return bool(self._run_hook(token))

    def _run_hook(self, token: Token) -> bool:
        return True


def _holds(flow: Flow, token: Token) -> bool:
    return flow.condition is None or bool(data.evaluate(flow.condition, token))


class ExclusiveGateway(Node):
    """The first flow whose condition holds, in the order of the diagram."""

    def choose(self, token: Token) -> Sequence[Flow]:
        for flow in self.flows:
            if not flow.is_default and _holds(flow, token):
                return [flow]
        return self._default()


class UserTask(Node):
    """Stands ready until somebody completes it."""

    manual = True

    def _update_hook(self, token: Token) -> bool:
        assert self.activity is not None
        if "round" not in token.internal_data:
            token.internal_data["round"] = token.workflow.run.next_round(self.activity)
        return True


class ScriptTask(Node):
    """Carries out assignments, each of which sees the ones before it."""

    assignments: tuple[tuple[str, Expression], ...] = ()

    def _run_hook(self, token: Token) -> bool:
        for name, expression in self.assignments:
            data.assign(token, {name: data.evaluate(expression, token)})
        return True


class ServiceTask(Node):
    """Calls a function of ours, in the transaction of the step; what it returns becomes variables."""

    function = ""

    def _run_hook(self, token: Token) -> bool:
        data.assign(token, token.workflow.run.call(token, self.function) or {})
        return True


class DecisionTask(Node):
    """Asks a decision table."""

    asking: BusinessRuleTask

    def _run_hook(self, token: Token) -> bool:
        decision = token.workflow.run.definition.decisions[self.asking.decision_key]
        try:
            data.assign(token, self.asking.variables(decision, token.data))
        except DecisionFailed as failure:
            raise StepFailed(str(failure), code="decision") from failure
        return True


class SubProcess(Node):
    """Runs another scope inside its token: an embedded sub-process, a transaction, a called process."""

    def _update_hook(self, token: Token) -> bool:
        from engine.spiff.scope import Scope

        run = token.workflow.run
        token.stand(TaskState.STARTED)
        token.inner = Scope(run.definition.scopes[self.body or ""], run, token)
        token.inner.begin(token.data)
        return False
