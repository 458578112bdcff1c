"""What the diagrams of supervision call by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from engine import clock, identity, instances, notifications, user_tasks
from engine.burden import contacts
from engine.errors import InvalidInput
from engine.identity import Actor
from engine.lamps import facts, lamp
from engine.models import InstanceStatus, SupervisionRound, Visit
from engine.runtime import Instance, ServiceTask
from engine.supervision import findings, rounds
from engine.supervision.findings import RE_LOOK
from engine.targets import subject


def open_point_round(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> None:
    """A work point's 督导 phase: one round with a visit to the chosen school."""
    arranged = user_tasks.told(session, instance.id, "arrange_supervision")
    point = subject.point_of(session, instance)
    bindings = rounds.bindings_on(session, clock.today(), arranged["school"])
    if not bindings:
        raise InvalidInput("no inspector bound", advice="这所学校还没有责任督学，请先安排或另选学校。")
    rounds.open_round(
        session, key=f"point:{instance.id}", title=f"要点{point.number}督导", theme=arranged["theme"],
        visit_by=date.fromisoformat(arranged["visit_by"]), bindings=bindings, actor=actor, point=point,
    )  # fmt: skip


def open_visits(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Start a visit for every school of the round."""
    opened = session.get_one(SupervisionRound, variables["round"])
    for visit in opened.visits:
        visit.instance = instances.start(
            session, "school_visit", {"visit": visit.id, "visit_due_at": visit.visit_by.isoformat()}, actor=actor,
            title=f"{visit.school.name} {opened.title}", business_key=f"visit:{visit.id}", unit_id=visit.school_id,
            parent_id=instance.id,
        )  # fmt: skip
        session.flush()
        facts.record_opened(session, visit, visit.visit_by, actor=actor)
        assert instance.unit_id is not None, "a round is the inspectorate's"
        days = visit.visit_by, visit.visit_by
        contacts.expect(session, visit.instance, visit.school, instance.unit_id, *days, [opened.theme or opened.title])


def count_open_items(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Visits not yet made and findings not yet closed; a re-look is to come later and holds nothing up."""
    below = instances.children(session, instance.id)
    still_open = [each for each in below if each.status == InstanceStatus.ACTIVE and each.definition_key != RE_LOOK]
    return {"open_items": len(still_open)}


def record_visit(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    visit = session.get_one(Visit, variables["visit"])
    told = user_tasks.told(session, instance.id, "visit_school")
    visit.visited_on, visit.summary = date.fromisoformat(told["visited_on"]), told["summary"]
    facts.record(session, visit, lamp.DONE, actor=actor, happened_at=facts.end_of(visit.visited_on))


def issue_finding(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """The one finding of a visit by the form of before; since then a visit issues one for each problem."""
    visit, told = session.get_one(Visit, variables["visit"]), user_tasks.told(session, instance.id, "visit_school")
    assert actor is not None, "a finding is made by the inspector who submits the visit"
    findings.issue(
        session, source="visit", unit=visit.school, visit=visit, title=told["problem_title"], actor=actor,
        description=told["problem_description"], clause=told["clause"], severity=told["severity"], mode=findings.AT_ONCE,
        rectify_by=date.fromisoformat(told["rectify_by"]), criteria=[f"“{told['problem_title']}”整改到位"],
        evidence_kinds=["文件", "照片"], parent_id=instance.parent_id,
    )  # fmt: skip


def report_danger(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """What endangers lives is no matter for a notice: safety, the inspectorate and the school's head hear of it at once."""
    visit, told = session.get_one(Visit, variables["visit"]), user_tasks.told(session, instance.id, "visit_school")
    groups = ["department_head@AQ", "officer@AQ", "inspectorate_office", f"school_head@{visit.school.key}"]
    notifications.notify(
        session, identity.members(session, groups), "danger", f"立即处置：{visit.school.name}发现危及安全的重大隐患",
        told["danger"], about=("instance", instance.id), dedupe_key=f"danger:{visit.id}", mail=notifications.Mail.AT_ONCE,
    )  # fmt: skip


TABLE: dict[str, ServiceTask] = {
    "supervision.open_point_round": open_point_round,
    "supervision.open_visits": open_visits,
    "supervision.count_open_items": count_open_items,
    "supervision.record_visit": record_visit,
    "supervision.issue_finding": issue_finding,
    "supervision.report_danger": report_danger,
}
