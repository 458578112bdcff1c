"""One instance under way: it is loaded, takes a step, says what waits now and what was passed, and is stored again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine import clock
from engine.errors import BpmnError, InvalidState
from engine.spiff import codec, data, events
from engine.spiff.data import StepFailed
from engine.spiff.definition import Activity, Definition
from engine.spiff.events import CatchEvent
from engine.spiff.scope import Scope
from engine.spiff.several import MultiInstance
from engine.spiff.token import Token

Services = Callable[[str, dict[str, Any]], Mapping[str, Any] | None]
"""What a service task calls: name of the function and the token's variables → variables to set."""

MAX_AUTOMATIC_STEPS = 1_000
"""A step that passes more nodes than this goes round in circles."""


@dataclass(frozen=True)
class Wait:
    """A token that stands still: at a user task, for a time (`due_at`), for a message or a signal.

    An event with several triggers gives one of these for each.
    """

    token_id: str
    activity: Activity
    variables: Mapping[str, Any]
    due_at: datetime | None = None
    event_kind: str | None = None
    """`message`, `signal`, or `conditional` (which waits for variables)."""
    event_name: str | None = None
    correlation_key: str | None = None
    round: int = 1
    """How often this user task has been reached in its instance (第 n 轮)."""

    @property
    def is_user_task(self) -> bool:
        return self.due_at is None and self.event_kind is None


@dataclass(frozen=True)
class Passed:
    """An activity that ended in this step."""

    activity: Activity
    token_id: str
    started_at: datetime


@dataclass(frozen=True)
class Thrown:
    """A message or signal that leaves the instance when the step is committed."""

    kind: str
    name: str
    correlation_key: str | None
    payload: Mapping[str, Any]


