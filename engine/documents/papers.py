"""The papers themselves: issuing and voiding one, which there are, and who may see them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, String, and_, cast, or_, select, update
from sqlalchemy.orm import Session

from engine import clock, db, history, ids, instances, runtime
from engine.documents import wording
from engine.documents.kinds import KINDS, Kind, complete, printable
from engine.errors import InvalidInput, InvalidState, NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import Document, DocumentSeries, ProcessInstance, Unit, table
from engine.runtime import Instance

PAGE = 50
_BEGIN = db.insert_once(table(DocumentSeries), "series", "year")


def issue(
    session: Session, instance: Instance, kind: str, *, unit: Unit | None, title: str, told: Mapping[str, Any],
    actor: Actor | None, about: str | None = None,
) -> Document:  # fmt: skip
    """Write a paper of a kind from what it is told, and give it the next number of its series; it is part of the instance's step.

    Refuses who may not issue it, and what is told incompletely.
    """
    rule = KINDS[kind]
    if unit is None and "unit" in (rule.sender, rule.addressee):
        raise InvalidInput(f"{kind} of no unit", code="unit", advice=f"请写明{rule.name}的单位。")
    if actor is not None and not can_issue(actor, rule, unit):
        raise NotAllowed(
            f"{actor.login} may not issue {kind}", advice=f"您的岗位不能签发{rule.name}，请转给有权签发的人。"
        )
    if not (title := printable(title).replace("\n", "")):
        raise InvalidInput(f"{kind} without a title", code="title", advice=f"请写明{rule.name}的标题。")
    named, today = unit.name if unit else "", clock.today()
    kept = complete(rule.told, told, rule.name)
    document = Document(
        id=ids.new(), kind=kind, series=rule.series, year=today.year, title=title, unit=unit,
        sender=named if rule.sender == "unit" else rule.sender, instance_id=instance.id, about=about,
        addressee=named if rule.addressee == "unit" else rule.addressee, told=kept, body=wording.parts(rule, kept),
        issued_on=today, issued_at=clock.now(), issued_by_id=actor.id if actor else None,
    )  # fmt: skip
    document.serial = _next(session, rule.series, today.year)
    document.sha256 = fingerprint(document)
    session.add(document)
    session.flush()
    history.record(session, instance, [_entry("document.issued", document, actor, document.number)])
    return document


def can_issue(actor: Actor, rule: Kind, unit: Unit | None) -> bool:
    """By role; what a unit reports itself comes from its own people."""
    is_its_own = rule.sender != "unit" or (unit is not None and unit.key in actor.units)
    return is_its_own and bool(actor.groups & rule.issuers)


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


def void(session: Session, document_id: str, told: Mapping[str, Any], *, actor: Actor) -> None:
    """作废: it stays to be read, with the reason, and its number stays taken."""
    reason = told["reason"]
    instance = runtime.lock(session, get(session, document_id, actor=actor).instance_id)
    document = session.get_one(Document, document_id, populate_existing=True)
    require_can_void(actor, document)
    document.voided_at, document.voided_by_id, document.void_reason = clock.now(), actor.id, reason
    history.note(session, instance, _entry("document.voided", document, actor, f"{document.number}：{reason}"))


def get(session: Session, document_id: str, *, actor: Actor) -> Document:
    """The paper, if this person may know of it."""
    document = session.scalar(_seen(actor).where(Document.id == document_id))
    if document is None:
        raise NotFound(f"no document {document_id}", advice="没有这件文书，或您无权查看。")
    return document


def listed(session: Session, asked: Mapping[str, str], page: int = 1, *, actor: Actor) -> list[Document]:
    """Those a person may see by `kind`, `unit`, `year` and `q` (in number or title), latest first: a page, and one more if there is."""
    number = Document.series + "〔" + cast(Document.year, String) + "〕" + cast(Document.serial, String) + "号"
    text = asked.get("q", "")
    matching = {
        "kind": Document.kind == asked.get("kind"), "unit": Document.unit.has(Unit.key == asked.get("unit")),
        "year": cast(Document.year, String) == asked.get("year"),
        "q": or_(*(each.contains(text, autoescape=True) for each in (number, Document.title))),
    }  # fmt: skip
    wanted = _seen(actor).where(*(matching[name] for name, value in asked.items() if value))
    latest = wanted.order_by(Document.issued_at.desc(), Document.series, Document.serial.desc())
    return list(session.scalars(latest.offset((page - 1) * PAGE).limit(PAGE + 1)))


def units(session: Session, *, actor: Actor) -> list[Unit]:
    """The units of the papers a person may see."""
    theirs = _seen(actor).with_only_columns(Document.unit_id)
    return list(session.scalars(select(Unit).where(Unit.id.in_(theirs)).order_by(Unit.order)))


def of_instance(session: Session, instance_id: str, *, actor: Actor) -> list[Document]:
    """The papers of an instance, oldest first."""
    its = _seen(actor).where(Document.instance_id == instance_id)
    return list(session.scalars(its.order_by(Document.issued_at, Document.serial)))


def _seen(actor: Actor) -> Select[Document]:
    """Whoever may look at its process may read it, and the people of the unit it concerns unless the process is confidential."""
    open_to_all = Document.instance.has(ProcessInstance.definition_key.not_in(instances.confidential))
    own = and_(Document.unit.has(Unit.key.in_(actor.units)), open_to_all)
    return select(Document).where(or_(instances.in_sight(actor, Document.instance_id), own))


def _entry(kind: str, document: Document, actor: Actor | None, reason: str) -> Entry:
    told = {"reason": reason, "number": document.number, "sha256": document.sha256}
    return Entry(kind, actor.id if actor else None, detail=told)
