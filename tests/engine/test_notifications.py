"""Mail leaves when it may and as often as it must: a digest a day, what is urgent at once, and nothing is lost or said twice."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import calendar, clock, db, identity, ids, jobs, notifications, settings
from engine.calendar import Calendar, Exceptional
from engine.models import Delivery, DeliveryState, Notification, Person, Setting
from engine.notifications import Mail, notices, outbox, preferences, rules, smtp
from tests import effects, mailbox
from tests.driver import Bureau
from tests.engine.test_reminders import until
from tests.mailbox import Mailbox

OFFICER = "zj_officer1"


@pytest.fixture
def mails(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setattr(smtp, "_away", {})
    with mailbox.served(monkeypatch) as box:
        yield box


@pytest.fixture(autouse=True)
def addresses(bureau: Bureau) -> None:
    with db.transaction() as session:
        known = Person.login.in_([OFFICER, "zj_officer2"])
        session.execute(update(Person).where(known).values(email=Person.login + "@example.cn"))


def tell(title: str, mail: Mail = Mail.DIGEST, login: str = OFFICER) -> None:
    with db.transaction() as session:
        notifications.notify(
            session, [person_of(session, login).id], "test", title, "正文", dedupe_key=f"test:{title}", mail=mail
        )  # fmt: skip


def person_of(session: Session, login: str) -> Person:
    person = identity.find(session, login)
    assert person is not None
    return person


def deliveries() -> list[Delivery]:
    with db.reading() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.created_at)))


def state() -> tuple[str, int]:
    (only,) = deliveries()
    return only.state, only.attempts


def test_one_digest_a_day_with_all_that_is_new(bureau: Bureau, mails: Mailbox) -> None:
    """Friday's news waits for Monday, and what was read by then is not news."""
    for title in ("甲", "乙", "丙"):
        tell(title)
    tell("甲")  # the same wish
    with db.transaction() as session:
        second = session.scalars(select(Notification).where(Notification.title == "乙")).one()
        notices.read(session, second.id, actor=identity.actor(person_of(session, OFFICER)))
    until(bureau, "2021-03-15T08:29")
    assert mails.subjects() == []
    until(bureau, "2021-03-15T08:31")
    assert mails.subjects() == ["闭环：2 条提醒，第一条：甲"]
    (mail,) = mails.mails
    assert [each.addr_spec for each in mail["To"].addresses] == [f"{OFFICER}@example.cn"]
    assert "甲\n正文\n\n丙\n正文" in mail.get_content().replace("\r\n", "\n")
    tell("丁")
    until(bureau, "2021-03-15T20:00")
    assert len(mails.mails) == 1
    until(bureau, "2021-03-16T08:31")
    assert mails.subjects()[1:] == ["闭环：丁"]
    until(bureau, "2021-03-18T08:31")
    assert len(mails.mails) == 2


@pytest.mark.parametrize(("mail", "at", "expected"), [
    (Mail.AT_ONCE, "2021-03-13T23:00", 1), (Mail.DAYTIME, "2021-03-12T19:59", 1), (Mail.DAYTIME, "2021-03-12T20:00", 0),
    (Mail.DAYTIME, "2021-03-15T07:59", 0), (Mail.DAYTIME, "2021-03-13T10:00", 0), (Mail.DIGEST, "2021-03-12T10:00", 0),
])  # fmt: skip
def test_quiet_hours_and_days_off(bureau: Bureau, mails: Mailbox, mail: Mail, at: str, expected: int) -> None:
    until(bureau, at)
    tell("甲", mail)
    jobs.run_due()
    assert len(mails.mails) == expected
    until(bureau, "2021-03-15T08:31")
    assert mails.subjects() == ["闭环：甲"]


def test_a_digest_that_comes_too_late_waits_for_the_next_time(bureau: Bureau, mails: Mailbox) -> None:
    """Nobody ticked on Monday by day: at night nothing is sent, on Tuesday one mail with both days."""
    tell("甲")
    with db.transaction() as session:
        settings.move_clock(session, datetime(2021, 3, 15, 2, tzinfo=UTC))
    tell("乙")
    for quiet in ("2021-03-15T22:00", "2021-03-16T08:00"):
        until(bureau, quiet)
        assert mails.mails == []
    until(bureau, "2021-03-16T08:31")
    assert mails.subjects() == ["闭环：2 条提醒，第一条：甲"]


def test_no_mail_without_an_address_or_against_the_wish(bureau: Bureau, mails: Mailbox) -> None:
    with db.transaction() as session:
        session.execute(update(Person).where(Person.login == "zj_officer2").values(email=None))
        actor = identity.actor(person_of(session, OFFICER))
        preferences.change(session, {"email": "x@example.cn", "wants_mail": "false"}, actor=actor)
    for login in (OFFICER, "zj_officer2"):
        tell(f"甲{login}", Mail.AT_ONCE, login)
        tell(f"乙{login}", Mail.DIGEST, login)
    until(bureau, "2021-03-15T09:00")
    assert (mails.mails, deliveries()) == ([], [])
    assert bureau.count(Notification) == 4


