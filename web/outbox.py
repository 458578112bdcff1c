"""发件箱: mails that wait, were sent, or were not taken, for those who run the installation."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from engine import db
from engine.identity import Actor
from engine.models import DeliveryState
from engine.notifications import outbox, smtp
from web import wording

bp = Blueprint("outbox", __name__, url_prefix="/outbox")

STATES = {
    DeliveryState.FAILED: wording.Lamp("red", "未送出"),
    DeliveryState.WAITING: wording.Lamp("grey", "等待发送"),
    DeliveryState.SENT: wording.Lamp("done", "已送出"),
}
"""In the order of the tabs."""


def failed_count(session: Session, actor: Actor) -> int | None:
    """The figure beside 发件箱; None for those who do not see it."""
    return outbox.failed(session) if outbox.can_see(actor) else None


@bp.get("")
def index() -> ResponseReturnValue:
    outbox.require_can_see(g.actor)
    asked, page = request.args.get("state", ""), wording.page_number(request.args)
    state = DeliveryState(asked) if asked in list(DeliveryState) else DeliveryState.FAILED
    with db.reading() as session:
        found = outbox.deliveries(session, state, page=page, actor=g.actor)
        return render_template(
            "outbox.html", deliveries=found[: outbox.PAGE], more=len(found) > outbox.PAGE, page=page, state=state,
            states=STATES, counts=outbox.counts(session, actor=g.actor), can_mail=smtp.server() is not None,
        )  # fmt: skip


@bp.post("/<delivery_id>/again")
def send_again(delivery_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        outbox.send_again(session, delivery_id, actor=g.actor)
    flash("已安排重发。若还是送不出去，它会再次出现在这里。")
    return redirect(url_for("outbox.index"))
