"""Diagrams as SVG: everything BPMN can draw, how far a run is, and nothing a browser could execute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import chain

import pytest
from lxml import etree

from engine.errors import InvalidInput
from web import diagram

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"
  xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC"
  xmlns:di="http://www.omg.org/spec/DD/20100524/DI" id="definitions">"""

LOOP = """<bpmn:process id="rectification" name="整改">
  <bpmn:startEvent id="issued" name="下发"/>
  <bpmn:userTask id="rectify" name="提交整改"/>
  <bpmn:exclusiveGateway id="accepted" name="核查意见" default="back"/>
  <bpmn:endEvent id="closed" name="销号"/>
  <bpmn:sequenceFlow id="begin" sourceRef="issued" targetRef="rectify"/>
  <bpmn:sequenceFlow id="check" sourceRef="rectify" targetRef="accepted"/>
  <bpmn:sequenceFlow id="finish" name="通过" sourceRef="accepted" targetRef="closed"/>
  <bpmn:sequenceFlow id="back" name="退回" sourceRef="accepted" targetRef="rectify"/>
</bpmn:process>"""
PLACES = {"issued": (100, 100, 36, 36), "rectify": (200, 78, 100, 80), "accepted": (360, 93, 50, 50),
          "closed": (480, 100, 36, 36)}  # fmt: skip
WAYS = {
    "begin": [(136, 118), (200, 118)],
    "check": [(300, 118), (360, 118)],
    "finish": [(410, 118), (480, 118)],
    "back": [(385, 93), (385, 40), (250, 40), (250, 78)],
}


def document(
    content: str,
    places: Mapping[str, tuple[float, float, float, float]],
    ways: Mapping[str, Sequence[tuple[float, float]]],
    *,
    drawn: str = "rectification",
    **attributes: str,
) -> bytes:
    shapes = "".join(
        f'<bpmndi:BPMNShape bpmnElement="{key}" {attributes.get(key, "")}>'
        f'<dc:Bounds x="{x}" y="{y}" width="{width}" height="{height}"/></bpmndi:BPMNShape>'
        for key, (x, y, width, height) in places.items()
    )
    edges = "".join(
        f'<bpmndi:BPMNEdge bpmnElement="{key}">'
        + "".join(f'<di:waypoint x="{x}" y="{y}"/>' for x, y in points)
        + "</bpmndi:BPMNEdge>"
        for key, points in ways.items()
    )
    plane = f'<bpmndi:BPMNDiagram><bpmndi:BPMNPlane bpmnElement="{drawn}">{shapes}{edges}</bpmndi:BPMNPlane></bpmndi:BPMNDiagram>'
    return f"{HEAD}{content}{plane}</bpmn:definitions>".encode()


REWORK = document(LOOP, PLACES, WAYS)


def picture(*arguments: bytes, **keywords: object) -> etree._Element:
    return etree.fromstring(diagram.svg(*arguments, **keywords))  # type: ignore[arg-type]


def groups(drawn: etree._Element) -> dict[str, etree._Element]:
    """The drawn elements by what is said of them."""
    return {group.get("aria-label", ""): group for group in drawn.iter("{*}g") if group.get("role") == "img"}


def texts(drawn: etree._Element) -> list[str]:
    return ["".join(map(str, text.itertext())) for text in drawn.iter("{*}text")]


def test_every_element_is_drawn_and_has_words() -> None:
    # when
    drawn = picture(REWORK, label="整改流程")
    # then
    assert drawn.get("aria-label") == "整改流程"
    assert sorted(groups(drawn)) == [
        "人工任务：提交整改", "判断：核查意见", "开始：下发", "流向：下发到提交整改", "流向：提交整改到核查意见",
        "流向：核查意见到提交整改（退回）", "流向：核查意见到销号（通过）", "结束：销号",
    ]  # fmt: skip
    assert all(group.findtext("{*}title") == words for words, group in groups(drawn).items())
    assert set(texts(drawn)) == {"下发", "提交整改", "核查意见", "销号", "通过", "退回"}


def test_the_picture_holds_all_that_is_drawn() -> None:
    left, top, width, height = map(float, picture(REWORK).get("viewBox", "").split())
    assert left < 100
    assert top < 40
    assert left + width > 516
    assert top + height > 158


