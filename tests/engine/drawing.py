"""Draws a process term as BPMN."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from xml.sax.saxutils import escape

from tests.engine import process_terms as terms
from tests.engine.process_terms import Block

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="definitions" '
    'targetNamespace="http://example.org/random">'
)


@dataclass(frozen=True)
class Loose:
    """A flow that has left its node and not yet arrived anywhere."""

    source: str
    condition: str | None = None
    default: bool = False


@dataclass
class Node:
    kind: str
    id: str
    inner: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    def drawn(self) -> str:
        told = "".join(f' {name}="{value}"' for name, value in self.attributes.items())
        return f'<bpmn:{self.kind} id="{self.id}"{told}>{self.inner}</bpmn:{self.kind}>'


def draw(process: Block, key: str = "p") -> str:
    """The whole file: the process, the processes it calls, the messages it waits for."""
    called = {part.id: part.body for part in terms.inside(process) if isinstance(part, terms.Call)}
    names = sorted({part.message for part in terms.inside(process) if isinstance(part, terms.Event) and part.message})
    messages = "".join(f'<bpmn:message id="{name}" name="{name}"/>' for name in names)
    processes = "".join(_process(f"process_{call}", body) for call, body in called.items())
    return f"{HEAD}{messages}{_process(key, process)}{processes}</bpmn:definitions>"


def _process(key: str, body: Block) -> str:
    return f'<bpmn:process id="{key}" isExecutable="true">{_inside(key, body)}</bpmn:process>'


def _inside(key: str, body: Block) -> str:
    sheet = Sheet()
    sheet.add("startEvent", f"start_{key}")
    sheet.end(sheet.lead([Loose(f"start_{key}")], body), f"end_{key}")
    return sheet.drawn()


class Sheet:
    """The nodes and flows of one process or sub-process."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.flows: list[str] = []

    def drawn(self) -> str:
        return "".join(node.drawn() for node in self.nodes.values()) + "".join(self.flows)

    def add(self, kind: str, identity: str, inner: str = "", **attributes: str) -> None:
        self.nodes[identity] = Node(kind, identity, inner, attributes)

    def flow(self, loose: Loose, target: str) -> None:
        identity = f"flow_{loose.source}_{len(self.flows)}"
        if loose.default:
            self.nodes[loose.source].attributes["default"] = identity
        condition = (
            loose.condition and f"<bpmn:conditionExpression>{escape(loose.condition)}</bpmn:conditionExpression>"
        )
        self.flows.append(
            f'<bpmn:sequenceFlow id="{identity}" sourceRef="{loose.source}" targetRef="{target}">'
            f"{condition or ''}</bpmn:sequenceFlow>"
        )

    def reach(self, loose: list[Loose], kind: str, identity: str, inner: str = "", **attributes: str) -> list[Loose]:
        """Draw a node that all these flows lead to."""
        self.add(kind, identity, inner, **attributes)
        for each in loose:
            self.flow(each, identity)
        return [Loose(identity)]

    def one(self, loose: list[Loose], identity: str) -> list[Loose]:
        """A single flow instead of several alternatives."""
        return loose if len(loose) <= 1 else self.reach(loose, "exclusiveGateway", identity)

    def end(self, loose: list[Loose], identity: str) -> None:
        if loose:
            self.reach(loose, "endEvent", identity)

    def lead(self, loose: list[Loose], block: Block) -> list[Loose]:
        """Draw a block behind these flows; what leaves it is returned. Behind no flow there is nothing to draw."""
        if not loose:
            return []
        match block:
            case terms.Sequence():
                for part in block.parts:
                    loose = self.lead(loose, part)
                return loose
            case terms.End():
                terminates = "<bpmn:terminateEventDefinition/>" if block.terminates else ""
                self.reach(loose, "endEvent", block.id, terminates)
                return []
            case terms.Pause():
                return self.reach(loose, "intermediateCatchEvent", block.event.id, _definition(block.event))
            case terms.Choice():
                return self._choice(loose, block)
            case terms.Fork():
                return self._fork(loose, block)
            case terms.Some():
                return self._some(loose, block)
            case terms.Repeat():
                return self._repeat(loose, block)
            case terms.Race():
                return self._race(loose, block)
            case terms.Guarded():
                return self._guarded(loose, block)
            case _:
                return self._activity(loose, block)

    def _activity(
        self, loose: list[Loose], block: terms.User | terms.Several | terms.Scope | terms.Call
    ) -> list[Loose]:
        match block:
            case terms.User():
                return self.reach(loose, "userTask", block.id)
            case terms.Several():
                return self.reach(loose, "userTask", block.id, _multi_instance(block))
            case terms.Scope():
                return self.reach(loose, "subProcess", block.id, _inside(block.id, block.body))
            case terms.Call():
                return self.reach(loose, "callActivity", block.id, calledElement=f"process_{block.id}")

    def _choice(self, loose: list[Loose], block: terms.Choice) -> list[Loose]:
        self.reach(loose, "exclusiveGateway", block.id)
        out = [Loose(block.id, default=True)] + [
            Loose(block.id, f"{block.variable} == {n}") for n in range(1, len(block.branches))
        ]
        ends = [end for flow, branch in zip(out, block.branches, strict=True) for end in self.lead([flow], branch)]
        return self.one(ends, f"{block.id}_merge") if block.merged else ends

    def _fork(self, loose: list[Loose], block: terms.Fork) -> list[Loose]:
        gate = self._gate(loose, "parallelGateway", block)
        return self._join("parallelGateway", block.id, [Loose(gate)] * len(block.branches), block.branches)

    def _some(self, loose: list[Loose], block: terms.Some) -> list[Loose]:
        gate = self._gate(loose, "inclusiveGateway", block)
        out = [Loose(gate, default=True)] + [
            Loose(gate, f"{n} in {block.variable}") for n in range(1, len(block.branches))
        ]
        return self._join("inclusiveGateway", block.id, out, block.branches)

    def _gate(self, loose: list[Loose], kind: str, block: terms.Fork | terms.Some) -> str:
        """The gateway that forks: one of its own, or the join just before it."""
        if block.fused and len(loose) == 1 and self._is_free_join(loose[0], kind):
            return loose[0].source
        self.reach(self.one(loose, f"{block.id}_before"), kind, block.id)
        return block.id

    def _is_free_join(self, loose: Loose, kind: str) -> bool:
        before = self.nodes[loose.source]
        return before.kind == kind and before.id.endswith("_join") and not loose.condition and not loose.default

    def _join(self, kind: str, fork: str, out: list[Loose], branches: tuple[Block, ...]) -> list[Loose]:
        """Each branch arrives by exactly one flow."""
        ends = [
            end
            for n, (flow, branch) in enumerate(zip(out, branches, strict=True))
            for end in self.one(self.lead([flow], branch), f"{fork}_merge_{n}")
        ]
        return self.reach(ends, kind, f"{fork}_join") if ends else []

    def _repeat(self, loose: list[Loose], block: terms.Repeat) -> list[Loose]:
        """The way back leads to a gateway before the body or, if that is a user task, straight to it."""
        first = None if block.merged else _first_user(block.body)
        entry = first.id if first else f"{block.id}_again"
        if not first:
            loose = self.reach(loose, "exclusiveGateway", entry)
        self.reach(self.lead(loose, block.body), "exclusiveGateway", block.id)
        self.flow(Loose(block.id, f"{block.variable} == 1"), entry)
        return [Loose(block.id, default=True)]

    def _race(self, loose: list[Loose], block: terms.Race) -> list[Loose]:
        gate = self.reach(loose, "eventBasedGateway", block.id)
        return [
            end
            for event, branch in zip(block.events, block.branches, strict=True)
            for end in self.lead(
                self.reach(gate, "intermediateCatchEvent", event.id, _definition(event)), branch
            )
        ]  # fmt: skip

    def _guarded(self, loose: list[Loose], block: terms.Guarded) -> list[Loose]:
        ends = self._activity(loose, block.host)
        for boundary in block.boundaries:
            self.add(
                "boundaryEvent",
                boundary.event.id,
                _definition(boundary.event),
                attachedToRef=block.host.id,
                cancelActivity="true" if boundary.interrupting else "false",
            )
            path = self.lead([Loose(boundary.event.id)], boundary.path)
            if boundary.returns:
                ends = ends + path
            else:
                self.end(path, f"{boundary.event.id}_end")
        return ends


