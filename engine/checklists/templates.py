"""The checklists that are shipped, and which one a commitment goes by."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

from engine.deadlines.limits import TO_CONFIRM


@dataclass(frozen=True)
class Item:
    key: str
    text: str
    evidence: str
    source: str
    mark: str
    hard: bool = False
    """Without it the gate stays closed."""
    na: bool = False
    """不适用 may be answered."""
    party: str = ""
    """Who signs for it, where several parties each do."""

    @property
    def is_to_confirm(self) -> bool:
        return self.mark in TO_CONFIRM

    @property
    def label(self) -> str:
        """As the form shows it: what is to be so, and by which evidence that is seen."""
        return f"{f'【{self.party}】' if self.party else ''}{self.text}（{self.evidence}）"


@dataclass(frozen=True)
class Template:
    key: str
    name: str
    source: str
    note: str
    share: int
    """Of 100 so many are checked by the city as well."""
    items: tuple[Item, ...]

    def item(self, key: str) -> Item | None:
        return next((item for item in self.items if item.key == key), None)


def of_commitment(code: str) -> Template:
    return TEMPLATES[USES.get(code, USES["default"])]


def _templates(told: dict[str, Any]) -> Iterator[Template]:
    for key, each in told["templates"].items():
        own = {name: each[name] for name in ("source", "mark")}
        items = tuple(Item(**(own | item)) for item in each["items"])
        share = each.get("share", told["sampling"]["share"])
        yield Template(key, each["name"], each["source"], each.get("note", ""), share, items)


_TOLD = tomllib.loads(resources.files(__package__).joinpath("templates.toml").read_text("utf-8"))
USES: dict[str, str] = _TOLD["uses"]
TEMPLATES = {template.key: template for template in _templates(_TOLD)}
