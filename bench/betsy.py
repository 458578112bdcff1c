"""What the conformance suite betsy says of itself: its tests, read from its Java sources, and its diagrams, made runnable here.

The diagrams stay as they are, except that the placeholders in their script tasks become assignments in our language. A
script whose whole point is that it takes ten seconds becomes a timer of ten seconds, because an assignment takes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from lxml import etree

DEFINITIONS = Path("pebl-builder/src/main/java/configuration/bpmn")
DIAGRAMS = Path("pebl-builder/src/main/resources/files/bpmn")
FORBIDDEN = "bpmn_constraints"
"""Folder of the files that break a rule of BPMN."""

GROUPS = {
    "Basic": "basics", "Activity": "activities", "Gateway": "gateways", "Event": "events", "Data": "data",
    "Error": "errors", "Pattern": "cfpatterns",
}  # fmt: skip
"""Word in the suite's builder → folder of the diagrams."""

PARALLEL = "ParallelProcess"
"""The process that some tests start before their own."""

NOT_DEPLOYED, FAILED, UNCAUGHT, ANY_ERROR = (
    "ERROR_deployment", "ERROR_runtime", "ERROR_thrownErrorEvent", "ERROR",
)  # fmt: skip
MARKER, DATA, AT_ONCE = "MARKER_exists", "DATA_correct", "EXECUTION_parallel"
INCREMENT = "INCREMENT_correct"
LOOKED_FOR_ONCE = {MARKER, DATA}
"""Tokens that a test finds or does not find at the end, however often they were earned, and only if it asks."""

ASSERTIONS = {
    "MarkerExists": MARKER, "Increment": INCREMENT, "DataCorrect": DATA, "ExecutionParallel": AT_ONCE,
    "RuntimeException": FAILED, "ErrorThrownErrorEvent": UNCAUGHT, "GenericError": ANY_ERROR,
    **{f"Task{number}": f"SCRIPT_task{number}" for number in range(1, 6)},
}  # fmt: skip
"""`assert…` of the suite's builder → the token that must be in the trace."""

SCRIPTS = {
    "CREATE_LOG_FILE": ("begun = true", None),
    "CREATE_MARKER_FILE": ("marker = true", MARKER),
    "SET_STRING_DATA": ('data = "String"', None),
    "LOG_DATA": ('correct = 1 if data == "String" else 1 / 0', DATA),
    "INCREMENT_INTEGER_VARIABLE": ("integerVariable = integerVariable + 1", None),
    "INCREMENT_INTEGER_VARIABLE_AND_LOG": ("integerVariable = integerVariable + 1", INCREMENT),
    "THROW_ERROR": ("failed = 1 / 0", None),
    **{f"SCRIPT_task{number}": (f"task{number} = true", f"SCRIPT_task{number}") for number in range(1, 6)},
}
"""Placeholder of the suite → our assignment, and the token that passing it earns."""

SLOW = {"WAIT_TEN_SECONDS", "CREATE_TIMESTAMP_LOG_1", "CREATE_TIMESTAMP_LOG_2"}
TEN_SECONDS = "PT10S"

HARMLESS = {
    "数据的类型、集合或输入输出集不相符（只供交换）":
        "EXT020 EXT046 EXT047 EXT048 EXT050 EXT051 EXT052 EXT063_2 EXT063_3 EXT063_4 EXT063_5 EXT064_2 EXT065_2 EXT069 "
        "EXT070 EXT077 EXT078 EXT081 EXT083 EXT093 EXT094",
    "表达式没有写 xsi:type": "EXT012_6 EXT012_7 EXT012_8 EXT012_9",
    "协作图、编排图或消息流有误（不执行）": "EXT031 EXT033 EXT102 EXT103 EXT108 EXT109 EXT119",
    "没有写 incoming 或 outgoing，但顺序流在": "EXT101 EXT107",
    "消息事件没有写 operationRef（不需要）": "EXT128",
    "并行网关一进一出（照图通过）": "EXT135_1",
    "说明性的属性或引用有误（不执行）": "EXT004 EXT024 EXT035 REF_6. REF_17",
}  # fmt: skip
"""Why a forbidden file may be accepted all the same → beginnings of the names of such files. All others are dangerous."""

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"


