"""What a visit asks (督导事项): the groups that are shipped, and which of them a school and a theme call for."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from importlib import resources
from typing import NamedTuple

from engine import clock
from engine.deadlines.limits import TO_CONFIRM


class Question(NamedTuple):
    """One thing that is to be so; what the words mean is told in `matters.toml`."""

    key: str
    text: str
    title: str
    clause: str
    severity: str
    criteria: tuple[str, ...]
    evidence: tuple[str, ...]
    mark: str
    mode: str = "分阶段"

    @property
    def is_to_confirm(self) -> bool:
        return self.mark in TO_CONFIRM


class Group(NamedTuple):
    key: str
    name: str
    kind: str
    words: tuple[str, ...]
    source: str
    questions: tuple[Question, ...]


_TOLD = tomllib.loads(resources.files(__package__).joinpath("matters.toml").read_text("utf-8"))
GROUPS = tuple(
    Group(
        each["key"], each["name"], each["for"], tuple(each.get("words", ())), each["source"],
        tuple(
            Question(**{"mark": each["mark"], **asked, "criteria": tuple(asked["criteria"]), "evidence": tuple(asked["evidence"])})
            for asked in each["questions"]
        ),
    )
    for each in _TOLD["group"]
)  # fmt: skip
QUESTIONS = {question.key: question for group in GROUPS for question in group.questions}
EVIDENCE: tuple[str, ...] = tuple(_TOLD["evidence"]["kinds"])
MODES: dict[str, int] = {mode: days for mode, days in _TOLD["modes"].items() if mode != "mark"}
DANGER = Question(key="danger", text="", severity="重大", mode="立行立改", **_TOLD["danger"])


def groups(stage: str | None, theme: str | None) -> list[Group]:
    """What is asked in a school of this kind, in a round with this theme."""
    kinds = {"both", "kindergarten" if stage == "幼儿园" else "school"}
    return [group for group in GROUPS if group.kind in kinds or any(word in (theme or "") for word in group.words)]


def proposed_day(mode: str) -> date:
    """Until when a finding of today is to be rectified, unless the inspector says otherwise."""
    return clock.today() + timedelta(days=MODES[mode])
