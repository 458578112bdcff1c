"""The days of a State Council notice as lines that people write: `2027-02-05 2027-02-11 休 春节`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from engine.calendar.days import ONE, Exceptional, spans
from engine.errors import InvalidInput

LINE = re.compile(r"(?P<first>[\d-]+)(?: +(?P<last>[\d-]+))? +(?P<kind>[休班])(?: +(?P<name>\S.{0,19}))?")
LONGEST = 31


def read(written: str) -> dict[date, Exceptional]:
    """InvalidInput names the line that cannot be read."""
    lines = [(number, line.strip()) for number, line in enumerate(written.splitlines(), 1) if line.strip()]
    return {day: each for number, line in lines for day, each in _read(number, line).items()}


def write(days: Mapping[date, Exceptional]) -> str:
    return "\n".join(
        " ".join(
            dict.fromkeys([f"{span.first}", f"{span.last}", "班" if days[span.first].working else "休", span.name])
        )
        for span in spans(days, sorted(days))
    )


def usual_name(working: bool) -> str:
    """Of a day that nobody has named."""
    return "调休上班" if working else "放假"


def _read(number: int, line: str) -> dict[date, Exceptional]:
    try:
        found = LINE.fullmatch(line)
        if not found:
            raise ValueError(line)
        first = date.fromisoformat(found["first"])
        length = (date.fromisoformat(found["last"] or found["first"]) - first).days + 1
        if not 1 <= length <= LONGEST:
            raise ValueError(line)
    except ValueError as error:
        told = f"第{number}行“{line[:40]}”看不懂，请写成“2027-02-05 2027-02-11 休 春节”。"
        raise InvalidInput(f"line {number}", advice=told) from error
    working = found["kind"] == "班"
    return dict.fromkeys(
        (first + offset * ONE for offset in range(length)),
        Exceptional(working, found["name"] or usual_name(working)),
    )
