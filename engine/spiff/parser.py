"""From BPMN files to a `Definition`: what is executed, and only if all of it will be executed as drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.parser.event_parsers import (
    BoundaryEventParser,
    EventDefinitionParser,
    IntermediateCatchEventParser,
    StartEventParser,
)
from SpiffWorkflow.bpmn.parser.TaskParser import TaskParser
from SpiffWorkflow.bpmn.parser.util import full_tag
from SpiffWorkflow.bpmn.parser.ValidationException import ValidationException
from SpiffWorkflow.bpmn.specs.defaults import BoundaryEvent, IntermediateCatchEvent, ServiceTask, StartEvent
from SpiffWorkflow.bpmn.specs.mixins.multiinstance_task import LoopTask

from engine.errors import DefinitionRefused, Problem
from engine.spiff import joins, races, timers, xml
from engine.spiff.definition import Activity, Definition

joins.mend()


class DelegateTask(ServiceTask):  # type: ignore[misc]
    """A service task that runs the function it names, in the transaction of the step."""

    delegate = ""

    def _execute(self, task: Any) -> bool:
        task.workflow.script_engine.call_service(task, self.delegate)
        return True


class DelegateTaskParser(TaskParser):  # type: ignore[misc]
    def create_task(self) -> Any:
        spec = super().create_task()
        spec.delegate = xml.delegate_of(self.node)
        return spec


class OurTimers(EventDefinitionParser):  # type: ignore[misc]
    """Puts our timer definitions where SpiffWorkflow's would be."""

    KINDS = (("timeDate", timers.DateTimer), ("timeDuration", timers.DurationTimer), ("timeCycle", timers.CycleTimer))

    def parse_timer_event(self, event: etree._Element) -> Any:
        for tag, kind in self.KINDS:
            written = event.findtext(f"bpmn:{tag}", namespaces=xml.NAMESPACES)
            if written and written.strip():
                return kind(self.node.get("id"), written.strip())
        raise ValidationException("定时事件没有写时间", node=self.node, file_name=self.filename)


class Start(OurTimers, StartEventParser):  # type: ignore[misc]
    pass


class Catch(OurTimers, IntermediateCatchEventParser):  # type: ignore[misc]
    pass


class Boundary(OurTimers, BoundaryEventParser):  # type: ignore[misc]
    pass


class Parser(BpmnParser):  # type: ignore[misc]
    OVERRIDE_PARSER_CLASSES = {
        full_tag("serviceTask"): (DelegateTaskParser, DelegateTask),
        full_tag("startEvent"): (Start, StartEvent),
        full_tag("intermediateCatchEvent"): (Catch, IntermediateCatchEvent),
        full_tag("boundaryEvent"): (Boundary, BoundaryEvent),
        full_tag("eventBasedGateway"): (races.RaceGatewayParser, races.RaceGateway),
    }


def processes_in(content: bytes) -> list[tuple[str, str]]:
    """Key and name of every executable process in a file."""
    found = xml.read(content).iterfind("bpmn:process", xml.NAMESPACES)
    named = [(p.get("id", ""), p.get("name", ""), p.get("isExecutable")) for p in found]
    return [(key, name or key) for key, name, executable in named if executable == "true"]


def called_processes(content: bytes) -> set[str]:
    """Keys of the processes that a file's call activities name."""
    calls = xml.read(content).iterfind(".//bpmn:callActivity", xml.NAMESPACES)
    return {called for call in calls if (called := call.get("calledElement"))}


def parse(contents: Sequence[bytes], key: str) -> Definition:
    """The process `key` from these files, with all it calls."""
    roots = [xml.read(content) for content in contents]
    parser = Parser()
    try:
        for root in roots:
            parser.add_bpmn_xml(root)
        spec = parser.get_spec(key)
        called = parser.get_subprocess_specs(key)
    except ValidationException as error:
        raise DefinitionRefused([_problem(error)]) from error
    except (KeyError, AttributeError, RecursionError, ValueError, TypeError) as error:
        # 3.2.0 answers some malformed diagrams with a bare Python error; to the one who uploads it is a refusal too.
        raise DefinitionRefused([Problem(key, "", f"流程图结构不完整，无法解析（{error}）")]) from error
    for each in (spec, *called.values()):
        _wire(each)
    return Definition(key, spec.description or key, spec, called, dict(_activities(roots)))


def _activities(roots: Sequence[etree._Element]) -> Iterator[tuple[tuple[str, str], Activity]]:
    kinds = "process", "subProcess", "transaction"
    for root in roots:
        for process in (node for kind in kinds for node in root.iterfind(f".//bpmn:{kind}", xml.NAMESPACES)):
            yield from xml.activities(process, process.get("id", "")).items()


def _wire(spec: Any) -> None:
    """Let loops hear of their children: a freshly parsed specification connects them only when it runs itself."""
    for task_spec in spec.task_specs.values():
        if isinstance(task_spec, LoopTask):
            child = spec.task_specs[task_spec.task_spec]
            if not child.completed_event.is_connected(task_spec.merge_child):
                child.completed_event.connect(task_spec.merge_child)


def _problem(error: ValidationException) -> Problem:
    return Problem(error.id or "", error.name or "", str(error.args[0] if error.args else error))
