"""What is refused at deployment, construct by construct, and what is not; every finding is told, with its element."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

import run
from engine import application, commands, db, definitions, deployment_check
from engine.deployment_check import Known, Process
from engine.errors import DefinitionRefused, Problem
from engine.models import Deployment
from tests.driver import Bureau

KNOWN = Known(
    forms={"decision": frozenset({"decision"}), "note": frozenset()},
    roles=frozenset({"officer", "department_head"}),
    rules=frozenset({"head_of_lead"}),
    units=frozenset({"JJ"}),
    due_rules=frozenset({"approval", "rectify_by"}),
    given_dates=frozenset({"rectify_by"}),
    functions=frozenset({"finding.close"}),
    processes={
        "other": Process(),
        "by_message": Process(starts_plainly=False),
        "calls_back": Process(calls=frozenset({"p"})),
        "calls_further": Process(calls=frozenset({"calls_back"}), user_tasks=frozenset({"draft_elsewhere"})),
    },
    decisions=frozenset({"risk"}),
)

S, E = '<startEvent id="s"/>', '<endEvent id="e"/>'
S1, E1 = '<startEvent id="s1"/>', '<endEvent id="e1"/>'
DECLARED = (
    '<message id="m" name="go"/><message id="nameless"/><message id="computed" name="go-${id}"/><signal id="g" name="stop"/>'
    '<error id="err" errorCode="E1"/><error id="err0"/><escalation id="esc" escalationCode="X1"/><escalation id="esc0"/>'
    '<timerEventDefinition id="later"><timeDuration>P1D</timeDuration></timerEventDefinition>'
    '<signalEventDefinition id="stopped" signalRef="g"/><terminateEventDefinition id="all"/>'
)
MESSAGE, SIGNAL = '<messageEventDefinition messageRef="m"/>', '<signalEventDefinition signalRef="g"/>'
ERROR, ESCALATION = '<errorEventDefinition errorRef="err"/>', '<escalationEventDefinition escalationRef="esc"/>'
CONDITIONAL = "<conditionalEventDefinition><condition>${days > 3}</condition></conditionalEventDefinition>"
CANCEL, TERMINATE = "<cancelEventDefinition/>", "<terminateEventDefinition/>"
LINK = '<linkEventDefinition name="on"/>'
FORK, JOIN = '<parallelGateway id="fork"/>', '<parallelGateway id="join"/>'


def timer(what: str = "Duration", text: str = "P1D") -> str:
    return f"<timerEventDefinition><time{what}>{text}</time{what}></timerEventDefinition>"


def node(kind: str, inner: str = "", name: str = "x", **attributes: str) -> str:
    written = "".join(f' {key.replace("camunda_", "camunda:")}="{value}"' for key, value in attributes.items())
    return f'<{kind} id="{name}"{written}>{inner}</{kind}>'


def flow(source: str, target: str, condition: str | None = None, name: str = "") -> str:
    inner = "" if condition is None else f"<conditionExpression>{condition}</conditionExpression>"
    return f'<sequenceFlow id="{name or f"{source}_{target}"}" sourceRef="{source}" targetRef="{target}">{inner}</sequenceFlow>'


def flows(text: str) -> str:
    """`a>b b>c`"""
    return "".join(flow(*pair.split(">")) for pair in text.split())


def line(*nodes: str) -> str:
    """Nodes in a row, each joined to the next."""
    names = [re.match(r'<\w+ id="([^"]*)"', each)[1] for each in nodes]  # type: ignore[index]
    return "".join(nodes) + "".join(flow(*pair) for pair in pairwise(names))


def between(element: str) -> str:
    return line(S, element, E)


def task(name: str, **attributes: str) -> str:
    return node("userTask", name=name, **attributes)


def at(element: str, event: str, kind: str = "userTask") -> str:
    """An activity `a` with a boundary event `x` that leads to an end of its own."""
    return line(S, node(kind, element, name="a"), E) + event + '<endEvent id="e2"/>' + flow("x", "e2")


def boundary(inner: str, **attributes: str) -> str:
    return node("boundaryEvent", inner, **{"attachedToRef": "a", **attributes})


def inside(inner: str, kind: str = "subProcess", **attributes: str) -> str:
    """A sub-process `sub` in a process."""
    return between(node(kind, inner, name="sub", **attributes))


def cancelled(event: str) -> str:
    """A transaction `a` with a boundary event."""
    return at(line(S1, E1), event, "transaction")


def odd_id(name: str) -> str:
    return S + node("task", name=name) + E + flow("s", name, name="f1") + flow(name, "e", name="f2")


def handler(event: str, **attributes: str) -> str:
    """An event sub-process `sub` beside a plain process; `x` starts it."""
    body = node("startEvent", event, **attributes) + '<endEvent id="e1"/>' + flow("x", "e1")
    return line(S, task("a"), E) + node("subProcess", body, name="sub", triggeredByEvent="true")


def script(text: str, name: str = "x") -> str:
    return node("scriptTask", f"<script>{text}</script>", name=name)


def many(inner: str = "", **attributes: str) -> str:
    written = "".join(f' {key.replace("camunda_", "camunda:")}="{value}"' for key, value in attributes.items())
    return between(
        node("task", f"<multiInstanceLoopCharacteristics{written}>{inner}</multiInstanceLoopCharacteristics>")
    )


def again(inner: str = "", **attributes: str) -> str:
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return between(node("task", f"<standardLoopCharacteristics{written}>{inner}</standardLoopCharacteristics>"))


def extended(kind: str, inner: str, **attributes: str) -> str:
    return node(kind, f"<extensionElements>{inner}</extensionElements>", **attributes)


def described(kind: str, key: str, value: str, inner: str = "", **attributes: str) -> str:
    told = f'<camunda:properties><camunda:property name="{key}" value="{value}"/></camunda:properties>'
    return node(kind, f"<extensionElements>{told}</extensionElements>{inner}", **attributes)


def file(process: str, beside: str = "", key: str = "p", executable: str = ' isExecutable="true"') -> bytes:
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn" '
        'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" xmlns:flowable="http://flowable.org/bpmn" '
        'xmlns:bioc="http://bpmn.io/schema/bpmn/biocolor/1.0" targetNamespace="t" id="file">'
        f'{DECLARED}{beside}<process id="{key}"{executable}>{process}</process></definitions>'
    ).encode()


def found(process: str, beside: str = "") -> list[Problem]:
    return deployment_check.findings({"p.bpmn": file(process, beside)}, KNOWN)


def race(*events: str, more: str = "") -> str:
    """An event-based gateway `x` before these events, each with an end of its own."""
    names = [re.match(r'<\w+ id="([^"]*)"', each)[1] for each in events]  # type: ignore[index]
    ends = "".join(f'<endEvent id="end_{name}"/>' for name in names)
    ways = "".join(flow("x", name) + flow(name, f"end_{name}") for name in names)
    return S + node("eventBasedGateway") + "".join(events) + ends + flow("s", "x") + ways + more


def catch(name: str, inner: str = MESSAGE, **attributes: str) -> str:
    return node("intermediateCatchEvent", inner, name=name, **attributes)


def choice(first: str | None, second: str | None, kind: str = "exclusiveGateway", **attributes: str) -> str:
    """A gateway `x` with two ways `one` and `two` under these conditions."""
    ends = '<endEvent id="e1"/><endEvent id="e2"/>'
    ways = flow("x", "e1", first, "one") + flow("x", "e2", second, "two")
    return S + node(kind, **attributes) + ends + flow("s", "x") + ways


def parallel(left: str, right: str, behind: str, condition: str = "decision == 'approve'") -> str:
    """Two branches `l` and `r`, a join, `behind`, and a choice by `condition` on the flow `yes`."""
    return (
        S + FORK + left + right + JOIN + behind + '<exclusiveGateway id="which" default="no"/>' + E + '<endEvent id="e2"/>'
        + flows("s>fork fork>l fork>r l>join r>join join>behind behind>which")
        + flow("which", "e", condition, "yes") + flow("which", "e2", None, "no")
    )  # fmt: skip


REFUSED = {
    # elements
    "complex gateway": (between(node("complexGateway")), "x", "复杂网关"),
    "ad-hoc sub-process": (between(node("adHocSubProcess")), "x", "自由子流程"),
    "choreography task": (between(node("choreographyTask")), "x", "编排"),
    "unknown element": (between(node("dance")), "x", "dance"),
    "element of another engine": (between(task("a")) + '<zeebe:task id="z"/>', "z", "zeebe:task"),
    "performer": (between(node("userTask", "<potentialOwner/>")), "x", "candidateGroups"),
    "script in a user task": (between(node("userTask", "<script>a = 1</script>")), "x", "script"),
    "io filter of a call": (between(node("callActivity", "<ioSpecification/>", calledElement="other")), "x", "ioSpecification"),
    "assignment of data": (
        between(node("task", "<dataInputAssociation><assignment/></dataInputAssociation>")), "x", "数据关联不会赋值",
    ),
    "transformed data": (
        between(node("task", "<dataOutputAssociation><transformation/></dataOutputAssociation>")), "x", "转换",
    ),
    "data from nowhere": (
        between(node("task", "<dataInputAssociation><sourceRef>s</sourceRef></dataInputAssociation>")), "x", "不是数据",
    ),
    "lane with a lost node": (
        between(task("a")) + '<laneSet id="ls"><lane id="officer"><flowNodeRef>gone</flowNodeRef></lane></laneSet>',
        "officer", "gone",
    ),
    # attributes
    "for compensation": (between(node("task", isForCompensation="true")), "x", "补偿"),
    "start quantity": (between(node("task", startQuantity="2")), "x", "令牌"),
    "completion quantity": (between(node("task", completionQuantity="0")), "x", "令牌"),
    "receive task that starts": (between(node("receiveTask", messageRef="m", instantiate="true")), "x", "消息开始事件"),
    "parallel race": (
        race(catch("c1"), catch("c2", SIGNAL)).replace('way id="x"', 'way id="x" eventGatewayType="Parallel"'), "x", "最先到",
    ),
    "race that starts": (
        race(catch("c1"), catch("c2", SIGNAL)).replace('way id="x"', 'way id="x" instantiate="true"'), "x", "消息开始事件",
    ),
    "sloppy truth": (at("", boundary(timer(), cancelActivity="0")), "x", "true 或 false"),
    "unknown attribute": (between(node("task", colour="red")), "x", "colour"),
    "attribute of another engine": (between(node("userTask", **{"flowable:assignee": "me"})), "x", "flowable:assignee"),
    "default of a parallel gateway": (
        line(S, node("parallelGateway", default="x_e"), E), "x", "default",
    ),
    "converging that diverges": (
        choice("a", "b", "inclusiveGateway", gatewayDirection="Converging"), "x", "gatewayDirection",
    ),
    "diverging that converges": (
        line(S, node("exclusiveGateway", gatewayDirection="Diverging"), E) + node("startEvent", MESSAGE, name="s2") + flow("s2", "x"),
        "x", "gatewayDirection",
    ),
    "mixed that does neither": (between(node("exclusiveGateway", gatewayDirection="Mixed")), "x", "gatewayDirection"),
    # ids
    "no id": (line(S, task("a"), E) + "<task/>", "", "没有 id"),
    "same id twice": (between(task("a")) + '<dataObject id="a"/>', "a", "重复"),
    "id with a blank": (odd_id("a b"), "a b", "字母开头"),
    "id that is a number": (odd_id("1a"), "1a", "字母开头"),
    "id too long": (odd_id("a" * 101), "a" * 101, "超过 100"),
    # start, end, and what goes on between
    "no start": (task("a") + E + flow("a", "e"), "p", "没有开始事件"),
    "no end": (line(S, task("a"), task("b")) + flow("b", "a"), "p", "没有结束事件"),
    "two plain starts": (line(S, task("a"), E) + '<startEvent id="s2"/>' + flow("s2", "a"), "s2", "只能有一个"),
    "conditional start": (line(node("startEvent", CONDITIONAL), E), "x", "不能是条件事件"),
    "error start": (line(node("startEvent", ERROR), E), "x", "不能是错误事件"),
    "start that does not interrupt": (line(node("startEvent", isInterrupting="false"), E), "x", "isInterrupting"),
    "timer start with a variable": (line(node("startEvent", timer(text="${wait}")), E), "x", "没有变量"),
    "way into a start": (line(S, task("a"), E) + flow("a", "s", "again"), "s", "不能有入口"),
    "way out of an end": (line(S, E, task("a")) + '<endEvent id="e2"/>' + flow("a", "e2"), "e", "不能有出口"),
    "dead end": (line(S, FORK, task("a")) + E + flow("fork", "e"), "a", "没有出口"),
    "unreachable task": (line(S, E) + task("a") + flow("a", "e"), "a", "没有入口"),
    "unreachable circle": (line(S, E) + task("a") + task("b") + flows("a>b b>a b>e"), "a", "走不到这里"),
    "no way to the end": (line(S, FORK, task("a"), task("b")) + flow("b", "a") + E + flow("fork", "e"), "a", "走不到结束事件"),
    # events
    "plain catch": (between(node("intermediateCatchEvent")), "x", "不能是空事件"),
    "caught error": (between(catch("x", ERROR)), "x", "不能是错误事件"),
    "thrown timer": (between(node("intermediateThrowEvent", timer())), "x", "不能是定时事件"),
    "thrown error on the way": (between(node("intermediateThrowEvent", ERROR)), "x", "不能是错误事件"),
    "thrown compensation": (between(node("intermediateThrowEvent", "<compensateEventDefinition/>")), "x", "补偿"),
    "end by timer": (line(S, node("endEvent", timer())), "x", "不能是定时事件"),
    "terminate and signal": (line(S, node("endEvent", TERMINATE + SIGNAL)), "x", "不能同时有"),
    "cancel and timer": (cancelled(boundary(CANCEL + timer())), "x", "不能同时有"),
    "all of one": (between(catch("x", MESSAGE, parallelMultiple="true")), "x", "parallelMultiple"),
    "all of a boundary": (at("", boundary(MESSAGE + SIGNAL, parallelMultiple="true")), "x", "parallelMultiple"),
    "reference to nothing": (between(node("intermediateCatchEvent", "<eventDefinitionRef>gone</eventDefinitionRef>")), "x", "gone"),
    "reference to the wrong kind": (
        between(node("intermediateCatchEvent", "<eventDefinitionRef>all</eventDefinitionRef>")), "x", "不能是终止事件",
    ),
    "message without reference": (between(catch("x", "<messageEventDefinition/>")), "x", "哪个消息"),
    "message that is not there": (between(catch("x", '<messageEventDefinition messageRef="no"/>')), "x", "不存在"),
    "message that is a signal": (between(catch("x", '<messageEventDefinition messageRef="g"/>')), "x", "不存在"),
    "message without name": (between(catch("x", '<messageEventDefinition messageRef="nameless"/>')), "x", "没有名称"),
    "message with a computed name": (between(catch("x", '<messageEventDefinition messageRef="computed"/>')), "x", "correlation_key"),
    "signal without reference": (between(catch("x", "<signalEventDefinition/>")), "x", "哪个信号"),
    "receive task without message": (between(node("receiveTask")), "x", "messageRef"),
    "send task without message": (between(node("sendTask")), "x", "messageRef"),
    "send task with both": (
        between(node("sendTask", messageRef="m", camunda_delegateExpression="${finding.close}")), "x", "之一",
    ),
    "thrown error without code": (line(S, node("endEvent", '<errorEventDefinition errorRef="err0"/>')), "x", "errorCode"),
    "thrown error without reference": (line(S, node("endEvent", "<errorEventDefinition/>")), "x", "errorRef"),
    "error that is not there": (at("", boundary('<errorEventDefinition errorRef="no"/>')), "x", "不存在"),
    "thrown escalation without code": (
        between(node("intermediateThrowEvent", '<escalationEventDefinition escalationRef="esc0"/>')), "x", "escalationCode",
    ),
    "condition of an event": (
        between(catch("x", "<conditionalEventDefinition><condition>a b</condition></conditionalEventDefinition>")), "x", "a b",
    ),
    "event without condition": (between(catch("x", "<conditionalEventDefinition/>")), "x", "条件是空的"),
    "correlation key": (between(described("intermediateCatchEvent", "correlation_key", "a b", MESSAGE)), "x", "关联键"),
    # boundary events
    "attached to nothing": (at("", boundary(timer(), attachedToRef="gone")), "x", "gone"),
    "attached to a gateway": (
        line(S, node("exclusiveGateway", name="a"), E) + boundary(timer()) + '<endEvent id="e2"/>' + flow("x", "e2"), "x", "不是",
    ),
    "boundary without way": (line(S, task("a"), E) + boundary(timer()), "x", "没有出口"),
    "way into a boundary": (at("", boundary(timer())) + flow("a", "x"), "x", "不能有入口"),
    "error that does not interrupt": (at("", boundary(ERROR, cancelActivity="false")), "x", "总是中断"),
    "plain boundary": (at("", boundary("")), "x", "不能是空事件"),
    "cancel of a task": (at("", boundary(CANCEL)), "x", "事务"),
    "cancel that does not interrupt": (
        cancelled(boundary(CANCEL, cancelActivity="false")), "x", "总是中断",
    ),
    "cancel end outside": (line(S, node("endEvent", CANCEL)), "x", "事务"),
    "compensation boundary": (at("", boundary("<compensateEventDefinition/>")), "x", "补偿"),
    # links
    "link to nowhere": (line(S, node("intermediateThrowEvent", LINK)) + E + flows("s>e"), "x", "捕获事件"),
    "link from nowhere": (line(catch("x", LINK), E) + line(S, '<endEvent id="e2"/>'), "x", "抛出事件"),
    "link with two targets": (
        line(S, node("intermediateThrowEvent", LINK)) + line(catch("c", LINK), E) + line(catch("d", LINK), '<endEvent id="e2"/>'),
        "d", "只能有一个",
    ),
    "nameless link": (line(S, node("intermediateThrowEvent", "<linkEventDefinition/>")) + E + flows("s>e"), "x", "没有名称"),
    "link with a way out": (
        line(S, node("intermediateThrowEvent", LINK), E) + line(catch("c", LINK), '<endEvent id="e2"/>'), "x", "不能有出口",
    ),
    "link with a way in": (
        line(S, FORK, node("intermediateThrowEvent", LINK)) + line(catch("c", LINK), E) + flow("fork", "c"), "c", "不能有入口",
    ),
    # timers
    "timer without time": (between(catch("x", "<timerEventDefinition/>")), "x", "且只写一个"),
    "timer with an empty time": (between(catch("x", timer(text=""))), "x", "没有写时间"),
    "two times": (
        between(catch("x", "<timerEventDefinition><timeDate>2021-03-01</timeDate><timeDuration>P1D</timeDuration></timerEventDefinition>")),
        "x", "且只写一个",
    ),
    "no such day": (between(catch("x", timer("Date", "2021-02-30"))), "x", "ISO 8601 日期"),
    "bare name as date": (between(catch("x", timer("Date", "INVALID"))), "x", "ISO 8601 日期"),
    "duration without unit": (between(catch("x", timer(text="P3"))), "x", "ISO 8601 时长"),
    "empty duration": (between(catch("x", timer(text="PT"))), "x", "ISO 8601 时长"),
    "negative duration": (between(catch("x", timer(text="-P1D"))), "x", "ISO 8601 时长"),
    "computed nonsense": (between(catch("x", timer(text="${'tomorrow'}"))), "x", "ISO 8601 时长"),
    "date without dashes": (between(catch("x", timer("Date", "20210301T0800"))), "x", "ISO 8601 日期"),
    "expression in an expression": (between(catch("x", timer(text="${'${wait}'}"))), "x", "ISO 8601 时长"),
    "broken expression as time": (between(catch("x", timer(text="${a b}"))), "x", "时间"),
    "cron": (at("", boundary(timer("Cycle", "0 0 9 * * ?"), cancelActivity="false")), "x", "ISO 8601 周期"),
    "cycle of no length": (at("", boundary(timer("Cycle", "R3/PT0S"), cancelActivity="false")), "x", "ISO 8601 周期"),
    "no cycles": (at("", boundary(timer("Cycle", "R0/P1D"), cancelActivity="false")), "x", "ISO 8601 周期"),
    "cycle until": (at("", boundary(timer("Cycle", "R3/P1D/2021-03-01"), cancelActivity="false")), "x", "ISO 8601 周期"),
    "cycle that interrupts": (at("", boundary(timer("Cycle", "R3/P1D"))), "x", "周期只用于"),
    "cycle on the way": (between(catch("x", timer("Cycle", "R3/P1D"))), "x", "周期只用于"),
    # sub-processes
    "sub-process without start": (inside('<endEvent id="e1"/>'), "sub", "没有开始事件"),
    "sub-process that waits to start": (inside(line(node("startEvent", MESSAGE), E1)), "x", "不能是消息事件"),
    "sub-process with two starts": (inside(line(S1, E1) + '<startEvent id="s2"/>' + flow("s2", "e1")), "sub", "一个开始"),
    "handler without event": (handler(""), "x", "不能是空事件"),
    "handler of two events": (handler(MESSAGE + SIGNAL), "x", "不能同时有"),
    "handler of an error beside": (handler(ERROR, isInterrupting="false"), "x", "总是中断"),
    "handler with a way in": (handler(MESSAGE) + flow("a", "sub"), "sub", "不能有入口"),
    "handler with a boundary": (
        handler(MESSAGE) + node("boundaryEvent", timer(), name="b", attachedToRef="sub") + flow("b", "e"), "b", "只能依附于",
    ),
    "handler that loops": (
        handler(MESSAGE).replace("</subProcess>", '<standardLoopCharacteristics loopMaximum="2"/></subProcess>'), "sub", "不能循环",
    ),
    "way across a border": (inside(line(S1, task("a"), E1)) + flow("a", "e", name="out"), "out", "另一层"),
    # flows and gateways
    "flow from nowhere": (line(S, E) + flow("gone", "e", name="f"), "f", "gone"),
    "flow to nothing": (line(S, E) + '<sequenceFlow id="f" sourceRef="s"/>', "f", "没有终点"),
    "flow to a data object": (line(S, E) + '<dataObject id="data"/>' + flow("s", "data", name="f"), "f", "不是流程里的环节"),
    "condition out of a start": (S + E + flow("s", "e", "a", "f"), "f", "开始事件的出口"),
    "condition out of a fork": (choice("a", None, "parallelGateway"), "one", "并行网关的出口"),
    "condition behind a race": (
        race(catch("c1"), catch("c2", SIGNAL)).replace(flow("x", "c1"), flow("x", "c1", "a")), "x_c1", "事件网关的出口",
    ),
    "condition that does not parse": (choice("a ==", None, default="two"), "one", "无法使用"),
    "condition that calls": (choice("open('x')", None, default="two"), "one", "未知的函数"),
    "condition that is a number": (choice("23", None, default="two"), "one", "不是条件"),
    "empty condition": (choice("", None, default="two"), "one", "条件是空的"),
    "condition in another language": (
        choice("a", None, default="two").replace("<conditionExpression>", '<conditionExpression language="groovy">'),
        "one", "language",
    ),
    "condition from a file": (
        choice("a", None, default="two").replace("<conditionExpression>", '<conditionExpression camunda:resource="f">'),
        "one", "camunda:resource",
    ),
    "two conditions": (
        choice("a</conditionExpression><conditionExpression>b", None, default="two"), "one", "只能写一个",
    ),
    "default with a condition": (choice("a", "b", default="two"), "two", "默认出口不能写条件"),
    "default of somebody else": (choice("a", "b", default="s_x"), "x", "不是它自己的出口"),
    "choice without conditions": (choice("a", None), "two", "没有条件"),
    "default beside plain ways": (choice(None, None, "task", default="two"), "x", "其余出口却都没有条件"),
    "only way with a condition": (S + task("a") + E + flow("s", "a") + flow("a", "e", "b", "f"), "f", "唯一的出口"),
    "gateway to itself": (line(S, node("exclusiveGateway", default="x_e"), E) + flow("x", "x", "a"), "x_x", "连到自己"),
    "incoming that lies": (between(node("task", "<incoming>other</incoming>")), "x", "不是它的入口"),
    "outgoing that lies": (between(node("task", "<outgoing>s_x</outgoing>")), "x", "不是它的出口"),
    "race of one": (race(catch("c1")), "x", "至少要有两个"),
    "race of a task": (race(catch("c1"), task("t")), "t", "中间捕获事件"),
    "race of a throw": (race(catch("c1"), node("intermediateThrowEvent", SIGNAL, name="t")), "t", "中间捕获事件"),
    "race of all": (race(catch("c1"), catch("c2", SIGNAL + timer(), parallelMultiple="true")), "c2", "等一个事件"),
    "race entered from the side": (
        race(catch("c1"), catch("c2", SIGNAL)).replace(flow("s", "x"), flow("s", "fork") + FORK + flow("fork", "x") + flow("fork", "c1")),
        "c1", "别的入口",
    ),
    "race of mixed messages": (race(catch("c1"), node("receiveTask", name="r", messageRef="m")), "x", "既有消息事件又有接收任务"),
    "race of a guarded task": (
        race(catch("c1", timer()), node("receiveTask", name="a", messageRef="m"), more=boundary(timer(), attachedToRef="a").replace(
            '"x"', '"b"') + flow("b", "end_a")), "a", "不能有边界事件",
    ),
    # joins and loops
    "join behind a choice": (
        S + node("exclusiveGateway", default="g2") + task("a") + task("b") + JOIN + E + flow("s", "x") + flow("x", "a", "c")
        + flow("x", "b", None, "g2") + flows("a>join b>join join>e"), "join", "永远等不齐",
    ),
    "join behind a race": (
        S + node("eventBasedGateway") + catch("c1") + catch("c2", timer()) + JOIN + E
        + flows("s>x x>c1 x>c2 c1>join c2>join join>e"), "join", "永远等不齐",
    ),
    "join that waits for itself": (
        line(S, JOIN, task("a"), node("exclusiveGateway", default="x_e"), E) + flow("x", "join", "again"), "join", "永远等不齐",
    ),
    "join of an activity and what interrupts it": (
        line(S, task("a"), JOIN, E) + boundary(timer()) + flow("x", "join"), "join", "永远等不齐",
    ),
    "loop that only forks": (
        line(S, node("exclusiveGateway"), task("a"), FORK, E) + flow("fork", "x"), "x", "没有排他或包容网关",
    ),
    "inner loop that only forks": (
        S + node("exclusiveGateway", name="m1") + node("exclusiveGateway", name="m2") + task("a") + FORK
        + node("exclusiveGateway", name="out", default="out_e") + E + flows("s>m1 m1>m2 m2>a a>fork fork>m2 fork>out out>e")
        + flow("out", "m1", "again"), "m2", "没有排他或包容网关",
    ),
    "loop in which nothing happens": (
        line(S, node("exclusiveGateway", name="merge"), node("task", name="a"), node("exclusiveGateway", default="x_e"), E)
        + flow("x", "merge", "again"), "merge", "进去就出不来",
    ),
    "decision of two branches": (
        parallel(task("l", camunda_formKey="decision"), task("r", camunda_formKey="decision"), task("behind")), "yes", "prefix",
    ),
    "script against decision": (
        parallel(task("l", camunda_formKey="decision"), script("decision = 'x'", "r"), task("behind")), "yes", "prefix",
    ),
    "contested variable in a script": (
        parallel(script("n = 1", "l"), script("n = 2", "r"), script("k = n + 1", "behind"), "k == 2"), "behind", "“n”",
    ),
    "contested variable of a sub-process": (
        parallel(script("n = 1", "l"), node("subProcess", line(S1, script("n = 2"), E1), name="r"), task("behind"), "n == 2"),
        "yes", "“n”",
    ),
    # people, forms, dates
    "unknown form": (between(node("userTask", camunda_formKey="gone")), "x", "没有表单"),
    "unknown role": (between(node("userTask", camunda_candidateGroups="officer, wizard")), "x", "wizard"),
    "unknown unit": (between(node("userTask", camunda_candidateGroups="officer@XX")), "x", "没有单位"),
    "broken group": (between(node("userTask", camunda_candidateGroups="${a b}")), "x", "候选组"),
    "half a group": (between(node("userTask", camunda_candidateGroups="team_${a}")), "x", "候选组"),
    "broken assignee": (between(node("userTask", camunda_assignee="${a b}")), "x", "办理人"),
    "assignee and group": (between(node("userTask", camunda_assignee="me", camunda_candidateGroups="officer")), "x", "只留一种"),
    "unknown due rule": (between(node("userTask", camunda_dueDate="rule:gone")), "x", "期限规则"),
    "due rule with a word too many": (between(node("userTask", camunda_dueDate="rule:approval since ${day}")), "x", "须写成"),
    "due rule from nothing": (between(node("userTask", camunda_dueDate="rule:approval from ${a b}")), "x", "期限"),
    "due rule until nothing": (between(node("userTask", camunda_dueDate="rule:approval from ${a} until ${b c}")), "x", "期限"),
    "a date nobody has set": (between(node("userTask", camunda_dueDate="rule:rectify_by")), "x", "逐件确定"),
    "due date as duration": (between(node("userTask", camunda_dueDate="P3D")), "x", "期限"),
    "broken due date": (between(node("userTask", camunda_dueDate="${a b}")), "x", "期限"),
    "four eyes on nobody": (between(described("userTask", "not_doer_of", "gone")), "x", "gone"),
    "four eyes on nothing": (between(described("userTask", "not_doer_of", "")), "x", "not_doer_of 是空的"),
    "four eyes of a script": (between(described("scriptTask", "not_doer_of", "x", "<script>a = 1</script>")), "x", "不起作用"),
    "misspelt property": (between(described("userTask", "not_doer_off", "x")), "x", "不认识的属性"),
    "prefix without effect": (between(described("userTask", "prefix", "head_", camunda_formKey="note")), "x", "prefix"),
    "prefix that is no name": (between(described("userTask", "prefix", "1", camunda_formKey="decision")), "x", "变量名"),
    "task listener": (between(extended("userTask", "<camunda:taskListener event='create'/>")), "x", "监听器"),
    "inner form": (between(extended("userTask", "<camunda:formData/>")), "x", "内嵌表单"),
    "form by reference": (between(node("userTask", camunda_formRef="f")), "x", "camunda:formKey"),
    "initiator": (line(node("startEvent", camunda_initiator="who"), E), "x", "发起人"),
    # automatic work
    "service task without function": (between(node("serviceTask")), "x", "delegateExpression"),
    "unknown function": (between(node("serviceTask", camunda_delegateExpression="${gone}")), "x", "没有自动任务函数"),
    "Java class": (between(node("serviceTask", camunda_class="a.B", camunda_delegateExpression="finding.close")), "x", "camunda:class"),
    "external task": (between(node("serviceTask", camunda_topic="t", camunda_delegateExpression="finding.close")), "x", "camunda:topic"),
    "field": (between(extended("serviceTask", "<camunda:field name='a'/>", camunda_delegateExpression="finding.close")), "x", "字段"),
    "connector": (between(extended("serviceTask", "<camunda:connector/>", camunda_delegateExpression="finding.close")), "x", "连接器"),
    "mapping": (between(extended("task", "<camunda:inputOutput/>")), "x", "输入输出映射"),
    "execution listener": (between(extended("task", "<camunda:executionListener/>")), "x", "监听器"),
    "extension of another engine": (between(extended("task", "<zeebe:taskDefinition/>")), "x", "zeebe:taskDefinition"),
    "empty script": (between(node("scriptTask")), "x", "没有写赋值"),
    "script that calls": (between(script("open('x')")), "x", "不是赋值"),
    "script in Python": (between(node("scriptTask", "<script>a = 1</script>", scriptFormat="python")), "x", "scriptFormat"),
    "script with a result": (
        between(node("scriptTask", "<script>a = 1</script>", camunda_resultVariable="r")), "x", "camunda:resultVariable",
    ),
    "rule task without table": (between(node("businessRuleTask")), "x", "decisionRef"),
    "unknown decision": (between(node("businessRuleTask", camunda_decisionRef="gone")), "x", "决策表“gone”"),
    "call of nothing": (between(node("callActivity")), "x", "calledElement"),
    "call of an unknown process": (between(node("callActivity", calledElement="gone")), "x", "不存在"),
    "computed call": (between(node("callActivity", calledElement="${which}")), "x", "不能是表达式"),
    "call of what waits": (between(node("callActivity", calledElement="by_message")), "x", "只能由事件启动"),
    "call of itself": (between(node("callActivity", calledElement="p")), "x", "p → p"),
    "call in a circle": (between(node("callActivity", calledElement="calls_further")), "x", "p → calls_further → calls_back → p"),
    "call of a version": (between(node("callActivity", calledElement="other", camunda_calledElementBinding="version")), "x", "latest"),
    "mapped call": (between(extended("callActivity", "<camunda:in source='a' target='b'/>", calledElement="other")), "x", "camunda:in"),
    # several times
    "both loops": (
        between(node("task", '<multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality></multiInstanceLoopCharacteristics>'
                             '<standardLoopCharacteristics loopMaximum="2"/>')), "x", "只能有一种循环标记",
    ),
    "several without number": (many(), "x", "之一"),
    "number and collection": (
        many("<loopCardinality>2</loopCardinality>", camunda_collection="${all}", camunda_elementVariable="one"), "x", "之一",
    ),
    "negative number": (many("<loopCardinality>-1</loopCardinality>"), "x", "0 到 1000"),
    "half a time": (many("<loopCardinality>${1.5}</loopCardinality>"), "x", "0 到 1000"),
    "too many": (many("<loopCardinality>1001</loopCardinality>"), "x", "0 到 1000"),
    "number that does not parse": (many("<loopCardinality>a b</loopCardinality>"), "x", "次数"),
    "collection that does not parse": (many(camunda_collection="a b", camunda_elementVariable="one"), "x", "集合"),
    "collection without element": (many(camunda_collection="${all}"), "x", "elementVariable"),
    "element that is no name": (many(camunda_collection="${all}", camunda_elementVariable="a b"), "x", "变量名"),
    "completion that is a number": (
        many("<loopCardinality>2</loopCardinality><completionCondition>23</completionCondition>"), "x", "completionCondition",
    ),
    "behaviour": (many("<loopCardinality>2</loopCardinality>", behavior="One"), "x", "behavior"),
    "complex behaviour": (many("<loopCardinality>2</loopCardinality><complexBehaviorDefinition/>"), "x", "复杂行为"),
    "output without item": (many("<loopCardinality>2</loopCardinality><loopDataOutputRef>all</loopDataOutputRef>"), "x", "须同时写明"),
    "loop without limit": (again(), "x", "loopMaximum"),
    "loop of no times": (again(loopMaximum="0"), "x", "1 到 1000"),
    "loop of negative times": (again(loopMaximum="-1"), "x", "1 到 1000"),
    "loop that does not parse": (again("<loopCondition>a b</loopCondition>"), "x", "loopCondition"),
    "loop for ever": (again("<loopCondition>${true}</loopCondition>"), "x", "永远成立"),
    # limits
    "too many nodes": (line(S, *(node("task", name=f"t{n}") for n in range(500)), E), "p", "最多 500"),
    "too many branches": (
        S + FORK + "".join(f'<endEvent id="e{n}"/>' for n in range(51)) + flow("s", "fork")
        + "".join(flow("fork", f"e{n}") for n in range(51)), "fork", "最多 50",
    ),
}  # fmt: skip


@pytest.mark.parametrize("construct", REFUSED)
def test_what_is_not_run_as_drawn_is_refused(construct: str) -> None:
    process, element_id, reason = REFUSED[construct]
    (problem,) = found(process)
    assert (problem.element_id, problem.file) == (element_id, "p.bpmn")
    assert reason in problem.reason


ALLOWED = {
    "every task": line(
        S, node("task", name="t1"), task("t2"), node("manualTask", name="t3"), script("a = 1", "t4"),
        node("serviceTask", name="t5", camunda_delegateExpression="${finding.close}"),
        node("receiveTask", name="t6", messageRef="m"), node("sendTask", name="t7", messageRef="m"),
        node("sendTask", name="t8", camunda_delegateExpression="finding.close"),
        node("businessRuleTask", name="t9", camunda_decisionRef="risk", camunda_resultVariable="level"),
        node("callActivity", name="t10", calledElement="other"), E,
    ),
    "a user task with everything": between(
        described("userTask", "not_doer_of", "x", camunda_formKey="decision", camunda_dueDate="rule:approval",
                  camunda_candidateGroups="officer, department_head@JJ, head_of_lead, user:li, ${group}", camunda_priority="50")
    ),
    "a prefix for any variable": between(described("userTask", "prefix", "head_")),
    "a due rule from one day until another": between(
        node("userTask", camunda_dueDate="rule:rectify_by from ${rectify_due_at} until ${last_day}")
    ),
    "a person by name": between(node("userTask", camunda_assignee="${who}", camunda_dueDate="2021-03-12T09:00")),
    "four eyes on a called process": between(described("userTask", "not_doer_of", "draft_elsewhere")),
    "conditional and plain ways out of a task": choice("a", None, "task"),
    "default out of a task": choice("a", None, "task", default="two"),
    "choice without default": choice("a", "b"),
    "inclusive choice": choice("a", "b", "inclusiveGateway"),
    "constant condition": choice("true", "${!a}"),
    "conditions out of an event": line(S, catch("x"), E) + '<endEvent id="e2"/>' + flow("x", "e2", "a"),
    "fork and join": parallel(task("l"), task("r"), task("behind"), "days > 3"),
    "two decisions kept apart by a prefix": parallel(
        described("userTask", "prefix", "l_", name="l", camunda_formKey="decision"),
        described("userTask", "prefix", "r_", name="r", camunda_formKey="decision"),
        task("behind"), "l_decision == 'approve' and r_decision == 'approve'",
    ),
    "a decision made again behind the join": parallel(
        task("l", camunda_formKey="decision"), task("r", camunda_formKey="decision"), task("behind", camunda_formKey="decision")
    ),
    "the same constant in both branches": parallel(script("n = 1", "l"), script("n = 1", "r"), task("behind"), "n == 1"),
    "a variable set before the fork": parallel(task("l"), task("r"), task("behind")).replace(
        flow("s", "fork"), script("decision = 'approve'") + flow("s", "x") + flow("x", "fork")
    ),
    "a round of signatures": line(S, node("exclusiveGateway", name="again"), FORK, task("l"), JOIN, task("check"),
        node("exclusiveGateway", default="x_e"), E) + task("r") + flow("fork", "r") + flow("r", "join")
        + flow("x", "again", "more"),
    "a join fed by a reminder": line(S, task("a"), JOIN, E)
        + boundary(timer("Cycle", "R/P1D"), cancelActivity="false") + flow("x", "join"),
    "loops in loops": line(S, node("exclusiveGateway", name="m1"), node("exclusiveGateway", name="m2"), task("a"),
        node("exclusiveGateway", name="g2", default="g2_g1"), node("exclusiveGateway", name="g1", default="g1_e"), E)
        + flow("g2", "m2", "b") + flow("g1", "m1", "c"),
    "a loop left by a deadline": line(S, node("exclusiveGateway", name="m"), task("a"), task("b")).replace('"m"', '"merge"')
        .replace("s_m", "s_merge").replace("m_a", "merge_a") + flow("b", "merge") + boundary(timer()) + E + flow("x", "e"),
    "gateways that pass to each other": S + node("exclusiveGateway", name="g1", default="g1_a") + task("a") + task("b")
        + node("exclusiveGateway", name="g2", default="g2_b") + E + node("exclusiveGateway", name="way", default="way_g1")
        + flows("s>way way>g1 g1>a g2>b a>e b>e") + flow("way", "g2", "u") + flow("g1", "g2", "v") + flow("g2", "g1", "w"),
    "a task that is done again": line(S, task("a"), E) + flow("a", "a", "again"),
    "a race": race(catch("c1"), catch("c2", timer()), catch("c3", CONDITIONAL), catch("c4", SIGNAL + timer())),
    "a race of tasks": race(node("receiveTask", name="r", messageRef="m"), catch("c2", timer("Date", "${day}"))),
    "a link": line(S, node("intermediateThrowEvent", LINK)) + line(catch("c", LINK), E),
    "every start": node("startEvent", MESSAGE, name="s1") + node("startEvent", SIGNAL, name="s2")
        + node("startEvent", timer("Cycle", "R/2021-03-01T08:00/P1M"), name="s3")
        + node("startEvent", MESSAGE + SIGNAL, name="s4", isInterrupting="true", parallelMultiple="false")
        + S + E + flows("s>e s1>e s2>e s3>e s4>e"),
    "every catch": line(S, catch("c1"), catch("c2", SIGNAL), catch("c3", timer(text="${wait}")), catch("c4", CONDITIONAL),
        catch("c5", MESSAGE + timer()), catch("c6", MESSAGE + SIGNAL, parallelMultiple="true"),
        catch("c7", "<eventDefinitionRef>later</eventDefinitionRef>"), E),
    "every throw": line(S, node("intermediateThrowEvent", name="t1"), node("intermediateThrowEvent", MESSAGE, name="t2"),
        node("intermediateThrowEvent", SIGNAL, name="t3"), node("intermediateThrowEvent", ESCALATION, name="t4"),
        node("intermediateThrowEvent", MESSAGE + SIGNAL + ESCALATION, name="t5"), E),
    "every end": S + FORK + flow("s", "fork") + "".join(
        node("endEvent", inner, name=f"e{number}") + flow("fork", f"e{number}")
        for number, inner in enumerate(["", TERMINATE, MESSAGE, SIGNAL, ERROR, ESCALATION, MESSAGE + SIGNAL,
                                        "<eventDefinitionRef>stopped</eventDefinitionRef>"])
    ),
    "every boundary": line(S, task("a"), E) + "".join(
        boundary(inner, name=f"b{number}", **attributes) + flow(f"b{number}", "e")
        for number, (inner, attributes) in enumerate([
            (timer(), {}), (MESSAGE, {}), (SIGNAL, {"cancelActivity": "false"}), (ERROR, {}), ("<errorEventDefinition/>", {}),
            (ESCALATION, {"cancelActivity": "false"}), (CONDITIONAL, {}), (timer("Cycle", "R3/P1D"), {"cancelActivity": "false"}),
            (MESSAGE + timer(), {}), ("<escalationEventDefinition/>", {"cancelActivity": "true"}),
        ])
    ).replace("<boundaryEvent id=\"x\" ", "<boundaryEvent "),
    "handlers": "".join(
        [line(S, task("a"), E)] + [
            node("subProcess", node("startEvent", inner, name=f"hs{number}", **attributes)
                 + f'<endEvent id="he{number}"/>' + flow(f"hs{number}", f"he{number}"), name=f"h{number}", triggeredByEvent="true")
            for number, (inner, attributes) in enumerate([
                (MESSAGE, {"isInterrupting": "false"}), (SIGNAL, {}), (timer("Cycle", "R3/P1D"), {"isInterrupting": "false"}),
                (timer(), {}), (ERROR, {}), (ESCALATION, {"isInterrupting": "false"}), (CONDITIONAL, {}),
            ])
        ]
    ),
    "a transaction that is cancelled": cancelled(boundary(CANCEL)).replace(E1, node("endEvent", CANCEL, name="e1")),
    "an error leaves a sub-process": at(line(S1, node("endEvent", ERROR, name="e1")), boundary(ERROR), "subProcess"),
    "signers": many(camunda_collection="${signers}", camunda_elementVariable="signer", isSequential="true", behavior="All")
        .replace("</multi", "<completionCondition>${nrOfCompletedInstances / nrOfInstances >= 0.5}</completionCondition></multi"),
    "signers of BPMN itself": many(
        '<loopDataInputRef>signers</loopDataInputRef><inputDataItem name="signer"/>'
        '<loopDataOutputRef>votes</loopDataOutputRef><outputDataItem name="vote"/>'
    ),
    "no times": many("<loopCardinality>0</loopCardinality>"),
    "a number from a variable": many("<loopCardinality>${number}</loopCardinality>"),
    "a loop": again("<loopCondition>${days &lt; 3}</loopCondition>", testBefore="true"),
    "a loop with a limit": again("<loopCondition>true</loopCondition>", loopMaximum="3"),
    "what is only drawn": line(S, extended("task", "<camunda:failedJobRetryTimeCycle>R3/PT1M</camunda:failedJobRetryTimeCycle>",
        camunda_asyncBefore="true", **{"bioc:stroke": "red"}), E)
        + '<textAnnotation id="n"/><association id="as" sourceRef="x" targetRef="n"/><group id="gr"/><dataObject id="do"/>'
        '<dataObjectReference id="ref" dataObjectRef="do"/><property id="var"/>',
    "data on their way": between(node("task",
        '<ioSpecification><dataInput id="in"/></ioSpecification><dataInputAssociation><sourceRef>ref</sourceRef>'
        "<targetRef>in</targetRef></dataInputAssociation>")) + '<dataObject id="do"/><dataObjectReference id="ref" dataObjectRef="do"/>',
    "a call that shares everything": between(
        extended("callActivity", '<camunda:in variables="all"/><camunda:out variables="all"/>', calledElement="other")
    ),
    "as tools write it": between(node("task", "<incoming>s_x</incoming><outgoing>x_e</outgoing>", isForCompensation="false",
        startQuantity="1", completionQuantity="1")),
    "key of a message": between(described("intermediateCatchEvent", "correlation_key", "${case_number}", MESSAGE)),
    "lanes": between(task("a")) + '<laneSet id="ls"><lane id="officer" name="承办人"><flowNodeRef>a</flowNodeRef></lane></laneSet>',
}  # fmt: skip


@pytest.mark.parametrize("construct", ALLOWED)
def test_what_is_run_as_drawn_is_let_through(construct: str) -> None:
    assert found(ALLOWED[construct]) == []


def test_the_shipped_diagrams_pass(bureau: Bureau) -> None:
    with db.transaction() as session:
        assert application.deploy_own_processes(session) == 0


def test_every_finding_of_every_file_is_told() -> None:
    bad = file(
        S + node("complexGateway", name="choose") + task("a")
        + node("userTask", name="b", camunda_formKey="gone", camunda_candidateGroups="wizard")
        + E + flows("s>choose choose>b b>e") + flow("choose", "nowhere", name="f"),
    )  # fmt: skip
    problems = deployment_check.findings(
        {"one.bpmn": bad, "two.bpmn": file(between(node("scriptTask")), key="q")}, KNOWN
    )
    assert [(each.file, each.element_id, each.reason[:4]) for each in problems] == [
        ("one.bpmn", "choose", "不支持复"),
        ("one.bpmn", "b", "没有角色"),
        ("one.bpmn", "b", "没有表单"),
        ("one.bpmn", "f", "终点“n"),
        ("one.bpmn", "a", "没有出口"),
        ("one.bpmn", "a", "没有入口"),
        ("two.bpmn", "x", "脚本任务"),
    ]


def test_a_finding_names_file_element_and_reason() -> None:
    told = str(Problem("draft", "起草", "没有出口", "plan.bpmn"))
    assert told == "plan.bpmn，起草（draft）：没有出口"
    assert str(Problem("", "", "不是完整的 XML")) == "不是完整的 XML"


HOSTILE = {
    "nothing": b"",
    "no XML": "流程".encode(),
    "half a file": file(between(task("a")))[:-40],
    "another root": b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
    "a DOCTYPE": b"<!DOCTYPE definitions>" + file(between(task("a"))),
    "an outer entity": b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + file(between(script("a = '&x;'"))),
    "an entity that grows": b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    + file(between(task("a"))),
    "too deep": file("<subProcess>" * 400 + "</subProcess>" * 400),
    "too large": file(between(task("a")) + " " * 2_000_000),
    "another encoding that lies": b'<?xml version="1.0" encoding="utf-16"?>' + file(between(task("a"))),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_one_finding_and_the_others_are_still_read(content: bytes) -> None:
    problems = deployment_check.findings({"bad.bpmn": content, "p.bpmn": file(between(node("scriptTask")))}, KNOWN)
    assert [each.file for each in problems] == ["bad.bpmn", "p.bpmn"]


def test_a_file_needs_a_process_that_runs() -> None:
    silent = file(between(task("a")), executable="")
    only_drawn = file(between(node("adHocSubProcess")), executable=' isExecutable="false"')
    reasons = [each.reason for each in deployment_check.findings({"a.bpmn": silent, "b.bpmn": only_drawn}, KNOWN)]
    assert len(reasons) == 3
    assert sum("可执行" in reason for reason in reasons) == 2
    partner = '<process id="partner" isExecutable="false"><adHocSubProcess id="anything"/></process>'
    assert found(between(task("a")), partner) == []


@pytest.mark.parametrize(
    ("beside", "element_id", "reason"),
    [
        ('<globalScriptTask id="gt"/>', "gt", "全局任务"),
        ('<import importType="x"/>', "", "其他文件"),
        ('<correlationProperty id="cp"/>', "cp", "correlation_key"),
        ('<collaboration id="c"><participant id="pool" processRef="gone"/></collaboration>', "pool", "gone"),
        ('<compensateEventDefinition id="back"/>', "back", "补偿"),
        ('<message id="m2"><extensionElements><zeebe:subscription/></extensionElements></message>', "m2", "zeebe"),
    ],
)
def test_what_stands_beside_the_process_is_looked_at(beside: str, element_id: str, reason: str) -> None:
    (problem,) = found(between(task("a")), beside)
    assert problem.element_id == element_id
    assert reason in problem.reason


def test_keys_are_unique_and_calls_lead_somewhere_across_files() -> None:
    calling = file(between(node("callActivity", calledElement="q")))
    called = file(between(task("a")), key="q")
    back = file(between(node("callActivity", calledElement="p", name="back")), key="q")

    def check(**files: bytes) -> list[Problem]:
        return deployment_check.findings(files, KNOWN)

    assert check(one=calling, two=called) == []
    assert [(each.file, each.element_id) for each in check(one=calling, two=called, three=called)] == [("three", "q")]
    assert [(each.file, each.element_id) for each in check(one=calling, two=back)] == [("one", "x"), ("two", "back")]
    (lonely,) = check(one=calling)
    assert "q" in lonely.reason


def test_sub_processes_stand_in_one_another_ten_deep_at_most() -> None:
    def nested(depth: int) -> str:
        body = line(f'<startEvent id="s{depth}"/>', task(f"t{depth}"), f'<endEvent id="e{depth}"/>')
        if depth:
            body = line(
                f'<startEvent id="s{depth}"/>',
                node("subProcess", nested(depth - 1), name=f"n{depth}"),
                f'<endEvent id="e{depth}"/>',
            )
        return body

    assert found(nested(10)) == []
    (problem,) = found(nested(11))
    assert (problem.element_id, "嵌套" in problem.reason) == ("n1", True)


def test_a_join_that_is_called_hopeless_never_fires() -> None:
    """Random diagrams, played with tokens: what is refused could not have passed."""
    refused = 0
    for seed in range(200):
        chance = random.Random(seed)
        names = [f"n{number}" for number in range(7)]
        kinds = {
            name: chance.choice(["exclusiveGateway", "parallelGateway", "parallelGateway", "task"]) for name in names
        }
        drawn = {(chance.choice(names), chance.choice(names)) for _ in range(12)}
        ways = [("s", "n0"), *sorted(way for way in drawn if way[0] != way[1])]
        nodes = "".join(node(kind, name=name) for name, kind in kinds.items())
        told = found(S + E + nodes + "".join(flow(*way) for way in ways))
        hopeless = {each.element_id for each in told if "永远等不齐" in each.reason}
        assert hopeless.isdisjoint(_joins_that_fire(kinds, ways)), seed
        refused += len(hopeless)
    assert refused > 100


def _joins_that_fire(kinds: dict[str, str], ways: list[tuple[str, str]]) -> set[str]:
    """All nodes that pass a token in some run, as far as few tokens and some thousand states show."""
    fired: set[str] = set()
    to_see: list[tuple[tuple[str, str], ...]] = [(ways[0],)]
    seen: set[tuple[tuple[str, str], ...]] = set()
    while to_see and len(seen) < 3_000:
        tokens = to_see.pop()
        if tokens in seen or len(tokens) > 6:
            continue
        seen.add(tokens)
        for name, kind in kinds.items():
            into, out = [way for way in ways if way[1] == name], [way for way in ways if way[0] == name]
            taken = [into] if kind == "parallelGateway" else [[way] for way in into]
            given = [[way] for way in out] if kind == "exclusiveGateway" and out else [out]
            for used in taken:
                if used and set(used) <= set(tokens):
                    fired.add(name)
                    rest = list(tokens)
                    for way in used:
                        rest.remove(way)
                    to_see += [tuple(sorted([*rest, *more])) for more in given]
    return fired


def test_deploying_stores_nothing_of_what_is_refused(bureau: Bureau) -> None:
    before = bureau.count(Deployment)
    with pytest.raises(DefinitionRefused) as refused, db.transaction() as session:
        definitions.deploy(session, "bad", {"p.bpmn": file(between(node("complexGateway"))), "q.bpmn": b"<x/>"})
    assert [each.file for each in refused.value.problems] == ["p.bpmn", "q.bpmn"]
    assert bureau.count(Deployment) == before


def test_findings_in_diagrams_and_in_tables_are_told_together(bureau: Bureau) -> None:
    task_of_rules = node("businessRuleTask", camunda_decisionRef="risk", camunda_resultVariable="level")
    files = {"p.bpmn": file(line(S, task_of_rules, node("complexGateway", name="c"), E)), "risk.dmn": b"<definitions/>"}
    with pytest.raises(DefinitionRefused) as refused, db.transaction() as session:
        definitions.deploy(session, "bad", files)
    assert [each.file for each in refused.value.problems] == ["p.bpmn", "p.bpmn", "risk.dmn"]


def test_the_command_checks_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path / "var"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    good, bad = tmp_path / "good.bpmn", tmp_path / "drafts" / "a" / "bad.bpmn"
    bad.parent.mkdir(parents=True)
    good.write_bytes(file(between(node("callActivity", calledElement="phase_plan"))))
    bad.write_bytes(file(between(node("complexGateway")), key="q"))
    (bad.parent.parent / "bad.bpmn").write_bytes(file(between(node("scriptTask")), key="r"))

    assert commands.deploy(run.parse(["deploy", "--check", str(good)])) == 0
    assert "检查通过" in capsys.readouterr().out
    assert commands.deploy(run.parse(["deploy", "--check", str(good), str(tmp_path / "drafts")])) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "a/bad.bpmn，x：不支持复杂网关，请改用包容网关或并行网关",
        "bad.bpmn，x：脚本任务没有写赋值，请逐行写“变量 = 表达式”",
    ]
    assert commands.deploy(run.parse(["deploy", "--check", "--json", str(bad)])) == 1
    (told,) = json.loads(capsys.readouterr().out)["problems"]
    assert told == {
        "file": "bad.bpmn", "element_id": "x", "element_name": "", "reason": "不支持复杂网关，请改用包容网关或并行网关",
    }  # fmt: skip
    assert commands.deploy(run.parse(["deploy", "--check", "--json", str(good)])) == 0
    assert json.loads(capsys.readouterr().out) == {"problems": []}
    assert not (tmp_path / "var").exists()
    db.close_database()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_looks_at_what_is_deployed_and_keeps_nothing(bureau: Bureau, tmp_path: Path) -> None:
    with db.transaction() as session:
        definitions.deploy(session, "mine", {"q.bpmn": file(between(task("a")), key="only_here")})
    before = bureau.count(Deployment)
    calling = tmp_path / "calling.bpmn"
    calling.write_bytes(file(between(node("callActivity", calledElement="only_here"))))
    assert commands.deploy(run.parse(["deploy", "--check", "--database", bureau.database, str(calling)])) == 0
    assert bureau.count(Deployment) == before
    calling.write_bytes(file(between(node("callActivity", calledElement="nowhere"))))
    assert commands.deploy(run.parse(["deploy", "--check", "--database", bureau.database, str(calling)])) == 1
