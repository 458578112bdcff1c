"""What the diagrams of 督导问责 call by name: the steps from the group to the decision, and what changes it afterwards."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines, documents, history, identity, notifications, recusals, user_tasks
from engine.accountability import cases
from engine.assignment import Subject
from engine.errors import NotAllowed
from engine.identity import Actor
from engine.models import AccountabilityCase, Person, Position, Unit
from engine.options import Choices
from engine.runtime import Instance, ServiceTask, Told
from engine.user_tasks import Check, refuse

CONFIDENTIAL = cases.CONFIDENTIAL


def note_group(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    logins = [row["member"] for row in user_tasks.told(session, instance.id, "form_group")["members"]]
    members = session.scalars(select(Person).where(Person.login.in_(logins)))
    cases.of_instance(session, instance.id).members = list(members)
    session.flush()


def tell(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """What was found is the case's from now on; its parties are told in writing, and may answer until a day."""
    case, told = cases.of_instance(session, instance.id), user_tasks.told(session, instance.id, "investigate")
    case.situation, case.facts, case.circumstances = told["situation"], told["facts"], told["circumstances"]
    case.second_unit = session.scalar(select(Unit).where(Unit.key == told["second_unit"]))
    case.earlier = [f"{each.number}，{each.decided_on}决定" for each in cases.earlier(session, case, clock.today())]
    why = cases.aggravation(case) or "未查到从重情形"
    history.tell(session, instance, "accountability.told", actor, reason=why)
    _notify(session, case, instance, "told", f"书面告知：{case.number}拟予问责，请陈述申辩")
    return {"defence_until": deadlines.until(session, "accountability_defence", instance.started_at)}


