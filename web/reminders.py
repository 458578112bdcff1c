"""提醒规则: the stages of reminding, when mail may come and how often one may urge; kept by the office."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import forms
from engine import db
from engine.notifications import rules
from engine.reminders import stages
from web import entry, wording

bp = Blueprint("reminders", __name__, url_prefix="/reminders")

RANKS = {"owner": "承办人", "head": "单位负责人", "leader": "分管领导"}


@bp.get("")
def index() -> ResponseReturnValue:
    return _index()


@bp.post("/rules")
def change_rules() -> ResponseReturnValue:
    change = partial(rules.change, actor=g.actor)
    return entry.attempt(wording.submitted(request.form), change, _index, done="已保存。", back=url_for(".index"))


@bp.route("/stages/new", methods=["GET", "POST"], defaults={"stage_id": None}, endpoint="new")
@bp.route("/stages/<stage_id>", methods=["GET", "POST"])
def stage(stage_id: str | None) -> ResponseReturnValue:
    if request.method == "GET":
        return _stage(stage_id)
    typed = wording.submitted(request.form) | {"recipients": request.form.getlist("recipients")}
    return entry.attempt(
        typed, lambda session, typed: stages.save(session, stage_id, typed, actor=g.actor), partial(_stage, stage_id),
        done="已保存，正在等待的提醒按新规则执行。", back=url_for(".index"),
    )  # fmt: skip


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
