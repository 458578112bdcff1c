"""Conditions under which a field is shown: in words for people, and as data for the script of a page.

What a script cannot follow is left to the server: the field is then always on the page, with the words beside it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from typing import Any

from forms import expressions
from forms.fields import Field

Tree = list[Any]
"""[operator, part, …]; the leaves are ["name", key] and ["value", constant]."""

COMPARED: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "为"), ast.Is: ("==", "为"), ast.NotEq: ("!=", "不为"), ast.IsNot: ("!=", "不为"), ast.Lt: ("<", "小于"),
    ast.LtE: ("<=", "不大于"), ast.Gt: (">", "大于"), ast.GtE: (">=", "不小于"), ast.In: ("in", "为"),
    ast.NotIn: ("not in", "不为"),
}  # fmt: skip
WORDS = dict(COMPARED.values())


def explain(condition: str, fields: Sequence[Field]) -> tuple[str, str]:
    """The condition in words, and as JSON for a script, "" where only the server can tell."""
    known = {field.key: field for field in fields}
    tree = _tree(expressions.parsed(condition).body)
    if tree is None:
        return "需要", ""
    pressed = any(known[name].as_buttons for name in expressions.compile(condition).names)
    return _words(tree, known), "" if pressed else json.dumps(tree, ensure_ascii=False)


def _tree(node: ast.expr) -> Tree | None:
    match node:
        case ast.Name(name):
            return ["name", name]
        case ast.Constant(value):
            return ["value", value]
        case ast.List(elements) | ast.Tuple(elements) if all(isinstance(each, ast.Constant) for each in elements):
            return ["value", [ast.literal_eval(each) for each in elements]]
        case ast.BoolOp(joined, values):
            return _whole("and" if isinstance(joined, ast.And) else "or", *values)
        case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
            return _whole("not", operand)
        case ast.Compare(left, [sign], [right]):
            return _whole(COMPARED[type(sign)][0], left, right)
    return None


def _whole(sign: str, *nodes: ast.expr) -> Tree | None:
    parts = [_tree(node) for node in nodes]
    return None if None in parts else [sign, *parts]


def _words(tree: Tree, known: dict[str, Field]) -> str:
    match tree:
        case ["and", *parts]:
            return "且".join(_words(part, known) for part in parts)
        case ["or", *parts]:
            return "或".join(_words(part, known) for part in parts)
        case ["name", name]:
            return f"{'勾选' if known[name].type == 'checkbox' else '填写'}{known[name].label}"
        case ["not", part]:
            return f"未{_words(part, known)}" if part[0] == "name" else f"并非{_words(part, known)}"
        case [("==" | "!=") as sign, ["name", name], ["value", None]]:
            return f"{'未' if sign == '==' else ''}填写{known[name].label}"
        case ["==", ["name", name], ["value", bool(value)]] if known[name].type == "checkbox":
            return f"{'' if value else '未'}勾选{known[name].label}"
        case ["in", ["value", value], ["name", name]]:
            return f"{known[name].label}中有{_said(known[name], value)}"
        case [sign, ["name", name], ["value", value]]:
            return f"{known[name].label}{WORDS[sign]}{_said(known[name], value)}"
    return "需要"


def _said(field: Field, value: object) -> str:
    if isinstance(value, list):
        return "或".join(_said(field, each) for each in value)
    written = str(value).lower() if isinstance(value, bool) else str(value)
    return dict(field.options).get(written, written + field.suffix)
