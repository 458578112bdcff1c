"""The stored state of an execution: one opaque blob, `version byte · 8 bytes of SHA-256 · JSON`.

Only live tokens are stored, never the specification (it is found by the definition's hash) and never history. A row is
`[id, number of the parent's row, node, state, what the node remembers, number of the variables, inner scope]`; tokens
with the same variables share them. A changed or truncated blob is refused; it never loads as something else.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson
from SpiffWorkflow.util.task import TaskState

from engine.errors import EngineError
from engine.spiff import old_states
from engine.spiff.scope import Scope
from engine.spiff.token import Token

if TYPE_CHECKING:
    from engine.spiff.execution import Execution

VERSION = 2
CHECKSUM_BYTES = 8
READERS = {1: old_states.read}
"""Versions of old → what turns their JSON into that of today."""


class StateDamaged(EngineError):
    """The stored state is not what was stored."""

    instance_id: str | None = None


def dumps(execution: Execution) -> bytes:
    """The state of an execution whose scopes are tidy."""
    pool: list[dict[str, Any]] = []
    top = execution.top
    stored = {
        "top": _dump(top, pool),
        "data": pool,
        "rounds": execution.rounds,
        "failure": execution.failure,
        "writings": execution.writings,
    }
    if top.completed:
        stored["result"] = top.data
    return pack(VERSION, orjson.dumps(stored))


def loads(state: bytes, execution: Execution) -> None:
    """Let an execution be where it was stored, on the shared specification of its definition."""
    version, body = unpack(state)
    stored = orjson.loads(body)
    if version != VERSION:
        stored = READERS[version](stored, execution.definition)
    execution.rounds, execution.failure = stored["rounds"], stored["failure"]
    execution.writings = stored["writings"]
    _load(execution.top, stored["top"], stored["data"])
    execution.top.completed, execution.top.data = "result" in stored, stored.get("result", {})


def pack(version: int, body: bytes) -> bytes:
    head = bytes([version])
    return head + sha256(head + body).digest()[:CHECKSUM_BYTES] + body


def unpack(state: bytes) -> tuple[int, bytes]:
    """Version and JSON of a blob; StateDamaged if a single byte is not as it was written."""
    version, body = state[:1], state[1 + CHECKSUM_BYTES :]
    known = version and (version[0] == VERSION or version[0] in READERS)
    if not known or state[1 : 1 + CHECKSUM_BYTES] != sha256(version + body).digest()[:CHECKSUM_BYTES]:
        raise StateDamaged(
            "the stored state does not match its checksum", advice="该流程的运行数据已损坏，已登记为异常。"
        )
    return version[0], body


def _dump(scope: Scope, pool: list[dict[str, Any]]) -> list[list[Any]]:
    number = {token_id: n for n, token_id in enumerate(scope.tasks)}
    return [
        [
            token.id,
            number[token._parent] if token._parent else -1,
            token.task_spec.name,
            token._state,
            token.internal_data,
            _pooled(token.data, pool),
            _dump(token.inner, pool) if token.inner is not None else None,
        ]
        for token in scope.tasks.values()
    ]


def _pooled(variables: dict[str, Any], pool: list[dict[str, Any]]) -> int:
    if variables not in pool:
        pool.append(variables)
    return pool.index(variables)


def _load(scope: Scope, rows: list[list[Any]], pool: list[dict[str, Any]]) -> None:
    loaded: list[Token] = []
    for token_id, parent, node, state, internal, variables, inner in rows:
        above = loaded[parent] if parent >= 0 else None
        token = Token(scope, scope.spec.task_specs[node], above, state, token_id)
        token.data, token.internal_data = dict(pool[variables]), internal
        if inner is not None:
            token.inner = Scope(scope.run.definition.scopes[token.task_spec.body or ""], scope.run, token)
            _load(token.inner, inner, pool)
        loaded.append(token)
    scope.task_tree = loaded[0] if loaded else Token(scope, scope.spec.start, state=TaskState.COMPLETED)
