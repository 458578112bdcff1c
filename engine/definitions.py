"""Process definitions: deployed once, never changed, parsed once per process and bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from engine import begins, clock, decision_definitions, decisions, deployment_check, ids, library, spiff
from engine.errors import DefinitionRefused, NotFound, Problem
from engine.models import Deployment, DeploymentResource, ProcessDefinition, Resource

MOST_PARSED = 512

_parsed: dict[str, spiff.Definition] = {}
"""By bundle hash. A bundle never changes, so nothing here can be out of date."""

_parsed_by_id: dict[str, spiff.Definition] = {}

service_names: set[str] = set()
"""Functions that a service task may name; filled by `application.assemble`."""

OURS = "bihuan"
"""The source of the deployments that come with the product."""


def deploy(
    session: Session,
    name: str,
    files: Mapping[str, bytes],
    *,
    actor_id: str | None = None,
    source: str | None = None,
    only_changed: bool = True,
) -> tuple[Deployment, list[ProcessDefinition]]:
    """Store the files and make a new version of every process and decision, or only of those that changed.

    Refused as a whole, with every problem of every file, if any of them could not be run as drawn.
    """
    diagrams = {
        file: content for file, content in files.items() if file.endswith((".bpmn", ".bpmn20.xml", ".bpmn.xml"))
    }
    if not diagrams and not any(map(decision_definitions.is_table, files)):
        raise DefinitionRefused([Problem("", "", "没有 .bpmn 或 .dmn 文件")])
    known = library.known(session, files, service_names)
    if source == OURS:
        # They name departments of the bureau they were drawn for; another one gives those steps to its own people.
        known = replace(known, units=None)
    findings = deployment_check.findings(diagrams, known) + decision_definitions.findings(files)
    if findings:
        raise DefinitionRefused(findings)
    homes = {key: file for file, content in diagrams.items() for key, _ in spiff.processes_in(content)}
    deployment = Deployment(
        id=ids.new(), name=name, source=source, deployed_at=clock.now(), deployed_by_id=actor_id
    )  # fmt: skip
    session.add(deployment)
    _store(session, deployment, files)
    # Before the processes, so that their business rule tasks find what came with them as the latest.
    decision_definitions.deploy(session, deployment, files, only_changed)
    changed: list[ProcessDefinition] = []
    problems: list[Problem] = []
    for file, content in diagrams.items():
        for key, title in spiff.processes_in(content) or [("", "")]:
            try:
                bundle = _bundle(session, key, file, diagrams, homes)
                problems += decision_definitions.unusable(session, bundle.values())
                definition = _parse(bundle.values(), key)
            except DefinitionRefused as refusal:
                problems += refusal.problems
                continue
            version = _new_version(session, deployment, key, title, file, list(bundle), only_changed)
            if version is not None:
                begins.listen(session, version, definition)
                changed.append(version)
    if problems:
        raise DefinitionRefused(list(dict.fromkeys(problems)))
    session.flush()
    return deployment, changed


def latest(session: Session, key: str) -> ProcessDefinition:
    newest = select(ProcessDefinition).where(ProcessDefinition.key == key).order_by(ProcessDefinition.version.desc())
    found = session.scalar(newest.limit(1))
    if found is None:
        raise NotFound(f"no process definition with key {key}", advice=f"没有流程“{key}”。")
    return found


def get(session: Session, definition_id: str) -> ProcessDefinition:
    found = session.get(ProcessDefinition, definition_id)
    if found is None:
        raise NotFound(f"no process definition {definition_id}", advice="没有这个流程定义。")
    return found


def parsed(session: Session, definition: ProcessDefinition) -> spiff.Definition:
    """What the engine runs; parsed at most once per process for all instances of a bundle."""
    known = _parsed.get(definition.bundle_hash)
    if known is None:
        known = _parse([_content(session, sha) for sha in definition.bundle], definition.key)
        if len(_parsed) >= MOST_PARSED:
            _parsed.clear()
        _parsed[definition.bundle_hash] = known
    return known


def parsed_by_id(session: Session, definition_id: str) -> spiff.Definition:
    """The same by id, without a look into the database if it is known: a definition never changes."""
    known = _parsed_by_id.get(definition_id)
    if known is None:
        if len(_parsed_by_id) >= MOST_PARSED:
            _parsed_by_id.clear()
        known = _parsed_by_id[definition_id] = parsed(session, get(session, definition_id))
    return known


def xml_of(session: Session, definition: ProcessDefinition, process_key: str | None = None) -> bytes:
    """The file a process of the bundle is drawn in: the definition's own, or one it calls."""
    wanted = process_key or definition.key
    for sha in definition.bundle:
        content = _content(session, sha)
        if not decisions.is_dmn(content) and any(key == wanted for key, _ in spiff.processes_in(content)):
            return content
    return _content(session, definition.bundle[0])


