"""Every state a finding can be brought into, by anybody, in any order: none is closed without accepted evidence and an
independent verifier. And each guard is needed: without it, some order of requests closes one wrongly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import assignment, clock, db, identity, ids, recusals, runtime
from engine.errors import EngineError, InvalidInput, InvalidState
from engine.identity import Actor, Holding
from engine.models import Finding, FindingEvidence, Person, RecusalFact, Unit
from engine.supervision import findings, rules
from tests.conftest import Tally
from tests.driver import Bureau

CRITERIA = ["消防通道畅通", "制度上墙"]
UNIT = "HUISHAN_XX"
RECTIFIER, VERIFIER, OFFICE, STRANGER = "huishan_xx_officer", "duxue4", "dudao1", "liangxi_xx_officer"
RECUSED, BOTH, MOVED = "must_recuse", "both_sides", "has_moved"
"""Inspectors: one must recuse, one works at the school as well, one worked there when the evidence was given."""


class Event(NamedTuple):
    who: str
    what: str
    criterion: int = 0

    def __str__(self) -> str:
        return f"{self.who} {self.what} {self.criterion}"


PEOPLE = (RECTIFIER, VERIFIER, OFFICE, STRANGER, RECUSED, BOTH, MOVED)
OF_A_CRITERION, OF_THE_WHOLE = ("provide", "accept", "reject"), ("send_back", "close", "withdraw")
State = tuple[Any, ...]


class World:
    """One finding in a database, put into any state, and what happens to it there."""

    def __init__(self, session: Session, criteria: int) -> None:
        self.session, self.criteria = session, CRITERIA[:criteria]
        self.events = [Event(who, what, each) for who in PEOPLE for what in OF_A_CRITERION for each in range(criteria)]
        self.events += [Event(who, what) for who in PEOPLE for what in OF_THE_WHOLE]
        self.unit = session.scalars(select(Unit).where(Unit.key == UNIT)).one()
        self.people = {each: _actor(session, each) for each in (RECTIFIER, VERIFIER, OFFICE, STRANGER)}
        inspector = self.people[VERIFIER]
        self.people[RECUSED] = _invented(session, RECUSED, inspector.holdings, must_keep_away_from=self.unit)
        self.people[BOTH] = _invented(session, BOTH, (*inspector.holdings, *self.people[RECTIFIER].holdings))
        self.people[MOVED] = _invented(session, MOVED, inspector.holdings)
        self.before_moving = replace(self.people[MOVED], holdings=self.people[RECTIFIER].holdings)
        self.finding = findings.issue(
            session, source="visit", unit=self.unit, title="消防", description="堵塞", clause="第一条", severity="一般",
            mode="立行立改", rectify_by=date(2021, 4, 1), criteria=self.criteria, evidence_kinds=["照片"], parent_id=None,
            actor=self.people[OFFICE], verified_by="every_inspector",
        )  # fmt: skip
        self.names = {actor.id: login for login, actor in self.people.items()}

    def explore(self) -> Iterator[tuple[State, Event, State]]:
        """Breadth first, until no new state appears: every step that was not refused."""
        begin = self.state()
        seen, to_see = {begin}, deque([begin])
        while to_see:
            state = to_see.popleft()
            for event, after in self._steps(state):
                yield state, event, after
                if after not in seen:
                    seen.add(after)
                    to_see.append(after)

    def _steps(self, state: State) -> list[tuple[Event, State]]:
        """What each event makes of a state, but for those that are refused."""
        with self.session.begin_nested() as put:
            self._put(state)
            steps = [(event, after) for event in self.events if (after := self._after(event)) not in (None, state)]
            put.rollback()
        self.session.expire_all()
        return steps

    def _after(self, event: Event) -> State | None:
        with self.session.begin_nested() as attempt:
            try:
                self._do(event)
                self.session.flush()
                return self.state()
            except EngineError:
                return None
            finally:
                attempt.rollback()

    def state(self) -> State:
        """Of each criterion what counts: the latest evidence by whom, judged how by whom; and how the finding stands."""
        finding = self.finding
        latest = {each.criterion: each for each in finding.evidence}
        shown = tuple(
            (self.names[each.provided_by_id], each.verdict, self.names.get(each.judged_by_id or ""), each.round == finding.round)
            if (each := latest.get(criterion)) else None
            for criterion in range(len(self.criteria))
        )  # fmt: skip
        closed_by = self.names.get(finding.closed_by_id or "") if finding.closed_at else None
        return shown, closed_by, finding.withdrawn_at is not None

    def _put(self, state: State) -> None:
        shown, closed_by, withdrawn = state
        finding, by = self.finding, {name: key for key, name in self.names.items()}
        finding.round = 2
        for criterion, told in enumerate(shown):
            if told is not None:
                provider, verdict, judge, is_now = told
                self.session.add(FindingEvidence(
                    id=ids.new(), finding_id=finding.id, round=2 if is_now else 1, criterion=criterion, told="x", kind="照片",
                    dated=date(2021, 3, 12), files=[], provided_by_id=by[provider], provided_at=clock.now(),
                    verdict=verdict, judged_by_id=by.get(judge), judged_at=clock.now() if judge else None,
                ))  # fmt: skip
        finding.closed_at, finding.closed_by_id = (clock.now(), by[closed_by]) if closed_by else (None, None)
        finding.withdrawn_at = clock.now() if withdrawn else None
        self.session.flush()
        self.session.expire_all()

    def _do(self, event: Event) -> None:
        finding, actor = self.finding, self.people[event.who]
        row = {"item": str(event.criterion), "told": "已改", "kind": "照片", "dated": "2021-03-12"}
        match event.what:
            case "provide":
                actor = self.before_moving if event.who == MOVED else actor
                findings.provide(self.session, finding, [row], actor=actor)
            case "accept":
                findings.judge(self.session, finding, [row | {"verdict": "accepted"}], actor=actor)
            case "reject":
                findings.judge(self.session, finding, [row | {"verdict": "rejected", "reason": "不全"}], actor=actor)
            case "send_back":
                findings.send_back(self.session, finding, actor=actor)
            case "withdraw":
                findings.withdraw(self.session, finding, "复核撤销", actor=actor)
            case _:
                instance = runtime.lock(self.session, finding.instance_id or "")
                findings.close(self.session, instance, finding, actor=actor)


def wrong(before: State, event: Event, after: State) -> str:
    """What is wrong with a step, by what the law wants and not by the rules of the engine."""
    shown, closed_by, withdrawn = before
    if after[1] is None or closed_by is not None:
        return "a closed finding has moved" if closed_by is not None else ""
    if withdrawn:
        return "what was withdrawn is closed"
    if any(told is None or told[1] != "accepted" for told in shown):
        return "closed without accepted evidence for every criterion"
    if any(told[0] not in (RECTIFIER, BOTH, MOVED) for told in shown):
        return "closed by evidence that the unit has not given"
    if any(not independent(who, told[0]) for told in shown for who in (told[2], event.who)):
        return "accepted or closed by somebody who is not independent"
    return ""


def independent(who: str, provider: str) -> bool:
    return who in (VERIFIER, OFFICE) or (who == MOVED and provider != MOVED)


@contextmanager
def throwaway() -> Iterator[Session]:
    with db.transaction() as session:
        yield session
        session.rollback()


@pytest.fixture
def every_inspector(monkeypatch: pytest.MonkeyPatch) -> None:
    """All inspectors verify; and who must recuse is asked for once, for that does not change here."""
    monkeypatch.setitem(assignment.RULES, "every_inspector", lambda session, subject: ["inspector"])
    monkeypatch.setattr(recusals, "from_unit", cache(recusals.from_unit))


@pytest.mark.either_database
@pytest.mark.usefixtures("every_inspector")
@pytest.mark.parametrize("criteria", [1, pytest.param(2, marks=pytest.mark.long)])
def test_no_order_of_requests_closes_a_finding_wrongly(bureau: Bureau, tally: Tally, criteria: int) -> None:
    with throwaway() as session:
        steps = list(World(session, criteria).explore())
    states = {state for before, _, after in steps for state in (before, after)}
    tally("States of a finding", "states", len(states))
    tally("States of a finding", "steps", len(steps))
    assert [(str(event), wrong(*step)) for step in steps if wrong(*step) for event in step[1:2]] == []
    closing = {event.who for before, event, after in steps if after[1] and not before[1]}
    assert closing == {VERIFIER, OFFICE, MOVED}, "and it can be closed at all"


NEEDED = [each for each in dict.fromkeys([*rules.PROVIDING, *rules.CLOSING]) if each.holds is not rules.has_criteria]


@pytest.mark.either_database
@pytest.mark.usefixtures("every_inspector")
@pytest.mark.parametrize("guard", NEEDED, ids=lambda guard: guard.holds.__name__)
def test_without_a_guard_one_is_closed_wrongly(
    bureau: Bureau, guard: rules.Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROVIDING", "JUDGING", "CLOSING"):
        monkeypatch.setattr(rules, name, tuple(each for each in getattr(rules, name) if each is not guard))
    with throwaway() as session:
        assert any(wrong(*step) for step in World(session, 1).explore()), guard.advice


@pytest.mark.usefixtures("every_inspector")
def test_without_criteria_none_is_issued_and_none_is_closed(bureau: Bureau) -> None:
    with throwaway() as session:
        world = World(session, 1)
        finding = world.finding
        with pytest.raises(InvalidInput):
            findings.relapse(
                session,
                _closed_without_criteria(finding),
                {"seen": "x", "rectify_by": "2021-05-01"},
                actor=world.people[OFFICE],
            )
        finding.closed_at = None
        with pytest.raises(InvalidState, match="has_criteria"):
            rules.require(session, finding, rules.CLOSING, actor=world.people[OFFICE])


def _closed_without_criteria(finding: Finding) -> Finding:
    finding.criteria, finding.closed_at = [], clock.now()
    return finding


def _actor(session: Session, login: str) -> Actor:
    return identity.actor(session.scalars(select(Person).where(Person.login == login)).one())


def _invented(
    session: Session, login: str, holdings: tuple[Holding, ...], *, must_keep_away_from: Unit | None = None
) -> Actor:
    person = Person(id=ids.new(), login=login, name=login, password_hash="")
    session.add(person)
    if must_keep_away_from:
        session.add(
            RecusalFact(id=ids.new(), person_id=person.id, unit_id=must_keep_away_from.id, kind="relative", note=None)
        )
    session.flush()
    return replace(_actor(session, VERIFIER), id=person.id, login=login, name=login, holdings=holdings)
