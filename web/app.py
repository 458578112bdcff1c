"""The Flask application: who is asking, what every answer carries, and how a refusal looks. Pages are in their own modules."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, abort, g, redirect, render_template, request, session, url_for
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from engine import administration, answers, clock, correlation, db, errors, identity, settings, spiff
from engine.accountability import cases
from engine.identity import Actor
from engine.recurrences import control
from engine.vetoes import register
from web import (
    accountability,
    asked,
    auth,
    burden,
    calendar,
    documents,
    draws,
    due_dates,
    files,
    findings,
    health,
    incidents,
    instances,
    lamps,
    launch,
    notifications,
    outbox,
    oversight,
    plan,
    preferences,
    publicity,
    reminders,
    rest,
    schedule,
    supervision,
    targets,
    time_limits,
    uploads,
    user_tasks,
    vendor,
    vetoes,
    visits,
    wording,
)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAX_BODY = 5_000_000
MAX_BODY_WITH_FILES = 60_000_000
"""Of a form sent by somebody who is logged in; files that are sent piece by piece need no such room."""
MAX_PARTS = 5_000
STATUS = {
    correlation.NobodyWaits: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.InvalidState: HTTPStatus.CONFLICT,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.DefinitionRefused: HTTPStatus.BAD_REQUEST,
    answers.KeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    spiff.StepFailed: HTTPStatus.BAD_REQUEST,
    db.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
IMPERSONAL = {"static", "vendor.bootstrap", "visits.worker", "health.healthz", "health.readyz"}
"""The same for everybody: nobody is looked up for these, so they work while the database does not."""
OPEN_TO_ALL = IMPERSONAL | {"auth.login", "auth.login_submit", "preferences.calendar"}

FIGURES: dict[str, Callable[[Session, Actor], object]] = {
    "waiting": user_tasks.waiting, "trouble": incidents.open_count, "unread": notifications.unread,
    "unsent": outbox.failed_count,
}  # fmt: skip
"""The numbers beside the entries of every page, of the person who looks."""

csrf = CSRFProtect()


class PageSessions(SecureCookieSessionInterface):
    """Cookies are for browsers: a client of the engine sends its credentials with every request."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if rest.is_rest(request.path) else super().open_session(app, request)


