"""Every shipped diagram keeps its contract, and versions are made when they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

import bpmn
import forms
from engine import application, assignment, db, deadlines, definitions, instances, spiff
from engine.deadlines import limits
from engine.roles import ROLES
from tests.driver import Bureau

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()


@pytest.mark.parametrize("path", bpmn.diagrams())
def test_a_shipped_diagram_names_only_what_there_is(path: str) -> None:
    application.assemble()
    ((key, name),) = spiff.processes_in(bpmn.read(path))
    assert key == Path(path).stem
    assert name
    called = [
        content for content in map(bpmn.read, bpmn.diagrams())
        if spiff.called_processes(bpmn.read(path)) & {key for key, _ in spiff.processes_in(content)}
    ]  # fmt: skip
    definition = spiff.parse([bpmn.read(path), *called], key)
    for activity in definition.activities.values():
        assert activity.name
        if activity.type == "userTask":
            assert activity.form_key is not None
            assert forms.find(activity.form_key)
            assert set(activity.candidate_groups) <= ROLES | set(assignment.RULES)
            named = deadlines.WRITTEN.fullmatch(activity.due_date or "")
            assert named is not None
            assert named["name"] in limits.DATED
            assert activity.lane in ROLES
        if activity.type == "serviceTask":
            assert activity.delegate in definitions.service_names


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