def test_what_was_rolled_back_was_never_said(bureau: Bureau, mails: Mailbox) -> None:
    with suppress(ZeroDivisionError), db.transaction() as session:
        told = [person_of(session, OFFICER).id]
        notifications.notify(session, told, "test", "甲", dedupe_key="test", mail=Mail.AT_ONCE)
        raise ZeroDivisionError
    jobs.run_due()
    assert (mails.mails, bureau.count(Notification)) == ([], 0)


def test_a_refused_mail_is_tried_again_under_the_same_name(bureau: Bureau, mails: Mailbox) -> None:
    mails.refuses = 2
    tell("甲", Mail.AT_ONCE)
    bureau.settle()
    assert state() == (DeliveryState.WAITING, 1)
    assert "451" in (deliveries()[0].error or "")
    bureau.let_time_pass(minutes=1)
    assert state() == (DeliveryState.WAITING, 2)
    bureau.let_time_pass(minutes=5)
    assert state() == (DeliveryState.SENT, 3)
    (mail,) = mails.mails
    assert mail["Message-ID"] == f"<{deliveries()[0].id}@example.cn>"
    assert effects.open_incidents() == []
    bureau.let_time_pass(days=1)
    assert len(mails.mails) == 1


def test_what_failed_for_good_is_sent_again_from_the_outbox(bureau: Bureau, mails: Mailbox) -> None:
    mails.refuses = jobs.ATTEMPTS
    tell("甲", Mail.AT_ONCE)
    bureau.settle()
    for minutes in (1, 5, 30):
        bureau.let_time_pass(minutes=minutes)
    assert state() == (DeliveryState.FAILED, jobs.ATTEMPTS)
    page = bureau.person("sysadmin").get("/outbox")
    assert page.says("451")
    assert page.says("重发")
    known = deliveries()[0].id
    for login in ("zj_head", "designer"):
        assert bureau.person(login).get("/outbox").status == 403
        assert bureau.person(login).post(f"/outbox/{known}/again", {}).status == 403
    administrator = bureau.person("sysadmin")
    assert administrator.post(f"/outbox/{known}/again", {}).status == 302
    assert administrator.post(f"/outbox/{known}/again", {}).status == 409
    bureau.settle()
    assert state() == (DeliveryState.SENT, 1)
    assert administrator.get("/outbox?state=sent").says("已送出")
    assert len(mails.mails) == 1


