"""公示: the button by which objections come in while a notice is shown."""

from __future__ import annotations

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue

from engine import db, instances, publicity
from web import entry
from web.entry import Entry

bp = Blueprint("publicity", __name__, url_prefix="/publicity")


@bp.route("/<instance_id>/objection", methods=["GET", "POST"])
def raise_objection(instance_id: str) -> ResponseReturnValue:
    back, done = url_for("instances.show", instance_id=instance_id), "已登记异议，由发布公示以外的人核实。"
    note = "本人提出，或者代为登记收到的来信来电；匿名的同样核实"
    asked = Entry(publicity.FORM, "登记公示异议", "返回事项", back, done, note)
    if request.method == "POST":
        return entry.send(
            asked, lambda session, data: publicity.raise_objection(session, instance_id, data, actor=g.actor)
        )
    with db.reading() as session:
        publicity.require_running(session, instances.get(session, instance_id, actor=g.actor))
    return entry.show(asked, {})
