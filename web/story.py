"""What happened in an instance, put into sentences for a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

import forms
from engine import history, options, user_tasks
from engine.models import HistoryEvent, Submission
from web import wording

SAID = {
    "instance.started": "流程启动",
    "instance.completed": "流程办结",
    "instance.terminated": "流程终止",
    "user_task.claimed": "认领",
    "user_task.unclaimed": "退回认领",
    "user_task.assigned": "指派",
    "user_task.urged": "催办",
    "user_task.cancelled": "待办取消",
    "user_task.due_changed": "期限重算",
    "document.issued": "发文",
    "document.voided": "文书作废",
    "oversight.issued": "下达督办单",
    "oversight.closed": "督办办结",
    "meeting.held": "会议表决",
    "publicity.opened": "公示",
    "extension.granted": "准予延期",
    "extension.refused": "不予延期",
    "instance.paused": "中止",
    "instance.resumed": "恢复",
    "variables.changed": "修改变量",
    "comment.added": "留言",
    "incident.retried": "异常后重试",
    "incident.cancelled": "异常后取消",
    "finding.closed": "问题销号",
    "draw.frozen": "冻结名录",
    "draw.committed": "公布抽取承诺",
    "draw.made": "随机抽取",
    "draw.replaced": "更换检查人员",
    "schools.judged": "校表测算",
    "fund.calculated": "资金测算",
    "point.archived": "归档登记",
}
"""Kinds that are told; those of automatic steps only where they say something to people."""


COMPLETED = "user_task.completed"
Words = dict[str, str]


@dataclass(frozen=True)
class Event:
    at: datetime
    who: str
    what: str
    opinion: str
    round: int | None


@dataclass(frozen=True)
class Table:
    """Rows that were filled in, with the heads of their columns."""

    heads: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Submitted:
    """One submission: who, when, and label–value pairs as the form shows them."""

    name: str
    who: str
    at: datetime
    answers: list[tuple[str, str | Table]]


@dataclass(frozen=True)
class Story:
    """What happened and what was submitted, each latest first."""

    events: list[Event]
    submitted: list[Submitted]


def of(session: Session, instance_id: str) -> Story:
    told = history.of(session, instance_id)
    sent = user_tasks.submissions(session, instance_id)
    people = {event.actor_id for event in told if event.actor_id} | {each.submitted_by_id for each in sent}
    names = user_tasks.people_of(session, people)
    by_task = {each.user_task_id: each for each in sent}
    asked = {form for each in sent if each.form_key and (form := forms.find(each.form_key))}
    offered = {
        name: dict(choices) for form in asked for name, choices in options.of_form(session, form, instance_id).items()
    }
    activities = {
        event.user_task_id: event.activity_name for event in told if event.user_task_id and event.activity_name
    }
    return Story(
        [
            _event(event, names, activities, by_task.get(event.user_task_id or ""))
            for event in reversed(told)
            if event.kind in SAID or event.kind == COMPLETED
        ],
        [_submitted(each, names, activities, offered) for each in reversed(sent)],
    )


def _submitted(submission: Submission, names: Words, activities: Words, offered: dict[str, Words]) -> Submitted:
    name, who = activities.get(submission.user_task_id, ""), names.get(submission.submitted_by_id, "")
    return Submitted(name, who, submission.submitted_at, _answers(submission, offered))


def _verdict(submission: Submission | None) -> str:
    """The word on the button that was pressed, where the form decides something."""
    form = forms.find(submission.form_key) if submission and submission.form_key else None
    deciding = next((field for field in form.fields if field.as_buttons), None) if form else None
    return dict(deciding.options)[submission.data[deciding.key]] if deciding and submission else "办理"


def _event(event: HistoryEvent, names: Words, activities: Words, submission: Submission | None) -> Event:
    what = _verdict(submission) if event.kind == COMPLETED else SAID[event.kind]
    step, reason = activities.get(event.user_task_id or "", ""), event.detail.get("reason") or ""
    if step and step not in reason:
        what += f"：{step}"
    if reason:
        what += f"（{reason}）"
    who = names.get(event.actor_id or "", "系统")
    return Event(
        event.at, who, what, (submission.data.get("opinion") or "" if submission else ""), event.detail.get("round")
    )


def _answers(submission: Submission, offered: dict[str, Words]) -> list[tuple[str, str | Table]]:
    form = forms.find(submission.form_key) if submission.form_key else None
    if form is None:
        return [(key, str(value)) for key, value in submission.data.items()]
    return [
        (
            field.label,
            _table(field, value, offered)
            if field.is_rows and isinstance(value, list)
            else _shown(field, value, offered),
        )
        for field in form.fields
        if (value := submission.data.get(field.key)) not in (None, [])
    ]


def _table(field: forms.Field, rows: list[dict[str, Any]], offered: dict[str, Words]) -> Table:
    cells = [[_shown(cell, row.get(cell.key), offered) for cell in field.cells] for row in rows]
    return Table([cell.label for cell in field.cells], cells)


def _shown(field: forms.Field, value: Any, offered: dict[str, Words]) -> str:
    if value is None:
        return "—"
    if field.type == "datetime":
        return wording.full_day(date.fromisoformat(value))
    if not (field.is_choice or isinstance(value, bool)):
        return f"{value}{field.suffix}"
    words = {"true": "是", "false": "否", **dict(field.options), **offered.get(field.options_source or "", {})}
    chosen = wording.as_typed(value if isinstance(value, list) else [value])
    return "、".join(words.get(each, str(each)) for each in chosen)
