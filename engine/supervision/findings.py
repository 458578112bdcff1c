"""Findings (问题): issued with their criteria, shown to be put right, judged criterion by criterion, closed, and looked at again.

Each of these may be called by a diagram or by anybody else, at any time: what is allowed is in `rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import clock, documents, history, ids, instances, messages, reminders
from engine.decisions import shipped
from engine.errors import InvalidInput, InvalidState
from engine.history import Entry
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import Finding, FindingEvidence, Unit, Visit
from engine.runtime import Instance
from engine.supervision import rules

WITHDRAWN = "finding_withdrawn"
RE_LOOK = "re_look"
AT_ONCE = "立行立改"
"""What is put right at once needs no plan."""
EXTENDED_BY = {"ledger": "leader_over"}
"""By source: who decides on more time; elsewhere those who verify."""
SIGNED = {"ledger", "random", "supervision"}
"""Sources of which the unit's head signs what is reported."""
FOUND_IN = {"visit": "进校督导", "random": "双随机抽查", "ledger": "问题清单"}
"""What a notice calls the source where it is no visit."""


def issue(
    session: Session, *, source: str, unit: Unit, title: str, description: str, clause: str, severity: str, mode: str,
    rectify_by: date, criteria: Sequence[str], evidence_kinds: Sequence[str], parent_id: str | None, actor: Actor,
    visit: Visit | None = None, photos: Sequence[str] = (), verified_by: str = "visit_inspector",
    relapse_of: Finding | None = None,
) -> Finding:  # fmt: skip
    """A finding with its own process, child of what it was found in; `finding_finished` tells that when it is over.

    The same clause again at the same unit is a repeat, and one degree more severe. Refused without criteria: what nobody
    wrote down nobody could close it by.
    """
    finding = _written(
        session, source=source, unit=unit, title=title, description=description, clause=clause, severity=severity,
        mode=mode, rectify_by=rectify_by, criteria=criteria, evidence_kinds=evidence_kinds, actor=actor, visit=visit,
        photos=photos, verified_by=verified_by, relapse_of=relapse_of,
    )  # fmt: skip
    finding.instance = instances.start(
        session, "finding", variables_of(finding) | {"planned": mode != AT_ONCE}, actor=actor,
        title=f"问题 {finding.number} {finding.title}", business_key=f"finding:{finding.number}", unit_id=unit.id,
        parent_id=parent_id,
    )  # fmt: skip
    session.flush()
    _opened(session, finding, actor)
    return finding


def open_here(session: Session, instance: Instance, unit: Unit, *, actor: Actor, **told: Any) -> Finding:
    """A finding that an instance already under way is about: it is closed there."""
    finding = _written(session, unit=unit, actor=actor, visit=None, photos=(), relapse_of=None, **told)
    finding.instance_id = instance.id
    session.flush()
    _opened(session, finding, actor)
    notify_in_writing(session, instance, finding, actor=actor)
    return finding


def variables_of(finding: Finding) -> dict[str, Any]:
    """What the diagrams of a rectification go by."""
    return {
        "finding": finding.id, "rectify_due_at": finding.due_on.isoformat(), "verified_by": finding.verified_by,
        "extended_by": EXTENDED_BY.get(finding.source, finding.verified_by), "signed": finding.source in SIGNED,
    }  # fmt: skip


def provide(session: Session, finding: Finding, rows: Iterable[Mapping[str, Any]], *, actor: Actor) -> None:
    """Show what has been done (举证): one row each for criteria that are not met, `item` being the criterion's place."""
    rules.require(session, finding, rules.PROVIDING, actor=actor)
    shown = list(rows)
    wanted = set(rules.unmet(finding)) - {each.criterion for each in finding.evidence if each.round == finding.round}
    if {int(row["item"]) for row in shown} - wanted:
        advice = "请只对还没有通过核查的标准举证；不通过的，等核查人退回后再重新举证。"
        raise InvalidState(f"finding {finding.number} wants other evidence", advice=advice)
    for row in shown:
        finding.evidence.append(
            FindingEvidence(
                id=ids.new(),
                round=finding.round,
                criterion=int(row["item"]),
                told=row["told"],
                kind=row["kind"],
                dated=date.fromisoformat(row["dated"]),
                files=row.get("files") or [],
                provided_by_id=actor.id,
                provided_at=clock.now(),
            )
        )
    session.flush()


def judge(session: Session, finding: Finding, rows: Iterable[Mapping[str, Any]], *, actor: Actor) -> None:
    """Accept or reject what was shown, each once and for good; a rejection says why."""
    rules.require(session, finding, rules.JUDGING, actor=actor)
    verdicts = {int(row["item"]): row for row in rows}
    for evidence in rules.to_judge(finding):
        row = verdicts.get(evidence.criterion)
        if row is None:
            continue
        if row["verdict"] == rules.REJECTED and not row.get("reason"):
            raise InvalidInput(f"finding {finding.number}", advice="不通过的请写明理由和还要做什么。")
        evidence.verdict, evidence.reason = row["verdict"], row.get("reason")
        evidence.judged_by_id, evidence.judged_at = actor.id, clock.now()
    session.flush()


def send_back(session: Session, finding: Finding, *, actor: Actor) -> None:
    """Another round of the same finding; what was shown and said before stays, and the clock has not stood still meanwhile."""
    rules.require(session, finding, rules.JUDGING, actor=actor)
    finding.round += 1
    facts.record(session, finding, lamp.REOPENED, actor=actor)


