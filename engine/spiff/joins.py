"""Joins inside loops.

In SpiffWorkflow 3.2.0 a parallel or inclusive join that is reached again after a return counts tokens of the earlier
round: a document passes with half of its signatures. Here only tokens below the join's previous activation count
(the parallel join follows the library's own later fix, SpiffWorkflow #341).
"""

from __future__ import annotations

from typing import Any

from SpiffWorkflow.bpmn.specs.mixins.inclusive_gateway import InclusiveGateway
from SpiffWorkflow.bpmn.specs.mixins.parallel_gateway import ParallelGateway
from SpiffWorkflow.bpmn.specs.mixins.unstructured_join import UnstructuredJoin
from SpiffWorkflow.util.deep_merge import DeepMerge
from SpiffWorkflow.util.task import TaskState

_inclusive_threshold = InclusiveGateway._check_threshold_unstructured


def mend() -> None:
    """Put the mended rules into the library's classes; called once, when the parser is loaded."""
    ParallelGateway._check_threshold_unstructured = _all_branches_here
    InclusiveGateway._check_threshold_unstructured = _no_branch_to_come
    UnstructuredJoin._run_hook = _merge_this_round


def _all_branches_here(join: Any, token: Any) -> bool:
    through_itself = _inputs_behind(join)
    if token.parent.task_spec.name in through_itself:
        return True
    missing = set(join._inputs) - through_itself
    previous = _previous_round(token)
    for other in token.workflow.tasks.values():
        if other.task_spec is join and _arrived(other) and (previous is None or _is_below(other.parent, previous)):
            missing.discard(other.parent.task_spec.name)
    return not missing


def _no_branch_to_come(join: Any, token: Any) -> bool:
    previous = _previous_round(token)
    return bool(_inclusive_threshold(join, token if previous is None else _Round(token, previous)))


def _merge_this_round(join: Any, token: Any) -> bool:
    previous = _previous_round(token)
    others = [
        other
        for other in token.workflow.tasks.values()
        if other.task_spec == join
        and other.has_state(TaskState.FINISHED_MASK)
        and not _is_below(token, other)
        and (previous is None or _is_below(other, previous))
    ]
    for other in sorted(others, key=lambda task: task.last_state_change):
        if other.parent is not None:
            DeepMerge.merge(token.data, other.parent.data)
            if other.has_state(TaskState.COMPLETED):
                other._drop_children(force=True)
    token._inherit_data()
    return True


class _Round:
    """A token that shows the library only those tasks which came after the join's previous activation."""

    def __init__(self, token: Any, previous: Any) -> None:
        self.workflow = self
        self._workflow = token.workflow
        self._previous = previous

    def get_tasks(self, **wanted: Any) -> list[Any]:
        return [
            task
            for child in self._previous.children
            for task in self._workflow.get_tasks(first_task=child, **wanted)
        ]  # fmt: skip


def _arrived(token: Any) -> bool:
    return token.parent is not None and token.parent.has_state(TaskState.COMPLETED)


def _previous_round(token: Any) -> Any:
    """The join's latest completed activation above a token, None in the first round."""
    ancestor = token.parent
    while ancestor is not None:
        if ancestor.task_spec.name == token.task_spec.name and ancestor.has_state(TaskState.COMPLETED):
            return ancestor
        ancestor = ancestor.parent
    return None


def _is_below(token: Any, ancestor: Any) -> bool:
    while token is not None:
        if token is ancestor:
            return True
        token = token.parent
    return False


def _inputs_behind(join: Any) -> frozenset[str]:
    """Inputs that can only be reached through the join itself; computed once per specification."""
    known: frozenset[str] | None = join.__dict__.get("inputs_behind")
    if known is None:
        specs = join._wf_spec.task_specs
        reached = {join._wf_spec.start.name}
        open_ends = list(reached)
        while open_ends:
            for output in specs[open_ends.pop()]._outputs:
                if output != join.name and output not in reached:
                    reached.add(output)
                    open_ends.append(output)
        known = join.inputs_behind = frozenset(set(join._inputs) - reached)
    return known
