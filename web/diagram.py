"""A BPMN diagram as inline SVG, drawn on the server from its diagram interchange.

Only classes tell how it looks (`static/diagram.css`), so that the strictest content security policy suffices.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from lxml import etree
from markupsafe import Markup

from engine.errors import InvalidInput

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
NAMESPACES = {
    "bpmn": BPMN,
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
}

MARKS = {"now": "正在办理", "done": "已办结", "returned": "已退回", "failed": "出错", "waiting": "等待中"}
KINDS = {
    "participant": "流程", "lane": "泳道", "group": "分组", "textAnnotation": "注释", "dataObjectReference": "数据",
    "dataStoreReference": "数据存储", "task": "任务", "userTask": "人工任务", "manualTask": "线下任务",
    "serviceTask": "自动任务", "scriptTask": "脚本任务", "businessRuleTask": "规则任务", "sendTask": "发送任务",
    "receiveTask": "接收任务", "callActivity": "调用流程", "subProcess": "子流程", "adHocSubProcess": "子流程",
    "transaction": "事务", "startEvent": "开始", "endEvent": "结束", "intermediateCatchEvent": "等待事件",
    "intermediateThrowEvent": "触发事件", "boundaryEvent": "边界事件", "exclusiveGateway": "判断",
    "parallelGateway": "并行", "inclusiveGateway": "多选", "eventBasedGateway": "等待先到者",
    "complexGateway": "复杂判断", "sequenceFlow": "流向", "messageFlow": "消息", "association": "关联",
    "dataInputAssociation": "关联", "dataOutputAssociation": "关联",
}  # fmt: skip
SUBPROCESSES = {"subProcess", "adHocSubProcess", "transaction"}

FONT = 13
LINE = 17
PADDING = 16
HEADER = 30
BADGE = 9
CORNER = 8
LABEL_WIDTH = 7 * FONT
LONGEST_NAME = 300
WIDE = 1280
"""Beyond this a picture fitted to the page would be too small to read; it is scrolled instead."""
FARTHEST = 100_000
"""Coordinates beyond this are a mistake or malice; a picture of them would show nothing."""

NOTHING: Mapping[str, Any] = MappingProxyType({})

# Glyphs, each in a square of its own size: 16 for tasks, 36 for events, 50 for gateways, 14 for markers below.
TASK_GLYPHS = {
    "userTask": "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 14.5c0-3.5 2.4-4.8 5.5-4.8s5.5 1.3 5.5 4.8Z",
    "manualTask": "M2 9V6.8C2 5.6 2.8 5 3.8 5H8L6.4 3.4c-.7-.8.2-1.9 1.1-1.4L14 6v7H5.2C3.2 13 2 11.4 2 9Z",
    "serviceTask": "M8 3.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8ZM8 6.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2Z"
    "M8 1.4v2.2M8 12.4v2.2M1.4 8h2.2M12.4 8h2.2M3.3 3.3l1.6 1.6M11.1 11.1l1.6 1.6M12.7 3.3l-1.6 1.6M4.9 11.1l-1.6 1.6",
    "scriptTask": "M3.5 1.5h9v13h-9ZM5.5 5h5M5.5 8h5M5.5 11h3",
    "businessRuleTask": "M1.5 3h13v10h-13ZM1.5 6h13M6 6v7M1.5 9.5h13",
    "sendTask": "M1.5 3h13L8 8.2ZM1.5 5.2 8 10.2l6.5-5V13h-13Z",
    "receiveTask": "M1.5 3.5h13v9h-13ZM1.5 3.5 8 9l6.5-5.5",
}
EVENT_GLYPHS = {
    "message": "M9.5 12h17v12h-17ZM9.5 12l8.5 7 8.5-7",
    "timer": "M18 8.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19ZM18 12v6l4 2.5",
    "error": "M10.5 25.5l4-14 6 8 5-9-4 15-6-8.5Z",
    "signal": "M18 9.5 26 24H10Z",
    "escalation": "M18 9l7 17-7-6.5-7 6.5Z",
    "conditional": "M11 9h14v18H11ZM13.5 13h9M13.5 16.3h9M13.5 19.6h9M13.5 23h9",
    "link": "M9 15h10v-4l8 7-8 7v-4H9Z",
    "compensate": "M17 11v14l-8-7ZM26 11v14l-8-7Z",
    "cancel": "M11 13l2-2 5 5 5-5 2 2-5 5 5 5-2 2-5-5-5 5-2-2 5-5Z",
    "terminate": "M18 9a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z",
    "multiple": "M18 9l9 6.6-3.4 10.4H12.4L9 15.6Z",
}
SENT_MESSAGE = "M9 11.5h18L18 18ZM9 14l9 6.5 9-6.5v10.5H9Z"
GATEWAY_GLYPHS = {
    "exclusiveGateway": "M18.5 17l13 16M31.5 17l-13 16",
    "parallelGateway": "M25 14v22M14 25h22",
    "inclusiveGateway": "M25 14.5a10.5 10.5 0 1 0 0 21 10.5 10.5 0 0 0 0-21Z",
    "eventBasedGateway": "M25 11a14 14 0 1 0 0 28 14 14 0 0 0 0-28ZM25 14a11 11 0 1 0 0 22 11 11 0 0 0 0-22Z"
    "M25 18.5l6.5 4.7-2.5 7.6h-8l-2.5-7.6Z",
    "complexGateway": "M25 14v22M14 25h22M17.2 17.2l15.6 15.6M32.8 17.2 17.2 32.8",
}
MARKER_GLYPHS = {
    "collapsed": "M1 1h12v12H1ZM7 3.5v7M3.5 7h7",
    "parallel": "M3 2v10M7 2v10M11 2v10",
    "sequential": "M2 3h10M2 7h10M2 11h10",
    "loop": "M4.5 12a5.2 5.2 0 1 1 5 0M4.5 12V8.5M4.5 12H1",
    "adHoc": "M2 8.5c1.5-4 3.4-3.4 5-1.5s3.5 2.5 5-1.5",
}
BADGE_GLYPHS = {
    "done": "M-4 0l2.8 3L4-3",
    "now": "M-2.2-3.8 4 0-2.2 3.8Z",
    "returned": "M4 3.5c0-3-1.5-4-4-4h-3.5M-1-3.3-4-.5l3 2.8",
    "failed": "M0-4.5v5.5M0 3.6v.6",
    "waiting": "M-2-3.5v7M2-3.5v7",
}


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """Where an element stands and, if the diagram says so, where its name."""

    element: etree._Element
    box: Box
    label: Box | None
    expanded: bool
    horizontal: bool

    @property
    def kind(self) -> str:
        return _kind(self.element)


@dataclass(frozen=True)
class Edge:
    element: etree._Element
    points: tuple[Point, ...]
    label: Box | None


@dataclass(frozen=True)
class Picture:
    """What is to be drawn, and what is known of the run it shows."""

    marks: Mapping[str, str]
    counts: Mapping[str, int]
    taken: Collection[str]
    links: Mapping[str, str]
    elements: Mapping[str, etree._Element]
    corners: list[Point] = field(default_factory=list)
    """Everything drawn lies between these."""

    def reach(self, *points: Point) -> None:
        self.corners.extend(points)


def svg(
    xml: bytes,
    *,
    marks: Mapping[str, str] = NOTHING,
    counts: Mapping[str, int] = NOTHING,
    taken: Collection[str] = (),
    links: Mapping[str, str] = NOTHING,
    process_id: str | None = None,
    label: str = "",
) -> Markup:
    """The diagram of `process_id` (or the first one), or the list of its steps where it has no coordinates.

    `marks` says how far the run is (a word of MARKS by element id), `counts` how often a step was visited,
    `taken` which flows were gone, `links` where a step leads; `label` names the picture for who cannot see it.
    """
    root = _read(xml)
    elements = {key: element for element in root.iter() if (key := element.get("id"))}
    picture = Picture(marks, counts, taken, links, elements)
    plane = _plane(root, process_id)
    others = _others(root, process_id)
    shapes = [] if plane is None else [each for each in _shapes(plane, elements) if each.element not in others]
    if plane is None or not shapes:
        return _list_of_steps(root, picture, process_id)
    return _drawn(picture, shapes, [each for each in _edges(plane, elements) if each.element not in others], label)


# Reading ---------------------------------------------------------------------------------------------------


def _read(xml: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(f"not well-formed: {error.msg}", advice="流程图文件不完整，无法显示。") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidInput("a DOCTYPE is refused", advice="流程图文件带有DOCTYPE，不予显示。")
    return root


def _kind(element: etree._Element) -> str:
    """The element's name without its namespace; comments have none."""
    return str(etree.QName(element).localname) if isinstance(element.tag, str) else ""


