"""督导与整改: rounds with their visits, findings with how far their rectification is."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from engine import db
from engine.lamps import picture
from engine.supervision import overview

bp = Blueprint("supervision", __name__, url_prefix="/supervision")


@bp.get("")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        findings = overview.findings(session, g.actor)
        rounds = [(each, overview.visible(g.actor, each)) for each in overview.rounds(session, g.actor)]
        due = [finding.instance_id for finding in findings] + [
            each.instance_id for _, visits in rounds for each in visits
        ]
        lamps = picture.of_instances(session, filter(None, due))
        return render_template("supervision.html", findings=findings, rounds=rounds, lamps=lamps)
