"""进校督导: an inspector's visits, and the pages on which one is made, on a phone and with a weak network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from flask import Blueprint, Response, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from engine import clock, db, user_tasks
from engine.errors import Conflict, InvalidInput, InvalidState, NotAllowed
from engine.lamps import picture
from engine.models import Finding, Visit
from engine.supervision import findings, matters, visits
from engine.supervision.matters import Question
from engine.supervision.visits import Told
from web import uploads

bp = Blueprint("visits", __name__)

SEND = "send"
ARRIVE, FEEDBACK, SUBMIT = ("arrive", "到校"), ("feedback", "反馈"), ("submit", "提交")


class Asked(NamedTuple):
    """One question on the page."""

    number: int
    question: Question
    row: Mapping[str, Any]
    day: str
    kinds: list[str]
    earlier: list[Finding]
    faults: list[str]


class Section(NamedTuple):
    """A group of questions, and how many are answered."""

    key: str
    name: str
    asked: list[Asked]

    @property
    def done(self) -> int:
        return sum(1 for each in self.asked if each.row.get("result"))


class Place(NamedTuple):
    """Where a person stands in the visit, and where the button below leads, if it goes on."""

    key: str
    next: str = ""
    word: str = ""


class Missing(NamedTuple):
    """What is still to be filled in, and where."""

    at: str
    anchor: str
    words: str


@bp.get("/visits")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        waiting, made = visits.to_make(session, g.actor), visits.made(session, g.actor)
        begun = [visit for visit in waiting if visits.is_begun(session, visit, actor=g.actor)]
        coming = [visit for visit in waiting if visit not in begun]
        open_findings = visits.found_by(session, g.actor)
        ours = [visit.instance_id for visit in (*waiting, *made)] + [each.instance_id for each in open_findings]
        return render_template(
            "visits.html", begun=begun, coming=coming, made=made, findings=open_findings,
            lamps=picture.of_instances(session, filter(None, ours)),
        )  # fmt: skip


@bp.get("/visits/of/<instance_id>")
def of_instance(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        return redirect(url_for(".show", visit_id=visits.of_instance(session, instance_id, actor=g.actor).id))


@bp.get("/visits/<visit_id>")
def show(visit_id: str) -> ResponseReturnValue:
    return _show(visit_id, request.args.get("at", ""))


@bp.post("/visits/<visit_id>")
def save(visit_id: str) -> ResponseReturnValue:
    """Keep what was filled in; then go on to where the button leads. The same content twice is kept once."""
    go = request.form.get("go", "")
    given = _given()
    with db.transaction() as session:
        visit = visits.get(session, visit_id, actor=g.actor)
        revision = visits.keep(session, visit, given, actor=g.actor)
    if request.accept_mimetypes.best == "application/json":
        return {"revision": revision, "at": f"{clock.now().astimezone(clock.LOCAL):%H:%M}"}
    if go == SEND:
        return _submit(visit_id)
    return redirect(url_for(".show", visit_id=visit_id, at=go))


@bp.post("/visits/<visit_id>/danger")
def danger(visit_id: str) -> ResponseReturnValue:
    told = request.form.get("danger", "")
    try:
        with db.transaction() as session:
            visits.report_danger(session, visit_id, told, actor=g.actor)
    except InvalidInput as error:
        return _show(visit_id, "danger", danger=told, refused=error.advice), 400
    flash("已立即上报：安全稳定处、督导室和校长都已收到通知。本次检查中断，已填的内容留作记录。")
    return redirect(url_for(".show", visit_id=visit_id))


@bp.get("/visits-worker.js")
def worker() -> Response:
    """The script that serves the pages of a visit while there is no network; from the root, since its scope is `/visits`."""
    return current_app.send_static_file("visits-worker.js")


def _submit(visit_id: str) -> ResponseReturnValue:
    try:
        with db.transaction() as session:
            visit = visits.get(session, visit_id, actor=g.actor)
            visits.submit(session, visit, actor=g.actor)
    except ValidationError:
        return _show(visit_id, SUBMIT[0]), 422
    except (InvalidState, Conflict, InvalidInput) as error:
        return _show(visit_id, SUBMIT[0], refused=error.advice), 409
    except NotAllowed as error:
        return _show(visit_id, SUBMIT[0], refused=error.advice), 403
    flash("已提交督导记录。")
    return redirect(url_for(".show", visit_id=visit_id))


def _show(visit_id: str, at: str, *, refused: str = "", danger: str = "") -> str:
    with db.reading() as session:
        visit = visits.get(session, visit_id, actor=g.actor)
        task = visits.task_of(session, visit)
        if task is None or user_tasks.refusal(g.actor, task):
            return _over(session, visit)
        draft = visits.draft_of(session, visit, actor=g.actor)
        faults = visits.faults(session, visit, draft.data, actor=g.actor)
        sections = _sections(session, visit, draft.data, faults if at == SUBMIT[0] else {})
        places = _places(sections)
        left = visits.left_open(session, visit)
        return render_template(
            "visit.html", visit=visit, draft=draft.data, revision=draft.revision, sections=sections, places=places,
            steps=_steps(sections), at=at if at in places or at == "danger" else ARRIVE[0], errors={}, refused=refused,
            missing=_missing(sections, faults), done=sum(each.done for each in sections), left=left, danger=danger,
            lamps=picture.of_instances(session, [each.instance_id for each in left if each.instance_id]),
            problems=sum(each.row.get("result") == visits.PROBLEM for section in sections for each in section.asked),
            saved_at=f"{draft.saved_at.astimezone(clock.LOCAL):%H:%M}" if draft.saved_at else "",
            severities=visits.SEVERITIES, modes=list(matters.MODES), evidence=matters.EVIDENCE,
        )  # fmt: skip


def _over(session: Session, visit: Visit) -> str:
    """What became of it; a phone forgets what it had kept."""
    return render_template("visit_over.html", visit=visit, findings=visits.issued(session, visit))


def _given() -> dict[str, Any]:
    """What was sent, in the shape of the form: several ticks are one text, photos are files that are stored first."""
    given, errors = uploads.submitted()
    given.pop("go", None)
    rows = given.pop("answers", [])
    given["answers"] = [row for row in rows if isinstance(row, dict)]
    for row in given["answers"]:
        row["evidence_kinds"] = "、".join(visits.listed(row.get("evidence_kinds")))
    for advice in dict.fromkeys(words for told in errors.values() for words in told):
        flash(advice)
    return given


def _sections(session: Session, visit: Visit, draft: Told, faults: Mapping[str, list[str]]) -> list[Section]:
    rows = {row["item"]: row for row in draft.get("answers", [])}
    numbers = count()
    return [
        Section(group.key, group.name, [
            _asked(session, visit, next(numbers), question, rows.get(question.key, {}), faults)
            for question in group.questions
        ])
        for group in visits.groups(visit)
    ]  # fmt: skip


def _steps(sections: list[Section]) -> list[dict[str, Any]]:
    keys = [each.key for each in sections]
    alone = [{"key": key, "name": name, "first": key, "places": [key]} for key, name in (ARRIVE, FEEDBACK, SUBMIT)]
    return [alone[0], {"key": "check", "name": "检查", "first": keys[0], "places": keys}, *alone[1:]]


def _asked(
    session: Session, visit: Visit, index: int, question: Question, row: Mapping[str, Any],
    faults: Mapping[str, list[str]],
) -> Asked:  # fmt: skip
    kinds = row["evidence_kinds"].split("、") if "evidence_kinds" in row else list(question.evidence)
    wrong = [words for name, each in faults.items() if name.startswith(f"answers.{index}.") for words in each]
    return Asked(
        index, question, row, matters.proposed_day(question.mode).isoformat(), kinds,
        findings.open_for(session, visit.school_id, question.clause), wrong,
    )  # fmt: skip


def _places(sections: list[Section]) -> dict[str, Place]:
    """In the order in which one goes through them."""
    groups = [
        (each.key, f"{'开始检查' if not n else '下一组'}：{each.name}（{len(each.asked)} 项）")
        for n, each in enumerate(sections)
    ]
    order = [ARRIVE, *groups, FEEDBACK, SUBMIT]
    return {here: Place(here, *after) for (here, _), after in pairwise(order)} | {SUBMIT[0]: Place(SUBMIT[0])}


def _missing(sections: list[Section], faults: Mapping[str, list[str]]) -> list[Missing]:
    """What is still to be filled in, in the order of the page."""
    by_index = {asked.number: (section.key, asked) for section in sections for asked in section.asked}
    found = []
    for name, words in faults.items():
        field, *cell = name.split(".")
        if field == "answers" and cell:
            at, asked = by_index[int(cell[0])]
            found.append((asked.number, Missing(at, f"q-{asked.question.key}", "；".join(words))))
        else:
            at = ARRIVE[0] if field in visits.ON_ARRIVAL else FEEDBACK[0]
            found.append((-1 if at == ARRIVE[0] else len(by_index), Missing(at, field, "；".join(words))))
    return [each for _, each in sorted(found, key=itemgetter(0))]