def _plane(root: etree._Element, process_id: str | None) -> etree._Element | None:
    """The drawing of a process: its own, or that of a collaboration it takes part in."""
    for plane in root.iterfind("bpmndi:BPMNDiagram/bpmndi:BPMNPlane", NAMESPACES):
        drawn = plane.get("bpmnElement", "")
        path = "bpmn:collaboration[@id=$id]/bpmn:participant/@processRef"
        inside: Any = root.xpath(path, namespaces=NAMESPACES, id=drawn)
        if process_id in (None, drawn, *inside):
            return plane
    return None


def _others(root: etree._Element, process_id: str | None) -> set[etree._Element]:
    """The pools of the other processes in the file with all that is in them, unless messages flow between them."""
    processes = {each.get("id"): each for each in root.iterfind("bpmn:process", NAMESPACES)}
    own = processes.pop(process_id, None)
    if own is None or root.find("bpmn:collaboration/bpmn:messageFlow", NAMESPACES) is not None:
        return set()
    pools = root.iterfind("bpmn:collaboration/bpmn:participant", NAMESPACES)
    inside = {each for process in processes.values() for each in process.iter()}
    return inside | {pool for pool in pools if pool.get("processRef") in processes}


def _shapes(plane: etree._Element, elements: Mapping[str, etree._Element]) -> Iterator[Shape]:
    for drawn in plane.iterfind("bpmndi:BPMNShape", NAMESPACES):
        element, box = elements.get(drawn.get("bpmnElement", "")), _box(drawn)
        if element is not None and box is not None and _kind(element) in KINDS:
            yield Shape(
                element,
                box,
                _label_box(drawn),
                expanded=drawn.get("isExpanded") == "true",
                horizontal=drawn.get("isHorizontal") != "false",
            )


