"""The register itself: registering and lifting a bar, who may, and who reads how much of it."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from importlib import resources
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from engine import clock, deadlines, ids
from engine.deadlines.limits import TO_CONFIRM
from engine.errors import InvalidState, NotAllowed, NotFound
from engine.identity import Actor
from engine.models import Bar

RULES = tomllib.loads(resources.files(__package__).joinpath("rules.toml").read_text("utf-8"))
SCOPES: dict[str, str] = RULES["scopes"]
READERS = {"bureau_leader", "deputy_leader", "department_head", "discipline_liaison"}
"""Who sees that there are bars, and of which kind, but no names in full."""


def can_keep(actor: Actor) -> bool:
    return actor.has_role("department_head", "RS") or actor.has_role("office_supervisor")


def can_read(actor: Actor) -> bool:
    return can_keep(actor) or bool(actor.roles & READERS)


def require_can_keep(actor: Actor) -> None:
    if not can_keep(actor):
        raise NotAllowed(
            f"{actor.login} may not keep the register", advice="一票否决由人事处负责人或办公室督办员登记、解除。"
        )


def listed(session: Session, *, actor: Actor) -> list[Bar]:
    """All bars, latest first."""
    if not can_read(actor):
        raise NotFound(f"no register for {actor.login}", advice="没有这个页面，或您无权查看。")
    wanted = select(Bar).options(joinedload(Bar.registered_by), joinedload(Bar.lifted_by))
    return list(session.scalars(wanted.order_by(Bar.year.desc(), Bar.sequence.desc())))


def get(session: Session, bar_id: str, *, actor: Actor) -> Bar:
    require_can_keep(actor)
    bar = session.get(Bar, bar_id)
    if bar is None:
        raise NotFound(f"no bar {bar_id}", advice="没有这条登记。")
    return bar


def shown_name(bar: Bar, actor: Actor) -> str:
    """Of a person, others than the keepers read the family name alone."""
    masked = bar.subject[:1] + "某" * (len(bar.subject) - 1)
    return bar.subject if can_keep(actor) or bar.kind == "unit" else masked


def register(session: Session, told: Mapping[str, Any], *, actor: Actor) -> Bar:
    """Bar somebody, on the word of a decision that was taken elsewhere."""
    require_can_keep(actor)
    return enter(session, told, actor=actor)


def enter(session: Session, told: Mapping[str, Any], *, actor: Actor) -> Bar:
    """The bar itself, for those who decide as for those who keep it. Without a last day it is that of the sanction, or there is none."""
    starts_on = date.fromisoformat(told["starts_on"])
    if starts_on > clock.today():
        raise ValidationError({"starts_on": ["起始日期是决定生效之日，不能晚于今天"]})
    if not compared(told["subject"]):
        raise ValidationError({"subject": ["请填写姓名或单位名称，不能只有符号"]})
    ends_on, why = _end(session, told, starts_on)
    year = clock.today().year
    kept = ("kind", "subject", "id_hint", "reason", "sanction", "basis", "scopes")
    bar = Bar(
        id=ids.new(), year=year, sequence=ids.in_year(session, Bar, year), subject_key=compared(told["subject"]),
        unit_words=told["unit"] or told["subject"], starts_on=starts_on, ends_on=ends_on, ends_why=why,
        registered_by_id=actor.id, registered_at=clock.now(), **{name: told[name] for name in kept},
    )  # fmt: skip
    session.add(bar)
    session.flush()
    return bar


def _end(session: Session, told: Mapping[str, Any], starts_on: date) -> tuple[date | None, str]:
    """The last day, and why it is that one. A sanction bars for its whole period, which is not put off by days off."""
    named = date.fromisoformat(told["ends_on"]) if told["ends_on"] else None
    if named and named < starts_on:
        raise ValidationError({"ends_on": ["截止日期不能早于起始日期"]})
    book, rule = deadlines.current(session), RULES["sanctions"][told["sanction"]].get("limit")
    limit = book.find(rule, clock.now()) if rule else None
    if limit is None:
        return named, "决定写明的截止日期" if named else "没有写明截止日期，解除为止"
    end = deadlines.count(book.calendar, limit, starts_on).period_end - timedelta(days=1)
    why = f"{limit.name}{limit.amount}个月（{limit.article}{'，待核对' if limit.is_to_confirm else ''}）"
    if named and named < end:
        raise ValidationError({"ends_on": [f"不能早于{end}：{why}"]})
    return (named, f"决定写明的截止日期，长于{why}") if named and named > end else (end, why)


def lift(session: Session, bar_id: str, told: Mapping[str, Any], *, actor: Actor) -> None:
    """解除 before its end, from today on, on the word of a decision."""
    bar = get(session, bar_id, actor=actor)
    session.refresh(bar, with_for_update=True)
    if bar.lifted_at or not bar.is_in_force(clock.today()):
        raise InvalidState(f"{bar.number} has ended", advice="这条否决已经期满或解除。")
    bar.lifted_by_id, bar.lifted_at, bar.lifted_on = actor.id, clock.now(), clock.today()
    bar.lifted_by_decision = told["decision"]


def compared(name: str) -> str:
    """A name without what people write differently: spaces, dots between its parts, full-width signs, case."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in plain if sign.isalnum())[:100]


def source_of(bar: Bar) -> str:
    """The rule a bar rests on, as a refusal quotes it."""
    reason = RULES["reasons"][bar.reason]
    return f"{reason['source']}{'，待核对' if reason['mark'] in TO_CONFIRM else ''}"
