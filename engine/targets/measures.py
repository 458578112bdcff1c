"""What figures come to, and whether a promise is kept: arithmetic on decimals that knows no database."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.models import Target

ZERO, HUNDRED = Decimal(0), Decimal(100)
ORDINAL = "ordinal"
"""The certainty of batches and sessions (第三批): names, not quantities."""


@dataclass(frozen=True)
class Reading:
    """A figure that counts: one number, or a part of a whole; the names behind it."""

    value: Decimal | None = None
    part: Decimal | None = None
    whole: Decimal | None = None
    entries: tuple[str, ...] = ()


Counted = tuple[Decimal | None, str]
"""What readings come to, and how that was counted, in words."""


def is_quantity(target: Target) -> bool:
    return target.certainty != ORDINAL


def total(readings: Sequence[Reading], unit: str) -> Counted:
    return sum((each.value or ZERO for each in readings), ZERO), f"{len(readings)} 份报数相加"


def ratio(readings: Sequence[Reading], unit: str) -> Counted:
    """Parts and wholes are added before dividing: a mean of ratios would let small units count like large ones."""
    part = sum((each.part or ZERO for each in readings), ZERO)
    whole = sum((each.whole or ZERO for each in readings), ZERO)
    if not whole:
        return None, "分母为 0，无法计算"
    told = f"分子合计 {shown(part)} ÷ 分母合计 {shown(whole)}（{len(readings)} 家，先加后除）"
    return part / whole * (HUNDRED if unit == "%" else 1), told


def listed(readings: Sequence[Reading], unit: str) -> Counted:
    names = [normal(entry) for each in readings for entry in each.entries]
    different, repeated = len(set(names)), len(names) - len(set(names))
    return Decimal(different), f"名单 {different} 项" + (f"，已去掉重复 {repeated} 项" if repeated else "")


def latest(readings: Sequence[Reading], unit: str) -> Counted:
    return readings[-1].value, "取最近一次的数"


def variation(readings: Sequence[Reading], unit: str) -> Counted:
    """Of parts and pupils by school, the worst of the items they are about; else of the coefficients as reported."""
    paired: dict[tuple[str, ...], list[tuple[Decimal, Decimal]]] = {}
    for each in readings:
        if each.part is not None and each.whole:
            paired.setdefault(each.entries, []).append((each.part, each.whole))
    if not paired:
        return max((each.value for each in readings if each.value is not None), default=None), "取所报系数中最大的"
    found = {item: weighted_variation(schools) for item, schools in paired.items()}
    known = {item: value for item, value in found.items() if value is not None}
    if not known:
        return None, "各校总量为 0，无法计算"
    worst = max(known, key=lambda item: known[item])
    named = f"，最大的是{'、'.join(worst)}" if worst else ""
    return known[worst], f"按在校生数加权的差异系数，{len(paired[worst])} 所学校{named}"


COUNTINGS: Mapping[str, Callable[[Sequence[Reading], str], Counted]] = {
    "sum": total, "ratio": ratio, "list": listed, "events": total, "latest": latest, "cv": variation,
}  # fmt: skip


def weighted_variation(schools: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """差异系数 of what schools have (in total) by their pupils, weighted by enrolment; None where nobody has anything."""
    held = list(schools)
    pupils = sum((each for _, each in held), ZERO)
    mean = sum((has for has, _ in held), ZERO) / pupils if pupils else ZERO
    if not mean:
        return None
    spread = sum((each / pupils * (has / each - mean) ** 2 for has, each in held), ZERO)
    return spread.sqrt() / mean


SIGNS: Mapping[str, Callable[[Decimal, Decimal, Decimal], bool]] = {
    "=": lambda value, goal, tolerance: value == goal,
    ">=": lambda value, goal, tolerance: value >= goal,
    "<=": lambda value, goal, tolerance: value <= goal,
    ">": lambda value, goal, tolerance: value > goal,
    "<": lambda value, goal, tolerance: value < goal,
    "~": lambda value, goal, tolerance: abs(value - goal) <= tolerance,
}


def met(operator: str, value: Decimal, goal: Decimal, tolerance: Decimal = ZERO) -> bool:
    return SIGNS[operator](value, goal, tolerance)


def way(operator: str, value: Decimal, goal: Decimal, tolerance: Decimal = ZERO) -> Decimal:
    """How much of the way to what keeps the promise is gone, in percent; too much is as far off as too little."""
    if met(operator, value, goal, tolerance):
        return HUNDRED
    near = goal + tolerance if value > goal else goal - tolerance
    low, high = sorted((value, near))
    return max(ZERO, HUNDRED * low / high) if high > 0 else ZERO


def normal(entry: str) -> str:
    """As entries of lists are compared: full width, spaces and case make no difference."""
    return "".join(unicodedata.normalize("NFKC", entry).split()).casefold()


def shown(value: Decimal) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")


def promise(target: Target) -> str:
    """A target in one phrase: 普惠优质学前资源覆盖率 ≥90%. A batch or session number is a name, not a quantity."""
    if target.value is None:
        return target.name
    if not is_quantity(target):
        return f"{target.name}：第{target.value}"
    sign = {">=": "≥", "<=": "≤", "~": "约", "=": ""}.get(target.operator or "", target.operator or "")
    softness = "（争取）" if target.hardness == "争取" else ""
    tolerance = f"（±{target.tolerance}）" if target.tolerance else ""
    return f"{target.name} {sign}{target.value}{target.unit or ''}{tolerance}{softness}"
