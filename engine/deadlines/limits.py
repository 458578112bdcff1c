"""Time limits as data: what is shipped, what is in force for a case, and how the office changes it.

A limit has versions, one replacing the other; none is ever edited. A case keeps to what was in force, and recorded, on the
day it was opened. The more special rule set goes before the more general one, but a mere proposal of ours (P) before none.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from importlib import resources
from typing import Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.orm import Session, joinedload

from engine import calendar, clock, ids, settings
from engine.calendar import book, corrections
from engine.calendar.shipped import SINCE_EVER
from engine.db import to_json
from engine.errors import Conflict, InvalidInput, InvalidState, NotFound
from engine.identity import Actor
from engine.models import TimeLimit, table

NATIONAL, BUREAU = "national", "bureau"
PROVINCES = {
    "jiangsu": "江苏", "shanghai": "上海", "zhejiang": "浙江", "chongqing": "重庆", "shandong": "山东"
}  # fmt: skip
SETS = {NATIONAL: "国家", **PROVINCES, BUREAU: "本局"}
PROVINCE = "time.province"
"""The setting that says, from when on, which province's rules apply here."""
HOME = "jiangsu"
SET, YES_NO = "set", "yes_no"
COUNTS = {"times": "次", "schools": "所"}
UNDATED = {YES_NO, *COUNTS}
UNITS = {"working_days": "个工作日", "days": "日", "hours": "小时", "months": "个月", **COUNTS}
TO_CONFIRM = frozenset("KP")
"""Marks of what the bureau has yet to confirm (待核对)."""
MOST = 3_650

LIMIT = table(TimeLimit)


@dataclass(frozen=True)
class Limit:
    """One version of a time limit, as its row says; see `models.TimeLimit`."""

    id: str
    key: str
    rule_set: str
    subject: str
    name: str
    article: str
    amount: int | None
    unit: str
    sense: str
    event: str
    counts_from: str
    on_expiry: str
    bound: str
    mark: str
    effective_from: date | None
    effective_to: date | None
    source: str
    reason: str
    recorded_at: datetime
    recorded_by_id: str | None
    replaces_id: str | None

    @property
    def is_usable(self) -> bool:
        """Whether it says how long, or leaves it to somebody."""
        return self.amount is not None or self.unit == SET

    @property
    def is_to_confirm(self) -> bool:
        return self.mark in TO_CONFIRM

    @property
    def quantity(self) -> str:
        """How long, in words: 20个工作日内, 不少于30日, 提前7日."""
        if self.unit == SET:
            return "逐件确定"
        if self.amount is None:
            return "待录入"
        if self.unit == YES_NO:
            return "是" if self.amount else "否"
        if self.unit in COUNTS:
            return f"{'至少' if self.sense == 'at_least' else '至多'}{self.amount}{COUNTS[self.unit]}"
        if not self.amount:
            return "立即"
        long = f"{self.amount}{UNITS[self.unit]}"
        return {"within": f"{long}内", "at_least": f"不少于{long}", "ahead": f"提前{long}"}[self.sense]

    @property
    def told(self) -> str:
        """What it demands, with its source: 决策草案合法性审查不少于7个工作日（…）."""
        return f"{self.name}{self.quantity}（{self.article}{'，待核对' if self.is_to_confirm else ''}）"


