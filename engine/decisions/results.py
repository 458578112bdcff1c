"""From what a table decided to the variables a business rule task sets, as Camunda 7's `mapDecisionResult` does it.

    singleEntry      the one value of the one row         resultVariable = "high"
    singleResult     the one row                          resultVariable = {"level": "high", "days": 3}
    collectEntries   the one value of every row           resultVariable = ["high", "low"]
    resultList       every row; also if nothing is said   resultVariable = [{"level": "high", "days": 3}]

Without a result variable Camunda loses the result. Here the outputs of the one row become variables under their own names.
Where Camunda sets null because there is no row, this is an error (`table` tells the reason).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.decisions.table import DecisionFailed, Result, Row


def mapped(result: Result, how: str | None, result_variable: str | None) -> dict[str, Any]:
    """The variables to set. DecisionFailed if one row is wanted and there are more or none."""
    rows = [result] if isinstance(result, Mapping) else result
    if not result_variable:
        return dict(_only_row(rows))
    return {result_variable: MAPPINGS[how or DEFAULT](rows)}


def _only_row(rows: Sequence[Row]) -> Row:
    if len(rows) != 1:
        raise DecisionFailed(f"应恰有一条规则相符才能得出结果，实有{len(rows)}条")
    return rows[0]


def _only_value(row: Row) -> Any:
    if len(row) != 1:
        raise DecisionFailed(f"应恰有一个输出才能取出一个值，实有{len(row)}个")
    return next(iter(row.values()))


DEFAULT = "resultList"

MAPPINGS: dict[str, Callable[[Sequence[Row]], Any]] = {
    "singleEntry": lambda rows: _only_value(_only_row(rows)),
    "singleResult": lambda rows: dict(_only_row(rows)),
    "collectEntries": lambda rows: [_only_value(row) for row in rows],
    "resultList": lambda rows: [dict(row) for row in rows],
}

ONE_OUTPUT = {"singleEntry", "collectEntries"}
"""Those that make sense only for tables with one output."""
