"""From BPMN files to a `Definition`: each element becomes the node that does what it says.

The deployment check has looked at the diagram as a whole before; here a mistake is refused too, but one at a time.
SpiffWorkflow's own parser is not used: it walks the diagram by recursion (490 nodes in a row are too many for it),
knows no conditional flows out of an activity and leaves out what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lxml import etree

from engine.decisions import BusinessRuleTask, Decision
from engine.errors import DefinitionRefused, EngineError, Problem
from engine.spiff import events, joins, nodes, several, xml
from engine.spiff.definition import Activity, Begin, Definition
from engine.spiff.events import Trigger
from engine.spiff.nodes import Node, ProcessSpec
from engine.spiff.timers import Timer
from forms import expressions

Element = etree._Element
EVENT_DEFINITION = "EventDefinition"
TIMER_KINDS = {"timeDate": "date", "timeDuration": "duration", "timeCycle": "cycle"}


def processes_in(content: bytes) -> list[tuple[str, str]]:
    """Key and name of every executable process in a file."""
    found = xml.read(content).iterfind("bpmn:process", xml.NAMESPACES)
    named = [(p.get("id", ""), p.get("name", ""), p.get("isExecutable")) for p in found]
    return [(key, name or key) for key, name, executable in named if executable == "true"]


def called_processes(content: bytes) -> set[str]:
    """Keys of the processes that a file's call activities name."""
    calls = xml.read(content).iterfind(".//bpmn:callActivity", xml.NAMESPACES)
    return {called for call in calls if (called := call.get("calledElement"))}


def parse(contents: Sequence[bytes], key: str, decisions: Sequence[Decision] = ()) -> Definition:
    """The process `key` from these files, with all it calls."""
    bundle = _Bundle([xml.read(content) for content in contents])
    spec = bundle.scope(key)
    for called in bundle.missing():
        bundle.scope(called)
    process = bundle.processes[key]
    return Definition(
        key, process.get("name") or key, spec, bundle.scopes, bundle.activities, tuple(_begins(spec)),
        {decision.key: decision for decision in decisions},
    )  # fmt: skip


def _begins(spec: ProcessSpec) -> Iterator[Begin]:
    for name, start in spec.starts.items():
        for trigger in start.triggers:
            yield Begin(name, trigger.kind, trigger.timer.text if trigger.timer else trigger.name, trigger.timer)


class _Bundle:
    """The files of one definition, and what has been made of them so far."""

    def __init__(self, roots: Sequence[Element]) -> None:
        self.processes = {p.get("id", ""): p for root in roots for p in root.iterfind("bpmn:process", xml.NAMESPACES)}
        self.named = {each.get("id"): each for root in roots for each in root if each.get("id")}
        self.scopes: dict[str, ProcessSpec] = {}
        self.activities: dict[tuple[str, str], Activity] = {}
        self.called: set[str] = set()

    def scope(self, key: str) -> ProcessSpec:
        """The specification of a process of these files."""
        if key not in self.processes:
            raise DefinitionRefused([Problem(key, "", f"调用的流程“{key}”不存在")])
        return _Scope(self, self.processes[key], None).spec

    def missing(self) -> Iterator[str]:
        """Called processes that are still to be made."""
        while open_calls := self.called - self.scopes.keys():
            yield min(open_calls)

    def triggers(self, element: Element) -> list[Trigger]:
        """The event definitions of an element, those it only refers to as well."""
        found = []
        for child in element:
            kind = etree.QName(child).localname
            if kind == "eventDefinitionRef":
                child = self.named[(child.text or "").strip()]
                kind = etree.QName(child).localname
            if kind.endswith(EVENT_DEFINITION) and kind != "linkEventDefinition":
                found.append(self._trigger(element, child, kind.removesuffix(EVENT_DEFINITION)))
        return found

    def message(self, element: Element) -> list[Trigger]:
        """The message of a send or receive task."""
        ref = element.get("messageRef")
        return [self._named_trigger(element, "message", ref)] if ref else self.triggers(element)

    def _trigger(self, element: Element, definition: Element, kind: str) -> Trigger:
        if kind == "timer":
            return Trigger(kind, timer=_timer(definition))
        if kind == "conditional":
            condition = definition.findtext("bpmn:condition", default="", namespaces=xml.NAMESPACES)
            return Trigger(kind, condition=expressions.compile(condition))
        if kind in ("message", "signal", "error", "escalation"):
            return self._named_trigger(element, kind, definition.get(f"{kind}Ref"))
        return Trigger(kind)

    def _named_trigger(self, element: Element, kind: str, ref: str | None) -> Trigger:
        target = self.named.get(ref) if ref else None
        if target is None:
            return Trigger(kind)
        name = target.get(f"{kind}Code") if kind in ("error", "escalation") else target.get("name")
        key = xml.properties(element).get("correlation_key")
        return Trigger(kind, name or "", correlation_key=expressions.compile(key) if key else None)


