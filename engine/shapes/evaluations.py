"""政府履职评价 (SH17): scores by the scheme's indicators, and the grade that the decision tables give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import user_tasks
from engine.decisions import shipped
from engine.identity import Actor
from engine.models import ProcessInstance
from engine.options import Choices
from engine.runtime import Instance

FULL = 100


def total(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> dict[str, Any]:
    """What the tables ask for: points in all, and how many events lower the grade."""
    scored = user_tasks.told(session, instance.id, "score_unit")
    return {"score": round(sum(row["score"] for row in scored["scores"]), 2), "incidents": len(scored["incidents"])}


def _check_scheme(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    weights = round(sum(row["weight"] for row in data["indicators"]), 2)
    if weights != FULL:
        raise ValidationError({"indicators": [f"各项分值合计{weights:g}分，须为{FULL}分"]})


def _check_score(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    most = [row["weight"] for row in _indicators(session, instance.id)]
    wrong = {
        f"scores.{number}.score": [f"第{number + 1}行 得分：不能超过该项分值{weight:g}分（评价方案）"]
        for number, (row, weight) in enumerate(zip(data["scores"], most, strict=True))
        if row["score"] > weight
    }
    if wrong:
        raise ValidationError(wrong)


def _evaluation_indicators(session: Session, instance_id: str | None) -> Choices:
    return [
        (str(number), f"{row['name']}（{row['weight']:g}分）")
        for number, row in enumerate(_indicators(session, instance_id), 1)
    ]


def _evaluation_result(session: Session, instance_id: str | None) -> Choices:
    """The one result there is, to be confirmed or returned, never chosen."""
    scored = user_tasks.submissions(session, instance_id, "score_unit") if instance_id else []
    if not scored:
        return []
    points, events = sum(row["score"] for row in scored[-1].data["scores"]), len(scored[-1].data["incidents"])
    first = shipped.decide("evaluation_grade", {"score": points})["grade"]
    final = shipped.decide("evaluation_downgrade", {"grade": first, "incidents": events})["grade"]
    told = f"{points:g}分，{final}" + (f"（由{first}降等）" if final != first else "")
    return [(told, told)]


def _indicators(session: Session, instance_id: str | None) -> list[dict[str, Any]]:
    parent = session.scalar(select(ProcessInstance.parent_id).where(ProcessInstance.id == instance_id))
    drafted = user_tasks.submissions(session, parent, "draft_scheme") if parent else []
    return list(drafted[-1].data["indicators"]) if drafted else []


TABLE = {"evaluation.total": total}
CHECKS = {"evaluation.scheme": _check_scheme, "evaluation.score": _check_score}
SOURCES = {"evaluation_indicators": _evaluation_indicators, "evaluation_result": _evaluation_result}
