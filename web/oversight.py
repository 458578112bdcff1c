"""督办: the list of items with their lamps, and the pages on which one is proposed, extended, paused or resumed."""

from __future__ import annotations

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine import clock, db
from engine.lamps import lamp, picture
from engine.models import OversightItem
from engine.oversight import dates, items
from web import entry
from web.entry import Entry

bp = Blueprint("oversight", __name__, url_prefix="/oversight")


@bp.get("")
def index() -> ResponseReturnValue:
    asked = {name: request.args.get(name, "") for name in ("lead", "source", "colour")}
    with db.reading() as session:
        every = items.listed(session, g.actor)
        lamps = picture.of_instances(session, [item.instance_id for item in every])

        def wanted(item: OversightItem) -> bool:
            its = item.lead.key, item.source, lamps[item.instance_id].colour
            return all(one in ("", other) for one, other in zip(asked.values(), its, strict=True))

        return render_template(
            "oversight.html", items=list(filter(wanted, every)), every=every, lamps=lamps, asked=asked, words=lamp.WORDS,
            leads=sorted({item.lead for item in every}, key=lambda unit: unit.order), sources=items.WORDS["source"],
            can_propose=items.can_propose(g.actor),
        )  # fmt: skip


@bp.route("/new", methods=["GET", "POST"])
def propose() -> ResponseReturnValue:
    items.require_can_propose(g.actor)
    note = "一事一项；办公室负责人批准后编号、定期限，并向牵头单位下达督办单"
    asked = Entry(items.FORM, "督办立项", "督办", url_for(".index"), "已送办公室负责人审批，批准后列入督办。", note)
    return entry.page(asked, {"event_on": clock.today().isoformat(), "urgency": "ordinary"}, items.propose)


@bp.route("/<instance_id>/extension", methods=["GET", "POST"])
def extend(instance_id: str) -> ResponseReturnValue:
    back, done = url_for("instances.show", instance_id=instance_id), "已提交延期申请，等待审批；批准前期限不变。"
    note = "由承办单位在到期前提出，上一级批准后才改期限；原期限保留，考核仍按原期限"
    asked = Entry("extension.ask", "申请延期", "返回事项", back, done, note)
    if request.method == "POST":
        return entry.send(asked, lambda session, data: dates.ask(session, instance_id, data, actor=g.actor))
    with db.reading() as session:
        dates.require_offered(session, instance_id, "extension", actor=g.actor)
    return entry.show(asked, {})


@bp.route("/<instance_id>/pause", methods=["GET", "POST"], defaults={"resume": False}, endpoint="pause")
@bp.route("/<instance_id>/resume", methods=["GET", "POST"], defaults={"resume": True}, endpoint="resume")
def turn(instance_id: str, resume: bool) -> ResponseReturnValue:
    title, done = ("恢复", "已恢复，期限按中止的时间顺延。") if resume else ("中止", "已中止，恢复前不计时、不提醒。")
    asked = Entry("oversight.reason", title, "返回事项", url_for("instances.show", instance_id=instance_id), done)
    if request.method == "POST":
        return entry.send(
            asked, lambda session, data: dates.turn(session, instance_id, data["reason"], resume=resume, actor=g.actor)
        )
    with db.reading() as session:
        dates.require_offered(session, instance_id, "pause", actor=g.actor)
    return entry.show(asked, {})
