"""Event-based gateways.

SpiffWorkflow 3.2.0 lets the gateway itself hold all events behind it: two timers then share one due date, and the event
that came stays as an object in the state. Here each event behind the gateway waits for itself; the first one to come
cancels the others.
"""

from __future__ import annotations

from typing import Any

from SpiffWorkflow.bpmn.parser.event_parsers import EventBasedGatewayParser
from SpiffWorkflow.bpmn.specs.defaults import IntermediateThrowEvent
from SpiffWorkflow.bpmn.specs.event_definitions.simple import NoneEventDefinition
from SpiffWorkflow.util.task import TaskState


class RaceGateway(IntermediateThrowEvent):  # type: ignore[misc]
    """Passes its token to every event behind it; they race."""

    def connect(self, event: Any) -> None:
        super().connect(event)
        event.completed_event.connect(self._cancel_others)

    def _cancel_others(self, _workflow: Any, winner: Any) -> None:
        if winner.parent is None or winner.parent.task_spec is not self:
            return
        for other in winner.parent.children:
            if other is not winner and other.has_state(TaskState.NOT_FINISHED_MASK):
                other.cancel()


class RaceGatewayParser(EventBasedGatewayParser):  # type: ignore[misc]
    def create_task(self) -> Any:
        return self.spec_class(self.spec, self.bpmn_id, event_definition=NoneEventDefinition(), **self.bpmn_attributes)
