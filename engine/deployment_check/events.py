"""Events: what each may be where it stands, what it refers to, and when its time is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from engine.deployment_check import table
from engine.deployment_check.elements import (
    Check,
    Diagram,
    Element,
    Findings,
    children,
    compiled,
    condition_fault,
    constant,
    fault,
    is_event_sub_process,
    is_expression,
    kind,
    name_of,
    only,
    problem,
    text,
)
from engine.errors import InvalidInput
from engine.spiff import timers
from engine.spiff.xml import camunda

SOME_DAY = datetime(2021, 1, 31, tzinfo=UTC)


def definitions_of(diagram: Diagram, event: Element) -> list[tuple[str, Element]]:
    """Kind and element of every event definition, those that are only referred to as well."""
    found = []
    for child in event:
        meant = diagram.declared.get(text(child)) if kind(child) == "eventDefinitionRef" else child
        if meant is not None and kind(meant).endswith("EventDefinition"):
            found.append((kind(meant).removesuffix("EventDefinition"), meant))
    return found


def kinds_of(diagram: Diagram, event: Element) -> list[str]:
    return [each for each, _ in definitions_of(diagram, event)]


def place_of(event: Element) -> str:
    """The key in `table.PLACES`."""
    scope = event.getparent()
    match kind(event):
        case "startEvent" if scope is None or kind(scope) == "process":
            return "start"
        case "startEvent" if scope is not None and is_event_sub_process(scope):
            return "start of an event sub-process"
        case "startEvent":
            return "start of a sub-process"
        case other:
            return {
                "intermediateCatchEvent": "catch", "intermediateThrowEvent": "throw",
                "boundaryEvent": "boundary", "endEvent": "end",
            }[other]  # fmt: skip


def interrupts(event: Element) -> bool:
    """Whether a boundary event or the start of an event sub-process ends what runs."""
    return "false" not in (event.get("cancelActivity"), event.get("isInterrupting"))


def of_scope(diagram: Diagram, scope: Element) -> Findings:
    """What a process or sub-process needs of events as a whole."""
    starts, ends = children(scope, "startEvent"), children(scope, "endEvent")
    if not starts:
        yield problem(scope, "没有开始事件，请画一个")
    if not ends:
        yield problem(scope, "没有结束事件，请画一个")
    if kind(scope) != "process" and len(starts) > 1:
        yield problem(scope, "子流程只能有一个开始事件")
    plain = [start for start in starts if not definitions_of(diagram, start)]
    if kind(scope) == "process" and len(plain) > 1:
        yield problem(plain[1], "流程只能有一个不等事件的开始事件，请给其余的写上消息、信号或定时")
    yield from _links(diagram, scope)


def _links(diagram: Diagram, scope: Element) -> Findings:
    ends: dict[str, list[tuple[str, Element]]] = {"intermediateCatchEvent": [], "intermediateThrowEvent": []}
    for event in children(scope, *ends):
        for found, definition in definitions_of(diagram, event):
            if found == "link":
                ends[kind(event)].append((definition.get("name", ""), event))
    caught = dict(reversed(ends["intermediateCatchEvent"]))
    thrown = {name for name, _ in ends["intermediateThrowEvent"]}
    for name, event in ends["intermediateThrowEvent"] + ends["intermediateCatchEvent"]:
        if not name:
            yield problem(event, "链接事件没有名称，请给两端写同样的名称")
    for name, event in ends["intermediateThrowEvent"]:
        if name and name not in caught:
            yield problem(event, f"本层没有名为“{name}”的链接捕获事件")
    for name, event in ends["intermediateCatchEvent"]:
        if name and name not in thrown:
            yield problem(event, f"本层没有名为“{name}”的链接抛出事件")
        if name and event is not caught[name]:
            yield problem(event, f"名为“{name}”的链接捕获事件只能有一个，请改名或删除")


def _event(diagram: Diagram, event: Element) -> Findings:
    lost = list(_references(diagram, event))
    yield from lost
    found = definitions_of(diagram, event)
    if lost or any(each == "compensate" and definition.getparent() is event for each, definition in found):
        return
    kinds = kinds_of(diagram, event)
    yield from _kinds(event, kinds or ["none"])
    yield from _interruption(event, kinds)
    for each, definition in found:
        if each in DEFINITION_CHECKS:
            yield from DEFINITION_CHECKS[each](diagram, event, definition)


def _references(diagram: Diagram, event: Element) -> Findings:
    for reference in children(event, "eventDefinitionRef"):
        meant = diagram.declared.get(text(reference))
        if meant is None or not kind(meant).endswith("EventDefinition"):
            yield problem(event, f"引用的事件定义“{text(reference)}”不存在")


def _kinds(event: Element, kinds: list[str]) -> Findings:
    place = table.PLACES[place_of(event)]
    for each in dict.fromkeys(kinds):
        if each not in place.kinds:
            allowed = "、".join(word for name, word in table.KINDS.items() if name in place.kinds)
            yield problem(event, f"{place.name}不能是{table.KINDS.get(each, each)}事件，可以是：{allowed}")
    if len(kinds) > 1 and not place.together.issuperset(kinds):
        yield problem(
            event, f"{place.name}不能同时有{'和'.join(table.KINDS.get(each, each) for each in kinds)}事件定义"
        )
    if event.get("parallelMultiple") == "true" and (len(kinds) < 2 or kind(event) != "intermediateCatchEvent"):
        yield problem(event, "parallelMultiple 只用于有几个事件定义的中间捕获事件，请删除")


def _interruption(event: Element, kinds: list[str]) -> Findings:
    place = place_of(event)
    if event.get("isInterrupting") == "false" and place != "start of an event sub-process":
        yield problem(event, "isInterrupting 只用于事件子流程的开始事件，请删除")
    for each in kinds:
        if each in table.ALWAYS_INTERRUPT and not interrupts(event):
            yield problem(event, f"{table.KINDS[each]}事件总是中断，请去掉不中断的设置")


def _attached(diagram: Diagram, event: Element) -> Findings:
    reference = event.get("attachedToRef", "")
    attached = diagram.ids.get(reference)
    if attached is None or attached.getparent() is not event.getparent():
        yield problem(event, f"依附的环节“{reference}”不在同一层里，请把边界事件画在环节的边上")
    elif kind(attached) not in table.ACTIVITIES or is_event_sub_process(attached):
        yield problem(event, f"边界事件只能依附于任务、子流程或调用活动，“{name_of(attached)}”不是")
    elif kind(attached) != "transaction" and "cancel" in kinds_of(diagram, event):
        yield problem(event, "取消边界事件只能依附于事务子流程")


def _cancel_end(diagram: Diagram, event: Element) -> Findings:
    scope = event.getparent()
    if "cancel" in kinds_of(diagram, event) and (scope is None or kind(scope) != "transaction"):
        yield problem(event, "取消结束事件只能画在事务子流程里")


def _called(what: str, word: str) -> DefinitionCheck:
    """A message or signal, known by its name."""
    return lambda diagram, event, definition: _named(diagram, event, definition.get(f"{what}Ref"), what, word)


def _named(diagram: Diagram, element: Element, reference: str | None, what: str, word: str) -> Findings:
    meant = diagram.declared.get(reference or "")
    if not reference:
        yield problem(element, f"没有写是哪个{word}，请用 {what}Ref 指明")
    elif meant is None or kind(meant) != what:
        yield problem(element, f"{word}“{reference}”不存在，请改正 {what}Ref")
    elif not meant.get("name", "").strip():
        yield problem(element, f"{word}“{reference}”没有名称，请补上")
    elif is_expression(meant.get("name", "").strip()) or "${" in meant.get("name", ""):
        yield problem(element, f"{word}的名称“{meant.get('name')}”不能含表达式；要区分实例请用属性 correlation_key")


def _coded(what: str, word: str) -> DefinitionCheck:
    """An error or escalation: what is thrown needs a code, what catches may do without and then catches any."""

    def check(diagram: Diagram, event: Element, definition: Element) -> Findings:
        reference = definition.get(f"{what}Ref")
        meant = diagram.declared.get(reference or "")
        throws = kind(event) in ("endEvent", "intermediateThrowEvent")
        if reference and (meant is None or kind(meant) != what):
            yield problem(event, f"{word}“{reference}”不存在，请改正 {what}Ref")
        elif throws and not (meant is not None and meant.get(f"{what}Code", "").strip()):
            yield problem(event, f"抛出的{word}没有代码，请用 {what}Ref 指明有 {what}Code 的{word}")

    return check


def _conditional(diagram: Diagram, event: Element, definition: Element) -> Findings:
    if reason := condition_fault(text(only(definition, "condition"))):
        yield problem(event, reason)


TIMES = {"timeDate": "日期", "timeDuration": "时长", "timeCycle": "周期"}


def _timer(diagram: Diagram, event: Element, definition: Element) -> Findings:
    times = children(definition, *TIMES)
    if len(times) != 1:
        yield problem(event, "定时事件须写 timeDate、timeDuration、timeCycle 之一，且只写一个")
        return
    (time,) = times
    if kind(time) == "timeCycle" and not _may_repeat(event):
        yield problem(event, "周期只用于流程的开始事件和不中断的边界事件、事件子流程，请改写成日期或时长")
    if reason := _time_fault(kind(time), text(time)):
        yield problem(event, reason)
    elif place_of(event) == "start" and is_expression(text(time)) and not constant(text(time))[0]:
        yield problem(event, "流程开始之前没有变量，请直接写出时间")


def _may_repeat(event: Element) -> bool:
    place = place_of(event)
    return place == "start" or (place in ("boundary", "start of an event sub-process") and not interrupts(event))


def _time_fault(what: str, written: str) -> str | None:
    """Why a text is no time of this kind: neither ISO 8601 nor an expression in `${…}`."""
    if not written:
        return "定时事件没有写时间"
    literal = timers.literal(written) or ""
    if is_expression(written):
        fixed, value = constant(written)
        if not fixed:
            return None if compiled(written) else f"时间{fault(written)}"
        literal = str(value)
    try:
        TIME_READERS[what](literal)
    except (InvalidInput, ValueError, OverflowError):
        return f"“{written}”不是 ISO 8601 {TIMES[what]}，例如 {EXAMPLES[what]}；用变量请写成 ${{…}}"
    return None


def _read_cycle(written: str) -> None:
    if timers.read_cycle(written).count == 0:
        raise ValueError(f"no cycles: {written}")


TIME_READERS: dict[str, Callable[[str], object]] = {
    "timeDate": timers.moment,
    "timeDuration": lambda written: timers.after(written, SOME_DAY),
    "timeCycle": _read_cycle,
}
EXAMPLES = {"timeDate": "2021-03-01T08:00", "timeDuration": "P3D", "timeCycle": "R3/P1D"}

DefinitionCheck = Callable[[Diagram, Element, Element], Findings]

DEFINITION_CHECKS: dict[str, DefinitionCheck] = {
    "message": _called("message", "消息"),
    "signal": _called("signal", "信号"),
    "error": _coded("error", "错误"),
    "escalation": _coded("escalation", "升级"),
    "conditional": _conditional,
    "timer": _timer,
}


def _message_task(diagram: Diagram, task: Element) -> Findings:
    """A send or receive task: its message, or the function that sends."""
    function = camunda(task, "delegateExpression") if kind(task) == "sendTask" else None
    if function is None or task.get("messageRef"):
        yield from _named(diagram, task, task.get("messageRef"), "message", "消息")
    if function is not None and task.get("messageRef"):
        yield problem(task, "发送任务只能写 messageRef 和 camunda:delegateExpression 之一")


CHECKS: dict[str, tuple[Check, ...]] = {
    **dict.fromkeys(table.EVENTS, (_event,)),
    "boundaryEvent": (_event, _attached),
    "endEvent": (_event, _cancel_end),
    "sendTask": (_message_task,),
    "receiveTask": (_message_task,),
}
