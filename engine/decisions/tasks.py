"""The business rule tasks of a diagram: which decision they ask for, and what becomes of its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from engine import safe_xml
from engine.decisions.results import MAPPINGS, ONE_OUTPUT, mapped
from engine.decisions.table import Decision
from engine.errors import Problem
from forms import expressions

BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
CAMUNDA = "http://camunda.org/schema/1.0/bpmn"


@dataclass(frozen=True)
class BusinessRuleTask:
    """What `camunda:` attributes say of a task. It keeps the decision that was the latest when it was deployed."""

    id: str
    name: str
    decision_key: str
    map_result: str | None
    result_variable: str | None
    binding: str | None

    @classmethod
    def of(cls, node: etree._Element) -> BusinessRuleTask:
        said = {name: node.get(f"{{{CAMUNDA}}}{name}") for name in ATTRIBUTES}
        return cls(
            node.get("id", ""), node.get("name", ""), said["decisionRef"] or "", said["mapDecisionResult"],
            said["resultVariable"], said["decisionRefBinding"],
        )  # fmt: skip

    def variables(self, decision: Decision, known: Mapping[str, Any]) -> dict[str, Any]:
        """Decide, and give the variables to set."""
        return mapped(decision.decide(known), self.map_result, self.result_variable)

    def problems(self, decision: Decision | None) -> Iterator[Problem]:
        """Everything that would keep the task from setting what it says, with the decision it names (None: there is none)."""
        for reason in self._reasons(decision):
            yield Problem(self.id, self.name, reason)

    def _reasons(self, decision: Decision | None) -> Iterator[str]:
        how, variable = self.map_result, self.result_variable
        if not self.decision_key:
            yield "业务规则任务须用 camunda:decisionRef 指明决策表"
        elif decision is None:
            yield f"没有可用的决策表“{self.decision_key}”"
        if self.binding not in BINDINGS:
            yield f"不支持按“{self.binding}”指定决策表的版本：流程总是使用部署时最新的一版"
        if how and how not in MAPPINGS:
            yield f"不认识的结果映射“{how}”"
        if how and not variable:
            yield "写了 camunda:mapDecisionResult，却没有写 camunda:resultVariable"
        if variable and not expressions.is_name(variable):
            yield f"结果变量“{variable}”不是可用的变量名"
        if decision is not None:
            yield from _mismatches(decision, how, variable)


def _mismatches(decision: Decision, how: str | None, variable: str | None) -> Iterator[str]:
    if how in ONE_OUTPUT and len(decision.outputs) > 1:
        yield f"{how} 只能用于只有一个输出的决策表"
    if variable or how:
        return
    if decision.gives_list:
        yield f"决策表“{decision.key}”的结果是列表，须写 camunda:resultVariable"
    for output in decision.outputs:
        if not expressions.is_name(output.name):
            yield f"输出“{output.name}”不是可用的变量名，须写 camunda:resultVariable"


ATTRIBUTES = "decisionRef", "mapDecisionResult", "resultVariable", "decisionRefBinding"
BINDINGS = {None, "latest", "deployment"}


def business_rule_tasks(diagram: bytes) -> list[BusinessRuleTask]:
    """Every business rule task of a BPMN file."""
    return [BusinessRuleTask.of(node) for node in safe_xml.read(diagram).iter(f"{{{BPMN}}}businessRuleTask")]