def test_a_crash_after_sending_sends_again_by_the_same_name(
    bureau: Bureau, mails: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(session: Session, payload: Mapping[str, Any]) -> None:
        raise ZeroDivisionError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setitem(jobs.handlers, outbox.MAIL, crash)
        tell("甲", Mail.AT_ONCE)
        bureau.settle()
    bureau.let_time_pass(minutes=1)
    assert len({mail["Message-ID"] for mail in mails.mails}) == 1
    assert (len(mails.mails), state()) == (2, (DeliveryState.SENT, 1))


def test_who_waits_for_the_mail_server_keeps_nobody_waiting(bureau: Bureau, mails: Mailbox) -> None:
    """While the server thinks, somebody else writes; with a transaction open that would wait on SQLite."""

    def write() -> None:
        with db.transaction() as session:
            session.add(Setting(key="written meanwhile", value=ids.new()))

    mails.meanwhile = write
    tell("甲", Mail.AT_ONCE)
    bureau.settle()
    assert state() == (DeliveryState.SENT, 1)


def test_nothing_people_write_becomes_a_header(bureau: Bureau, mails: Mailbox) -> None:
    nasty = "甲\r\nBcc: everybody@example.cn\u2028X-Evil: 1\x00\x85\r\n\r\n正文"
    with db.transaction() as session:
        session.execute(update(Person).where(Person.login == OFFICER).values(name="王\nBcc: a@example.cn"))
    tell(nasty.replace("\x00", ""), Mail.AT_ONCE)
    bureau.settle()
    (mail,) = mails.mails
    assert {"bcc", "x-evil"} & {name.lower() for name in mail} == set()
    assert "\n" not in str(mail["Subject"])
    assert [each.addr_spec for each in mail["To"].addresses] == [f"{OFFICER}@example.cn"]
    letter = Delivery(
        id=ids.new(), person=Person(name=nasty), address="a@example.cn", subject=nasty, body=nasty, created_at=clock.now()
    )  # fmt: skip
    assert smtp.compose(letter, "b@example.cn").as_bytes().count(b"\r\nBcc:") == 1, "in the body, where it is text"


def test_what_is_no_address_is_refused_and_stays_in_the_form(bureau: Bureau) -> None:
    officer = bureau.person(OFFICER)
    for address in (
        "a@example.cn\r\nBcc: b@example.cn", "a@example.cn, b@example.cn", "a", "a@", "甲@example.cn", "a b@example.cn",
        "<a@example.cn>", "a@example.cn" + "x" * 254,
    ):  # fmt: skip
        answer = officer.post("/me", {"email": address, "wants_mail": "true"}, form_page="/me")
        assert (answer.status, answer.says(address)) == (422, True), address
    with db.reading() as session:
        assert person_of(session, OFFICER).email == f"{OFFICER}@example.cn"
    assert officer.post("/me", {"email": "new@example.cn", "wants_mail": "false"}, form_page="/me").status == 302
    with db.reading() as session:
        person = person_of(session, OFFICER)
        assert (person.email, person.wants_mail) == ("new@example.cn", False)


def test_a_connection_that_is_not_safe_is_not_used(
    bureau: Bureau, mails: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STARTTLS is what happens unless told otherwise; the server has none."""
    monkeypatch.delenv("BIHUAN_SMTP_TLS")
    tell("甲", Mail.AT_ONCE)
    bureau.settle()
    assert mails.mails == []
    assert "STARTTLS" in (deliveries()[0].error or "")


def test_a_server_that_does_not_answer_is_left_alone_for_a_minute(
    bureau: Bureau, mails: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def silent(*_args: Any, **_settings: Any) -> smtplib.SMTP:
        tried.append(clock.now())
        raise TimeoutError("timed out")

    with monkeypatch.context() as away:
        away.setattr(smtplib, "SMTP", silent)
        for title in "甲乙丙":
            tell(title, Mail.AT_ONCE)
        bureau.settle()
        assert len(tried) == 1
        assert {delivery.error for delivery in deliveries()} == {"TimeoutError: timed out"}
    bureau.let_time_pass(minutes=2)
    assert len(mails.mails) == 3


def test_without_a_server_the_outbox_says_what_to_do(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIHUAN_SMTP_HOST", raising=False)
    tell("甲", Mail.AT_ONCE)
    bureau.settle()
    assert "BIHUAN_SMTP_HOST" in (deliveries()[0].error or "")
    assert bureau.person("sysadmin").get("/outbox").says("还没有设置邮件服务器")


@pytest.mark.parametrize(("begins", "ends", "quiet", "loud"), [
    ("20:00", "08:00", ["20:00", "23:59", "00:00", "07:59"], ["08:00", "19:59"]),
    ("12:00", "13:30", ["12:00", "13:29"], ["11:59", "13:30"]),
])  # fmt: skip
def test_quiet_hours(begins: str, ends: str, quiet: list[str], loud: list[str]) -> None:
    kept = rules.Rules(quiet_from=begins, quiet_until=ends)
    assert [kept.is_quiet(time.fromisoformat(each)) for each in quiet + loud] == [True] * len(quiet) + [False] * len(
        loud
    )


def test_the_office_changes_the_rules(bureau: Bureau, mails: Mailbox) -> None:
    told = {
        "digest_at": "09：15",
        "quiet_from": "18:00",
        "quiet_until": "09:00",
        "urges_a_day": "2",
        "urges_in_all": "5",
    }
    office = bureau.person("duban1")
    assert office.get("/reminders").says("待核对")
    for wrong in (
        {"digest_at": "8点半"},
        {"digest_at": "08:59"},
        {"urges_a_day": "0"},
        {"urges_a_day": "1.5"},
        {"x": "1"},
    ):
        answer = office.post("/reminders/rules", told | wrong, form_page="/reminders")
        assert (answer.status, answer.says("处要改")) == (422, True), wrong
    assert office.post("/reminders/rules", told, form_page="/reminders").status == 302
    assert bureau.person("zj_head").post("/reminders/rules", told).status == 403
    with db.reading() as session:
        assert rules.current(session) == rules.Rules("09:15", "18:00", "09:00", 2, 5)
        assert rules.next_digest(session, rules.current(session), clock.now()) == datetime(
            2021, 3, 12, 1, 15, tzinfo=UTC
        )
    tell("甲")
    bureau.let_time_pass(minutes=20)
    assert mails.subjects() == ["闭环：甲"]


def test_working_days_are_asked_in_one_place(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    off = {date(2021, 3, 12) + timedelta(days=number): Exceptional(False, "") for number in range(20)}
    monkeypatch.setattr(calendar, "current", lambda _session: Calendar(off, frozenset()))
    with db.reading() as session:
        assert rules.working_day(session, date(2021, 3, 12), 1) == date(2021, 4, 1)
        assert rules.next_digest(session, rules.Rules(), clock.now()).date() == date(2021, 4, 1)