class _Scope:
    """One process or sub-process being made: first its nodes, then what is round them, then its flows."""

    def __init__(self, bundle: _Bundle, element: Element, lane: str | None) -> None:
        self.bundle, self.element, self.lane = bundle, element, lane
        self.key = element.get("id", "")
        if self.key in bundle.scopes:
            raise _refused(element, "流程或子流程的 id 重复")
        self.spec = bundle.scopes[self.key] = ProcessSpec(self.key, element.get("name") or self.key)
        self.end = joins.ScopeEnd(self.spec, "(end)")
        self.lanes = xml.lanes(element)
        self.entries: dict[str, Node] = {}
        self.exits: dict[str, Node] = {}
        self.flow_nodes = [each for each in element if etree.QName(each).localname in MAKERS]
        for each in self.flow_nodes:
            self._guarded(each, self._make)
        for each in self.flow_nodes:
            self._guarded(each, self._attach)
        self._connect()

    def _guarded(self, element: Element, work: Callable[[Element], None]) -> None:
        try:
            work(element)
        except expressions.ExpressionInvalid as error:
            raise _refused(element, f"表达式无法使用：{error}") from error
        except DefinitionRefused:
            raise
        except EngineError as error:
            raise _refused(element, error.advice or str(error)) from error
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise _refused(element, f"元素不完整，无法解析（{error}）") from error

    def _make(self, element: Element) -> None:
        name = element.get("id", "")
        activity = xml.activity(element, self.key, self.lanes.get(name, self.lane))
        self.bundle.activities[self.key, name] = activity
        node = MAKERS[etree.QName(element).localname](self, element, activity)
        node = self._repeated(element, node)
        self.entries[name] = self.exits[name] = node

    def _repeated(self, element: Element, node: Node) -> Node:
        """The node itself, or what stands round it if its activity runs several times."""
        many = element.find("bpmn:multiInstanceLoopCharacteristics", xml.NAMESPACES)
        again = element.find("bpmn:standardLoopCharacteristics", xml.NAMESPACES)
        if again is None and many is None:
            return node
        name = node.name
        del self.spec.task_specs[name]
        node.name = f"{name} [each]"
        self.spec.task_specs[node.name] = node
        if many is not None:
            return _multi_instance(self.spec, name, node, many)
        return _loop(self.spec, name, node, again)

    def _attach(self, element: Element) -> None:
        """Put a boundary event at its activity, and let an event sub-process listen."""
        name = element.get("id", "")
        if etree.QName(element).localname == "boundaryEvent":
            attached = element.get("attachedToRef", "")
            frame = self.entries[attached]
            if not isinstance(frame, events.Frame):
                frame = events.Frame(self.spec, f"{attached} [frame]")
                frame.leads_to(self.exits[attached], f"{attached} [inside]")
                self.entries[attached] = frame
            frame.leads_to(self.exits[name], f"{name} [attached]")
        elif element.get("triggeredByEvent") == "true":
            self._listen(element)

    def _listen(self, element: Element) -> None:
        body = self.bundle.scopes[element.get("id", "")]
        (start,) = body.starts.values()
        listener = events.EventSubProcessStart(self.spec, f"{body.name} [listens]", start.activity, start.triggers)
        begun_by = element.find("bpmn:startEvent", xml.NAMESPACES)
        listener.interrupts = begun_by is None or begun_by.get("isInterrupting") != "false"
        # The listener passes in its stead, so that history tells the event once.
        start.activity = None
        listener.leads_to(self.exits[body.name], f"{body.name} [begins]")
        self.spec.listeners.append(listener)

    def _connect(self) -> None:
        for flow in self.element.iterfind("bpmn:sequenceFlow", xml.NAMESPACES):
            source, target = self.exits.get(flow.get("sourceRef", "")), self.entries.get(flow.get("targetRef", ""))
            if source is None or target is None:
                raise _refused(flow, "顺序流的起点或终点不在同一范围内")
            self._guarded(flow, lambda flow, s=source, t=target: self._flow(flow, s, t))  # type: ignore[misc]
        self._connect_links()
        for name, node in self.exits.items():
            if not node.flows and node.name == name:
                node.leads_to(self.end, f"{name} [ends]")

    def _flow(self, flow: Element, source: Node, target: Node) -> None:
        written = flow.findtext("bpmn:conditionExpression", namespaces=xml.NAMESPACES)
        condition = expressions.compile(written) if written and written.strip() else None
        drawn_from = self.element.find(f"*[@id='{flow.get('sourceRef')}']")
        is_default = drawn_from is not None and drawn_from.get("default") == flow.get("id")
        source.leads_to(target, flow.get("id", ""), condition, is_default)

    def _connect_links(self) -> None:
        """A link is a flow that is not drawn."""
        catching = {}
        for element in self.flow_nodes:
            if etree.QName(element).localname == "intermediateCatchEvent" and (link := xml.link_of(element)):
                catching[link] = self.entries[element.get("id", "")]
        for element in self.flow_nodes:
            if etree.QName(element).localname == "intermediateThrowEvent" and (link := xml.link_of(element)):
                if link not in catching:
                    raise _refused(element, f"没有名为“{link}”的链接捕获事件")
                self.exits[element.get("id", "")].leads_to(catching[link], f"{element.get('id')} [link]")


