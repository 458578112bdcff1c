"""综合督导、专项督导 (SH08, 教育督导条例 arts. 10–24): the team, who is heard, the defence, the letter with its problems, 复核.

What is owed to whom in which order stands in the diagrams; what is here holds whatever they say.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, documents, history, instances, recusals, user_tasks
from engine.burden import contacts
from engine.decisions import shipped
from engine.draws import algorithm
from engine.errors import InvalidInput, NotAllowed
from engine.history import Entry
from engine.identity import Actor
from engine.models import Finding, InstanceStatus, Person, Position, ProcessInstance, Unit, WorkItem
from engine.options import Choices
from engine.runtime import Instance, ServiceTask
from engine.supervision import findings

OFFICES = ("inspector", "inspectorate_office")
MUST_BE_HEARD = {"学生", "家长", "教师"}
VERDICTS = {"adopted": "采纳", "partly": "部分采纳", "rejected": "不采纳"}
DEFENCE, REVIEW = "supervision_defence", "supervision_review"
EVALUATION = "evaluation"
"""What a re-examination may be asked for beside the problems."""
TOOK_PART = (
    "不能由您复核：复核由没有参加这次督导、没有签发文书、不须回避的人办理（比照《政府督查工作条例》第十七条；"
    "《教育督导条例》第十条），请转给其他督学或主要负责人。"
)


def issue_notice(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    told, names = user_tasks.told(session, instance.id, "form_team"), dict(_supervision_inspectors(session, None))
    _issue(
        session, instance, "supervision_notice", actor, basis="《教育督导条例》第十七条", visit_on=told["on_site_from"],
        visit_until=told["on_site_until"], report_by=told["self_evaluation_by"],
        team=[f"{names[row['inspector']]}（{row['duty']}）" for row in told["team"]],
    )  # fmt: skip
    days = date.fromisoformat(told["on_site_from"]), date.fromisoformat(told["on_site_until"])
    unit, office = (
        session.get_one(Unit, instance.unit_id),
        session.scalars(select(Unit.id).where(Unit.key == "DD")).one(),
    )
    contacts.expect(session, instance, unit, office, *days, told["matters"])


def draw_heard(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """Who is heard (art. 19): places on the lists of the unit, drawn so that anybody can repeat it; no names."""
    seed, drawn = secrets.token_hex(16), []
    for row in user_tasks.told(session, instance.id, "inspect_on_site")["groups"]:
        places = map(str, range(1, int(row["listed"]) + 1))
        numbers = algorithm.draw(places, int(row["wanted"]), seed, purpose=row["group"])
        drawn.append({"group": row["group"], "listed": int(row["listed"]), "numbers": sorted(map(int, numbers))})
    kept = {"algorithm": algorithm.ALGORITHM, "seed": seed, "groups": drawn}
    item = session.scalars(select(WorkItem).where(WorkItem.instance_id == instance.id)).one()
    item.detail = {**item.detail, "heard": kept}
    history.record(session, instance, [Entry("participants.drawn", actor.id if actor else None, detail=kept)])


def give_preliminary_opinion(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """The unit has the preliminary opinion from now on, and may defend itself (申辩) in a process of its own."""
    told = user_tasks.told(session, instance.id, "appraise")
    ended = user_tasks.told(session, instance.id, "inspect_on_site")["finished_on"]
    since, until = _period(session, "defence", ended)
    _issue(
        session, instance, "preliminary_opinion", actor, visited_on=ended, defence_by=_day(until),
        evaluation=f"{told['strengths']}\n{told['opinion']}",
        findings=[{"title": row["title"], "clause": row["clause"], "description": row["fact"]} for row in told["problems"]],
    )  # fmt: skip
    _open(session, instance, DEFENCE, "申辩", since, until, actor)
    return {"defence_until": until, "letter_from": _period(session, "opinion_letter", ended)[0]}


def serve_letter(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    """The opinion letter, each of its problems as a finding, and beside them the unit's right to a re-examination (复核)."""
    told, points = user_tasks.told(session, instance.id, "weigh_defence"), dict(_defence_points(session, instance.id))
    problems = [
        {
            **row, "criteria": _parts(row["criteria"], "\n"), "evidence_kinds": _parts(row["evidence_kinds"], "、"),
            "rectify_by": date.fromisoformat(row["rectify_by"]),
        }
        for row in told["problems"]
    ]  # fmt: skip
    facts = [f"{number}. {row['title']}：{row['description']}" for number, row in enumerate(problems, 1)]
    _issue(
        session, instance, "opinion_letter", actor, basis="《教育督导条例》第二十一条",
        evaluation="\n".join([told["evaluation"], *facts, told["analysis"]]),
        defence="\n".join(f"{points[row['item']]}。{VERDICTS[row['verdict']]}：{row['reason']}" for row in told["answers"]),
        findings=[{name: row[name] for name in ("title", "clause", "criteria", "rectify_by")} for row in problems],
    )  # fmt: skip
    for row in problems:
        _find(session, instance.id, actor, unit=session.get_one(Unit, instance.unit_id), **row)
    _open(session, instance, REVIEW, "复核", *_period(session, "supervision_review_request"), actor)


