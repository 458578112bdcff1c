"""负担台账: what all departments ask of schools, month by month; visits announced and merged, data requests and their answers."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Collection
from datetime import timedelta
from itertools import groupby

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import db, instances, user_tasks
from engine.burden import contacts, requests
from engine.reminders import urging
from web import entry, wording
from web.entry import Entry

bp = Blueprint("burden", __name__, url_prefix="/burden")


@bp.get("")
def index() -> ResponseReturnValue:
    wanted = {name: request.args.get(name, "") for name in ("district", "school")}
    month = wording.month(request.args)
    with db.reading() as session:
        every = contacts.listed(session, month, actor=g.actor)
        shown = [
            each for each in every
            if wanted["district"] in ("", each.unit.key, each.unit.parent.key if each.unit.parent else "")
            and wanted["school"] in ("", each.unit.key)
        ]  # fmt: skip
        return render_template(
            "burden.html", by_unit=[(unit, list(own)) for unit, own in groupby(shown, lambda each: each.unit)],
            days=contacts.by_day(shown, month), weeks=Calendar().monthdatescalendar(month.year, month.month),
            units=[unit for unit, _ in groupby(every, lambda each: each.unit)], wanted=wanted, month=month,
            around=[month - timedelta(days=1), month + timedelta(days=32)], hours=contacts.hours(shown, month),
            clashing=contacts.clashing(shown), proposals=contacts.proposals(session, actor=g.actor), rules=contacts.RULES,
            words=contacts.WORDS, announces=contacts.ANNOUNCES, asks=requests.ASKS, can_cancel=contacts.can_cancel,
        )  # fmt: skip


@bp.route("/visits/new", methods=["GET", "POST"])
def announce() -> ResponseReturnValue:
    _require(contacts.ANNOUNCES)
    note = "只登记安排并告知学校；与别的处室同日、重复或超过上限的，先看能不能合并"
    new = Entry(contacts.FORM, "登记进校事项", "负担台账", url_for(".index"), "已登记，并已告知学校。", note)
    return entry.page(new, {}, contacts.announce)


@bp.post("/visits/<contact_id>/cancel")
def cancel(contact_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        contacts.cancel(session, contact_id, actor=g.actor)
    flash("已取消，并已告知学校。")
    return redirect(url_for(".index"))


@bp.post("/visits/<contact_id>/merge")
def merge(contact_id: str) -> ResponseReturnValue:
    with db.transaction() as session:
        contacts.merge(session, contact_id, request.form.getlist("other"), actor=g.actor)
    flash("已合并到同一天，并已告知学校和各处室。")
    return redirect(url_for(".index"))


@bp.route("/requests/new", methods=["GET", "POST"])
def ask() -> ResponseReturnValue:
    _require(requests.ASKS)
    note = "本处室负责人批准后下发；超过每校上限的再由办公室核准"
    new = Entry(requests.FORM, "拟定填报要求", "负担台账", url_for(".index"), "已送本处室负责人审批。", note)
    return entry.page(new, {}, requests.ask)


@bp.get("/requests/<instance_id>")
def answers(instance_id: str) -> ResponseReturnValue:
    """Of a request, or of what a district has passed down: who has answered, and what."""
    with db.reading() as session:
        instance = instances.get(session, instance_id, actor=g.actor)
        below = [
            (each, tasks, said, {task.id: urging.offer(session, task, actor=g.actor) for task in tasks})
            for each, tasks, said in requests.answers(session, instance)
        ]
        return render_template(
            "request.html", instance=instance, told=requests.request_of(session, instance), below=below,
            own=requests.told(session, instance), tasks=user_tasks.open_in(session, instance.id), can_complete=user_tasks.can_complete,
        )  # fmt: skip


def _require(roles: Collection[str]) -> None:
    with db.reading() as session:
        contacts.department_of(session, g.actor, roles)