def _first_user(block: Block) -> terms.User | None:
    while isinstance(block, terms.Sequence) and block.parts:
        block = block.parts[0]
    return block if isinstance(block, terms.User) else None


def _definition(event: terms.Event) -> str:
    if event.message:
        return f'<bpmn:messageEventDefinition messageRef="{event.message}"/>'
    assert event.after is not None
    kind, text = "timeDuration", duration(event.after)
    if event.repeats is not None:
        kind, text = "timeCycle", f"R{event.repeats or ''}/{text}"
    return f"<bpmn:timerEventDefinition><bpmn:{kind}>{text}</bpmn:{kind}></bpmn:timerEventDefinition>"


def duration(span: timedelta) -> str:
    return f"P{span.days}DT{span.seconds}S"


def _multi_instance(block: terms.Several) -> str:
    condition = block.until and escape(terms.CONDITIONS[block.until].format(answers=block.answers))
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(block.sequential).lower()}">'
        + (
            f"<bpmn:loopDataInputRef>{block.items}</bpmn:loopDataInputRef>"
            if block.listed
            else f"<bpmn:loopCardinality>{block.number}</bpmn:loopCardinality>"
        )
        + f"<bpmn:loopDataOutputRef>{block.answers}</bpmn:loopDataOutputRef>"
        + (f'<bpmn:inputDataItem id="{block.item}" name="{block.item}"/>' if block.listed else "")
        + f'<bpmn:outputDataItem id="{block.answer}" name="{block.answer}"/>'
        + (f"<bpmn:completionCondition>{condition}</bpmn:completionCondition>" if condition else "")
        + "</bpmn:multiInstanceLoopCharacteristics>"
    )
