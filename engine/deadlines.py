"""When something is due and why. Days here are natural days; every value is a working assumption of the bureau (待核对)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from engine import clock
from engine.errors import InvalidInput
from forms import expressions


@dataclass(frozen=True)
class Rule:
    days: int
    reason: str


@dataclass(frozen=True)
class Due:
    at: datetime | None = None
    reason: str | None = None


RULES = {
    "plan_draft": Rule(10, "方案应在启动后 10 天内拟定（待核对）"),
    "approval": Rule(3, "审批应在收到后 3 天内办理（待核对）"),
    "self_check": Rule(15, "自查报告应在 15 天内完成（待核对）"),
    "arrange_supervision": Rule(7, "督导应在 7 天内安排（待核对）"),
    "verification": Rule(15, "核查应在收到整改报告后 15 天内完成（待核对）"),
    "evaluation": Rule(20, "评议应在 20 天内完成（待核对）"),
    "archive": Rule(30, "归档应在 30 天内完成（待核对）"),
}


def due(written: str | None, variables: Mapping[str, Any]) -> Due:
    """The due date of a user task from `rule:NAME`, an ISO date, or a variable that holds one."""
    if not written:
        return Due()
    if written.startswith("rule:"):
        rule = RULES[written.removeprefix("rule:")]
        return Due(clock.end_of(clock.today() + timedelta(days=rule.days)), rule.reason)
    value = expressions.compile(written).evaluate(variables) if written.startswith(("${", "#{")) else written
    return Due(_moment(str(value)), None) if value is not None else Due()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if "T" in text else clock.end_of(date.fromisoformat(text))
    except ValueError as error:
        raise InvalidInput(f"not a date: {text}", code="due_date", advice=f"“{text}”不是日期。") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=clock.LOCAL)
