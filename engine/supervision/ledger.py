"""The ledger (台账) of findings: filters, figures per unit, clause and person, and the rows behind each figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, exists, extract, func, inspect, select, true
from sqlalchemy.orm import Session, aliased, joinedload

from engine import clock
from engine.errors import NotFound
from engine.identity import Actor
from engine.models import Finding, Person, SupervisionRound, Unit, Visit
from engine.supervision import overview

DISTRICT, LATER = aliased(Unit), aliased(Finding)
INSPECTOR, CLOSER = aliased(Person), aliased(Person)
SOURCES = {"visit": "进校督导", "supervision": "专项、综合督导", "random": "双随机抽查", "ledger": "隐患、审计台账"}
SEVERITIES = ("一般", "较重", "重大")
A_PAGE = 50
STATES = {
    "issued": "提出", "open": "未销号", "overdue": "超期未销号", "due": "到期或已销号", "closed": "已销号", "relapsed": "销号后反弹",
    "withdrawn": "已撤销",
}  # fmt: skip
GROUPS: dict[str, tuple[str, Any, Any]] = {
    "district": ("区（市）", DISTRICT.key, DISTRICT.name),
    "school": ("单位", Unit.key, Unit.name),
    "clause": ("条款", Finding.clause, Finding.clause),
    "inspector": ("提出人", INSPECTOR.login, INSPECTOR.name),
    "closer": ("销号人", CLOSER.login, CLOSER.name),
}
"""What findings are counted by: the filter that leads to the rows, and what it is called."""
COLUMNS = {
    "district": DISTRICT.key, "school": Unit.key, "source": Finding.source, "severity": Finding.severity,
    "inspector": INSPECTOR.login, "closer": CLOSER.login, "clause": Finding.clause,
}  # fmt: skip
FILTERS = ("year", "state", *COLUMNS)


@dataclass(frozen=True)
class Figures:
    """How many findings of one group there are in each state."""

    key: str
    name: str
    counts: Mapping[str, int]

    @property
    def closing_rate(self) -> str:
        """Closed of those that were due or are closed."""
        return self._rate("closed", "due")

    @property
    def relapse_rate(self) -> str:
        return self._rate("relapsed", "closed")

    def _rate(self, part: str, whole: str) -> str:
        return f"{self.counts[part] / self.counts[whole]:.1%}" if self.counts[whole] else "—"


def asked(session: Session, args: Mapping[str, str], actor: Actor) -> dict[str, str]:
    """The filters of an address. A unit that the person may not look at is as if there were none."""
    wanted = {name: args.get(name, "").strip() for name in FILTERS}
    for name in ("district", "school"):
        known = select(Unit.id).where(Unit.key == wanted[name], overview.theirs(actor, Unit.id))
        if wanted[name] and session.scalar(known) is None:
            raise NotFound(f"no unit {wanted[name]}", advice="没有这个单位，或您无权查看。")
    return {name: value for name, value in wanted.items() if value}


def findings(
    session: Session, filters: Mapping[str, str], actor: Actor, *, sort: str = "", page: int | None = None
) -> list[Finding]:  # fmt: skip
    """The rows that pass the filters: a page of them and one more, or all."""
    column = {
        "unit": Unit.order, "clause": Finding.clause, "severity": Finding.severity, "due": Finding.due_on,
    }.get(sort.removeprefix("-"), Finding.number)  # fmt: skip
    order = column.desc() if sort.startswith("-") or not sort else column.asc()
    wanted = _those(select(Finding), filters, actor).order_by(order, Finding.number.desc()).options(
        joinedload(Finding.unit).joinedload(Unit.parent), joinedload(Finding.relapse_of), joinedload(Finding.found_by),
        joinedload(Finding.closed_by),
    )  # fmt: skip
    if page is not None:
        wanted = wanted.limit(A_PAGE + 1).offset((page - 1) * A_PAGE)
    return list(session.scalars(wanted))


def figures(session: Session, filters: Mapping[str, str], actor: Actor, by: str | None = None) -> list[Figures]:
    """The counts of all that pass the filters, or of each group of them, most first."""
    counted = [func.sum(case((condition, 1), else_=0)) for condition in _conditions().values()]
    if by is None:
        (row,) = session.execute(_those(select(*counted), filters, actor))
        return [Figures("", "合计", dict(zip(STATES, [each or 0 for each in row], strict=True)))]
    _, key, name = GROUPS[by]
    grouped = _those(select(key, name, *counted), filters, actor).where(key.is_not(None)).group_by(key, name)
    rows = session.execute(grouped.order_by(func.count().desc(), key))
    return [Figures(row[0], row[1], dict(zip(STATES, row[2:], strict=True))) for row in rows]


def choices(session: Session, actor: Actor) -> dict[str, Sequence[tuple[str, str]]]:
    """What may be filtered by, of what the person may look at."""
    year = func.substr(Finding.number, 1, 4)
    years = session.scalars(_those(select(year), {}, actor).distinct().order_by(year.desc()))
    return {
        "year": [(each, f"{each}年") for each in years],
        **{by: [(each.key, each.name) for each in figures(session, {}, actor, by)] for by in GROUPS},
        "source": list(SOURCES.items()), "severity": [(each, each) for each in SEVERITIES],
        "state": list(STATES.items()),
    }  # fmt: skip


class RoundFigures(NamedTuple):
    opened: SupervisionRound
    visits: int
    made: int
    overdue: int


def rounds(session: Session, filters: Mapping[str, str], actor: Actor) -> list[RoundFigures]:
    """Rounds with how many of their visits were made, as far as year and unit are filtered by."""
    late = Visit.visited_on.is_(None) & (func.coalesce(Visit.due_on, SupervisionRound.visit_by) < clock.today())
    counts = func.count(), func.count(Visit.visited_on), func.sum(case((late, 1), else_=0))
    wanted = select(SupervisionRound, *counts).join(Visit.round).join(Unit, Visit.school_id == Unit.id).outerjoin(
        DISTRICT, Unit.parent_id == DISTRICT.id
    ).where(overview.theirs(actor, Visit.school_id))  # fmt: skip
    columns = {
        "district": DISTRICT.key, "school": Unit.key, "year": cast(extract("year", SupervisionRound.visit_by), String)
    }  # fmt: skip
    wanted = wanted.where(*(column == filters[name] for name, column in columns.items() if name in filters))
    wanted = wanted.group_by(*inspect(SupervisionRound).columns).order_by(SupervisionRound.opened_at.desc())
    return [RoundFigures(*row) for row in session.execute(wanted)]


def _those(wanted: Select[Any], filters: Mapping[str, str], actor: Actor) -> Select[Any]:
    wanted = (
        wanted.select_from(Finding).join(Unit, Finding.unit_id == Unit.id)
        .outerjoin(DISTRICT, and_(Unit.parent_id == DISTRICT.id, DISTRICT.kind == "district"))
        .join(INSPECTOR, Finding.found_by_id == INSPECTOR.id).outerjoin(CLOSER, Finding.closed_by_id == CLOSER.id)
        .where(overview.theirs(actor, Finding.unit_id))
    )  # fmt: skip
    wanted = wanted.where(*(column == filters[name] for name, column in COLUMNS.items() if name in filters))
    if "year" in filters:
        wanted = wanted.where(Finding.number.startswith(f"{filters['year']}-", autoescape=True))
    return wanted.where(_conditions().get(filters.get("state", "issued"), true()))


def _conditions() -> dict[str, ColumnElement[bool]]:
    """What a finding must be to count as one of `STATES`: for the figures, and for the rows behind them."""
    closed, overdue = Finding.closed_at.is_not(None), and_(overview.OPEN, Finding.due_on < clock.today())
    relapsed = and_(closed, exists().where(LATER.relapse_of_id == Finding.id))
    withdrawn = Finding.withdrawn_at.is_not(None)
    conditions = true(), overview.OPEN, overdue, closed | overdue, closed, relapsed, withdrawn
    return dict(zip(STATES, conditions, strict=True))


def state_of(finding: Finding) -> str:
    """In one word of the ledger."""
    if finding.closed_at or finding.withdrawn_at:
        return STATES["closed" if finding.closed_at else "withdrawn"]
    return STATES["overdue" if finding.due_on < clock.today() else "open"]
