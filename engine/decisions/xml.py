"""Finding one's way in a DMN file."""

from __future__ import annotations

from lxml import etree

from engine.errors import Problem

NAMESPACES = {
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd",
    "http://www.omg.org/spec/DMN/20151101/dmn11.xsd",
    "http://www.omg.org/spec/DMN/20180521/MODEL/",
    "https://www.omg.org/spec/DMN/20191111/MODEL/",
}
"""DMN 1.1 (which modelers write in two ways), 1.2 and 1.3."""


def is_dmn(node: etree._Element) -> bool:
    """Whether an element belongs to DMN itself, in a version that is understood."""
    return etree.QName(node).namespace in NAMESPACES


def children(node: etree._Element, kind: str) -> list[etree._Element]:
    return [child for child in node if is_dmn(child) and etree.QName(child).localname == kind]


def child(node: etree._Element, kind: str) -> etree._Element | None:
    return next(iter(children(node, kind)), None)


def text(node: etree._Element | None) -> str:
    """What is written in an element's `text`."""
    written = None if node is None else child(node, "text")
    return "" if written is None else str(written.xpath("string()")).strip()


def problem(node: etree._Element, reason: str) -> Problem:
    """At the element, or at the next one around it that has an id. A rule is told by the number that people see."""
    around = [node, *node.iterancestors()]
    identity = next((each.get("id", "") for each in around if each.get("id")), "")
    name = next((said for each in around if (said := each.get("name") or each.get("label"))), "")
    rule = next((each for each in around if etree.QName(each).localname == "rule"), None)
    return Problem(identity, name, reason if rule is None else f"规则{_number(rule)}：{reason}")


def _number(rule: etree._Element) -> int:
    """As people count the rules of a table, from 1; in a file they stand one after another behind everything else."""
    table = rule.getparent()
    assert table is not None
    return 1 + table.index(rule) - next(place for place, each in enumerate(table) if each.tag == rule.tag)
