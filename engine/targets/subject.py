"""What an instance is about: its commitment or work point, and what a form may choose from there."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.models import Commitment, ProcessInstance, Target, WorkPoint
from engine.options import Choices
from engine.runtime import Instance
from engine.targets import measures


def commitment_of(session: Session, instance: Instance | ProcessInstance) -> Commitment:
    """For what runs below a commitment, by the way it is drawn."""
    found = find_commitment(session, instance.id)
    assert found is not None, f"{instance.definition_key} runs below a commitment"
    return found


def point_of(session: Session, instance: Instance) -> WorkPoint:
    return session.scalars(select(WorkPoint).where(WorkPoint.instance_id == instance.id)).one()


def find_commitment(session: Session, instance_id: str | None) -> Commitment | None:
    """The commitment that an instance runs, or belongs to as a child or grandchild."""
    while instance_id:
        found = session.scalar(select(Commitment).where(Commitment.instance_id == instance_id))
        if found is not None:
            return found
        instance_id = session.scalar(select(ProcessInstance.parent_id).where(ProcessInstance.id == instance_id))
    return None


def quantities(commitment: Commitment) -> list[Target]:
    return [target for target in commitment.targets if measures.is_quantity(target)]


def _targets(session: Session, instance_id: str | None) -> Choices:
    commitment = find_commitment(session, instance_id)
    return [(str(each.number), measures.promise(each)) for each in quantities(commitment)] if commitment else []


def _evidence_kinds(session: Session, instance_id: str | None) -> Choices:
    commitment = find_commitment(session, instance_id)
    return [(kind, kind) for kind in commitment.evidence] if commitment else []


SOURCES: dict[str, Callable[[Session, str | None], Choices]] = {
    "targets": _targets, "evidence_kinds": _evidence_kinds,
}  # fmt: skip
