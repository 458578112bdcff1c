"""我的设置: mail, and the address under which a calendar program finds one's due dates; and that calendar itself."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

import forms
from engine import db, feeds, settings
from engine.models import Person
from engine.notifications import preferences, smtp
from web import entry, wording

bp = Blueprint("preferences", __name__)


@bp.get("/me")
def show() -> ResponseReturnValue:
    return _show()


@bp.post("/me")
def change() -> ResponseReturnValue:
    change = partial(preferences.change, actor=g.actor)
    return entry.attempt(wording.submitted(request.form), change, _show, done="已保存。", back=url_for(".show"))


@bp.post("/me/calendar")
def open_feed() -> ResponseReturnValue:
    """The answer is the only page that ever shows the address."""
    with db.transaction() as session:
        token = feeds.open_feed(session, actor=g.actor)
    return _show(address=url_for("preferences.calendar", token=token, _external=True))


@bp.post("/me/calendar/revoke")
def revoke_feed() -> ResponseReturnValue:
    with db.transaction() as session:
        feeds.revoke(session, actor=g.actor)
    flash("日历地址已停用，订阅它的程序不会再收到待办。")
    return redirect(url_for("preferences.show"))


@bp.get("/calendar/<token>.ics")
def calendar(token: str) -> ResponseReturnValue:
    """For programs that cannot log in: whoever knows the token reads it."""

    def address_of(task_id: str) -> str:
        return url_for("user_tasks.show", task_id=task_id, _external=True)

    with db.reading() as session:
        settings.apply_clock(session)
        return Response(feeds.read(session, token, address_of), content_type="text/calendar; charset=utf-8")


def _show(values: dict[str, Any] | None = None, errors: dict[str, Any] | None = None, *, address: str = "") -> str:
    with db.reading() as session:
        person = session.get_one(Person, g.actor.id)
        kept = {"email": person.email, "wants_mail": str(person.wants_mail).lower()}
        return render_template(
            "preferences.html", form=forms.get(preferences.FORM), values=kept if values is None else values,
            errors=errors or {}, feed=feeds.find(session, g.actor), address=address, can_mail=smtp.server() is not None,
        )  # fmt: skip
