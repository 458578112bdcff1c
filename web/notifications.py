"""通知: what a person was told, unread first; from each one to what it is about."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from engine import db
from engine.identity import Actor
from engine.models import Notification
from engine.notifications import notices
from web import wording

bp = Blueprint("notifications", __name__, url_prefix="/notifications")

PAGES: dict[str, Callable[[str | None], str]] = {
    "user_task": lambda known: url_for("user_tasks.show", task_id=known),
    "instance": lambda known: url_for("instances.show", instance_id=known),
}
"""Kind of thing → the page that shows it."""


def unread(session: Session, actor: Actor) -> str:
    """The figure beside the bell; empty for none."""
    counted = notices.unread(session, actor)
    return wording.figure(counted) if counted else ""


@bp.get("")
def index() -> ResponseReturnValue:
    page = wording.page_number(request.args)
    with db.reading() as session:
        found = list(session.scalars(notices.of(g.actor, page=page)))
        return render_template(
            "notifications.html", notifications=found[: notices.PAGE], page=page, more=len(found) > notices.PAGE
        )


@bp.post("/<notification_id>/open", endpoint="open")
def follow(notification_id: str) -> ResponseReturnValue:
    """To what it is about; it is read with that."""
    with db.transaction() as session:
        return redirect(_address(notices.read(session, notification_id, actor=g.actor)))


@bp.post("/<notification_id>/read")
def read(notification_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        notices.read(session, notification_id, actor=g.actor)
    return redirect(url_for("notifications.index"))


@bp.post("/read")
def read_all() -> ResponseReturnValue:
    with db.transaction() as session:
        notices.read_all(session, actor=g.actor)
    flash("已全部标为已读。")
    return redirect(url_for("notifications.index"))


def _address(notification: Notification) -> str:
    page = PAGES.get(notification.subject_kind or "")
    return page(notification.subject_id) if page else url_for("notifications.index")
