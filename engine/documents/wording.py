"""What a paper says: the words of its kind (`wording/<kind>.txt`) with the facts in them, part by part.

A line is a paragraph, after `# ` a heading; `= name` is the table of the rows told under that name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from engine.documents.kinds import COLUMNS, Kind

Part = dict[str, Any]
MARK = re.compile(r"^([#=]) ", re.MULTILINE)
HEADING, TABLE = "\x02#", "\x02="
"""Marks as they are while facts stand beside them: what people write holds no control characters, so it makes no heading."""


def day(written: date | str) -> str:
    """2021年4月2日."""
    told = date.fromisoformat(str(written))
    return f"{told.year}年{told.month}月{told.day}日"


def parts(kind: Kind, told: Mapping[str, Any]) -> list[Part]:
    """The paragraphs and tables of a paper, then the names of what is attached."""
    lines = WORDS.get_template(kind.key).render(told).split("\n")
    said = [_part(kind, told, line) for line in lines if line.strip()]
    numbered = (f"{'附件：' if n == 1 else '　　　'}{n}. {each}" for n, each in enumerate(told["attachments"], 1))
    return [*said, *({"style": "attachment", "text": text} for text in numbered)]


def _part(kind: Kind, told: Mapping[str, Any], line: str) -> Part:
    if not line.startswith(TABLE):
        return {"style": "heading" if line.startswith(HEADING) else "text", "text": line.removeprefix(HEADING).strip()}
    name = line.removeprefix(TABLE).strip()
    columns = COLUMNS[kind.told[name].columns]
    rows = [[_cell(field.kind, row[key]) for key, field in columns.items()] for row in told[name]]
    return {"style": "table", "columns": [field.name for field in columns.values()], "rows": rows}


def _cell(kind: str, value: Any) -> str:
    if kind == "list":
        return "\n".join(f"{n}. {each}" if value[1:] else each for n, each in enumerate(value, 1))
    return day(value) if kind == "date" and value else value


def _source(name: str) -> str:
    words = resources.files(__package__).joinpath(f"wording/{name}.txt").read_text("utf-8")
    return MARK.sub("\x02\\1", words)


WORDS = SandboxedEnvironment(
    loader=FunctionLoader(_source), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)  # fmt: skip
WORDS.filters["day"] = day
