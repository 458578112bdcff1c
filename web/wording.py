"""Dates, lamps and marks in the words people use; the templates' filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask

from engine import clock, user_tasks
from engine.lamps import facts
from engine.lamps import lamp as judged
from engine.lamps.lamp import Colour, State, Thresholds
from engine.models import InstanceStatus, ProcessInstance, UserTask
from engine.targets import measures

WEEKDAYS = ["周一", "周二", "周三", "周四", "周五", "周六", "周日"]
SHAPES = {
    Colour.RED: "red",
    Colour.YELLOW: "amber",
    Colour.BLUE: "blue",
    Colour.GREEN: "green",
    Colour.GREY: "grey",
}
FACTS = {
    judged.OPENED: "立项",
    judged.DUE_SET: "定期限",
    judged.RELEASED: "方案批准，启动",
    judged.PROGRESS: "进展",
    judged.PERIOD_REPORTED: "填报",
    judged.PAUSED: "暂停",
    judged.RESUMED: "恢复",
    judged.DONE: "完成",
    judged.REOPENED: "退回",
    judged.CLOSED: "办结",
    judged.CARRIED_OVER: "结转",
}


@dataclass(frozen=True)
class Lamp:
    """Shape and word first, colour third; `why` is the reason beside it."""

    shape: str
    word: str
    why: str = ""


def register(app: Flask) -> None:
    for function in (day, full_day, moment, lamp, shown, fact, judged.is_backdated, state_of, measures.promise):
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


def lamp(task: UserTask, thresholds: Thresholds) -> Lamp:
    """How the due date of a user task stands now."""
    return shown(judged.lamp(facts.of_task(task), clock.now(), thresholds.for_steps()))


def shown(lamp: judged.Lamp) -> Lamp:
    """A lamp as pages draw it: what has ended or stands still has a shape of its own, unless something was wrong with it."""
    shape = SHAPES[lamp.colour]
    if lamp.colour in (Colour.GREEN, Colour.GREY):
        shape = {State.DONE: "done", State.PAUSED: "hold", State.CARRIED_OVER: "hold"}.get(lamp.state, shape)
    return Lamp(shape, lamp.word, lamp.reasons[0].text)


def state_of(instance: ProcessInstance | None) -> Lamp:
    """How an instance stands, in one word."""
    if instance is None:
        return Lamp("grey", "未启动")
    if instance.status == InstanceStatus.COMPLETED:
        return Lamp("done", "办结")
    if instance.status == InstanceStatus.TERMINATED:
        return Lamp("hold", "终止")
    return Lamp("green", "进行中")


def fact(told: judged.Fact) -> str:
    """What a fact says: 进展 40%, 填报 2021年5月, 定期限 2021年12月31日 周五."""
    value = told.value
    if told.kind == judged.DUE_SET:
        detail = full_day(datetime.fromisoformat(value["due"]).astimezone(clock.LOCAL).date())
    elif told.kind == judged.PROGRESS:
        detail = f"{value['percent']:g}%"
    else:
        detail = value.get("name", "")
    return f"{FACTS[told.kind]} {detail}".strip()


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
