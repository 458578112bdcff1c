"""工作要点台账: sections, points and commitments with how they stand."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from engine import db
from engine.plan import overview

bp = Blueprint("plan", __name__, url_prefix="/plan")


@bp.get("")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        overview.require_can_view(g.actor)
        plan = overview.current(session)
        lead = request.args.get("lead", "")
        return render_template(
            "plan.html", plan=plan, sums=overview.sums(session, plan) if plan else None, lead=lead,
            phases=overview.phases(session, plan) if plan else {}, leads=overview.leads(session, plan) if plan else [],
            open_point=request.args.get("point", ""), names=list(overview.PHASES.values()),
        )  # fmt: skip
