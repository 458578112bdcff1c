"""年度启动: what a plan still lacks, the sheet of a commitment (任务书), the launch, and what comes up while it runs."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from engine import db
from engine.errors import NotFound
from engine.models import Commitment
from engine.plan import items, launch, overview
from engine.plan.shapes import SHAPES
from web import entry
from web.entry import Entry, Typed

bp = Blueprint("launch", __name__, url_prefix="/plan")


@bp.get("/launch")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        overview.require_can_view(g.actor)
        plan = launch.pending(session) or overview.current(session)
        return render_template(
            "launch.html", plan=plan, gaps=launch.gaps(plan) if plan else {}, can_launch=launch.can_launch(g.actor)
        )


@bp.post("/launch")
def begin() -> ResponseReturnValue:
    with db.transaction() as session:
        plan = launch.pending(session)
        if plan is None:
            raise NotFound("no plan to launch", advice="没有等待启动的工作要点。")
        launch.begin(session, plan, actor=g.actor)
    flash("已开始启动，逐个要点进行，可以离开本页。")
    return redirect(url_for(".index"))


@bp.route("/commitments/<commitment_id>/charge", methods=["GET", "POST"])
def charge(commitment_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        overview.require_can_view(g.actor)
        commitment = _commitment(session, commitment_id)
        known = {
            "lead": commitment.lead.key if commitment.lead_id else "", "starts_on": commitment.starts_on.isoformat(),
            "due_on": commitment.due_on.isoformat() if commitment.due_on else "", "definition": commitment.definition,
        }  # fmt: skip
        title = f"{commitment.code} {commitment.title}"
    note = "保存即为已核对，不再标“待核对”。"
    asked = Entry("commitment.charge", title, "年度启动", url_for(".index"), f"已核对任务 {title}。", note)

    def act(session: Session, told: Typed) -> None:
        days = entry.with_days(told, "starts_on", "due_on")
        launch.charge(session, _commitment(session, commitment_id), days, actor=g.actor)

    return entry.send(asked, act) if request.method == "POST" else entry.show(asked, known)


@bp.route("/commitments/<commitment_id>/items", methods=["GET", "POST"])
def register(commitment_id: str) -> ResponseReturnValue:
    """What has come up since the round of items began: a case, an event, another project."""
    with db.reading() as session:
        commitment = _commitment(session, commitment_id)
        items.require_offered(session, g.actor, commitment)
        back = url_for("instances.show", instance_id=commitment.instance_id)
        form, part_of = SHAPES[commitment.shape].register, f"{commitment.code} {commitment.title}"
    asked = Entry(form, "登记事项", part_of, back, "已登记，随即启动办理。")

    def act(session: Session, told: Typed) -> None:
        items.add(session, _commitment(session, commitment_id), told["items"], actor=g.actor)

    return entry.send(asked, act) if request.method == "POST" else entry.show(asked, {})


def _commitment(session: Session, commitment_id: str) -> Commitment:
    found = session.get(Commitment, commitment_id)
    if found is None:
        raise NotFound(f"no commitment {commitment_id}", advice="没有这项任务，或您无权查看。")
    return found
