"""What an inspector fills in on a visit, for stories that are about something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from engine import clock, db
from engine.models import Visit
from engine.supervision import visits

SEEN = "三楼西侧通道堆放课桌12张"


def answers(instance_id: str, problems: Mapping[str, Mapping[str, Any]] | None = None, **told: Any) -> dict[str, Any]:
    """A whole visit that the school confirms on the spot: all is well, but for these questions."""
    with db.reading() as session:
        visit = session.scalars(select(Visit).where(Visit.instance_id == instance_id)).one()
        asked = [question.key for question in visits.questions(visit)]
    wrong = problems or {}
    assert set(wrong) <= set(asked), f"not asked here: {set(wrong) - set(asked)}"
    return {
        "visited_on": clock.today().isoformat(), "arrived_at": "9:10", "accompanied_by": "副校长 孙立",
        "answers": [
            {"item": key, "result": "problem", **problem(), **wrong[key]} if key in wrong else {"item": key, "result": "pass"}
            for key in asked
        ],
        "summary": "推门听课两节，查看台账", "confirmation": "signed", "confirmed_by": "副校长 孙立", **told,
    }  # fmt: skip


def problem() -> dict[str, Any]:
    return {
        "seen": SEEN, "severity": "一般", "mode": "立行立改", "criteria": "通道已清理并保持畅通",
        "rectify_by": (clock.today() + timedelta(days=30)).isoformat(), "evidence_kinds": "文件、照片",
    }  # fmt: skip


def fields(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same as a page sends it."""
    sent = {key: value for key, value in told.items() if key != "answers"}
    for number, row in enumerate(told.get("answers", [])):
        sent |= {f"answers.{number}.{key}": value for key, value in row.items()}
    return sent
