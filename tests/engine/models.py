"""Diagrams for the tests of the engine, written as nodes and flows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="definitions" targetNamespace="t">'
)


def diagram(*processes: str, messages: Sequence[str] = ()) -> str:
    told = "".join(f'<bpmn:message id="{name}" name="{name}"/>' for name in messages)
    return f"{HEAD}{told}{''.join(processes)}</bpmn:definitions>"


def process(body: str, key: str = "p") -> str:
    return f'<bpmn:process id="{key}" isExecutable="true">{body}</bpmn:process>'


def node(kind: str, name: str, inner: str = "", **attributes: str) -> str:
    told = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<bpmn:{kind} id="{name}"{told}>{inner}</bpmn:{kind}>'


def users(names: str) -> str:
    return "".join(node("userTask", name) for name in names.split())


def gateways(kind: str, names: str) -> str:
    return "".join(node(f"{kind}Gateway", name) for name in names.split())


def either(name: str, default: str) -> str:
    """An exclusive gateway whose default flow leads to `default`."""
    return node("exclusiveGateway", name, default=f"{name}_to_{default}")


def any_of(name: str, default: str) -> str:
    """An inclusive gateway whose default flow leads to `default`."""
    return node("inclusiveGateway", name, default=f"{name}_to_{default}")


def ends(start: str = "s", *names: str) -> str:
    """A start event and end events."""
    return node("startEvent", start) + "".join(node("endEvent", name) for name in names or ("e",))


def flows(*ways: str) -> str:
    """Ways through the diagram: `"a > b > c"`, a flow with a condition: `"g > a if again"`."""
    drawn = []
    for way in ways:
        path, _, condition = way.partition(" if ")
        stops = path.split(" > ")
        told = f"<bpmn:conditionExpression>{condition}</bpmn:conditionExpression>" if condition else ""
        drawn += [
            f'<bpmn:sequenceFlow id="{a}_to_{b}" sourceRef="{a}" targetRef="{b}">{told}</bpmn:sequenceFlow>'
            for a, b in pairwise(stops)
        ]
    return "".join(drawn)


def sub_process(name: str, body: str) -> str:
    return node("subProcess", name, body)


def boundary(name: str, host: str, event: str, interrupting: bool = True) -> str:
    return node("boundaryEvent", name, event, attachedToRef=host, cancelActivity=str(interrupting).lower())


def message(name: str) -> str:
    return f'<bpmn:messageEventDefinition messageRef="{name}"/>'


def duration(text: str) -> str:
    return f"<bpmn:timerEventDefinition><bpmn:timeDuration>{text}</bpmn:timeDuration></bpmn:timerEventDefinition>"


def cycle(text: str) -> str:
    return f"<bpmn:timerEventDefinition><bpmn:timeCycle>{text}</bpmn:timeCycle></bpmn:timerEventDefinition>"


def script(name: str, *lines: str) -> str:
    return node("scriptTask", name, "<bpmn:script>" + "\n".join(lines) + "</bpmn:script>")


def each_of(
    people: str, answers: str, answer: str, sequential: bool = False, until: str = "", item: str = "person"
) -> str:
    """Multi-instance: one after another or all at once, each person gives an answer, all answers are kept."""
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
        f"<bpmn:loopDataInputRef>{people}</bpmn:loopDataInputRef>"
        + (f"<bpmn:loopDataOutputRef>{answers}</bpmn:loopDataOutputRef>" if answers else "")
        + f'<bpmn:inputDataItem id="{item}" name="{item}"/>'
        + (f'<bpmn:outputDataItem id="{answer}" name="{answer}"/>' if answer else "")
        + (f"<bpmn:completionCondition>{until}</bpmn:completionCondition>" if until else "")
        + "</bpmn:multiInstanceLoopCharacteristics>"
    )
