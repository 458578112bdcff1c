"""Sequence flows and what connects them: ends, conditions, defaults, gateways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.deployment_check import table
from engine.deployment_check.elements import (
    Diagram,
    Element,
    Findings,
    children,
    condition_fault,
    is_event_sub_process,
    kind,
    name_of,
    nodes_of,
    only,
    problem,
    text,
)
from engine.deployment_check.events import kinds_of

UNCONDITIONAL = {"parallelGateway": "并行网关", "eventBasedGateway": "事件网关", "startEvent": "开始事件"}
"""Nodes that do not choose: a condition on a flow out of them would not be looked at."""


class Scope:
    """A process or sub-process with its nodes and flows, looked up by id."""

    def __init__(self, element: Element) -> None:
        self.nodes = nodes_of(element)
        self.flows = children(element, "sequenceFlow")
        self.guarded = {each.get("attachedToRef") for each in children(element, "boundaryEvent")}
        """Ids of the activities that have boundary events."""
        self.into: dict[str, list[Element]] = {}
        self.out: dict[str, list[Element]] = {}
        for flow in self.flows:
            self.into.setdefault(flow.get("targetRef", ""), []).append(flow)
            self.out.setdefault(flow.get("sourceRef", ""), []).append(flow)


@dataclass(frozen=True)
class Node:
    """A node with its flows."""

    scope: Scope
    id: str
    element: Element

    @property
    def kind(self) -> str:
        return kind(self.element)

    @property
    def incoming(self) -> list[Element]:
        return self.scope.into.get(self.id, [])

    @property
    def outgoing(self) -> list[Element]:
        return self.scope.out.get(self.id, [])

    @property
    def targets(self) -> list[Node]:
        names = [flow.get("targetRef", "") for flow in self.outgoing]
        return [Node(self.scope, name, self.scope.nodes[name]) for name in names if name in self.scope.nodes]


def of_scope(diagram: Diagram, element: Element) -> Findings:
    scope = Scope(element)
    for flow in scope.flows:
        yield from _ends(diagram, flow, scope)
        yield from _condition(flow, scope.nodes.get(flow.get("sourceRef", "")))
    for name, node in scope.nodes.items():
        for rule in RULES:
            yield from rule(diagram, Node(scope, name, node))


def condition_of(flow: Element) -> Element | None:
    return only(flow, "conditionExpression")


def _ends(diagram: Diagram, flow: Element, scope: Scope) -> Findings:
    for attribute, word in (("sourceRef", "起点"), ("targetRef", "终点")):
        reference = flow.get(attribute)
        if not reference:
            yield problem(flow, f"顺序流没有{word}，请写 {attribute}")
        elif reference not in scope.nodes and kind(diagram.ids.get(reference, flow)) in table.FLOW_NODES:
            yield problem(
                flow, f"{word}“{reference}”在另一层里：顺序流不能穿过子流程或泳池的边界，请改用事件或调整图形"
            )
        elif reference not in scope.nodes:
            yield problem(flow, f"{word}“{reference}”不是流程里的环节，请改正 {attribute}")


def _condition(flow: Element, source: Element | None) -> Findings:
    condition = condition_of(flow)
    if condition is None:
        return
    if source is not None and kind(source) in UNCONDITIONAL:
        yield problem(flow, f"{UNCONDITIONAL[kind(source)]}的出口不能写条件，请删除条件或改用排他网关、包容网关")
    if reason := condition_fault(text(condition)):
        yield problem(flow, reason)


def _listed(diagram: Diagram, node: Node) -> Findings:
    """`incoming` and `outgoing` say again what the flows say; they may leave out some, not contradict."""
    for what, flows in (("incoming", node.incoming), ("outgoing", node.outgoing)):
        real = {flow.get("id") for flow in flows}
        for listed in children(node.element, what):
            if text(listed) not in real:
                yield problem(node.element, f"{what} 写的“{text(listed)}”不是它的{WORDS[what]}，请改正")


WORDS = {"incoming": "入口", "outgoing": "出口"}


def _one_sided(diagram: Diagram, node: Node) -> Findings:
    """Nodes that have flows on one side only, or on none."""
    links = "link" in kinds_of(diagram, node.element)
    closed = {"startEvent": "in", "boundaryEvent": "in", "endEvent": "out"}.get(node.kind, "")
    if links:
        closed = "out" if node.kind == "intermediateThrowEvent" else "in"
    if is_event_sub_process(node.element):
        closed = "in out"
    word = "链接事件" if links else "事件子流程" if is_event_sub_process(node.element) else SIDED.get(node.kind, "")
    if "in" in closed and node.incoming:
        yield problem(node.element, f"{word}不能有入口，请删除指向它的顺序流")
    if "out" in closed and node.outgoing:
        yield problem(node.element, f"{word}不能有出口，请删除从它出发的顺序流")


SIDED = {"startEvent": "开始事件", "boundaryEvent": "边界事件", "endEvent": "结束事件"}


def _default(diagram: Diagram, node: Node) -> Findings:
    reference = node.element.get("default")
    if reference is None:
        return
    default = next((flow for flow in node.outgoing if flow.get("id") == reference), None)
    if default is None:
        yield problem(node.element, f"默认出口“{reference}”不是它自己的出口，请改正 default")
    elif condition_of(default) is not None:
        yield problem(default, "默认出口不能写条件，请删除条件")
    elif len(node.outgoing) > 1 and all(condition_of(flow) is None for flow in node.outgoing):
        yield problem(node.element, "有默认出口，其余出口却都没有条件，请给它们写条件")


def _choice(diagram: Diagram, node: Node) -> Findings:
    """A gateway that chooses needs something to choose by; a way that is the only one needs no condition."""
    if len(node.outgoing) == 1 and condition_of(node.outgoing[0]) is not None and node.kind not in UNCONDITIONAL:
        yield problem(node.outgoing[0], "这是唯一的出口，条件不成立时流程就停住了，请删除条件或再画一条出口")
    if node.kind in ("exclusiveGateway", "inclusiveGateway") and len(node.outgoing) > 1:
        for flow in node.outgoing:
            if condition_of(flow) is None and flow.get("id") != node.element.get("default"):
                yield problem(flow, f"网关“{name_of(node.element)}”的这个出口没有条件，请写条件或设为默认出口")


def _direction(diagram: Diagram, node: Node) -> Findings:
    """`gatewayDirection` says again what the flows say."""
    many_in, many_out = len(node.incoming) > 1, len(node.outgoing) > 1
    contradicts = {"Converging": many_out, "Diverging": many_in, "Mixed": not (many_in and many_out)}
    direction = node.element.get("gatewayDirection", "")
    if contradicts.get(direction):
        yield problem(node.element, f"gatewayDirection“{direction}”与所画的出入口不符，请改正或删除")


def _self_loop(diagram: Diagram, node: Node) -> Findings:
    for flow in node.outgoing:
        if node.kind in table.GATEWAYS and flow in node.incoming:
            yield problem(flow, "网关不能连到自己，请删除这条顺序流")


def _race(diagram: Diagram, node: Node) -> Findings:
    """Behind an event-based gateway stand events that can come, and nothing else leads to them."""
    if node.kind != "eventBasedGateway":
        return
    if len(node.outgoing) < 2:
        yield problem(node.element, "事件网关至少要有两个出口")
    for target in node.targets:
        yield from _runner(target)
    messages = any("message" in kinds_of(diagram, target.element) for target in node.targets)
    if messages and any(target.kind == "receiveTask" for target in node.targets):
        yield problem(node.element, "事件网关之后不能既有消息事件又有接收任务，请统一画成消息事件")


def _runner(target: Node) -> Findings:
    waits = target.kind in ("intermediateCatchEvent", "receiveTask")
    if not waits or target.element.get("parallelMultiple") == "true":
        yield problem(target.element, "事件网关之后只能是等一个事件的中间捕获事件或接收任务")
    elif len(target.incoming) > 1:
        yield problem(target.element, "事件网关之后的事件不能再有别的入口")
    elif target.id in target.scope.guarded:
        yield problem(target.element, "事件网关之后的接收任务不能有边界事件")


def _branches(diagram: Diagram, node: Node) -> Findings:
    most = table.LIMITS["branches"]
    for flows, word in ((node.incoming, "入口"), (node.outgoing, "出口")):
        if len(flows) > most:
            yield problem(node.element, f"有 {len(flows)} 个{word}，最多 {most} 个，请分成几级")


RULES: tuple[Callable[[Diagram, Node], Findings], ...] = (
    _listed, _one_sided, _default, _choice, _direction, _self_loop, _race, _branches,
)  # fmt: skip
