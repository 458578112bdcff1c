"""The one expression language: conditions of diagrams and forms, timers, assignments of script tasks.

Text is parsed, every node is checked against a whitelist, and what remains is compiled once; nothing else ever becomes
code. It understands Python's operators and those of JUEL (`&&`, `||`, `!`, `eq`, `${…}`), so that diagrams drawn for
other engines keep their conditions. There are no attributes but `text.contains("x")`, no powers, no loops, and whatever
comes out is small enough to be stored.
It lives beside the forms because both forms and the engine, which stands above them, speak it.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import operator
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

MAX_LENGTH = 2_000
MAX_NODES = 200
MAX_NUMBER = 10**15
MAX_SIZE = 100_000
MAX_DIGITS = 15


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
        """The value for these names. ExpressionFailed if a name is reached that has none, or a value does not fit."""
        known = {name: names[name] for name in self.names if name in names}
        try:
            return _bounded(eval(self._code, _SAFE, known))
        except NameError as error:
            raise ExpressionFailed(f"变量{error.name}没有值") from error
        except ExpressionFailed:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            raise ExpressionFailed(f"取值不合适（{error}）") from error


@lru_cache(maxsize=4096)
def compile(source: str) -> Expression:
    """The checked expression behind a text, plain or written as `${…}`."""
    if len(source) > MAX_LENGTH:
        raise ExpressionInvalid(f"超过{MAX_LENGTH}个字符")
    try:
        tree = parsed(source)
        names = _check(tree)
        code = builtins.compile(ast.fix_missing_locations(_Guarded().visit(tree)), "<expression>", "eval")
    except ExpressionInvalid:
        raise
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ExpressionInvalid("写法不对") from error
    return Expression(source, names, code)


@lru_cache(maxsize=1024)
def assignments(script: str | None) -> tuple[tuple[str, Expression], ...]:
    """The lines of a script task: `name = expression`; blank lines and comments are allowed, nothing else."""
    lines = (line.strip() for line in (script or "").splitlines())
    return tuple(_assignment(line) for line in lines if line and not line.startswith("#"))


def _assignment(line: str) -> tuple[str, Expression]:
    name, sign, expression = line.partition("=")
    # Python reads identifiers in this normal form; stored otherwise, the name would never be found again.
    name = unicodedata.normalize("NFKC", name.strip())
    if not sign or expression.startswith("=") or not is_name(name):
        raise ExpressionInvalid(f"“{line}”不是赋值")
    return name, compile(expression)


def is_name(text: str) -> bool:
    """Whether a variable may be called so."""
    reserved = text.startswith("_") or keyword.iskeyword(text) or text in _WORDS
    return text.isidentifier() and not reserved


def parsed(source: str) -> ast.Expression:
    """The tree of a text; whether it is of this language, `compile` says."""
    return ast.parse(_in_python(_unwrapped(source.strip())), mode="eval")


def _unwrapped(text: str) -> str:
    whole = re.fullmatch(r"[$#]\{(.*)\}", text, re.DOTALL)
    return whole[1].strip() if whole else text


_JUEL = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<and>&&)|(?P<or>\|\|)|(?P<not>!(?!=))|(?P<tilde>~)
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
        case "not":
            return "~"  # the one negation that binds as tightly in Python as `!` does in JUEL
        case "tilde":
            raise ExpressionInvalid("不允许使用~")
        case kind:
            return f" {kind} "


_ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub, ast.UAdd,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.IfExp, ast.Constant, ast.Name, ast.Load,
    ast.List, ast.Tuple, ast.Subscript, ast.Call,
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
            raise ExpressionInvalid(f"不允许使用{type(node).__name__}")
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


_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Mod: "mod"}
_EQUALITY = {ast.Is: ast.Eq, ast.IsNot: ast.NotEq}


class _Guarded(ast.NodeTransformer):
    """Arithmetic and calls go through functions of ours that know what they are given."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return _call(_ARITHMETIC[type(node.op)], node.left, node.right)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute):
            return _call("contains", node.func.value, *node.args)
        return _call(node.func.id, *node.args) if isinstance(node.func, ast.Name) else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return ast.UnaryOp(ast.Not(), node.operand) if isinstance(node.op, ast.Invert) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """`is` asks for the same object, which means nothing for values that were stored and read again."""
        self.generic_visit(node)
        operators = [_EQUALITY.get(type(each), type(each))() for each in node.ops]
        return ast.Compare(node.left, operators, node.comparators)

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        """A tuple would come back from the database as a list, and then no longer equal itself."""
        self.generic_visit(node)
        return ast.List(node.elts, node.ctx)


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    """A call of ours: the underscore keeps it apart from variables, so that `count` may be one as well."""
    return ast.Call(ast.Name(f"_{name}", ast.Load()), list(arguments), [])


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ExpressionFailed(f"“{value}”不是数")
    return value


def _arithmetic(operation: Callable[[Any, Any], Any]) -> Callable[[object, object], object]:
    return lambda left, right: operation(_number(left), _number(right))


def _add(left: object, right: object) -> object:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    return _number(left) + _number(right)


def _contains(whole: object, part: object) -> bool:
    if not isinstance(whole, (str, list)):
        raise ExpressionFailed(f"“{whole}”不是文字或列表")
    return part in whole


def _round(value: float, digits: int = 0) -> float:
    # round(5, -10**9) would first raise ten to that power.
    if not 0 <= digits <= MAX_DIGITS:
        raise ExpressionFailed(f"小数位数应在0到{MAX_DIGITS}之间")
    return round(value, digits) if digits else round(value)


def _limited(function: Callable[..., object]) -> Callable[..., object]:
    return lambda *arguments: _bounded(function(*arguments))


def _bounded(value: object) -> object:
    """The value itself, unless it is too large, or no number, or would take too much room."""
    if isinstance(value, (int, float)):
        if not abs(value) <= MAX_NUMBER:
            raise ExpressionFailed("数值过大")
    elif _size(value) > MAX_SIZE:
        raise ExpressionFailed("内容过多")
    return value


def _size(value: object) -> int:
    """How much a value takes when written out: a list that holds another many times counts it each time."""
    size, waiting = 0, [value]
    while waiting and size <= MAX_SIZE:
        part = waiting.pop()
        size += 1 + len(part) if isinstance(part, (str, list, dict)) else 1
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
    return size


FUNCTIONS: dict[str, Callable[..., object]] = {
    "len": len, "sum": sum, "min": min, "max": max, "any": any, "all": all, "abs": abs, "round": _round, "int": int,
    "float": float, "count": operator.countOf,
}  # fmt: skip

_OPERATORS: dict[str, Callable[..., object]] = {
    "add": _add,
    "contains": _contains,
    **{name: _arithmetic(getattr(operator, name)) for name in ("sub", "mul", "truediv", "mod")},
}

_SAFE: dict[str, object] = {
    "__builtins__": {},
    **{f"_{name}": _limited(function) for name, function in {**FUNCTIONS, **_OPERATORS}.items()},
}
