"""要我办的: what is asked of a school or a district, on one list."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from engine import db
from engine.burden import asked

bp = Blueprint("asked", __name__, url_prefix="/asked")


@bp.get("")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        return render_template("asked.html", asked=asked.of(session, actor=g.actor))
