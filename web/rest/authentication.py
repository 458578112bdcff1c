"""HTTP Basic. A verified credential is remembered briefly, so that the slow password hash is not computed per call."""

from __future__ import annotations

import hmac
import secrets
import time
from hashlib import sha256
from threading import Lock

from flask import Response, g, jsonify, request
from sqlalchemy.orm import Session

from engine import db, identity, settings
from engine.errors import NotAllowed
from engine.identity import Account
from web.rest.fields import Answer, Text
from web.rest.resource import Resource

bp = Resource("rest", __name__)

REMEMBERED_SECONDS = 60
MOST_REMEMBERED = 10_000

_key = secrets.token_bytes(32)
_remembered: dict[str, float] = {}
_guard = Lock()


class VersionDto(Answer):
    version = Text()


@bp.view("GET", "/version", "所沿用的 Camunda 版本", answer=VersionDto())
def version(session: Session) -> dict[str, str]:
    return {"version": "7.22.0"}


def authenticate() -> Response | None:
    """Know who asks, or say that credentials are needed.

    A browser sends the credentials it knows with whatever a page of another site makes it send; that page asks here.
    """
    if request.method not in ("GET", "HEAD") and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise NotAllowed("a page of another site", advice="不接受其他网站的页面发来的操作。")
    given = request.authorization
    with db.reading() as session:
        settings.apply_clock(session)
        known = _account(session, given.username, given.password) if given and given.type == "basic" else None
        g.actor = known.actor if known else None
    if g.actor is None:
        answer = jsonify(type="AuthenticationException", message="需要登录名和密码（HTTP Basic）。")
        answer.status_code = 401
        answer.headers["WWW-Authenticate"] = 'Basic realm="bihuan", charset="UTF-8"'
        return answer
    return None


def _account(session: Session, login: str | None, password: str | None) -> Account | None:
    if not login or not password:
        return None
    known = identity.account(session, login)
    if known and known.active and _is_remembered(known, password):
        return known
    verified = identity.authenticate(session, login, password)
    if verified:
        _remember(verified, password)
    return verified


def _digest(known: Account, password: str) -> str:
    """Bound to the credential's version: a changed password or a disabled account is forgotten at once."""
    told = f"{known.actor.id}\0{known.credential_version}\0{known.password_hash}\0{password}"
    return hmac.new(_key, told.encode(), sha256).hexdigest()


def _is_remembered(known: Account, password: str) -> bool:
    with _guard:
        return _remembered.get(_digest(known, password), 0) > time.monotonic()


def _remember(known: Account, password: str) -> None:
    with _guard:
        now = time.monotonic()
        if len(_remembered) >= MOST_REMEMBERED:
            for digest in [digest for digest, until in _remembered.items() if until <= now]:
                del _remembered[digest]
        _remembered[_digest(known, password)] = now + REMEMBERED_SECONDS
