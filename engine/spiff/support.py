"""What the engine runs, as a table. Everything else is refused when it is deployed: nothing is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.errors import Problem
from engine.spiff import xml
from forms import expressions

EVENTS = {
    "startEvent": {"", "message"},
    "intermediateCatchEvent": {"message", "timer"},
    "boundaryEvent": {"timer", "message"},
    "endEvent": {"", "terminate"},
}
"""Event element → the definitions it may carry ("" = none)."""

NODES = {
    "task", "userTask", "manualTask", "serviceTask", "scriptTask", "receiveTask", "callActivity", "subProcess",
    "exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", *EVENTS,
}  # fmt: skip

BESIDE = {
    "sequenceFlow", "laneSet", "documentation", "extensionElements", "textAnnotation", "association", "group",
    "dataObject", "dataObjectReference", "incoming", "outgoing", "multiInstanceLoopCharacteristics", "ioSpecification",
    "standardLoopCharacteristics",
}  # fmt: skip
"""What may stand in a process beside its flow nodes."""


def unsupported(root: etree._Element) -> Iterator[Problem]:
    """Everything in a file that would not be run as drawn, with the element that shows it."""
    processes = root.findall("bpmn:process", xml.NAMESPACES)
    if not any(process.get("isExecutable") == "true" for process in processes):
        yield Problem("", "", "文件中没有可执行的流程（isExecutable）")
    yield from _duplicates(root)
    for process in processes:
        yield from _inside(process)


def _inside(scope: etree._Element) -> Iterator[Problem]:
    for node in scope:
        kind = etree.QName(node).localname
        if kind in EVENTS:
            yield from _event(node, kind)
        elif kind not in NODES and kind not in BESIDE:
            yield _problem(node, f"不支持的元素 {kind}")
        if kind == "subProcess":
            if node.get("triggeredByEvent") == "true":
                yield _problem(node, "不支持事件子流程")
            yield from _inside(node)
        elif kind == "sequenceFlow":
            yield from _flow(node)
        elif kind == "serviceTask" and not xml.delegate_of(node):
            yield _problem(node, "服务任务须用 camunda:delegateExpression 指明函数")
        elif kind == "scriptTask":
            yield from _script(node)
    if not scope.findall("bpmn:startEvent", xml.NAMESPACES):
        yield _problem(scope, "没有开始事件")
    if not scope.findall("bpmn:endEvent", xml.NAMESPACES):
        yield _problem(scope, "没有结束事件")


def _event(node: etree._Element, kind: str) -> Iterator[Problem]:
    definitions = [
        etree.QName(child).localname.removesuffix("EventDefinition")
        for child in node
        if etree.QName(child).localname.endswith("EventDefinition")
    ] or [""]
    if len(definitions) > 1:
        yield _problem(node, "一个事件只能有一个事件定义")
    for definition in definitions:
        if definition not in EVENTS[kind]:
            yield _problem(node, f"此处不支持 {definition or '空'} 事件")


def _flow(node: etree._Element) -> Iterator[Problem]:
    condition = node.findtext("bpmn:conditionExpression", namespaces=xml.NAMESPACES)
    if condition is None:
        return
    source = node.getparent().find(f"*[@id='{node.get('sourceRef')}']")  # type: ignore[union-attr]
    if source is None or not etree.QName(source).localname.endswith("Gateway"):
        yield _problem(node, "条件只能写在网关的出口上")
    try:
        expressions.compile(condition)
    except expressions.ExpressionInvalid as error:
        yield _problem(node, f"条件“{condition.strip()}”无法使用：{error}")


def _script(node: etree._Element) -> Iterator[Problem]:
    try:
        expressions.assignments(node.findtext("bpmn:script", default="", namespaces=xml.NAMESPACES))
    except expressions.ExpressionInvalid as error:
        yield _problem(node, f"脚本只能逐行写“变量 = 表达式”：{error}")


def _duplicates(root: etree._Element) -> Iterator[Problem]:
    seen: set[str] = set()
    for node in root.iter(f"{{{xml.BPMN}}}*"):
        identity = node.get("id")
        if identity in seen:
            yield _problem(node, "元素 id 重复")
        if identity:
            seen.add(identity)


def _problem(node: etree._Element, reason: str) -> Problem:
    return Problem(node.get("id", ""), node.get("name", ""), reason)
