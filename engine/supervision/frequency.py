"""How often a school must be visited, until when next, and what was missed. Two rules hold at once; the nearer day drives.

Pure but for the last three functions, which read the rules and what was visited.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, deadlines
from engine.models import SupervisionRound, Visit
from engine.recurrences import office_calendar
from engine.recurrences.periods import Calendar, Frequency, Period, periods

RULES = {"visits_a_month": Frequency.MONTHLY, "visits_a_term": Frequency.TERMLY}
"""The time limits that say how often."""
SHORTEST = "monthly_duty"
"""How many working days of term a month must have to demand anything."""
AHEAD = timedelta(days=200)
"""Beyond the longest holidays."""


@dataclass(frozen=True)
class Demand:
    """So many visits in every period of a kind, unless it pauses."""

    rule: str
    frequency: Frequency
    least: int
    least_days: int
    """Working days of term without which a period pauses."""
    told: str
    """What it says, with its source."""


@dataclass(frozen=True)
class Duty:
    """What a demand asks of one period."""

    demand: Demand
    period: Period
    in_term: frozenset[date]
    working: Sequence[date]
    """The working days among them, in order."""

    def made(self, visits: Collection[date]) -> int:
        """Days of term on which somebody came: two visits on one day are one."""
        return len(self.in_term.intersection(visits))

    def due(self, visits: Collection[date]) -> date | None:
        """The last day for the next visit that leaves the others a day each; None if enough were made."""
        missing = self.demand.least - self.made(visits)
        free = [day for day in self.working if day not in visits] or self.working
        return free[max(0, len(free) - missing)] if missing > 0 else None


class Next(NamedTuple):
    """The next visit a school must have, and what demands it."""

    day: date
    duty: Duty
    made: int

    @property
    def reason(self) -> str:
        return f"{self.duty.demand.told}；{self.duty.period.name}已进校{self.made}次"


def duties(demands: Iterable[Demand], first: date, last: date, calendar: Calendar) -> list[Duty]:
    """Of every period that has a day in a span; holidays demand nothing."""
    found = []
    for demand in demands:
        for period in periods(demand.frequency, first, last, calendar):
            in_term = [day for day in period.days() if calendar.in_term(day)]
            working = [day for day in in_term if calendar.is_working(day)]
            if len(working) >= max(1, demand.least_days):
                found.append(Duty(demand, period, frozenset(in_term), working))
    return found


def next_visit(known: Iterable[Duty], visits: Collection[date], today: date) -> Next | None:
    """What is due first of all that has not ended. A day that has passed means: too late already, but the period still runs."""
    running = [(day, duty) for duty in known if duty.period.ends_on >= today and (day := duty.due(visits))]
    day, duty = min(running, key=lambda each: each[0], default=(None, None))
    return Next(day, duty, duty.made(visits)) if day and duty else None


def missed(known: Iterable[Duty], visits: Collection[date], today: date) -> list[Duty]:
    """What has ended without the visits it demands."""
    return [duty for duty in known if duty.period.ends_on < today and duty.due(visits)]


def demands(session: Session) -> list[Demand]:
    """As the time limits in force say; one that the office has ended demands nothing."""
    book, now = deadlines.current(session), clock.now()
    shortest = book.find(SHORTEST, now)
    least_days = {Frequency.MONTHLY: shortest.amount or 1} if shortest else {}
    in_force = [(frequency, book.find(rule, now)) for rule, frequency in RULES.items()]
    return [
        Demand(limit.key, frequency, limit.amount, least_days.get(frequency, 1), limit.told)
        for frequency, limit in in_force
        if limit and limit.amount
    ]


def known(session: Session, first: date, last: date) -> tuple[list[Duty], dict[str, set[date]]]:
    """What is demanded in a span, and which visits count for it."""
    found = duties(demands(session), first, last, office_calendar.of(session))
    return found, visited(session, min((duty.period.starts_on for duty in found), default=first))


def visited(session: Session, since: date) -> dict[str, set[date]]:
    """On which days each school (by id) was visited in all eight matters, whatever the round."""
    made = select(Visit.school_id, Visit.visited_on).join(Visit.round)
    found: dict[str, set[date]] = defaultdict(set)
    for school_id, day in session.execute(made.where(SupervisionRound.all_matters, Visit.visited_on >= since)):
        if day:
            found[school_id].add(day)
    return found