def _edges(plane: etree._Element, elements: Mapping[str, etree._Element]) -> Iterator[Edge]:
    for drawn in plane.iterfind("bpmndi:BPMNEdge", NAMESPACES):
        element = elements.get(drawn.get("bpmnElement", ""))
        points = [_numbers(point, "x", "y") for point in drawn.iterfind("di:waypoint", NAMESPACES)]
        if element is not None and len(points) > 1 and all(points) and _kind(element) in KINDS:
            yield Edge(element, tuple((point[0], point[1]) for point in points), _label_box(drawn))


def _label_box(drawn: etree._Element) -> Box | None:
    label = drawn.find("bpmndi:BPMNLabel", NAMESPACES)
    return _box(label) if label is not None else None


def _box(drawn: etree._Element) -> Box | None:
    bounds = drawn.find("dc:Bounds", NAMESPACES)
    numbers = _numbers(bounds, "x", "y", "width", "height") if bounds is not None else []
    return Box(*numbers) if numbers and min(numbers[2:]) >= 0 else None


def _numbers(element: etree._Element, *names: str) -> list[float]:
    """These attributes, or nothing if one of them is no usable number."""
    try:
        numbers = [float(element.get(name, "")) for name in names]
    except ValueError:
        return []
    return numbers if all(abs(number) < FARTHEST for number in numbers) else []


# Drawing ---------------------------------------------------------------------------------------------------


