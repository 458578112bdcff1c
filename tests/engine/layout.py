"""What a person would find fault with in the drawing of a diagram: missing, overlapping, crossing, run through, too wide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from lxml import etree

BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
BPMNDI = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC = "{http://www.omg.org/spec/DD/20100524/DC}"
DI = "{http://www.omg.org/spec/DD/20100524/DI}"
PAGE = 1240
LABEL = 7
"""Characters that fit on one line beside a node."""
CONTAINERS = ("participant", "lane", "group")
SLACK = 0.5


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right - SLACK
            and other.left < self.right - SLACK
            and self.top < other.bottom - SLACK
            and other.top < self.bottom - SLACK
        )


@dataclass
class Drawing:
    """The elements of a file that must be drawn, and how they are: boxes, lines as boxes without area, labels."""

    expected: dict[str, str] = field(default_factory=dict)
    """Id → kind."""
    shapes: dict[str, Box] = field(default_factory=dict)
    lines: dict[str, list[Box]] = field(default_factory=dict)
    labels: dict[str, Box] = field(default_factory=dict)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> dict[str, Box]:
        return {key: box for key, box in self.shapes.items() if self.expected.get(key) not in CONTAINERS}


def read(content: bytes) -> Drawing:
    root, drawing = etree.fromstring(content), Drawing()
    for element in root.iter(f"{BPMN}*"):
        kind, key = etree.QName(element).localname, element.get("id", "")
        if kind == "sequenceFlow":
            drawing.ends[key] = element.get("sourceRef", ""), element.get("targetRef", "")
        if kind == "boundaryEvent":
            drawing.hosts[key] = element.get("attachedToRef", "")
        if kind in ("sequenceFlow", *CONTAINERS) or element.find(f"{BPMN}incoming") is not None or kind == "startEvent":
            drawing.expected[key] = kind
            drawing.names[key] = element.get("name", "")
    for shape in root.iter(f"{BPMNDI}BPMNShape"):
        drawing.shapes[shape.get("bpmnElement", "")] = _box(shape.find(f"{DC}Bounds"))
        _label(drawing, shape)
    for edge in root.iter(f"{BPMNDI}BPMNEdge"):
        points = [(float(each.get("x", "")), float(each.get("y", ""))) for each in edge.iter(f"{DI}waypoint")]
        drawing.lines[edge.get("bpmnElement", "")] = [
            Box(min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in pairwise(points)
        ]
        _label(drawing, edge)
    return drawing


def faults(drawing: Drawing) -> list[str]:
    looks = _missing, _slanting, _overlapping, _run_through, _crossing, _badly_labelled
    return [fault for look in looks for fault in look(drawing)]


def width(drawing: Drawing) -> float:
    boxes = drawing.shapes.values()
    return max(box.right for box in boxes) - min(box.left for box in boxes)


def _missing(drawing: Drawing) -> Iterator[str]:
    for key, kind in drawing.expected.items():
        if key not in drawing.shapes and key not in drawing.lines:
            yield f"{kind} {key} is not drawn"
    if width(drawing) > PAGE:
        yield f"{width(drawing):g} wide does not fit on a page"


def _slanting(drawing: Drawing) -> Iterator[str]:
    for key, parts in drawing.lines.items():
        if any(part.right - part.left > SLACK and part.bottom - part.top > SLACK for part in parts):
            yield f"{key} is neither horizontal nor vertical"


def _overlapping(drawing: Drawing) -> Iterator[str]:
    for (one, box), (other, its) in combinations(drawing.nodes.items(), 2):
        if box.overlaps(its) and one not in drawing.hosts and other not in drawing.hosts:
            yield f"{one} overlaps {other}"


def _run_through(drawing: Drawing) -> Iterator[str]:
    for flow, parts in drawing.lines.items():
        source, target = drawing.ends[flow]
        own = {source, target, drawing.hosts.get(source), drawing.hosts.get(target)}
        for node, box in drawing.nodes.items():
            if node not in own and any(_touches(part, box) for part in parts):
                yield f"{flow} runs through {node}"
        for key, label in drawing.labels.items():
            if drawing.expected.get(key) not in CONTAINERS and any(_touches(part, label) for part in parts):
                yield f"{flow} runs through the label of {key}"


def _crossing(drawing: Drawing) -> Iterator[str]:
    for one, other in combinations(drawing.lines, 2):
        (source, target), (another, its) = drawing.ends[one], drawing.ends[other]
        apart = source != another and target != its
        if apart and any(_meet(a, b) for a in drawing.lines[one] for b in drawing.lines[other]):
            yield f"{one} crosses {other}"


def _badly_labelled(drawing: Drawing) -> Iterator[str]:
    for (one, box), (other, its) in combinations(drawing.labels.items(), 2):
        if box.overlaps(its):
            yield f"the labels of {one} and {other} collide"
    for key, label in drawing.labels.items():
        for node, box in drawing.nodes.items():
            if node != key and label.overlaps(box):
                yield f"the label of {key} lies on {node}"
    for key, kind in drawing.expected.items():
        if kind.endswith("Event") and not drawing.names[key]:
            yield f"{kind} {key} has no name"


def _touches(line: Box, box: Box) -> bool:
    inside = line.left < box.right - SLACK and line.right > box.left + SLACK
    return inside and line.top < box.bottom - SLACK and line.bottom > box.top + SLACK


def _meet(one: Box, other: Box) -> bool:
    beside = one.left <= other.right + SLACK and other.left <= one.right + SLACK
    return beside and one.top <= other.bottom + SLACK and other.top <= one.bottom + SLACK


def _label(drawing: Drawing, drawn: etree._Element) -> None:
    bounds = drawn.find(f"{BPMNDI}BPMNLabel/{DC}Bounds")
    if bounds is not None:
        drawing.labels[drawn.get("bpmnElement", "")] = _box(bounds)


def _box(bounds: etree._Element | None) -> Box:
    assert bounds is not None, "every shape has bounds"
    left, top, wide, high = (float(bounds.get(name, "")) for name in ("x", "y", "width", "height"))
    return Box(left, top, left + wide, top + high)
