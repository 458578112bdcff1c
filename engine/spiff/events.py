"""Events: what a diagram waits for, what it throws, and whom it reaches.

SpiffWorkflow 3.2.0 lets an interrupted scope run on until its tokens happen to be looked at, fires a non-interrupting
message once and never again, ignores signal ends, link events and `isInterrupting`, and blocks a process for ever on a
timer of an event sub-process. Here an event acts at the moment it comes: what it interrupts is cancelled before anything
else moves, what it does not interrupt listens again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.spiff import data, timers
from engine.spiff.definition import Activity
from engine.spiff.nodes import Flow, Node, ProcessSpec
from forms.expressions import Expression

if TYPE_CHECKING:
    from engine.spiff.scope import Scope
    from engine.spiff.token import Token


@dataclass(frozen=True)
class Trigger:
    """One event definition: `message`, `signal`, `timer`, `error`, `escalation`, `conditional`, `cancel`, `terminate`."""

    kind: str
    name: str = ""
    """Of a message or signal; the code of an error or escalation, "" for any."""
    timer: timers.Timer | None = None
    condition: Expression | None = None
    correlation_key: Expression | None = None

    def catches(self, kind: str, name: str) -> bool:
        if kind != self.kind:
            return False
        return name == self.name or (kind in ("error", "escalation") and not self.name)


@dataclass(frozen=True)
class Coming:
    """What a token that waits for an event waits for."""

    kind: str
    name: str = ""
    correlation_key: str | None = None
    due_at: datetime | None = None


class CatchEvent(Node):
    """Stands until one of its triggers comes, or all of them if `needs_all`."""

    def __init__(
        self,
        spec: ProcessSpec,
        name: str,
        activity: Activity | None,
        triggers: Sequence[Trigger],
        needs_all: bool = False,
    ) -> None:
        super().__init__(spec, name, activity)
        self.triggers = tuple(triggers)
        self.needs_all = needs_all

    def _update_hook(self, token: Token) -> bool:
        if not self.triggers:
            return True
        self.arm(token)
        return False

    def arm(self, token: Token) -> None:
        """Begin to wait: fix when a timer is due and by which key a message is known."""
        for number, trigger in enumerate(self.triggers):
            if trigger.timer is not None:
                token.internal_data[f"timer{number}"] = trigger.timer.arm(token)
            if trigger.correlation_key is not None:
                token.internal_data[f"key{number}"] = str(data.evaluate(trigger.correlation_key, token))
        token.stand(TaskState.WAITING)

    def awaited(self, token: Token) -> Iterator[Coming]:
        seen = token.internal_data.get("seen", ())
        for number, trigger in enumerate(self.triggers):
            if number not in seen:
                due = timers.due(token.internal_data.get(f"timer{number}"))
                yield Coming(trigger.kind, trigger.name, token.internal_data.get(f"key{number}"), due)

    def offer(self, token: Token, kind: str, name: str, payload: Mapping[str, Any]) -> bool:
        """Let a waiting token have an event; False if it does not wait for it."""
        seen = token.internal_data.get("seen", [])
        for number, trigger in enumerate(self.triggers):
            if number not in seen and trigger.catches(kind, name):
                self.come(token, number, payload)
                return True
        return False

    def come(self, token: Token, number: int, payload: Mapping[str, Any]) -> None:
        data.assign(token, payload)
        if self.needs_all:
            token.internal_data["seen"] = [*token.internal_data.get("seen", []), number]
            if len(token.internal_data["seen"]) < len(self.triggers):
                return
        self.fire(token)

    def fire(self, token: Token) -> None:
        token._ready()

    def look(self, token: Token) -> bool:
        """Fire if a timer is due or a condition has come to hold."""
        for number, trigger in enumerate(self.triggers):
            if number in token.internal_data.get("seen", ()):
                continue
            if trigger.timer is not None and timers.is_due(token.internal_data[f"timer{number}"]):
                self.come(token, number, {})
                return True
            if trigger.condition is not None and self._has_come_to_hold(token, number, trigger.condition):
                self.come(token, number, {})
                return True
        return False

    def _has_come_to_hold(self, token: Token, number: int, condition: Expression) -> bool:
        """Whether a condition holds that did not when it was last looked at (or fired)."""
        known = token.workflow.run.known_to(token)
        holds = all(name in known for name in condition.names) and bool(data.evaluate(condition, token, known))
        held = token.internal_data.get(f"held{number}", False)
        if holds != held:
            token.internal_data[f"held{number}"] = holds
        return holds and not held


class RaceGateway(Node):
    """Event-based gateway: the first event behind it wins, the others are no longer waited for.

    SpiffWorkflow's own holds all events itself: two timers share one due date, and the event that came stays as an
    object in the state.
    """

    forks = False

    def choose(self, token: Token) -> Sequence[Flow]:
        return self.flows

    def holds(self, child: Token) -> bool:
        return True

    def child_completed(self, token: Token, child: Token) -> None:
        for other in token.children:
            if other is not child and other.is_live:
                other.cancel()


class Frame(Node):
    """Stands round an activity with boundary events and holds them together; no diagram shows it."""

    forks = False

    def choose(self, token: Token) -> Sequence[Flow]:
        return self.flows

    def holds(self, child: Token) -> bool:
        return True

    def child_completed(self, token: Token, child: Token) -> None:
        if not isinstance(child.task_spec, BoundaryEvent):
            self.release(token, child)

    def release(self, token: Token, kept: Token) -> None:
        """The activity is over: its boundary events wait no more."""
        for other in token.children:
            if other is not kept and other.is_live:
                other.cancel()


class BoundaryEvent(CatchEvent):
    """Attached to an activity; `interrupts` it or not."""

    interrupts = True

    def fire(self, token: Token) -> None:
        frame, attached = token.parent, _attached(token)
        if attached.inner is not None:
            data.take_over(token, attached.inner.gathered(attached))
        if self.interrupts:
            frame.task_spec.release(frame, token)
        else:
            data.fork([token])
            _listen_again(token, frame)
        token._ready()


class EventSubProcessStart(CatchEvent):
    """Listens in a scope for the start event of an event sub-process; `interrupts` whatever runs there or not."""

    interrupts = True
    only_listens = True

    def fire(self, token: Token) -> None:
        scope = token.workflow
        data.take_over(token, scope.gathered(token))
        if self.interrupts:
            for other in scope.live():
                if other is not token:
                    other.cancel()
        else:
            data.fork([token])
            _listen_again(token, scope.task_tree)
        token._ready()


def _attached(token: Token) -> Token:
    children: list[Token] = token.parent.children
    return next(other for other in children if not isinstance(other.task_spec, BoundaryEvent))


def _listen_again(token: Token, parent: Token) -> None:
    """A non-interrupting event stays: another token listens in the place of the one that fires."""
    node = token.task_spec
    kept = {key: value for key, value in token.internal_data.items() if key.startswith(("timer", "key", "held"))}
    again = {
        f"timer{number}": timers.following(token.internal_data[f"timer{number}"])
        for number, trigger in enumerate(node.triggers)
        if trigger.timer is not None
    }
    if all(value is None for value in again.values()) and len(again) == len(node.triggers):
        return
    listener = parent.add(node)
    listener.data = dict(token.data)
    listener.internal_data.update({**kept, **again})
    listener.stand(TaskState.WAITING)


class StartEvent(Node):
    """Where a scope begins. From outside, one with triggers is chosen by what came."""

    triggers: tuple[Trigger, ...] = ()

    @property
    def is_plain(self) -> bool:
        return not self.triggers


class ThrowEvent(Node):
    """Throws what it is told to, then goes on. Of a send task it is the message."""

    def __init__(self, spec: ProcessSpec, name: str, activity: Activity | None, triggers: Sequence[Trigger]) -> None:
        super().__init__(spec, name, activity)
        self.triggers = tuple(triggers)
        self.throws = bool(triggers)

    def _run_hook(self, token: Token) -> bool:
        for trigger in self.triggers:
            THROW[trigger.kind](token, trigger)
        if not token.is_live:
            token.workflow.run.note_passed(token)
        return token.is_live


class EndEvent(ThrowEvent):
    """Throws, then its token has ended; with an error, a cancellation or a termination others have too."""


def _send(token: Token, trigger: Trigger) -> None:
    key = str(data.evaluate(trigger.correlation_key, token)) if trigger.correlation_key is not None else None
    token.workflow.run.throw("message", trigger.name, key, dict(token.data))


def _broadcast(token: Token, trigger: Trigger) -> None:
    """To everything that waits in this instance now, and after the commit in all others."""
    run, payload = token.workflow.run, dict(token.data)
    for other in list(run.walk()):
        if other.is_waiting and isinstance(other.task_spec, CatchEvent):
            other.task_spec.offer(other, "signal", trigger.name, payload)
    run.throw("signal", trigger.name, None, payload)


def _escalate(token: Token, trigger: Trigger) -> None:
    """An escalation that nobody catches is only said: the process goes on."""
    raise_in(token.workflow, "escalation", trigger.name, token)


def _fail(token: Token, trigger: Trigger) -> None:
    if not raise_in(token.workflow, "error", trigger.name, token):
        token.workflow.run.fail(trigger.name)


def _cancel(token: Token, trigger: Trigger) -> None:
    if not raise_in(token.workflow, "cancel", "", token):
        token.workflow.run.fail("cancel")


def _terminate(token: Token, trigger: Trigger) -> None:
    """Whatever else is alive in the scope ends with it."""
    token.stand(TaskState.COMPLETED)
    token.workflow.finish(token)


THROW = {
    "message": _send,
    "signal": _broadcast,
    "escalation": _escalate,
    "error": _fail,
    "cancel": _cancel,
    "terminate": _terminate,
}
"""Kind of a thrown event → what it does."""


def raise_in(scope: Scope, kind: str, name: str, token: Token) -> bool:
    """Look for who catches an error, escalation or cancellation: in this scope, on its border, then further out."""
    for listener in [each for each in scope.live() if each.task_spec.only_listens]:
        if listener.task_spec.offer(listener, kind, name, token.data):
            return True
    caller = scope.caller
    if caller is None:
        return False
    if raise_at(caller, kind, name, token.data):
        return True
    return raise_in(caller.workflow, kind, name, token)


def raise_at(token: Token, kind: str, name: str, payload: Mapping[str, Any]) -> bool:
    """Let the boundary events of the activity a token stands at have an event."""
    attached = token
    while attached.parent is not None and attached.parent.task_spec.repeats:
        attached = attached.parent
    frame = attached.parent
    if frame is None or not isinstance(frame.task_spec, Frame):
        return False
    listening = [other for other in frame.children if other.is_waiting and isinstance(other.task_spec, BoundaryEvent)]
    # A boundary event that names the code comes before one that catches any.
    exact = sorted(listening, key=lambda each: not any(t.name == name for t in each.task_spec.triggers))
    return any(each.task_spec.offer(each, kind, name, payload) for each in exact)