def _drawn(picture: Picture, shapes: Sequence[Shape], edges: Sequence[Edge], label: str) -> Markup:
    # Without the style sheet, lines are still lines and text is text.
    canvas = etree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg", "role": "group", "aria-label": label or "流程图",
            "font-size": str(FONT), "fill": "none", "stroke": "currentColor", "stroke-width": "1.5",
        },
    )  # fmt: skip
    for shape in sorted(filter(_is_container, shapes), key=lambda each: -each.box.width * each.box.height):
        _draw_shape(picture, canvas, shape)
    for edge in edges:
        _draw_edge(picture, canvas, edge)
    # What sits on a border comes last, on top of what it sits on.
    for shape in sorted(shapes, key=lambda each: each.kind == "boundaryEvent"):
        if not _is_container(shape):
            _draw_shape(picture, canvas, shape)
    _frame(picture, canvas)
    return Markup(etree.tostring(canvas, encoding="unicode"))  # lxml has escaped every text


def _frame(picture: Picture, canvas: etree._Element) -> None:
    left, top = (min(values) - PADDING for values in zip(*picture.corners, strict=True))
    right, bottom = (max(values) + PADDING for values in zip(*picture.corners, strict=True))
    canvas.set("viewBox", f"{left:g} {top:g} {right - left:g} {bottom - top:g}")
    canvas.set("width", f"{right - left:g}")
    canvas.set("class", "diagram wide" if right - left > WIDE else "diagram")
    canvas.set("height", f"{bottom - top:g}")


def _is_container(shape: Shape) -> bool:
    return shape.kind in ("participant", "lane") or (shape.kind in SUBPROCESSES and shape.expanded)


def _draw_shape(picture: Picture, canvas: etree._Element, shape: Shape) -> None:
    kind = shape.kind
    group = _group(picture, canvas, shape.element)
    picture.reach((shape.box.x, shape.box.y), (shape.box.right, shape.box.bottom))
    if kind in ("participant", "lane"):
        _draw_lane(group, shape)
    elif kind.endswith("Event"):
        _draw_event(picture, group, shape)
    elif kind.endswith("Gateway"):
        _draw_gateway(picture, group, shape)
    elif kind == "textAnnotation":
        _draw_annotation(group, shape)
    elif kind == "group":
        _draw_group(picture, group, shape)
    elif kind.startswith("data"):
        _draw_data(picture, group, shape)
    else:
        _draw_activity(group, shape)
    _draw_badges(picture, group, shape)


def _group(picture: Picture, canvas: etree._Element, element: etree._Element) -> etree._Element:
    """The group of one element: with words for who listens, marked for who looks, a link where it leads on."""
    key, kind = element.get("id", ""), _kind(element)
    mark = picture.marks.get(key, "")
    classes = [kind, *([mark] if mark in MARKS else []), *(["taken"] if key in picture.taken else [])]
    parent = _add(canvas, "a", href=picture.links[key]) if key in picture.links else canvas
    spoken = _spoken(picture, element)
    group = _add(parent, "g", class_=" ".join(classes), role="img", aria_label=spoken)
    _add(group, "title").text = spoken
    return group


def _spoken(picture: Picture, element: etree._Element) -> str:
    key, kind = element.get("id", ""), _kind(element)
    name = _name(element)
    if kind.endswith("Flow"):
        ends = (picture.elements.get(element.get(end, "")) for end in ("sourceRef", "targetRef"))
        source, target = (_name(end) if end is not None else "" for end in ends)
        return f"{KINDS[kind]}：{source}到{target}" + (f"（{name}）" if name else "")
    words = [f"{KINDS[kind]}：{name}" if name else KINDS[kind]]
    words += [MARKS[picture.marks[key]]] if picture.marks.get(key) in MARKS else []
    words += [f"共{picture.counts[key]}次"] if picture.counts.get(key, 0) > 1 else []
    return "，".join(words)


def _name(element: etree._Element) -> str:
    written = element.findtext("bpmn:text", namespaces=NAMESPACES) or element.get("name") or ""
    return " ".join(written.split())[:LONGEST_NAME]


def _draw_lane(group: etree._Element, shape: Shape) -> None:
    box = shape.box
    _rectangle(group, box)
    if shape.kind == "participant" and not shape.element.get("processRef"):
        _text(group, _name(shape.element), box)  # nothing is known of its inside
    elif shape.horizontal:
        _path(group, f"M{box.x + HEADER:g} {box.y:g}V{box.bottom:g}", "header")
        _vertical_text(group, _name(shape.element), Box(box.x, box.y, HEADER, box.height))
    else:
        _path(group, f"M{box.x:g} {box.y + HEADER:g}H{box.right:g}", "header")
        _text(group, _name(shape.element), Box(box.x, box.y, box.width, HEADER))


