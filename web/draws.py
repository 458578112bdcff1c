"""随机抽取: what a draw was made from and what came of it, its export, and the comparison of an export with what is kept."""

from __future__ import annotations

from flask import Blueprint, Response, g, render_template, request
from flask.typing import ResponseReturnValue

from engine import db
from engine.draws import algorithm, draw, replay

bp = Blueprint("draws", __name__, url_prefix="/draws")


@bp.get("/<draw_id>")
def show(draw_id: str) -> ResponseReturnValue:
    return _page(draw_id, None)


@bp.get("/<draw_id>/export")
def export(draw_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        content = replay.canonical(draw.export(draw.get(session, draw_id, actor=g.actor)))
    named = {"Content-Disposition": f"attachment; filename=draw-{draw_id}.json"}
    return Response(content, mimetype="application/json", headers=named)


@bp.post("/<draw_id>/verify")
def verify(draw_id: str) -> ResponseReturnValue:
    sent = request.files.get("file")
    return _page(draw_id, sent.read() if sent else b"")


def _page(draw_id: str, sent: bytes | None) -> ResponseReturnValue:
    """The draw; with what somebody has sent, also how it compares. Only what is kept here is reckoned, never what was sent."""
    with db.reading() as session:
        record = draw.get(session, draw_id, actor=g.actor)
        found = None
        if sent is not None:
            kept = replay.canonical(draw.export(record))
            fault = replay.difference(sent, kept)
            words = f"上传的文件与本系统保存的{'不一致：' + fault if fault else '逐字节一致'}"
            found = [(words, not fault), *replay.look_through(kept)]
        return render_template(
            "draw.html", record=record, final=draw.final(record), mark=draw.mark(record), found=found,
            repeatable=record.algorithm == algorithm.ALGORITHM,
        )  # fmt: skip
