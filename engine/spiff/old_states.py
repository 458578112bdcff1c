"""States stored before version 2, which kept SpiffWorkflow's whole tree with its look-ahead: read, never written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from SpiffWorkflow.util.task import TaskState

from engine.spiff.events import CatchEvent, Frame, RaceGateway
from engine.spiff.joins import Join, ScopeEnd
from engine.spiff.nodes import Node, ProcessSpec
from engine.spiff.several import Loop, MultiInstance, Repeated

if TYPE_CHECKING:
    from engine.spiff.definition import Definition

LIVE = TaskState.WAITING | TaskState.READY | TaskState.STARTED
SAME_AS_PARENT = 1
RENAMED = {".BoundaryEventSplit": " [frame]", " [child]": " [each]"}
"""Ends of the names that SpiffWorkflow's parser gave to what no diagram shows → what they are called now."""

Row = list[Any]


def read(stored: Mapping[str, Any], definition: Definition) -> dict[str, Any]:
    """Version 1 as version 2. How often a task was reached is not told there: `rounds` is None."""
    inner = {parent: (name, tree) for parent, name, tree in stored["subs"]}
    pool: list[dict[str, Any]] = []
    result: dict[str, Any] = {"data": pool, "rounds": None, "failure": None, "writings": 0}
    if stored["top"]["completed"]:
        return {**result, "top": [], "result": stored["top"]["data"]}
    result["top"] = _Tree(stored["top"], definition.spec, definition, inner, pool).rows()
    return result


