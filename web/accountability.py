"""督导问责: the cases a person may see, and the pages on which a lead is proposed or a talk (约谈) recorded."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import clock, db, user_tasks
from engine.accountability import cases, talks
from web import entry
from web.entry import Entry

bp = Blueprint("accountability", __name__, url_prefix="/accountability")


@bp.get("")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        every = cases.listed(session, g.actor)
        steps = {case.id: user_tasks.open_in(session, case.instance_id) for case in every if case.instance_id}
        return render_template(
            "accountability.html", cases=every, steps=steps, rules=cases.RULES, words=cases.WORDS,
            standing=cases.standing, aggravation=cases.aggravation, named=cases.named,
            can_propose=cases.can_propose(g.actor), can_talk=talks.can_hold(g.actor),
        )  # fmt: skip


@bp.route("/new", methods=["GET", "POST"])
def propose() -> ResponseReturnValue:
    cases.require_can_propose(g.actor)
    cases.require_in_force()
    note = "督导完成后60日内成立调查认定工作组；只有当事单位、工作组、督导室和领导能看到案件"
    back = url_for(".index") if g.actor.roles & cases.READERS else url_for("supervision.index")
    asked = Entry(cases.FORM, "提出问责线索", "督导问责", back, "已立案，送督导室成立调查认定工作组。", note)
    known = {name: request.args.get(name, "") for name in ("finding", "unit")}
    return entry.page(asked, {"supervised_on": clock.today().isoformat(), "kind": "unit", **known}, cases.propose)


@bp.route("/talks/new", methods=["GET", "POST"])
def talk() -> ResponseReturnValue:
    talks.require_can_hold(g.actor)
    note = "记录后编文号，成为约谈记录"
    asked = Entry(talks.FORM, "约谈", "文书", url_for("supervision.index"), "已记录约谈，编号归档。", note)
    return entry.page(asked, {"talked_on": clock.today().isoformat()}, talks.hold)