def _draw_activity(group: etree._Element, shape: Shape) -> None:
    box, kind = shape.box, shape.kind
    _rectangle(group, box, class_="outline", rx=CORNER)
    if kind == "transaction":
        _rectangle(group, Box(box.x + 3, box.y + 3, box.width - 6, box.height - 6), class_="thin", rx=CORNER - 2)
    if shape.element.get("triggeredByEvent") == "true":
        group.set("class", f"{group.get('class')} by-event")
    if kind in TASK_GLYPHS:
        solid = "glyph solid" if kind == "sendTask" else "glyph"
        _path(group, TASK_GLYPHS[kind], solid, transform=f"translate({box.x + 5:g} {box.y + 5:g})")
    if kind in SUBPROCESSES and shape.expanded:
        _text(group, _name(shape.element), Box(box.x, box.y + 4, box.width, LINE + 4))
    else:
        _text(group, _name(shape.element), box)
    _draw_markers(group, shape)


def _draw_markers(group: etree._Element, shape: Shape) -> None:
    markers = list(_markers(shape))
    left = shape.box.middle[0] - 8 * len(markers)
    for place, marker in enumerate(markers):
        at = f"translate({left + 16 * place + 1:g} {shape.box.bottom - 16:g})"
        _path(group, MARKER_GLYPHS[marker], "glyph", transform=at)


def _markers(shape: Shape) -> Iterator[str]:
    repeated = shape.element.find("bpmn:multiInstanceLoopCharacteristics", NAMESPACES)
    if repeated is not None:
        yield "sequential" if repeated.get("isSequential") == "true" else "parallel"
    if shape.element.find("bpmn:standardLoopCharacteristics", NAMESPACES) is not None:
        yield "loop"
    if shape.kind in SUBPROCESSES and not shape.expanded:
        yield "collapsed"
    if shape.kind == "adHocSubProcess":
        yield "adHoc"


def _draw_event(picture: Picture, group: etree._Element, shape: Shape) -> None:
    element, kind = shape.element, shape.kind
    (x, y), radius = shape.box.middle, shape.box.width / 2
    uninterrupting = element.get("cancelActivity") == "false" or element.get("isInterrupting") == "false"
    outline = "outline dashed" if uninterrupting else "outline"
    _add(group, "circle", class_=outline, cx=x, cy=y, r=radius)
    if kind not in ("startEvent", "endEvent"):
        _add(group, "circle", class_=f"{outline} inner", cx=x, cy=y, r=max(radius - 3, 0))
    glyph, thrown = _event_glyph(element), kind in ("endEvent", "intermediateThrowEvent")
    if glyph:
        shown = SENT_MESSAGE if thrown and glyph == "message" else EVENT_GLYPHS[glyph]
        solid = "glyph solid" if thrown else "glyph"
        _path(group, shown, solid, transform=_fitted(shape.box, 36))
    _text_below(picture, group, shape)


def _event_glyph(element: etree._Element) -> str | None:
    suffix = "EventDefinition"
    found = [_kind(child).removesuffix(suffix) for child in element if _kind(child).endswith(suffix)]
    if len(found) > 1:
        return "multiple"
    return found[0] if found and found[0] in EVENT_GLYPHS else None


def _draw_gateway(picture: Picture, group: etree._Element, shape: Shape) -> None:
    box, (x, y) = shape.box, shape.box.middle
    _path(group, f"M{x:g} {box.y:g}L{box.right:g} {y:g}L{x:g} {box.bottom:g}L{box.x:g} {y:g}Z", "outline")
    if shape.kind in GATEWAY_GLYPHS:
        weight = "glyph" if shape.kind == "eventBasedGateway" else "glyph thick"
        _path(group, GATEWAY_GLYPHS[shape.kind], weight, transform=_fitted(box, 50))
    _text_below(picture, group, shape)


