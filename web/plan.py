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
        phases = overview.phases(session, plan) if plan else {}
        return render_template(
            "plan.html", plan=plan, phases=phases, names=list(overview.PHASES.values()),
            sums=overview.sums(plan, phases) if plan else None, leads=overview.leads(plan) if plan else [],
            lead=request.args.get("lead", ""), open_point=request.args.get("point", ""),
        )  # fmt: skip
