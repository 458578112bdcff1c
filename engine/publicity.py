"""公示: until when something is shown, and the objections that come meanwhile, each a process of its own (公示异议)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from engine import clock, deadlines, history, instances, messages, runtime, user_tasks
from engine.deadlines import Limit
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import EventKind, InstanceStatus, ProcessInstance, Submission
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import Check

FORM, OBJECTION = "publicity.objection", "publicity_objection"
AHEAD = timedelta(days=30)
Shown = Instance | ProcessInstance


def check_notice(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A notice is shown as long as its kind demands, from a day that nobody has missed."""
    limit, days = _limit(session, instance, data), data["days"]
    if days is not None and (days != int(days) or days < (limit.amount or 0)):
        raise ValidationError({"days": [f"{limit.told}，请填不少于{limit.amount}的整数"]})
    if not timedelta(0) <= date.fromisoformat(data["starts_on"]) - clock.today() <= AHEAD:
        words = f"公示从实际公布之日起算，公布日期不能早于今天，也不能晚于{AHEAD.days}天以后"
        raise ValidationError({"starts_on": [words]})


def check_verdict(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    if _notice(session, instance.parent_id or "").submitted_by_id == actor.id:
        raise NotAllowed(f"{actor.login} has published it", advice="公示是您发布的，异议须由其他人核实。")


CHECKS: dict[str, Check] = {"publicity.notice": check_notice, "publicity.verdict": check_verdict}


def open_notice(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Count until when the notice is shown, and say why until then."""
    ends_at, why = _end(session, instance)
    history.tell(session, instance, "publicity.opened", actor, reason=why)
    return {"notice_ends_at": ends_at.isoformat()}


def look(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> dict[str, Any]:
    """What has come of the notice so far: objections not yet looked into, and whether one was upheld."""
    since, children = _notice(session, instance.id).submitted_at, instances.children(session, instance.id)
    raised = [each for each in children if each.definition_key == OBJECTION and each.started_at >= since]
    sent = [each for child in raised for each in user_tasks.submissions(session, child.id, "handle_objection")]
    return {
        "objections": sum(child.status == InstanceStatus.ACTIVE for child in raised),
        "objection": "upheld" if any(each.data["verdict"] == "upheld" for each in sent) else "none",
        "notice_over": clock.now() >= deadlines.moment(variables["notice_ends_at"]),
    }


TABLE: dict[str, ServiceTask] = {"publicity.open": open_notice, "publicity.look": look}


def running(session: Session, instance: Shown) -> str:
    """How long the notice of an instance still takes objections, in words; "" if none is shown."""
    if not messages.is_awaited(session, instance.id, EventKind.MESSAGE, f"{OBJECTION}_finished"):
        return ""
    ends_at, why = _end(session, instance)
    return f"{_notice(session, instance.id).data['title']}：{why}" if clock.now() < ends_at else ""


def require_running(session: Session, instance: Shown) -> None:
    if not running(session, instance):
        advice = "公示已经结束或还没有开始，不能再登记异议；请按信访或监督举报渠道反映。"
        raise InvalidState(f"no notice is running in {instance.id}", code="publicity", advice=advice)


def raise_objection(session: Session, instance_id: str, told: Mapping[str, Any], *, actor: Actor) -> None:
    """Enter an objection, one's own or one that somebody has brought, anonymous or not."""
    instances.get(session, instance_id, actor=actor)
    shown = runtime.lock(session, instance_id)
    require_running(session, shown)
    user_tasks.start_with(
        session, told, OBJECTION, actor=actor, title=f"公示异议：{shown.title}", unit_id=shown.unit_id, parent_id=shown.id
    )  # fmt: skip


def _notice(session: Session, instance_id: str) -> Submission:
    return user_tasks.last(session, instance_id, "publish_notice")


def _end(session: Session, instance: Shown) -> tuple[datetime, str]:
    """The last moment of the notice, and how it was counted."""
    told = _notice(session, instance.id).data
    limit, starts_on = _limit(session, instance, told), date.fromisoformat(told["starts_on"])
    days = int(told["days"] or limit.amount or 0)
    counted = deadlines.current(session).calendar.working_days_after(starts_on, days)
    skipped = "、".join(f"{span.name}（{span.first:%m-%d}至{span.last:%m-%d}）" for span in counted.skipped)
    words = f"自{starts_on}次日起{days}个工作日，至{counted.day}止" + (f"，不计{skipped}" if skipped else "")
    return clock.end_of(counted.day), f"{words}。{limit.told}"


def _limit(session: Session, instance: Shown, told: Mapping[str, Any]) -> Limit:
    limit = deadlines.current(session).find(f"publicity_{told['kind']}", instance.started_at)
    if limit is None:
        raise ValidationError({"kind": ["没有适用的公示期限规则，请办公室在期限规则中录入"]})
    return limit
