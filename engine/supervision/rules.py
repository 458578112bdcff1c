"""Who may verify and close a finding (销号), and when: whatever the diagram says and in whatever order requests arrive, these hold.

Each guard stands alone. `tests/engine/test_finding_states.py` takes them away one by one and shows what each of them prevents.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sqlalchemy.orm import Session

from engine import assignment, recusals
from engine.errors import EngineError, InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import Finding, FindingEvidence

ACCEPTED, REJECTED = "accepted", "rejected"
WITHDRAWERS = {"inspectorate_office", "inspector", "bureau_leader", "deputy_leader", "department_head"}


@dataclass(frozen=True)
class Case:
    """What the guards look at."""

    actor: Actor
    finding: Finding
    verifiers: Collection[str]
    """Groups whose people verify."""
    recused: Collection[str]
    """Logins of those who must keep away from the unit."""


class Holds(Protocol):
    def __call__(self, case: Case) -> bool: ...


class Guard(NamedTuple):
    holds: Holds
    advice: str
    refused: type[EngineError] = NotAllowed


def is_open(case: Case) -> bool:
    return case.finding.is_open


def is_verifier(case: Case) -> bool:
    return bool(case.actor.groups & set(case.verifiers))


def showed_nothing(case: Case) -> bool:
    return case.actor.id not in {each.provided_by_id for each in case.finding.evidence}


def is_of_another_unit(case: Case) -> bool:
    return case.finding.unit.key not in case.actor.units


def need_not_recuse(case: Case) -> bool:
    return case.actor.login not in case.recused


def is_of_the_unit(case: Case) -> bool:
    return case.finding.unit.key in case.actor.units


def answers_for_supervision(case: Case) -> bool:
    return bool(case.actor.roles & WITHDRAWERS)


def has_criteria(case: Case) -> bool:
    return bool(case.finding.criteria)


def every_criterion_is_met(case: Case) -> bool:
    return all(_is_met(case.finding, criterion) for criterion in range(len(case.finding.criteria)))


OPEN = Guard(is_open, "这条问题已经销号或撤销，不再办理。", InvalidState)
INDEPENDENT = (
    Guard(is_verifier, "不能由您核查：核查由发出整改要求一方指定的人办理，请转给督导室。"),
    Guard(showed_nothing, "不能由您核查：您是这条问题的整改、举证人，须由其他人核查。"),
    Guard(is_of_another_unit, "不能由您核查：您是被督导单位的人，须由其他单位的人核查。"),
    Guard(need_not_recuse, "不能由您核查：您对该单位须回避（《教育督导条例》第十条），请转给督导室其他人。"),
)
COMPLETE = (
    Guard(has_criteria, "这条问题没有写明销号标准，不能销号：请退回发出整改要求的一方补充标准。", InvalidState),
    Guard(every_criterion_is_met, "还有销号标准没有通过核查的佐证，不能销号：请退回整改，逐条举证。", InvalidState),
)
PROVIDING = (OPEN, Guard(is_of_the_unit, "只有责任单位的人可以举证。"))
WITHDRAWING = (OPEN, Guard(answers_for_supervision, "撤销问题由督导机构根据复核决定办理。"))
JUDGING = (OPEN, *INDEPENDENT)
CLOSING = (OPEN, *INDEPENDENT, *COMPLETE)


def case_of(session: Session, finding: Finding, actor: Actor) -> Case:
    assert finding.instance is not None, "a finding is issued with its process"
    verifiers = [*assignment.RULES[finding.verified_by](session, finding.instance), "inspectorate_office"]
    return Case(actor, finding, verifiers, recusals.from_unit(session, finding.unit_id))


def require(session: Session, finding: Finding, guards: Sequence[Guard], *, actor: Actor) -> None:
    """Refuse in the words of the first guard that does not hold."""
    case = case_of(session, finding, actor)
    for guard in guards:
        if not guard.holds(case):
            raise guard.refused(f"finding {finding.number}: {guard.holds.__name__}", advice=guard.advice)  # type: ignore[attr-defined]


def _is_met(finding: Finding, criterion: int) -> bool:
    """What was shown last for it was accepted."""
    shown = [each for each in finding.evidence if each.criterion == criterion]
    return bool(shown) and shown[-1].verdict == ACCEPTED


def unmet(finding: Finding) -> list[int]:
    """The criteria that still want evidence: none shown, or what was shown last was rejected."""
    return [number for number in range(len(finding.criteria)) if not _is_met(finding, number)]


def to_judge(finding: Finding) -> list[FindingEvidence]:
    """What was shown and has not been judged."""
    return [each for each in finding.evidence if each.verdict is None]
