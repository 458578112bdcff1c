"""Gateways at which branches meet, and the end of a scope.

SpiffWorkflow 3.2.0 looks for the branches of a join in the tree above it. In a loop it then counts tokens of an earlier
round, and a document passes with half of its signatures; nested inclusive joins fire early for the same reason. Here a
join knows only the tokens that stand at it and the flows they came along, as BPMN 2.0 tells it (13.4.2, 13.4.3): one
token of each flow is taken, whatever happened before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from SpiffWorkflow.util.task import TaskState

from engine.spiff import data
from engine.spiff.nodes import Flow, Node

if TYPE_CHECKING:
    from engine.spiff.scope import Scope
    from engine.spiff.token import Token


class Join(Node):
    """Collects tokens: at most one for each incoming flow goes into the one that passes."""

    is_join = True
    settles = False
    """Decides only when nothing else can move by itself."""

    def waiting(self, scope: Scope) -> list[Token]:
        return [token for token in scope.tasks.values() if token.task_spec is self and token.is_waiting]

    def _first_by_flow(self, tokens: list[Token]) -> dict[str, Token]:
        first: dict[str, Token] = {}
        for token in tokens:
            first.setdefault(token.internal_data["from"], token)
        return first

    def _pass(self, token: Token, others: list[Token]) -> None:
        """Let one token go on for all of them."""
        data.join(token, others)
        for other in others:
            if other is not token:
                other.remove()


class ParallelGateway(Join):
    """Waits for one token on each incoming flow, and sends one along each that goes out."""

    def choose(self, token: Token) -> Sequence[Flow]:
        return self.flows

    def _update_hook(self, token: Token) -> bool:
        first = self._first_by_flow([*self.waiting(token.workflow), token])
        if len(first) < len(self.incoming) or token not in first.values():
            token.stand(TaskState.WAITING)
            return False
        self._pass(token, list(first.values()))
        return True


class InclusiveGateway(Join):
    """Waits while a token elsewhere could still reach an incoming flow that has none, and no flow that has one."""

    settles = True

    def _update_hook(self, token: Token) -> bool:
        if len(self.incoming) == 1:
            return True
        token.stand(TaskState.WAITING)
        return False

    def settle(self, scope: Scope) -> bool:
        """Pass one token if the time has come; whether it did."""
        first = self._first_by_flow(self.waiting(scope))
        if not first or any(self._awaits(other, set(first)) for other in scope.live()):
            return False
        *_, last = first.values()
        self._pass(last, list(first.values()))
        last._ready()
        return True

    def _awaits(self, other: Token, arrived: set[str]) -> bool:
        reached = self._reach.get(other.task_spec.name, frozenset()) if other.task_spec is not self else frozenset()
        return bool(reached - arrived) and not reached & arrived

    @cached_property
    def _reach(self) -> dict[str, frozenset[str]]:
        """Node → incoming flows of this gateway to which a path leads from it that does not visit the gateway."""
        reached: dict[str, set[str]] = {}
        for source, flow in self.incoming:
            behind, seen = [source], set()
            while behind:
                node = behind.pop()
                if node is self or node.name in seen:
                    continue
                seen.add(node.name)
                reached.setdefault(node.name, set()).add(flow.id)
                behind.extend(earlier for earlier, _ in node.incoming)
        return {name: frozenset(flows) for name, flows in reached.items()}


class ScopeEnd(Join):
    """Where every path of a scope ends. The scope is over when nothing else is alive in it."""

    settles = True

    def _update_hook(self, token: Token) -> bool:
        earlier = self.waiting(token.workflow)
        # What has ended already is one token, however many came before it.
        data.join(token, [*earlier, token], more_to_come=True)
        for other in earlier:
            other.remove()
        token.stand(TaskState.WAITING)
        return False

    def settle(self, scope: Scope) -> bool:
        for token in self.waiting(scope):
            if scope.is_idle_but_for(token):
                token.stand(TaskState.COMPLETED)
                scope.finish(token)
                return True
        return False
