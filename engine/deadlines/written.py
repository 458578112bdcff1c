"""How a diagram writes that a rule makes a due date: `rule:NAME from ${event_day} until ${last_day}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

RULE = re.compile(r"rule:(?P<name>\w+)(?: from (?P<since>\$\{.+?\}))?(?: until (?P<until>\$\{.+?\}))?")


@dataclass(frozen=True)
class Reference:
    """The rule, and the variables that hold the day of its event and a day that must not be passed."""

    name: str
    since: str | None
    until: str | None


def reference(written: str) -> Reference | None:
    """None if it is not written as a rule is."""
    found = RULE.fullmatch(written)
    return Reference(found["name"], found["since"], found["until"]) if found else None
