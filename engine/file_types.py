"""What a file is, by its content: whatever its name says, and however hostile it is."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from threading import Lock

from PIL import Image, ImageOps

from forms.media import TYPES

MOST_PIXELS = 50_000_000
THUMBNAIL_SIDE, THUMBNAIL_BYTES = 192, 8_000
EXIF, TAKEN_AT, ZONE = 0x8769, 0x9003, 0x9011
PICTURES = ("JPEG", "PNG", "WEBP")
SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"%PDF-": "application/pdf"}
PARTS = {part: next(kind for kind in TYPES if name in kind) for part, name in (
    ("word/document.xml", "wordprocessing"), ("xl/workbook.xml", "spreadsheet"))}  # fmt: skip
"""What is in a package of each kind."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
MACROS = "vbaproject.bin"
ONE_AT_A_TIME = Lock()
"""A picture takes far more memory than its file."""


class Unfit(ValueError):
    """Not a file we take; the message says why."""


def kind_of(content: bytes) -> str:
    """Its media type."""
    for begins, kind in SIGNATURES.items():
        if content.startswith(begins):
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    found = _package(content) if content.startswith(b"PK\x03\x04") else "text/plain" if _is_text(content) else None
    if found is None:
        raise Unfit("只收照片（JPEG、PNG、WebP）、PDF、docx、xlsx和纯文本，请另存为其中一种再添加")
    return found


def picture(content: bytes) -> tuple[bytes, datetime | None]:
    """A small JPEG of a picture, upright, and when it was taken if it says so."""
    try:
        with ONE_AT_A_TIME, Image.open(io.BytesIO(content), formats=PICTURES) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Unfit("照片的像素太多，请缩小后再添加")
            taken_at = _taken_at(image)
            return _small(image), taken_at
    except Unfit:
        raise
    except Exception as error:  # a decoder fails in many ways on what was made to harm it
        raise Unfit("照片打不开，可能已损坏，请重新拍摄或导出") from error


def _small(image: Image.Image) -> bytes:
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    upright = ImageOps.exif_transpose(image).convert("RGBA")
    shown = Image.new("RGB", upright.size, "white")
    shown.paste(upright, mask=upright.getchannel("A"))
    for quality in (75, 55, 35, 20, 5):
        written = io.BytesIO()
        shown.save(written, "JPEG", quality=quality, optimize=True)
        if written.tell() <= THUMBNAIL_BYTES:
            break
    return written.getvalue()


def _taken_at(image: Image.Image) -> datetime | None:
    told = image.getexif().get_ifd(EXIF)
    try:
        taken_at = datetime.strptime(f"{told[TAKEN_AT]}{told.get(ZONE) or '+08:00'}", "%Y:%m:%d %H:%M:%S%z")
        return taken_at.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _package(content: bytes) -> str | None:
    """What kind of office document a zip is; its members are not unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            names = set(package.namelist())
    except Exception:  # as above
        return None
    if any(name.lower().endswith(MACROS) for name in names):
        raise Unfit("含有宏，请另存为不含宏的docx或xlsx再添加")
    return next((kind for part, kind in PARTS.items() if {part, "[Content_Types].xml"} <= names), None)


def _is_text(content: bytes) -> bool:
    """UTF-8 or the encoding of older Chinese software, without control characters."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return not CONTROL.search(text)
    return False
