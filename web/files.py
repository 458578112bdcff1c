"""Files: begun, sent piece by piece by the script of a form, and looked at by whoever may."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, request, send_file
from flask.typing import ResponseReturnValue
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from engine import db, files
from engine.errors import InvalidInput, NotFound
from engine.models import StoredFile
from web import uploads

bp = Blueprint("files", __name__, url_prefix="/files")

SHOWN = {"application/pdf"}
"""What a browser shows by itself and without harm, besides pictures."""
CREDIBLE = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
POLICY = "default-src 'none'; object-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class _Announced(Schema):
    class Meta:
        unknown = EXCLUDE

    file_id = fields.UUID(data_key="id", required=True)
    name = fields.String(required=True)
    size = fields.Integer(required=True, strict=True)
    digest = fields.String(data_key="sha256", required=True)
    taken_at = fields.AwareDateTime(load_default=None, allow_none=True, validate=validate.Range(*CREDIBLE))


@bp.post("")
def begin() -> ResponseReturnValue:
    try:
        told = _Announced().load(request.get_json(silent=True) or {})
    except ValidationError as error:
        raise InvalidInput(f"{error}", advice="文件没有传成，请重新添加。") from error
    return _standing(*uploads.begin(str(told.pop("file_id")), **told, actor=g.actor))


@bp.put("/<file_id>")
def receive(file_id: str) -> ResponseReturnValue:
    request.max_content_length = files.MOST_PIECE
    offset = request.args.get("offset", type=int)
    if offset is None:
        raise InvalidInput("no offset", advice="文件没有传成，请重新添加。")
    return _standing(*uploads.receive(file_id, offset, request.get_data(), actor=g.actor))


@bp.get("/<file_id>")
def show(file_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        file = files.get(session, file_id, actor=g.actor)
    inline = file.is_picture or file.media_type in SHOWN
    # A name is what people read; a slash in it would make some browsers think of folders.
    called = file.name.replace("/", "_").replace("\\", "_")
    answer = send_file(
        files.path(file.sha256), file.media_type, as_attachment=not inline, download_name=called, etag=file.sha256
    )  # fmt: skip
    return _guarded(answer)


@bp.get("/<file_id>/thumbnail")
def thumbnail(file_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        picture = files.get(session, file_id, actor=g.actor).thumbnail
    if picture is None:
        raise NotFound(f"no thumbnail of {file_id}", advice="没有这个文件，或您无权查看。")
    return _guarded(Response(picture, mimetype="image/jpeg"))


def _guarded(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _standing(file: StoredFile, here: int) -> dict[str, Any]:
    return {"id": file.id, "received": here, "size": file.size, "complete": file.uploaded_at is not None}
