"""The record of a meeting (会议记录): checked, kept in rows, and turned into what others must do (议定事项 → 督办)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, history, identity, ids, user_tasks
from engine.identity import Actor
from engine.meetings import rules
from engine.models import Meeting, MeetingMember, Person, Position
from engine.oversight import items
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import Check
from engine.vetoes.checks import no_barred

HEAD = "bureau_leader"
TITLE = 100
"""As much of a follow-up as names it in lists."""


def leaders(session: Session, _: str | None) -> list[tuple[str, str]]:
    """Who is entitled to vote: the leading group as it stands (班子成员), its head first."""
    held = select(Position).where(Position.role.in_((HEAD, "deputy_leader"))).join(Position.person).where(Person.active)
    positions = sorted(session.scalars(held), key=lambda each: (each.role != HEAD, each.person.login))
    return list({each.person.login: f"{each.person.name}（{each.title}）" for each in positions}.items())


def check_proposal(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Nothing comes before a meeting that was not prepared as its kind demands, or that a review has found unlawful."""
    if lacking := rules.missing(data["matter"], set(data["ready"])):
        raise ValidationError({"ready": [lacking]})
    sent = user_tasks.submissions(session, instance.id)
    reviewed = [each for each in sent if each.form_key == "legality.review"]
    if reviewed and reviewed[-1].data["legality"] != "lawful":
        words = "合法性审查未通过，不得提交讨论；请按审查意见修改后重新送审（《重大行政决策程序暂行条例》第二十六条）"
        raise ValidationError({"ready": [words]})


def check_record(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    members, topic = _members(session, data), user_tasks.told(session, instance.id, "propose_topic")
    voted = not data["held_over"] and rules.is_quorate(topic["matter"], members)
    errors = {**rules.faults(members, {row["person"] for row in topic["interested"]}, voted=voted)}
    if data["held_as"] in rules.CIRCULATED:
        errors["held_as"] = [f"传阅、会签不能代替会议，请召开会议后再填写{rules.TOGETHER}"]
    if date.fromisoformat(data["held_on"]) > clock.today():
        errors["held_on"] = ["会议还没有召开，开会之后再填写会议记录"]
    if not any(member.present for member in members if member.login == data["chair"]):
        errors["chair"] = ["主持人须是到会且不回避的成员"]
    for row, wanted in enumerate(data["follow_ups"]):
        if wanted["due_on"] and date.fromisoformat(wanted["due_on"]) < clock.today():
            errors[f"follow_ups.{row}.due_on"] = ["办结期限不能早于今天"]
    if errors:
        raise ValidationError(errors)


CHECKS: dict[str, Check] = {
    "meeting.proposal": no_barred("appointment", "candidates", check_proposal), "meeting.record": check_record,
}  # fmt: skip
SOURCES = {"leaders": leaders}


def settle(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """Keep the record in rows and say what was decided. One whose minutes were returned is written anew."""
    told, topic = (
        user_tasks.told(session, instance.id, "record_meeting"),
        user_tasks.told(session, instance.id, "propose_topic"),
    )
    members, held_on = _members(session, told), date.fromisoformat(told["held_on"])
    found = rules.outcome(topic["matter"], members, held_over=told["held_over"])
    meeting = _unsigned(session, instance) or Meeting(
        id=ids.new(), instance_id=instance.id, year=held_on.year, sequence=ids.in_year(session, Meeting, held_on.year)
    )  # fmt: skip
    meeting.members = []
    session.flush()
    meeting.matter, meeting.title = topic["matter"], topic["title"]
    meeting.held_as, meeting.chair, meeting.resolved = told["held_as"], told["chair"], told["resolved"]
    meeting.held_on, meeting.result, meeting.reckoned, meeting.members = held_on, *found, members
    session.add(meeting)
    session.flush()
    reason = f"{meeting.number} {rules.RESULTS[found.result]}：{found.reckoned}"
    history.tell(session, instance, "meeting.held", actor, reason=reason)
    return {"resolution": found.result}


def open_follow_ups(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    """The minutes are issued: each thing they demand becomes a 督办 item, proposed in the name of who kept the record."""
    record = user_tasks.last(session, instance.id, "record_meeting")
    meeting, issued = _unsigned(session, instance), user_tasks.told(session, instance.id, "issue_minutes")
    assert meeting is not None, "minutes are of a meeting that has decided"
    meeting.minutes_number = issued["minutes_number"]
    secretary = identity.actor(session.get_one(Person, record.submitted_by_id))
    for row in record.data["follow_ups"]:
        draft = {
            "title": row["demand"].splitlines()[0][:TITLE], "source": "minutes", "urgency": "ordinary", "partners": None,
            "document": f"{meeting.minutes_number}（{meeting.number}）", "event_on": clock.today().isoformat(), **row,
        }  # fmt: skip
        items.propose(session, draft, actor=secretary, parent_id=instance.id)


TABLE: dict[str, ServiceTask] = {"meeting.settle": settle, "meeting.open_follow_ups": open_follow_ups}


def _members(session: Session, told: Mapping[str, Any]) -> list[MeetingMember]:
    """The rows of a record as those of a meeting: their columns have the same names."""
    rows = {row["item"]: {name: value for name, value in row.items() if name != "item"} for row in told["members"]}
    people = {each.login: each for each in session.scalars(select(Person).where(Person.login.in_(rows)))}
    heads = {login for login, each in people.items() if any(held.role == HEAD for held in each.positions)}
    return [
        MeetingMember(number=number, login=login, name=people[login].name, head=login in heads, **row)
        for number, (login, row) in enumerate(rows.items(), 1)
    ]


def _unsigned(session: Session, instance: Instance) -> Meeting | None:
    """The meeting that has decided here and whose minutes are not issued yet."""
    mine = Meeting.instance_id == instance.id, Meeting.minutes_number.is_(None), Meeting.result != rules.DEFERRED
    return session.scalar(select(Meeting).where(*mine))
