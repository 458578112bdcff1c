"""One instance: the diagram with where it stands, who did what when, and the instances it has started."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session

from engine import clock, db, definitions, history, instances, publicity, runtime, user_tasks
from engine.accountability import cases
from engine.checklists import checks
from engine.documents import papers
from engine.draws import draw
from engine.identity import Actor
from engine.lamps import facts, picture, thresholds
from engine.lamps.lamp import Lamp
from engine.models import Commitment, InstanceStatus, ProcessDefinition, ProcessInstance, WorkItem, WorkPoint
from engine.oversight import dates, items
from engine.plan import items as plan_items
from engine.plan import launch
from engine.reminders import urging
from engine.spiff import Activity
from engine.supervision import overview
from web import diagram, story

bp = Blueprint("instances", __name__, url_prefix="/instances")


@bp.get("/<instance_id>")
def show(instance_id: str) -> ResponseReturnValue:
    with db.reading() as session:
        instance = instances.get(session, instance_id, actor=g.actor)
        waits, below = _waits(session, instance), instances.children(session, instance.id)
        seen = instances.viewable(session, [child.id for child in below], actor=g.actor)
        children = [child for child in below if child.id in seen]
        known, offered = facts.of_instance(session, instance.id), dates.offers(session, instance, actor=g.actor)
        finding = overview.about(session, instance)
        return render_template(
            "instance.html", instance=instance, finding=finding,
            found_again=overview.followed_by(session, finding) if finding else [], can_propose=cases.can_propose(g.actor),
            pictures=_pictures(session, instance, waits),
            story=story.of(session, instance_id),
            waits=waits, now=_now(instance, waits), children=children, facts=known, thresholds=thresholds.in_force(session),
            lamps=_lamps(session, [instance, *children]),
            standing=checks.standing(session, instance), level_names=checks.NAMES, by_lot=draw.find(session, instance_id),
            offered=offered, words=items.WORDS, occurrences=_occurrences(session, offered.subject, g.actor),
            documents=papers.of_instance(session, instance.id, actor=g.actor),
            can_charge=launch.can_launch(g.actor), notice=publicity.running(session, instance),
            names=user_tasks.people_of(session, {fact.recorded_by_id for fact in known if fact.recorded_by_id}),
            tasks=[(task, urging.offer(session, task, actor=g.actor)) for task in user_tasks.open_in(session, instance_id)],
        )  # fmt: skip


def _occurrences(session: Session, subject: dates.Subject | None, actor: Actor) -> tuple[list[WorkItem], bool]:
    """The occurrences of the commitment that is shown, and whether the person may register another."""
    if not isinstance(subject, Commitment):
        return [], False
    return list(session.scalars(plan_items.of_commitment(subject))), plan_items.offered(session, actor, subject)


def _lamps(session: Session, shown: list[ProcessInstance]) -> dict[str, Lamp]:
    """The lamps of those that have one; the first may be a work point, whose lamp is that of its commitments."""
    lamps = picture.of_instances(session, [each.id for each in shown])
    for of_point in picture.picture(session, clock.now(), None, WorkPoint.instance_id == shown[0].id).points.values():
        lamps[shown[0].id] = of_point
    return lamps


def _pictures(session: Session, instance: ProcessInstance, waits: list[Activity]) -> list[tuple[str, Markup]]:
    """The process, and below it the called one in which something waits now; titled by what it is called."""
    definition = definitions.get(session, instance.definition_id)
    scopes = definitions.parsed(session, definition).scopes
    titles = {key: scope.title for key, scope in scopes.items()} | {instance.definition_key: instance.title}
    passed = Counter((event.process_key, event.activity_id) for event in history.passed(session, instance.id))
    return [
        (title := titles.get(key) or key, _picture(session, definition, key, title, passed, waits))
        for key in dict.fromkeys([instance.definition_key, *(wait.process_key for wait in waits)])
    ]


def _picture(
    session: Session,
    definition: ProcessDefinition,
    key: str,
    title: str,
    passed: Counter[tuple[str | None, str | None]],
    waits: list[Activity],
) -> Markup:
    counts = {element: times for (process_key, element), times in passed.items() if element and process_key == key}
    marks = dict.fromkeys(counts, "done") | {wait.id: "now" for wait in waits if wait.process_key == key}
    return diagram.svg(
        definitions.xml_of(session, definition, key), marks=marks, counts=counts, process_id=key, label=title
    )


def _now(instance: ProcessInstance, waits: list[Activity]) -> list[str]:
    """The names of what people do or wait for now; not of the events by which called processes keep going."""
    own = [each for each in waits if each.type == "userTask" or each.process_key == instance.definition_key]
    return list(dict.fromkeys(each.name for each in own if each.name))


def _waits(session: Session, instance: ProcessInstance) -> list[Activity]:
    """What is open now: user tasks, events that are waited for, and the calls around them."""
    if instance.status != InstanceStatus.ACTIVE:
        return []
    return [each.activity for each in runtime.load(session, instance).open_activities()]
