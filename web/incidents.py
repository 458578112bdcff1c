"""异常: what stands still, for those who run the installation — what happened, what to do, and the two buttons."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from engine import administration, db, incidents
from engine.errors import InvalidInput
from engine.identity import Actor
from engine.models import Incident
from web import wording

bp = Blueprint("incidents", __name__, url_prefix="/incidents")

JOBS = {
    "timer": "定时",
    "message": "消息",
    "signal": "信号",
    "start": "启动流程",
    "correlate": "消息",
    "recurrence": "定期工作",
    "recurrence.open": "启动定期工作",
    "housekeeping": "每日清理",
    "reminder": "到期提醒",
    "digest": "每日汇总邮件",
    "mail": "发送邮件",
    "calendar.changed": "日历变更后查找期限",
    "deadlines.recount": "重算期限",
}
"""What people call a kind of job."""

RESOLVED = {
    incidents.RETRIED: wording.Lamp("done", "已重试"),
    incidents.CANCELLED: wording.Lamp("hold", "已取消"),
    incidents.PASSED: wording.Lamp("grey", "自行消除"),
}


def open_count(session: Session, actor: Actor) -> int | None:
    """The figure beside 异常; None for those who do not see it."""
    if not administration.can_resolve(actor):
        return None
    return administration.count(session, administration.incidents_for(actor))


@bp.get("")
def index() -> ResponseReturnValue:
    administration.require_can_resolve(g.actor)
    resolved, page = request.args.get("tab") == "resolved", wording.page_number(request.args)
    with db.reading() as session:
        wanted = administration.incidents_for(g.actor, resolved=resolved)
        total = administration.count(session, wanted)
        shown = administration.page_of(session, wanted, page)
        return render_template(
            "incidents.html", resolved=resolved, total=total, page=page, pages=max(1, -(-total // administration.PAGE)),
            incidents=shown, **_shown_with(session, shown),
        )  # fmt: skip


@bp.post("/<incident_id>/retry")
def retry(incident_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        administration.retry(session, incident_id, actor=g.actor)
    flash("已安排重试。若还是不行，它会再次出现在这里。")
    return redirect(url_for("incidents.index"))


@bp.route("/<incident_id>/cancel", methods=["GET", "POST"])
def cancel(incident_id: str) -> ResponseReturnValue:
    """A refusal shows the page again with everything that was typed."""
    if request.method == "GET":
        return _ask(incident_id)
    reason = request.form.get("reason", "")
    try:
        with db.transaction() as session:
            incident = administration.cancel(session, incident_id, reason, actor=g.actor)
            ended = incidents.KINDS[incident.kind].of_instance
    except InvalidInput as error:
        return _ask(incident_id, reason, error.advice), 422
    flash("已终止流程。" if ended else "已取消作业。")
    return redirect(url_for("incidents.index"))


def _ask(incident_id: str, reason: str = "", complaint: str = "") -> str:
    with db.reading() as session:
        incident = administration.get(session, incident_id, actor=g.actor)
        return render_template(
            "incident.html", incident=incident, reason=reason, complaint=complaint, **_shown_with(session, [incident])
        )


def _shown_with(session: Session, shown: list[Incident]) -> dict[str, object]:
    return {
        "jobs": administration.jobs_behind(session, shown),
        "in_sight": administration.instances_in_sight(session, g.actor, shown),
        "kinds": incidents.KINDS, "job_words": JOBS, "outcomes": RESOLVED,
    }  # fmt: skip