def decide(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """问责决定, from the opinion that was approved: whatever the diagram says, not by who investigated or is concerned."""
    case, opinion = cases.of_instance(session, instance.id), user_tasks.told(session, instance.id, "draft_opinion")
    _require_leader(session, case, actor)
    approval = user_tasks.told(session, instance.id, "approve_opinion")
    case.means, case.decided_on = opinion["means"], clock.today()
    case.effective_on = date.fromisoformat(approval["effective_on"])
    aggravated = f"\n从重情形：{cases.aggravation(case)}" if case.aggravated else ""
    shared = f"\n同责的上级主管部门：{case.second_unit.name}" if case.second_unit else ""
    evidence = user_tasks.told(session, instance.id, "investigate")["evidence"]
    document = documents.issue(
        session, instance, "accountability_decision", unit=case.unit, title=f"关于对{case.unit.name}予以问责的决定",
        told={
            "person": case.person, "facts": f"{opinion['basic_facts']}\n{opinion['facts']}{aggravated}{shared}",
            "evidence": "、".join(each["name"] for each in evidence), "basis": opinion["grounds"],
            "means": [cases.MEANS[each]["name"] for each in case.means], "effective_on": approval["effective_on"],
        },
        actor=actor, about=f"accountability:{case.id}",
    )  # fmt: skip
    _notify(session, case, instance, "decided", f"问责决定书{document.number}送达：自{case.effective_on}起生效")
    review_until = deadlines.until(session, "accountability_review_request", instance.started_at)
    return {"decided_on": clock.today().isoformat(), "review_until": review_until, **_appeal(session, instance)}


def note_review(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> Told:
    """复核: what it decides holds, and may be appealed against."""
    _change(session, instance, user_tasks.told(session, instance.id, "review_decision"), "复核决定", actor)
    return _appeal(session, instance)


def note_correction(session: Session, instance: Instance, *, variables: Told, actor: Actor | None) -> None:
    _require_leader(session, cases.of_instance(session, instance.id), actor)
    _change(session, instance, user_tasks.told(session, instance.id, "correct_decision"), "纠正决定", actor)


TABLE: dict[str, ServiceTask] = {
    "accountability.note_group": note_group, "accountability.tell": tell, "accountability.decide": decide,
    "accountability.note_review": note_review, "accountability.note_correction": note_correction,
}  # fmt: skip


def _check_group(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    case = cases.of_instance(session, instance.id)
    own = dict.fromkeys(cases.barred(session, case), "是被问责单位的人，不得参加")
    refuse(recusals.faults_of_team(data, "members", "member", recusals.why(session, case.unit_id) | own))


def _check_investigation(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    case = cases.of_instance(session, instance.id)
    if "not_rectified" in data["circumstances"] and not cases.decisions(session, case, clock.today()):
        refuse({"circumstances": "该单位此前没有被问责，不能认定“被问责后仍不整改”"})
    if data["second_unit"] == case.unit.key:
        refuse({"second_unit": "同责的上级主管部门不能是被问责对象本身"})


def _check_opinion(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    case = cases.of_instance(session, instance.id)
    cases.require_listed(case, data["means"])
    if case.aggravated and not data["why_not_graver"] and not cases.is_graver(session, case, data["means"]):
        words = f"本案应当从重：{cases.aggravation(case)}。请选用更重的方式，或者写明不从重的理由"
        refuse({"why_not_graver": words})


def _check_approval(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    _require_leader(session, cases.of_instance(session, instance.id), actor)
    if data["effective_on"] and date.fromisoformat(data["effective_on"]) < clock.today():
        refuse({"effective_on": "决定不能在作出之前生效，请填今天或以后的日期"})


def _check_execution(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    rows = {row["means"] for row in data["handed_over"]}
    left = [label for key, label in _handed_over(session, instance.id) if key not in rows]
    if left:
        refuse({"handed_over": f"{'、'.join(left)}由其他机关决定，请登记移送机关、日期和文号"})


def _check_publication(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    if data["range"] != cases.RULES["publication"].get(data["severity"], data["range"]):
        refuse({"range": f"{cases.RULES['publication']['article']}。请向社会公开后登记"})


def _check_remedy(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    if data["route"] != "appeal":
        return
    case = cases.of_instance(session, instance.id)
    assert case.decided_on is not None
    book, decided_on = deadlines.current(session), case.decided_on.isoformat()
    due = deadlines.of_rule(book, "accountability_appeal_request", decided_on, None, instance.started_at)
    if due.at and clock.now() > due.at:
        refuse({"route": f"直接申诉的期限已过（{due.reason}），可以先申请复核，对复核决定不服再申诉"})


def _check_change(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    case = cases.of_instance(session, instance.id)
    cases.require_listed(case, data["means"])
    if data["outcome"] == "change" and set(data["means"]) == set(case.means):
        refuse({"means": "与原决定相同，没有变更；维持原决定的请选维持"})


def _check_review(session: Session, instance: Instance, data: Told, *, actor: Actor) -> None:
    if actor.login in _took_part(session, instance.id):
        raise NotAllowed(f"{actor.login} took part", advice=FOUR_EYES["accountability.review"])
    _check_change(session, instance, data, actor=actor)


CHECKS: dict[str, Check] = {
    "accountability.group": _check_group, "accountability.investigation": _check_investigation,
    "accountability.opinion": _check_opinion, "accountability.approval": _check_approval,
    "accountability.execution": _check_execution, "accountability.publication": _check_publication,
    "accountability.remedy": _check_remedy, "accountability.review": _check_review,
    "accountability.correction": _check_change,
}  # fmt: skip
FOUR_EYES = {
    "accountability.approval": "不能由您审定：您参加了本案的调查认定，须由未参加调查的主任或副主任审定。",
    "accountability.review": "不能由您复核：您参加过本案的办理，须由没有参加的人复核。",
}


def _means(session: Session, instance_id: str | None) -> Choices:
    """Those the law lists for the object first; the others say so, and are refused by name."""
    kind, means = cases.of_instance(session, instance_id).kind, cases.MEANS.items()
    listed = [(key, cases.named(key)) for key, each in means if kind in each["for"]]
    return listed + [(key, f"{each['name']}——不适用于本案对象") for key, each in means if kind not in each["for"]]


def _handed_over(session: Session, instance_id: str | None) -> Choices:
    chosen = cases.of_instance(session, instance_id).means
    return [(key, cases.MEANS[key]["name"]) for key in chosen if cases.MEANS[key].get("other")]


SOURCES = {"accountability_means": _means, "accountability_handed_over": _handed_over}


def _parties(session: Session, instance: Subject) -> list[str]:
    return cases.chiefs(cases.of_instance(session, instance.id))


def _group(session: Session, instance: Subject) -> list[str]:
    return [f"user:{each.login}" for each in cases.of_instance(session, instance.id).members]


def _leaders(session: Session, instance: Subject) -> list[str]:
    return _but(session, cases.LEADERS, cases.barred(session, cases.of_instance(session, instance.id)))


def _reviewers(session: Session, instance: Subject) -> list[str]:
    return _but(session, {*cases.LEADERS, "inspectorate_office"}, _took_part(session, instance.id))


def _but(session: Session, roles: set[str], without: set[str]) -> list[str]:
    """The holders of roles but for some; where nobody is left the bureau's leader, whom the steps refuse where they must."""
    people = select(Person.login).join(Position).where(Person.active, Position.role.in_(roles)).distinct()
    return sorted(f"user:{login}" for login in session.scalars(people) if login not in without) or ["bureau_leader"]


CANDIDATES = {
    "accountability_parties": _parties, "accountability_group": _group, "accountability_leaders": _leaders,
    "accountability_reviewers": _reviewers,
}  # fmt: skip


def _took_part(session: Session, instance_id: str) -> set[str]:
    did = {each.submitted_by_id for each in user_tasks.submissions(session, instance_id)}
    doers = session.scalars(select(Person.login).where(Person.id.in_(did)))
    return {*doers, *cases.barred(session, cases.of_instance(session, instance_id))}


def _require_leader(session: Session, case: AccountabilityCase, actor: Actor | None) -> None:
    if actor is None or not actor.roles & cases.LEADERS or actor.login in cases.barred(session, case):
        raise NotAllowed(f"deciding {case.number}", advice=FOUR_EYES["accountability.approval"])


def _change(session: Session, instance: Instance, told: Told, called: str, actor: Actor | None) -> None:
    case = cases.of_instance(session, instance.id)
    if told["outcome"] == "change":
        case.means = told["means"]
    case.revoked = case.revoked or told["outcome"] == "revoke"
    result = {"uphold": "维持", "change": "变更问责方式", "revoke": "撤销问责决定"}[told["outcome"]]
    history.tell(session, instance, "accountability.changed", actor, reason=f"{called}：{result}")
    _notify(session, case, instance, called, f"{case.number}{called}：{result}")


def _appeal(session: Session, instance: Instance) -> Told:
    """From today on there may be an appeal, until a day."""
    until = deadlines.until(session, "accountability_appeal_request", instance.started_at)
    return {"appeal_from": clock.today().isoformat(), "appeal_until": until}


def _notify(session: Session, case: AccountabilityCase, instance: Instance, what: str, title: str) -> None:
    people = identity.members(session, cases.chiefs(case))
    notifications.notify(
        session, people, "accountability", title, about=("instance", instance.id),
        dedupe_key=f"accountability:{what}:{case.id}", mail=notifications.Mail.AT_ONCE,
    )  # fmt: skip
