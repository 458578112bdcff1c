"""进校督导: an inspector's visits, and the pages on which one is made, on a phone and with a weak network."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

from flask import Blueprint, Response, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError

from engine import clock, db, user_tasks
from engine.errors import EngineError, InvalidInput, NotAllowed
from engine.lamps import picture
from engine.models import Visit
from engine.supervision import ledger, matters, visits
from engine.supervision.matters import Question
from engine.supervision.visits import Told
from web import uploads

bp = Blueprint("visits", __name__)

ARRIVE, FEEDBACK, SUBMIT, DANGER, SEND = "arrive", "feedback", "submit", "danger", "send"
"""Parts of the page beside the groups of questions; and what the last button asks for."""


class Asked(NamedTuple):
    """One question on the page."""

    number: int
    question: Question
    row: Mapping[str, Any]
    faults: list[str]


class Section(NamedTuple):
    """A group of questions, and how many are answered."""

    key: str
    name: str
    asked: list[Asked]

    @property
    def done(self) -> int:
        return sum(1 for each in self.asked if each.row.get("result"))


@bp.get("/visits")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        waiting, made = visits.to_make(session, g.actor), visits.made(session, g.actor)
        begun = [visit for visit in waiting if visits.draft_of(session, visit, actor=g.actor).revision]
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
    go, given = request.form.get("go", ""), _given()
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
        return _show(visit_id, DANGER, danger=told, refused=error.advice), 400
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
        return _show(visit_id, SUBMIT), 422
    except EngineError as error:
        return _show(visit_id, SUBMIT, refused=error.advice), 403 if isinstance(error, NotAllowed) else 409
    flash("已提交督导记录。")
    return redirect(url_for(".show", visit_id=visit_id))


def _show(visit_id: str, at: str, *, refused: str = "", danger: str = "") -> str:
    with db.reading() as session:
        visit = visits.get(session, visit_id, actor=g.actor)
        task = visits.task_of(session, visit)
        if task is None or user_tasks.refusal(g.actor, task):
            return render_template("visit_over.html", visit=visit, findings=visits.issued(session, visit))
        draft = visits.draft_of(session, visit, actor=g.actor)
        faults = visits.faults(session, visit, draft.data, actor=g.actor)
        sections = _sections(visit, draft.data, faults)
        left = visits.left_open(session, visit)
        known = {ARRIVE, FEEDBACK, SUBMIT, DANGER, *(each.key for each in sections)}
        return render_template(
            "visit.html", visit=visit, draft=draft.data, revision=draft.revision, sections=sections, errors={}, left=left,
            at=at if at in known else ARRIVE, refused=refused, danger=danger, missing=_missing(sections, faults),
            lamps=picture.of_instances(session, [each.instance_id for each in left if each.instance_id]),
            saved_at=f"{draft.saved_at.astimezone(clock.LOCAL):%H:%M}" if draft.saved_at else "",
            severities=ledger.SEVERITIES, modes=list(matters.MODES), evidence=matters.EVIDENCE, day_of=matters.proposed_day,
        )  # fmt: skip


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


def _sections(visit: Visit, draft: Told, faults: Mapping[str, list[str]]) -> list[Section]:
    rows, numbers = {row["item"]: row for row in draft.get("answers", [])}, count()

    def asked(number: int, question: Question) -> Asked:
        wrong = ["；".join(words) for name, words in faults.items() if name.startswith(f"answers.{number}.")]
        return Asked(number, question, rows.get(question.key, {}), wrong)

    return [
        Section(group.key, group.name, [asked(next(numbers), question) for question in group.questions])
        for group in visits.groups(visit)
    ]


def _missing(sections: list[Section], faults: Mapping[str, list[str]]) -> list[tuple[str, str, str]]:
    """What is still to be filled in, in the order of the page: in which part, where there, and in words."""
    whole = {name: "；".join(words) for name, words in faults.items() if "." not in name}
    return [
        *((ARRIVE, name, words) for name, words in whole.items() if name in visits.ON_ARRIVAL),
        *((each.key, f"q-{asked.question.key}", words) for each in sections for asked in each.asked for words in asked.faults),
        *((FEEDBACK, name, words) for name, words in whole.items() if name not in visits.ON_ARRIVAL),
    ]  # fmt: skip