class Json(DefaultJSONProvider):
    """Refuses what is nested without end as it refuses what is no JSON."""

    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def create_app() -> Flask:
    """The application on the database that `engine.application` has opened."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=_secret_key(),
        MAX_CONTENT_LENGTH=MAX_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        MAX_FORM_PARTS=MAX_PARTS,
    )
    app.json = Json(app)
    app.url_map.merge_slashes = False  # an address is right or there is nothing; no way round by a redirect
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.session_interface = PageSessions()
    app.before_request(_refuse_nul)
    app.before_request(_make_room)  # before anybody reads the body
    csrf.init_app(app)
    for module in (accountability, asked, auth, burden, calendar, documents, draws, files, findings, health, incidents,
                   instances, lamps, launch, notifications, outbox, oversight, plan, preferences, publicity, reminders,
                   schedule, supervision, targets, time_limits, user_tasks, vendor, vetoes, visits):  # fmt: skip
        app.register_blueprint(module.bp)
    rest.register(app, csrf)
    wording.register(app)
    due_dates.register(app)
    uploads.register(app)
    app.before_request(_know_who_asks)
    app.after_request(_harden)
    app.context_processor(_shared_by_all_pages)
    app.register_error_handler(errors.EngineError, _refuse)
    app.register_error_handler(CSRFError, _refuse_forgery)
    app.register_error_handler(HTTPException, _refuse_http)
    app.add_url_rule("/", "home", _home)
    return app


def _home() -> ResponseReturnValue:
    """What waits; for an inspector the visits of today."""
    inspects = g.actor.has_role("inspector")
    return redirect(url_for("visits.index" if inspects else "user_tasks.index"))


def status_of(error: errors.EngineError) -> HTTPStatus:
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)


def _refuse_nul() -> None:
    """No database has text with a NUL in it, so there is nothing under such an address."""
    if "\0" in request.path or b"%00" in request.query_string:
        abort(HTTPStatus.NOT_FOUND)


def _make_room() -> None:
    if request.mimetype == "multipart/form-data" and not rest.is_rest(request.path) and session.get("token"):
        request.max_content_length = MAX_BODY_WITH_FILES


def _know_who_asks() -> ResponseReturnValue | None:
    """Find the person behind the browser session; pages are for people who logged in."""
    g.actor = None
    if rest.is_rest(request.path):
        return rest.authenticate()
    token = session.get("token", "")
    if request.endpoint not in IMPERSONAL:
        with db.reading() as opened:
            settings.apply_clock(opened)
            browser = identity.browser(opened, token) if token else None
            g.actor = browser.actor if browser else None
        if browser and browser.is_sign_of_life_due:
            with db.transaction() as opened:
                identity.note_seen(opened, token)
    if g.actor is None and request.endpoint not in OPEN_TO_ALL:
        if _speaks_json():
            return {"advice": "登录已过期，请重新登录；所填和没有传完的文件还在这台设备上。"}, HTTPStatus.UNAUTHORIZED
        return redirect(url_for("auth.login", next=request.full_path if request.method == "GET" else None))
    return None


def _harden(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    if request.blueprint == "files":
        response.headers["Cache-Control"] = "private, no-cache"  # the right to look is asked for each time
    elif request.endpoint not in ("static", "vendor.bootstrap"):
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie"
    return response


def _shared_by_all_pages() -> dict[str, object]:
    shared = {"actor": g.get("actor"), "now": clock.now(), "bootstrap": vendor.BOOTSTRAP}
    if g.get("without_database"):
        return {
            **shared,
            "demonstration": False,
            "sees_schedule": False,
            "sees_vetoes": False,
            "sees_cases": False,
            **dict.fromkeys(FIGURES),
        }
    with db.reading() as opened:
        figures = {name: count(opened, g.actor) if g.get("actor") else None for name, count in FIGURES.items()}
        sees = bool(g.get("actor")) and control.can_view(g.actor)
        bars = bool(g.get("actor")) and register.can_read(g.actor)
        known = {
            "demonstration": settings.is_demonstration(opened),
            "sees_schedule": sees,
            "sees_vetoes": bars,
            "sees_cases": bool(g.get("actor")) and cases.can_look(g.actor),
        }
        return {**shared, **known, **figures}


def _refuse(error: errors.EngineError) -> ResponseReturnValue:
    # The page that says the database is gone must not ask it for anything.
    g.without_database = isinstance(error, db.Unavailable)
    if isinstance(error, spiff.StateDamaged):
        administration.report(error)
    if rest.is_rest(request.path):
        return rest.refuse(error, status_of(error))
    return _page(status_of(error), error.advice or "无法完成，请返回上一页。")


def _refuse_forgery(error: CSRFError) -> ResponseReturnValue:
    return _page(HTTPStatus.BAD_REQUEST, "页面打开太久或不是从本系统打开的，没有提交。请返回上一页，刷新后再提交。")


def _refuse_http(error: HTTPException) -> ResponseReturnValue:
    if rest.is_rest(request.path):
        return rest.refuse_http(error)
    status = HTTPStatus(error.code or 500)
    advice = {
        HTTPStatus.NOT_FOUND: "没有这个页面，或您无权查看。",
        HTTPStatus.METHOD_NOT_ALLOWED: "这个地址不能这样打开，请从页面上的按钮进入。",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "提交的内容过大。",
    }.get(status, "这个请求无法处理，请返回上一页。")
    return _page(status, advice)


def _page(status: HTTPStatus, advice: str) -> ResponseReturnValue:
    return ({"advice": advice} if _speaks_json() else render_template("refusal.html", advice=advice)), status


def _speaks_json() -> bool:
    """A script of ours that asks, rather than a person who looks."""
    return request.accept_mimetypes.best == "application/json"


def _secret_key() -> str:
    """The key that signs cookies: kept beside the database, made at the first start, readable by its owner alone."""
    file = Path(db.var()) / "secret_key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), "utf-8")
    return file.read_text("utf-8")
