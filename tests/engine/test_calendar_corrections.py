"""The office keeps the calendar: who may, what a document changes, and that other processes see it."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from engine import calendar, db, identity
from engine.calendar import Exceptional, corrections, notice, terms
from engine.errors import InvalidInput, InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import CalendarYear, Job
from tests.driver import Bureau

NOTICE = "市政府办公室关于调整放假安排的通知"


def somebody(login: str = "duban1") -> Actor:
    with db.reading() as session:
        account = identity.account(session, login)
        assert account is not None
        return account.actor


def correct(day: date, *, working: bool = False, name: str = "临时放假", by: str = "duban1") -> None:
    with db.transaction() as session:
        corrections.correct(session, day, working=working, name=name, source=NOTICE, actor=somebody(by))


def is_working(day: date) -> bool:
    with db.reading() as session:
        return calendar.current(session).is_working(day)


def test_a_correction_leaves_its_trace_and_can_be_taken_back(bureau: Bureau) -> None:
    day = date(2021, 7, 28)
    assert is_working(day)
    correct(day)
    assert not is_working(day)
    correct(day, working=True, name="")
    assert is_working(day)
    with db.reading() as session:
        traces = corrections.made(session, 2021)
        assert [(each.day, each.working, each.source) for each in traces] == [(day, True, NOTICE), (day, False, NOTICE)]
        assert traces[0].recorded_by is not None
        assert traces[0].recorded_by.login == "duban1"
        queued = session.scalars(select(Job.kind).where(Job.kind == corrections.CHANGED)).all()
    # Each is counted again at once, and a second time for whoever was under way.
    assert len(queued) == 4
    correct(date(2021, 7, 31), working=True, name="")
    with db.reading() as session:
        assert calendar.current(session).exceptions[date(2021, 7, 31)] == Exceptional(True, "调休上班")


def test_a_notice_is_read_as_people_write_it() -> None:
    days = notice.read("2027-02-05  2027-02-11 休 春节\n\n 2027-01-31 班\n2027-04-05 休\n")
    assert days[date(2027, 2, 11)] == Exceptional(False, "春节")
    assert days[date(2027, 1, 31)] == Exceptional(True, "调休上班")
    assert (len(days), notice.read(notice.write(days))) == (9, days)
    for line in (
        "2027-02-05",
        "2027-02-30 休",
        "2027-02-11 2027-02-05 休",
        "2027-01-01 2027-12-31 休",
        "x 休",
        "2027-1-1 休 x",
    ):
        with pytest.raises(InvalidInput) as refused:
            notice.read("2027-01-01 休 元旦\n" + line)
        assert "第2行" in refused.value.advice


@pytest.mark.parametrize("login", ["jj_head", "juzhang", "designer", "liangxi_xx_officer"])
def test_others_may_not(bureau: Bureau, login: str) -> None:
    actor = somebody(login)
    with db.transaction() as session:
        with pytest.raises(NotAllowed):
            corrections.correct(session, date(2021, 7, 28), working=False, name="x", source="x", actor=actor)
        with pytest.raises(NotAllowed):
            corrections.announce(session, 2027, "x", actor=actor)
        with pytest.raises(NotAllowed):
            corrections.correct_term(
                session, 2021, 1, starts_on=date(2021, 9, 1), ends_on=date(2022, 1, 1), source="x", actor=actor
            )


def test_what_says_nothing_new_is_refused(bureau: Bureau) -> None:
    with pytest.raises(InvalidState):
        correct(date(2021, 7, 28), working=True, name="")
    with pytest.raises(InvalidState):
        correct(date(2021, 10, 1), name="国庆节")
    with pytest.raises(InvalidInput):
        correct(date(1999, 1, 1))


def test_announcing_a_year_makes_it_final(bureau: Bureau) -> None:
    days = {date(2027, 1, 1): Exceptional(False, "元旦"), date(2027, 1, 9): Exceptional(True, "调休上班")}
    with db.transaction() as session:
        corrections.announce(session, 2027, NOTICE, days=days, actor=somebody())
    with db.reading() as session:
        working = calendar.current(session)
        assert 2027 in working.announced
        assert {day for day in working.exceptions if day.year == 2027} == set(days)
        # The library's guess at the Spring Festival is gone with the rest.
        assert working.is_working(date(2027, 2, 8))
        assert session.get_one(CalendarYear, 2027).source == NOTICE
    with db.transaction() as session, pytest.raises(InvalidState):
        corrections.announce(session, 2027, NOTICE, actor=somebody())
    with db.transaction() as session, pytest.raises(InvalidInput):
        corrections.announce(session, 2028, NOTICE, days=days, actor=somebody())


def test_a_change_that_is_rolled_back_changes_nothing(bureau: Bureau) -> None:
    day = date(2021, 7, 28)
    with db.transaction() as session:
        corrections.correct(session, day, working=False, name="x", source="x", actor=somebody())
        assert not calendar.current(session).is_working(day)
        session.rollback()
    assert is_working(day)


def test_terms_are_the_bureaus_to_say(bureau: Bureau) -> None:
    with db.transaction() as session:
        corrections.correct_term(
            session,
            2021,
            1,
            starts_on=date(2021, 9, 1),
            ends_on=date(2022, 1, 14),
            source="2021学年校历",
            actor=somebody(),
        )
    with db.reading() as session:
        known = terms.all_terms(session)
    autumn = terms.term_of(known, date(2021, 9, 1))
    assert autumn is not None
    assert (autumn.ends_on, autumn.confirmed) == (date(2022, 1, 14), True)
    assert not terms.in_term(known, date(2022, 1, 18))
    with db.transaction() as session, pytest.raises(InvalidInput):
        corrections.correct_term(
            session, 2021, 2, starts_on=date(2022, 1, 10), ends_on=date(2022, 7, 1), source="x", actor=somebody()
        )
