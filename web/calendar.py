"""日历: a year at a glance with its holidays, working weekends and school terms, and what the office changes about it."""

from __future__ import annotations

from calendar import Calendar as Weeks
from collections import Counter
from datetime import date
from functools import partial
from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from engine import calendar, clock, db
from engine.calendar import book, corrections, notice, terms
from engine.calendar.days import spans
from engine.models import CalendarYear
from web import entry
from web.entry import Entry

bp = Blueprint("calendar", __name__, url_prefix="/calendar")

FIRST_YEAR, LAST_YEAR = corrections.FIRST_YEAR, corrections.LAST_YEAR


@bp.get("")
def index() -> ResponseReturnValue:
    written = request.args.get("year", "")
    year = int(written) if written.isdecimal() and len(written) == 4 else clock.today().year
    year = min(max(year, FIRST_YEAR), LAST_YEAR)
    with db.reading() as session:
        working, known = calendar.current(session), terms.all_terms(session)
        months = [Weeks().monthdatescalendar(year, number) for number in range(1, 13)]
        whole = map(date.fromordinal, range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal()))
        counts = Counter(day.month for day in whole if working.is_working(day))
        return render_template(
            "calendar.html", year=year, months=months, counts=counts, working=working,
            in_term=partial(terms.in_term, known), announced=session.get(CalendarYear, year),
            spans=spans(working.exceptions, (day for day in working.exceptions if day.year == year)),
            terms=[term for term in known if year in (term.starts_on.year, term.ends_on.year)],
            made=corrections.made(session, year), may_correct=corrections.can_correct(g.actor),
            before=year - 1 if year > FIRST_YEAR else None, after=year + 1 if year < LAST_YEAR else None,
        )  # fmt: skip


@bp.route("/day", methods=["GET", "POST"])
def day() -> ResponseReturnValue:
    corrections.require_can_correct(g.actor)
    typed = request.form.get("day", "") or request.args.get("day", "")
    asked = Entry("calendar.day", "更正某一天", "日历", _back(typed), "已更正，落在这一天的期限随即重算。")
    return entry.send(asked, _correct) if request.method == "POST" else entry.show(asked, {"day": typed})


@bp.route("/year/<int:year>", methods=["GET", "POST"])
def announce(year: int) -> ResponseReturnValue:
    corrections.require_can_correct(g.actor)
    corrections.require_year(year)
    note = "按国务院办公厅的通知填写。公布后本年的期限不再是暂定，受影响的期限随即重算。"
    asked = Entry("calendar.year", f"公布{year}年日历", "日历", _back(str(year)), f"{year}年日历已公布。", note)
    if request.method == "POST":
        return entry.send(asked, lambda session, data: corrections.announce(
            session, year, data["source"], days=notice.read(data["days"]), actor=g.actor))  # fmt: skip
    with db.reading() as session:
        return entry.show(asked, {"days": notice.write(book.exceptions(session, year))})


@bp.route("/term", methods=["GET", "POST"])
def term() -> ResponseReturnValue:
    corrections.require_can_correct(g.actor)
    typed = request.form.get("starts_on", "") or request.args.get("starts_on", "")
    asked = Entry("calendar.term", "更正学期起止", "日历", _back(typed), "已更正学期起止。")
    return entry.send(asked, _correct_term) if request.method == "POST" else entry.show(asked, request.args)


def _correct(session: Session, data: dict[str, Any]) -> None:
    told = entry.with_days(data, "day") | {"name": data["name"] or ""}
    corrections.correct(session, **told, actor=g.actor)


def _correct_term(session: Session, data: dict[str, Any]) -> None:
    told = entry.with_days(data, "starts_on", "ends_on")
    told |= {name: int(data[name]) for name in ("school_year", "term")}
    corrections.correct_term(session, **told, actor=g.actor)


def _back(written: str) -> str:
    """The page of the year that somebody works on."""
    year = written[:4]
    return url_for(".index", year=year if year.isdecimal() else None)