def test_a_run_shows_where_it_stands_and_was() -> None:
    # when
    drawn = picture(
        REWORK,
        marks={"issued": "done", "rectify": "now", "accepted": "returned", "closed": "<unknown>"},
        counts={"rectify": 3, "issued": 1},
        taken={"begin", "check"},
    )
    # then
    said = groups(drawn)
    assert said["开始：下发，已办结"].get("class") == "startEvent done"
    assert said["人工任务：提交整改，正在办理，共3次"].get("class") == "userTask now"
    assert said["判断：核查意见，已退回"].get("class") == "exclusiveGateway returned"
    assert said["结束：销号"].get("class") == "endEvent"
    assert said["流向：下发到提交整改"].get("class") == "sequenceFlow taken"
    assert said["流向：核查意见到销号（通过）"].get("class") == "sequenceFlow"
    assert "3" in texts(drawn)
    assert "1" not in texts(drawn)


@pytest.mark.parametrize("mark", diagram.MARKS)
def test_every_mark_is_a_shape_and_a_word(mark: str) -> None:
    drawn = picture(REWORK, marks={"rectify": mark})
    group = groups(drawn)[f"人工任务：提交整改，{diagram.MARKS[mark]}"]
    assert group.find("{*}g[@class='badge']/{*}path") is not None


def test_a_step_may_lead_on() -> None:
    drawn = picture(REWORK, links={"rectify": "/user-tasks/1?a=1&b=2"})
    link = drawn.find("{*}a")
    assert link is not None
    assert link.get("href") == "/user-tasks/1?a=1&b=2"
    assert groups(link).keys() == {"人工任务：提交整改"}


def test_only_the_default_flow_has_a_slash() -> None:
    slashed = [
        words for words, group in groups(picture(REWORK)).items() if group.find("{*}path[@class='slash']") is not None
    ]
    assert slashed == ["流向：核查意见到提交整改（退回）"]


EVENTS = [
    "message",
    "timer",
    "error",
    "signal",
    "escalation",
    "conditional",
    "link",
    "compensate",
    "cancel",
    "terminate",
]
TASKS = ["task", "userTask", "manualTask", "serviceTask", "scriptTask", "businessRuleTask", "sendTask", "receiveTask",
         "callActivity", "subProcess", "transaction", "adHocSubProcess"]  # fmt: skip
GATEWAYS = ["exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway", "complexGateway"]
PLACED_EVENTS = ["startEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent", "endEvent"]
ARTIFACTS = ["dataObjectReference", "dataStoreReference", "textAnnotation", "group"]


@pytest.mark.parametrize("kind", [*TASKS, *GATEWAYS, *PLACED_EVENTS, *ARTIFACTS])
def test_every_kind_of_element_is_drawn(kind: str) -> None:
    drawn = picture(
        document(
            f'<bpmn:process id="rectification"><bpmn:{kind} id="it" name="某某"/></bpmn:process>',
            {"it": (0, 0, 100, 80)},
            {},
        )
    )
    ((words, group),) = groups(drawn).items()
    assert words == f"{diagram.KINDS[kind]}：某某"
    assert group.find(".//{*}*[@class]") is not None


@pytest.mark.parametrize("kind", PLACED_EVENTS)
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_its_glyph(kind: str, event: str) -> None:
    content = f'<bpmn:process id="rectification"><bpmn:{kind} id="it"><bpmn:{event}EventDefinition/></bpmn:{kind}></bpmn:process>'
    drawn = picture(document(content, {"it": (0, 0, 36, 36)}, {}))
    glyph = drawn.find(".//{*}path")
    assert glyph is not None
    thrown = kind in ("endEvent", "intermediateThrowEvent")
    assert glyph.get("class") == ("glyph solid" if thrown else "glyph")


