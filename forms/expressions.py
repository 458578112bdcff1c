"""The one expression language: conditions of diagrams and forms, timers, assignments of script tasks.

Text is parsed, every node is checked against a whitelist, and what remains is compiled once; nothing else ever becomes
code. It understands Python's operators and those of JUEL (`&&`, `||`, `!`, `eq`, `${…}`), so that diagrams drawn for
other engines keep their conditions. There are no attributes but `text.contains("x")`, no powers, no loops.
It lives beside the forms because both forms and the engine, which stands above them, speak it.
"""

from __future__ import annotations

import ast
import builtins
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

MAX_LENGTH = 2_000
MAX_NODES = 200
MAX_NUMBER = 10**15
MAX_TEXT = 100_000


class ExpressionInvalid(ValueError):
    """Not an expression of this language; the message says what is wrong with it."""


class ExpressionFailed(ValueError):
    """A proper expression that makes no sense for the values it met."""


@dataclass(frozen=True)
class Expression:
    source: str
    names: frozenset[str]
    _code: CodeType

    def evaluate(self, names: Mapping[str, object]) -> object:
        """The value for these names. Unknown names and unfit values raise ExpressionFailed."""
        missing = self.names - names.keys()
        if missing:
            raise ExpressionFailed(f"变量 {'、'.join(sorted(missing))} 没有值")
        try:
            return _bounded(eval(self._code, _SAFE, {name: names[name] for name in self.names}))  # noqa: S307
        except ExpressionFailed:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise ExpressionFailed(f"取值不合适（{error}）") from error


@lru_cache(maxsize=4096)
def compile(source: str) -> Expression:  # noqa: A001 - the word of the trade; used as expressions.compile
    """The checked expression behind a text, plain or written as `${…}`."""
    if len(source) > MAX_LENGTH:
        raise ExpressionInvalid(f"超过 {MAX_LENGTH} 个字符")
    text = _in_python(_unwrapped(source.strip()))
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ExpressionInvalid("写法不对") from error
    names = _check(tree)
    tree = ast.fix_missing_locations(_Guarded().visit(tree))
    return Expression(source, names, builtins.compile(tree, "<expression>", "eval"))


@lru_cache(maxsize=1024)
def assignments(script: str) -> tuple[tuple[str, Expression], ...]:
    """The lines of a script task: `name = expression`; blank lines and comments are allowed, nothing else."""
    lines = (line.strip() for line in (script or "").splitlines())
    return tuple(_assignment(line) for line in lines if line and not line.startswith("#"))


def _assignment(line: str) -> tuple[str, Expression]:
    name, sign, expression = line.partition("=")
    name = name.strip()
    if not sign or not name.isidentifier() or name.startswith("_") or expression.startswith("="):
        raise ExpressionInvalid(f"“{line}”不是赋值")
    return name, compile(expression)


def _unwrapped(text: str) -> str:
    whole = re.fullmatch(r"[$#]\{(.*)\}", text, re.DOTALL)
    return whole[1].strip() if whole else text


_JUEL = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<and>&&)|(?P<or>\|\|)|(?P<not>!(?!=))
    |(?<![\w.])(?P<word>eq|ne|lt|gt|le|ge|div|mod|true|false|null)(?!\w)""",
    re.VERBOSE,
)
_WORDS = {
    "eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "div": "/", "mod": "%",
    "true": "True", "false": "False", "null": "None",
}  # fmt: skip


def _in_python(text: str) -> str:
    """JUEL's operators in Python's words; what stands in quotes is left alone."""
    return _JUEL.sub(_word, text).strip()


def _word(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "text":
            return found[0]
        case "word":
            return f" {_WORDS[found[0]]} "
        case kind:
            return f" {kind} "


_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.Compare, ast.Eq,
    ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.BinOp, ast.Add, ast.Sub,
    ast.Mult, ast.Div, ast.Mod, ast.IfExp, ast.Constant, ast.Name, ast.Load, ast.List, ast.Tuple, ast.Subscript,
    ast.Call,
)  # fmt: skip


def _check(tree: ast.Expression) -> frozenset[str]:
    """Refuse everything that is not on the list; return the free names."""
    called = set()
    names = set()
    for count, node in enumerate(ast.walk(tree)):
        if count > MAX_NODES:
            raise ExpressionInvalid("过于复杂")
        if isinstance(node, ast.Call):
            called.add(node.func)
            _check_call(node)
        elif isinstance(node, ast.Name) and node not in called:
            if node.id.startswith("_"):
                raise ExpressionInvalid(f"变量名“{node.id}”不可用")
            names.add(node.id)
        elif isinstance(node, ast.Constant):
            _check_constant(node.value)
        elif not isinstance(node, _ALLOWED) and node not in called:
            raise ExpressionInvalid(f"不允许使用 {type(node).__name__}")
    return frozenset(names)


def _check_call(node: ast.Call) -> None:
    known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
    contains = isinstance(node.func, ast.Attribute) and node.func.attr == "contains" and len(node.args) == 1
    if node.keywords or not (known or contains):
        raise ExpressionInvalid("调用了未知的函数")


def _check_constant(value: object) -> None:
    if not isinstance(value, (str, int, float, bool, type(None))):
        raise ExpressionInvalid("不允许的常量")
    if isinstance(value, (int, float)) and abs(value) > MAX_NUMBER:
        raise ExpressionInvalid("数值过大")


class _Guarded(ast.NodeTransformer):
    """Arithmetic and `contains` go through functions of ours that know what they are given."""

    OPERATIONS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Mod: "mod"}

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _call(f"_{self.OPERATIONS[type(node.op)]}", [node.left, node.right], node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute):
            return _call("_contains", [node.func.value, *node.args], node)
        return node


def _call(name: str, arguments: list[ast.expr], at: ast.AST) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), arguments, []), at)


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ExpressionFailed(f"“{value}”不是数")
    return value


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[object, object], object]:
    return lambda left, right: _bounded(operation(_number(left), _number(right)))


def _add(left: object, right: object) -> object:
    if isinstance(left, str) and isinstance(right, str):
        return _bounded(left + right)
    return _bounded(_number(left) + _number(right))


def _bounded(value: object) -> object:
    if isinstance(value, (int, float)) and not abs(value) <= MAX_NUMBER:
        raise ExpressionFailed("数值过大")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ExpressionFailed("文字过长")
    return value


def _contains(whole: object, part: object) -> bool:
    if not isinstance(whole, (str, list)):
        raise ExpressionFailed(f"“{whole}”不是文字或列表")
    return part in whole


def _count(values: list[object], wanted: object) -> int:
    return sum(1 for value in values if value == wanted)


FUNCTIONS: dict[str, Callable[..., object]] = {
    "len": len, "sum": sum, "min": min, "max": max, "any": any, "all": all, "abs": abs, "round": round, "int": int,
    "float": float, "count": _count,
}  # fmt: skip

_SAFE: dict[str, object] = {
    "__builtins__": {},
    "_add": _add,
    "_contains": _contains,
    **{f"_{name}": _arithmetic(getattr(operator, name)) for name in ("sub", "mul", "truediv", "mod")},
    **FUNCTIONS,
}
