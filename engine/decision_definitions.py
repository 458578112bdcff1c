"""Decision tables as they were deployed: a version per key, like processes, and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import decisions, ids
from engine.decisions import BusinessRuleTask, Decision
from engine.errors import DefinitionRefused, Problem
from engine.models import DecisionDefinition, Deployment, Resource


def is_table(file: str) -> bool:
    """Whether a file by this name holds decisions."""
    return file.endswith((".dmn", ".dmn11.xml"))


def findings(files: Mapping[str, bytes]) -> list[Problem]:
    """Everything in the DMN files that would not decide as it is written."""
    problems: list[Problem] = []
    homes: dict[str, str] = {}
    for file in filter(is_table, files):
        try:
            found = decisions.parse(files[file])
        except DefinitionRefused as refusal:
            problems += [replace(each, file=file) for each in refusal.problems]
            continue
        for decision in found:
            home = homes.setdefault(decision.key, file)
            if home != file:
                reason = f"决策“{decision.key}”在 {home} 和 {file} 中都有"
                problems.append(Problem(decision.key, decision.name, reason, file))
    return problems


def deploy(session: Session, deployment: Deployment, files: Mapping[str, bytes], only_changed: bool) -> None:
    """Make a new version of every decision in the DMN files, or only of those that changed."""
    for file in filter(is_table, files):
        for decision in decisions.parse(files[file]):
            _add_version(session, deployment, file, decision, only_changed)


def find(session: Session, key: str) -> DecisionDefinition | None:
    """The latest version of a decision."""
    mine = select(DecisionDefinition).where(DecisionDefinition.key == key)
    return session.scalar(mine.order_by(DecisionDefinition.version.desc()).limit(1))


def asked_by(session: Session, diagrams: Iterable[bytes]) -> dict[str, bytes]:
    """The decisions that the business rule tasks of these diagrams name, as far as there are any: sources by hash."""
    asked = (find(session, task.decision_key) for task in _tasks(diagrams))
    return {definition.sha256: _source(session, definition) for definition in asked if definition}


def unusable(session: Session, diagrams: Iterable[bytes]) -> list[Problem]:
    """Business rule tasks whose decision does not exist, or does not give what they want to set."""
    return [problem for task in _tasks(diagrams) for problem in task.problems(_decision(session, task.decision_key))]


def _tasks(diagrams: Iterable[bytes]) -> Iterator[BusinessRuleTask]:
    return (task for diagram in diagrams for task in decisions.business_rule_tasks(diagram))


def _decision(session: Session, key: str) -> Decision | None:
    definition = find(session, key)
    return decisions.parse(_source(session, definition))[0] if definition else None


def _source(session: Session, definition: DecisionDefinition) -> bytes:
    return session.get_one(Resource, definition.sha256).content


def _add_version(
    session: Session, deployment: Deployment, file: str, decision: Decision, only_changed: bool
) -> None:  # fmt: skip
    sha = sha256(decision.source).hexdigest()
    newest = find(session, decision.key)
    if only_changed and newest and newest.sha256 == sha:
        return
    if session.get(Resource, sha) is None:
        session.add(Resource(sha256=sha, content=decision.source))
        session.flush()
    version = newest.version + 1 if newest else 1
    session.add(
        DecisionDefinition(
            id=f"{decision.key}:{version}:{ids.new()}", key=decision.key, version=version, name=decision.name,
            deployment_id=deployment.id, resource_name=file, sha256=sha,
        )
    )  # fmt: skip
    session.flush()
