"""Runs the suite's cases and forbidden files in the laboratory, judges each, and adds them up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import betsy
from bench.laboratory import Laboratory

GOAL = 105
"""Tests that must pass. Besides: none runs wrongly without a word, none stands still, no dangerous file is accepted."""

VERDICTS = ("passed", "refused", "failed", "stuck", "wrong")
"""From best to worst; a test is as good as its worst case."""


@dataclass(frozen=True)
class Outcome:
    """What became of one case, and what the engine said about it."""

    group: str
    test: str
    case: int
    verdict: str
    expected: tuple[str, ...]
    actual: tuple[str, ...]
    standing: tuple[str, ...]
    """Where instances still stand, `activity (type)`."""
    said: tuple[str, ...]


@dataclass(frozen=True)
class Forbidden:
    """What became of a file that breaks a rule of BPMN."""

    file: str
    refused: bool
    excuse: str
    """Why it does no harm when it is accepted; "" for a dangerous one."""
    said: tuple[str, ...]

    @property
    def is_danger(self) -> bool:
        return not (self.refused or self.excuse)

    @property
    def is_explained(self) -> bool:
        """Whether every reason names an element (`-` stands for the file as a whole)."""
        return all(not reason.startswith(("-", "HTTP")) for reason in self.said)


def run(laboratory: Laboratory, test: betsy.Test) -> Iterator[Outcome]:
    diagram = betsy.diagram(test.file)
    for number, case in enumerate(test.cases, 1):
        laboratory.begin_anew()
        said: Sequence[str] = laboratory.deploy(test.name, diagram.content)
        trace, standing = [betsy.NOT_DEPLOYED], list[str]()
        if not said:
            said = _perform(laboratory, test.name, case)
            trace, standing = _trace(laboratory, case, diagram)
            trace += [betsy.FAILED] * bool(said)
        actual = tuple(sorted(_generalised(trace, case)))
        verdict = _verdict(case.expected, actual, standing)
        yield Outcome(test.group, test.name, number, verdict, case.expected, actual, tuple(standing), tuple(said))


def try_forbidden(laboratory: Laboratory, file: Path) -> Forbidden:
    laboratory.begin_anew()
    said = laboratory.deploy(file.stem, betsy.diagram(file).content)
    return Forbidden(file.name, bool(said), betsy.excuse(file), said)


def summarise(outcomes: Sequence[Outcome], forbidden: Sequence[Forbidden], goal: int = GOAL) -> dict[str, Any]:
    tests: dict[tuple[str, str], str] = {}
    for each in outcomes:
        key = each.group, each.test
        tests[key] = max(tests.get(key, VERDICTS[0]), each.verdict, key=VERDICTS.index)
    cases = _counted(each.verdict for each in outcomes)
    groups = {group: _counted(v for (home, _), v in tests.items() if home == group) for group, _ in tests}
    dangers = sum(each.is_danger for each in forbidden)
    totals = _counted(tests.values())
    return {
        "groups": groups,
        "tests": totals,
        "cases": cases,
        "forbidden": {
            "total": len(forbidden),
            "refused": sum(each.refused for each in forbidden),
            "refused_as_a_whole": sum(not each.is_explained for each in forbidden),
            "accepted_harmless": sum(not each.refused for each in forbidden) - dangers,
            "accepted_dangerous": dangers,
        },
        "goal": goal,
        "met": totals["passed"] >= goal and not (cases["wrong"] or cases["stuck"] or dangers),
    }


def _perform(laboratory: Laboratory, key: str, case: betsy.Case) -> list[str]:
    """Start what is to be started and wait as long as the case waits; what went wrong."""
    starts: list[tuple[str, Mapping[str, Any]]] = [(betsy.PARALLEL, {})] * case.parallel + [(key, case.variables)]
    refusals = [laboratory.start(*each) for each in starts]
    laboratory.settle()
    laboratory.let_pass(case.waits)
    return [each for each in refusals if each] + laboratory.incidents()


def _trace(laboratory: Laboratory, case: betsy.Case, diagram: betsy.Diagram) -> tuple[list[str], list[str]]:
    """The tokens of everything that history says was passed, and where instances stand."""
    instances = laboratory.instances()
    activities = [each for instance in instances for each in laboratory.activities(instance["id"])]
    passed = [each for each in activities if each["endTime"] and not each["canceled"]]
    earned = [diagram.tokens[each["activityId"]] for each in passed if each["activityId"] in diagram.tokens]
    trace = [token for token in earned if token not in betsy.LOOKED_FOR_ONCE]
    trace += betsy.LOOKED_FOR_ONCE.intersection(earned, case.expected)
    trace += [betsy.AT_ONCE] * _overlap([each for each in passed if each["activityId"] in diagram.slow])
    trace += [betsy.UNCAUGHT] * sum(each["state"] not in ("ACTIVE", "COMPLETED") for each in instances)
    standing = [f"{each['activityId']} ({each['activityType']})" for each in activities if not each["endTime"]]
    return trace, standing or [each["processDefinitionKey"] for each in instances if each["state"] == "ACTIVE"]


def _overlap(activities: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are two that ran at the same time."""
    if len(activities) != 2:
        return False
    moments = [[datetime.fromisoformat(each[key]) for key in ("startTime", "endTime")] for each in activities]
    return max(began for began, _ in moments) < min(ended for _, ended in moments)


def _generalised(trace: Iterable[str], case: betsy.Case) -> Iterator[str]:
    """A case that expects any error takes a refusal and a failure alike."""
    alike = {betsy.NOT_DEPLOYED, betsy.FAILED} if betsy.ANY_ERROR in case.expected else set()
    return (betsy.ANY_ERROR if token in alike else token for token in trace)


def _verdict(expected: Sequence[str], actual: Sequence[str], standing: Sequence[str]) -> str:
    """Stuck: nothing happened that should not have, something is missing, and an instance is still open."""
    if expected == actual:
        return "passed"
    if betsy.NOT_DEPLOYED in actual:
        return "refused"
    if betsy.FAILED in actual:
        return "failed"
    return "stuck" if standing and not Counter(actual) - Counter(expected) else "wrong"


def _counted(verdicts: Iterable[str]) -> dict[str, int]:
    counted = Counter(verdicts)
    return {"total": counted.total(), **{verdict: counted[verdict] for verdict in VERDICTS}}
