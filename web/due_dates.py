"""为什么是这一天: what a due date was counted from, article by article, as label–value pairs for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask

from engine import clock, deadlines
from engine.calendar.days import WEEKEND
from engine.deadlines.limits import SET, TO_CONFIRM
from engine.models import Commitment, Finding, OversightItem, UserTask, Visit
from web import wording


@dataclass(frozen=True)
class Why:
    facts: Sequence[tuple[str, str]]
    to_confirm: bool = False
    provisional: bool = False


def register(app: Flask) -> None:
    app.add_template_filter(why)


def why(about: UserTask | OversightItem | Commitment | Finding | Visit) -> Why:
    """Why it is due on the day it is due."""
    if isinstance(about, UserTask | OversightItem):
        return _of_task(about)
    if isinstance(about, Commitment):
        return Why([("年度工作要点所定", f"{about.starts_on}至{about.due_on}")], to_confirm=True)
    if isinstance(about, Finding):
        set_by = f"{about.found_by.name}于{wording.full_day(_local(about.issued_at))}在整改通知中确定"
        extended = (
            [("延期", f"原定{about.rectify_by}，准予延至{about.due_on}")] if about.due_on != about.rectify_by else []
        )
        article = ("条文", "《教育督导条例》第二十一条、第二十二条（限期整改）")
        return Why([("由来", set_by), *extended, ("依据", about.clause), article])
    told = [("由来", f"“{about.round.title}”确定的进校截止日"), ("截止", wording.full_day(about.visit_by))]
    return Why([("依据", about.due_reason), *told] if about.due_reason else told)


def _of_task(task: UserTask | OversightItem) -> Why:
    basis = task.due_basis
    if basis is None:
        return Why([("由来", task.due_reason or "流程图写明，或办理中确定的日期")])
    facts = [("事项", basis["name"]), ("依据", basis["article"])]
    if basis["unit"] == SET:
        facts.append(("由来", f"{basis['event']}：{_day(basis['since'])}"))
    else:
        facts += [("起算", f"{basis['event']}：{_start(basis)}"), ("期限", basis["quantity"]), *_count(basis)]
    for begin, end in basis.get("paused", []):
        facts.append(("不计入", f"{_day(begin)}至{_day(end)}中止"))
    if basis["capped"]:
        facts.append(("截止", f"不得晚于{_day(basis['until'])}"))
    facts += [("责任方", basis["bound"]), ("逾期", basis["on_expiry"])]
    return Why(facts, basis["mark"] in TO_CONFIRM, basis["provisional"])


def _count(basis: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was skipped on the way, and how the last day was put off."""
    if basis["day"] is None:
        return []
    facts = []
    skipped, worked = _spans(basis["skipped"]), _spans(basis["worked"])
    if basis["unit"] == "working_days":
        facts += [("不计入", skipped)] if skipped else []
        facts += [("计入", worked)] if worked else []
    elif basis["day"] != basis["period_end"]:
        facts.append(("顺延", f"最后一日{_day(basis['period_end'])}逢{skipped}，顺延到{_day(basis['day'])}"))
    elif worked:
        facts.append(("不顺延", f"最后一日是{worked}"))
    if basis["provisional"]:
        facts.append(("暂定", "国务院办公厅尚未公布有关年份的放假安排，公布后重算"))
    return facts


def _start(basis: Mapping[str, Any]) -> str:
    since = basis["since"]
    if basis["unit"] == "hours" and "T" in since:
        return wording.moment(deadlines.moment(since))
    return f"{_day(since)}（当日不计入）"


def _spans(told: Sequence[Sequence[str]]) -> str:
    """国庆节10月1日—7日、周末4天. Ordinary weekends are only counted."""
    named = [
        f"{name}{_short(first)}{'—' + _short(last) if last != first else ''}"
        for first, last, name in told
        if name != WEEKEND
    ]
    weekends = sum((_date(last) - _date(first)).days + 1 for first, last, name in told if name == WEEKEND)
    return "、".join([*named, *([f"周末{weekends}天"] if weekends else [])])


def _short(written: str) -> str:
    return f"{_date(written).month}月{_date(written).day}日"


def _day(written: str) -> str:
    return wording.full_day(_date(written))


def _date(written: str) -> date:
    return _local(deadlines.moment(written))


def _local(moment: datetime) -> date:
    return moment.astimezone(clock.LOCAL).date()
