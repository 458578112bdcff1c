"""The kinds of file people may add, and how a form says which of them it takes."""

from __future__ import annotations

from forms.fields import FormInvalid

TYPES = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "application/pdf": (".pdf",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "text/plain": (".txt",),
}
"""Media type → the endings of such files."""
IMAGES = tuple(each for each in TYPES if each.startswith("image/"))
NAMES = {
    each: "照片" if each in IMAGES else "纯文本" if each == "text/plain" else ends[0][1:]
    for each, ends in TYPES.items()
}


def accepted(written: str) -> tuple[str, ...]:
    """The media types that an `accept` names; all where it names none. One we do not know would not be guarded."""
    wanted = {each.strip().lower() for each in written.split(",") if each.strip()}
    known = {kind: {kind, *ends, *(["image/*"] if kind in IMAGES else [])} for kind, ends in TYPES.items()}
    if not wanted <= set().union(*known.values()):
        raise FormInvalid(f"不支持的文件类型“{written}”")
    return tuple(kind for kind, names in known.items() if not wanted or names & wanted)


def in_words(kinds: tuple[str, ...]) -> str:
    """照片、pdf."""
    return "、".join(dict.fromkeys(NAMES[kind] for kind in kinds))
