"""Every shipped diagram is drawn for people, and is what the standard says a file must be."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from lxml import etree

import bpmn
from tests.engine import layout

DIAGRAMS = [path for path in bpmn.paths() if path.endswith(".bpmn")]
SCHEMA = resources.files("SpiffWorkflow.bpmn.parser") / "schema" / "BPMN20.xsd"


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    with resources.as_file(SCHEMA) as file:
        return etree.XMLSchema(etree.parse(file))


@pytest.mark.parametrize("path", DIAGRAMS)
def test_a_shipped_diagram_is_drawn_without_fault(path: str) -> None:
    assert layout.faults(layout.read(bpmn.read(path))) == []


@pytest.mark.parametrize("path", DIAGRAMS)
def test_a_shipped_diagram_is_valid_by_the_schema_of_the_standard(path: str, schema: etree.XMLSchema) -> None:
    schema.assertValid(etree.fromstring(bpmn.read(path)))


@pytest.mark.parametrize("path", DIAGRAMS)
def test_a_shipped_diagram_survives_being_read_and_written(path: str) -> None:
    content = bpmn.read(path)
    written = etree.tostring(etree.fromstring(content), xml_declaration=True, encoding="UTF-8", pretty_print=True)
    assert _canonical(written) == _canonical(content)
    assert layout.read(written) == layout.read(content)


def _canonical(content: bytes) -> bytes:
    return etree.tostring(etree.fromstring(content, etree.XMLParser(remove_blank_text=True)), method="c14n2")


def test_no_two_work_points_look_alike() -> None:
    """Each has steps of its own beside the five phases that all share."""
    own = {
        path: frozenset(
            element.get("name") for element in etree.fromstring(bpmn.read(path)).iter(f"{layout.BPMN}*")
            if etree.QName(element).localname.endswith("Task") or etree.QName(element).localname == "callActivity"
        )
        for path in DIAGRAMS if path.startswith("work_points/")
    }  # fmt: skip
    assert len(own) == 19
    shared = frozenset.intersection(*own.values())
    assert len(shared) == 5
    assert all(len(names - shared) >= 2 for names in own.values())
    assert len(set(own.values())) == 19


def test_the_folder_holds_a_diagram_for_every_shape() -> None:
    assert len([path for path in DIAGRAMS if Path(path).parent.name == "shapes"]) == 20
