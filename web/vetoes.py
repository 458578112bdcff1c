"""一票否决: the register with its filters, and the pages on which a bar is registered or lifted."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import clock, db
from engine.vetoes import register
from web import entry
from web.entry import Entry

bp = Blueprint("vetoes", __name__, url_prefix="/vetoes")


@bp.get("")
def index() -> ResponseReturnValue:
    state, scope = request.args.get("state", "active"), request.args.get("scope", "")
    with db.reading() as session:
        every = register.listed(session, actor=g.actor)
        active = {bar.id for bar in every if bar.is_in_force(clock.today())}
        bars = [
            bar for bar in every
            if state not in ("active", "ended") or (bar.id in active) == (state == "active")
            if scope in ("", *bar.scopes)
        ]  # fmt: skip
        return render_template(
            "vetoes.html", bars=bars, every=every, active=active, state=state, scope=scope, rules=register.RULES,
            shown_name=register.shown_name, source_of=register.source_of, may_keep=register.can_keep(g.actor),
        )  # fmt: skip


@bp.route("/new", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    register.require_can_keep(g.actor)
    note = "凭处分或处理决定登记；登记后不能修改，有误的解除后重新登记"
    asked = Entry("veto.register", "登记一票否决", "一票否决", url_for(".index"), "已登记，自起始日期起生效。", note)
    return entry.page(asked, {"starts_on": clock.today().isoformat(), "kind": "person"}, register.register)


@bp.route("/<bar_id>/lift", methods=["GET", "POST"])
def lift(bar_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        bar = register.get(session, bar_id, actor=g.actor)
        note = f"{bar.subject}，{bar.unit_words}；{bar.basis}。解除自今天起生效，解除人和文号一并留存"
        asked = Entry("veto.lift", f"解除 {bar.number}", "一票否决", url_for(".index"), f"已解除 {bar.number}。", note)
    return entry.page(asked, {}, register.lift, bar_id)
