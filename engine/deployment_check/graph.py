"""What follows from the way nodes are connected: dead ends, joins that never fire, loops without an exit, lost variables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TypeVar

from engine.deployment_check import table
from engine.deployment_check.elements import (
    Diagram,
    Element,
    Findings,
    children,
    compiled,
    is_event_sub_process,
    is_repeated,
    kind,
    name_of,
    nodes_of,
    only,
    problem,
    text,
)
from engine.deployment_check.events import definitions_of, interrupts, kinds_of
from engine.deployment_check.flows import condition_of
from engine.spiff.xml import camunda, properties
from forms import expressions

Step = TypeVar("Step", bound=Hashable)


@dataclass(frozen=True)
class Edge:
    """A way for a token: along a flow, through a link, or from an activity to a boundary event at it."""

    source: str
    target: str
    flow: Element | None = None
    boundary: Element | None = None

    @property
    def repeats(self) -> bool:
        """A boundary event that does not interrupt may come many times, beside whatever else goes on."""
        return self.boundary is not None and not interrupts(self.boundary)

    @property
    def chooses(self) -> bool:
        return self.boundary is not None and interrupts(self.boundary)


class Graph:
    """The nodes of one process or sub-process and the ways between them."""

    def __init__(self, diagram: Diagram, scope: Element) -> None:
        self.diagram = diagram
        self.nodes = nodes_of(scope)
        self.out: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        self.into: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        for edge in (*_drawn(scope), *_links(diagram, self.nodes), *_attachments(self.nodes)):
            if edge.source in self.nodes and edge.target in self.nodes:
                self.out[edge.source].append(edge)
                self.into[edge.target].append(edge)

    def kind(self, name: str) -> str:
        return kind(self.nodes[name])

    def names(self, which: Iterable[str]) -> str:
        return "、".join(f"“{name_of(self.nodes[each])}”" for each in which)

    def first(self, which: Collection[str]) -> Element:
        return next(element for name, element in self.nodes.items() if name in which)

    @cached_property
    def starts(self) -> set[str]:
        """Where tokens come from without a way we see; what is wrong with them is told elsewhere."""
        return {name for name, element in self.nodes.items() if self._begins(name, element)}

    def _begins(self, name: str, element: Element) -> bool:
        if kind(element) == "startEvent" or is_event_sub_process(element):
            return True
        return not self.into[name] and (kind(element) == "boundaryEvent" or _stands_apart(self, element))

    @cached_property
    def splits(self) -> list[str]:
        """Nodes behind which more than one token may go on."""
        return [name for name, ways in self.out.items() if len(ways) > 1]

    @cached_property
    def reachable(self) -> set[str]:
        return _closure(self.starts, lambda name: [edge.target for edge in self.out[name]])

    @cached_property
    def ends(self) -> list[str]:
        """End events, and whatever else nothing leads away from."""
        return [
            name
            for name, element in self.nodes.items()
            if kind(element) == "endEvent" or not any(edge.boundary is None for edge in self.out[name])
        ]

    @cached_property
    def ending(self) -> set[str]:
        """Nodes from which there is a way to an end event, or to a dead end that is told of anyway."""
        return _closure(self.ends, lambda name: [edge.source for edge in self.into[name] if not edge.repeats])


def _drawn(scope: Element) -> Iterator[Edge]:
    for flow in children(scope, "sequenceFlow"):
        yield Edge(flow.get("sourceRef", ""), flow.get("targetRef", ""), flow=flow)


def _links(diagram: Diagram, nodes: Mapping[str, Element]) -> Iterator[Edge]:
    named = [
        (definition.get("name"), name)
        for name, element in nodes.items()
        for each, definition in definitions_of(diagram, element) if each == "link"
    ]  # fmt: skip
    for link, thrown in named:
        for other, caught in named:
            if link == other and kind(nodes[thrown]) != kind(nodes[caught]) == "intermediateCatchEvent":
                yield Edge(thrown, caught)


def _attachments(nodes: Mapping[str, Element]) -> Iterator[Edge]:
    for name, element in nodes.items():
        if kind(element) == "boundaryEvent":
            yield Edge(element.get("attachedToRef", ""), name, boundary=element)


def _stands_apart(graph: Graph, element: Element) -> bool:
    """Links have their ends told elsewhere, and so has what belongs to a compensation."""
    return (
        not {"link", "compensate"}.isdisjoint(kinds_of(graph.diagram, element))
        or element.get("isForCompensation") == "true"
    )


def _closure(begin: Iterable[Step], further: Callable[[Step], Iterable[Step]]) -> set[Step]:
    """These and all that can be reached from them."""
    found, to_see = set(), list(begin)
    while to_see:
        each = to_see.pop()
        if each not in found:
            found.add(each)
            to_see.extend(further(each))
    return found


def of_scope(diagram: Diagram, scope: Element) -> Findings:
    graph = Graph(diagram, scope)
    for rule in RULES:
        yield from rule(graph)


def _dead_ends(graph: Graph) -> Findings:
    for element in map(graph.nodes.__getitem__, graph.ends):
        ends = kind(element) == "endEvent" or is_event_sub_process(element) or _stands_apart(graph, element)
        if not ends:
            yield problem(element, "没有出口，请画一条顺序流到下一步或结束事件")


def _unreachable(graph: Graph) -> Findings:
    if not any(graph.kind(name) == "startEvent" for name in graph.nodes):
        return
    lost = {name for name in graph.nodes if name not in graph.starts and not graph.into[name]}
    for name in graph.nodes:
        if name in lost:
            yield problem(graph.nodes[name], "没有入口，流程走不到这里，请画一条顺序流指向它或删除")
    found = _closure(graph.starts | lost, lambda name: [edge.target for edge in graph.out[name]])
    hidden = graph.nodes.keys() - found
    for component in _components(graph, hidden):
        if all(edge.source in component for name in component for edge in graph.into[name]):
            yield problem(graph.first(component), "从开始事件走不到这里，请画一条顺序流指向它或删除")


def _trapped(graph: Graph) -> Findings:
    if not any(graph.kind(name) == "endEvent" for name in graph.nodes):
        return
    caught = graph.nodes.keys() - graph.ending
    for component in _components(graph, caught):
        if all(edge.target in component for name in component for edge in graph.out[name] if not edge.repeats):
            yield problem(graph.first(component), f"从{graph.names(component)}走不到结束事件，请画一条通到结束事件的路")


def _joins(graph: Graph) -> Findings:
    """A parallel join needs tokens on all its flows at once: two ways that never go on side by side will not bring them."""
    for name in _parallel_joins(graph):
        behind = {edge: _leading_to(graph, edge) for edge in graph.into[name]}
        for one, other in combinations(behind, 2):
            if not any(_side_by_side(graph, split, behind[one], behind[other]) for split in graph.splits):
                sources = graph.names([one.source, other.source])
                yield problem(
                    graph.nodes[name],
                    f"这个并行汇合永远等不齐：从{sources}来的两路不会同时到达，请改用排他网关或先用并行网关分开",
                )
                break


def _parallel_joins(graph: Graph) -> list[str]:
    most = table.LIMITS["branches"]
    return [name for name in graph.nodes if graph.kind(name) == "parallelGateway" and 1 < len(graph.into[name]) <= most]


def _leading_to(graph: Graph, edge: Edge) -> set[Edge]:
    """The edge and all from which a token can come to it without having passed its target."""
    return _closure([edge], lambda each: graph.into[each.source] if each.source != edge.target else ())


def _side_by_side(graph: Graph, split: str, one: set[Edge], other: set[Edge]) -> bool:
    """Whether tokens that part at a node can go along both."""
    ways = graph.out[split]
    if any(way.repeats and way in one and way in other for way in ways):
        return True
    parallel = graph.kind(split) not in ("exclusiveGateway", "eventBasedGateway")
    return any(
        first is not second and (first.repeats or second.repeats or (parallel and not first.chooses and not second.chooses))
        for first in ways if first in one
        for second in ways if second in other
    )  # fmt: skip


def _endless(graph: Graph) -> Findings:
    """Loops that no decision ever leaves."""
    to_see = _loops(graph, graph.reachable & graph.ending)
    while to_see:
        loop = to_see.pop(0)
        exits = {
            name
            for name in loop
            if any(edge.target not in loop for edge in graph.out[name] if _may_choose(graph, edge))
        }
        if not exits:
            yield problem(
                graph.first(loop),
                f"{graph.names(_in_order(graph, loop))}绕成一圈，没有排他或包容网关可以离开，请加一个网关决定何时离开",
            )
        to_see += _loops(graph, loop - exits) if exits else []


def _may_choose(graph: Graph, edge: Edge) -> bool:
    """Whether a token goes this way instead of another."""
    source = graph.nodes[edge.source]
    if edge.boundary is not None:
        return edge.chooses
    chooses = kind(source) in ("exclusiveGateway", "inclusiveGateway", "eventBasedGateway")
    conditional = any(way.flow is not None and condition_of(way.flow) is not None for way in graph.out[edge.source])
    return chooses or conditional


def _idle_loops(graph: Graph) -> Findings:
    """Loops in which nothing waits and nothing changes: a token that comes back to where it came in goes round for ever."""
    idle = {name for name in graph.nodes if _is_idle(graph, name)}
    for loop in _loops(graph, idle & graph.reachable & graph.ending):
        entries = [name for name in loop if any(edge.source not in loop for edge in graph.into[name])]
        if len(entries) > 1:
            continue  # tokens from different sides may pass each other without going round
        yield problem(
            graph.first(loop),
            f"{graph.names(_in_order(graph, loop))}绕成一圈，其中没有会等待或改变变量的环节，进去就出不来，请加上用户任务、定时或脚本",
        )


def _is_idle(graph: Graph, name: str) -> bool:
    element = graph.nodes[name]
    match kind(element):
        case "parallelGateway" | "inclusiveGateway":
            return len(graph.into[name]) < 2
        case "exclusiveGateway":
            return True
        case "task" | "manualTask":
            return not is_repeated(element) and not any(edge.boundary is not None for edge in graph.out[name])
        case "intermediateThrowEvent":
            return {"link", "message"}.issuperset(kinds_of(graph.diagram, element))
    return False


def _loops(graph: Graph, among: Collection[str]) -> list[set[str]]:
    """Where a token can come back to a node. That a gateway leads to itself is told elsewhere."""
    return [each for each in _components(graph, among) if len(each) > 1 or _leads_to_itself(graph, *each)]


def _leads_to_itself(graph: Graph, name: str) -> bool:
    return graph.kind(name) not in table.GATEWAYS and any(edge.target == name for edge in graph.out[name])


def _in_order(graph: Graph, which: Collection[str]) -> list[str]:
    return [name for name in graph.nodes if name in which]


def _components(graph: Graph, among: Collection[str]) -> list[set[str]]:
    """Strongly connected components of a part of the graph (Kosaraju)."""
    finished: list[str] = []
    seen: set[str] = set()
    for root in _in_order(graph, among):
        to_see = [(root, False)]
        while to_see:
            name, is_done = to_see.pop()
            if is_done:
                finished.append(name)
            elif name not in seen:
                seen.add(name)
                to_see.append((name, True))
                to_see += [(edge.target, False) for edge in graph.out[name] if edge.target in among]
    components, placed = [], set[str]()
    for root in reversed(finished):
        if root not in placed:
            component = (
                _closure([root], lambda name: [e.source for e in graph.into[name] if e.source in among]) - placed
            )
            placed |= component
            components.append(component)
    return components


def _conflicts(graph: Graph) -> Findings:
    """Variables that two branches set and that somebody reads after the join, where they may have no value."""
    for name in _parallel_joins(graph):
        for variable, setters in _contested(graph, name).items():
            for reader in _readers(graph, name, variable):
                yield problem(
                    reader,
                    f"这里读取变量“{variable}”，但并行分支里的{graph.names(setters)}各自设置它，汇合后可能没有值；"
                    "请用用户任务的属性 prefix 或不同的变量名把它们分开",
                )


def _contested(graph: Graph, join: str) -> dict[str, list[str]]:
    """Variable → the nodes that set it in branches of their own."""
    behind = [{edge.source for edge in _leading_to(graph, each)} for each in graph.into[join]]
    contested: dict[str, list[str]] = {}
    for one, other in combinations(behind, 2):
        mine, theirs = _set_by(graph, one - other), _set_by(graph, other - one)
        for variable in mine.keys() & theirs.keys():
            values = {*mine[variable].values(), *theirs[variable].values()}
            if len(values) > 1 or None in values:
                setters = {*contested.get(variable, ()), *mine[variable], *theirs[variable]}
                contested[variable] = _in_order(graph, setters)
    return dict(sorted(contested.items()))


def _set_by(graph: Graph, names: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """Variable → node → the constant it sets it to, None if that depends."""
    found: dict[str, dict[str, str | None]] = {}
    for name in names:
        for variable, value in _written(graph.diagram, graph.nodes[name]).items():
            found.setdefault(variable, {})[name] = value
    return found


def _written(diagram: Diagram, element: Element) -> dict[str, str | None]:
    """The variables an element is known to set."""
    collected = [text(output) for many in element for output in children(many, "loopDataOutputRef")]
    if collected:
        return dict.fromkeys(collected)
    match kind(element):
        case "userTask":
            prefix = properties(element).get("prefix", "")
            return {prefix + name: None for name in diagram.known.forms.get(camunda(element, "formKey") or "", ())}
        case "scriptTask":
            return {name: None if value.names else value.source.strip() for name, value in _assignments(element)}
        case "businessRuleTask" if variable := camunda(element, "resultVariable"):
            return {variable: None}
        case "subProcess" | "transaction":
            return {
                variable: None for inner in nodes_of(element).values() for variable in _written(diagram, inner)
            }  # fmt: skip
    return {}


def _assignments(task: Element) -> tuple[tuple[str, expressions.Expression], ...]:
    try:
        return expressions.assignments(text(only(task, "script")))
    except expressions.ExpressionInvalid:
        return ()


def _readers(graph: Graph, join: str, variable: str) -> list[Element]:
    """Flows and nodes behind a join that read a variable before anything sets it again."""
    readers: dict[Element, None] = {}

    def further(name: str) -> Iterator[str]:
        element = graph.nodes[name]
        if name != join and _reads(element, variable):
            readers[element] = None
        if name != join and variable in _written(graph.diagram, element):
            return
        for edge in graph.out[name]:
            if edge.flow is not None and _names(text(condition_of(edge.flow)), variable):
                readers[edge.flow] = None
            yield edge.target

    _closure([join], further)
    return list(readers)


def _reads(element: Element, variable: str) -> bool:
    """Whether an element looks at a variable before it sets it itself."""
    for name, value in _assignments(element):
        if variable in value.names:
            return True
        if name == variable:
            return False
    inner = [each for each in element.iter() if kind(each) in table.EXPRESSIONS]
    return any(_names(text(each), variable) for each in inner)


def _names(written: str, variable: str) -> bool:
    expression = compiled(written) if written else None
    return expression is not None and variable in expression.names


RULES: tuple[Callable[[Graph], Findings], ...] = (
    _dead_ends, _unreachable, _trapped, _joins, _endless, _idle_loops, _conflicts,
)  # fmt: skip
