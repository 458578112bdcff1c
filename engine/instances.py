"""Process instances: starting one, looking at it, ending or mending it by hand, and who may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import QueryableAttribute, Session, aliased

from engine import begins, clock, definitions, history, ids, runtime
from engine.db import to_json
from engine.errors import InvalidInput, NotAllowed, NotFound
from engine.history import Entry
from engine.identity import Actor
from engine.models import Candidate, InstanceStatus, ProcessDefinition, ProcessInstance, Unit, UserTask
from engine.spiff import Execution

Held = ProcessInstance | runtime.Instance
PARENT = aliased(ProcessInstance)

MAX_VARIABLE_BYTES = 64_000
MAY_NOT_INTERVENE = "只有流程设计员可以直接干预流程，且不能干预责任单位承办的流程。"
OVERSEERS = {
    "bureau_leader", "deputy_leader", "office_supervisor", "inspectorate_office", "inspector", "discipline_liaison",
    "archivist", "process_designer",
}  # fmt: skip
"""Roles that may look at every process of the bureau; looking is not acting."""

confidential: dict[str, Callable[[Actor], ColumnElement[bool]]] = {}
"""By process: who alone may look at it, whatever else is said here; domains hand theirs over in `application.assemble`."""


def start(
    session: Session,
    key: str,
    variables: Mapping[str, Any] | None = None,
    *,
    actor: Actor | None,
    title: str = "",
    business_key: str | None = None,
    unit_id: str | None = None,
    parent_id: str | None = None,
    definition_id: str | None = None,
    at: str | None = None,
) -> ProcessInstance:
    """Start the latest version of a process (or a certain one) and run it to its first stand-still.

    It begins at its plain start event, or at the one whose id is `at`.
    """
    check_variables(variables or {})
    definition = definitions.get(session, definition_id) if definition_id else definitions.latest(session, key)
    instance = ProcessInstance(
        id=ids.new(), definition_id=definition.id, definition_key=definition.key, business_key=business_key,
        title=title or definition.name, unit_id=unit_id, parent_id=parent_id,
        started_by_id=actor.id if actor else None, started_at=clock.now(), status=InstanceStatus.ACTIVE, state=b"",
        history_length=0, history_head="",
    )  # fmt: skip
    session.add(instance)
    session.flush()
    runtime.begin(session, runtime.lock(session, instance.id), variables or {}, actor=actor, at=at)
    session.refresh(instance)
    return instance


def start_by_job(session: Session, payload: Mapping[str, Any]) -> None:
    """Job handler: start a process at the start event that a signal or a time has triggered."""
    if "armed" not in payload or begins.look_ahead(session, payload):
        start(
            session, "", payload.get("payload"), actor=None, definition_id=payload["definition_id"], at=payload["at"]
        )  # fmt: skip


def get(session: Session, instance_id: str, *, actor: Actor) -> ProcessInstance:
    """The instance, if this person may know of it; otherwise it is as if there were none."""
    instance = session.get(ProcessInstance, instance_id)
    if instance is None or not can_view(session, actor, instance.id):
        raise NotFound(f"no process instance {instance_id}", advice="没有这个流程，或您无权查看。")
    return instance


def can_view(session: Session, actor: Actor, instance_id: str) -> bool:
    theirs = select(ProcessInstance.id).where(ProcessInstance.id == instance_id, visible(actor))
    return session.scalar(theirs) is not None


def visible(actor: Actor) -> ColumnElement[bool]:
    """Which instances a person may look at, for a query.

    All, for those who oversee; else those of their unit or below it and what these have started, those they started
    themselves, and those in which they have or had something to do. Confidential ones by their own rule alone.
    """
    ordinary = and_(ProcessInstance.definition_key.not_in(confidential), _ordinarily_visible(actor))
    return or_(
        ordinary, *(and_(ProcessInstance.definition_key == key, rule(actor)) for key, rule in confidential.items())
    )  # fmt: skip


def _ordinarily_visible(actor: Actor) -> ColumnElement[bool]:
    if actor.roles & OVERSEERS:
        return true()
    theirs = units_of(actor)
    offered = select(Candidate.user_task_id).where(Candidate.group_key.in_(actor.groups))
    part_in = select(UserTask.instance_id).where(or_(UserTask.completed_by_id == actor.id, UserTask.id.in_(offered)))
    above = select(PARENT.id).where(PARENT.unit_id.in_(theirs))
    return or_(
        ProcessInstance.started_by_id == actor.id, ProcessInstance.unit_id.in_(theirs),
        ProcessInstance.parent_id.in_(above), ProcessInstance.id.in_(part_in),
    )  # fmt: skip


def units_of(actor: Actor) -> Select[str]:
    """The person's own units and what lies below them."""
    own = select(Unit.id).where(Unit.key.in_(actor.units))
    return select(Unit.id).where(Unit.key.in_(actor.units) | Unit.parent_id.in_(own))