class _Tree:
    """One scope as it was: rows `[id, parent, spec, state, changed at, triggered, internal data, data]`."""

    def __init__(
        self,
        tree: Mapping[str, Any],
        spec: ProcessSpec,
        definition: Definition,
        inner: Mapping[str, Any],
        pool: list[Any],
    ) -> None:
        self.spec, self.definition, self.inner, self.pool = spec, definition, inner, pool
        self.tasks = {row[0]: row for row in tree["rows"]}
        self.root = tree["root"]
        self.numbers: dict[str, int] = {}

    def rows(self) -> list[Row]:
        """Root first, then what holds live tokens together, then these, as `codec` stores them."""
        made: list[Row] = [
            [_uuid(self.root), -1, self.spec.start.name, TaskState.COMPLETED, {}, self._pooled({}), None]
        ]
        self.numbers[self.root] = 0
        for row in self.tasks.values():
            if (node := self._node(row)) is not None and self._stays(row, node):
                self.numbers[row[0]] = len(made)
                made.append(self._row(row, node))
        return made

    def _stays(self, row: Row, node: Node) -> bool:
        if row[0] == self.root:
            return False
        if isinstance(node, Frame | RaceGateway):
            return row[3] == TaskState.COMPLETED and any(child[3] & LIVE for child in self._children(row))
        if isinstance(node, Join) and not isinstance(node, ScopeEnd):
            return self._has_arrived(row, node)
        return bool(row[3] & LIVE)

    def _has_arrived(self, row: Row, join: Join) -> bool:
        """At a join only the latest token was left waiting; those before it were cancelled where they stood."""
        if row[3] == TaskState.WAITING:
            return True
        waits = any(each[3] == TaskState.WAITING and self._node(each) is join for each in self.tasks.values())
        parent = self.tasks.get(row[1])
        return bool(
            waits and row[3] == TaskState.CANCELLED and parent is not None and parent[3] == TaskState.COMPLETED
            and self._latest_passing(row, join) == self._latest_passing(self._waiting(join), join)
        )  # fmt: skip

    def _waiting(self, join: Join) -> Row:
        return next(row for row in self.tasks.values() if row[3] == TaskState.WAITING and self._node(row) is join)

    def _latest_passing(self, row: Row, join: Join) -> str | None:
        """The join's own activation above a token: tokens of one round share it."""
        above = self.tasks.get(row[1])
        while above is not None and not (above[3] == TaskState.COMPLETED and self._node(above) is join):
            above = self.tasks.get(above[1])
        return above[0] if above is not None else None

    def _row(self, row: Row, node: Node) -> Row:
        data = self._data(row)
        state = TaskState.WAITING if isinstance(node, Join) and not row[3] & LIVE else row[3]
        return [
            _uuid(row[0]), self._parent(row), node.name, state, self._remembered(row, node), self._pooled(data),
            self._inner(row, node),
        ]  # fmt: skip

    def _inner(self, row: Row, node: Node) -> list[Row] | None:
        if row[0] not in self.inner or node.body is None:
            return None
        _, tree = self.inner[row[0]]
        return _Tree(tree, self.definition.scopes[node.body], self.definition, self.inner, self.pool).rows()

    def _parent(self, row: Row) -> int:
        parent = row[1]
        while parent not in self.numbers:
            parent = self.tasks[parent][1]
        return self.numbers[parent]

    def _remembered(self, row: Row, node: Node) -> dict[str, Any]:
        internal = row[6] or {}
        kept = {"began": internal["began"]} if "began" in internal else {}
        if isinstance(node, Join):
            kept["from"] = self._came_along(row, node)
        elif isinstance(node, MultiInstance):
            kept |= self._instances(row, node, internal)
        elif isinstance(node, Loop):
            kept["done"] = len(internal.get("merged", ()))
        elif isinstance(node, CatchEvent) and internal.get("event_value"):
            kept["timer0"] = _timer(internal["event_value"], node)
        if self._is_instance(row):
            kept["parted"] = [0]
        return kept

    def _is_instance(self, row: Row) -> bool:
        parent = self.tasks.get(row[1])
        return parent is not None and isinstance(self._node(parent), Repeated)

    def _instances(self, row: Row, node: MultiInstance, internal: Mapping[str, Any]) -> dict[str, Any]:
        data = self._data(row)
        collection = data.get(node.collection.source.strip(), []) if node.collection else None
        items = list(collection) if collection is not None else list(range(int(internal.get("cardinality", 0))))
        opened = sum(self._node(child) is node.each for child in self._children(row))
        if not items:
            items = list(range(opened))
        return {"items": items, "opened": opened, "done": len(internal.get("merged", ())), "removed": 0, "given": []}

    def _came_along(self, row: Row, join: Join) -> str:
        """The flow by which a token came to a join: the one from the node its parent stood at."""
        parent = self.tasks[row[1]]
        source = self._node(parent)
        flows = {came_from.name: flow.id for came_from, flow in join.incoming}
        name = source.name.removesuffix(" [each]") if source is not None else ""
        return flows.get(name) or next(iter(flows.values()), "")

    def _children(self, row: Row) -> list[Row]:
        return [each for each in self.tasks.values() if each[1] == row[0]]

    def _data(self, row: Row) -> dict[str, Any]:
        if row[7] != SAME_AS_PARENT:
            return row[7] or {}
        return self._data(self.tasks[row[1]])

    def _pooled(self, data: dict[str, Any]) -> int:
        if data not in self.pool:
            self.pool.append(data)
        return self.pool.index(data)

    def _node(self, row: Row) -> Node | None:
        """What a task specification of old has become; None for those that nothing stands for any more."""
        name: str = row[2]
        if name == f"{self.spec.name}.EndJoin":
            name = "(end)"
        for old, new in RENAMED.items():
            name = name.removesuffix(old) + new if name.endswith(old) else name
        found: Node | None = self.spec.task_specs.get(name)
        return found


def _timer(value: Any, node: CatchEvent) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"due": value}
    left = None if value["cycles"] < 0 else value["cycles"]
    due = datetime.fromisoformat(value["next"]).isoformat()
    return {"due": due, "left": left, "every": f"PT{value['seconds']:.0f}S"}


def _uuid(compact: str) -> str:
    """Tokens had their ids without hyphens in a state, and with them everywhere else."""
    return f"{compact[:8]}-{compact[8:12]}-{compact[12:16]}-{compact[16:20]}-{compact[20:]}"
