"""提醒规则: the stages of reminding, when mail may come and how often one may urge; kept by the office."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

import forms
from engine import db
from engine.notifications import rules
from engine.reminders import stages
from web import wording

bp = Blueprint("reminders", __name__, url_prefix="/reminders")

RANKS = {"owner": "承办人", "head": "单位负责人", "leader": "分管领导"}


@bp.get("")
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/rules")
def change_rules() -> ResponseReturnValue:
    submitted = wording.submitted(request.form)
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
    submitted = wording.submitted(request.form) | {"recipients": request.form.getlist("recipients")}
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


def _index(submitted: dict[str, Any] | None = None, errors: dict[str, Any] | None = None) -> str:
    with db.reading() as session:
        return render_template(
            "reminders.html", stages=stages.every(session, actor=g.actor), form=forms.get(rules.FORM),
            assumed=rules.are_assumed(session), values=submitted or asdict(rules.current(session)),
            errors=errors or {}, ranks=RANKS, unit={"days": "个工作日", "hours": "小时"},
        )  # fmt: skip


def _stage(
    stage_id: str | None, submitted: dict[str, Any] | None = None, errors: dict[str, Any] | None = None
) -> str:  # fmt: skip
    with db.reading() as session:
        rules.require_can_change(g.actor)
        form = forms.get(stages.FORM)
        kept: dict[str, Any] = {"basis": "days"}
        if stage_id:
            stage = stages.get(session, stage_id, actor=g.actor)
            kept = {field.key: getattr(stage, field.key) for field in form.fields}
        return render_template(
            "reminder_stage.html", form=form, stage_id=stage_id, values=submitted or kept, errors=errors or {}
        )
