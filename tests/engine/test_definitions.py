"""Every shipped diagram keeps its contract, and versions are made when they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

import bpmn
import forms
from engine import application, assignment, db, deadlines, decisions, definitions, instances, spiff
from engine.deadlines import limits
from engine.roles import ROLES
from tests.driver import Bureau

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()


CONTENTS = {path: bpmn.read(path) for path in bpmn.paths() if path.endswith(".bpmn")}
TABLES = [
    decision for path in bpmn.paths() if path.endswith(".dmn") for decision in decisions.parse(bpmn.read(path))
]  # fmt: skip
HOMES = {key: path for path, content in CONTENTS.items() for key, _ in spiff.processes_in(content)}


@pytest.mark.parametrize("key", HOMES)
def test_a_shipped_process_names_only_what_there_is(key: str) -> None:
    application.assemble()
    home = HOMES[key]
    assert key == Path(home).stem or key.startswith(f"{Path(home).stem}_")
    definition = spiff.parse([CONTENTS[path] for path in _with_called(home)], key, TABLES)
    for activity in definition.activities.values():
        if not activity.type.endswith("Gateway"):
            assert activity.name, activity.id
        if activity.type == "userTask":
            assert activity.form_key is not None, activity.id
            assert forms.find(activity.form_key), activity.form_key
            plain = {group for group in activity.candidate_groups if "$" not in group}
            assert {group.partition("@")[0] for group in plain} <= ROLES | set(assignment.RULES)
            named = deadlines.WRITTEN.fullmatch(activity.due_date or "")
            assert named is not None, activity.id
            assert named["name"] in limits.DATED
            assert activity.lane in ROLES
        if activity.type == "serviceTask":
            assert activity.delegate in definitions.service_names


def _with_called(path: str) -> list[str]:
    """The file and those of all that its processes call, directly or not."""
    found, to_see = [path], [path]
    while to_see:
        for called in spiff.called_processes(CONTENTS[to_see.pop()]):
            if HOMES[called] not in found:
                found.append(HOMES[called])
                to_see.append(HOMES[called])
    return found


def test_a_new_version_leaves_running_instances_on_theirs(bureau: Bureau) -> None:
    changed = HOLIDAY.replace(b'id="decide" name="Decide"', b'id="choose" name="Choose"').replace(
        b'"decide"', b'"choose"'
    )
    with db.transaction() as session:
        definitions.deploy(session, "one", {"holiday.bpmn": HOLIDAY})
        first = instances.start(session, "holiday", actor=None)
        _, unchanged = definitions.deploy(session, "again", {"holiday.bpmn": HOLIDAY})
        assert unchanged == []
        _, (second,) = definitions.deploy(session, "two", {"holiday.bpmn": changed})
        assert second.version == 2
        later = instances.start(session, "holiday", actor=None)
    assert list(bureau.open_tasks(first.id)) == ["decide"]
    assert list(bureau.open_tasks(later.id)) == ["choose"]
