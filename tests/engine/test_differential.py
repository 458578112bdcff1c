"""Our engine beside the stock library, whose joins are mended: the same steps, the same open tasks with the same variables.

Ours is stored and read again after every step, the other one stays in memory.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.conftest import Tally
from tests.engine import stock
from tests.engine.driving import Run, Time, Waiting
from tests.engine.models import (
    any_of,
    boundary,
    diagram,
    duration,
    each_of,
    either,
    ends,
    flows,
    gateways,
    message,
    node,
    process,
    script,
    sub_process,
    users,
)

SHORT, LONG = 16, 200
"""Runs of each model."""

STEPS = 50

VOTES = ("votes", "signatures")
"""Lists of answers, whose order is nobody's promise."""


@dataclass(frozen=True)
class Model:
    xml: str
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """User task → the yes-or-no variables that it sets. They steer; besides, every task leaves one of its own."""
    messages: tuple[str, ...] = ()
    timers: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    interrupted: str = ""
    """Tasks of a sub-process that is interrupted: stock forgets what they set, ours tells the task `late`."""


PEOPLE = {"people": ["a", "b", "c"]}

MODELS = {
    "an approval, from the plan to the archive": Model(
        diagram(
            process(
                ends() + users("plan self_check rectify supervise archive") + gateways("exclusive", "m n")
                + gateways("parallel", "fork join") + "".join(node("userTask", f"implement_{n}") for n in (1, 2, 3))
                + either("passed_check", "supervise") + either("passed", "rectify")
                + node("callActivity", "review", calledElement="reviewing")
                + flows("s > plan > m > fork > implement_1 > join", "fork > implement_2 > join", "fork > implement_3 > join",
                        "join > n > self_check > passed_check > supervise > passed > rectify > n", "passed_check > m if again",
                        "passed > review if good", "review > archive > e")
            ),
            process(ends("rs", "re") + users("evaluate sign") + flows("rs > evaluate > sign > re"), "reviewing"),
        ),
        {"self_check": ("again",), "supervise": ("good",)},
    ),
    "nested forks that share a join, in a loop": Model(
        diagram(
            process(
                ends() + users("u0 x1 x2 x3") + gateways("exclusive", "m") + gateways("parallel", "f1 f2 j") + either("g", "e")
                + flows("s > m > u0 > f1 > x1 > j > g > e", "f1 > f2 > x2 > j", "f2 > x3 > j", "g > m if again")
            )
        ),
        {"u0": ("again",)},
    ),
    "nested forks with joins of their own, in two loops": Model(
        diagram(
            process(
                ends() + users("a b c check recheck") + gateways("exclusive", "m n") + gateways("parallel", "f1 f2 j1 j2")
                + either("g", "e") + either("h", "j1")
                + flows("s > m > f1 > a > j1 > check > g > e", "g > m if again", "f1 > n > f2 > b > j2 > recheck > h > j1",
                        "f2 > c > j2", "h > n if more")
            )
        ),
        {"check": ("again",), "recheck": ("more",)},
    ),
    "an inclusive join in a loop": Model(
        diagram(
            process(
                ends() + users("u0 u1 u2 u3") + gateways("exclusive", "m") + gateways("inclusive", "j")
                + any_of("g", "u3") + either("h", "e")
                + flows("s > m > u0 > g > u3 > j > h > e", "g > u1 if a", "g > u2 if b", "u1 > j", "u2 > j", "h > m if again")
            )
        ),
        {"u0": ("a", "b", "again")},
    ),
    "inclusive joins within each other, in a loop": Model(
        diagram(
            process(
                ends() + users("u0 u1 u2 u3 v1 v2 v3 check") + gateways("exclusive", "m") + gateways("inclusive", "j k")
                + any_of("g", "u3") + any_of("h", "v3") + either("x", "e")
                + flows("s > m > u0 > g > u3 > j > check > x > e", "g > u1 if a", "g > u2 if b", "u2 > j", "u1 > h > v3 > k > j",
                        "h > v1 if c", "h > v2 if d", "v1 > k", "v2 > k", "x > m if again")
            )
        ),
        {"u0": ("a", "b", "c", "d"), "check": ("again",)},
    ),
    "votes at once and one after another, in a loop": Model(
        diagram(
            process(
                ends() + gateways("exclusive", "m") + script("clear", "votes = []", "signatures = []")
                + node("userTask", "u", each_of("people", "votes", "vote")) + users("w") + either("g", "e")
                + node("userTask", "v", each_of("people", "signatures", "signature", sequential=True, item="signer"))
                + flows("s > m > clear > u > v > w > g > e", "g > m if again")
            )
        ),
        {"u": ("vote",), "v": ("signature",), "w": ("again",)},
        variables=PEOPLE,
    ),
    "a vote that may be called off, in a loop": Model(
        diagram(
            process(
                ends() + gateways("exclusive", "m") + script("clear", "votes = []")
                + node("userTask", "u", each_of("people", "votes", "vote"))
                + boundary("off", "u", message("call_off")) + users("late w") + either("g", "e")
                + flows("s > m > clear > u > w > g > e", "off > late > g", "g > m if again")
            ),
            messages=["call_off"],
        ),
        {"u": ("vote",), "w": ("again",), "late": ("again",)},
        messages=("call_off",),
        variables=PEOPLE,
    ),
    "a sub-process with a deadline, in a loop": Model(
        diagram(
            process(
                ends("s", "e", "e2") + users("u0 late") + gateways("exclusive", "m") + either("g", "e")
                + boundary("deadline", "sub", duration("P9D"))
                + sub_process("sub", ends("ss", "se") + users("a b c") + gateways("parallel", "sf sj")
                              + flows("ss > sf > a > sj > c > se", "sf > b > sj"))
                + flows("s > m > u0 > sub > g > e", "g > m if again", "deadline > late > e2")
            )
        ),
        {"u0": ("again",)},
        timers=True,
        interrupted="abc",
    ),
    "a task that is interrupted or only accompanied, in a loop": Model(
        diagram(
            process(
                ends("s", "e", "e2") + users("u late note") + gateways("exclusive", "m n") + either("g", "e")
                + boundary("stop", "u", message("stop_it")) + boundary("nota", "u", message("note_it"), interrupting=False)
                + flows("s > m > u > n > g > e", "stop > late > n", "nota > note > e2", "g > m if again")
            ),
            messages=["stop_it", "note_it"],
        ),
        {"u": ("again",), "late": ("again",)},
        messages=("stop_it", "note_it"),
    ),
    "an interrupted branch of a fork, in a loop": Model(
        diagram(
            process(
                ends() + users("a u late n") + gateways("exclusive", "m x") + gateways("parallel", "f j") + either("g", "e")
                + boundary("stop", "u", message("stop_it"))
                + flows("s > m > f > a > j > n > g > e", "f > u > x > j", "stop > late > x", "g > m if again")
            ),
            messages=["stop_it"],
        ),
        {"n": ("again",)},
        messages=("stop_it",),
    ),
    "two ends, each behind a loop": Model(
        diagram(
            process(
                ends("s", "ea", "eb") + users("a b") + gateways("parallel", "f") + gateways("exclusive", "ma mb")
                + either("ga", "ea") + either("gb", "eb")
                + flows("s > f > ma > a > ga > ea", "f > mb > b > gb > eb", "ga > ma if more_a", "gb > mb if more_b")
            )
        ),
        {"a": ("more_a",), "b": ("more_b",)},
    ),
    "a call with a fork inside, in a loop": Model(
        diagram(
            process(ends() + gateways("exclusive", "m") + node("callActivity", "sign", calledElement="signing")
                    + users("check") + either("g", "e") + flows("s > m > sign > check > g > e", "g > m if again")),
            process(ends("cs", "ce") + users("a b") + gateways("parallel", "cf cj")
                    + flows("cs > cf > a > cj > ce", "cf > b > cj"), "signing"),
        ),
        {"check": ("again",)},
    ),
    "an answer or silence, in a loop": Model(
        diagram(
            process(
                ends() + users("u good bad") + gateways("exclusive", "m n") + gateways("eventBased", "r") + either("g", "e")
                + node("intermediateCatchEvent", "answered", message("answer")) + node("intermediateCatchEvent", "silent", duration("P3D"))
                + flows("s > m > u > r > answered > good > n > g > e", "r > silent > bad > n", "g > m if again")
            ),
            messages=["answer"],
        ),
        {"good": ("again",), "bad": ("again",)},
        messages=("answer",),
        timers=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_ours_goes_where_the_stock_library_goes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(SHORT):
        Pair(MODELS[name], seed, Time(monkeypatch)).go()


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_ours_goes_where_the_stock_library_goes_in_many_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    for seed in range(SHORT, SHORT + LONG):
        Pair(MODELS[name], seed, Time(monkeypatch)).go()
    tally("与 SpiffWorkflow（汇合已修正）逐步对照", name, LONG)


class Pair:
    """One instance in each engine, with everything that happens happening to both."""

    def __init__(self, model: Model, seed: int, time: Time) -> None:
        self._model, self._seed, self._time = model, seed, time
        self._chance = random.Random(seed)
        self._steps: list[str] = []
        stock.library().tell_time(lambda: time.now)
        self.theirs = stock.Stock(model.xml, model.variables, joins_mended=True)
        self.ours = Run(model.xml, model.variables)

    def go(self) -> None:
        self._compare()
        for step in range(STEPS):
            if self.theirs.completed or not self._act(step):
                return
            self._compare()

    def _act(self, step: int) -> bool:
        tasks = sorted(self.theirs.waiting(), key=self._told)
        messages = [name for name in self._model.messages if self.theirs.awaits(name)]
        acts = ["task"] * 3 * bool(tasks) + ["message"] * bool(messages) + ["time"] * self._model.timers
        if not acts:
            return False
        match self._chance.choice(acts):
            case "task":
                self._do(self._chance.choice(tasks), step)
            case "message":
                self._deliver(self._chance.choice(messages))
            case _:
                self._let_pass(timedelta(days=self._chance.randint(1, 4), minutes=1))
        return True

    def _do(self, task: Waiting, step: int) -> None:
        asked = self._model.answers.get(task.node, ())
        values = {name: self._chance.random() < 0.6 for name in asked}
        # A name of its own each time: stock merges branches whole, so that an old value would hide a new one.
        if not {"vote", "signature"} & set(asked):
            values |= {f"{task.node}_{step}": True}
        (ours, *_) = [each for each in self.ours.waiting() if each.is_task and self._told(each) == self._told(task)]
        self._steps.append(f"{task.node} {values}")
        self.theirs.do(task.token, values)
        self.ours.do(ours.token, values)

    def _deliver(self, name: str) -> None:
        self._steps.append(name)
        assert self.theirs.deliver(name)
        assert self.ours.deliver(name)

    def _let_pass(self, span: timedelta) -> None:
        self._steps.append(f"{span} pass")
        self._time.now += span
        self.theirs.look_at_the_clock()
        self.ours.look_at_the_clock()

    def _compare(self) -> None:
        theirs = sorted(map(self._told, self.theirs.waiting()))
        ours = sorted(self._told(each) for each in self.ours.waiting() if each.is_task)
        assert ours == theirs, self._story()
        assert self.ours.completed == self.theirs.completed, self._story()

    def _story(self) -> str:
        return f"seed {self._seed}: " + ", ".join(self._steps)

    def _told(self, task: Waiting) -> str:
        compared = {name: value for name, value in task.variables.items() if self._is_compared(name, task)}
        told = {name: sorted(value) if name in VOTES else value for name, value in compared.items()}
        return f"{task.node} {orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()}"

    def _is_compared(self, name: str, task: Waiting) -> bool:
        """A voter need not see the votes so far, and may see which one he is."""
        if name == "loopCounter" or (name in VOTES and task.node in "uv"):
            return False
        return not (task.node == "late" and name[0] in self._model.interrupted and name[1] == "_")
