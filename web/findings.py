"""问题整改: every finding a person may look at, by how far its rectification is."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from engine import db
from engine.lamps import picture
from engine.supervision import overview

bp = Blueprint("findings", __name__, url_prefix="/findings")


@bp.get("")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        lists = overview.board(session, g.actor)
        shown = [finding.instance_id for found in lists.values() for finding in found if finding.instance_id]
        return render_template("findings.html", lists=lists, lamps=picture.of_instances(session, shown))
