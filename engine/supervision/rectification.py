"""Rectification (整改): what its diagrams call and its forms refuse, whatever the finding comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import assignment, clock, deadlines, documents, identity, notifications, reminders, user_tasks
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import Commitment, Document, Finding, Person, Submission, UserTask, WorkItem
from engine.options import Choices
from engine.runtime import Instance, ServiceTask, Told
from engine.supervision import findings, rules

RETURNS = 3
"""After so many the office hears of it: what is not put right may be a matter of accountability (教育督导条例 art. 25)."""


def notify(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    findings.notify_in_writing(session, instance, _finding(session, variables), actor=actor)


def set_term(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Until when, an approved extension counted in. From the day after, every week is urged."""
    finding = _finding(session, variables)
    given = granted(session, instance.id)
    if given and given[-1].user_task_id == user_tasks.last(session, instance.id, "approve_extension").user_task_id:
        finding.due_on = date.fromisoformat(user_tasks.told(session, instance.id, "rectify")["extend_to"])
        due_at = clock.end_of(finding.due_on)
        facts.record(session, finding, lamp.DUE_SET, actor=actor, due=due_at.isoformat(), extension=len(given))
        reminders.plan(session, "finding", finding.id, due_at, instance_id=instance.id)
    begins = clock.start_of(finding.due_on + timedelta(days=1), hour=8)
    return {"rectify_due_at": finding.due_on.isoformat(), "overdue_cycle": f"R/{begins.isoformat()}/P7D"}


