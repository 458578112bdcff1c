"""Elements of uploaded diagrams, what the check knows beside them, and how a finding names its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree

from engine.deployment_check import table
from engine.errors import Problem
from engine.spiff import xml
from forms import expressions
from forms.expressions import Expression

Element = etree._Element
Findings = Iterator[Problem]
Check = Callable[["Diagram", Element], Findings]


@dataclass(frozen=True)
class Process:
    """What callers and checkers need to know of a process."""

    calls: frozenset[str] = frozenset()
    user_tasks: frozenset[str] = frozenset()
    starts_plainly: bool = True
    """Whether it has a start event that waits for nothing, as a call needs."""


@dataclass(frozen=True)
class Known:
    """What diagrams may name."""

    forms: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Form key → the fields that become variables."""
    roles: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    """Names in `assignment.RULES`."""
    units: frozenset[str] | None = None
    """Keys of the units; None where nobody knows them."""
    due_rules: frozenset[str] = frozenset()
    given_dates: frozenset[str] = frozenset()
    """Those of the rules whose date somebody sets: a diagram must say in which variable it is."""
    functions: frozenset[str] = frozenset()
    processes: Mapping[str, Process] = field(default_factory=dict)
    """Those that are deployed, as far as these diagrams call them, directly or not."""
    decisions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Diagram:
    """A file under check."""

    file: str
    root: Element
    known: Known
    processes: Mapping[str, Process]
    """All that may be called: those of the files deployed together, and those of `known`."""

    @cached_property
    def declared(self) -> dict[str, Element]:
        """What stands beside the processes (messages, errors, event definitions, …), by id."""
        return {each.get("id", ""): each for each in self.root if kind(each)}

    @cached_property
    def user_tasks(self) -> set[str]:
        return {each for process in self.processes.values() for each in process.user_tasks}

    @cached_property
    def ids(self) -> dict[str, Element]:
        return {each.get("id", ""): each for each in self.root.iter(f"{{{xml.BPMN}}}*")}


def kind(element: Element) -> str:
    """The local name of a BPMN element, "" for any other."""
    name = etree.QName(element)
    return name.localname if name.namespace == xml.BPMN else ""


def children(element: Element, *kinds: str) -> list[Element]:
    return [child for child in element if kind(child) in kinds]


def only(element: Element, which: str) -> Element | None:
    """The child of a kind that may be there once (`table.ONCE`)."""
    return next(iter(children(element, which)), None)


def text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def name_of(element: Element) -> str:
    """How a reason speaks of an element."""
    return element.get("name") or element.get("id") or kind(element)


def is_event_sub_process(element: Element) -> bool:
    return element.get("triggeredByEvent") == "true"


def is_repeated(element: Element) -> bool:
    return bool(children(element, "multiInstanceLoopCharacteristics", "standardLoopCharacteristics"))


def nodes_of(scope: Element) -> dict[str, Element]:
    """What flows may connect in a process or sub-process, by id; also what is not supported, so that one fault is one finding."""
    beside = table.HARMLESS | {"sequenceFlow", "laneSet", "incoming", "outgoing", "extensionElements"}
    return {each.get("id", ""): each for each in scope if kind(each) and each.get("id") and kind(each) not in beside}


def scopes(process: Element) -> Iterator[Element]:
    """A process and every sub-process in it, the outer before the inner."""
    yield process
    for inner in children(process, *table.SUB_PROCESSES):
        yield from scopes(inner)


def executable(root: Element) -> list[Element]:
    return [process for process in children(root, "process") if process.get("isExecutable") == "true"]


def processes(root: Element) -> dict[str, Process]:
    """The executable processes of a file by their keys."""
    return {process.get("id", ""): _process(process) for process in executable(root)}


def _process(process: Element) -> Process:
    inside = [each for scope in scopes(process) for each in nodes_of(scope).values()]
    starts = children(process, "startEvent")
    return Process(
        calls=frozenset(each.get("calledElement", "") for each in inside if kind(each) == "callActivity"),
        user_tasks=frozenset(each.get("id", "") for each in inside if kind(each) == "userTask"),
        starts_plainly=any(not children(start, "eventDefinitionRef", *table.DEFINITIONS) for start in starts),
    )


def problem(element: Element, reason: str) -> Problem:
    place = element
    while kind(place) not in table.NAMED and not _is_drawn(place):
        outer = place.getparent()
        if outer is None:
            return Problem(element.get("id", ""), element.get("name", ""), reason)
        place = outer
    return Problem(place.get("id", ""), place.get("name", ""), reason)


def _is_drawn(element: Element) -> bool:
    """Whether it stands in a process like a node, though it is none we know."""
    outer = element.getparent()
    inside = outer is not None and kind(outer) in table.SUB_PROCESSES | {"process", "definitions", "collaboration"}
    return inside and bool(element.get("id")) and kind(element) != "extensionElements"


def compiled(written: str) -> Expression | None:
    """The expression, or None if it is none; whoever needs the reason asks `fault`."""
    try:
        return expressions.compile(written)
    except expressions.ExpressionInvalid:
        return None


def fault(written: str) -> str | None:
    """Why a text is no expression; None if it is one."""
    try:
        expressions.compile(written)
    except expressions.ExpressionInvalid as error:
        return f"“{written}”无法使用：{error}"
    return None


def is_expression(written: str) -> bool:
    return written.startswith(("${", "#{"))


def constant(written: str) -> tuple[bool, object]:
    """Whether an expression names no variable, and its value then."""
    expression = compiled(written)
    if expression is None or expression.names:
        return False, None
    try:
        return True, expression.evaluate({})
    except expressions.ExpressionFailed:
        return True, None


def condition_fault(written: str) -> str | None:
    """Why a text is no condition: no expression, or one that is always something else than yes or no."""
    if not written:
        return "条件是空的，请写条件或删除"
    fixed, value = constant(written)
    if fixed and not isinstance(value, bool):
        return f"“{written}”不是条件：结果既不是 true 也不是 false"
    reason = fault(written)
    return f"条件{reason}" if reason else None
