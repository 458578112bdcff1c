"""The papers themselves: issuing and voiding one, which there are, and who may see them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, String, and_, cast, or_, select, update
from sqlalchemy.orm import Session, joinedload

from engine import clock, db, history, ids, instances, runtime
from engine.documents import wording
from engine.documents.kinds import KINDS, complete, printable
from engine.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import Document, DocumentSeries, ProcessInstance, Unit, table
from engine.runtime import Instance

PAGE = 50
_BEGIN = db.insert_once(table(DocumentSeries), "series", "year")


def issue(
    session: Session,
    kind: str,
    *,
    unit: Unit | None,
    title: str,
    told: Mapping[str, Any],
    instance_id: str,
    actor: Actor | None,
    about: str | None = None,
    step: Instance | None = None,
) -> Document:
    """Write a paper of a kind from what it is told, and give it the next number of its series.

    Refuses who may not issue it, and what is told incompletely. `step` is the instance whose step this is: its history then
    keeps the number with the fingerprint.
    """
    rule = KINDS[kind]
    if actor is not None and not actor.groups & rule.issuers:
        raise NotAllowed(
            f"{actor.login} may not issue {kind}", advice=f"您的岗位不能签发{rule.name}，请转给有权签发的人。"
        )
    if unit is None and "unit" in (rule.sender, rule.addressee):
        raise InvalidInput(f"{kind} to nobody", code="unit", advice=f"请写明{rule.name}的单位。")
    named, today = unit.name if unit else "", clock.today()
    kept = complete(rule.told, told, rule.name)
    document = Document(
        id=ids.new(), kind=kind, series=rule.series, year=today.year, title=printable(title).replace("\n", ""), unit=unit,
        sender=named if rule.sender == "unit" else rule.sender, instance_id=instance_id, about=about,
        addressee=named if rule.addressee == "unit" else rule.addressee, told=kept, body=wording.parts(rule, kept),
        issued_on=today, issued_at=clock.now(), issued_by_id=actor.id if actor else None,
    )  # fmt: skip
    document.serial = _next(session, rule.series, today.year)
    document.sha256 = fingerprint(document)
    session.add(document)
    session.flush()
    if step is not None:
        history.record(session, step, [_entry("document.issued", document, actor)])
    return document


def _next(session: Session, series: str, year: int) -> int:
    """The next number. The row is held until the transaction ends: whoever comes meanwhile waits, and gets another one."""
    used, its = db.connection(session), {"series": series, "year": year}
    used.execute(_BEGIN[used.dialect.name], {**its, "last": 0})
    raised = update(DocumentSeries).filter_by(**its).values(last=DocumentSeries.last + 1)
    return session.execute(raised.returning(DocumentSeries.last)).scalar_one()


def fingerprint(document: Document) -> str:
    return sha256(db.to_json(document.content).encode()).hexdigest()


def can_void(actor: Actor, document: Document) -> bool:
    return document.voided_at is None and bool(actor.groups & KINDS[document.kind].voiders)


def require_can_void(actor: Actor, document: Document) -> None:
    if document.voided_at is not None:
        raise InvalidState(f"{document.number} is void", code="void", advice=f"{document.number}已经作废。")
    if not can_void(actor, document):
        raise NotAllowed(f"{actor.login} may not void {document.number}", advice="您的岗位不能作废这件文书。")


def void(session: Session, document_id: str, reason: str, *, actor: Actor) -> None:
    """作废: it stays to be read, with the reason, and its number stays taken."""
    instance = runtime.lock(session, get(session, document_id, actor=actor).instance_id)
    document = session.get_one(Document, document_id, populate_existing=True)
    require_can_void(actor, document)
    document.voided_at, document.voided_by_id, document.void_reason = clock.now(), actor.id, reason
    history.note(session, instance, _entry("document.voided", document, actor, reason=reason))


def get(session: Session, document_id: str, *, actor: Actor) -> Document:
    """The paper, if this person may know of it."""
    document = session.scalar(_seen(actor).where(Document.id == document_id))
    if document is None:
        raise NotFound(f"no document {document_id}", advice="没有这件文书，或您无权查看。")
    return document


def listed(
    session: Session,
    *,
    kind: str = "",
    unit: str = "",
    year: int | None = None,
    search: str = "",
    page: int = 1,
    actor: Actor,
) -> list[Document]:
    """Those a person may see, latest first: a page, and one more if there are more."""
    number = Document.series + "〔" + cast(Document.year, String) + "〕" + cast(Document.serial, String) + "号"
    asked = [
        Document.kind == kind if kind else None, Document.unit.has(Unit.key == unit) if unit else None,
        Document.year == year if year else None,
        or_(*(each.contains(search, autoescape=True) for each in (number, Document.title))) if search else None,
    ]  # fmt: skip
    wanted = _seen(actor).where(*(each for each in asked if each is not None))
    latest = wanted.order_by(Document.issued_at.desc(), Document.series, Document.serial.desc())
    return list(session.scalars(latest.offset((page - 1) * PAGE).limit(PAGE + 1)))


def of_instance(session: Session, instance_id: str, *, actor: Actor) -> list[Document]:
    """The papers of an instance, oldest first."""
    its = _seen(actor).where(Document.instance_id == instance_id)
    return list(session.scalars(its.order_by(Document.issued_at, Document.serial)))


def _seen(actor: Actor) -> Select[Document]:
    """Whoever may look at its process may read it, and the people of the unit it concerns unless the process is confidential."""
    open_to_all = Document.instance.has(ProcessInstance.definition_key.not_in(instances.confidential))
    theirs = and_(Document.unit.has(Unit.key.in_(actor.units)), open_to_all)
    return select(Document).where(or_(instances.in_sight(actor, Document.instance_id), theirs)).options(
        joinedload(Document.unit), joinedload(Document.instance), joinedload(Document.voided_by)
    )  # fmt: skip


def _entry(kind: str, document: Document, actor: Actor | None, **more: str) -> Entry:
    told = {"number": document.number, "sha256": document.sha256, **more}
    return Entry(kind, actor.id if actor else None, detail=told)
