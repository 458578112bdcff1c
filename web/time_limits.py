"""期限规则: who must have done what in how many days, by which article; the office records the next version of a rule."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import clock, db, deadlines
from engine.calendar import corrections
from engine.deadlines import limits
from engine.deadlines.limits import Limit
from web import entry
from web.entry import Entry

bp = Blueprint("time_limits", __name__, url_prefix="/time-limits")


@bp.get("")
def index() -> ResponseReturnValue:
    """Those that apply here, and on request those of other provinces."""
    with db.reading() as session:
        book = deadlines.current(session)
        province = book.province(clock.now())
        every = request.args.get("all") == "1"
        here = {limits.NATIONAL, limits.BUREAU, province}
        shown = [limit for limit in book.latest() if every or limit.rule_set in here]
        applied = {limit.id for limit in shown if book.find(limit.key, clock.now()) == limit}
        return render_template(
            "time_limits.html", subjects=_by_subject(shown), applied=applied, every=every, province=province,
            to_confirm=sum(limit.is_to_confirm for limit in shown), sets=limits.SETS, provinces=limits.PROVINCES,
            may_correct=corrections.can_correct(g.actor),
        )  # fmt: skip


@bp.post("/province")
def province() -> ResponseReturnValue:
    with db.transaction() as session:
        limits.choose_province(session, request.form.get("province", ""), actor=g.actor)
    flash("已更换适用省份，今后开始办理的事项按新的规则计算；已经开始的不变。")
    return redirect(url_for(".index"))


@bp.get("/<limit_id>")
def show(limit_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        limit = limits.get(session, limit_id)
        return render_template(
            "time_limit.html", limit=limit, versions=limits.versions(session, limit_id), sets=limits.SETS,
            may_correct=corrections.can_correct(g.actor), by_id=deadlines.current(session).by_id,
        )  # fmt: skip


@bp.route("/<limit_id>/revise", methods=["GET", "POST"])
def revise(limit_id: str) -> ResponseReturnValue:
    corrections.require_can_correct(g.actor)
    with db.reading() as session:
        limit = limits.get(session, limit_id)
    note = "保存为新的一版，原来的版本保留；已经开始办理的事项仍按开始时的版本计算。"
    back = url_for(".show", limit_id=limit_id)
    asked = Entry("time_limit", f"修改：{limit.name}", "期限规则", back, "已保存为新的一版。", note)
    if request.method == "POST":
        return entry.send(asked, lambda session, data: limits.revise(
            session, limit_id, **entry.with_days(data, "effective_from", "effective_to"), actor=g.actor))  # fmt: skip
    return entry.show(asked, _written(limit))


def _written(limit: Limit) -> dict[str, Any]:
    """What the form begins with."""
    held = {name: getattr(limit, name) for name in ("amount", "unit", "article", "effective_from", "effective_to")}
    return {**held, "confirmed": str(not limit.is_to_confirm).lower()}


def _by_subject(shown: list[Limit]) -> list[tuple[str, list[Limit]]]:
    order = list(dict.fromkeys(each["subject"] for each in limits.SHIPPED))
    keys = list(limits.RULES)
    ranked = sorted(shown, key=lambda limit: (order.index(limit.subject), keys.index(limit.key), limit.rule_set))
    return [(subject, list(members)) for subject, members in groupby(ranked, key=lambda limit: limit.subject)]
