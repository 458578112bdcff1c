"""通知, 催办, 我的设置 and the calendar as people meet them: theirs is theirs, and a limit is told in words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from icalendar import Calendar
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import clock, db, history, identity, notifications, runtime, user_tasks
from engine.models import CalendarFeed, HistoryEvent, Notification, Person, ReminderStage, UserTask
from tests.driver import Bureau, Somebody
from tests.engine.test_reminders import limited, told, until
from tests.scenarios.test_work_point import PLAN, overseer_of

OFFICERS = ["zj_officer1", "zj_officer2"]


@pytest.fixture
def task(bureau: Bureau) -> str:
    return bureau.open_task(bureau.point(6))


def notify(login: str, *titles: str, about: tuple[str, str] | None = None) -> list[str]:
    """Tell somebody something; the ids."""
    with db.transaction() as session:
        known = [_actor(session, login).id]
        for title in titles:
            notifications.notify(session, known, "test", title, about=about, dedupe_key=title)
        mine = select(Notification.id).where(Notification.title.in_(titles)).order_by(Notification.created_at)
        return list(session.scalars(mine))


def test_unread_comes_first_and_leads_to_what_it_is_about(bureau: Bureau, task: str) -> None:
    known = [notify("zj_head", title, about=("user_task", task))[0] for title in ("最早", "中间", "最晚")]
    head = bureau.person("zj_head")
    page = head.get("/notifications")
    assert page.text.index("最晚") < page.text.index("最早")
    assert re.search(r'class="n">3<', head.get("/tasks").text)
    answer = head.browser.post(f"/notifications/{known[2]}/open", data={"csrf_token": _token(page.text)})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/tasks/{task}")
    page = head.get("/notifications")
    assert page.text.index("中间") < page.text.index("最早") < page.text.index("最晚")
    assert head.post("/notifications/read", {}).status == 302
    assert head.get("/notifications").says("都读过了")


def _token(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found
    return found[1]


def test_somebody_elses_notification_is_not_there(bureau: Bureau) -> None:
    (known,) = notify("zj_head", "给处长的")
    officer = bureau.person("zj_officer1")
    assert not officer.get("/notifications").says("给处长的")
    for action in ("open", "read"):
        assert officer.post(f"/notifications/{known}/{action}", {}).status == 404
        assert officer.post(f"/notifications/nothing/{action}", {}).status == 404
    officer.post("/notifications/read", {})
    with db.reading() as session:
        assert session.get_one(Notification, known).read_at is None


def test_the_head_urges_those_who_have_the_task_once_a_day_and_three_times_in_all(bureau: Bureau, task: str) -> None:
    point = bureau.point(6)
    head = bureau.person("zj_head")
    assert head.get(f"/instances/{point}").text.count(f"/tasks/{task}/urge") == 1
    assert head.get(f"/tasks/{task}").text.count(f"/tasks/{task}/urge") == 1
    assert head.post(f"/tasks/{task}/urge", {}).status == 302
    assert head.get(f"/tasks/{task}").says("已催办，通知了 2 人")
    assert told(task) == [("催办", each) for each in OFFICERS]
    again = bureau.person("duban1").post(f"/tasks/{task}/urge", {})
    assert (again.status, again.says("今天已催办 1 次，每天最多 1 次，请下一天再催。")) == (409, True)
    assert f"/tasks/{task}/urge" not in head.get(f"/tasks/{task}").text
    for who in ("duban1", overseer_of(bureau, "ZJ")):
        bureau.let_time_pass(days=1)
        assert bureau.person(who).post(f"/tasks/{task}/urge", {}).status == 302
    bureau.let_time_pass(days=1)
    last = bureau.person("juzhang").post(f"/tasks/{task}/urge", {})
    assert (last.status, last.says("每件最多 3 次，请直接与承办人联系")) == (409, True)
    page = bureau.person("juzhang").get(f"/instances/{point}")
    assert (page.says("催办"), page.says("已催办 3 次")) == (True, True)
    with db.reading() as session:
        urged = select(HistoryEvent).where(HistoryEvent.kind == "user_task.urged")
        assert [len(event.detail["people"]) for event in session.scalars(urged)] == [2, 2, 2]
        assert list(history.broken_chains(session)) == []


def test_only_the_claimer_is_urged(bureau: Bureau, task: str) -> None:
    bureau.person("zj_officer2").post(f"/tasks/{task}/claim", {})
    assert bureau.person("zj_head").post(f"/tasks/{task}/urge", {}).status == 302
    assert told(task) == [("催办", "zj_officer2")]


def test_who_may_not_urge_is_shown_no_button_and_turned_away(bureau: Bureau, task: str) -> None:
    for login, status in {"zj_officer1": 403, "jj_head": 404, "dangan": 403, "liangxi_officer1": 404}.items():
        somebody = bureau.person(login)
        assert "/urge" not in somebody.get(f"/tasks/{task}").text
        assert somebody.post(f"/tasks/{task}/urge", {}).status == status, login
    assert bureau.person("zj_head").post("/tasks/nothing/urge", {}).status == 404
    assert told(task) == []


def test_what_is_done_or_ended_or_nobodys_cannot_be_urged(bureau: Bureau, task: str) -> None:
    office = bureau.person("duban1")
    bureau.person("zj_officer1").does(task, **PLAN)
    done = office.post(f"/tasks/{task}/urge", {})
    assert (done.status, done.says("已经办结，不必催办")) == (409, True)
    own = bureau.open_task(bureau.point(6), "review_plan")
    assert bureau.person("zj_head").post(f"/tasks/{own}/urge", {}).status == 403
    with db.transaction() as session:
        session.execute(update(Person).where(Person.login == "zj_head").values(active=False))
    nobody = office.post(f"/tasks/{own}/urge", {})
    assert (nobody.status, nobody.says("没有人能办这件待办")) == (409, True)
    with db.transaction() as session:
        runtime.terminate(session, runtime.lock(session, bureau.point(6)), actor=None, reason="取消")
    assert office.post(f"/tasks/{own}/urge", {}).status == 409


def open_feed(somebody: Somebody) -> str:
    """The path of a new calendar."""
    page = somebody.post("/me/calendar", {}, form_page="/me")
    found = re.search(r'value="http://localhost(/calendar/[^"]+\.ics)"', page.text)
    assert found, page.text
    return found[1]


def events(bureau: Bureau, path: str) -> dict[str, Any]:
    """What a calendar program reads, by task."""
    answer = bureau.app.test_client().get(path)
    assert (answer.status_code, answer.content_type) == (200, "text/calendar; charset=utf-8")
    return {str(each["uid"]).removesuffix("@bihuan"): each for each in Calendar.from_ical(answer.data).walk("VEVENT")}


def test_the_calendar_holds_ones_own_due_dates(bureau: Bureau, task: str) -> None:
    hourly = limited("2021-03-12T17:00")
    officer = bureau.person("zj_officer1")
    path = open_feed(officer)
    found = events(bureau, path)
    with db.reading() as session:
        waiting = set(session.scalars(user_tasks.inbox(_actor(session, "zj_officer1")).with_only_columns(UserTask.id)))
    assert set(found) == waiting > {task, hourly}
    first, second = found[hourly], found[task]
    assert first["dtstart"].dt.astimezone(clock.LOCAL).isoformat() == "2021-03-12T17:00:00+08:00"
    assert (str(second["dtstart"].dt), str(second["dtend"].dt)) == ("2021-03-22", "2021-03-23")
    assert str(second["summary"]).startswith("拟定实施方案：要点6")
    assert "方案应在启动后 10 天内拟定" in str(second["description"])
    assert str(second["url"]).endswith(f"/tasks/{task}")
    bureau.person("zj_officer2").post(f"/tasks/{task}/claim", {})
    assert set(events(bureau, path)) == waiting - {task}


def _actor(session: Session, login: str) -> identity.Actor:
    person = identity.find(session, login)
    assert person is not None
    return identity.actor(person)


def test_a_calendar_ends_when_its_owner_says_so_and_is_nobody_elses(bureau: Bureau, task: str) -> None:
    officer, visitor = bureau.person("zj_officer1"), bureau.app.test_client()
    path = open_feed(officer)
    with db.reading() as session:
        (feed,) = session.scalars(select(CalendarFeed))
        assert feed.digest not in path
        assert path.split("/")[-1].removesuffix(".ics") not in feed.digest
    assert path not in officer.get("/me").text
    renewed = open_feed(officer)
    assert (visitor.get(path).status_code, visitor.get(renewed).status_code) == (404, 200)
    assert open_feed(bureau.person("zj_head")) != renewed
    assert officer.post("/me/calendar/revoke", {}, form_page="/me").status == 302
    assert visitor.get(renewed).status_code == 404
    for unknown in ("/calendar/nothing.ics", "/calendar/.ics", f"/calendar/{feed.digest}.ics"):
        assert visitor.get(unknown).status_code in (302, 404)
    last = open_feed(officer)
    with db.transaction() as session:
        session.execute(update(Person).where(Person.login == "zj_officer1").values(active=False))
    assert visitor.get(last).status_code == 404


def test_the_office_keeps_the_stages(bureau: Bureau, task: str) -> None:
    office = bureau.person("duban1")
    page = office.get("/reminders")
    assert page.text.count("待核对") >= 8
    with db.reading() as session:
        stage = session.scalars(select(ReminderStage).where(ReminderStage.distance == -3)).one()
    path = f"/reminders/stages/{stage.id}"
    assert office.get(path).says("即将到期")
    told_so = {"basis": "days", "distance": "-4", "recipients": ["owner", "head"], "words": "四天后到期"}
    refused: list[dict[str, Any]] = [
        {"recipients": []}, {"recipients": ["juzhang"]}, {"distance": "半"}, {"distance": "1.5"}, {"distance": "0"},
        {"words": "甲" * 31}, {"words": "甲\n乙"}, {"basis": "weeks"}, {"id": "x"},
    ]  # fmt: skip
    for wrong in refused:
        answer = office.post(path, told_so | wrong, form_page=path)
        assert (answer.status, answer.says("处要改")) == (422, True), wrong
    assert office.post(path, told_so, form_page=path).status == 302
    assert office.get("/reminders").says("“四天后到期”")
    for login in ("zj_head", "sysadmin"):
        other = bureau.person(login)
        assert other.get("/reminders").status == 403
        assert other.get(path).status == 403
        assert other.post(path, told_so).status == 403
        assert other.post(f"{path}/remove", {}).status == 403
    bureau.settle()
    until(bureau, "2021-03-16T08:01")
    assert told(task) == [("四天后到期", each) for each in ["zj_head", *OFFICERS]]
    office = bureau.person("duban1")
    assert office.post(f"{path}/remove", {}, form_page=path).status == 302
    assert office.get(path).status == 404
