"""Logging in and out."""

from __future__ import annotations

import re

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from engine import db, identity

bp = Blueprint("auth", __name__)

OURS = re.compile(r"/(?![/\\])[!-~]*")
"""A path of this site, without what a browser would read as another host."""


@bp.get("/login")
def login() -> ResponseReturnValue:
    return render_template("login.html", target=_target())


@bp.post("/login", endpoint="login_submit")
def login_submit() -> ResponseReturnValue:
    """Open a new browser session; whatever this browser was before is gone."""
    with db.transaction() as opened:
        account = identity.authenticate(opened, request.form.get("login", ""), request.form.get("password", ""))
        if account is None:
            message = "登录名或密码不对，请核对后再试。"
            return render_template(
                "login.html", target=_target(), refused=message, login=request.form.get("login")
            ), 401
        token = identity.open_session(opened, account)
    session.clear()
    session["token"] = token
    return redirect(_target() or url_for("home"))


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    token = session.pop("token", None)
    session.clear()
    if token:
        with db.transaction() as opened:
            identity.close_session(opened, token)
    answer = redirect(url_for("auth.login"))
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'  # what a visit had kept on the phone
    return answer


def _target() -> str:
    """Where to go on to: a page of ours, never another site."""
    target = request.values.get("next", "")
    return target if OURS.fullmatch(target) else ""
