"""One instance: the diagram with where it stands, who did what when, and the instances it has started."""

from __future__ import annotations

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from engine import db, definitions, history, instances, runtime
from engine.models import InstanceStatus, ProcessInstance
from web import diagram, story

bp = Blueprint("instances", __name__, url_prefix="/instances")


@bp.get("/<instance_id>")
def show(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        instance = instances.get(session, instance_id, actor=g.actor)
        return render_template(
            "instance.html", instance=instance, pictures=_pictures(session, instance),
            events=story.events(session, instance_id), rounds=story.submitted(session, instance_id),
            waits=_waits(session, instance), children=instances.children(session, instance_id),
        )  # fmt: skip


def _pictures(session: Session, instance: ProcessInstance) -> list[tuple[str, str]]:
    """The process, and below it the called one in which something waits now."""
    told = history.of(session, instance.id)
    now = _waits(session, instance)
    counts: dict[str, int] = {}
    for event in told:
        if event.activity_id and event.kind != "user_task.created":
            counts[event.activity_id] = counts.get(event.activity_id, 0) + 1
    marks = dict.fromkeys(counts, "done") | {wait[1]: "now" for wait in now}
    keys = dict.fromkeys([instance.definition_key, *(wait[0] for wait in now)])
    definition = definitions.get(session, instance.definition_id)
    names = {each["process"]: each["name"] for each in _names(session, instance)}
    return [
        (
            names.get(key, instance.title),
            diagram.svg(definitions.xml_of(session, definition, key), marks=marks, counts=counts, label=instance.title),
        )
        for key in keys
    ]


def _names(session: Session, instance: ProcessInstance) -> list[dict[str, str]]:
    parsed = definitions.parsed(session, definitions.get(session, instance.definition_id))
    return [{"process": key, "name": spec.description or key} for key, spec in parsed.called.items()]


def _waits(session: Session, instance: ProcessInstance) -> list[tuple[str, str, str]]:
    """`(process key, element id, name)` of what is open now."""
    if instance.status != InstanceStatus.ACTIVE:
        return []
    return [
        (each.activity.process_key, each.activity.id, each.activity.name)
        for each in runtime.load(session, instance).open_activities()
    ]
