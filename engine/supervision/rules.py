"""Who may close a finding, and when: whatever the diagram says, these hold."""

from __future__ import annotations

from collections.abc import Set

from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import Finding


def can_close(actor: Actor | None, finding: Finding, rectifiers: Set[str]) -> bool:
    """An inspector of the inspectorate closes, never one who rectified, never anybody of the unit itself."""
    return (
        actor is not None
        and actor.roles & {"inspector", "inspectorate_office"} != frozenset()
        and actor.id not in rectifiers
        and finding.unit.key not in actor.units
    )


def require_can_close(actor: Actor | None, finding: Finding, rectifiers: Set[str]) -> None:
    if not rectifiers:
        raise InvalidState(f"finding {finding.number} has no rectification", advice="还没有整改报告，不能销号。")
    if finding.closed_at is not None:
        raise InvalidState(f"finding {finding.number} is closed", advice="这条问题已经销号。")
    if not can_close(actor, finding, rectifiers):
        raise NotAllowed(
            f"finding {finding.number}", advice="不能由您销号：核查人须是督学，且不得是整改人或被督导单位的人。"
        )
