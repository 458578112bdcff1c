"""What a work point's own diagram asks for: its days of the year, and how its commitments stand."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from importlib import resources
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from engine import assignment, clock, identity
from engine.deadlines import limits
from engine.identity import Actor
from engine.lamps import lamp, picture
from engine.models import Bar, WorkItem, WorkPoint
from engine.notifications import notices
from engine.options import Choices
from engine.runtime import Instance, ServiceTask, Told
from engine.targets import measures, progress, subject
from engine.user_tasks import Check
from engine.vetoes.checks import no_barred

DATA = tomllib.loads(resources.files(__package__).joinpath("points.toml").read_text("utf-8"))
CONSTRUCTION, LEDGER = "SH04", "SH11"
MONTH_DAY = re.compile(r"\d\d-\d\d")
BEHIND = {"missed", "at_risk", progress.UNKNOWN}


def variables(point: WorkPoint) -> dict[str, str]:
    """The days on which a point looks at its own work, for its instance to begin with."""

    def of_the_year(found: re.Match[str]) -> str:
        return clock.start_of(date.fromisoformat(f"{point.section.plan.year}-{found[0]}"), hour=8).isoformat()

    days: Mapping[str, str] = DATA["days"].get(str(point.number), {})
    return {name: MONTH_DAY.sub(of_the_year, written, count=1) for name, written in days.items()}


def count_red(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """How many construction projects of the point have a red lamp now."""
    projects = [
        each.instance_id for each in subject.point_of(session, instance).commitments if each.shape == CONSTRUCTION
    ]
    lamps = picture.of_instances(session, [each for each in projects if each])
    return {"red": sum(each.colour == lamp.Colour.RED for each in lamps.values())}


def open_rectifications(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """How many problems in the point's ledgers are not signed off (未销号), whatever became of their commitment."""
    ledgers = [each.id for each in subject.point_of(session, instance).commitments if each.shape == LEDGER]
    left = WorkItem.commitment_id.in_(ledgers), or_(WorkItem.result.is_(None), WorkItem.result != "done")
    return {"open_rectifications": session.scalar(select(func.count()).select_from(WorkItem).where(*left)) or 0}


def assess_indicators(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """How many targets of the point are behind, and of the one that stands worst what `indicator_result` is asked."""
    found = progress.states(session, subject.point_of(session, instance).commitments, clock.today())
    stand = sorted((each for states in found.values() for each in states), key=_badness)
    asked = stand[0].asked if stand else {"hardness": "硬", "met": True, "share": 100, "due": True}
    behind = sum(each.result in BEHIND for each in stand)
    return {**asked, "behind": behind, "explained": variables.get("corrected") == "explained"}


def recheck_vetoes(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """How many are barred now for the reason that this point answers for."""
    reason, today = DATA["vetoes"][str(subject.point_of(session, instance).number)], clock.today()
    bars = session.scalars(select(Bar).where(Bar.reason == reason).order_by(Bar.year, Bar.sequence))
    return {"barred": sum(bar.is_in_force(today) for bar in bars)}


def inform_leader(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """The leader in charge hears of an emergency at once."""
    people = identity.members(session, assignment.RULES["leader_above"](session, instance))
    notices.notify(
        session, people, "emergency.reported", f"突发事件首报：{instance.title}", "请立即查看首报并指挥处置。",
        about=("instance", instance.id), dedupe_key=f"emergency:{instance.id}:{clock.now().isoformat()}",
        mail=notices.Mail.AT_ONCE,
    )  # fmt: skip


def check_amounts(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    wrong = {
        f"grants.{n}.amount": [
            f"{row['beneficiary']}：应为 {row['heads']} 人 × {row['standard']} 元（测算底稿须能复算）"
        ]
        for n, row in enumerate(data["grants"])
        if round(row["heads"] * row["standard"] - row["amount"], 2)
    }
    if wrong:
        raise ValidationError(wrong)


def check_comments(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """The time for comments is not shorter than the rule in force says, unless a reason is given."""
    limit = limits.current(session).find("decision_comments", clock.now())
    days = (date.fromisoformat(data["ends_on"]) - date.fromisoformat(data["starts_on"])).days
    if limit and limit.amount and days < limit.amount and (days < 0 or not data["reason"]):
        words = f"公开征求意见一般不少于{limit.amount:g}日，现为{days}日；确需缩短的写明理由（{limit.article}）"
        raise ValidationError({"ends_on": [words]})


def check_five_items(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    worst = max(row["lacking"] for row in data["items"])
    if not worst <= data["failed"] <= data["schools"]:
        words = f"应在{worst}和{data['schools']}之间：五项缺一即不放行（2021年全市教育工作要点第18条）"
        raise ValidationError({"failed": [words]})


CHECKS: dict[str, Check] = {
    "point.fund_check": check_amounts, "point.comments": check_comments, "point.five_items": check_five_items,
    "point.nominees": no_barred("appointment", "nominees"), "point.candidates": no_barred("award", "nominees"),
}  # fmt: skip
TABLE: dict[str, ServiceTask] = {
    "point.count_red": count_red, "point.open_rectifications": open_rectifications,
    "point.assess_indicators": assess_indicators, "point.recheck_vetoes": recheck_vetoes,
    "point.inform_leader": inform_leader,
}  # fmt: skip


def _badness(state: progress.TargetState) -> int:
    return progress.WORST_FIRST.index(state.result)


def _targets(session: Session, instance_id: str | None) -> Choices:
    found = session.scalar(select(WorkPoint).where(WorkPoint.instance_id == instance_id))
    told = [(each, target) for each in (found.commitments if found else []) for target in subject.quantities(each)]
    return [(f"{each.code}-{target.number}", f"{each.code} {measures.promise(target)}") for each, target in told]


def _rows(name: str) -> Callable[[Session, str | None], Choices]:
    return lambda session, instance_id: [(str(n), words) for n, words in enumerate(DATA["rows"][name], 1)]


SOURCES = {"point_targets": _targets, **{name: _rows(name) for name in DATA["rows"]}}
