"""Files in a form that is sent as a whole: each is kept before the rest is looked at, so that a refusal loses none."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Any

from flask import Flask, g, request
from werkzeug.datastructures import FileStorage, MultiDict

from engine import db, files, ids
from engine.errors import EngineError
from engine.identity import Actor
from engine.models import StoredFile
from forms import media
from web import wording

Errors = dict[str, Any]


def register(app: Flask) -> None:
    app.add_template_filter(attached)
    app.add_template_filter(amount)
    app.add_template_filter(media.in_words, "files_in_words")


def submitted() -> tuple[dict[str, Any], Errors]:
    """What a person filled in, with the ids of the files that came along, and what was wrong with others."""
    typed, errors = MultiDict(request.form), Errors()
    for key, sent in request.files.lists():
        for each in filter(None, sent):  # a field left empty comes as a file without a name
            try:
                typed.setlistdefault(key).append(_kept(each).id)
            except EngineError as error:
                errors.setdefault(key, []).append(error.advice)
    return wording.submitted(typed), errors


def receive(file_id: str, offset: int, piece: bytes, *, actor: Actor) -> tuple[StoredFile, int]:
    """Take a piece, and after the last one look at the whole; the file, and how much of it is here."""
    with db.transaction() as session:
        file, here = files.receive(session, file_id, offset, piece, actor=actor)
    if here < file.size or file.uploaded_at:
        return file, here
    try:
        examined = files.examine(file)
    except EngineError:
        with db.transaction() as session:
            files.discard(session, file_id, actor=actor)
        raise
    with db.transaction() as session:
        file = files.finish(session, file_id, examined, actor=actor)
    return file, file.size if file.uploaded_at else 0


def begin(
    file_id: str, name: str, size: int, digest: str, *, actor: Actor, taken_at: datetime | None = None
) -> tuple[StoredFile, int]:
    """Announce a file; how much of it is here already."""
    with db.transaction() as session:
        files.begin(session, file_id, name, size, digest, actor=actor, taken_at=taken_at)
    return receive(file_id, 0, b"", actor=actor)


def attached(value: object) -> list[StoredFile]:
    """What a field holds, as far as the person who looks may see it."""
    chosen = [each for each in value if isinstance(each, str)] if isinstance(value, list) else [value]
    wanted = [each for each in chosen if isinstance(each, str) and each]
    if not wanted:
        return []
    with db.reading() as session:
        return files.known(session, wanted, actor=g.actor)


def amount(size: int) -> str:
    """1.2 MB."""
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, size // 1_000)} KB"


def _kept(sent: FileStorage) -> StoredFile:
    content, file_id = sent.stream.read(files.MOST_BYTES + 1), ids.new()
    begin(file_id, sent.filename or "", len(content), sha256(content).hexdigest(), actor=g.actor)
    return receive(file_id, 0, content, actor=g.actor)[0]