class Book:
    """All time limits with all their versions, and the calendar they are counted on."""

    def __init__(self, limits: list[Limit], working: calendar.Calendar, provinces: Mapping[str, str]) -> None:
        self.by_id = {limit.id: limit for limit in limits}
        self.calendar = working
        self._provinces = provinces
        self.lines: dict[str, list[Limit]] = {}
        """The versions of each limit in the order of recording, by the id of the first."""
        root_of: dict[str, str] = {}
        for limit in limits:
            root = root_of[limit.id] = root_of.get(limit.replaces_id or "", limit.id)
            self.lines.setdefault(root, []).append(limit)

    @cached_property
    def _by_key(self) -> dict[str, list[list[Limit]]]:
        found: dict[str, list[list[Limit]]] = {}
        for versions in self.lines.values():
            found.setdefault(versions[0].key, []).append(versions)
        return found

    def find(self, key: str, opened_at: datetime) -> Limit | None:
        """The limit that a case of that moment keeps to; None where no rule was in force yet, or none any more."""
        sets = {NATIONAL, BUREAU, self.province(opened_at)}
        day = opened_at.astimezone(clock.LOCAL).date()
        held = [_in_force(versions, day, opened_at) for versions in self._by_key.get(key, [])]
        usable = [limit for limit in held if limit and limit.rule_set in sets and limit.is_usable]
        return max(usable, key=_rank, default=None)

    def province(self, at: datetime) -> str:
        """Whose rules applied at a moment."""
        chosen = [name for since, name in sorted(self._provinces.items()) if since <= at.isoformat()]
        return chosen[-1] if chosen else HOME

    def latest(self) -> list[Limit]:
        return [versions[-1] for versions in self.lines.values()]


def _in_force(versions: list[Limit], day: date, known_at: datetime) -> Limit | None:
    # A rule that this product learned of later than the case was opened is better than none.
    known = [limit for limit in versions if limit.recorded_at <= known_at] or versions[:1]
    begun = [limit for limit in known if limit.effective_from is None or limit.effective_from <= day]
    return begun[-1] if begun and (begun[-1].effective_to is None or day <= begun[-1].effective_to) else None


def _rank(limit: Limit) -> tuple[bool, int, date]:
    special = {NATIONAL: 0, BUREAU: 2}.get(limit.rule_set, 1)
    return limit.mark != "P", special, limit.effective_from or date.min


def _load(session: Session) -> Book:
    rows = session.execute(select(LIMIT).order_by(LIMIT.c.recorded_at, LIMIT.c.id))
    provinces = orjson.loads(settings.value(session, PROVINCE) or "{}")
    return Book([Limit(**row._mapping) for row in rows], book.load(session), provinces)


_kept = book.Kept(_load)


def current(session: Session, revision: str | None = None) -> Book:
    """All that is recorded; one look at the database, however often it is asked, or none if its revision is known."""
    return _kept.of(session, revision)


# ---- what is shipped


def _shipped() -> Iterator[dict[str, Any]]:
    told = tomllib.loads(resources.files(__package__).joinpath("time_limits.toml").read_text("utf-8"))
    for entry in told["limit"]:
        variants = entry.pop("variant", [])
        period = {name: entry.pop(name) for name in ("from", "to") if name in entry}
        for each in (period, *variants):
            said = {"set": BUREAU, "sense": "within", **entry, **each}
            yield {
                **{name: said[name] for name in ("key", "subject", "name", "article", "unit", "sense", "event")},
                **{name: said[name] for name in ("on_expiry", "bound", "mark")},
                "rule_set": said["set"],
                "amount": None if said.get("unknown") else said.get("amount"),
                "counts_from": told["events"][said["event"]],
                "effective_from": said.get("from"),
                "effective_to": said.get("to"),
            }


SHIPPED = tuple(_shipped())
RULES = {each["key"]: str(each["name"]) for each in SHIPPED}
DATED = {each["key"]: each["unit"] for each in SHIPPED if each["sense"] == "within" and each["unit"] not in UNDATED}
"""The rules that give a user task its due date, by the names that diagrams use, and how they count."""
FINGERPRINT = sha256(orjson.dumps(SHIPPED)).hexdigest()


def ship(session: Session) -> None:
    """Add what this version brings; a line that the office has changed stays as the office wants it."""
    held = {root: versions[-1] for root, versions in _load(session).lines.items()}
    rows, count = [], Counter[tuple[str, str]]()
    for said in SHIPPED:
        count[place] = number = count[place := (said["key"], said["rule_set"])] + 1
        first = ids.of(f"time_limit:{said['key']}:{said['rule_set']}:{number}")
        latest = held.get(first)
        new = {**said, "source": "随系统提供", "reason": "", "recorded_by_id": None}
        if latest is None:
            rows.append({**new, "id": first, "recorded_at": SINCE_EVER, "replaces_id": None})
        elif latest.recorded_by_id is None and any(getattr(latest, name) != value for name, value in said.items()):
            rows.append({**new, "id": ids.new(), "recorded_at": clock.now(), "replaces_id": latest.id})
    if rows:
        session.execute(insert(LIMIT), rows)
        book.touch(session)


