"""Cases of 督导问责: opening one, who may see it and take part, what aggravates it and which means there are."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from datetime import date
from importlib import resources
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session, joinedload

import forms
from engine import clock, deadlines, ids, instances
from engine.deadlines.limits import TO_CONFIRM
from engine.errors import InvalidState, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import AccountabilityCase, Finding, InstanceStatus, Person, Position, ProcessInstance, Unit

RULES = tomllib.loads(resources.files(__package__).joinpath("means.toml").read_text("utf-8"))
MEANS: dict[str, dict[str, Any]] = RULES["means"]
PROCESS, FORM = "accountability", "accountability.lead"
WORDS = {field.key: dict(field.options) for field in forms.get("accountability.investigation").fields if field.options}
"""Of situations and circumstances, as the form has them."""
PROPOSERS = {"inspector", "inspectorate_office"}
LEADERS = {"bureau_leader", "deputy_leader"}
READERS = LEADERS | {"inspectorate_office", "discipline_liaison"}
HEAD, CHIEFS = "department_head", {"school": "school_head", "district": "district_officer"}
"""Who speaks for a unit, by its kind; else it is a department, and its head does."""


def can_propose(actor: Actor) -> bool:
    return bool(actor.roles & PROPOSERS)


def can_look(actor: Actor) -> bool:
    """Who has the page at hand; a party comes to its case by what it is asked to do."""
    return bool(actor.roles & (READERS | PROPOSERS))


def require_can_propose(actor: Actor) -> None:
    if not can_propose(actor):
        raise NotAllowed(f"{actor.login} may not propose a case", advice="问责线索由督学或督导室提出。")


def require_in_force() -> None:
    begins: date = RULES["in_force_from"]
    if clock.today() < begins:
        advice = f"{RULES['source']}自{begins}起施行，今天（{clock.today()}）尚未施行，不能据此立案问责；请按整改、约谈、通报的办法处理。"
        raise InvalidState(f"not in force before {begins}", code="not_in_force", advice=advice)


def open_case(
    session: Session, *, unit: Unit, situation: str, facts: str, actor: Actor | None, finding: Finding | None = None,
    person: str | None = None, kind: str | None = None, supervised_on: date | None = None,
) -> AccountabilityCase:  # fmt: skip
    """Take up a lead. The group is to be formed within 60 days of the end of the supervision, today if not told otherwise.

    `kind` tells people of private schools from others; else it follows from unit and person.
    """
    if actor is not None:
        require_can_propose(actor)
    require_in_force()
    if finding is not None and finding.unit_id != unit.id:
        raise ValidationError({"finding": [f"问题{finding.number}不是{unit.name}的，请核对单位或编号"]})
    done, year = supervised_on or clock.today(), clock.today().year
    if done > clock.today():
        raise ValidationError({"supervised_on": ["不能晚于今天：督导完成后才提出问责线索"]})
    case = AccountabilityCase(
        id=ids.new(), year=year, sequence=ids.in_year(session, AccountabilityCase, year), unit=unit, person=person,
        kind=kind or ("person" if person else "school" if unit.kind == "school" else "government"), situation=situation,
        finding=finding, opened_at=clock.now(), facts=facts, circumstances=[], earlier=[], means=[],
    )  # fmt: skip
    session.add(case)
    session.flush()
    case.instance = instances.start(
        session, PROCESS, {"supervision_done": done.isoformat()}, actor=actor, title=f"{case.number} {unit.name}",
        business_key=case.number, unit_id=unit.id,
    )  # fmt: skip
    session.flush()
    return case


def propose(session: Session, told: Mapping[str, Any], *, actor: Actor) -> AccountabilityCase:
    """The same, as a person fills it in."""
    number = told["finding"]
    finding = session.scalar(select(Finding).where(Finding.number == number)) if number else None
    if number and finding is None:
        raise ValidationError({"finding": [f"没有编号为{number}的问题，请核对，或者留空"]})
    return open_case(
        session, unit=session.scalars(select(Unit).where(Unit.key == told["unit"])).one(), situation=told["situation"],
        facts=told["facts"], actor=actor, finding=finding, person=told["person"],
        kind=None if told["kind"] == "unit" else told["kind"], supervised_on=date.fromisoformat(told["supervised_on"]),
    )  # fmt: skip


def visible(actor: Actor) -> ColumnElement[bool]:
    """The parties, the working group, the inspectorate's office and the leaders; the discipline liaison looks."""
    led = [held.unit for held in actor.holdings if held.role in {HEAD, *CHIEFS.values()}]
    theirs = select(Unit.id).where(Unit.key.in_(led))
    seen = select(AccountabilityCase.instance_id).where(
        or_(
            AccountabilityCase.unit_id.in_(theirs), AccountabilityCase.second_unit_id.in_(theirs),
            AccountabilityCase.members.any(Person.id == actor.id),
        )
    )  # fmt: skip
    return true() if actor.roles & READERS else ProcessInstance.id.in_(seen)


