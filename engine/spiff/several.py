"""Activities that run several times: multi-instance (会签, 票签, 逐级审批) and the standard loop.

SpiffWorkflow 3.2.0 judges a completion condition in the data of the last instance, which knows no other vote; it cannot
lose an instance, crashes on a sequence without an output and stands still on a negative number. Here the condition sees
every vote so far and BPMN's own counters, and a signer may be added or taken away while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.errors import InvalidState
from engine.spiff import data
from engine.spiff.data import StepFailed
from engine.spiff.nodes import Node
from forms.expressions import Expression

if TYPE_CHECKING:
    from engine.spiff.token import Token

MOST = 1_000
"""Instances of one activity."""


class Repeated(Node):
    """The token round all instances; each instance is a token below it, at `each`."""

    repeats = True
    each: Node

    def _open(self, token: Token, **local: Any) -> None:
        """Let one more instance begin. What is `local` is not said to be set by it."""
        instance = token.add(self.each)
        instance.data.update(local)
        if "round" in token.internal_data:
            instance.internal_data["round"] = token.internal_data["round"]
        data.fork([instance])
        instance.start()

    def _running(self, token: Token) -> list[Token]:
        return [instance for instance in token.children if instance.is_live]


class MultiInstance(Repeated):
    """All at once or one after the other, for each item of a collection or a number of times."""

    is_sequential = False
    cardinality: Expression | None = None
    collection: Expression | None = None
    element: str | None = None
    output: str | None = None
    output_element: str | None = None
    condition: Expression | None = None

    def _update_hook(self, token: Token) -> bool:
        items = self._items(token)
        token.internal_data.update(items=items, opened=0, done=0, removed=0, given=[])
        if self.output is not None:
            data.assign(token, {self.output: []})
        if self.each.manual and self.each.activity is not None:
            token.internal_data["round"] = token.workflow.run.next_round(self.each.activity)
        if not items:
            return True
        token.stand(TaskState.STARTED)
        for _ in items[:1] if self.is_sequential else items:
            self._open_next(token)
        return False

    def child_completed(self, token: Token, child: Token) -> None:
        # What comes behind the activity is below its token as well, until the step is over.
        if child.task_spec is not self.each:
            return
        token.internal_data["done"] += 1
        self._collect(token, child)
        self._go_on(token, child.data)

    def add(self, token: Token, item: Any) -> None:
        """One more signer: beside the others, or next in the sequence."""
        if len(token.internal_data["items"]) >= MOST:
            raise InvalidState("too many instances", advice=f"最多 {MOST} 人。")
        if self.is_sequential:
            token.internal_data["items"].insert(token.internal_data["opened"], item)
        else:
            token.internal_data["items"].append(item)
            self._open_next(token)

    def remove(self, token: Token, instance: Token) -> None:
        """One signer less; if nobody is left to wait for, the votes that were given decide."""
        instance.cancel()
        token.internal_data["removed"] += 1
        self._go_on(token, {})

    def _items(self, token: Token) -> list[Any]:
        if self.collection is not None:
            items = data.evaluate(self.collection, token)
            if not isinstance(items, list) or None in items:
                raise StepFailed(f"“{self.collection.source}”须是没有空项的列表", code="collection")
        else:
            assert self.cardinality is not None
            number = data.evaluate(self.cardinality, token)
            number = int(number) if isinstance(number, str) and number.isdecimal() else number
            if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MOST:
                raise StepFailed(f"次数须是 0 到 {MOST} 的整数，现为“{number}”", code="cardinality")
            items = list(range(number))
        if len(items) > MOST:
            raise StepFailed(f"最多 {MOST} 项，现有 {len(items)} 项", code="collection")
        return list(items)

    def _open_next(self, token: Token) -> None:
        number = token.internal_data["opened"]
        token.internal_data["opened"] = number + 1
        local = {"loopCounter": number}
        if self.element is not None:
            local[self.element] = token.internal_data["items"][number]
        self._open(token, **local)

    def _collect(self, token: Token, instance: Token) -> None:
        """Keep a vote in the output list, or what an instance has set if there is none: two opinions are a conflict."""
        if self.output is not None:
            vote = instance.data.get(self.output_element) if self.output_element else None
            data.assign(token, {self.output: [*token.data[self.output], vote]})
            return
        own = data.written_since_parting(instance)
        given = token.internal_data["given"]
        clash = [name for name in own if name in given and token.data.get(name) != instance.data.get(name)]
        data.assign(token, {name: instance.data[name] for name in own if name not in clash and name in instance.data})
        token.internal_data["given"] = sorted({*given, *own})
        if clash:
            data.conflict(token, clash)

    def _go_on(self, token: Token, last: dict[str, Any]) -> None:
        running = self._running(token)
        if self._is_enough(token, last, len(running)):
            for instance in running:
                instance.cancel()
            token._ready()
        elif not running and token.internal_data["opened"] < len(token.internal_data["items"]):
            self._open_next(token)
        elif not running:
            token._ready()

    def _is_enough(self, token: Token, last: dict[str, Any], running: int) -> bool:
        if self.condition is None:
            return False
        known = token.internal_data
        counters = {
            "nrOfInstances": len(known["items"]) - known["removed"],
            "nrOfCompletedInstances": known["done"],
            "nrOfActiveInstances": running,
        }
        votes = {self.output: token.data[self.output]} if self.output is not None else {}
        return bool(data.evaluate(self.condition, token, {**last, **votes, **counters}))


class Loop(Repeated):
    """Again and again while the condition holds, at most `maximum` times."""

    maximum: int | None = None
    condition: Expression | None = None
    tests_before = False

    def _update_hook(self, token: Token) -> bool:
        token.internal_data["done"] = 0
        if self.tests_before and not self._goes_on(token):
            return True
        token.stand(TaskState.STARTED)
        self._open(token)
        return False

    def child_completed(self, token: Token, child: Token) -> None:
        if child.task_spec is not self.each:
            return
        token.internal_data["done"] += 1
        data.take_over(token, child)
        if self._goes_on(token):
            self._open(token)
        else:
            token._ready()

    def _goes_on(self, token: Token) -> bool:
        if self.maximum is not None and token.internal_data["done"] >= self.maximum:
            return False
        return self.condition is None or bool(data.evaluate(self.condition, token))
