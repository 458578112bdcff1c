"""Dates, lamps and marks in the words people use; the templates' filters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask, request
from werkzeug.datastructures import MultiDict

from engine import clock, user_tasks
from engine.lamps import facts
from engine.lamps import lamp as judged
from engine.lamps.lamp import Colour, State, Thresholds
from engine.models import InstanceStatus, ProcessInstance, UserTask
from engine.targets import measures
from forms import Field
from forms.fields import ITEM
from forms.form import Options
from forms.schema import is_blank

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
    judged.BREACHED: "底线情况",
    judged.PAUSED: "暂停",
    judged.RESUMED: "恢复",
    judged.DONE: "完成",
    judged.REOPENED: "退回",
    judged.CLOSED: "办结",
    judged.CARRIED_OVER: "结转",
}


MORE_ROWS = "+"
"""The button that asks for another row, and for nothing else; with it begins whatever is no field."""
CELL = re.compile(r"(\w+)\.(\d{1,4})\.(\w+)")
Row = tuple[int, str, Mapping[str, Any]]
"""Its place, what it is called, and what was typed in it."""


@dataclass(frozen=True)
class Lamp:
    """Shape and word first, colour third; `why` is the reason beside it."""

    shape: str
    word: str
    why: str = ""


def register(app: Flask) -> None:
    for function in (day, full_day, moment, lamp, shown, fact, judged.is_backdated, state_of, measures.promise, rows):
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


def submitted(form: MultiDict[str, str]) -> dict[str, Any]:
    """What a person filled in; `projects.0.name` and its kin become the rows of `projects`, but for those left empty."""
    typed: dict[str, Any] = {}
    lists: dict[str, dict[int, dict[str, Any]]] = {}
    for key, values in form.lists():
        cell, value = CELL.fullmatch(key), values if len(values) > 1 else values[0]
        if cell:
            lists.setdefault(cell[1], {}).setdefault(int(cell[2]), {})[cell[3]] = value
        elif key != "csrf_token" and not key.startswith(MORE_ROWS):
            typed[key] = value
    for key, numbered in lists.items():
        typed[key] = [row for _, row in sorted(numbered.items()) if not all(map(is_blank, row.values()))]
    return typed


def as_typed(value: Any) -> Any:
    """What was kept, as a person would fill it in again."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return [as_typed(each) for each in value]
    return {key: as_typed(each) for key, each in value.items()} if isinstance(value, dict) else value


def rows(field: Field, typed: object, options: Options) -> Sequence[Row]:
    """The rows of a field on a page: the fixed ones, or those filled in and as many more as were asked for."""
    given = [row for row in typed if isinstance(row, dict)] if isinstance(typed, list) else []
    if field.rows_source:
        by_item = {str(row.get(ITEM)): row for row in given}
        fixed = enumerate(options.get(field.rows_source, ()))
        return [(index, label, {**by_item.get(item, {}), ITEM: item}) for index, (item, label) in fixed]
    key, _, number = request.form.get(MORE_ROWS, "").partition(":")
    asked = int(number) if key == field.key and number.isdecimal() and len(number) < 4 else 0
    count = min(max(1, len(given), field.min_rows, asked), field.max_rows)
    return [(index, f"第{index + 1}行", row) for index, row in enumerate((given + [{}] * count)[:count])]


def page_number(asked: Mapping[str, str]) -> int:
    """Which page of a list is asked for; the first where that makes no sense."""
    written = asked.get("page", "1")
    return max(1, int(written)) if written.isdecimal() and len(written) < 6 else 1


def month(asked: Mapping[str, str]) -> date:
    """The first day of the month that is asked for, `2021-04`; of this one where that makes no sense."""
    try:
        first = date.fromisoformat(f"{asked.get('month', '')}-01")
    except ValueError:
        first = date.min
    return first if 2000 <= first.year < 2100 else clock.today().replace(day=1)
