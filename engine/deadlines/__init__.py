"""When something is due, and why: time limits (期限) as data, counted on the bureau's calendar.

`due` is what a step asks; `limits` holds the rules, `recount` counts again when the calendar changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from engine import clock
from engine.calendar import Calendar, Counted, Span
from engine.deadlines.limits import RULES, SET, Book, Limit, current
from engine.errors import InvalidInput
from forms import expressions

__all__ = ["RULES", "WRITTEN", "Book", "Due", "Limit", "current", "due", "moment", "of_rule", "put_off", "recounted"]


WRITTEN = re.compile(r"rule:(?P<name>\w+)(?: from (?P<since>\$\{.+?\}))?(?: until (?P<until>\$\{.+?\}))?")
"""A rule in a diagram: its name, a variable with the day of its event, and one with a day that must not be passed."""


@dataclass(frozen=True)
class Due:
    at: datetime | None = None
    reason: str | None = None
    basis: dict[str, Any] | None = None
    """What it was counted from and how, to be shown and to be counted again; None for a date that was simply given."""


def due(
    session: Session,
    written: str | None,
    variables: Mapping[str, Any],
    *,
    opened_at: datetime,
    revision: str | None = None,
) -> Due:
    """The due date of a user task from a rule, an ISO date, or a variable that holds one.

    `opened_at` is when the case was opened: it keeps to the rules of that day. A rule counts from now, unless it says from when.
    `revision` of calendar and rules, if it is known, saves a look at the database.
    """
    if not written:
        return Due()
    named = WRITTEN.fullmatch(written)
    if named is None:
        given = _value(written, variables) if written.startswith(("${", "#{")) else written
        return Due(moment(given)) if given is not None else Due()
    since = _value(named["since"], variables) if named["since"] else clock.now().isoformat()
    until = _value(named["until"], variables) if named["until"] else None
    return Due() if since is None else of_rule(current(session, revision), named["name"], since, until, opened_at)


def of_rule(book: Book, name: str, since: str, until: str | None, opened_at: datetime) -> Due:
    """What a rule makes of an event: `since` and `until` are ISO days or moments."""
    limit = book.find(name, opened_at)
    if limit is None:
        return Due(reason=f"{RULES[name]}：本事项开始办理时还没有适用的期限规定")
    try:
        return _counted(book.calendar, limit, since, until)
    except (OverflowError, ValueError) as error:
        raise InvalidInput(
            f"cannot count from {since}", code="due_date", advice=f"无法从“{since}”起算期限。"
        ) from error


def until(session: Session, rule: str, opened_at: datetime, since: str | None = None) -> str:
    """When something ends that begins now, by a rule; at once where none is in force yet: nothing is later for want of a rule."""
    due = of_rule(current(session), rule, since or clock.now().isoformat(), None, opened_at)
    return (due.at or clock.now()).isoformat()


def recounted(book: Book, basis: Mapping[str, Any]) -> Due:
    """The same limit from the same event, on the calendar of today."""
    return _counted(
        book.calendar, book.by_id[basis["rule_id"]], basis["since"], basis["until"], basis.get("paused", [])
    )  # fmt: skip


def put_off(calendar: Calendar, unit: str, at: datetime, begin: datetime, end: datetime) -> datetime:
    """A due date after a stretch in which its clock stood still: later by as much of it as its rule would have counted."""
    if unit == "hours":
        return at + (end - begin)
    first, last, day = (moment.astimezone(clock.LOCAL).date() for moment in (begin, end, at))
    if unit == "working_days":
        lost, later = calendar.working_days_between(first, last), calendar.working_days_after
    else:
        lost, later = (last - first).days, calendar.natural_days_after
    return clock.end_of(later(day, lost).day) if lost else at


def count(calendar: Calendar, limit: Limit, start: date) -> Counted:
    """The last day of a limit that is counted in days or months."""
    amount = -(limit.amount or 0) if limit.sense == "ahead" else limit.amount or 0
    counts = {
        "working_days": calendar.working_days_after, "days": calendar.natural_days_after,
        "months": calendar.months_after,
    }  # fmt: skip
    return counts[limit.unit](start, amount)


def _counted(
    calendar: Calendar, limit: Limit, since: str, until: str | None, paused: Sequence[Sequence[str]] = ()
) -> Due:
    event, last = moment(since), moment(until) if until else None
    if limit.unit == "hours":
        at, found = calendar.hours_after(event, limit.amount or 0), None
    elif limit.unit == SET:
        at, found = event, None
    else:
        found = count(calendar, limit, event.astimezone(clock.LOCAL).date())
        at = clock.end_of(found.day)
    for begin, end in paused:
        at = put_off(calendar, limit.unit, at, moment(begin), moment(end))
    is_capped = last is not None and last < at
    at = last if last is not None and is_capped else at
    sure = "，待核对" if limit.is_to_confirm else ""
    told = f"{limit.counts_from}起{limit.quantity}" if limit.unit != SET else limit.counts_from
    basis = {
        "rule": limit.key, "rule_id": limit.id, "name": limit.name, "article": limit.article, "mark": limit.mark,
        "quantity": limit.quantity, "unit": limit.unit, "bound": limit.bound, "on_expiry": limit.on_expiry,
        "event": limit.counts_from, "since": since, "until": until, "capped": is_capped, **_told(found),
        **({"paused": paused} if paused else {}),
    }  # fmt: skip
    return Due(at, f"{limit.name}：{told}（{limit.article}{sure}）", basis)


def _told(found: Counted | None) -> dict[str, Any]:
    if found is None:
        return {"day": None, "period_end": None, "skipped": [], "worked": [], "provisional": False}
    return {
        "day": found.day.isoformat(), "period_end": found.period_end.isoformat(),
        "skipped": [_span(each) for each in found.skipped], "worked": [_span(each) for each in found.worked],
        "provisional": found.provisional,
    }  # fmt: skip


def _span(span: Span) -> list[str]:
    return [span.first.isoformat(), span.last.isoformat(), span.name]


def _value(written: str, variables: Mapping[str, Any]) -> str | None:
    value = expressions.compile(written).evaluate(variables)
    return None if value is None else str(value)


def moment(text: str) -> datetime:
    """The moment an ISO text means: of a day, its end."""
    try:
        found = datetime.fromisoformat(text) if "T" in text else clock.end_of(date.fromisoformat(text))
    except ValueError as error:
        raise InvalidInput(f"not a date: {text}", code="due_date", advice=f"“{text}”不是日期。") from error
    return found if found.tzinfo else found.replace(tzinfo=clock.LOCAL)
