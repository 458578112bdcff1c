"""Attachments (附件): kept once under the hash of their bytes, sent piece by piece, bound to an instance by what is submitted.

A file is first a part beside the others. When all of it is here it is looked at, renamed to its hash, and only then does
its row say that it is uploaded: a crash leaves at most bytes that no row knows, and the next `sweep` takes them away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256 as sha256_of
from pathlib import Path

from marshmallow import ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from engine import clock, file_types, instances
from engine.db import Unavailable, connection, insert_once, to_json, var
from engine.errors import Conflict, InvalidInput, NotFound
from engine.identity import Actor
from engine.models import Draft, StoredFile, table
from forms import Field, media
from forms.schema import FILE_ID

MOST_BYTES = 10_000_000
MOST_PIECE = 1_000_000
MOST_NAME = 400
MOST_UNBOUND, MOST_UNBOUND_BYTES = 500, 200_000_000
"""What one person may have uploaded and not submitted."""
KEPT_UNBOUND = timedelta(days=14)
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Examined:
    """What was found in a file that is all here."""

    media_type: str
    thumbnail: bytes | None = None
    taken_at: datetime | None = None


def begin(
    session: Session, file_id: str, name: str, size: int, sha256: str, *, actor: Actor, taken_at: datetime | None = None
) -> StoredFile:
    """Announce a file. Doing it again changes nothing, however far the first time has got."""
    if not (FILE_ID.fullmatch(file_id) and HASH.fullmatch(sha256)):
        raise InvalidInput("malformed id or digest", code="file", advice="文件没有传成，请重新添加。")
    _require_room(session, file_id, size, actor)
    row = {
        "id": file_id, "name": _name(name), "media_type": "", "size": size, "sha256": sha256, "taken_at": taken_at,
        "begun_at": clock.now(), "uploaded_by_id": actor.id,
    }  # fmt: skip
    session.execute(insert_once(table(StoredFile), "id")[connection(session).dialect.name], row)
    file = _own(session, file_id, actor)
    if (file.size, file.sha256) != (size, sha256):
        raise Conflict(f"file {file_id} is another one", code="file", advice="文件已经变了，请重新添加。")
    return file


def receive(session: Session, file_id: str, offset: int, piece: bytes, *, actor: Actor) -> tuple[StoredFile, int]:
    """Take a piece if it is the next one; how much is here by then. So a piece that comes twice, or at once, is harmless."""
    file = _own(session, file_id, actor)
    if file.uploaded_at:
        return file, file.size
    part = _part(file.id)
    here = part.stat().st_size if part.exists() else 0
    if offset != here or not piece:
        return file, here
    if here + len(piece) > file.size:
        raise InvalidInput(f"file {file_id} is longer than announced", code="size", advice="文件已经变了，请重新添加。")
    with _stored_or_unavailable():
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as written:
            written.write(piece)
    return file, here + len(piece)


def examine(file: StoredFile) -> Examined | None:
    """Look at a file that is all here, outside of any transaction: it takes a while. None if another request has finished it."""
    try:
        with _part(file.id).open("rb+") as written:
            content = written.read(MOST_BYTES + 1)
            os.fsync(written.fileno())
    except FileNotFoundError:
        return None
    if len(content) != file.size or sha256_of(content).hexdigest() != file.sha256:
        raise InvalidInput(f"file {file.id} is damaged", code="digest", advice=f"“{file.name}”在途中损坏，请重新添加。")
    try:
        kind = file_types.kind_of(content)
        return Examined(kind, *(file_types.picture(content) if kind in media.IMAGES else ()))
    except file_types.Unfit as unfit:
        raise InvalidInput(f"file {file.id} is unfit", code="content", advice=f"“{file.name}”：{unfit}。") from unfit


def finish(session: Session, file_id: str, examined: Examined | None, *, actor: Actor) -> StoredFile:
    """Put a file where its hash says and let its row say that it is uploaded."""
    file = _own(session, file_id, actor)
    if file.uploaded_at or examined is None:
        return file
    _lock_content(session, file.sha256)
    with _stored_or_unavailable():
        target = _content(file.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(_part(file.id), target)
        _sync(target.parent)
    file.media_type, file.thumbnail = examined.media_type, examined.thumbnail
    file.taken_at = file.taken_at or examined.taken_at
    file.uploaded_at = clock.now()
    session.flush()
    return file


def discard(session: Session, file_id: str, *, actor: Actor) -> None:
    """Do away with what was refused."""
    file = _own(session, file_id, actor)
    if file.uploaded_at is None:
        _part(file.id).unlink(missing_ok=True)
        session.delete(file)
        session.flush()


def get(session: Session, file_id: str, *, actor: Actor) -> StoredFile:
    """A file this person may see: their own until it is submitted, then whoever may look at the instance."""
    file = session.get(StoredFile, file_id)
    if file is None or file.uploaded_at is None or not _may_see(session, file, actor):
        raise _unknown(file_id)
    return file


def path(file: StoredFile) -> Path:
    return _content(file.sha256)


def known(session: Session, file_ids: Iterable[str], *, actor: Actor) -> list[StoredFile]:
    """Those of them that this person may see, in that order."""
    found = {file.id: file for file in session.scalars(select(StoredFile).where(StoredFile.id.in_(set(file_ids))))}
    return [
        file for each in file_ids if (file := found.get(each)) and file.uploaded_at and _may_see(session, file, actor)
    ]


def of_instance(session: Session, instance_id: str) -> dict[str, StoredFile]:
    """What was submitted in an instance, by id."""
    return {file.id: file for file in session.scalars(select(StoredFile).where(StoredFile.instance_id == instance_id))}


def bind(
    session: Session, added: Iterable[tuple[str, str, Field, list[str]]], instance_id: str, *, actor: Actor
) -> None:
    """Let files belong to the instance with which they are submitted. ValidationError names the fields at fault."""
    every, errors = list(added), dict[str, list[str]]()
    ids = sorted({each for _, _, _, chosen in every for each in chosen})
    locked = (
        select(StoredFile)
        .where(StoredFile.id.in_(ids))
        .order_by(StoredFile.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = {file.id: file for file in session.scalars(locked)}
    for key, where, field, chosen in every:
        wrong = [_fault(found.get(each), field, instance_id, actor) for each in chosen]
        if any(wrong):
            errors[key] = [f"{where}{words}" for words in dict.fromkeys(filter(None, wrong))]
    if errors:
        raise ValidationError(errors)
    for file in found.values():
        file.instance_id = instance_id
    session.flush()


def sweep(session: Session) -> None:
    """Do away with bytes that no row knows, and with files that nobody has submitted or still has in a draft."""
    for folder in _folder().glob("[0-9a-f][0-9a-f]"):
        held = {each.name: each for each in folder.iterdir()}
        for name in held.keys() - _digests(session, held):
            _lock_content(session, name)
            if not _digests(session, [name]):
                held[name].unlink(missing_ok=True)
    # Bytes go before rows: what this transaction forgets is still there if it fails.
    parts = {each.name: each for each in _folder("parts").glob("*")}
    running = set(session.scalars(select(StoredFile.id).where(StoredFile.uploaded_at.is_(None))))
    for name in parts.keys() - running:
        parts[name].unlink(missing_ok=True)
    stale = StoredFile.instance_id.is_(None), StoredFile.begun_at < clock.now() - KEPT_UNBOUND
    for file_id, who in session.execute(select(StoredFile.id, StoredFile.uploaded_by_id).where(*stale)).all():
        drafts = session.scalars(select(Draft.data).where(Draft.person_id == who))
        if not any(file_id in to_json(draft) for draft in drafts):
            session.execute(delete(StoredFile).where(StoredFile.id == file_id, *stale))


def _require_room(session: Session, file_id: str, size: int, actor: Actor) -> None:
    if not 0 < size <= MOST_BYTES:
        advice = (
            "文件是空的，请换一个。" if size <= 0 else f"文件超过{MOST_BYTES // 1_000_000} MB，请压缩或分开后再添加。"
        )
        raise InvalidInput(f"{size} bytes", code="size", advice=advice)
    mine = StoredFile.uploaded_by_id == actor.id, StoredFile.instance_id.is_(None), StoredFile.id != file_id
    count, held = session.execute(select(func.count(), func.sum(StoredFile.size)).where(*mine)).one()
    if count >= MOST_UNBOUND or (held or 0) + size > MOST_UNBOUND_BYTES:
        advice = f"您已上传而未提交的文件太多（合计不超过{MOST_UNBOUND_BYTES // 1_000_000} MB），请先提交一部分。"
        raise InvalidInput("quota", code="quota", advice=advice)


def _name(written: str) -> str:
    """What people read; signs that show nothing or turn the line round are made visible."""
    return "".join(sign if sign.isprintable() else "�" for sign in written)[-MOST_NAME:].strip() or "未命名"


def _own(session: Session, file_id: str, actor: Actor) -> StoredFile:
    """A person's own file, locked."""
    mine = select(StoredFile).where(StoredFile.id == file_id, StoredFile.uploaded_by_id == actor.id)
    file = session.scalar(mine.with_for_update())
    if file is None:
        raise _unknown(file_id)
    return file


