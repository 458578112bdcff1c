"""进一次门、查多项事: which visits might take place on one day. Arithmetic alone; who accepts a proposal is `contacts`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple


class Visit(NamedTuple):
    id: str
    unit_id: str
    department_id: str
    starts_on: date
    fixed: bool
    """By law or by its own notice: others may come on its day, it stays where it is."""


class Merge(NamedTuple):
    into: Visit
    others: tuple[Visit, ...]
    """Of other departments; they move to the day of the first."""


def proposals(visits: Iterable[Visit], within: timedelta) -> list[Merge]:
    """Each visit is part of one proposal at most, and what is fixed never moves; so whatever is accepted, a school has fewer."""
    found: list[Merge] = []
    for _, of_one in groupby(sorted(visits, key=attrgetter("unit_id")), attrgetter("unit_id")):
        left = sorted(of_one, key=lambda visit: (not visit.fixed, visit.starts_on, visit.id))
        while left:
            into = left.pop(0)
            others = tuple(each for each in left if _may_join(each, into, within))
            left = [each for each in left if each not in others]
            if others:
                found.append(Merge(into, others))
    return found


def _may_join(visit: Visit, into: Visit, within: timedelta) -> bool:
    near = abs(visit.starts_on - into.starts_on) <= within
    return near and not visit.fixed and visit.department_id != into.department_id
