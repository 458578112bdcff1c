"""Reviews that any process may call: of legality (合法性审查), and by experts (专家评审)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, recusals, user_tasks
from engine.decisions import shipped
from engine.identity import Actor
from engine.models import Person, Position, Unit
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import Check

LEAST = {"decision": "decision_review", "normative": "normative_review_least"}
MOST = {"normative": "normative_review"}
"""Kind of document → the limit that says how long a review must, and may, take."""
ARTICLE_20 = "（《重大行政决策程序暂行条例》第二十条：与决策有利害关系的专家不得参加论证）"
LAWFUL = {"authority": "制定权限", "procedure": "制定程序", "content": "内容"}


def check_submission(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A review is given the time that it must have, and no more than it may take."""
    book, wanted = deadlines.current(session), date.fromisoformat(data["review_by"])
    for limits, too_early in ((LEAST, True), (MOST, False)):
        key = limits.get(data["document_kind"])
        limit = book.find(key, instance.started_at) if key else None
        if limit is None:
            continue
        day = deadlines.count(book.calendar, limit, clock.today()).day
        if wanted < day if too_early else wanted > day:
            bound = f"最早填{day}" if too_early else f"最晚填{day}"
            raise ValidationError({"review_by": [f"{limit.told}，从今天起算{bound}"]})
    if wanted < clock.today():
        raise ValidationError({"review_by": ["完成日期不能早于今天"]})


def check_opinion(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    faulty = [word for key, word in LAWFUL.items() if data[key] == "no"]
    if faulty and data["legality"] == "lawful":
        words = f"{'、'.join(faulty)}不合法的，结论不能是“合法”（《重大行政决策程序暂行条例》第二十五条）"
        raise ValidationError({key: [words] for key in LAWFUL if data[key] == "no"})


def experts(session: Session, _: str | None) -> list[tuple[str, str]]:
    """Those who may be asked for an expert opinion."""
    wanted = (
        select(Person.login, Person.name, Unit.name).select_from(Position).join(Position.person).join(Position.unit)
    )
    rows = session.execute(wanted.where(Position.role == "expert", Person.active).order_by(Person.login))
    return [(login, f"{name}（{unit}）") for login, name, unit in rows]


def check_panel(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Enough experts, nobody twice, and nobody with an interest: as declared, by a fact on record, or of the unit itself."""
    chosen, errors = [row["person"] for row in data["experts"]], {}
    of_unit = select(Person.login).join(Position).where(Position.unit_id == instance.unit_id)
    recorded, colleagues = recusals.from_unit(session, instance.unit_id), set(session.scalars(of_unit))
    for number, row in enumerate(data["experts"]):
        place = f"experts.{number}.person"
        if row["interest"] == "yes" or row["person"] in recorded:
            errors[place] = [f"这位专家与事项有利害关系，请另选{ARTICLE_20}"]
        elif row["person"] in colleagues:
            errors[place] = [f"这位专家是承办单位的人，请另选{ARTICLE_20}"]
        elif Counter(chosen[:number])[row["person"]]:
            errors[place] = ["这位专家已经在名单里，请另选"]
    panel = shipped.decide("expert_panel", {"experts": len(set(chosen))})
    if not panel["enough"]:
        errors["experts"] = [panel["word"]]
    if errors:
        raise ValidationError(errors)


CHECKS: dict[str, Check] = {
    "legality.submit": check_submission, "legality.review": check_opinion, "expert.choose": check_panel,
}  # fmt: skip
SOURCES = {"experts": experts}


def invite(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Who is asked for a score, for the diagram."""
    return {"experts": [row["person"] for row in _panel(session, instance)["experts"]]}


def reckon(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """What the scores come to, by the rule that was chosen before they were given."""
    panel, scores = _panel(session, instance), variables["scores"]
    told = {
        "rule": panel["rule"], "pass_mark": panel["pass_mark"], "average": round(sum(scores) / len(scores), 2),
        "approving": sum(score >= panel["pass_mark"] for score in scores), "experts": len(scores),
    }  # fmt: skip
    return {**shipped.decide("expert_result", told), "average_score": told["average"]}


TABLE: dict[str, ServiceTask] = {"experts.invite": invite, "experts.reckon": reckon}


def _panel(session: Session, instance: Instance) -> dict[str, Any]:
    return user_tasks.told(session, instance.id, "choose_experts")
