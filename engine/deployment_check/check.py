"""Walking through the files along the tables, and putting all findings together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lxml import etree

from engine.deployment_check import events, flows, graph, references, table
from engine.deployment_check.elements import (
    Check,
    Diagram,
    Element,
    Findings,
    Known,
    children,
    executable,
    kind,
    problem,
    processes,
    scopes,
    text,
)
from engine.errors import DefinitionRefused, Problem
from engine.spiff import xml

ID = re.compile(r"[^\W\d][\w.\-]*")
"""An NCName: what XML takes for an id."""


def findings(files: Mapping[str, bytes], known: Known) -> list[Problem]:
    """Every finding of every file (name → content), in the order of the files and of their elements."""
    roots, unreadable = _read(files)
    own = {key: process for root in roots.values() for key, process in processes(root).items()}
    diagrams = [Diagram(file, root, known, {**known.processes, **own}) for file, root in roots.items()]
    found = {diagram.file: list(_of_file(diagram)) for diagram in diagrams}
    found = {**unreadable, **found}
    for file, repeated in _repeated_keys(diagrams):
        found[file].append(repeated)
    return [replace(each, file=file) for file in files for each in dict.fromkeys(found[file])]


def _read(files: Mapping[str, bytes]) -> tuple[dict[str, Element], dict[str, list[Problem]]]:
    roots, unreadable = {}, {}
    for file, content in files.items():
        try:
            roots[file] = xml.read(content)
        except DefinitionRefused as refusal:
            unreadable[file] = list(refusal.problems)
    return roots, unreadable


def _repeated_keys(diagrams: list[Diagram]) -> Iterator[tuple[str, Problem]]:
    first: dict[str, str] = {}
    for diagram in diagrams:
        for process in executable(diagram.root):
            home = first.setdefault(process.get("id", ""), diagram.file)
            if home != diagram.file:
                yield diagram.file, problem(process, f"流程 id 与“{home}”里的重复，请改名")


def _of_file(diagram: Diagram) -> Findings:
    if not executable(diagram.root):
        drawn = children(diagram.root, "process") or [diagram.root]
        yield problem(drawn[0], '文件中没有可执行的流程，请在 process 上写 isExecutable="true"')
    yield from _ids(diagram.root)
    yield from _element(diagram, diagram.root)
    for process in executable(diagram.root):
        yield from _process(diagram, process)


def _process(diagram: Diagram, process: Element) -> Findings:
    inside = list(scopes(process))
    too_large = list(_too_large(inside))
    yield from too_large
    for scope in inside:
        yield from flows.of_scope(diagram, scope)
        yield from events.of_scope(diagram, scope)
        if not too_large:
            yield from graph.of_scope(diagram, scope)
    yield from _lanes(process)


def _too_large(inside: list[Element]) -> Findings:
    process = inside[0]
    for name, word, kinds in (("nodes", "环节", table.FLOW_NODES), ("flows", "顺序流", {"sequenceFlow"})):
        count = sum(len(children(scope, *kinds)) for scope in inside)
        if count > table.LIMITS[name]:
            yield problem(process, f"有 {count} 个{word}，最多 {table.LIMITS[name]} 个，请拆成几个流程用调用活动连起来")
    for scope in inside:
        depth = sum(1 for outer in scope.iterancestors() if kind(outer) in table.SUB_PROCESSES)
        if depth == table.LIMITS["nesting"] and kind(scope) != "process":
            yield problem(scope, f"子流程嵌套超过 {depth} 层，请改用调用活动")


def _lanes(process: Element) -> Findings:
    drawn = {each.get("id") for scope in scopes(process) for each in children(scope, *table.FLOW_NODES)}
    for reference in process.iter(f"{{{xml.BPMN}}}flowNodeRef"):
        if text(reference) not in drawn:
            yield problem(reference, f"泳道里的环节“{text(reference)}”不存在，请删除 flowNodeRef")


def _ids(root: Element) -> Findings:
    seen = set()
    for each in root.iter(f"{{{xml.BPMN}}}*"):
        identity = each.get("id")
        if identity in seen:
            yield problem(each, f"id “{identity}”重复，请改名")
        elif identity is not None:
            seen.add(identity)


def _element(diagram: Diagram, element: Element) -> Findings:
    """An element that the tables allow where it stands: its attributes, what it says, what stands in it."""
    own = kind(element)
    yield from _attributes(element)
    if own in table.FLOW_NODES | {"sequenceFlow", "process"}:
        yield from _identity(element)
    yield from _once(element)
    for checks in CHECKS:
        for check in checks.get(own, ()):
            yield from check(diagram, element)
    for child in element:
        yield from _child(diagram, element, child)


def _child(diagram: Diagram, element: Element, child: Element) -> Findings:
    inner, outer = kind(child), kind(element)
    if inner == "extensionElements":
        yield from _extensions(element, child)
    elif not inner:
        yield from _foreign(child, child, child.tag, "元素")
    elif inner in table.HARMLESS - table.NOT_HARMLESS_IN.get(outer, frozenset()):
        return
    elif inner not in table.INSIDE.get(outer, frozenset()):
        yield problem(child, _why_not(inner, outer))
    elif inner == "process" and child.get("isExecutable") != "true":
        yield from _not_executed(child)
    else:
        yield from _element(diagram, child)


def _not_executed(process: Element) -> Findings:
    """A process that is only drawn may hold anything, but must say so."""
    if "isExecutable" not in process.attrib:
        yield problem(process, "流程没有写 isExecutable，请写 true 或 false")
    yield from _attributes(process)


def _once(element: Element) -> Findings:
    for inner, times in Counter(kind(each) for each in element).items():
        if times > 1 and inner in table.ONCE:
            yield problem(element, f"{inner} 只能写一个，请删除多余的")


def _why_not(inner: str, outer: str) -> str:
    if inner in table.REASONS:
        return table.REASONS[inner]
    if inner.endswith("EventDefinition"):
        return f"此处不支持{table.KINDS.get(inner.removesuffix('EventDefinition'), inner)}事件"
    return f"{outer} 里不支持 {inner}，请删除或改画"


def _identity(element: Element) -> Findings:
    identity = element.get("id")
    if not identity:
        yield problem(element, f"{kind(element)}（第 {element.sourceline} 行）没有 id，请补上")
    elif not ID.fullmatch(identity):
        yield problem(element, "id 须以字母开头，只含字母、数字和 _ - .")
    elif len(identity) > table.LIMITS["id"]:
        yield problem(element, f"id 超过 {table.LIMITS['id']} 个字符，请缩短")


def _attributes(element: Element) -> Findings:
    own = kind(element)
    allowed = table.ATTRIBUTES.get(own, frozenset()) | {"id", "name"}
    for written, value in element.attrib.items():
        name = etree.QName(str(written))
        if name.namespace is None:
            yield from _attribute(element, name.localname, str(value), allowed)
        elif name.namespace != xml.CAMUNDA:
            yield from _foreign(element, element, str(written), "属性")
        elif name.localname not in table.CAMUNDA_ATTRIBUTES.get(own, frozenset()):
            yield from _not_honoured(element, name.localname, f"{own} 上不支持，请删除")


def _attribute(element: Element, name: str, value: str, allowed: frozenset[str]) -> Findings:
    if name not in allowed:
        yield problem(element, f"{kind(element)} 上不支持属性 {name}，请删除")
    elif name in table.VALUES and value not in table.VALUES[name][0]:
        yield problem(element, f"{name}=“{value}”：{table.VALUES[name][1]}")


def _extensions(element: Element, extensions: Element) -> Findings:
    for each in extensions:
        name = etree.QName(each)
        if name.namespace != xml.CAMUNDA:
            yield from _foreign(element, each, each.tag, "扩展")
        elif name.localname == "properties":
            yield from _properties(element)
        elif not _shares_everything(kind(element), each):
            yield from _not_honoured(element, name.localname, "不支持，请删除")


def _not_honoured(element: Element, name: str, otherwise: str) -> Findings:
    if name not in table.HARMLESS_CAMUNDA:
        yield problem(element, f"camunda:{name}：{table.CAMUNDA_REASONS.get(name, otherwise)}")


def _foreign(element: Element, place: Element, name: str, word: str) -> Findings:
    if etree.QName(name).namespace not in table.HARMLESS_NAMESPACES:
        yield problem(element, f"不认识的{word} {_prefixed(place, name)}，请删除")


def _shares_everything(own: str, mapping: Element) -> bool:
    """`camunda:in variables="all"` on a call says what happens anyway."""
    is_mapping = own == "callActivity" and etree.QName(mapping).localname in ("in", "out")
    return is_mapping and mapping.attrib.items() == [("variables", "all")]


def _properties(element: Element) -> Findings:
    for name in xml.properties(element):
        if name not in table.PROPERTIES:
            yield problem(element, f"不认识的属性“{name}”，可用的有 {'、'.join(table.PROPERTIES)}")
        elif kind(element) not in table.PROPERTIES[name]:
            yield problem(element, f"属性 {name} 在此处不起作用，请删除")


def _prefixed(element: Element, tag: str) -> str:
    name = etree.QName(tag)
    prefixes = {address: prefix for prefix, address in element.nsmap.items() if prefix}
    return f"{prefixes.get(name.namespace, name.namespace)}:{name.localname}" if name.namespace else name.localname


def _participant(diagram: Diagram, participant: Element) -> Findings:
    reference = participant.get("processRef")
    if reference is not None and reference not in {each.get("id") for each in children(diagram.root, "process")}:
        yield problem(participant, f"泳池指向的流程“{reference}”不在文件里，请改正 processRef")


def _data_association(diagram: Diagram, association: Element) -> Findings:
    """A picture of data on their way, if both its ends exist."""
    data = "data", "property", "inputDataItem", "outputDataItem"
    for end in children(association, "sourceRef", "targetRef"):
        meant = diagram.ids.get(text(end))
        if meant is None or not kind(meant).startswith(data):
            yield problem(association, f"数据关联的一端“{text(end)}”不是数据，请改正或删除数据关联")


OWN: dict[str, tuple[Check, ...]] = {
    "participant": (_participant,),
    "dataInputAssociation": (_data_association,),
    "dataOutputAssociation": (_data_association,),
}

CHECKS = (OWN, references.CHECKS, events.CHECKS)
"""Element → what else is looked at, beyond the tables."""