def test_pools_lanes_messages_and_notes_are_drawn() -> None:
    # given
    lanes = '<bpmn:laneSet><bpmn:lane id="inspector" name="责任督学"/></bpmn:laneSet>'
    content = f"""<bpmn:collaboration id="meeting">
      <bpmn:participant id="bureau" name="教育局" processRef="rectification"/>
      <bpmn:participant id="school" name="学校"/>
      <bpmn:messageFlow id="letter" name="整改通知" sourceRef="bureau" targetRef="school"/>
      <bpmn:textAnnotation id="note"><bpmn:text>期限由规则定</bpmn:text></bpmn:textAnnotation>
      <bpmn:association id="line" sourceRef="rectify" targetRef="note"/>
    </bpmn:collaboration>{LOOP.replace("<bpmn:startEvent", f"{lanes}<bpmn:startEvent")}"""
    places = {"bureau": (0, 0, 600, 200), "inspector": (30, 0, 570, 200), **PLACES, "school": (0, 300, 600, 60),
              "note": (250, 210, 100, 40)}  # fmt: skip
    ways = {**WAYS, "letter": [(300, 200), (300, 300)], "line": [(250, 158), (260, 210)]}
    # when
    drawn = picture(document(content, places, ways, drawn="meeting"), process_id="rectification")
    # then
    assert {
        "流程：教育局",
        "流程：学校",
        "泳道：责任督学",
        "消息：教育局到学校（整改通知）",
        "注释：期限由规则定",
        "关联",
    } <= set(groups(drawn))
    assert [text.text for text in drawn.iter("{*}text") if text.get("writing-mode")] == ["教育局", "责任督学"]


def test_lanes_lie_beneath_what_stands_in_them() -> None:
    content = '<bpmn:process id="rectification"><bpmn:userTask id="it"/><bpmn:subProcess id="whole"/></bpmn:process>'
    drawn = picture(
        document(content, {"it": (10, 10, 100, 80), "whole": (0, 0, 300, 200)}, {}, whole='isExpanded="true"')
    )
    assert list(groups(drawn)) == ["子流程", "人工任务"]


def test_of_several_diagrams_the_one_of_the_process_is_drawn() -> None:
    # given
    other = LOOP.replace('id="rectification"', 'id="other"').replace("提交整改", "别的")
    plane = "<bpmndi:BPMNDiagram><bpmndi:BPMNPlane bpmnElement='other'/></bpmndi:BPMNDiagram>"
    both = document(other.replace('id="rectify"', 'id="rework"') + LOOP + plane, PLACES, WAYS)
    # then
    assert "提交整改" in diagram.svg(both, process_id="rectification")
    assert "<ol" in diagram.svg(both, process_id="other")
    assert "别的" in diagram.svg(both, process_id="other")


def test_another_process_of_the_same_picture_is_left_out_unless_messages_flow() -> None:
    # given
    pools = """<bpmn:participant id="one" name="任务" processRef="rectification"/>
      <bpmn:participant id="each" name="每期一件" processRef="item"/>"""
    item = '<bpmn:process id="item"><bpmn:userTask id="do" name="办一件"/></bpmn:process>'
    places = {"one": (0, 0, 600, 200), **PLACES, "each": (0, 300, 600, 100), "do": (50, 310, 100, 80)}

    def seen(key: str, messages: str = "") -> set[str]:
        content = f'<bpmn:collaboration id="both">{pools}{messages}</bpmn:collaboration>{LOOP}{item}'
        return set(groups(picture(document(content, places, WAYS, drawn="both"), process_id=key)))

    # then
    assert {"流程：每期一件", "人工任务：办一件"} == seen("item")
    assert "流程：任务" in seen("rectification")
    assert "人工任务：办一件" not in seen("rectification")
    flow = '<bpmn:messageFlow id="said" sourceRef="rectify" targetRef="do"/>'
    assert {"流程：任务", "人工任务：办一件"} <= seen("rectification", flow) & seen("item", flow)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("提交整改", ["提交整改"]),
        ("安排下期填报工作", ["安排下期", "填报工作"]),
        ("撰写年度自查报告，报处室负责人审定", ["撰写年度自查", "报告，报处室", "负责人审定"]),
        ("登记（备案）、归档和公开", ["登记（备", "案）、归", "档和公开"]),
        ("核查 2021-137 号问题", ["核查", "2021-137", "号问题"]),
        ("Supervise the rectification", ["Supervise", "the", "rectification"]),
        ("一" * 20, ["一" * 5] * 4),
        ("a" * 40, ["a" * 40]),
    ],
)
def test_text_is_wrapped_evenly_and_never_begins_a_line_with_a_comma(text: str, lines: list[str]) -> None:
    assert diagram.wrap(text, 80) == lines


def test_what_does_not_fit_a_task_ends_in_dots_and_is_whole_in_its_title() -> None:
    name = "对照年度目标逐项撰写自查报告并报处室负责人审定后送督导室备案归档"
    drawn = picture(document(LOOP.replace("提交整改", name), PLACES, WAYS))
    shown = next(text for text in texts(drawn) if text.startswith("对照"))
    assert shown.endswith("…")
    assert f"人工任务：{name}" in groups(drawn)