class Execution:
    """An instance with the definition it runs on. Made by `start` or `load`; nothing is kept between steps but `state()`."""

    def __init__(self, definition: Definition, services: Services) -> None:
        self.definition = definition
        self.passed: list[Passed] = []
        self.thrown: list[Thrown] = []
        self.failure: str | None = None
        """Code of the error that nobody caught and that ended the instance."""
        self.rounds: dict[str, int] | None = {}
        """How often each user task was reached, by `process/element`; None if a state of old does not tell."""
        self.writings = 0
        """How often variables were set; by this count branches know what they have set since they parted."""
        self.top = Scope(definition.spec, self)
        self._services = services

    @classmethod
    def start(
        cls, definition: Definition, variables: Mapping[str, Any], services: Services, *, at: str | None = None
    ) -> Execution:
        """A new instance with its first token, at a certain start event or the plain one; `advance` is still to come."""
        execution = cls(definition, services)
        execution.top.begin(dict(variables), at)
        return execution

    @classmethod
    def load(cls, definition: Definition, state: bytes, services: Services) -> Execution:
        execution = cls(definition, services)
        codec.loads(state, execution)
        return execution

    def state(self) -> bytes:
        self.top.tidy()
        return codec.dumps(self)

    @property
    def completed(self) -> bool:
        return bool(self.top.completed)

    def complete(self, token_id: str, variables: Mapping[str, Any]) -> None:
        """Finish a user task. A deadline that interrupts it and has passed wins, though nobody has looked yet."""
        while self._fire_timer(self._catching()):
            pass
        token = self._find(token_id)
        if token is None or not (token.is_ready and token.task_spec.manual):
            raise InvalidState(f"user task {token_id} is not open", advice="这件待办已经不在办理状态。")
        data.assign(token, variables)
        self._run(token)

    def deliver(self, kind: str, name: str, payload: Mapping[str, Any], token_id: str | None = None) -> bool:
        """Hand a message or signal to the token that waits for it, or to all; False if none does."""
        received = False
        for token in self._catching():
            # One that was delivered to may have ended another that waited as well.
            if token_id in (None, token.id) and token.is_waiting:
                received = token.task_spec.offer(token, kind, name, payload) or received
        return received

    def advance(self) -> None:
        """Run everything automatic until only people, time and messages can go on."""
        steps = 0
        while not self.completed and self._do_something():
            steps += 1
            if steps > MAX_AUTOMATIC_STEPS:
                raise StepFailed("too many automatic steps", code="endless", advice="流程自动环节循环过多，已停止。")

    def terminate(self) -> None:
        self.top.cancel()
        self.top.completed = True

    def add_signer(self, token_id: str, item: Any) -> None:
        """One more instance of the multi-instance activity to which a token belongs (加签)."""
        several, token = self._several(token_id)
        several.add(token, item)

    def remove_signer(self, token_id: str) -> None:
        """Take away an instance of a multi-instance activity (减签)."""
        several, token = self._several(token_id)
        several.remove(token, self._get(token_id))

    def waits(self) -> list[Wait]:
        """Everything that stands still now."""
        return [wait for token in self.walk() for wait in _waits(token)]

    def variables(self) -> dict[str, Any]:
        """The variables of all live tokens together, or those the process ended with."""
        if self.completed:
            return dict(self.top.data)
        merged: dict[str, Any] = {}
        # What runs inside knows better than the token it runs in.
        for token in reversed(list(self.walk())):
            merged.update(token.data)
        return merged

    def set_variables(self, changes: Mapping[str, Any], deletions: tuple[str, ...] = ()) -> None:
        """Change variables wherever a live token has them; a new name is given to all."""
        for token in self.walk():
            data.assign(token, changes)
            for name in deletions:
                token.data.pop(name, None)

    def open_activities(self) -> list[Passed]:
        """Diagram elements that have begun and not ended: waiting events, running calls, user tasks."""
        return [
            Passed(activity, token.id, _began(token)) for token in self.walk() if (activity := token.task_spec.activity)
        ]

    def walk(self) -> Iterator[Token]:
        """Every live token, inner ones before those they run in."""
        return self.top.walk()

    # what the scopes and nodes of this instance ask for

    def count_writing(self) -> int:
        self.writings += 1
        return self.writings

    def note_passed(self, token: Token) -> None:
        if token.task_spec.activity is not None:
            self.passed.append(Passed(token.task_spec.activity, token.id, _began(token)))

    def call(self, token: Token, function: str) -> Mapping[str, Any] | None:
        return self._services(function, dict(token.data))

    def next_round(self, activity: Activity) -> int:
        if self.rounds is None:
            return 1
        key = f"{activity.process_key}/{activity.id}"
        self.rounds[key] = self.rounds.get(key, 0) + 1
        return self.rounds[key]

    def throw(self, kind: str, name: str, key: str | None, payload: dict[str, Any]) -> None:
        self.thrown.append(Thrown(kind, name, key, payload))

    def fail(self, code: str) -> None:
        """An error that nobody catches ends the instance."""
        self.failure = code
        self.terminate()

    def known_to(self, token: Token) -> dict[str, Any]:
        """The variables of a token with what others have set meanwhile: what a condition is judged by."""
        return {**token.data, **data.latest(self.walk())}

    # one thing at a time

    def _do_something(self) -> bool:
        alive = list(self.walk())
        catching = _catching(alive)
        return (
            self._fire_timer(catching) or self._notice(catching) or self._run_next(alive) or self._settle(alive)
        )  # fmt: skip

    def _catching(self) -> list[Token]:
        return _catching(self.walk())

    def _fire_timer(self, catching: list[Token]) -> bool:
        """Let the timer fire that is due longest; of two at the same moment the outer one."""
        now = clock.now()
        pending = [
            (coming.due_at, -number, token)
            for number, token in enumerate(catching)
            for coming in token.task_spec.awaited(token)
            if coming.due_at is not None and coming.due_at <= now
        ]
        if not pending:
            return False
        _, _, token = min(pending, key=lambda each: each[:2])
        return bool(token.task_spec.look(token))

    def _run_next(self, alive: list[Token]) -> bool:
        """Run one token, inner ones first; one that throws waits for those that may yet listen to it."""
        ready = [token for token in alive if token.is_ready and not token.task_spec.manual]
        if ready:
            self._run(min(ready, key=lambda token: token.task_spec.throws))
        return bool(ready)

    def _settle(self, alive: list[Token]) -> bool:
        """Nothing runs by itself: joins that waited for certainty, and ends of scopes, may have it now."""
        seen = []
        for token in alive:
            node = token.task_spec
            if node.is_join and token.is_waiting and node.settles and (node, token.workflow) not in seen:
                seen.append((node, token.workflow))
                if node.settle(token.workflow):
                    return True
        return False

    def _notice(self, catching: list[Token]) -> bool:
        """Let a condition fire that has come to hold."""
        return any(token.task_spec.look(token) for token in catching)

    def _run(self, token: Token) -> None:
        try:
            token.run()
        except BpmnError as error:
            if not self._caught(token, error.code):
                raise token.task_spec.failed(error) from error
        except StepFailed as failure:
            if not self._caught(token, ""):
                raise token.task_spec.failed(failure) from failure

    def _caught(self, token: Token, code: str) -> bool:
        """Whether an error boundary event of the activity, or one further out, takes what went wrong in it."""
        return events.raise_at(token, "error", code, {}) or events.raise_in(token.workflow, "error", code, token)

    def _find(self, token_id: str) -> Token | None:
        return next((token for token in self.walk() if token.id == token_id), None)

    def _get(self, token_id: str) -> Token:
        token = self._find(token_id)
        if token is None:
            raise InvalidState(f"token {token_id} is gone", advice="这件待办已经不在办理状态。")
        return token

    def _several(self, token_id: str) -> tuple[MultiInstance, Token]:
        token = self._get(token_id).parent
        if token is None or not isinstance(token.task_spec, MultiInstance):
            raise InvalidState(
                f"token {token_id} is not one of several", advice="这一环节不是多人办理，不能加签或减签。"
            )
        return token.task_spec, token


def _catching(alive: Iterable[Token]) -> list[Token]:
    return [token for token in alive if token.is_waiting and isinstance(token.task_spec, CatchEvent)]


def _waits(token: Token) -> Iterator[Wait]:
    node, activity = token.task_spec, token.task_spec.activity
    if activity is None:
        return
    if node.manual and token.is_ready:
        yield Wait(token.id, activity, token.data, round=token.internal_data.get("round", 1))
    elif token.is_waiting and isinstance(node, CatchEvent):
        for coming in node.awaited(token):
            if coming.due_at is not None:
                yield Wait(token.id, activity, token.data, due_at=coming.due_at)
            elif coming.kind in ("message", "signal", "conditional"):
                yield Wait(
                    token.id, activity, token.data, event_kind=coming.kind, event_name=coming.name,
                    correlation_key=coming.correlation_key,
                )  # fmt: skip


def _began(token: Token) -> datetime:
    noted = token.internal_data.get("began")
    return datetime.fromisoformat(noted) if noted else clock.now()
