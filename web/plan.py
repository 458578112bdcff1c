"""工作要点台账: sections, points and commitments with how they stand, or stood on an earlier day."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from engine import clock, db
from engine.lamps import lamp, picture
from engine.lamps.picture import Picture
from engine.models import Commitment, PlanSection, WorkPlan, WorkPoint
from engine.plan import overview
from web import wording

Section = tuple[PlanSection, list[tuple[WorkPoint, list[Commitment]]]]
"""What is shown of a section."""

bp = Blueprint("plan", __name__, url_prefix="/plan")


@bp.get("")
def index() -> ResponseReturnValue:
    asked = {name: request.args.get(name, "") for name in ("lead", "colour", "on", "known", "point")}
    day, complaint = _day(asked["on"])
    at = clock.end_of(day) if day else clock.now()
    with db.reading() as session:
        overview.require_can_view(g.actor)
        plan = overview.current(session)
        if plan is None:
            return render_template("plan.html", plan=None)
        theirs = WorkPoint.section_id.in_([section.id for section in plan.sections])
        seen = picture.picture(session, at, _known(asked["known"], day), theirs)
        return render_template(
            "plan.html", plan=plan, picture=seen, sections=_narrowed(plan, seen, asked["lead"], asked["colour"]),
            phases=overview.phases(session, plan, at), names=list(overview.PHASES.values()),
            sums=overview.sums(seen.commitments.values()), leads=overview.leads(plan), day=day,
            viewable=overview.viewable(session, plan, g.actor),
            asked=asked, complaint=complaint, colours=wording.SHAPES, words=lamp.WORDS,
        )  # fmt: skip


def _narrowed(plan: WorkPlan, seen: Picture, lead: str, colour: str) -> list[Section]:
    """The sections with those points and commitments that are asked for; empty ones are left out."""

    def wanted(commitment: Commitment) -> bool:
        its = seen.commitments[commitment.id].colour
        return lead in ("", commitment.lead.key) and colour in ("", its)

    shown = [
        (section, [(point, those) for point in section.points if (those := list(filter(wanted, point.commitments)))])
        for section in plan.sections
    ]
    return [(section, points) for section, points in shown if points]


def _day(written: str) -> tuple[date | None, str]:
    """The earlier day that is asked for, or what is wrong with it; None for now."""
    if not written:
        return None, ""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None, "日期应写作2021-09-30，现按今天显示。"
    if day > clock.today():
        return None, "还没有到这一天，现按今天显示。"
    return (day if day < clock.today() else None), ""


def _known(written: str, day: date | None) -> datetime | None:
    """An earlier day is shown as it was known then, unless today's knowledge is asked for."""
    return clock.now() if day and written == "now" else None
