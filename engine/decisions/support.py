"""What a DMN file may contain, as tables. Everything else is refused: nothing is silently ignored."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from engine.decisions.xml import children, is_dmn, problem
from engine.errors import Problem

_BESIDE = {"description", "extensionElements"}
_WRITTEN = ("inputValues", "outputValues", "defaultOutputEntry", "inputEntry", "outputEntry")

INSIDE = {
    "definitions": {"decision", "inputData", "knowledgeSource", "textAnnotation", "association", *_BESIDE},
    "decision": {
        "decisionTable", "variable", "informationRequirement", "authorityRequirement", "question", "allowedAnswers",
        *_BESIDE,
    },
    "informationRequirement": {"requiredInput", *_BESIDE},
    "decisionTable": {"input", "output", "rule", "annotation", *_BESIDE},
    "input": {"inputExpression", "inputValues", *_BESIDE},
    "output": {"outputValues", "defaultOutputEntry", *_BESIDE},
    "rule": {"inputEntry", "outputEntry", "annotationEntry", *_BESIDE},
    **{kind: {"text", *_BESIDE} for kind in ("inputExpression", *_WRITTEN)},
}  # fmt: skip
"""Element → what may stand in it. Those that are not named here decide nothing, whatever is in them."""

ATTRIBUTES = {
    "decisionTable": {"id", "label", "hitPolicy", "aggregation", "preferredOrientation", "outputLabel", "typeRef"},
    "input": {"id", "label"},
    "inputExpression": {"id", "label", "typeRef", "expressionLanguage"},
    "output": {"id", "label", "name", "typeRef"},
    "rule": {"id", "label"},
    **{kind: {"id", "label", "expressionLanguage"} for kind in _WRITTEN},
}  # fmt: skip
"""Element of a table → its attributes. Those of other namespaces are for modelers."""

ONCE = {"decisionTable", "inputExpression", "inputValues", "outputValues", "defaultOutputEntry", "text"}
EXPRESSIONS = {"inputExpression", "outputEntry", "defaultOutputEntry"}

REASONS = {
    "requiredDecision": "不支持依赖其他决策的决策（决策图）",
    "knowledgeRequirement": "不支持业务知识模型",
    "businessKnowledgeModel": "不支持业务知识模型",
    "decisionService": "不支持决策服务",
    "itemDefinition": "不支持自定义类型",
    "import": "不支持引入其他文件",
    "literalExpression": "决策须是一张决策表，不支持文字表达式",
}

MAX_KEY = 100
SIZES = {
    "definitions": {"decision": ("决策", 1, 100)},
    "decisionTable": {"input": ("输入", 0, 50), "output": ("输出", 1, 50), "rule": ("规则", 1, 1_000)},
}
"""Element → what it consists of: its Chinese name, the fewest and the most there may be."""


def badly_sized(root: etree._Element) -> Iterator[Problem]:
    """What is too large to be looked at any further, or empty."""
    tables = (table for node in children(root, "decision") for table in children(node, "decisionTable"))
    for node in (root, *tables):
        for kind, (name, least, most) in SIZES[etree.QName(node).localname].items():
            if not least <= (count := len(children(node, kind))) <= most:
                yield problem(node, f"{name}应有{least}到{most}个，实有{count}个")


def unsupported(root: etree._Element) -> Iterator[Problem]:
    """Everything in a file that would not be decided as it is written, apart from what stands in the cells."""
    yield from _misplaced(root)
    yield from _foreign_languages(root)
    yield from _bad_decisions(root)


def _misplaced(node: etree._Element) -> Iterator[Problem]:
    kind = etree.QName(node).localname
    for attribute in map(str, node.attrib):
        if kind in ATTRIBUTES and attribute not in ATTRIBUTES[kind] and not attribute.startswith("{"):
            yield problem(node, f"{kind} 不支持属性 {attribute}")
    seen: set[str] = set()
    for each in node:
        inner = etree.QName(each).localname
        if kind == "definitions" and inner == "DMNDI":
            continue
        if not is_dmn(each) or inner not in INSIDE[kind]:
            yield problem(each, REASONS.get(inner, f"此处不支持元素 {inner}"))
        elif inner in ONCE & seen:
            yield problem(each, f"{inner} 只能有一个")
        elif inner in INSIDE:
            yield from _misplaced(each)
        seen.add(inner)


def _foreign_languages(root: etree._Element) -> Iterator[Problem]:
    """Cells are FEEL. Expressions are ours, which also stands in where a modeler writes `juel`."""
    for node in root.iter("*"):
        language = node.get("expressionLanguage", "").lower()
        stands_for_ours = language == "juel" and etree.QName(node).localname in EXPRESSIONS
        if language and "feel" not in language and not stands_for_ours:
            yield problem(node, f"不支持表达式语言“{language}”")


def _bad_decisions(root: etree._Element) -> Iterator[Problem]:
    seen = set()
    for node in children(root, "decision"):
        key = node.get("id", "")
        if not key or len(key) > MAX_KEY or ":" in key:
            yield problem(node, f"决策的 id 须为1到{MAX_KEY}个字符，不含冒号")
        if key in seen:
            yield problem(node, "决策的 id 重复")
        if not any(etree.QName(each).localname in {"decisionTable", *REASONS} for each in node):
            yield problem(node, "决策没有决策表")
        seen.add(key)
