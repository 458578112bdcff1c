"""定时作业: what runs next and why on that day, what ran, what was missed, who ticks; and the clock of a demonstration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import administration, clock, db, settings, workers
from engine.errors import InvalidState
from engine.models import Recurrence
from engine.recurrences import control, overview, planning
from engine.recurrences.periods import Frequency, describe
from web import incidents, wording

bp = Blueprint("schedule", __name__, url_prefix="/schedule")

WHY = {
    "timer": "流程图里的定时",
    "message": "流程之间的消息，写入后立即送达",
    "correlate": "流程抛出的消息，写入后立即送达",
    "start": "由时间或信号启动的流程",
    "recurrence.open": "到期的定期工作，正在启动",
    "housekeeping": "每天凌晨3点清理",
}
OUTCOMES = {
    planning.Outcome.STARTED: wording.Lamp("done", "已启动"),
    planning.Outcome.NOTHING: wording.Lamp("grey", "没有对象"),
    planning.Outcome.OPENING: wording.Lamp("blue", "正在启动"),
    planning.Outcome.MISSED: wording.Lamp("amber", "已错过"),
    overview.FAILED: wording.Lamp("red", "未办成"),
    overview.CANCELLED: wording.Lamp("hold", "已取消"),
}
CHANGES = {"paused": "暂停", "resumed": "启用", "run": "立即执行", "changed": "修改规则"}
Act = Callable[[Session, str, Mapping[str, Any]], Recurrence]


@bp.get("")
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/clock")
def move_clock() -> ResponseReturnValue:
    """A refusal shows the page again with everything that was typed."""
    typed = _typed()
    try:
        with db.transaction() as session:
            settings.let_time_pass(session, typed, actor=g.actor)
    except ValidationError as error:
        return _index(typed, error.messages_dict), 422
    flash("演示时钟已向前拨。到期的事项会在几秒内办理。")
    return redirect(url_for("schedule.index"))


@bp.get("/<key>")
def show(key: str) -> ResponseReturnValue:
    return _show(key)


@bp.post("/<key>/pause")
def pause(key: str) -> ResponseReturnValue:
    return _act(key, lambda session, key, typed: control.pause(session, key, typed, actor=g.actor), "已暂停。")


@bp.post("/<key>/resume")
def resume(key: str) -> ResponseReturnValue:
    return _act(key, lambda session, key, _: control.resume(session, key, actor=g.actor), "已启用。")


@bp.post("/<key>/run")
def run(key: str) -> ResponseReturnValue:
    told = "已安排立即执行，几秒后可在“执行记录”里看到结果。"
    return _act(key, lambda session, key, _: control.run_now(session, key, actor=g.actor), told)


@bp.post("/<key>/rule")
def change(key: str) -> ResponseReturnValue:
    return _act(key, lambda session, key, typed: control.change(session, key, typed, actor=g.actor), "规则已保存。")


def _act(key: str, act: Act, told: str) -> ResponseReturnValue:
    """A refusal shows the page again with everything that was typed."""
    typed = _typed()
    try:
        with db.transaction() as session:
            act(session, key, typed)
    except ValidationError as error:
        return _show(key, typed, errors=error.messages_dict), 422
    except InvalidState as error:
        return _show(key, typed, refused=error.advice), 409
    flash(told)
    return redirect(url_for("schedule.show", key=key))


def _index(typed: Mapping[str, Any] | None = None, errors: Mapping[str, Any] | None = None) -> str:
    control.require_can_view(g.actor)
    with db.reading() as session:
        ran, nodes = overview.occurrences(session), workers.known(session)
        return render_template(
            "schedule.html", rows=overview.rows(session), queues=overview.queues(session), nodes=nodes, ran=ran,
            alive=[node for node in nodes if workers.is_alive(node)], silent_for=workers.silent_for,
            clock_form=forms.get("demonstration.clock") if settings.can_move_clock(session, g.actor) else None,
            typed=typed or {}, errors=errors or {}, local=clock.now().astimezone(clock.LOCAL), job_words=incidents.JOBS, why=WHY,
            can_resolve=administration.can_resolve(g.actor), **_shown_with(session, ran),
        )  # fmt: skip


def _show(
    key: str, typed: Mapping[str, Any] | None = None, *, errors: Mapping[str, Any] | None = None, refused: str = ""
) -> str:
    control.require_can_view(g.actor)
    with db.reading() as session:
        recurrence = planning.get(session, key)
        ran = overview.occurrences(session, key)
        return render_template(
            "recurrence.html", row=overview.row(session, recurrence), unit=overview.unit_of(session, recurrence),
            ran=ran, changes=control.changes(session, key), change_words=CHANGES,
            can_manage=control.can_manage(g.actor, recurrence), pause_form=forms.get("recurrence.pause"),
            rule_form=forms.get("recurrence.rule"), typed=typed or {}, values=typed or _values(recurrence),
            errors=errors or {}, refused=refused, in_words=_in_words, **_shown_with(session, ran),
        )  # fmt: skip


def _shown_with(session: Session, ran: list[Any]) -> dict[str, object]:
    return {
        "states": overview.outcomes(session, ran), "outcomes": OUTCOMES,
        "in_sight": overview.in_sight(session, g.actor, ran),
        "rule_of": _rule_in_words,
    }  # fmt: skip


def _rule_in_words(recurrence: Recurrence) -> str:
    return describe(Frequency(recurrence.frequency), planning.rule_of(recurrence), recurrence.hour)


def _values(recurrence: Recurrence) -> dict[str, object]:
    """The rule as its form shows it."""
    held = {field.key: getattr(recurrence, field.key) for field in forms.get("recurrence.rule").fields}
    return {key: str(value).lower() if isinstance(value, bool) else value for key, value in held.items()}


def _in_words(field: forms.Field, value: object) -> object:
    """A value of the rule as people read it."""
    known: dict[object, str] = {True: "是", False: "否", None: "空", **dict(field.options)}
    return known[value] if isinstance(value, bool | str | None) and value in known else value


def _typed() -> dict[str, str]:
    return {key: value for key, value in request.form.items() if key != "csrf_token"}