def count_open(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> dict[str, Any]:
    """Findings not closed and a re-examination not decided. What is looked at again later (回头看) keeps no report waiting."""
    children = instances.children(session, instance.id)
    waiting = [each for each in children if each.definition_key in ("finding", REVIEW)]
    return {"open_items": sum(each.status == InstanceStatus.ACTIVE for each in waiting)}


def issue_report(session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None) -> None:
    issued = select(Finding).join(Finding.instance).where(ProcessInstance.parent_id == instance.id)
    _issue(
        session, instance, "supervision_report", actor, course=user_tasks.told(session, instance.id, "write_report")["report"],
        evaluation=user_tasks.told(session, instance.id, "weigh_defence")["evaluation"],
        findings=[
            {"title": each.title, "clause": each.clause, "state": "经复核撤销或变更" if each.withdrawn_at else "经核查销号"}
            for each in session.scalars(issued.order_by(Finding.number))
        ],
    )  # fmt: skip


def carry_out_review(
    session: Session, instance: Instance, *, variables: Mapping[str, Any], actor: Actor | None
) -> None:
    """A finding that was withdrawn ends; one that was changed ends too, and is issued again as decided."""
    assert actor is not None, "a re-examination is decided by somebody"
    for row in user_tasks.told(session, instance.id, "examine_review")["outcomes"]:
        finding = session.get(Finding, row["item"])
        if row["outcome"] == "upheld" or finding is None or not finding.is_open:
            continue
        findings.withdraw(session, finding, row["reason"], actor=actor)
        if row["outcome"] == "changed":
            _find(
                session, instance.parent_id, actor, unit=finding.unit, title=finding.title, clause=finding.clause,
                description=row["description"], severity=finding.severity, mode=finding.mode,
                rectify_by=date.fromisoformat(row["rectify_by"]) if row["rectify_by"] else finding.due_on,
                criteria=finding.criteria, evidence_kinds=finding.evidence_kinds,
            )  # fmt: skip


def _find(session: Session, supervision_id: str | None, actor: Actor | None, **told: Any) -> None:
    assert actor is not None, "a finding is issued by whoever signs or decides"
    findings.issue(
        session, source="supervision", parent_id=supervision_id, actor=actor, verified_by="supervision_team",
        **told,
    )  # fmt: skip


def _issue(session: Session, instance: Instance, kind: str, actor: Actor | None, **told: Any) -> None:
    matter = "、".join(user_tasks.told(session, instance.id, "form_team")["matters"])
    documents.issue(
        session, kind, unit=session.get_one(Unit, instance.unit_id), title=instance.title, told={"matter": matter, **told},
        instance_id=instance.id, actor=actor, step=instance,
    )  # fmt: skip


def _open(
    session: Session, instance: Instance, process: str, word: str, since: str, until: str, actor: Actor | None
) -> None:
    instances.start(
        session, process, {"runs_from": since, "runs_until": until}, actor=actor, title=f"{word}：{instance.title}",
        unit_id=instance.unit_id, parent_id=instance.id,
    )  # fmt: skip


def _period(session: Session, rule: str, ended: str = "") -> tuple[str, str]:
    """From when and until when a right runs. Some provinces count from the end of the visit, but never to a day that is over."""
    book, now = deadlines.current(session), clock.now()
    limit = book.find(rule, now)
    for since in ([ended] if limit and limit.event == "on_site_ended" else []) + [now.isoformat()]:
        until = deadlines.of_rule(book, rule, since, None, now).at
        if until and until > now:
            return since, until.isoformat()
    advice = f"“{deadlines.RULES[rule]}”没有适用的天数，请办公室在期限规则中录入后再办。"
    raise InvalidInput(f"no limit {rule}", code="limit", advice=advice)


def _day(moment: str) -> str:
    return deadlines.moment(moment).astimezone(clock.LOCAL).date().isoformat()


def _parts(written: str, mark: str) -> list[str]:
    return [part.strip() for part in written.split(mark) if part.strip()]


def _refuse(wrong: Mapping[str, str]) -> None:
    if wrong:
        raise ValidationError({field: [words] for field, words in wrong.items()})


def _check_team(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """教育督导条例 arts 10 and 16: three inspectors or more, one of them in charge, nobody who must recuse."""
    team, wrong, must_recuse = data["team"], {}, recusals.from_unit(session, instance.unit_id)
    if len({row["inspector"] for row in team}) < len(team):
        wrong["team"] = "同一名督学只能列一次"
    elif [row["duty"] for row in team].count("组长") != 1:
        wrong["team"] = "须有且只有一名组长"
    for rows, column in (("team", "inspector"), ("advisers", "person")):
        for number, row in enumerate(data[rows]):
            if row[column] in must_recuse:
                words = f"第{number + 1}行：与被督导单位有利害关系，须回避（《教育督导条例》第十条），请另选"
                wrong[f"{rows}.{number}.{column}"] = words
    if not data["self_evaluation_by"] < data["on_site_from"] <= data["on_site_until"]:
        wrong["on_site_from"] = "先报送自评报告，再现场督导：请核对三个日期的先后"
    _refuse(wrong)


def _check_record(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    groups, wrong = [row["group"] for row in data["groups"]], {}
    if len(set(groups)) < len(groups) or not set(groups) >= MUST_BE_HEARD:
        wrong["groups"] = "须专门听取学生、家长、教师的意见（《教育督导条例》第十九条）：三类各填一行"
    elif any(row["wanted"] > row["listed"] for row in data["groups"]):
        wrong["groups"] = "抽取人数不能多于名册人数"
    if data["finished_on"] > clock.today().isoformat():
        wrong["finished_on"] = "现场督导结束以后再提交：日期不能晚于今天"
    _refuse(wrong)


def _check_appraisal(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    members = len(user_tasks.told(session, instance.id, "form_team")["team"])
    judged = shipped.decide("team_agreement", {"agreed": data["agreed"], "members": members})
    if not judged["agreement"] or data["agreed"] > members:
        words = f"{judged['word']}：督导小组共{members}人。请再行评议，达成一致后提交"
        raise ValidationError({"agreed": [words]})


def _check_in_time(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """What is filed after its last day is refused, also before the timer has noticed."""
    (task,) = user_tasks.open_in(session, instance.id)
    if task.due_at and task.due_at < clock.now():
        words = f"期限已于{_day(task.due_at.isoformat())}届满，逾期提出的不再受理。{task.due_reason}"
        raise ValidationError({"answer" if "answer" in data else "request": [words]})


def _check_letter(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    rows, today = enumerate(data["problems"]), clock.today().isoformat()
    late = [number for number, row in rows if row["rectify_by"] < today]
    wrong = {f"problems.{number}.rectify_by": f"第{number + 1}行 整改期限：不能早于今天" for number in late}
    if sum(row["verdict"] is not None for row in data["answers"]) < len(_defence_points(session, instance.id)):
        wrong["answers"] = "单位申辩的每一点都须书面答复：写明是否采纳和理由（《教育督导条例》第二十一条）"
    _refuse(wrong)


def _check_independence(session: Session, instance: Instance, data: Mapping[str, Any], *, actor: Actor) -> None:
    """Asked again when the task is done: what bars somebody may have come to light since it was offered."""
    if actor.id in recusals.took_part(session, instance.parent_id) | recusals.keep_away(session, instance.unit_id):
        raise NotAllowed(f"{actor.login} may not re-examine {instance.parent_id}", advice=TOOK_PART)


def _supervision_inspectors(session: Session, instance_id: str | None) -> Choices:
    people = select(Person).join(Position).where(Person.active, Position.role.in_(OFFICES))
    return [(person.login, person.name) for person in session.scalars(people.order_by(Person.login).distinct())]


def _drawn_participants(session: Session, instance_id: str | None) -> Choices:
    detail = session.scalar(select(WorkItem.detail).where(WorkItem.instance_id == instance_id)) or {}
    return [
        (each["group"], f"{each['group']}（名册{each['listed']}人，抽中序号{'、'.join(map(str, each['numbers']))}）")
        for each in detail.get("heard", {}).get("groups", [])
    ]


def _defence_points(session: Session, instance_id: str | None) -> Choices:
    """What the unit has brought forward, point by point; nothing where it was silent or had no objection."""
    filed = [each for each in instances.children(session, instance_id or "") if each.definition_key == DEFENCE]
    answers = [answer for each in filed for answer in user_tasks.submissions(session, each.id)]
    grounds = answers[-1].data["grounds"] if answers else []
    return [(str(number), f"{row['point']}：{row['ground']}") for number, row in enumerate(grounds, 1)]


def _supervision_findings(session: Session, instance_id: str | None) -> Choices:
    """Of the supervision that a re-examination is about."""
    supervision = select(ProcessInstance.parent_id).where(ProcessInstance.id == instance_id).scalar_subquery()
    issued = select(Finding).join(Finding.instance).where(ProcessInstance.parent_id == supervision)
    standing = session.scalars(issued.where(Finding.withdrawn_at.is_(None)).order_by(Finding.number))
    return [*((each.id, f"{each.number} {each.title}") for each in standing), (EVALUATION, "督导评价")]


def _contested_findings(session: Session, instance_id: str | None) -> Choices:
    asked = user_tasks.submissions(session, instance_id, "apply_for_review") if instance_id else []
    contested = {row["finding"] for each in asked for row in each.data["grounds"]}
    return [(key, name) for key, name in _supervision_findings(session, instance_id) if key in contested]


TABLE: dict[str, ServiceTask] = {
    "formal_supervision.issue_notice": issue_notice,
    "formal_supervision.draw_heard": draw_heard,
    "formal_supervision.give_preliminary_opinion": give_preliminary_opinion,
    "formal_supervision.serve_letter": serve_letter,
    "formal_supervision.count_open": count_open,
    "formal_supervision.issue_report": issue_report,
    "formal_supervision.carry_out_review": carry_out_review,
}
CHECKS: dict[str, user_tasks.Check] = {
    "formal_supervision.team": _check_team,
    "formal_supervision.site_record": _check_record,
    "formal_supervision.appraisal": _check_appraisal,
    "formal_supervision.defence": _check_in_time,
    "formal_supervision.letter": _check_letter,
    "formal_supervision.review_request": _check_in_time,
    "formal_supervision.review_decision": _check_independence,
    "formal_supervision.review_approval": _check_independence,
}
FOUR_EYES = {"formal_supervision.review_decision": TOOK_PART, "formal_supervision.review_approval": TOOK_PART}
SOURCES = {
    "supervision_inspectors": _supervision_inspectors,
    "drawn_participants": _drawn_participants,
    "defence_points": _defence_points,
    "supervision_findings": _supervision_findings,
    "contested_findings": _contested_findings,
}
