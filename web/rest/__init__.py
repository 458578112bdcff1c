"""`/engine-rest`: resource names, JSON fields and errors of Camunda 7's REST API, so that its clients work here."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from engine.errors import DefinitionRefused, EngineError
from web.rest import authentication, definitions, events, history, instances, jobs, openapi, tasks
from web.rest.resource import Resource

PREFIX = "/engine-rest"

authenticate = authentication.authenticate

MODULES = (authentication, definitions, events, history, instances, jobs, tasks)

bp = Resource("rest_openapi", __name__)


@bp.view("GET", "/openapi.json", "本说明", answer={"type": "object"})
def document(session: Session) -> dict[str, Any]:
    return openapi.document(current_app, PREFIX)


def register(app: Flask, csrf: CSRFProtect) -> None:
    """Mount the resources. Credentials come with every request, so there is no session to forge."""
    for each in (bp, *(module.bp for module in MODULES)):
        csrf.exempt(each)
        app.register_blueprint(each, url_prefix=PREFIX)
    app.register_error_handler(ValidationError, _refuse_input)


def is_rest(path: str) -> bool:
    return path == PREFIX or path.startswith(PREFIX + "/")


def refuse(error: EngineError, status: HTTPStatus) -> ResponseReturnValue:
    if isinstance(error, DefinitionRefused):
        return _refuse_definition(error), status
    return jsonify(type=type(error).__name__, message=error.advice or str(error), code=error.code or None), status


def refuse_http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    answer = jsonify(type=type(error).__name__, message=error.description or HTTPStatus(status).phrase)
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "WWW-Authenticate")}
    return answer, status, headers


def _refuse_definition(refusal: DefinitionRefused) -> Response:
    """As Camunda's modeler expects it, to show each problem at its element."""
    told = [
        {"mainElementId": each.element_id, "elementName": each.element_name, "message": each.reason}
        for each in refusal.problems
    ]
    message = "；".join(map(str, refusal.problems))
    return jsonify(type="ParseException", message=message, details={"deployment": {"errors": told}})


def _refuse_input(error: ValidationError) -> ResponseReturnValue:
    errors: dict[str, list[str]] = error.normalized_messages()  # type: ignore[no-untyped-call]
    told = "；".join(f"{name}：{'，'.join(map(str, reasons))}" for name, reasons in errors.items())
    return jsonify(type="ValidationError", message=told, errors=errors), HTTPStatus.BAD_REQUEST
