"""The checklists that are shipped, and which one a commitment goes by."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import NamedTuple

from engine.deadlines.limits import TO_CONFIRM


class Item(NamedTuple):
    """One thing that is to be so; what the words mean is told in `templates.toml`."""

    key: str
    text: str
    evidence: str
    source: str
    mark: str
    hard: bool = False
    na: bool = False
    party: str = ""

    @property
    def is_to_confirm(self) -> bool:
        return self.mark in TO_CONFIRM

    @property
    def label(self) -> str:
        return f"{f'【{self.party}】' if self.party else ''}{self.text}（{self.evidence}）"


class Template(NamedTuple):
    key: str
    name: str
    note: str
    share: int
    items: tuple[Item, ...]


_TOLD = tomllib.loads(resources.files(__package__).joinpath("templates.toml").read_text("utf-8"))
USES: dict[str, str] = _TOLD["uses"]
TEMPLATES = {
    key: Template(
        key, each["name"], each.get("note", ""), each.get("share", _TOLD["sampling"]["share"]),
        tuple(Item(**{"source": each["source"], "mark": each["mark"], **item}) for item in each["items"]),
    )
    for key, each in _TOLD["templates"].items()
}  # fmt: skip


def of_commitment(code: str) -> Template:
    return TEMPLATES[USES.get(code, USES["default"])]
