"""我的待办 and 办理: the list of what waits, and the page on which one thing is decided."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

import forms
from engine import clock, db, drafts, options, user_tasks
from engine.documents import papers
from engine.errors import Conflict, InvalidInput, InvalidState, NotAllowed
from engine.identity import Actor
from engine.lamps import thresholds
from engine.models import UserTask
from engine.reminders import urging
from engine.supervision import overview
from web import story, uploads, wording

bp = Blueprint("user_tasks", __name__, url_prefix="/tasks")

PAGES = {"visit.checklist": "visits.of_instance"}
"""By form: where it is filled in on a page of its own."""
JUDGED = ("decision", "finding.verification")
"""Forms that begin empty in every round: what was judged last time says nothing about what is shown now."""


def waiting(session: Session, actor: Actor) -> str:
    """The figure beside 我的待办."""
    return wording.figure(user_tasks.waiting(session, actor))


@bp.get("")
def index() -> ResponseReturnValue:
    actor, search, page = g.actor, request.args.get("q", "").strip()[:100], wording.page_number(request.args)
    with db.reading() as session:
        done = request.args.get("tab") == "done"
        wanted = user_tasks.done_by(actor, page=page) if done else user_tasks.inbox(actor, search=search, page=page)
        tasks = user_tasks.page_of(session, wanted)
        shown = tasks[: user_tasks.PAGE]
        return render_template(
            "inbox.html", groups=[("", shown)] if done else _by_due(shown), search=search, done=done, page=page,
            total=None if done else wording.figure(user_tasks.waiting(session, actor, search=search)),
            more=len(tasks) > len(shown), thresholds=thresholds.in_force(session),
            overdue=sum(1 for task in shown if task.due_at and task.due_at < clock.now()) if not done else 0,
        )  # fmt: skip


@bp.get("/<task_id>")
def show(task_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        task = user_tasks.get(session, task_id, actor=g.actor)
        if task.form_key in PAGES and user_tasks.can_complete(g.actor, task):
            return redirect(url_for(PAGES[task.form_key], instance_id=task.instance_id))
    return _show(task_id)


@bp.post("/<task_id>/claim")
def claim(task_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        user_tasks.claim(session, task_id, actor=g.actor)
    flash("已认领，其他人不会再办这件事。")
    return redirect(url_for("user_tasks.show", task_id=task_id))


@bp.post("/<task_id>/unclaim")
def unclaim(task_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        user_tasks.unclaim(session, task_id, actor=g.actor)
    flash("已退回认领。")
    return redirect(url_for("user_tasks.show", task_id=task_id))


@bp.post("/<task_id>/urge")
def urge(task_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        told = urging.urge(session, task_id, actor=g.actor)
    flash(f"已催办，通知了 {told} 人。")
    return redirect(url_for("user_tasks.show", task_id=task_id))


@bp.post("/<task_id>/complete")
def complete(task_id: str) -> ResponseReturnValue:
    """A refusal of any kind shows the page again with everything that was typed."""
    submitted, errors = uploads.submitted()
    if wording.MORE_ROWS in request.form or errors:
        return _show(task_id, submitted, errors=errors), 422 if errors else 200
    try:
        with db.transaction() as session:
            instance = user_tasks.complete(session, task_id, submitted, actor=g.actor)
            title = instance.title
    except ValidationError as error:
        return _show(task_id, submitted, errors=error.messages_dict), 422
    except (InvalidState, Conflict, InvalidInput) as error:
        return _show(task_id, submitted, refused=error.advice), 409
    except NotAllowed as error:
        return _show(task_id, submitted, refused=error.advice), 403
    flash(f"已提交：{title}")
    return redirect(url_for("user_tasks.index"))


@bp.post("/<task_id>/draft")
def save_draft(task_id: str) -> ResponseReturnValue:
    """存草稿, by the button or by the script, which says over which revision."""
    typed, errors = (None, {}) if request.is_json else uploads.submitted()
    over = request.form.get(f"{wording.MORE_ROWS}revision", type=int)
    if request.is_json and isinstance(given := request.get_json(silent=True), dict):
        typed, over = given.get("data"), given.get("revision")
    if not isinstance(typed, dict):
        raise InvalidInput("no draft", advice="草稿没有存成，请刷新后再试。")
    by_script = request.accept_mimetypes.best == "application/json"
    try:
        with db.transaction() as session:
            if user_tasks.get(session, task_id, actor=g.actor).form_key in PAGES:
                raise InvalidInput("a page of its own", advice="这件待办在自己的页面上填写，请从“我的待办”打开。")
            revision = drafts.save(session, task_id, typed, actor=g.actor, revision=over)
    except (Conflict, InvalidInput) as error:
        if by_script:
            raise
        return _show(task_id, typed, errors=errors, refused=error.advice), 409
    if by_script:
        return {"revision": revision, "saved": f"{clock.now().astimezone(clock.LOCAL):%H:%M}"}
    if errors:
        return _show(task_id, typed, errors=errors), 422
    flash("草稿已存，可以离开，下次打开接着填。")
    return redirect(url_for("user_tasks.show", task_id=task_id))


@bp.post("/<task_id>/draft/forget")
def forget_draft(task_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        drafts.forget(session, task_id, actor=g.actor)
    flash("草稿已弃。")
    return redirect(url_for("user_tasks.show", task_id=task_id))


def _show(
    task_id: str, submitted: dict[str, Any] | None = None, *, errors: dict[str, Any] | None = None, refused: str = ""
) -> str:
    with db.reading() as session:
        task = user_tasks.get(session, task_id, actor=g.actor)
        form = forms.get(task.form_key) if task.form_key else None
        draft = drafts.find(session, task_id, actor=g.actor)
        if submitted is None:
            submitted = draft.data if draft else _previous(session, task)
        return render_template(
            "task.html", task=task, form=form, values=submitted, errors=errors or {}, draft=draft,
            refused=refused, refusal=user_tasks.refusal(g.actor, task), state=wording.lamp(task, thresholds.in_force(session)),
            options=options.of_form(session, form, task.instance_id) if form else {}, story=story.of(session, task.instance_id),
            urging=urging.offer(session, task, actor=g.actor),
            documents=papers.of_instance(session, task.instance_id, actor=g.actor),
            finding=overview.about(session, task.instance),
        )  # fmt: skip


def _previous(session: Session, task: UserTask) -> dict[str, Any]:
    """A step done again begins with what was submitted last time, a judgement never; the first time with what is known."""
    earlier = user_tasks.submissions(session, task.instance_id, task.activity_id)
    if task.form_key in JUDGED or not (earlier or task.form_key in user_tasks.prefills):
        return {}
    known = earlier[-1].data if earlier else user_tasks.prefills[task.form_key or ""](session, task.instance_id)
    return {
        key: wording.as_typed(value)
        for key, value in known.items()
        if value is not None and key not in ("decision", "finished")
    }


def _by_due(tasks: Iterable[UserTask]) -> list[tuple[str, list[UserTask]]]:
    return [(name, list(members)) for name, members in groupby(tasks, key=_group)]


def _group(task: UserTask) -> str:
    if task.due_at is None:
        return "不限期"
    left = task.due_at.astimezone(clock.LOCAL).date() - clock.today()
    if left < timedelta(0):
        return "已逾期"
    return "今天" if not left else "七天内" if left <= timedelta(days=7) else "以后"