def _unknown(file_id: str) -> NotFound:
    return NotFound(f"no file {file_id}", advice="没有这个文件，或您无权查看。")


def _may_see(session: Session, file: StoredFile, actor: Actor) -> bool:
    if file.instance_id is None:
        return file.uploaded_by_id == actor.id
    return instances.can_view(session, actor, file.instance_id)


def _fault(file: StoredFile | None, field: Field, instance_id: str, actor: Actor) -> str | None:
    """Why a file may not be submitted here; of somebody else's it is not even said that it is there."""
    if file is None or (file.uploaded_by_id != actor.id and file.instance_id != instance_id):
        return "有文件已不在，请重新添加"
    if file.uploaded_at is None:
        return f"“{file.name}”还没有传完，请传完再提交"
    if file.instance_id not in (None, instance_id):
        return f"“{file.name}”已用于另一件事项，请重新添加一份"
    if file.media_type not in field.accept:
        return f"“{file.name}”不能用在这里，只收{media.in_words(field.accept)}"
    return None


def _digests(session: Session, digests: Collection[str]) -> set[str]:
    """Those that an uploaded file has."""
    held = select(StoredFile.sha256).where(StoredFile.sha256.in_(digests), StoredFile.uploaded_at.is_not(None))
    return set(session.scalars(held))


def _lock_content(session: Session, digest: str) -> None:
    """Nobody takes bytes away while somebody else puts the same in place. (SQLite has one writer anyway.)"""
    if connection(session).dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(int(digest[:15], 16))))


def _folder(*names: str) -> Path:
    return var().joinpath("files", *names)


def _part(file_id: str) -> Path:
    return _folder("parts", file_id)


def _content(digest: str) -> Path:
    return _folder(digest[:2], digest)


@contextmanager
def _stored_or_unavailable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(str(error), advice="服务器暂时存不下文件，请稍后再试。") from error


def _sync(folder: Path) -> None:
    """A rename outlives a power cut only when its folder was written."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
