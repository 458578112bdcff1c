"""目标: what the plan promises in figures, how far it is, and which documents say so; hard, approximate and aspirational apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, render_template
from flask.typing import ResponseReturnValue

from engine import clock, db, instances
from engine.models import Commitment
from engine.plan import overview
from engine.targets import indicators, measures, progress
from engine.targets.indicators import Verdict
from engine.targets.progress import UNKNOWN, TargetState
from web.wording import Lamp

SHAPES = {
    "met": "green", "on_track": "green", "at_risk": "amber", "missed": "red", "aspiration_missed": "hold", UNKNOWN: "grey",
}  # fmt: skip
HARDNESS = {"硬": "硬性目标", "约": "约数目标（左右，带容差）", "争取": "争取目标（力争，年终评议单列）"}

bp = Blueprint("targets", __name__, url_prefix="/plan/targets")


@bp.get("")
def index() -> ResponseReturnValue:
    with db.reading() as session:
        overview.require_can_view(g.actor)
        plan = overview.current(session)
        points = [point for section in plan.sections for point in section.points] if plan else []
        promising = {each.id: each for point in points for each in point.commitments if each.targets}
        states = progress.states(session, promising.values(), clock.today())
        every = [(promising[each], state) for each, found in states.items() for state in found]
        headline = sorted((row for row in every if row[1].target.headline), key=lambda row: row[1].target.headline or 0)
        others = [row for row in every if not row[1].target.headline]
        behind = [figure.instance_id for _, state in every for figure in (*state.figures, *state.superseded)]
        shown = [*behind, *(each.instance_id for each in promising.values())]
        return render_template(
            "targets.html", groups={"主要目标": headline, "其他目标": others}, hardness=HARDNESS, lamp_of=_lamp,
            labels=[(each, it) for each in promising.values() for it in each.targets if not measures.is_quantity(it)],
            standards=_standards(states, promising), viewable=instances.viewable(session, shown, actor=g.actor), number=measures.shown,
        )  # fmt: skip


def _standards(
    states: Mapping[str, list[TargetState]], promising: Mapping[str, Commitment]
) -> list[tuple[Commitment, Mapping[str, Any], list[Verdict]]]:
    """Commitments that are held against a table of the state, with what it says of them by the figures there are."""
    found = []
    for commitment in promising.values():
        if table := indicators.standard_of(commitment.code):
            known = {state.target.name: state.value for state in states[commitment.id] if state.value is not None}
            found.append((commitment, table, indicators.county_items(table, indicators.values_of(table, known))))
    return found


def _lamp(state: TargetState) -> Lamp:
    return Lamp(SHAPES[state.result], state.word, state.why)