def test_without_coordinates_the_steps_are_listed_in_their_order() -> None:
    # given
    shuffled = LOOP.replace('<bpmn:endEvent id="closed" name="销号"/>', "").replace(
        '<bpmn:startEvent id="issued"', '<bpmn:endEvent id="closed" name="销号"/><bpmn:startEvent id="issued"'
    )
    # when
    html = diagram.svg(
        f"{HEAD}{shuffled}</bpmn:definitions>".encode(), marks={"rectify": "now"}, links={"rectify": "/1?a&b"}
    )
    # then
    listed = re.findall(r"<li.*?</li>", html)
    assert [re.sub("<.*?>", "", each) for each in listed] == [
        "开始：下发", "人工任务：提交整改，正在办理", "判断：核查意见", "结束：销号"
    ]  # fmt: skip
    assert listed[1] == '<li class="now"><a href="/1?a&amp;b">人工任务：提交整改，正在办理</a></li>'
    assert "图缺坐标" in html


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e9", "", "x", "1e999"])
def test_coordinates_that_are_none_are_passed_over(number: str) -> None:
    damaged = REWORK.replace(b'x="200" y="78"', f'x="{number}" y="78"'.encode()).replace(
        b'<di:waypoint x="300"', f'<di:waypoint x="{number}"'.encode()
    )
    drawn = picture(damaged)
    assert "人工任务：提交整改" not in groups(drawn)
    assert "流向：提交整改到核查意见" not in groups(drawn)
    assert "结束：销号" in groups(drawn)


def test_shapes_of_nothing_and_of_nothing_known_are_passed_over() -> None:
    content = '<bpmn:process id="rectification"><bpmn:choreographyTask id="it"/></bpmn:process>'
    html = diagram.svg(document(content, {"it": (0, 0, 1, 1), "nobody": (0, 0, 1, 1)}, {"nobody": [(0, 0), (1, 1)]}))
    assert "diagram-list" in html


HOSTILE = "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;alert(1) &lt;img src=x onerror=alert(1)&gt;"


@pytest.mark.parametrize("with_coordinates", [True, False])
def test_names_cannot_become_markup(with_coordinates: bool) -> None:
    # given
    hostile = LOOP.replace("提交整改", HOSTILE).replace("退回", HOSTILE)
    xml = document(hostile, PLACES, WAYS) if with_coordinates else f"{HEAD}{hostile}</bpmn:definitions>".encode()
    # when
    html = diagram.svg(xml, label='"><script>', links={"issued": '"><script>'}, marks={"closed": '"><script>'})
    # then
    elements = etree.fromstring(f"<div>{html}</div>").iter()
    assert {str(element.tag).rpartition("}")[2] for element in elements} <= {
        "div", "svg", "g", "a", "title", "rect", "circle", "path", "text", "tspan", "p", "ol", "li",
    }  # fmt: skip


def test_the_strictest_policy_is_kept() -> None:
    drawn = picture(REWORK, marks={"rectify": "now"}, counts={"rectify": 12}, links={"rectify": "/"})
    attributes = set(chain.from_iterable(element.attrib for element in drawn.iter()))
    assert "style" not in attributes
    assert not [name for name in attributes if str(name).startswith("on")]
    assert not list(drawn.iter("{*}style", "{*}script", "{*}use", "{*}image", "{*}foreignObject"))


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"not xml",
        b"<a>",
        b"\x00",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
    ],
)
def test_refuses_what_is_no_xml_or_brings_a_doctype(xml: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        diagram.svg(xml)
    assert refused.value.advice


def shipped() -> list[Traversable]:
    folders = [resources.files("bpmn")]
    files = []
    while folders:
        for each in folders.pop().iterdir():
            folders += [each] if each.is_dir() else []
            files += [each] if each.name.endswith(".bpmn") else []
    return sorted(files, key=lambda each: each.name)


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.name)
def test_every_shipped_diagram_is_drawn_whole(file: Traversable) -> None:
    # given
    xml = file.read_bytes()
    named = {
        each.get("name") for each in etree.fromstring(xml).iter("{*}userTask", "{*}serviceTask", "{*}callActivity")
    }
    # when
    drawn = picture(xml)
    # then
    said = "\n".join(groups(drawn))
    assert all(f"：{name}" in said for name in named)
    assert "…" not in "".join(texts(drawn))
