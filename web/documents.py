"""文书: the list of papers, one of them as it is printed or as a docx, and the page on which it is voided."""

from __future__ import annotations

from io import BytesIO

from flask import Blueprint, g, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from engine import db, instances
from engine.documents import letter, papers
from engine.documents.kinds import KINDS, printable
from web import entry, wording
from web.entry import Entry

bp = Blueprint("documents", __name__, url_prefix="/documents")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@bp.get("")
def index() -> ResponseReturnValue:
    asked = {name: printable(request.args.get(name, ""))[:100] for name in ("kind", "unit", "year", "q")}
    page = wording.page_number(request.args)
    with db.reading() as session:
        found = papers.listed(session, asked, page, actor=g.actor)
        return render_template(
            "documents.html", documents=found[: papers.PAGE], more=len(found) > papers.PAGE, page=page, asked=asked,
            kinds=KINDS, units=papers.units(session, actor=g.actor),
        )  # fmt: skip


@bp.get("/<document_id>")
def show(document_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        document = papers.get(session, document_id, actor=g.actor)
        return render_template(
            "document.html", document=document, kind=KINDS[document.kind], shown=letter.filled_in(document),
            intact=papers.fingerprint(document) == document.sha256, can_void=papers.can_void(g.actor, document),
            sees_case=instances.can_view(session, g.actor, document.instance_id),
        )  # fmt: skip


@bp.get("/<document_id>.docx")
def download(document_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        document = papers.get(session, document_id, actor=g.actor)
        name = f"{document.number}.docx"
        return send_file(BytesIO(letter.docx(document)), DOCX, as_attachment=True, download_name=name)


@bp.route("/<document_id>/void", methods=["GET", "POST"])
def void(document_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        document = papers.get(session, document_id, actor=g.actor)
        papers.require_can_void(g.actor, document)
        number, note = document.number, f"{document.title}。作废后仍可查阅，注明作废；文号不再使用，需要时重新发文"
    asked = Entry(
        "oversight.reason", f"作废 {number}", number, url_for(".show", document_id=document_id), f"已作废 {number}。", note
    )  # fmt: skip
    return entry.page(asked, {}, papers.void, document_id)
