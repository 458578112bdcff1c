"""Files of others that pages use. They come with the installed packages, pinned by the lock, and are served as they are."""

from __future__ import annotations

from importlib import metadata, resources

from flask import Blueprint, send_file
from flask.typing import ResponseReturnValue

bp = Blueprint("vendor", __name__, url_prefix="/vendor")

YEAR = 365 * 24 * 3600
"""A browser may keep a file that long: its address carries the version."""

BOOTSTRAP = metadata.version("bootstrap-wrapper")


@bp.get("/bootstrap.min.css")
def bootstrap() -> ResponseReturnValue:
    with resources.as_file(resources.files("bootstrap") / "css" / "bootstrap.min.css") as file:
        return send_file(file, mimetype="text/css", max_age=YEAR)