# ---- what the office changes


def revise(
    session: Session,
    limit_id: str,
    *,
    amount: float | None,
    unit: str,
    article: str,
    effective_from: date | None,
    effective_to: date | None,
    confirmed: bool,
    source: str,
    reason: str,
    actor: Actor,
) -> Limit:
    """Record the next version of a limit. Cases that are open keep the version they were opened under."""
    corrections.require_can_correct(actor)
    old = get(session, limit_id)
    if any(limit.replaces_id == old.id for limit in current(session).by_id.values()):
        raise Conflict(f"time limit {limit_id} was replaced", advice="这条规则刚有人改过，请打开最新的一版再改。")
    _require_sound(old, amount, unit)
    if effective_from and effective_to and effective_to < effective_from:
        raise InvalidInput("ends before it begins", advice="失效日期不能早于施行日期。")
    new = replace(
        old, amount=None if amount is None else int(amount), unit=unit, article=article,
        effective_from=effective_from, effective_to=effective_to, mark="L" if confirmed else "K",
    )  # fmt: skip
    if new == old:
        raise InvalidState("nothing changed", advice="内容没有变化，没有保存。")
    new = replace(
        new, id=ids.new(), source=source, reason=reason, recorded_at=clock.now(), recorded_by_id=actor.id,
        replaces_id=old.id,
    )  # fmt: skip
    session.execute(insert(LIMIT), [asdict(new)])
    if new.key == book.WEEKENDS:
        # How days are counted is no matter of one case: everything that is open is counted anew.
        corrections.changed(session, date(corrections.FIRST_YEAR, 1, 1), date(corrections.LAST_YEAR, 12, 31), source)
    else:
        book.touch(session)
    return new


def _require_sound(old: Limit, amount: float | None, unit: str) -> None:
    if unit not in (*UNITS, SET, YES_NO) or (old.unit != unit and {old.unit, unit} & {SET, *UNDATED}):
        raise InvalidInput(f"unit {unit}", advice="这条规则的计算单位不能改成这样。")
    if unit == SET:
        sound = amount is None
    else:
        sound = amount is not None and amount == int(amount) and 0 <= amount <= (1 if unit == YES_NO else MOST)
    if not sound:
        told = {SET: "逐件确定的规则不填数量。", YES_NO: "请填1（是）或0（否）。"}
        raise InvalidInput(f"amount {amount}", advice=told.get(unit, f"数量须是0到{MOST}的整数。"))


def choose_province(session: Session, province: str, *, actor: Actor) -> None:
    """From now on, cases keep to the rules of this province."""
    corrections.require_can_correct(actor)
    if province not in PROVINCES:
        raise InvalidInput(f"no province {province}", advice="没有这个省份的规则，请从列表中选择。")
    chosen = orjson.loads(settings.value(session, PROVINCE) or "{}")
    settings.put(session, PROVINCE, to_json({**chosen, clock.now().isoformat(): province}))
    book.touch(session)


def get(session: Session, limit_id: str) -> Limit:
    found = current(session).by_id.get(limit_id)
    if found is None:
        raise NotFound(f"no time limit {limit_id}", advice="没有这条期限规则。")
    return found


def versions(session: Session, limit_id: str) -> list[TimeLimit]:
    """All versions of the line a limit belongs to, latest first, with who recorded them."""
    line = next(line for line in current(session).lines.values() if any(each.id == limit_id for each in line))
    wanted = select(TimeLimit).where(TimeLimit.id.in_([limit.id for limit in line]))
    found = session.scalars(wanted.options(joinedload(TimeLimit.recorded_by)))
    return sorted(found, key=lambda limit: limit.recorded_at, reverse=True)