Maker = Callable[[_Scope, Element, Activity], Node]


def _plain(kind: type[Node]) -> Maker:
    return lambda scope, element, activity: kind(scope.spec, activity.id, activity)


def _service(scope: _Scope, element: Element, activity: Activity) -> Node:
    if activity.delegate is None:
        raise _refused(element, "须用 camunda:delegateExpression 指明函数")
    node = nodes.ServiceTask(scope.spec, activity.id, activity)
    node.function = activity.delegate
    return node


def _send(scope: _Scope, element: Element, activity: Activity) -> Node:
    if activity.delegate is not None:
        return _service(scope, element, activity)
    return events.ThrowEvent(scope.spec, activity.id, activity, scope.bundle.message(element))


def _decision(scope: _Scope, element: Element, activity: Activity) -> Node:
    if activity.delegate is not None:
        return _service(scope, element, activity)
    node = nodes.DecisionTask(scope.spec, activity.id, activity)
    node.asking = BusinessRuleTask.of(element)
    return node


def _script(scope: _Scope, element: Element, activity: Activity) -> Node:
    node = nodes.ScriptTask(scope.spec, activity.id, activity)
    node.assignments = expressions.assignments(element.findtext("bpmn:script", default="", namespaces=xml.NAMESPACES))
    return node


def _receive(scope: _Scope, element: Element, activity: Activity) -> Node:
    return events.CatchEvent(scope.spec, activity.id, activity, scope.bundle.message(element))


def _call(scope: _Scope, element: Element, activity: Activity) -> Node:
    node = nodes.SubProcess(scope.spec, activity.id, activity)
    node.body = element.get("calledElement", "")
    scope.bundle.called.add(node.body)
    return node


def _sub_process(scope: _Scope, element: Element, activity: Activity) -> Node:
    node = nodes.SubProcess(scope.spec, activity.id, activity)
    node.body = _Scope(scope.bundle, element, activity.lane).key
    return node


