"""Reading uploaded XML safely, and what a diagram says beyond BPMN's core."""

from __future__ import annotations

from lxml import etree

from engine.errors import DefinitionRefused, Problem
from engine.spiff.definition import Activity

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"
NAMESPACES = {"bpmn": BPMN, "camunda": CAMUNDA}
MAX_BYTES = 2_000_000


def read(content: bytes) -> etree._Element:
    """The root of a BPMN file. A DOCTYPE is refused whatever is in it; nothing outside the file is ever fetched."""
    if len(content) > MAX_BYTES:
        raise _refused("文件超过 2 MB")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise _refused(f"不是完整的 XML（{error.msg}）") from error
    if str(root.getroottree().docinfo.doctype):  # type: ignore[union-attr]
        raise _refused("不接受带 DOCTYPE 的文件")
    if root.tag != f"{{{BPMN}}}definitions":
        raise _refused("不是 BPMN 2.0 文件：根元素应为 definitions")
    return root


def activities(process: etree._Element, process_key: str) -> dict[tuple[str, str], Activity]:
    """Every flow node directly in a process or sub-process, by `(process key, element id)`."""
    lanes = {
        (ref.text or "").strip(): lane.get("id")
        for lane in process.iterfind(".//bpmn:lane", NAMESPACES)
        for ref in lane.iterfind("bpmn:flowNodeRef", NAMESPACES)
    }
    return {
        (process_key, node.get("id", "")): _activity(node, process_key, lanes.get(node.get("id", "")))
        for node in process
        if _is_flow_node(node)
    }


def _is_flow_node(node: etree._Element) -> bool:
    name = etree.QName(node).localname
    return name.endswith(("Task", "Event", "Gateway", "SubProcess")) or name in (
        "task", "subProcess", "callActivity", "transaction",
    )  # fmt: skip


def _activity(node: etree._Element, process_key: str, lane: str | None) -> Activity:
    groups = _listed(node, "candidateGroups") + tuple(f"user:{login}" for login in _listed(node, "candidateUsers"))
    properties = node.iterfind("bpmn:extensionElements/camunda:properties/camunda:property", NAMESPACES)
    return Activity(
        process_key=process_key,
        id=node.get("id", ""),
        type=etree.QName(node).localname,
        name=node.get("name", ""),
        lane=lane,
        form_key=node.get(f"{{{CAMUNDA}}}formKey"),
        assignee=node.get(f"{{{CAMUNDA}}}assignee"),
        candidate_groups=groups,
        due_date=node.get(f"{{{CAMUNDA}}}dueDate"),
        delegate=delegate_of(node),
        properties={p.get("name", ""): p.get("value", "") for p in properties},
    )


def _listed(node: etree._Element, attribute: str) -> tuple[str, ...]:
    written = node.get(f"{{{CAMUNDA}}}{attribute}", "")
    return tuple(each.strip() for each in written.split(",") if each.strip())


def delegate_of(node: etree._Element) -> str | None:
    """The function a service task names: `${finding.close}` or `finding.close`."""
    value = node.get(f"{{{CAMUNDA}}}delegateExpression")
    return value.removeprefix("${").removesuffix("}").strip() if value else None


def _refused(reason: str) -> DefinitionRefused:
    return DefinitionRefused([Problem("", "", reason)])
