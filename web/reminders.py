"""提醒规则: the stages of reminding, when mail may come and how often one may urge; kept by the office."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import db
from engine.models import ReminderStage
from engine.notifications import rules
from engine.reminders import stages

bp = Blueprint("reminders", __name__, url_prefix="/reminders")


@bp.get("")
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/rules")
def change_rules() -> ResponseReturnValue:
    submitted = _submitted()
    try:
        with db.transaction() as session:
            rules.change(session, submitted, actor=g.actor)
    except ValidationError as error:
        return _index(submitted, error.messages_dict), 422
    flash("已保存。")
    return redirect(url_for("reminders.index"))


@bp.get("/stages/new", defaults={"stage_id": None}, endpoint="new")
@bp.get("/stages/<stage_id>", endpoint="stage")
def stage(stage_id: str | None) -> ResponseReturnValue:
    return _stage(stage_id)


@bp.post("/stages/new", defaults={"stage_id": None}, endpoint="new_submit")
@bp.post("/stages/<stage_id>", endpoint="stage_submit")
def save_stage(stage_id: str | None) -> ResponseReturnValue:
    submitted = _submitted() | {"recipients": request.form.getlist("recipients")}
    try:
        with db.transaction() as session:
            stages.save(session, stage_id, submitted, actor=g.actor)
    except ValidationError as error:
        return _stage(stage_id, submitted, error.messages_dict), 422
    flash("已保存，正在等待的提醒按新规则执行。")
    return redirect(url_for("reminders.index"))


@bp.post("/stages/<stage_id>/remove")
def remove_stage(stage_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        stages.remove(session, stage_id, actor=g.actor)
    flash("已删除，此后不再有这一次提醒。")
    return redirect(url_for("reminders.index"))


def _submitted() -> dict[str, Any]:
    return {key: value for key, value in request.form.items() if key != "csrf_token"}


def _index(submitted: dict[str, Any] | None = None, errors: dict[str, Any] | None = None) -> str:
    with db.reading() as session:
        return render_template(
            "reminders.html", stages=stages.every(session, actor=g.actor), form=forms.get(rules.FORM),
            assumed=rules.are_assumed(session), values=submitted or asdict(rules.current(session)),
            errors=errors or {}, ranks=_labels("recipients"), unit={"days": "个工作日", "hours": "小时"},
        )  # fmt: skip


def _stage(
    stage_id: str | None, submitted: dict[str, Any] | None = None, errors: dict[str, Any] | None = None
) -> str:  # fmt: skip
    with db.reading() as session:
        rules.require_can_change(g.actor)
        kept = _values(session, stage_id) if stage_id else {"basis": "days"}
        return render_template(
            "reminder_stage.html", form=forms.get(stages.FORM), stage_id=stage_id, values=submitted or kept,
            errors=errors or {},
        )  # fmt: skip


def _values(session: Session, stage_id: str) -> dict[str, Any]:
    stage: ReminderStage = stages.get(session, stage_id, actor=g.actor)
    return {name: getattr(stage, name) for name in ("basis", "distance", "recipients", "words")}


def _labels(key: str) -> dict[str, str]:
    return next(dict(field.options) for field in forms.get(stages.FORM).fields if field.key == key)