CONFIDENTIAL = {PROCESS: visible}


def listed(session: Session, actor: Actor) -> list[AccountabilityCase]:
    """Those a person may see, latest first; for whom there are none, and who handles none, there is no such page."""
    wanted = select(AccountabilityCase).join(AccountabilityCase.instance).where(instances.visible(actor))
    whole = wanted.options(joinedload(AccountabilityCase.unit), joinedload(AccountabilityCase.instance))
    found = list(session.scalars(whole.order_by(AccountabilityCase.year.desc(), AccountabilityCase.sequence.desc())))
    if not (found or can_look(actor)):
        raise NotFound(f"no cases for {actor.login}", advice="没有这个页面，或您无权查看。")
    return found


def of_instance(session: Session, instance_id: str | None) -> AccountabilityCase:
    return session.scalars(select(AccountabilityCase).where(AccountabilityCase.instance_id == instance_id)).one()


def standing(case: AccountabilityCase) -> str:
    assert case.instance is not None
    runs = case.instance.status == InstanceStatus.ACTIVE
    if case.decided_on is None:
        return "调查认定" if runs else "不予启动"
    return "已撤销" if case.revoked else "执行" if runs else "已归档"


def decisions(session: Session, case: AccountabilityCase, on: date) -> list[AccountabilityCase]:
    """The earlier ones against the same unit that are in force."""
    before = select(AccountabilityCase).where(
        AccountabilityCase.unit_id == case.unit_id, AccountabilityCase.id != case.id,
        AccountabilityCase.decided_on <= on, AccountabilityCase.revoked.is_(False),
    )  # fmt: skip
    return list(session.scalars(before.order_by(AccountabilityCase.decided_on)))


def earlier(session: Session, case: AccountabilityCase, on: date) -> list[AccountabilityCase]:
    """Those that were taken within a year before a day."""
    calendar, years = deadlines.current(session).calendar, RULES["repeated"]["years"]
    before = decisions(session, case, on)
    return [each for each in before if on <= calendar.years_after(each.decided_on or on, years).period_end]


def aggravation(case: AccountabilityCase) -> str:
    """What aggravates it, in words, with the earlier decisions as evidence."""
    repeated = f"{RULES['repeated']['name']}（此前：{'、'.join(case.earlier)}）" if case.earlier else ""
    return "；".join(filter(None, [repeated, *(WORDS["circumstances"][each] for each in case.circumstances)]))


def require_listed(case: AccountabilityCase, chosen: Collection[str]) -> None:
    """Refuse, by name, a means that the law does not provide for this object."""
    kinds, wrong = RULES["kinds"], [MEANS[each] for each in chosen if case.kind not in MEANS[each]["for"]]
    if wrong:
        meant = (f"“{each['name']}”只用于{'、'.join(kinds[kind] for kind in each['for'])}" for each in wrong)
        whom = f"本案对象是{kinds[case.kind]}：{RULES['articles'][case.kind]}"
        raise ValidationError({"means": [f"{'；'.join(meant)}。{whom}，请改选"]})


def is_graver(session: Session, case: AccountabilityCase, chosen: Collection[str]) -> bool:
    """Graver than what was decided before; than the lightest there is, where nothing was."""
    before = [MEANS[key]["weight"] for each in earlier(session, case, clock.today()) for key in each.means]
    lightest = min(each["weight"] for each in MEANS.values() if case.kind in each["for"])
    return bool(max(MEANS[key]["weight"] for key in chosen) > max(before, default=lightest))


def named(means: str) -> str:
    """As pages say it: whether it has yet to be confirmed, too."""
    return f"{MEANS[means]['name']}{'（待核对）' if MEANS[means]['mark'] in TO_CONFIRM else ''}"


def chiefs(case: AccountabilityCase) -> list[str]:
    """The parties: groups of those who speak for the object, and for the superior that shares the liability."""
    return [f"{CHIEFS.get(unit.kind, HEAD)}@{unit.key}" for unit in (case.unit, case.second_unit) if unit]


def barred(session: Session, case: AccountabilityCase) -> set[str]:
    """Logins of those who may not judge it: the people of its objects, and the working group."""
    of_objects = select(Person.login).join(Position).where(Position.unit_id.in_([case.unit_id, case.second_unit_id]))
    return {*session.scalars(of_objects), *(each.login for each in case.members)}