def viewable(session: Session, instance_ids: Iterable[str | None], *, actor: Actor) -> set[str]:
    """Those of them that a person may look at."""
    wanted = select(ProcessInstance.id).where(ProcessInstance.id.in_(set(instance_ids) - {None}), visible(actor))
    return set(session.scalars(wanted))


def in_sight(actor: Actor, instance_id: QueryableAttribute[Any]) -> ColumnElement[bool]:
    """Of which rows, by the instance they belong to, a person may know."""
    belongs: ColumnElement[bool] = instance_id.in_(select(ProcessInstance.id).where(visible(actor)))
    return belongs


def require_can_start(actor: Actor, definition: ProcessDefinition) -> None:
    """Ours are started by the plan and by supervision, which give them their subject; others by those who answer for processes."""
    if not actor.has_role("process_designer"):
        raise NotAllowed(f"{actor.login} may not start {definition.key}", advice="只有流程设计员可以直接启动流程。")
    if definition.deployment.source == definitions.OURS:
        advice = "这是随系统提供的流程，由年度工作要点、督导等业务启动，不能直接启动；要试用请另设流程标识部署。"
        raise NotAllowed(f"{definition.key} is started by the plan", advice=advice)


def can_terminate(actor: Actor, instance: Held) -> bool:
    """What a unit answers for is ended early by the bureau's leader alone; else whoever started it may, or a designer."""
    if instance.unit_id is not None:
        return actor.has_role("bureau_leader")
    return actor.id == instance.started_by_id or actor.has_role("process_designer")


def terminate(session: Session, instance_id: str, *, reason: str, actor: Actor) -> None:
    """End an instance before its end, for a reason that its history keeps."""
    instance = _held(session, instance_id, actor)
    if not can_terminate(actor, instance):
        raise NotAllowed(f"{actor.login} may not terminate {instance_id}", advice="您无权终止这个流程。")
    runtime.terminate(session, instance, actor=actor, reason=reason)


def can_intervene(actor: Actor, instance: Held) -> bool:
    """Designers set variables and send messages by hand. What a unit answers for moves by what people submit alone."""
    return instance.unit_id is None and actor.has_role("process_designer")


def change_variables(
    session: Session, instance_id: str, changes: Mapping[str, Any], deletions: Collection[str] = (), *, actor: Actor
) -> None:
    """Set and delete variables of a running instance. History keeps their names, and fingerprints of the values."""
    instance = _held(session, instance_id, actor)
    if not can_intervene(actor, instance):
        raise NotAllowed(f"{actor.login} may not change variables", advice=MAY_NOT_INTERVENE)
    check_variables(changes)

    def change(execution: Execution) -> None:
        execution.set_variables(changes, tuple(deletions))
        check_variables(execution.variables())

    runtime.step(session, instance, change, actor=actor)
    told = {name: history.fingerprint(_as_json({name: value})) for name, value in changes.items()}
    entry = Entry("variables.changed", actor.id, detail={"changed": told, "deleted": sorted(deletions)})
    history.note(session, instance, entry)


def _held(session: Session, instance_id: str, actor: Actor) -> runtime.Instance:
    """An instance this person may know of, locked."""
    get(session, instance_id, actor=actor)
    return runtime.lock(session, instance_id)


def children(session: Session, instance_id: str) -> list[ProcessInstance]:
    ours = select(ProcessInstance).where(ProcessInstance.parent_id == instance_id)
    return list(session.scalars(ours.order_by(ProcessInstance.started_at, ProcessInstance.id)))


def running_below(session: Session, instance_id: str, *, but_not: Collection[str] = ()) -> list[str]:
    """Ids of what it has started and what that has started, as far as it runs; the innermost first.

    What `but_not` names, by process or by id, and what is below that, is left out.
    """
    ours = (
        ProcessInstance.status == InstanceStatus.ACTIVE, ProcessInstance.definition_key.not_in(but_not),
        ProcessInstance.id.not_in(but_not),
    )  # fmt: skip
    below: list[str] = []
    level = [instance_id]
    while level:
        theirs = select(ProcessInstance.id).where(ProcessInstance.parent_id.in_(level), *ours)
        level = list(session.scalars(theirs.order_by(ProcessInstance.started_at, ProcessInstance.id)))
        below = level + below
    return below


def check_variables(variables: Mapping[str, Any]) -> None:
    """Refuse names the token engine keeps for itself, and more than 64 KB in all."""
    for name in variables:
        if not name.isidentifier() or name.startswith("_") or name in ("data_objects", "typename"):
            raise InvalidInput(
                f"variable name {name!r} is not allowed", code="variable", advice=f"变量名“{name}”不可用。"
            )
    if len(_as_json(variables)) > MAX_VARIABLE_BYTES:
        raise InvalidInput("variables exceed 64 KB", code="variable", advice="变量总量超过 64 KB。")


def _as_json(variables: Mapping[str, Any]) -> str:
    try:
        return to_json(dict(variables))
    except TypeError as error:
        raise InvalidInput(f"variables are not JSON: {error}", code="variable", advice="变量的值须是 JSON。") from error