def note_rectification(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """What is shown is on record, and reported in writing; the clock stands on the day it was finished, while it is verified."""
    reported = user_tasks.last(session, instance.id, "rectify")
    if reported.data.get("result") == "extension":  # of a diagram that asked for more time after it
        return
    finding, told = _finding(session, variables), reported.data
    rows = _provide(session, finding, reported)
    finished_on = date.fromisoformat(told["finished_on"])
    facts.record(session, finding, lamp.DONE, actor=actor, happened_at=facts.end_of(finished_on))
    demanded = session.scalar(select(Document).where(Document.about == findings.paper_key(finding)).limit(1))
    results = [
        {"title": finding.criteria[int(row["item"])], "result": row["told"], "evidence": [row["kind"]]} for row in rows
    ]
    documents.issue(
        session, instance, "rectification_report", unit=finding.unit, title=f"关于“{finding.title}”的整改报告", actor=actor,
        told={"notice": demanded.number if demanded else finding.number, "measures": told.get("situation") or told["report"],
              "results": results, "finished_on": finished_on},
        about=f"report:{finding.id}:{finding.round}",
    )  # fmt: skip


def send_back(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    finding = _judged(session, instance, variables, actor)
    assert actor is not None
    findings.send_back(session, finding, actor=actor)
    if finding.round > RETURNS:
        notifications.notify(
            session, identity.members(session, ["inspectorate_office"]), "returned", f"已退回{RETURNS}次：{instance.title}",
            "整改一再不到位的，可在问题的销号单上提出问责线索。", about=("instance", instance.id),
            dedupe_key=f"returned:{finding.id}",
        )  # fmt: skip


def close(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    finding = _judged(session, instance, variables, actor)
    assert actor is not None
    findings.close(session, instance, finding, actor=actor)


def relapse(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    assert actor is not None, "a re-look is made by a person"
    told = user_tasks.told(session, instance.id, "look_again")
    findings.relapse(session, _finding(session, variables), told, actor=actor)


def open_finding(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """A problem of a ledger (SH11) becomes a finding, by the criteria that were written down when it was registered."""
    item = session.get_one(WorkItem, variables["item"])
    commitment = session.get_one(Commitment, item.commitment_id)
    told, unit = item.detail, item.unit or commitment.lead
    assert item.registered_by_id is not None, "a problem is registered by a person"
    finder = identity.actor(session.get_one(Person, item.registered_by_id))
    finding = findings.open_here(
        session, instance, unit, actor=finder, source=told.get("source", "ledger"), title=item.name,
        description=told.get("note") or item.name,
        clause=told.get("clause") or commitment.title, severity=told.get("severity") or "一般",
        mode=told.get("mode") or "分阶段", rectify_by=date.fromisoformat(variables["item_due_at"]),
        criteria=_lines(told.get("criteria")) or [f"“{item.name}”整改到位"],
        evidence_kinds=[kind for kind in (told.get("evidence_kinds") or "文件").split("、") if kind],
        verified_by=told.get("verified_by", "verifiers_above"),
    )  # fmt: skip
    return findings.variables_of(finding)


# ---- 逾期督促


def measure_delay(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """`item_due_at` and the step `review` are those of ledgers begun before they shared the loop of findings."""
    due = date.fromisoformat(variables.get("rectify_due_at") or variables["item_due_at"])
    judged = user_tasks.submissions(session, instance.id, "verify") + user_tasks.submissions(
        session, instance.id, "review"
    )
    asked = set(session.scalars(select(UserTask.activity_id).where(UserTask.instance_id == instance.id)))
    return {
        "days_overdue": (clock.today() - due).days,
        "returns": sum(each.data["decision"] == "return" for each in judged),
        "talked": "hold_talk" in asked,
        "circulated": "circulate" in asked,
    }


def remind(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    groups = [
        group for rule in ("officers_of_item", "chief_of_item") for group in assignment.RULES[rule](session, instance)
    ]
    notifications.notify(
        session, identity.members(session, groups), "overdue", f"整改已逾期{variables['days_overdue']}日：{instance.title}",
        "请尽快整改并举证；逾期较久或多次退回的，将约谈、通报。", about=("instance", instance.id),
        dedupe_key=f"overdue:{instance.id}:{clock.today()}",
    )  # fmt: skip


# ---- what the forms refuse


def _check_evidence(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if data["result"] == "extension":
        check_extension(session, instance, data)
    elif date.fromisoformat(data["finished_on"]) > clock.today():
        raise ValidationError({"finished_on": ["不能晚于今天：整改完成以后再提交"]})


def check_extension(session: Session, instance: Instance, data: Mapping[str, Any]) -> None:
    """So often and no more, and before the date has passed."""
    limit = deadlines.current(session).find("rectification_extension", instance.started_at)
    if limit and limit.amount is not None and len(granted(session, instance.id)) >= limit.amount:
        told = f"已经延期过，一条问题{limit.quantity}（{limit.article}{'，待核对' if limit.is_to_confirm else ''}）：请完成整改后举证"
        raise ValidationError({"result": [told]})
    if date.fromisoformat(data["extend_to"]) <= clock.today():
        raise ValidationError({"extend_to": ["须是今天以后的日期"]})


def _check_verdicts(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    passed = all(row["verdict"] == rules.ACCEPTED for row in data["verdicts"])
    if passed != (data["decision"] == "approve"):
        raise ValidationError({"decision": ["与逐条核查不一致：各条都通过的选“销号”，有一条不通过的选“退回整改”"]})


def _check_re_look(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if data["rectify_by"] and date.fromisoformat(data["rectify_by"]) <= clock.today():
        raise ValidationError({"rectify_by": ["须是今天以后的日期"]})


def _unmet(session: Session, instance_id: str | None) -> Choices:
    finding = _of_instance(session, instance_id)
    return [(str(number), finding.criteria[number]) for number in rules.unmet(finding)] if finding else []


def _to_judge(session: Session, instance_id: str | None) -> Choices:
    finding = _of_instance(session, instance_id)
    shown = rules.to_judge(finding) if finding else []
    return [
        (str(each.criterion), f"{each.finding.criteria[each.criterion]}——{each.told}（{each.kind}）") for each in shown
    ]


def _evidence_kinds(session: Session, instance_id: str | None) -> Choices:
    finding = _of_instance(session, instance_id)
    return [(kind, kind) for kind in finding.evidence_kinds] if finding else []


def granted(session: Session, instance_id: str) -> list[Submission]:
    decided = user_tasks.submissions(session, instance_id, "approve_extension")
    return [each for each in decided if each.data["decision"] == "approve"]


def _finding(session: Session, variables: Mapping[str, Any]) -> Finding:
    return session.get_one(Finding, variables["finding"])


def _of_instance(session: Session, instance_id: str | None) -> Finding | None:
    return session.scalar(select(Finding).where(Finding.instance_id == instance_id))


def _judged(session: Session, instance: Instance, variables: Mapping[str, Any], actor: Actor | None) -> Finding:
    assert actor is not None, "evidence is judged by a person"
    finding, told = _finding(session, variables), user_tasks.told(session, instance.id, "verify")
    if "verdicts" not in told and not rules.to_judge(finding):
        # Reported to a diagram of before, which kept no evidence.
        _provide(session, finding, user_tasks.last(session, instance.id, "rectify"))
    findings.judge(session, finding, _verdicts(finding, told), actor=actor)
    return finding


def _provide(session: Session, finding: Finding, reported: Submission) -> list[Mapping[str, Any]]:
    """In the name of whoever filled it in: row by row, or by the form of before one report for every criterion."""
    told = reported.data
    rows = told["evidence"] if "report" not in told else [
        {"item": str(number), "told": told["report"], "kind": "文件", "dated": told["finished_on"]}
        for number in rules.unmet(finding)
    ]  # fmt: skip
    whoever = identity.actor(session.get_one(Person, reported.submitted_by_id))
    findings.provide(session, finding, rows, actor=whoever)
    return list(rows)


def _verdicts(finding: Finding, told: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Row by row; by the form of before, one verdict for all that was shown."""
    if "verdicts" in told:
        return list(told["verdicts"])
    verdict = rules.ACCEPTED if told["decision"] == "approve" else rules.REJECTED
    shown = rules.to_judge(finding)
    return [{"item": str(each.criterion), "verdict": verdict, "reason": told["opinion"]} for each in shown]


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


TABLE: dict[str, ServiceTask] = {
    "finding.notify": notify,
    "finding.set_term": set_term,
    "finding.note_rectification": note_rectification,
    "finding.reopen": send_back,
    "finding.close": close,
    "finding.relapse": relapse,
    "ledger.open_finding": open_finding,
    "ledger.measure_delay": measure_delay,
    "ledger.remind": remind,
}
CHECKS = {
    "finding.evidence": _check_evidence,
    "finding.verification": _check_verdicts,
    "finding.re_look": _check_re_look,
}
SOURCES = {
    "finding_unmet": _unmet,
    "finding_to_judge": _to_judge,
    "finding_evidence_kinds": _evidence_kinds,
}