def _start(scope: _Scope, element: Element, activity: Activity) -> Node:
    node = events.StartEvent(scope.spec, activity.id, activity)
    node.triggers = tuple(scope.bundle.triggers(element))
    scope.spec.starts[activity.id] = node
    return node


def _catch(scope: _Scope, element: Element, activity: Activity) -> Node:
    needs_all = element.get("parallelMultiple") == "true"
    return events.CatchEvent(scope.spec, activity.id, activity, scope.bundle.triggers(element), needs_all)


def _throw(kind: type[events.ThrowEvent]) -> Maker:
    return lambda scope, element, activity: kind(scope.spec, activity.id, activity, scope.bundle.triggers(element))


def _boundary(scope: _Scope, element: Element, activity: Activity) -> Node:
    node = events.BoundaryEvent(scope.spec, activity.id, activity, scope.bundle.triggers(element))
    node.interrupts = element.get("cancelActivity") != "false"
    return node


MAKERS: dict[str, Maker] = {
    "task": _plain(Node),
    "manualTask": _plain(Node),
    "userTask": _plain(nodes.UserTask),
    "serviceTask": _service,
    "sendTask": _send,
    "receiveTask": _receive,
    "scriptTask": _script,
    "businessRuleTask": _decision,
    "callActivity": _call,
    "subProcess": _sub_process,
    "transaction": _sub_process,
    "exclusiveGateway": _plain(nodes.ExclusiveGateway),
    "parallelGateway": _plain(joins.ParallelGateway),
    "inclusiveGateway": _plain(joins.InclusiveGateway),
    "eventBasedGateway": _plain(events.RaceGateway),
    "startEvent": _start,
    "intermediateCatchEvent": _catch,
    "intermediateThrowEvent": _throw(events.ThrowEvent),
    "boundaryEvent": _boundary,
    "endEvent": _throw(events.EndEvent),
}
"""Flow node → what makes it. What is not here is refused by the deployment check."""


def _multi_instance(spec: ProcessSpec, name: str, each: Node, told: Element) -> Node:
    node = several.MultiInstance(spec, name)
    node.each = each
    node.is_sequential = told.get("isSequential") == "true"
    cardinality = told.findtext("bpmn:loopCardinality", namespaces=xml.NAMESPACES)
    collection = xml.camunda(told, "collection") or told.findtext("bpmn:loopDataInputRef", namespaces=xml.NAMESPACES)
    if bool(collection) == bool(cardinality):
        raise DefinitionRefused(
            [Problem(name, "", "多实例须写明次数（loopCardinality）或集合（camunda:collection）之一")]
        )
    node.cardinality = expressions.compile(cardinality) if cardinality else None
    node.collection = expressions.compile(collection) if collection else None
    node.element = xml.camunda(told, "elementVariable") or xml.name_of(told, "inputDataItem")
    node.output = told.findtext("bpmn:loopDataOutputRef", namespaces=xml.NAMESPACES)
    node.output_element = xml.name_of(told, "outputDataItem")
    condition = told.findtext("bpmn:completionCondition", namespaces=xml.NAMESPACES)
    node.condition = expressions.compile(condition) if condition and condition.strip() else None
    return node


def _loop(spec: ProcessSpec, name: str, each: Node, told: Element | None) -> Node:
    assert told is not None
    node = several.Loop(spec, name)
    node.each = each
    maximum = told.get("loopMaximum")
    node.maximum = int(maximum) if maximum else None
    condition = told.findtext("bpmn:loopCondition", namespaces=xml.NAMESPACES)
    node.condition = expressions.compile(condition) if condition and condition.strip() else None
    node.tests_before = told.get("testBefore") == "true"
    return node


def _timer(definition: Element) -> Timer:
    for tag, kind in TIMER_KINDS.items():
        written = definition.findtext(f"bpmn:{tag}", namespaces=xml.NAMESPACES)
        if written and written.strip():
            return Timer(kind, written.strip())
    raise EngineError("no time", advice="定时事件没有写时间")


def _refused(element: Element, reason: str) -> DefinitionRefused:
    return DefinitionRefused([Problem(element.get("id", ""), element.get("name", ""), reason)])
