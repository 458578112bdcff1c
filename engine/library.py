"""What diagrams may name in this installation, gathered for the deployment check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree
from sqlalchemy import select
from sqlalchemy.orm import Session

import forms
from engine import assignment, deployment_check
from engine.deadlines import limits
from engine.decision_definitions import is_table
from engine.deployment_check import Known, Process
from engine.errors import DefinitionRefused
from engine.models import DecisionDefinition, ProcessDefinition, Resource, Unit
from engine.roles import ROLES
from engine.spiff import xml


def known(session: Session, files: Mapping[str, bytes], functions: Iterable[str]) -> Known:
    """What there is, with what comes with these files (name → content)."""
    units = frozenset(session.scalars(select(Unit.key)))
    return Known(
        forms={key: frozenset(_routing(key)) for key in sorted(forms.keys())},
        roles=ROLES,
        rules=frozenset(assignment.RULES),
        units=units or None,
        due_rules=frozenset(limits.DATED),
        given_dates=frozenset(name for name, unit in limits.DATED.items() if unit == limits.SET),
        functions=frozenset(functions),
        processes=_called(session, _processes(files.values())),
        decisions=frozenset(session.scalars(select(DecisionDefinition.key))) | _decisions(files),
    )


def _routing(key: str) -> list[str]:
    return [field.key for field in forms.get(key).fields if field.routing]


def _processes(contents: Iterable[bytes]) -> dict[str, Process]:
    found: dict[str, Process] = {}
    for content in contents:
        try:
            found |= deployment_check.processes(xml.read(content))
        except DefinitionRefused:
            continue  # no diagram, or one that the check refuses itself
    return found


def _called(session: Session, ours: Mapping[str, Process]) -> dict[str, Process]:
    """The deployed processes that ours call, directly or not."""
    found: dict[str, Process] = {}
    to_see = {key for process in ours.values() for key in process.calls}
    while to_see:
        key = to_see.pop()
        if key in ours or key in found:
            continue
        process = _processes(_deployed(session, key)).get(key)
        if process is not None:
            found[key] = process
            to_see |= process.calls
    return found


def _deployed(session: Session, key: str) -> list[bytes]:
    newest = select(ProcessDefinition.bundle).where(ProcessDefinition.key == key)
    bundle = session.scalar(newest.order_by(ProcessDefinition.version.desc()).limit(1))
    return list(session.scalars(select(Resource.content).where(Resource.sha256 == bundle[0]))) if bundle else []


def _decisions(files: Mapping[str, bytes]) -> set[str]:
    """Ids of the decisions in DMN files; whether these are right is told when they are deployed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    roots = [etree.fromstring(content, parser) for file, content in files.items() if is_table(file) and content]
    return {each.get("id", "") for root in roots if root is not None for each in root.iter("{*}decision")}