def _draw_annotation(group: etree._Element, shape: Shape) -> None:
    box = shape.box
    _path(group, f"M{box.x + 10:g} {box.y:g}H{box.x:g}V{box.bottom:g}H{box.x + 10:g}", "outline")
    lines = _shortened(wrap(_name(shape.element), box.width - 12), int(box.height / LINE))
    _lines(group, lines, box.x + 8, box.y + (box.height - LINE * len(lines)) / 2, "start")


def _draw_group(picture: Picture, group: etree._Element, shape: Shape) -> None:
    _rectangle(group, shape.box, class_="outline", rx=CORNER)
    value = picture.elements.get(shape.element.get("categoryValueRef", ""))
    if value is not None:
        _text(group, value.get("value", "")[:LONGEST_NAME], Box(shape.box.x, shape.box.y, shape.box.width, LINE + 6))


def _draw_data(picture: Picture, group: etree._Element, shape: Shape) -> None:
    box = shape.box
    if shape.kind == "dataStoreReference":
        rim = f"a{box.width / 2:g} 7 0 0 0 {box.width:g} 0"
        side = f"M{box.x:g} {box.y + 7:g}V{box.bottom - 7:g}{rim}V{box.y + 7:g}"
        _path(group, f"{side}a{box.width / 2:g} 7 0 0 0-{box.width:g} 0{rim}", "outline")
    else:
        fold = f"L{box.right:g} {box.y + 10:g}H{box.right - 10:g}V{box.y:g}"
        page = f"M{box.right - 10:g} {box.y:g}H{box.x:g}V{box.bottom:g}H{box.right:g}V{box.y + 10:g}"
        _path(group, f"{page}H{box.right - 10:g}V{box.y:g}{fold}", "outline")
    _text_below(picture, group, shape)


def _draw_badges(picture: Picture, group: etree._Element, shape: Shape) -> None:
    """A mark is a shape and a word before it is a colour; a number tells how often a loop came by."""
    key, box = shape.element.get("id", ""), shape.box
    mark, count = picture.marks.get(key), picture.counts.get(key, 0)
    if mark in BADGE_GLYPHS:
        _path(_badge(picture, group, "badge", (box.right, box.y)), BADGE_GLYPHS[mark], "glyph")
    if count > 1:
        badge = _badge(picture, group, "count", (box.x, box.y), BADGE + 4 * (len(str(count)) - 1))
        _lines(badge, [str(count)], 0, -LINE / 2, "middle")


def _badge(picture: Picture, group: etree._Element, name: str, at: Point, half: float = BADGE) -> etree._Element:
    badge = _add(group, "g", class_=name, transform=f"translate({at[0]:g} {at[1]:g})")
    _rectangle(badge, Box(-half, -BADGE, 2 * half, 2 * BADGE), class_="plate", rx=BADGE)
    picture.reach((at[0] - half, at[1] - BADGE), (at[0] + half, at[1] + BADGE))
    return badge


def _draw_edge(picture: Picture, canvas: etree._Element, edge: Edge) -> None:
    element, kind = edge.element, _kind(edge.element)
    group = _group(picture, canvas, element)
    picture.reach(*edge.points)
    _path(group, _rounded(edge.points), "line")
    if kind == "sequenceFlow":
        _draw_start_of_flow(picture, group, edge)
    elif kind == "messageFlow":
        _add(group, "circle", class_="end", cx=edge.points[0][0], cy=edge.points[0][1], r=4)
    if kind != "association" or element.get("associationDirection") in ("One", "Both"):
        _arrow(group, edge.points[-2], edge.points[-1], "arrow" if kind == "sequenceFlow" else "arrow open")
    if name := _name(element):
        _label_of_edge(picture, group, name, edge)


def _draw_start_of_flow(picture: Picture, group: etree._Element, edge: Edge) -> None:
    """A slash says by default; a diamond, that a condition stands where no gateway does."""
    source = picture.elements.get(edge.element.get("sourceRef", ""))
    if source is None:
        return
    (x, y), turn = edge.points[0], _degrees(edge.points[0], edge.points[1])
    at = f"translate({x:g} {y:g}) rotate({turn:g})"
    if source.get("default") == edge.element.get("id"):
        _path(group, "M7 5 13-5", "slash", transform=at)
    elif (
        not _kind(source).endswith("Gateway") and edge.element.find("bpmn:conditionExpression", NAMESPACES) is not None
    ):
        _path(group, "M0 0 8-5 16 0 8 5Z", "end", transform=at)


