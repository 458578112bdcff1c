"""The decision tables that come with the product (`bpmn/decisions/<key>.dmn`), asked from Python; diagrams name the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import bpmn
from engine.decisions.reader import parse
from engine.decisions.table import Decision, Row


@cache
def get(key: str) -> Decision:
    (found,) = parse(bpmn.read(f"decisions/{key}.dmn"))
    return found


def decide(key: str, values: Mapping[str, Any]) -> Row:
    """The outputs of the one row that matches. DecisionFailed if a value is missing or none does."""
    row = get(key).decide(values)
    assert isinstance(row, Mapping), f"{key} gives a list"
    return row
