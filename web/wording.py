"""Dates, lamps and marks in the words people use; the templates' filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask

from engine import clock, user_tasks
from engine.models import Commitment, InstanceStatus, ProcessInstance, Target
from engine.plan import overview

WEEKDAYS = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"]
SOON = timedelta(days=3)
NEAR = timedelta(days=14)


@dataclass(frozen=True)
class Lamp:
    """Shape and word first, colour third; `why` is the reason beside it."""

    shape: str
    word: str
    why: str = ""


def register(app: Flask) -> None:
    for function in (day, full_day, moment, lamp, state_of, standing, promise, end_of_day):
        app.add_template_filter(function)
    app.jinja_env.globals["today"] = clock.today


def day(value: date | datetime | None) -> str:
    """9月30日 周四; with the year when it is another."""
    if value is None:
        return "—"
    local = value.astimezone(clock.LOCAL).date() if isinstance(value, datetime) else value
    distance = (local - clock.today()).days
    near = {0: "今天", 1: "明天", -1: "昨天"}.get(distance)
    if near:
        return near
    year = "" if local.year == clock.today().year else f"{local.year}年"
    return f"{year}{local.month}月{local.day}日 {WEEKDAYS[local.weekday()]}"


def full_day(value: date) -> str:
    """2021年3月12日 周五."""
    return f"{value.year}年{value.month}月{value.day}日 {WEEKDAYS[value.weekday()]}"


def moment(value: datetime | None) -> str:
    if value is None:
        return "—"
    return f"{day(value)} {value.astimezone(clock.LOCAL):%H:%M}"


def lamp(due: datetime | None) -> Lamp:
    """How a due date stands now, in natural days."""
    if due is None:
        return Lamp("grey", "不限期")
    left = (due.astimezone(clock.LOCAL).date() - clock.today()).days
    if left < 0:
        return Lamp("red", f"超期 {-left} 天", f"应于 {day(due)} 办结")
    if left <= SOON.days:
        return Lamp("blue", "今天到期" if left == 0 else f"还有 {left} 天", day(due))
    return Lamp("green", f"还有 {left} 天", day(due))


def state_of(instance: ProcessInstance | None) -> Lamp:
    """How an instance stands, in one word."""
    if instance is None:
        return Lamp("grey", "未启动")
    if instance.status == InstanceStatus.COMPLETED:
        return Lamp("done", "办结")
    if instance.status == InstanceStatus.TERMINATED:
        return Lamp("hold", "终止")
    return Lamp("green", "进行中")


def standing(commitment: Commitment, phases_passed: int) -> Lamp:
    """How a commitment stands: judged by the year, else by its own due date. It begins with its point's approved plan."""
    if commitment.result:
        return Lamp("done", "完成") if commitment.result == "completed" else Lamp("hold", "结转")
    if commitment.due_on < clock.today():
        return Lamp("red", f"超期 {(clock.today() - commitment.due_on).days} 天")
    if not overview.has_begun(commitment, phases_passed):
        return Lamp("grey", "待启动日" if phases_passed else "待方案批准")
    left = (commitment.due_on - clock.today()).days
    return Lamp("blue", f"还有 {left} 天") if left <= NEAR.days else Lamp("green", "进行中")


def promise(target: Target) -> str:
    """A target in one phrase: 普惠优质学前资源覆盖率 ≥90%. A batch or session number is a name, not a quantity."""
    if target.value is None:
        return target.name
    if target.certainty == "ordinal":
        return f"{target.name}：第{target.value}"
    sign = {">=": "≥", "<=": "≤", "~": "约", "=": ""}.get(target.operator or "", target.operator or "")
    softness = "（争取）" if target.hardness == "争取" else ""
    return f"{target.name} {sign}{target.value}{target.unit or ''}{softness}"


def end_of_day(value: date) -> datetime:
    return clock.end_of(value)


def figure(counted: int) -> str:
    """A number that is counted only so far: 99+ from a hundred on."""
    return str(counted) if counted < user_tasks.MOST_COUNTED else f"{user_tasks.MOST_COUNTED - 1}+"


def submitted(form: Mapping[str, str]) -> dict[str, Any]:
    """What a person filled in."""
    return {key: value for key, value in form.items() if key != "csrf_token"}


def page_number(asked: Mapping[str, str]) -> int:
    """Which page of a list is asked for; the first where that makes no sense."""
    written = asked.get("page", "1")
    return max(1, int(written)) if written.isdecimal() and len(written) < 6 else 1
