"""Occurrences (事项) of a commitment whose shape repeats: one child instance per period, school, project, case …"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from engine import clock, deadlines, history, ids, instances, messages, runtime, user_tasks
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import Commitment, EventKind, InstanceStatus, ProcessInstance, TaskStatus, Unit, UserTask, WorkItem
from engine.plan.shapes import GATES, KEYS, SHAPES
from engine.recurrences import office_calendar
from engine.recurrences.periods import Frequency, Period, periods
from engine.runtime import Instance, ServiceTask, Told
from engine.targets import subject

FORMS = frozenset(shape.register for shape in SHAPES.values())
"""By which people register."""
REGISTERED = "item_registered"
ROUND = "run_items"
"""The step of a shape that opens its occurrences and waits for them."""
CONCLUSION = "commitment_conclusion"
EMERGENCY = "emergency"
"""An event (突发事件) concerns the work point as well; one whose diagram does not wait for it loses nothing."""
CADENCES = {
    "日": Frequency.DAILY, "周": Frequency.WEEKLY, "月": Frequency.MONTHLY, "季": Frequency.QUARTERLY,
    "学期": Frequency.TERMLY, "半年": Frequency.HALF_YEARLY, "年": Frequency.YEARLY,
}  # fmt: skip
"""Any other (一次, 件, 按需) has one period: the commitment's own."""
BY_DEPARTMENT = {"case", "event", "topic"}
"""Kinds that a department handles, also where they are about a school or a district."""
OUTLIVE_THE_YEAR = {"case", "event", "problem"}
"""Kinds of which an open one is not over with the year: it ends by its own decision."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Nothing is to come: whoever waits is woken by what ends, not by time."""
MOST_TOLD = 3
"""Open items that a refusal names; the commitment's page lists them all."""


def of_commitment(commitment: Commitment) -> Select[WorkItem]:
    mine = select(WorkItem).where(WorkItem.commitment_id == commitment.id)
    return mine.options(joinedload(WorkItem.instance), joinedload(WorkItem.unit)).order_by(WorkItem.number)


def can_register(actor: Actor, commitment: Commitment) -> bool:
    """The officers and heads of the unit in charge, and the office that oversees."""
    mine = actor.has_role("officer", commitment.lead.key) or actor.has_role("department_head", commitment.lead.key)
    return mine or actor.has_role("office_supervisor")


def offered(session: Session, actor: Actor, commitment: Commitment) -> bool:
    """Whether something may be registered now; the rule that also draws the button."""
    return can_register(actor, commitment) and _is_taken_up(session, commitment)


def _is_taken_up(session: Session, commitment: Commitment) -> bool:
    """Whether what is registered will begin: the round of items is to come or waits for it, or the conclusion is asked for."""
    instance = commitment.instance
    if instance is None or instance.definition_key not in KEYS or SHAPES[commitment.shape].kind is None:
        return False
    is_over = any(event.activity_id == ROUND for event in history.passed(session, instance.id))
    waits = messages.is_awaited(session, instance.id, EventKind.MESSAGE, REGISTERED)
    begins = waits or not is_over or _is_concluding(session, instance.id)
    return instance.status == InstanceStatus.ACTIVE and begins


def require_offered(session: Session, actor: Actor, commitment: Commitment) -> None:
    if not can_register(actor, commitment):
        raise NotAllowed(f"{actor.login} may not register", advice="只有牵头单位和督办机构可以为办理中的任务登记事项。")
    if not _is_taken_up(session, commitment):
        advice = "这项任务不再逐项办理，现在登记的事项不会启动；新的情况请在办结材料中写明，或另立任务。"
        raise InvalidState(f"{commitment.code} takes nothing up", code="items", advice=advice)


