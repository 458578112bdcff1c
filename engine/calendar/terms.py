"""School terms (学期) and the holidays between them (寒暑假): a second calendar, for duties that pause when schools do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from engine.models import SchoolTerm


@dataclass(frozen=True)
class Term:
    school_year: int
    term: int
    starts_on: date
    ends_on: date
    source: str
    confirmed: bool

    @property
    def name(self) -> str:
        return f"{self.school_year}—{self.school_year + 1}学年{'第一' if self.term == 1 else '第二'}学期"


def all_terms(session: Session) -> list[Term]:
    """Each term as it was recorded last, in order of time."""
    rows = select(SchoolTerm).order_by(SchoolTerm.number)
    last = {(row.school_year, row.term): row for row in session.scalars(rows)}
    known = [
        Term(row.school_year, row.term, row.starts_on, row.ends_on, row.source, row.confirmed) for row in last.values()
    ]
    return sorted(known, key=lambda term: term.starts_on)


def term_of(terms: Iterable[Term], day: date) -> Term | None:
    """The term a day lies in; None in the holidays, or where no term is known."""
    return next((term for term in terms if term.starts_on <= day <= term.ends_on), None)


def in_term(terms: Iterable[Term], day: date) -> bool:
    return term_of(terms, day) is not None