def close(session: Session, instance: Instance, finding: Finding, *, actor: Actor) -> None:
    """销号; and the day of the re-look (回头看) is set."""
    rules.require(session, finding, rules.CLOSING, actor=actor)
    finding.closed_at, finding.closed_by_id = clock.now(), actor.id
    reminders.forget(session, finding.id)
    history.record(session, instance, [Entry("finding.closed", actor.id, detail={"number": finding.number})])
    facts.record(session, finding, lamp.CLOSED, actor=actor)
    days = int(_terms(finding.severity)["re_look_days"])
    look_at = clock.start_of(clock.today() + timedelta(days=days), hour=8)
    instances.start(
        session, RE_LOOK, variables_of(finding) | {"look_again_at": look_at.isoformat()}, actor=actor,
        title=f"回头看 {finding.number} {finding.title}", business_key=f"re_look:{finding.number}",
        unit_id=finding.unit_id, parent_id=instance.parent_id,
    )  # fmt: skip


def relapse(session: Session, finding: Finding, told: Mapping[str, Any], *, actor: Actor) -> Finding:
    """What was closed has not lasted (反弹): a finding again, linked to the old one and so to whoever closed that."""
    if finding.closed_at is None:
        raise InvalidState(f"finding {finding.number} is open", advice="这条问题还没有销号，不能记为反弹。")
    return issue(
        session, source=finding.source, unit=finding.unit, title=finding.title, description=told["seen"],
        clause=finding.clause, severity=finding.severity, mode=finding.mode,
        rectify_by=date.fromisoformat(told["rectify_by"]), criteria=finding.criteria, visit=finding.visit,
        evidence_kinds=finding.evidence_kinds, parent_id=finding.instance.parent_id if finding.instance else None,
        actor=actor, photos=told.get("photos") or [], verified_by=finding.verified_by, relapse_of=finding,
    )  # fmt: skip


def withdraw(session: Session, finding: Finding, reason: str, *, actor: Actor) -> None:
    """A re-examination (复核) found that it should not have been issued: its process ends without 销号."""
    rules.require(session, finding, rules.WITHDRAWING, actor=actor)
    finding.withdrawn_at = clock.now()
    reminders.forget(session, finding.id)
    facts.record(session, finding, lamp.CLOSED, actor=actor, reason=reason)
    assert finding.instance_id is not None
    messages.send(session, WITHDRAWN, instance_id=finding.instance_id, dedupe_key=f"{WITHDRAWN}:{finding.id}")


def next_number(session: Session, at: datetime) -> str:
    """The number of the next finding of a year; the unique column settles a race, so none is given twice."""
    year = at.astimezone(clock.LOCAL).year
    longest_first = func.length(Finding.number).desc(), Finding.number.desc()  # 9999 comes before 10000
    highest = session.scalar(select(Finding.number).where(Finding.number.like(f"{year}-%")).order_by(*longest_first))
    return f"{year}-{int(highest.split('-')[1]) + 1 if highest else 1:04}"


def _written(
    session: Session, *, unit: Unit, clause: str, severity: str, rectify_by: date, criteria: Sequence[str], actor: Actor,
    relapse_of: Finding | None, **told: Any,
) -> Finding:  # fmt: skip
    if not criteria:
        raise InvalidInput(f"no criteria for {told['title']}", advice="请写明销号标准：做到什么才算整改到位。")
    repeat = relapse_of or next(_recent(session, unit.id, clause), None)
    finding = Finding(
        id=ids.new(), number=next_number(session, clock.now()), unit_id=unit.id, unit=unit, clause=clause.strip(),
        severity=_terms(severity)["raised"] if repeat else severity, found_by_id=actor.id, issued_at=clock.now(),
        rectify_by=rectify_by, due_on=rectify_by, criteria=list(criteria), repeat_of=repeat, relapse_of=relapse_of,
        **{name: list(value) if name in ("evidence_kinds", "photos") else value for name, value in told.items()},
    )  # fmt: skip
    session.add(finding)
    session.flush()
    return finding


def _opened(session: Session, finding: Finding, actor: Actor) -> None:
    due_at = clock.end_of(finding.due_on)
    reminders.plan(session, "finding", finding.id, due_at, instance_id=finding.instance_id)
    facts.record_opened(session, finding, finding.due_on, actor=actor)


def notify_in_writing(session: Session, instance: Instance, finding: Finding, *, actor: Actor | None) -> None:
    """整改通知书; what a formal supervision demands stands in its letter of opinion."""
    if finding.source == "supervision":
        return
    matter = finding.visit.round.title if finding.visit else FOUND_IN[finding.source]
    demand = {
        "title": finding.title,
        "clause": finding.clause,
        "criteria": finding.criteria,
        "rectify_by": finding.rectify_by,
    }
    documents.issue(
        session, instance, "rectification_notice", unit=finding.unit, title=f"关于“{finding.title}”的整改通知书",
        told={"matter": matter, "found_on": clock.today(), "findings": [demand], "report_by": finding.rectify_by},
        actor=actor, about=paper_key(finding),
    )  # fmt: skip


def paper_key(finding: Finding) -> str:
    """By which its papers are found."""
    return f"finding:{finding.id}"


def _recent(session: Session, unit_id: str, clause: str) -> Iterator[Finding]:
    """Of a unit and clause those of which another one is a repeat, the latest first."""
    today = clock.today()
    same = Finding.unit_id == unit_id, Finding.clause == clause.strip(), Finding.withdrawn_at.is_(None)
    for each in session.scalars(select(Finding).where(*same).order_by(Finding.number.desc())).all():
        days = int(_terms(each.severity)["repeat_days"])
        if each.is_open or each.issued_at.astimezone(clock.LOCAL).date() + timedelta(days=days) >= today:
            yield each


def _terms(severity: str) -> Mapping[str, Any]:
    return shipped.decide("finding_severity", {"severity": severity})