def _content(session: Session, sha: str) -> bytes:
    content = session.scalar(select(Resource.content).where(Resource.sha256 == sha))
    assert content is not None, f"resource {sha} is missing"
    return content


def _store(session: Session, deployment: Deployment, files: Mapping[str, bytes]) -> None:
    hashes = {file: sha256(content).hexdigest() for file, content in files.items()}
    known = set(session.scalars(select(Resource.sha256).where(Resource.sha256.in_(hashes.values()))))
    contents = {hashes[file]: content for file, content in files.items()}
    session.add_all(Resource(sha256=sha, content=contents[sha]) for sha in contents.keys() - known)
    session.flush()
    deployment.resources += [DeploymentResource(name=file, sha256=sha) for file, sha in hashes.items()]


def _bundle(
    session: Session, key: str, file: str, diagrams: Mapping[str, bytes], homes: Mapping[str, str]
) -> dict[str, bytes]:
    """Contents by hash: the process's own file first, then those of all it calls, directly or not, then decisions."""
    bundle = {sha256(diagrams[file]).hexdigest(): diagrams[file]}
    seen, to_see = {key}, set(spiff.called_processes(diagrams[file]))
    while to_see:
        called = to_see.pop()
        if called in seen:
            continue
        seen.add(called)
        content = diagrams[homes[called]] if called in homes else _deployed(session, called)
        bundle[sha256(content).hexdigest()] = content
        to_see |= spiff.called_processes(content)
    return bundle | decision_definitions.asked_by(session, bundle.values())


def _parse(bundle: Iterable[bytes], key: str) -> spiff.Definition:
    contents = list(bundle)
    diagrams = [content for content in contents if not decisions.is_dmn(content)]
    tables = [content for content in contents if decisions.is_dmn(content)]
    return spiff.parse(diagrams, key, [decision for table in tables for decision in decisions.parse(table)])


def _deployed(session: Session, key: str) -> bytes:
    try:
        return _content(session, latest(session, key).bundle[0])
    except NotFound as missing:
        raise DefinitionRefused([Problem(key, "", f"调用的流程“{key}”不存在")]) from missing


def _new_version(
    session: Session, deployment: Deployment, key: str, title: str, file: str, bundle: list[str], only_changed: bool
) -> ProcessDefinition | None:
    bundle_hash = sha256(" ".join([key, *bundle]).encode()).hexdigest()
    newest = select(func.max(ProcessDefinition.version)).where(ProcessDefinition.key == key)
    version = session.scalar(newest) or 0
    if only_changed and version and latest(session, key).bundle_hash == bundle_hash:
        return None
    definition = ProcessDefinition(
        id=f"{key}:{version + 1}:{ids.new()}", key=key, version=version + 1, name=title, deployment_id=deployment.id,
        resource_name=file, bundle=bundle, bundle_hash=bundle_hash,
    )  # fmt: skip
    session.add(definition)
    session.flush()
    return definition
