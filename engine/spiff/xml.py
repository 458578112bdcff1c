"""What a diagram says beyond BPMN's core."""

from __future__ import annotations

from lxml import etree

from engine import safe_xml
from engine.spiff.definition import Activity

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
NAMESPACES = {"bpmn": BPMN, "camunda": CAMUNDA}


def read(content: bytes) -> etree._Element:
    """The root of a BPMN file."""
    root = safe_xml.read(content)
    if root.tag != f"{{{BPMN}}}definitions":
        raise safe_xml.refused("不是 BPMN 2.0 文件：根元素应为 definitions")
    return root


def lanes(scope: etree._Element) -> dict[str, str | None]:
    """Element id → its lane: the id, without what tells lanes of one role in one file apart (`officer__period`)."""
    return {
        (ref.text or "").strip(): (lane.get("id") or "").partition("__")[0] or None
        for lane in scope.iterfind(".//bpmn:lane", NAMESPACES)
        for ref in lane.iterfind("bpmn:flowNodeRef", NAMESPACES)
    }


def activity(node: etree._Element, process_key: str, lane: str | None) -> Activity:
    """What a flow node tells people and clients."""
    groups = _listed(node, "candidateGroups") + tuple(f"user:{login}" for login in _listed(node, "candidateUsers"))
    return Activity(
        process_key=process_key,
        id=node.get("id", ""),
        type=etree.QName(node).localname,
        name=node.get("name", ""),
        lane=lane,
        form_key=camunda(node, "formKey"),
        assignee=camunda(node, "assignee"),
        candidate_groups=groups,
        due_date=camunda(node, "dueDate"),
        delegate=delegate_of(node),
        properties=properties(node),
    )


def properties(node: etree._Element) -> dict[str, str]:
    found = node.iterfind("bpmn:extensionElements/camunda:properties/camunda:property", NAMESPACES)
    return {each.get("name", ""): each.get("value", "") for each in found}


def camunda(node: etree._Element, attribute: str) -> str | None:
    return node.get(f"{{{CAMUNDA}}}{attribute}")


def name_of(node: etree._Element, child: str) -> str | None:
    """The variable that a data item below a node stands for."""
    item = node.find(f"bpmn:{child}", NAMESPACES)
    return None if item is None else item.get("name") or item.get("id")


def link_of(node: etree._Element) -> str | None:
    """The name of a link event."""
    link = node.find("bpmn:linkEventDefinition", NAMESPACES)
    return None if link is None else link.get("name") or ""


def _listed(node: etree._Element, attribute: str) -> tuple[str, ...]:
    written = camunda(node, attribute) or ""
    return tuple(each.strip() for each in written.split(",") if each.strip())


def delegate_of(node: etree._Element) -> str | None:
    """The function a service task names: `${finding.close}` or `finding.close`."""
    value = camunda(node, "delegateExpression")
    return value.removeprefix("${").removesuffix("}").strip() if value else None
