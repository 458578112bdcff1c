"""The door of every view that changes something: one transaction, and with an `Idempotency-Key` it happens once."""

from __future__ import annotations

from functools import wraps
from hashlib import sha256
from typing import Any

from flask import Response, g, make_response, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from engine import answers, db
from engine.models import RememberedAnswer
from web.rest.openapi import View

HEADER = "Idempotency-Key"


def acting(view: View) -> View:
    """Give the view the `session` of a transaction that is committed with its answer; a refusal rolls it back.

    The same key with the same request from the same person gets the remembered answer. Refusals are not remembered.
    """

    @wraps(view)
    def door(**named: Any) -> ResponseReturnValue:
        key = request.headers.get(HEADER)
        with db.transaction() as session:
            if key is None:
                return view(session=session, **named)
            earlier = answers.reserve(session, key, _fingerprint(), actor=g.actor)
            if earlier:
                return _again(earlier)
            answer = make_response(view(session=session, **named))
            answers.remember(session, key, answer.status_code, answer.get_data(as_text=True), actor=g.actor)
            return answer

    door.acts = True  # type: ignore[attr-defined]
    return door


def _again(earlier: RememberedAnswer) -> Response:
    answer = Response(earlier.body, earlier.status, mimetype="application/json" if earlier.body else None)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _fingerprint() -> str:
    """What is asked. Of a form its parts are taken, because clients draw a new boundary for every attempt."""
    told = sha256(f"{request.method} {request.full_path}\n".encode())
    if request.mimetype == "multipart/form-data":
        parts = [(name, value, "") for name, value in request.form.items(multi=True)]
        parts += [(name, part.filename or "", _digest(part)) for name, part in request.files.items(multi=True)]
        told.update(repr(sorted(parts)).encode())
    else:
        told.update(request.get_data())
    return told.hexdigest()


def _digest(part: FileStorage) -> str:
    digest = sha256(part.read()).hexdigest()
    part.seek(0)
    return digest