def _label_of_edge(picture: Picture, group: etree._Element, name: str, edge: Edge) -> None:
    if edge.label:
        width = max(edge.label.width, LABEL_WIDTH)
        x, y = edge.label.middle[0], edge.label.y
    else:
        (x, y), width = _halfway(edge.points), LABEL_WIDTH
        y -= LINE + 2
    _label(picture, group, wrap(name, width), x, y)


def _text_below(picture: Picture, group: etree._Element, shape: Shape) -> None:
    """Events and gateways are too small for their names."""
    if not (name := _name(shape.element)):
        return
    box = shape.label or Box(shape.box.x, shape.box.bottom + 5, shape.box.width, LINE)
    _label(picture, group, wrap(name, max(box.width, LABEL_WIDTH)), box.middle[0], box.y)


def _label(picture: Picture, group: etree._Element, lines: Sequence[str], x: float, top: float) -> None:
    half = max(map(_width, lines)) / 2
    picture.reach((x - half, top), (x + half, top + LINE * len(lines)))
    _lines(group, lines, x, top, "middle", class_="label")


# Lines and points ------------------------------------------------------------------------------------------


def _degrees(start: Point, end: Point) -> float:
    return math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))


def _arrow(group: etree._Element, before: Point, tip: Point, name: str) -> None:
    at = f"translate({tip[0]:g} {tip[1]:g}) rotate({_degrees(before, tip):g})"
    _path(group, "M-10-4.5 0 0-10 4.5" + ("" if "open" in name else "Z"), name, transform=at)


def _rounded(points: Sequence[Point]) -> str:
    """A line through the points that takes its corners softly."""
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (x1, y1), (x2, y2) = _towards(corner, before), _towards(corner, after)
        path.append(f"L{x1:g} {y1:g}Q{corner[0]:g} {corner[1]:g} {x2:g} {y2:g}")
    return "".join(path) + f"L{points[-1][0]:g} {points[-1][1]:g}"


def _towards(start: Point, end: Point) -> Point:
    """The point a corner's radius away, or halfway if that is nearer."""
    distance = math.dist(start, end)
    part = min(CORNER, distance / 2) / distance if distance else 0
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part


def _halfway(points: Sequence[Point]) -> Point:
    rest = sum(math.dist(start, end) for start, end in pairwise(points)) / 2
    for start, end in pairwise(points):
        distance = math.dist(start, end)
        if distance and rest <= distance:
            part = rest / distance
            return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part
        rest -= distance
    return points[0]


def _fitted(box: Box, size: float) -> str:
    """Puts a glyph of that size into a box."""
    return f"translate({box.x:g} {box.y:g}) scale({box.width / size:g} {box.height / size:g})"


# Text ------------------------------------------------------------------------------------------------------

TOKENS = re.compile(r"[（《“‘「【(\[]*(?:[A-Za-z0-9%.,/_-]+|\S)[，。；：、！？）》”’」】)\]…]*|\s+")
"""What stays on one line: a word or number, a bracket with what follows it, a comma with what precedes it."""


def wrap(text: str, width: float) -> list[str]:
    """The text in as few lines as fit into the width, of about equal length."""
    lines = _wrapped(text, width)
    if len(lines) < 2:
        return lines
    narrower = range(math.ceil(_width(text) / len(lines)), int(width))
    return next((even for even in (_wrapped(text, each) for each in narrower) if len(even) == len(lines)), lines)


def _wrapped(text: str, width: float) -> list[str]:
    lines = [""]
    for token in TOKENS.findall(text):
        if lines[-1].strip() and _width(lines[-1] + token.rstrip()) > width:
            lines.append("")
        lines[-1] += token
    return [line.strip() for line in lines if line.strip()]


def _width(text: str) -> float:
    """About how wide the text comes out: Chinese characters are square, others half as wide."""
    return FONT * sum(1 if unicodedata.east_asian_width(sign) in "WFA" else 0.58 for sign in text)


