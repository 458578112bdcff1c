"""A paper as a docx. Its looks (GB/T 9704: red head, margins, fonts with their substitutes) are `letter.docx`, to be changed in a
word processor; what is filled in is plain text wherever it comes from."""

from __future__ import annotations

from importlib import resources
from io import BytesIO

from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

from engine import clock
from engine.documents import wording
from engine.models import Document


def docx(document: Document) -> bytes:
    template = resources.files(__package__).joinpath("letter.docx").read_bytes()
    letter, kept = DocxTemplate(BytesIO(template)), BytesIO()
    letter.render(filled_in(document), LETTERS)
    letter.save(kept)
    return kept.getvalue()


def filled_in(document: Document) -> dict[str, object]:
    """What stands in the letter's places, on paper as on the page."""
    day, voided = wording.day(document.issued_on), document.voided_at
    void = f"已作废（{wording.day(voided.astimezone(clock.LOCAL).date())}）：{document.void_reason}" if voided else ""
    same = {name: getattr(document, name) for name in ("number", "title", "sender", "addressee")}
    return {
        **same, "day": day, "parts": document.body, "voided": void,
        "imprint": f"{document.sender}　{day}印发", "fingerprint": f"指纹 {document.sha256[:16]}",
    }  # fmt: skip


def _as_text(value: object) -> Markup:
    """docxtpl turns its own words for braces (`{_{`) into braces afterwards, so an underscore goes in disguise."""
    return Markup(escape(value).replace("_", Markup("&#95;")))


LETTERS = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined, finalize=_as_text)
