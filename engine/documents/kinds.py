"""What kinds of papers there are, and what each must be told."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any

from engine.errors import InvalidInput

BREAKS = re.compile("\r\n?|[\x85\u2028\u2029]")
UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What neither a docx nor a page may hold."""
TOLD = tomllib.loads(resources.files(__package__).joinpath("kinds.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    columns: str = ""
    optional: bool = False

    def read(self, value: Any) -> Any:
        """The value as it is kept: dates in ISO 8601, texts printable, nothing as what is empty."""
        value = value or ("" if self.kind in ("text", "date") else ())
        match self.kind:
            case "date":
                return date.fromisoformat(str(value)).isoformat() if value else ""
            case "list":
                return [text for text in map(printable, value) if text]
            case "rows":
                return [complete(COLUMNS[self.columns], row, f"{self.name}第{n}行") for n, row in enumerate(value, 1)]
        return printable(value)


@dataclass(frozen=True)
class Kind:
    key: str
    name: str
    series: str
    sender: str
    addressee: str
    retention: str
    issuers: frozenset[str]
    voiders: frozenset[str]
    told: Mapping[str, Field]


def printable(value: object) -> str:
    """Any text with line breaks of one kind, and without signs that cannot be printed."""
    return UNPRINTABLE.sub("", BREAKS.sub("\n", str(value)).replace("\t", " ")).strip()


def complete(fields: Mapping[str, Field], told: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What was told, as it is kept; refused if something is missing or unknown."""
    try:
        kept = {name: field.read(told.get(name)) for name, field in fields.items()}
    except ValueError as error:
        advice = f"{where}中有日期不正确，请改正后再发文。"
        raise InvalidInput(f"{where}: {error}", code="told", advice=advice) from error
    missing = [field.name for name, field in fields.items() if not (kept[name] or field.optional)]
    unknown = sorted(told.keys() - fields.keys())
    if missing or unknown:
        wanted = f"还缺{'、'.join(missing)}，请补齐后再发文。" if missing else "有这种文书不用的内容，请管理员核对。"
        raise InvalidInput(f"{where}: missing {missing}, unknown {unknown}", code="told", advice=f"{where}{wanted}")
    return kept


def _fields(told: Mapping[str, Any]) -> dict[str, Field]:
    return {name: Field(**each) for name, each in told.items()}


def _kind(key: str, told: Mapping[str, Any]) -> Kind:
    given = {**TOLD["defaults"], **told}
    roles: dict[str, Any] = {name: frozenset(given.pop(name)) for name in ("issuers", "voiders")}
    return Kind(key, told=_fields(TOLD["defaults"]["told"] | given.pop("told")), **given, **roles)


COLUMNS = {name: _fields(each) for name, each in TOLD["columns"].items()}
KINDS = {key: _kind(key, each) for key, each in TOLD["kinds"].items()}
