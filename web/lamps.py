"""灯的界限: what the colours are judged by, since when and on what ground; the office sets it anew."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import clock, db, user_tasks
from engine.lamps import thresholds
from engine.plan import overview
from web import entry, wording
from web.entry import Entry

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
            can_change=g.actor.keeps_rules,
        )  # fmt: skip


@bp.route("/<key>", methods=["GET", "POST"])
def change(key: str) -> ResponseReturnValue:
    thresholds.require_can_change(g.actor, key)
    with db.reading() as session:
        held = vars(thresholds.in_force(session))[key]
    known = thresholds.KNOWN[key]
    done, note = f"已改：{known.name}。此前各天的灯不变。", f"现行 {held:g} {known.unit}"
    asked = Entry(thresholds.FORM, f"修改：{known.name}", "灯的界限", url_for(".index"), done, note)
    if request.method == "GET":
        return entry.show(asked, {"effective_on": clock.today().isoformat(), "confirmed": "false"})
    return entry.attempt(
        wording.submitted(request.form), lambda session, typed: thresholds.change(session, key, typed, actor=g.actor),
        partial(entry.show, asked), done=asked.done, back=asked.back,
    )  # fmt: skip
