"""公示: how long something is shown, and the objections that come meanwhile. What is upheld stops what was shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, history, ids, instances, messages, runtime, user_tasks
from engine.calendar import Counted
from engine.deadlines import Limit
from engine.errors import InvalidState
from engine.history import Entry
from engine.identity import Actor
from engine.models import Notice, Objection
from engine.runtime import Instance, ServiceTask
from engine.user_tasks import Check

FORM, RAISED = "publicity.objection", "objection_raised"


def check_notice(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """A notice is shown as long as its kind demands, from a day that nobody has missed."""
    limit, days = _limit(session, instance, data), data["days"]
    if days is not None and (days != int(days) or days < (limit.amount or 0)):
        raise ValidationError({"days": [f"{limit.told}，请填不少于{limit.amount}的整数"]})
    if date.fromisoformat(data["starts_on"]) < clock.today():
        raise ValidationError({"starts_on": [f"公示从实际公布之日起算，起始日期不能早于今天（{limit.article}）"]})


CHECKS: dict[str, Check] = {"publicity.notice": check_notice}


def open_notice(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Count until when the notice is shown, and say why until then."""
    told = user_tasks.submissions(session, instance.id, "publish_notice")[-1].data
    limit, starts_on = _limit(session, instance, told), date.fromisoformat(told["starts_on"])
    days = int(told["days"] or limit.amount or 0)
    counted = deadlines.current(session).calendar.working_days_after(starts_on, days)
    notice = Notice(
        id=ids.new(), instance_id=instance.id, title=told["title"], starts_on=starts_on,
        ends_at=clock.end_of(counted.day), reason=f"{_words(starts_on, days, counted)}（{limit.told}）",
    )  # fmt: skip
    session.add(notice)
    session.flush()
    _note(session, instance, "publicity.opened", notice.reason, actor)
    return {"notice_ends_at": notice.ends_at.isoformat()}


def look(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> dict[str, Any]:
    """What has come of the notice so far; it closes when its time is over and nothing is left to look into."""
    notice = _open(session, instance.id)
    assert notice is not None, "a notice is opened before anybody looks at it"
    session.refresh(notice)
    pending, is_over = _pending(notice), clock.now() >= notice.ends_at
    if is_over and not pending:
        notice.closed_at = clock.now()
    return {"objections": len(pending), "notice_over": is_over, "objection": "none"}


def note_verdict(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Whoever looked into the oldest objection has decided it; one that is upheld ends the notice."""
    notice, upheld = _open(session, instance.id), variables["verdict"] == "upheld"
    assert notice is not None, "an objection is to a notice"
    _pending(notice)[0].upheld = upheld
    if upheld:
        notice.closed_at = clock.now()
    return {"objection": "upheld" if upheld else "none"}


TABLE: dict[str, ServiceTask] = {
    "publicity.open": open_notice, "publicity.look": look, "publicity.note_verdict": note_verdict,
}  # fmt: skip


def running(session: Session, instance_id: str) -> Notice | None:
    """The notice of an instance while objections to it are taken."""
    notice = _open(session, instance_id)
    return notice if notice and clock.now() < notice.ends_at else None


def raise_objection(session: Session, instance_id: str, told: Mapping[str, Any], *, actor: Actor) -> None:
    """Enter an objection, one's own or one that somebody has brought; the process hears of it after the commit."""
    instances.get(session, instance_id, actor=actor)
    instance = runtime.lock(session, instance_id)
    runtime.require_active(instance)
    notice = running(session, instance_id)
    if notice is None:
        advice = "公示已经结束或还没有开始，不能再登记异议；请按信访或监督举报渠道反映。"
        raise InvalidState(f"no notice is running in {instance_id}", code="publicity", advice=advice)
    objection = Objection(
        id=ids.new(), notice_id=notice.id, who=told["who"], what=told["what"], evidence=told["evidence"],
        raised_at=clock.now(), raised_by_id=actor.id,
    )  # fmt: skip
    session.add(objection)
    messages.send(session, RAISED, instance_id=instance_id, dedupe_key=f"{RAISED}:{objection.id}")
    words = f"{told['who'] or '匿名'}：{told['what']}" + (f"；线索或证据：{told['evidence']}" if told["evidence"] else "")
    history.note(session, instance, Entry("publicity.objection", actor.id, detail={"reason": words}))


def _limit(session: Session, instance: Instance, told: Mapping[str, Any]) -> Limit:
    limit = deadlines.current(session).find(f"publicity_{told['kind']}", instance.started_at)
    if limit is None:
        raise ValidationError({"kind": ["没有适用的公示期限规则，请联系办公室在期限规则中录入"]})
    return limit


def _open(session: Session, instance_id: str) -> Notice | None:
    return session.scalar(select(Notice).where(Notice.instance_id == instance_id, Notice.closed_at.is_(None)))


def _pending(notice: Notice) -> list[Objection]:
    return [each for each in notice.objections if each.upheld is None]


def _words(starts_on: date, days: int, counted: Counted) -> str:
    skipped = "、".join(f"{span.first:%m-%d}至{span.last:%m-%d}{span.name}" for span in counted.skipped)
    return f"自{starts_on}次日起{days}个工作日，至{counted.day}止" + (f"，不计{skipped}" if skipped else "")


def _note(session: Session, instance: Instance, kind: str, reason: str, actor: Actor | None) -> None:
    history.record(session, instance, [Entry(kind, actor.id if actor else None, detail={"reason": reason})])
