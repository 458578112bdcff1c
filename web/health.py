"""Is the process alive, and can it work?"""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from engine import db

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@bp.get("/readyz")
def readyz() -> ResponseReturnValue:
    with db.reading() as session:
        session.execute(text("SELECT 1 FROM setting"))
    return {"status": "ready"}