@dataclass(frozen=True)
class Case:
    variables: Mapping[str, str | int]
    waits: timedelta
    parallel: bool
    """Whether `PARALLEL` is started first."""
    expected: tuple[str, ...]


@dataclass(frozen=True)
class Test:
    group: str
    name: str
    """Also the key of its process."""
    file: Path
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Diagram:
    """A diagram as it is deployed here, and what its activities stand for."""

    content: bytes
    tokens: Mapping[str, str]
    """Activity id → token that passing it earns."""
    slow: frozenset[str]
    """Activities that take ten seconds."""


def tests(folder: Path) -> Iterator[Test]:
    """Every test that is defined and not commented out."""
    for source in sorted((folder / DEFINITIONS).glob("*Processes.java")):
        code = _without_comments(source.read_text("utf-8"))
        for builder, body in re.findall(r"BPMNProcessBuilder\.build(\w+)Process\(\s*(.*?)\)\s*;", code, re.DOTALL):
            yield _test(folder, builder, body)


def forbidden_files(folder: Path) -> list[Path]:
    return sorted((folder / DIAGRAMS / FORBIDDEN).rglob("*.bpmn"))


def excuse(file: Path) -> str:
    """Why a forbidden file does no harm when it is accepted; "" for a dangerous one."""
    for reason, beginnings in HARMLESS.items():
        if file.name.startswith(tuple(beginnings.split())):
            return reason
    return ""


def diagram(file: Path) -> Diagram:
    content = file.read_bytes()
    try:
        root = etree.fromstring(content)
    except etree.XMLSyntaxError:
        return Diagram(content, {}, frozenset())
    tokens: dict[str, str] = {}
    slow: set[str] = set()
    for script in list(root.iter(f"{{{BPMN}}}script")):
        task, placeholder = script.getparent(), (script.text or "").strip()
        assert task is not None
        if placeholder in SLOW:
            _take_ten_seconds(task, script)
            slow.add(task.get("id", ""))
        elif placeholder in SCRIPTS:
            script.text, token = SCRIPTS[placeholder]
            if token:
                tokens[task.get("id", "")] = token
    return Diagram(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), tokens, frozenset(slow))


def _without_comments(code: str) -> str:
    parts = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
    return parts.sub(lambda found: found["text"] or "", code)


def _test(folder: Path, builder: str, body: str) -> Test:
    """Data and pattern tests are named by their feature, all others by the first argument."""
    named = re.search(r'new Feature\(\w+,\s*"(\w+)"' if builder in ("Data", "Pattern") else r'"(\w+)"', body)
    assert named is not None, f"a test without a name: {body}"
    cases = tuple(_case(calls) for calls in body.split("new BPMNTestCaseBuilder()")[1:])
    return Test(GROUPS[builder], named[1], folder / DIAGRAMS / GROUPS[builder] / f"{named[1]}.bpmn", cases)


def _case(calls: str) -> Case:
    called = re.findall(r"\.(\w+)\((\d*)\)", calls)
    numbers = {name: int(number) for name, number in called if number}
    fed = [("test", name.removeprefix("input").lower()) for name, _ in called if name.startswith("input")]
    return Case(
        variables={**dict(fed), "integerVariable": numbers.get("setIntegerVariable", 0)},
        waits=timedelta(milliseconds=numbers.get("optionDelay", 0)),
        parallel=("useParallelProcess", "") in called,
        expected=tuple(
            sorted(ASSERTIONS[name.removeprefix("assert")] for name, _ in called if name.startswith("assert"))
        ),
    )


def _take_ten_seconds(task: etree._Element, script: etree._Element) -> None:
    task.tag = f"{{{BPMN}}}intermediateCatchEvent"
    task.remove(script)
    timer = etree.SubElement(task, f"{{{BPMN}}}timerEventDefinition")
    etree.SubElement(timer, f"{{{BPMN}}}timeDuration").text = TEN_SECONDS
