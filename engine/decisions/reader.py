"""From a DMN file to decisions, and only if every table in it will decide as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import count

from lxml import etree

from engine import safe_xml
from engine.decisions import cells, xml
from engine.decisions.cells import ANYTHING, Cell, CellInvalid, Kind
from engine.decisions.support import badly_sized, unsupported
from engine.decisions.table import AGGREGATIONS, HIT_POLICIES, Decision, Input, Output, Rule
from engine.errors import DefinitionRefused, Problem
from forms import expressions
from forms.expressions import Expression, ExpressionInvalid

TYPES = {
    "": None, "any": None, "string": Kind.TEXT, "boolean": Kind.BOOLEAN, "date": Kind.DATE,
    **dict.fromkeys(("number", "integer", "long", "double"), Kind.NUMBER),
}  # fmt: skip

NOTHING = expressions.compile("null")
"""Stands in for an expression that was refused, so that the rest can be looked at."""


def is_dmn(content: bytes) -> bool:
    """Whether a file is DMN of a version that is understood."""
    return _is_dmn(safe_xml.read(content))


def parse(content: bytes) -> list[Decision]:
    """The decisions of a file. Refused with every problem found, not only the first."""
    root = safe_xml.read(content)
    if not _is_dmn(root):
        raise safe_xml.refused("不是 DMN 1.1 至 1.3 文件")
    _require_none(list(badly_sized(root)))
    problems = list(unsupported(root))
    tables = [(node, table) for node in xml.children(root, "decision") for table in xml.children(node, "decisionTable")]
    decisions = [_Reading(node, table, problems).decision() for node, table in tables]
    _require_none(problems)
    return decisions


def _require_none(problems: Sequence[Problem]) -> None:
    if problems:
        raise DefinitionRefused(list(dict.fromkeys(problems)))


def _is_dmn(root: etree._Element) -> bool:
    return xml.is_dmn(root) and etree.QName(root).localname == "definitions"


class _Reading:
    """One decision while it is read. What is wrong is noted and the reading goes on, so that all of it is told at once."""

    def __init__(self, node: etree._Element, table: etree._Element, problems: list[Problem]) -> None:
        self._node = node
        self._table = table
        self._problems = problems
        self._key = node.get("id", "")
        self._hit_policy = table.get("hitPolicy", "UNIQUE")
        self._aggregation = table.get("aggregation")
        self._adds = self._aggregation in ("SUM", "MIN", "MAX")

    def decision(self) -> Decision:
        """What can be read of it; worthless if any problem was noted."""
        asked, given, rows = (xml.children(self._table, kind) for kind in ("input", "output", "rule"))
        self._check_policy(len(given))
        entries = [self._entries(row, "inputEntry", len(asked)) for row in rows]
        written = [tuple(map(self._cell, row)) for row in entries]
        inputs = [
            self._input(node, [row[n] for row in entries if row], [row[n] for row in written if row])
            for n, node in enumerate(asked)
        ]
        outputs = [self._output(node) for node in given]
        results = [self._outputs(self._entries(row, "outputEntry", len(given)), outputs) for row in rows]
        rules = map(Rule, count(1), [row.get("id", "") for row in rows], written, results)
        return Decision(
            self._key, self._node.get("name") or self._key, self._hit_policy, self._aggregation, tuple(inputs),
            tuple(outputs), tuple(rules), self._default(given, outputs), _alone(self._node),
        )  # fmt: skip

    def _check_policy(self, outputs: int) -> None:
        if self._hit_policy not in HIT_POLICIES:
            self._note(self._table, f"不支持命中策略 {self._hit_policy}，只支持 {'、'.join(HIT_POLICIES)}")
        if self._aggregation is None:
            return
        if self._aggregation not in AGGREGATIONS:
            self._note(self._table, f"不支持聚合 {self._aggregation}，只支持 {'、'.join(AGGREGATIONS)}")
        if self._hit_policy != "COLLECT":
            self._note(self._table, "只有命中策略 COLLECT 可以聚合")
        if outputs > 1:
            self._note(self._table, "聚合只能用于只有一个输出的决策表")

    def _entries(self, rule: etree._Element, kind: str, expected: int) -> list[etree._Element]:
        """The cells of a rule, one for each column, or none at all."""
        entries = xml.children(rule, kind)
        if len(entries) == expected:
            return entries
        self._note(rule, f"{kind} 应有{expected}个，实有{len(entries)}个")
        return []

    def _cell(self, node: etree._Element | None) -> Cell:
        try:
            return cells.parse(xml.text(node))
        except CellInvalid as error:
            assert node is not None
            self._note(node, f"单元格{cells.shown(xml.text(node))}：{error}")
            return ANYTHING

    def _input(self, node: etree._Element, entries: Sequence[etree._Element], column: Sequence[Cell]) -> Input:
        asked = xml.child(node, "inputExpression")
        asked = node if asked is None else asked
        label = node.get("label") or xml.text(asked)
        listed = xml.child(node, "inputValues")
        allowed = self._cell(listed)
        # Without a declared type the first cell that compares says what the column is about.
        kind = self._kind(asked) or next((cell.kind for cell in (allowed, *column) if cell.kind), None)
        self._check_kind(node if listed is None else listed, allowed, kind, label)
        for entry, cell in zip(entries, column, strict=True):
            if self._check_kind(entry, cell, kind, label):
                self._check_reachable(entry, cell, allowed)
        return Input(label, self._expression(asked), kind, allowed)

    def _check_kind(self, node: etree._Element, cell: Cell, kind: Kind | None, label: str) -> bool:
        fits = cell.kind in (None, kind)
        if not fits:
            self._note(node, f"“{label}”这一列是{kind}，此处却是{cell.kind}")
        return fits

    def _check_reachable(self, node: etree._Element, cell: Cell, allowed: Cell) -> None:
        for value in cell.values:
            if value is not None and not allowed.matches(value):
                self._note(node, f"{cells.shown(value)}不在列出的取值之内，永远不会相符")

    def _output(self, node: etree._Element) -> Output:
        name = node.get("name", "")
        listed = xml.child(node, "outputValues")
        allowed = self._cell(listed)
        kind = self._kind(node) or (Kind.NUMBER if self._adds else allowed.kind)
        if name and not expressions.is_name(name):
            self._note(node, f"输出的 name“{name}”不是可用的变量名")
        beside = [other.get("name", "") for other in xml.children(self._table, "output") if other is not node]
        if beside and (not name or name in beside):
            self._note(node, "有多个输出时，每个都须有自己的 name")
        if self._adds and kind is not Kind.NUMBER:
            self._note(node, f"{self._aggregation} 只能用于数，输出却是{kind}")
        self._check_kind(node if listed is None else listed, allowed, kind, name or self._key)
        return Output(name or self._key, kind, allowed)

    def _kind(self, node: etree._Element) -> Kind | None:
        written = node.get("typeRef", "").removeprefix("feel:")
        if written.lower() not in TYPES:
            self._note(node, f"不支持类型“{written}”，只支持 {'、'.join(filter(None, TYPES))}")
        return TYPES.get(written.lower())

    def _outputs(self, entries: Sequence[etree._Element], outputs: Sequence[Output]) -> tuple[Expression, ...]:
        written = tuple(map(self._expression, entries))
        for entry, output, expression in zip(entries, outputs, written, strict=False):
            self._check_constant(entry, output, expression)
        return written

    def _default(self, nodes: Sequence[etree._Element], outputs: Sequence[Output]) -> Rule | None:
        """The default outputs as a rule of their own: all of them, or there are none."""
        entries = [entry for node in nodes for entry in xml.children(node, "defaultOutputEntry")]
        if not entries:
            return None
        if self._hit_policy == "COLLECT" and self._aggregation in (None, "COUNT"):
            self._note(entries[0], "没有规则相符时结果是空列表或0，不能有默认输出")
        if len(entries) != len(outputs):
            self._note(self._table, "默认输出要么每个输出都有，要么都没有")
        return Rule(0, "", (), self._outputs(entries, outputs))

    def _expression(self, node: etree._Element) -> Expression:
        source = xml.text(node)
        if not source:
            self._note(node, "没有写表达式；没有值请写 null")
            return NOTHING
        try:
            day = cells.day_of(source)
            # FEEL's dates are ISO text among variables.
            return expressions.compile(f'"{day}"' if day else source)
        except (ExpressionInvalid, CellInvalid) as error:
            self._note(node, f"表达式{cells.shown(source)}：{error}")
            return NOTHING

    def _check_constant(self, node: etree._Element, output: Output, expression: Expression) -> None:
        """What needs no variables and fails would fail every time: better known at once."""
        try:
            if not expression.names:
                output.value(expression, {})
        except ValueError as error:
            self._note(node, f"表达式{cells.shown(expression.source)}：{error}")

    def _note(self, node: etree._Element, reason: str) -> None:
        self._problems.append(xml.problem(node, reason))


def _alone(decision: etree._Element) -> bytes:
    """The decision as a document of its own, so that it gets a new version only when it has changed itself."""
    root = decision.getroottree().getroot()
    document = etree.Element(root.tag, root.attrib, nsmap=root.nsmap)  # type: ignore[arg-type]  # None is the default
    copy = deepcopy(decision)
    copy.tail = None
    document.append(copy)
    return etree.tostring(document, encoding="utf-8")