def add(session: Session, commitment: Commitment, rows: Iterable[Mapping[str, Any]], *, actor: Actor) -> None:
    """Register what has come up meanwhile; it begins as soon as the commitment's process looks again.

    Two who register at once do so one after the other, and the round does not end between the look and the registration.
    Where that no longer looks, for the conclusion is being asked for, it begins now; see `require_none_open`.
    """
    if commitment.instance_id:
        runtime.lock(session, commitment.instance_id)
    require_offered(session, actor, commitment)
    assert commitment.instance_id is not None
    check_rows(session, commitment, rows := list(rows))
    last = _register(session, commitment, rows, actor)
    point = commitment.point.instance_id
    if last.kind == "event" and point:
        messages.send(session, EMERGENCY, instance_id=point, dedupe_key=f"{EMERGENCY}:{last.id}")
    if _is_concluding(session, commitment.instance_id):
        _open_new(session, commitment, commitment.instance_id, actor=actor)
        return
    messages.send(
        session, REGISTERED, instance_id=commitment.instance_id, dedupe_key=f"{REGISTERED}:{last.id}"
    )  # fmt: skip


def require_sensible(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Each once, and due within the commitment's own period."""
    check_rows(session, subject.commitment_of(session, instance), data["items"])


def check_rows(session: Session, commitment: Commitment, rows: Iterable[Mapping[str, Any]]) -> None:
    named = [row["name"] for row in rows]
    known = set(session.scalars(select(WorkItem.name).where(WorkItem.commitment_id == commitment.id)))
    errors = [
        f"第{n}行 名称：“{name}”已经登记过"
        for n, name in enumerate(named, 1)
        if name in known or name in named[: n - 1]
    ]
    for number, row in enumerate(rows, 1):
        if row.get("due_on") and not commitment.starts_on.isoformat() <= row["due_on"] <= commitment.due_on.isoformat():
            span = f"{commitment.starts_on:%Y-%m-%d}至{commitment.due_on:%Y-%m-%d}"
            errors.append(f"第{number}行 期限：须在任务自己的起止日期之内（{span}）；任务要延期的，请先申请延期")
    kind = SHAPES[commitment.shape].kind
    if kind == "unit":
        errors += [
            f"第{n}行 承担单位：请选择被督导（被评价）的单位" for n, row in enumerate(rows, 1) if not row.get("unit")
        ]
    if kind in BY_DEPARTMENT:
        departments = set(session.scalars(select(Unit.key).where(Unit.kind == "department")))
        errors += [
            f"第{n}行 承担单位：由处室办理，请选择处室，不填即为牵头处室；涉及的学校、市（县）区写在说明里"
            for n, row in enumerate(rows, 1)
            if row.get("unit") and row["unit"] not in departments
        ]
    if errors:
        raise ValidationError({"items": errors})


def register(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """What the last registration named becomes items, to be opened when the round of items begins."""
    (told,) = [each for each in user_tasks.submissions(session, instance.id) if each.form_key in FORMS][-1:]
    commitment = subject.commitment_of(session, instance)
    known = set(session.scalars(select(WorkItem.name).where(WorkItem.commitment_id == commitment.id)))
    new = [row for row in told.data["items"] if row["name"] not in known]
    _register(session, commitment, new, actor)


def open_due(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Open what should be open by now, what was missed meanwhile included; and say whether to wait, and until when."""
    commitment = subject.commitment_of(session, instance)
    shape, today = SHAPES[commitment.shape], clock.today()
    coming = _note_periods(session, commitment, today) if shape.periodic else None
    if shape.every_school:
        _note_schools(session, commitment)
    _open_new(session, commitment, instance.id, actor=actor)
    if coming is None and shape.open_ended:
        over = _concludes_from(session, commitment, instance)
        coming = over if clock.now() < over else None
    still_open = bool(_open_items(session, commitment))
    return {"items_left": still_open or coming is not None, "next_items_at": (coming or NEVER).isoformat()}


def require_none_open(session: Session, commitment: Commitment) -> None:
    """What was registered while the conclusion was asked for is done before the commitment ends."""
    if names := _open_items(session, commitment):
        told = f"“{'”“'.join(names[:MOST_TOLD])}”{'等' if len(names) > MOST_TOLD else ''}"
        raise InvalidState(
            f"items of {commitment.code} are open", advice=f"还有事项没有了结：{told}。请先退回，了结后再办结。"
        )


def outliving(session: Session, commitment: Commitment) -> list[str]:
    """The instances of its occurrences that go on after the year."""
    begun = WorkItem.commitment_id == commitment.id, WorkItem.kind.in_(OUTLIVE_THE_YEAR)
    return list(filter(None, session.scalars(select(WorkItem.instance_id).where(*begun))))


def close(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    _end(session, instance, variables, "done")


def drop(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """It ends without having been done; `outcome` says how, if the diagram has set it."""
    _end(session, instance, variables, str(variables.get("outcome") or "dropped"))


def note(session: Session, commitment: Commitment, kind: str, unit: Unit, due_on: date, *, actor: Actor | None) -> None:
    """An item of a unit, to be opened when the round of items begins."""
    _add(session, commitment, kind, unit.key, unit.name, unit.id, due_on, detail={}, actor=actor)


def _concludes_from(session: Session, commitment: Commitment, instance: Instance) -> datetime:
    """Until when more may come by itself: as long before the due date as there is time to ask for the conclusion.

    What waited for the due date itself would always end late, and on the last day of the year be carried over instead.
    """
    book = deadlines.current(session)
    limit = book.find("completion", instance.started_at)
    last = commitment.due_on
    if limit is not None and limit.amount is not None and limit.unit != "hours":
        last = deadlines.count(book.calendar, replace(limit, sense="ahead"), last).day
    return clock.start_of(last, hour=8)


def _is_concluding(session: Session, instance_id: str) -> bool:
    asked = select(UserTask.id).where(UserTask.instance_id == instance_id, UserTask.process_key == CONCLUSION)
    return session.scalar(asked.where(UserTask.status == TaskStatus.OPEN).limit(1)) is not None


def _open_items(session: Session, commitment: Commitment) -> list[str]:
    """Names of some that run, the first registered first."""
    running = select(WorkItem.name).join(ProcessInstance, WorkItem.instance_id == ProcessInstance.id)
    mine = WorkItem.commitment_id == commitment.id, ProcessInstance.status == InstanceStatus.ACTIVE
    return list(session.scalars(running.where(*mine).order_by(WorkItem.number).limit(MOST_TOLD + 1)))


def _open_new(session: Session, commitment: Commitment, parent_id: str, *, actor: Actor | None) -> None:
    process = SHAPES[commitment.shape].item
    for item in session.scalars(of_commitment(commitment).where(WorkItem.instance_id.is_(None))).all():
        _open(session, commitment, item, process, parent_id, actor=actor)


def _end(session: Session, instance: Instance, variables: Mapping[str, Any], result: str) -> None:
    """Of its own item alone: a variable may name any."""
    item = session.get(WorkItem, str(variables.get("item")))
    if item and item.instance_id in (None, instance.id):
        item.result, item.ended_at = result, clock.now()


def _register(
    session: Session, commitment: Commitment, rows: Iterable[Mapping[str, Any]], actor: Actor | None
) -> WorkItem:
    kind = SHAPES[commitment.shape].kind
    assert kind is not None, "a shape whose pieces people register says what they are"
    units = {unit.key: unit.id for unit in session.scalars(select(Unit))}
    last = None
    for row in rows:
        due_on = date.fromisoformat(row["due_on"]) if row.get("due_on") else commitment.due_on
        last = _add(
            session, commitment, kind, ids.new(), row["name"], units.get(row.get("unit") or ""), due_on,
            detail={name: value for name, value in row.items() if value is not None}, actor=actor,
        )  # fmt: skip
    if last is None:
        raise InvalidState("nothing to register", advice="没有要登记的事项，请至少填写一行。")
    return last


def _note_periods(session: Session, commitment: Commitment, today: date) -> datetime | None:
    """Rows for the periods begun by today; the moment at which the next one begins."""
    known = set(session.scalars(select(WorkItem.key).where(WorkItem.commitment_id == commitment.id)))
    for period in _periods(session, commitment):
        if period.starts_on > today:
            return clock.start_of(period.starts_on, hour=8)
        if period.key not in known:
            due_on = min(period.ends_on, commitment.due_on)
            _add(session, commitment, "period", period.key, period.name, None, due_on, detail={}, actor=None)
    return None


def _periods(session: Session, commitment: Commitment) -> Iterable[Period]:
    """The periods of a commitment from its launch on; what had ended before the plan was launched is nobody's duty."""
    assert commitment.instance is not None
    frequency = CADENCES.get(commitment.cadence or "")
    launched = commitment.instance.started_at.astimezone(clock.LOCAL).date()
    begins = min(max(commitment.starts_on, launched), commitment.due_on)
    if frequency is None:
        return [Period(Frequency.YEARLY, "whole", "全程", begins, commitment.due_on)]
    calendar = office_calendar.of(session)
    found = list(periods(frequency, begins, commitment.due_on, calendar))
    if frequency == Frequency.DAILY:
        return [period for period in found if calendar.is_working(period.starts_on)]
    return found or [Period(frequency, "whole", "全程", begins, commitment.due_on)]


def _note_schools(session: Session, commitment: Commitment) -> None:
    if session.scalar(select(func.count()).select_from(WorkItem).where(WorkItem.commitment_id == commitment.id)):
        return
    schools = select(Unit).where(Unit.kind == "school").order_by(Unit.order)
    for school in session.scalars(schools).all():
        _add(
            session, commitment, "school", school.key, school.name, school.id, commitment.due_on, detail={}, actor=None
        )


def _add(
    session: Session, commitment: Commitment, kind: str, key: str, name: str, unit_id: str | None, due_on: date,
    *, detail: dict[str, Any], actor: Actor | None,
) -> WorkItem:  # fmt: skip
    mine = WorkItem.commitment_id == commitment.id
    item = WorkItem(
        id=ids.new(), commitment_id=commitment.id, number=(session.scalar(select(func.max(WorkItem.number)).where(mine)) or 0) + 1,
        kind=kind, key=key, name=name, unit_id=unit_id, due_on=due_on, detail=detail, registered_at=clock.now(),
        registered_by_id=actor.id if actor else None,
    )  # fmt: skip
    session.add(item)
    session.flush()
    return item


def begin(
    session: Session, commitment: Commitment, process: str, name: str, unit: Unit | None, due_on: date,
    *, detail: dict[str, Any], parent_id: str, actor: Actor | None,
) -> None:  # fmt: skip
    """A problem that has come out of another occurrence begins at once, by a process that is not the shape's own."""
    item = _add(
        session, commitment, "problem", ids.new(), name, unit.id if unit else None, due_on, detail=detail, actor=actor
    )
    _open(session, commitment, item, process, parent_id, actor=actor)


def _open(
    session: Session, commitment: Commitment, item: WorkItem, process: str, parent_id: str, *, actor: Actor | None
) -> None:
    unit = item.unit or commitment.lead
    started = instances.start(
        session, process,
        {"item": item.id, "item_kind": item.kind, "item_unit": unit.key, "item_due_at": item.due_on.isoformat(),
         **gates(commitment)},
        actor=actor, title=f"{commitment.code} {item.name}：{commitment.title}", business_key=f"item:{item.id}",
        unit_id=unit.id, parent_id=parent_id,
    )  # fmt: skip
    item.instance_id = started.id
    session.flush()


def gates(commitment: Commitment) -> dict[str, bool]:
    """Which of the optional gates a commitment has, as variables of its process."""
    return {variable: gate in commitment.gates for variable, gate in GATES.items()}


TABLE: dict[str, ServiceTask] = {
    "items.register": register,
    "items.open_due": open_due,
    "item.close": close,
    "item.drop": drop,
}
CHECKS = dict.fromkeys(FORMS, require_sensible)
