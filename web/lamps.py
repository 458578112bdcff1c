"""灯的界限: what the colours are judged by, since when and on what ground; the office sets it anew."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

import forms
from engine import clock, db, user_tasks
from engine.lamps import thresholds
from engine.plan import overview

bp = Blueprint("lamps", __name__, url_prefix="/lamps")


@bp.get("")
def index() -> ResponseReturnValue:
    overview.require_can_view(g.actor)
    with db.reading() as session:
        versions = thresholds.versions(session)
        people = {each.recorded_by_id for rows in versions.values() for each in rows if each.recorded_by_id}
        return render_template(
            "lamps.html", known=thresholds.KNOWN, versions=versions, names=user_tasks.people_of(session, people),
            current={key: next(row for row in rows if row.effective_on <= clock.today()) for key, rows in versions.items()},
            can_change=thresholds.can_change(g.actor),
        )  # fmt: skip


@bp.get("/<key>")
def change(key: str) -> ResponseReturnValue:
    return _ask(key, {"effective_on": clock.today().isoformat(), "confirmed": "false"})


@bp.post("/<key>", endpoint="change_submit")
def change_submit(key: str) -> ResponseReturnValue:
    """A refusal shows the page again with everything that was typed."""
    submitted = {name: value for name, value in request.form.items() if name != "csrf_token"}
    try:
        with db.transaction() as session:
            thresholds.change(session, key, submitted, actor=g.actor)
    except ValidationError as error:
        return _ask(key, submitted, error.messages_dict), 422
    flash(f"已改：{thresholds.KNOWN[key].name}。此前各天的灯不变。")
    return redirect(url_for("lamps.index"))


def _ask(key: str, values: dict[str, Any], errors: dict[str, Any] | None = None) -> str:
    thresholds.require_can_change(g.actor, key)
    with db.reading() as session:
        return render_template(
            "lamp_threshold.html", key=key, known=thresholds.KNOWN[key], form=forms.get(thresholds.FORM),
            held=vars(thresholds.in_force(session))[key], values=values, errors=errors or {},
        )  # fmt: skip
