"""A visit to a school (进校督导): what it asks, what of a draft is submitted, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload

import forms
from engine import clock, correlation, deadlines, drafts, files, identity, instances, options, runtime, user_tasks
from engine.errors import InvalidInput, InvalidState, NotFound
from engine.identity import Actor
from engine.models import (
    Candidate,
    Draft,
    Finding,
    Person,
    ProcessInstance,
    Submission,
    SupervisionRound,
    TaskStatus,
    UserTask,
    Visit,
)
from engine.options import Choices
from engine.runtime import Instance, ServiceTask
from engine.supervision import findings, matters, overview, service_tasks
from engine.supervision.matters import Group, Question
from engine.user_tasks import Check
from forms.fields import ITEM
from forms.schema import UNWRITABLE, is_blank

STEP, FORM, INTERRUPTED = "visit_school", "visit.checklist", "visit.interrupted"
DANGER_FOUND = "danger_found"
"""The message that ends the normal course of a visit."""
PROBLEM = "problem"
ON_ARRIVAL = ("visited_on", "arrived_at", "accompanied_by")
KEPT_ALWAYS = (ITEM, "result", "note", "photos")
TIME = re.compile(r"([01]?[0-9]|2[0-3])[:：][0-5][0-9]")
MOST_DANGER = 1000

OVER = "这次督导已经提交或已经上报险情，不能再改。有新的险情请立即电话报告安全稳定处和督导室。"

Told = dict[str, Any]
"""What was filled in so far, in the shape of the form."""


def to_make(session: Session, actor: Actor) -> list[Visit]:
    """The visits that wait for a person, due first."""
    offered = select(UserTask.instance_id).outerjoin(Candidate, Candidate.user_task_id == UserTask.id).where(
        UserTask.activity_id == STEP, UserTask.status == TaskStatus.OPEN,
        or_(UserTask.assignee_id == actor.id, Candidate.group_key.in_(actor.groups)),
    )  # fmt: skip
    wanted = _whole().join(Visit.round).where(Visit.instance_id.in_(offered))
    return list(session.scalars(wanted.order_by(func.coalesce(Visit.due_on, SupervisionRound.visit_by), Visit.number)))


def made(session: Session, actor: Actor) -> list[Visit]:
    """The five visits a person made last."""
    mine = _whole().where(Visit.inspector_id == actor.id, Visit.visited_on.is_not(None))
    return list(session.scalars(mine.order_by(Visit.visited_on.desc(), Visit.id).limit(5)))


def get(session: Session, visit_id: str, *, actor: Actor) -> Visit:
    return _seen(session, Visit.id == visit_id, actor)


def of_instance(session: Session, instance_id: str, *, actor: Actor) -> Visit:
    return _seen(session, Visit.instance_id == instance_id, actor)


def _whole() -> Any:
    return select(Visit).options(joinedload(Visit.school), joinedload(Visit.round), joinedload(Visit.inspector))


def _seen(session: Session, which: ColumnElement[bool], actor: Actor) -> Visit:
    visit: Visit | None = session.scalar(_whole().where(which))
    if visit is None or not (visit.instance_id and instances.can_view(session, actor, visit.instance_id)):
        raise NotFound("no such visit", advice="没有这次督导，或您无权查看。")
    return visit


def task_of(session: Session, visit: Visit) -> UserTask | None:
    """The step at which the visit is made, while it waits; None afterwards, and for one of an earlier version."""
    mine = UserTask.instance_id == visit.instance_id, UserTask.form_key == FORM, UserTask.status == TaskStatus.OPEN
    return session.scalar(select(UserTask).where(*mine))


def groups(visit: Visit) -> list[Group]:
    return matters.groups(visit.school.stage, visit.round.theme)


def questions(visit: Visit) -> list[Question]:
    return [question for group in groups(visit) for question in group.questions]


def _questions_of(session: Session, instance_id: str | None) -> Choices:
    visit = session.scalar(_whole().where(Visit.instance_id == instance_id))
    return [(question.key, question.text) for question in questions(visit)] if visit else []


def left_open(session: Session, visit: Visit) -> list[Finding]:
    """What is still to be closed at the school (上次遗留)."""
    mine = select(Finding).where(Finding.unit_id == visit.school_id, overview.OPEN)
    return list(session.scalars(mine.order_by(Finding.rectify_by, Finding.number)))


def found_by(session: Session, actor: Actor) -> list[Finding]:
    """What a person found and is not closed yet, due first."""
    mine = select(Finding).options(joinedload(Finding.unit)).where(Finding.found_by_id == actor.id, overview.OPEN)
    return list(session.scalars(mine.order_by(Finding.rectify_by, Finding.number)))


def issued(session: Session, visit: Visit) -> list[Finding]:
    return list(session.scalars(select(Finding).where(Finding.visit_id == visit.id).order_by(Finding.number)))


def listed(value: Any) -> list[str]:
    """One that came alone, as HTML sends it, or several."""
    return [value] if isinstance(value, str) and value else list(value or [])


def draft_of(session: Session, visit: Visit, *, actor: Actor) -> Draft:
    """What a person has filled in so far; an empty one at first."""
    task = task_of(session, visit)
    kept = drafts.find(session, task.id, actor=actor) if task else None
    return kept or Draft(data={}, revision=0)


def keep(session: Session, visit: Visit, given: Mapping[str, Any], *, actor: Actor) -> int:
    """Take what was filled in into the draft: a row takes the place of the one about the same question, the others stay."""
    task = drafts.lock(session, _task_for(session, visit, actor).id, actor=actor)
    draft = draft_of(session, visit, actor=actor).data
    rows = {
        row[ITEM]: row for told in (draft, given) for row in told.get("answers", []) if isinstance(row.get(ITEM), str)
    }
    return drafts.save(session, task.id, {**draft, **given, "answers": list(rows.values())}, actor=actor)


def submit(session: Session, visit: Visit, *, actor: Actor) -> None:
    """Complete the step with what is in the draft."""
    task = _held(session, visit, actor)
    user_tasks.complete(session, task.id, submission(draft_of(session, visit, actor=actor).data), actor=actor)


def _task_for(session: Session, visit: Visit, actor: Actor) -> UserTask:
    task = task_of(session, visit)
    if task is None:
        raise InvalidState(f"visit {visit.id} is over", advice=OVER)
    user_tasks.require(session, actor, task)
    return task


def _held(session: Session, visit: Visit, actor: Actor) -> UserTask:
    """The step with its draft, which nobody moves on or adds to meanwhile."""
    task = _task_for(session, visit, actor)
    runtime.lock_with_task(session, task.id)
    return drafts.lock(session, task.id, actor=actor)


def submission(draft: Mapping[str, Any]) -> Told:
    """What of a draft is submitted: what was proposed for problems goes along only where there is one."""
    rows = [
        {key: value for key, value in row.items() if row.get("result") == PROBLEM or key in KEPT_ALWAYS}
        for row in draft.get("answers", [])
    ]
    return {**draft, "answers": rows}


def faults(session: Session, visit: Visit, draft: Mapping[str, Any], *, actor: Actor) -> dict[str, list[str]]:
    """What a draft lacks before it can be submitted, by field."""
    instance = session.get_one(ProcessInstance, visit.instance_id)
    form = forms.get(FORM)
    try:
        data = form.load(submission(draft), options.of_form(session, form, instance.id))
        _check(session, instance, data, actor=actor)
    except ValidationError as error:
        return error.messages_dict
    return {}


def _check(session: Session, instance: Instance | ProcessInstance, data: Mapping[str, Any], *, actor: Actor) -> None:
    wrong: dict[str, list[str]] = {}
    if date.fromisoformat(data["visited_on"]) > clock.today():
        wrong["visited_on"] = ["进校日期不能晚于今天"]
    if not TIME.fullmatch(data["arrived_at"]):
        wrong["arrived_at"] = ["到校时间应写作9:10"]
    for index, row in enumerate(data["answers"]):
        for column, fault in _faults_of_problem(row) if row["result"] == PROBLEM else ():
            wrong[f"answers.{index}.{column}"] = [f"{matters.QUESTIONS[row[ITEM]].text} {fault}"]
    if wrong:
        raise ValidationError(wrong)


def _faults_of_problem(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if date.fromisoformat(row["rectify_by"]) < clock.today():
        yield "rectify_by", "整改期限：不能早于今天"
    unknown = set(_kinds(row["evidence_kinds"])) - set(matters.EVIDENCE)
    if unknown:
        yield "evidence_kinds", f"佐证种类：没有“{'、'.join(sorted(unknown))}”，可选{'、'.join(matters.EVIDENCE)}"


def _kinds(written: str) -> list[str]:
    return [kind.strip() for kind in written.split("、") if kind.strip()]


def report_danger(session: Session, visit_id: str, danger: str, *, actor: Actor) -> None:
    """Danger to life (危及师生生命安全): it ends the normal course at once, and what was filled in so far becomes the record."""
    visit = get(session, visit_id, actor=actor)
    task = _held(session, visit, actor)
    danger = UNWRITABLE.sub("", danger).strip()
    if is_blank(danger) or len(danger) > MOST_DANGER:
        raise InvalidInput(
            "no danger told", advice=f"请写明时间、地点、危险是什么、已经怎样避险（{MOST_DANGER}字以内），再上报。"
        )
    told = _as_far_as_it_goes(session, visit, draft_of(session, visit, actor=actor).data, actor) | {"danger": danger}
    files.bind(session, forms.get(INTERRUPTED).files_in(told), task.instance_id, actor=actor)
    session.add(Submission(
        user_task_id=task.id, instance_id=task.instance_id, activity_id=task.activity_id, form_key=INTERRUPTED, data=told,
        submitted_by_id=actor.id, submitted_at=clock.now(),
    ))  # fmt: skip
    session.flush()
    drafts.forget(session, task.id, actor=actor)
    correlation.correlate(session, DANGER_FOUND, instance_id=task.instance_id, actor=actor)


def _as_far_as_it_goes(session: Session, visit: Visit, draft: Mapping[str, Any], actor: Actor) -> Told:
    """A draft as a record, without the values that make no sense and the pictures that have not arrived."""
    form, kept = forms.get(INTERRUPTED), submission(draft)
    sent = [photo for row in kept["answers"] for photo in listed(row.get("photos"))]
    arrived = {each.id for each in files.known(session, sent, actor=actor)}
    asked = options.of_form(session, form, visit.instance_id)
    order = [key for key, _ in asked["visit_questions"]]
    kept["answers"] = [
        row | {"photos": [each for each in listed(row.get("photos")) if each in arrived]}
        for row in kept["answers"] if row.get(ITEM) in order
    ]  # fmt: skip
    kept |= {"visited_on": kept.get("visited_on") or clock.today().isoformat(), "danger": "-"}
    while True:
        try:
            return form.load(kept, asked)
        except ValidationError as error:
            for name in error.messages_dict:
                field, _, cell = name.partition(".")
                index, _, column = cell.partition(".")
                if cell:
                    next(row for row in kept["answers"] if row[ITEM] == order[int(index)]).pop(column, None)
                else:
                    kept[field] = None


def record(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """The visit was made; from now on the school may confirm what was recorded."""
    service_tasks.record_visit(session, instance, variables=variables, actor=actor)
    until = deadlines.due(session, "rule:visit_confirmation", variables, opened_at=instance.started_at).at
    return {"confirmation_until": (until or clock.now()).isoformat()}


def issue_findings(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """One finding for each problem, in the name of the inspector who recorded it, whoever confirmed or handled it since."""
    visit = session.get_one(Visit, variables["visit"])
    last = user_tasks.last(session, instance.id, STEP)
    inspector = identity.actor(session.get_one(Person, last.submitted_by_id))
    for question, row in _problems(last.data):
        mode, day = row.get("mode") or question.mode, row.get("rectify_by")
        findings.issue(
            session, source="visit", unit=visit.school, title=question.title, description=row["seen"],
            clause=question.clause, severity=row.get("severity") or question.severity,
            mode=mode, rectify_by=max(date.fromisoformat(day), clock.today()) if day else matters.proposed_day(mode),
            criteria=(row.get("criteria") or "").splitlines() or question.criteria,
            evidence_kinds=_kinds(row.get("evidence_kinds") or "") or question.evidence,
            parent_id=instance.parent_id, actor=inspector, visit=visit, photos=row.get("photos") or (),
        )  # fmt: skip


def _problems(told: Mapping[str, Any]) -> Iterator[tuple[Question, Mapping[str, Any]]]:
    """What was found. Where danger has cut the visit short, that comes first, and a problem counts as far as it was written down."""
    if told.get("danger"):
        yield matters.DANGER, {"seen": told["danger"]}
    for row in told["answers"]:
        if row["result"] == PROBLEM and row.get("seen"):
            yield matters.QUESTIONS[row[ITEM]], row


TABLE: dict[str, ServiceTask] = {"visit.record": record, "visit.issue_findings": issue_findings}
CHECKS: dict[str, Check] = {FORM: _check}
SOURCES = {"visit_questions": _questions_of}