def _text(group: etree._Element, text: str, box: Box) -> None:
    """Text in the middle of a box."""
    lines = _shortened(wrap(text, box.width - 10), int((box.height - 6) / LINE))
    _lines(group, lines, box.middle[0], box.middle[1] - LINE * len(lines) / 2, "middle")


def _shortened(lines: list[str], room: int) -> list[str]:
    """What does not fit ends in …; the title has all of it."""
    room = max(room, 1)
    return lines if len(lines) <= room else [*lines[: room - 1], f"{lines[room - 1][:-1]}…"]


def _lines(
    group: etree._Element, lines: Sequence[str], x: float, top: float, anchor: str, *, class_: str | None = None
) -> None:
    text = _add(group, "text", class_=class_, text_anchor=anchor, fill="currentColor", stroke="none")
    for number, line in enumerate(lines):
        _add(text, "tspan", x=x, y=top + LINE * number + 13).text = line


def _vertical_text(group: etree._Element, text: str, box: Box) -> None:
    """A lane's name from top to bottom, in the one column there is room for."""
    x, y = box.middle
    for column in _shortened(wrap(text, box.height - 10), 1):
        _add(
            group, "text", writing_mode="vertical-rl", text_anchor="middle", x=x, y=y, fill="currentColor", stroke="none"
        ).text = column  # fmt: skip


# Elements --------------------------------------------------------------------------------------------------


def _add(parent: etree._Element, tag: str, **attributes: str | float | None) -> etree._Element:
    """A new element; `class_` and `text_anchor` become `class` and `text-anchor`, None is left out."""
    child = etree.SubElement(parent, tag)
    for name, value in attributes.items():
        if value is not None:
            child.set(name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else f"{value:g}")
    return child


def _path(parent: etree._Element, d: str, name: str, *, transform: str | None = None) -> None:
    _add(parent, "path", d=d, class_=name, transform=transform)


def _rectangle(group: etree._Element, box: Box, *, class_: str = "outline", rx: float | None = None) -> None:
    _add(group, "rect", class_=class_, x=box.x, y=box.y, width=box.width, height=box.height, rx=rx)


# Without coordinates ---------------------------------------------------------------------------------------


def _list_of_steps(root: etree._Element, picture: Picture, process_id: str | None) -> Markup:
    steps = Markup("").join(_step(picture, element) for element in _steps(root, picture, process_id))
    return Markup('<p class="meta">图缺坐标，已按顺序列出步骤。</p><ol class="diagram-list">{}</ol>').format(steps)


def _step(picture: Picture, element: etree._Element) -> Markup:
    link, mark = (told.get(element.get("id", ""), "") for told in (picture.links, picture.marks))
    words = _spoken(picture, element)
    shown = Markup('<a href="{}">{}</a>').format(link, words) if link else words
    return Markup('<li class="{}">{}</li>').format(mark if mark in MARKS else "", shown)


def _steps(root: etree._Element, picture: Picture, process_id: str | None) -> Iterator[etree._Element]:
    """The named steps of a process in the order in which the flows reach them, then those no flow reaches."""
    processes = root.findall("bpmn:process", NAMESPACES)
    process = next((each for each in processes if process_id in (None, each.get("id"))), None)
    if process is None:
        return
    nodes = [node for node in process.iter() if _kind(node) in KINDS and _is_step(node)]
    waiting = deque([*(node for node in nodes if _kind(node) == "startEvent"), *nodes])
    seen = set()
    following = _following(process, picture)
    while waiting:
        node = waiting.popleft()
        if node not in seen:
            seen.add(node)
            waiting.extendleft(reversed(following.get(node.get("id", ""), [])))
            if _name(node):
                yield node


def _is_step(node: etree._Element) -> bool:
    return _kind(node).endswith(("Task", "task", "Event", "Gateway", "Activity", "Process", "transaction"))


def _following(process: etree._Element, picture: Picture) -> dict[str, list[etree._Element]]:
    following: dict[str, list[etree._Element]] = {}
    for flow in process.iter(f"{{{BPMN}}}sequenceFlow"):
        target = picture.elements.get(flow.get("targetRef", ""))
        if target is not None:
            following.setdefault(flow.get("sourceRef", ""), []).append(target)
    return following
