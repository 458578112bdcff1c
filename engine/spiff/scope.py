"""Scopes: a running process, and each sub-process or called process that runs inside a token of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from SpiffWorkflow.util.task import TaskState
from SpiffWorkflow.workflow import Workflow

from engine.spiff import data
from engine.spiff.definition import Activity, Definition
from engine.spiff.token import Token

if TYPE_CHECKING:
    from engine.spiff.nodes import ProcessSpec


class Run(Protocol):
    """What all scopes of one instance share: the `Execution` they belong to."""

    definition: Definition

    def count_writing(self) -> int: ...
    def note_passed(self, token: Token) -> None: ...
    def call(self, token: Token, function: str) -> Any: ...
    def next_round(self, activity: Activity) -> int: ...
    def throw(self, kind: str, name: str, key: str | None, payload: dict[str, Any]) -> None: ...
    def fail(self, code: str) -> None: ...
    def known_to(self, token: Token) -> dict[str, Any]: ...
    def walk(self) -> Iterator[Token]: ...


class Scope(Workflow):  # type: ignore[misc]
    """SpiffWorkflow's workflow over our tokens. Its tree is flat: the root, and below it what is alive."""

    spec: ProcessSpec
    tasks: dict[str, Token]
    task_tree: Token

    def __init__(self, spec: ProcessSpec, run: Run, caller: Token | None = None) -> None:
        super().__init__(spec, deserializing=True)
        self.run = run
        self.caller = caller

    def begin(self, variables: dict[str, Any], at: str | None = None) -> None:
        """Put a token at the start event (the one named, or the plain one) and let event sub-processes listen."""
        self.task_tree = Token(self, self.spec.start, state=TaskState.COMPLETED)
        self.task_tree.data = dict(variables)
        self.task_tree.add(self.spec.start_event(at))._ready()
        for listener in self.spec.listeners:
            self.task_tree.add(listener).start()

    def live(self) -> list[Token]:
        return [token for token in self.tasks.values() if token.is_live]

    def walk(self) -> Iterator[Token]:
        """Every live token, those of inner scopes before the one they run in."""
        for token in list(self.tasks.values()):
            if token.is_live:
                if token.inner is not None:
                    yield from token.inner.walk()
                yield token

    def is_idle_but_for(self, token: Token) -> bool:
        """Whether nothing but this token, and event sub-processes that listen, is alive here."""
        return all(other is token or other.task_spec.only_listens for other in self.live())

    def finish(self, last: Token) -> None:
        """The last token has ended; what called this scope goes on with its variables."""
        self.cancel()
        self.completed, self.last_task, self.data = True, last, last.data
        if self.caller is not None:
            caller, self.caller.inner = self.caller, None
            data.take_over(caller, last)
            caller._ready()

    def cancel(self) -> None:
        """Whatever is alive here ends."""
        for token in self.live():
            token.cancel()

    def gathered(self, token: Token) -> Token:
        """A copy of a token that has taken over what runs here knows by now."""
        copy = Token.__new__(Token)
        copy.data, copy.internal_data = {**token.data, **data.latest(self.walk())}, {}
        return copy

    def tidy(self) -> None:
        """Leave the root, what is alive, and what holds together tokens that are alive; the rest is history's."""
        alive = self.live()
        kept = {token.id for token in alive}
        kept.update(
            token.parent.id for token in alive if token.parent is not None and token.parent.task_spec.holds(token)
        )
        kept.add(self.task_tree.id)
        staying = [token for token in self.tasks.values() if token.id in kept]
        for token in staying:
            token._parent = self._above(token, kept)
        self.tasks = {token.id: token for token in staying}
        for token in staying:
            token._children = []
        for token in staying:
            if token._parent is not None:
                self.tasks[token._parent]._children.append(token.id)
        self.task_tree.data = {}
        for token in alive:
            if token.inner is not None:
                token.inner.tidy()

    def _above(self, token: Token, kept: set[str]) -> str | None:
        """What holds a token together with others, or the root. A path that has left a boundary event is on its own."""
        if token is self.task_tree:
            return None
        parent = token.parent
        held = parent is not None and parent.id in kept and (parent.task_spec.repeats or parent.task_spec.holds(token))
        return parent.id if held else self.task_tree.id
