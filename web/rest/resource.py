"""Groups of views. Each says where it is, what comes and what goes; it is given a session, and returns what its answer tells of.

A view that changes something has one transaction, and with an `Idempotency-Key` it happens once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from engine import answers, db
from engine.errors import InvalidInput
from engine.models import RememberedAnswer
from web.rest import wire
from web.rest.fields import Answer, Body
from web.rest.openapi import Content, Description
from web.rest.parameters import CAMUNDAS

HEADER = "Idempotency-Key"

Found = Callable[..., Any]


class Resource(Blueprint):
    def view(
        self,
        method: str,
        path: str,
        summary: str,
        *,
        answer: Content = None,
        or_nothing: bool = False,
        body: Body | None = None,
        form: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> Callable[[Found], Found]:
        """Serve what a function finds or does. GET looks; anything else acts, and its refusal rolls it back.

        The loaded `body` comes as `given`. What is found is shaped as the `answer`; None has no content, and a mapping is
        already as it should be.
        """
        description = Description(summary, answer, or_nothing, body, form, query or {})

        def decorate(find: Found) -> Found:
            @wraps(find)
            def view(**named: Any) -> ResponseReturnValue:
                _require_sound([*named.values(), *request.args.values()], description)
                if body is not None:
                    named["given"] = body.load(wire.body())

                def work(session: Session) -> ResponseReturnValue:
                    return _shaped(find(session=session, **named), answer)

                with db.reading() if method == "GET" else db.transaction() as session:
                    return work(session) if method == "GET" else _once(session, work)

            view.described = description  # type: ignore[attr-defined]
            self.add_url_rule(path, endpoint, view, methods=[method])
            return find

        return decorate


def _require_sound(texts: list[str], description: Description) -> None:
    """Refuse what no database takes, and a parameter of Camunda's that the view does not know.

    A filter that is silently ignored would answer more than was asked for.
    """
    if any("\0" in text for text in texts):
        raise InvalidInput("NUL in the address", advice="地址中含有不可用的控制字符。")
    unsupported = sorted((request.args.keys() & CAMUNDAS) - description.query.keys())
    if unsupported:
        names = "、".join(unsupported)
        raise InvalidInput(f"unsupported: {names}", code="parameter", advice=f"不支持查询参数 {names}。")


def _shaped(found: Any, answer: Content) -> ResponseReturnValue:
    if found is None:
        return "", 204
    if isinstance(found, Mapping):
        return jsonify(found)
    (shape,) = answer if isinstance(answer, list) else [answer]
    assert isinstance(shape, Answer)
    return jsonify(shape.dump(found, many=isinstance(answer, list)))


def _once(session: Session, work: Callable[[Session], ResponseReturnValue]) -> ResponseReturnValue:
    """The same key with the same request from the same person gets the remembered answer. Refusals are not remembered."""
    key = request.headers.get(HEADER)
    if key is None:
        return work(session)
    earlier = answers.reserve(session, key, _fingerprint(), actor=g.actor)
    if earlier:
        return _again(earlier)
    answer = make_response(work(session))
    answers.remember(session, key, answer.status_code, answer.get_data(as_text=True), actor=g.actor)
    return answer


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
