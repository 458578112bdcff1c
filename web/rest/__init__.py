"""`/engine-rest`: resource names, JSON fields and errors of Camunda 7's REST API, so that its clients work here."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException

from engine.errors import EngineError
from web.rest import authentication, definitions, history, instances, tasks

PREFIX = "/engine-rest"

authenticate = authentication.authenticate


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Mount the resources. Credentials come with every request, so there is no session to forge."""
    for module in (authentication, definitions, history, instances, tasks):
        csrf.exempt(module.bp)
        app.register_blueprint(module.bp, url_prefix=PREFIX)
    app.register_error_handler(ValidationError, _refuse_input)


def is_rest(path: str) -> bool:
    return path == PREFIX or path.startswith(PREFIX + "/")


def refuse(error: EngineError, status: HTTPStatus) -> ResponseReturnValue:
    return jsonify(type=type(error).__name__, message=error.advice or str(error), code=error.code or None), status


def refuse_http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    answer = jsonify(type=type(error).__name__, message=error.description or HTTPStatus(status).phrase)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "WWW-Authenticate")}
    return answer, status, headers


def _refuse_input(error: ValidationError) -> ResponseReturnValue:
    told = "；".join(f"{name}：{'，'.join(map(str, reasons))}" for name, reasons in error.messages_dict.items())
    return jsonify(type="ValidationError", message=told, errors=error.messages_dict), HTTPStatus.BAD_REQUEST
