"""定时作业: the office sees what comes and why, pauses, resumes, runs at once, corrects; nobody else does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine import clock, db, jobs, settings, workers
from engine.errors import InvalidInput
from engine.models import Job, JobState, Occurrence, Recurrence, RecurrenceChange, SupervisionRound
from engine.recurrences import planning
from tests.driver import Answer, Bureau, Somebody

ROUND = "routine_supervision"
RULE = {"day_kind": "day", "day_number": "1", "hour": "6", "roll": "none", "term_only": "true", "assumed": "true"}
STRANGERS = ("jj_head", "jj_officer1", "duxue1")
ACTS = {"pause": {"reason": "x"}, "resume": {}, "run": {}, "rule": RULE}


@pytest.fixture
def office(bureau: Bureau) -> Somebody:
    return bureau.person("duban1")


def press(somebody: Somebody, act: str, key: str = ROUND, **typed: Any) -> Answer:
    return somebody.post(f"/schedule/{key}/{act}", typed, form_page=f"/schedule/{ROUND}")


def held(key: str = ROUND) -> Recurrence:
    with db.reading() as session:
        return session.get_one(Recurrence, key)


def next_due(key: str = ROUND) -> list[str]:
    with db.reading() as session:
        waiting = select(Job.due_at).where(Job.dedupe_key.startswith(f"recurrence:{key}:"))
        return [f"{due.astimezone(clock.LOCAL):%m-%d %H}" for due in session.scalars(waiting)]


def test_the_page_says_what_comes_and_why(office: Somebody) -> None:
    page = office.get("/schedule")
    assert page.status == 200
    for words in (
        "经常性督导",
        "4月1日 周四 06:00",
        "本月1日",
        "每月1日06:00，寒暑假暂停",
        "待核对",
        "还没有可启动的流程",
    ):
        assert page.says(words), words
    page = office.get(f"/schedule/{ROUND}")
    for words in ("《教育督导条例》", "不补办，记为错过", "责任单位", "立即执行本期", "暂停…"):
        assert page.says(words), words


def test_what_ran_leads_to_its_instance(bureau: Bureau) -> None:
    bureau.let_time_pass(days=25)
    page = bureau.person("duban1").get("/schedule")
    assert page.says("2021年4月经常性督导")
    assert page.says("已启动")
    with db.reading() as session:
        opened = session.scalars(select(SupervisionRound)).one()
        assert f"/instances/{opened.instance_id}" in page.text
    # Running the installation is not reading its files.
    assert f"/instances/{opened.instance_id}" not in bureau.person("sysadmin").get("/schedule").text


def test_what_was_missed_is_seen(bureau: Bureau) -> None:
    bureau.let_time_pass(days=100)
    page = bureau.person("duban1").get("/schedule")
    assert page.text.count("已错过") == 2
    assert page.says("本期已过，没有补办")


def test_what_failed_leads_to_the_incidents(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "openers", {})
    for minutes in (29_000, 1, 5, 30):
        bureau.let_time_pass(minutes=minutes)
    page = bureau.person("sysadmin").get("/schedule")
    assert page.says("未办成")
    assert 'href="/incidents"' in page.text
    incidents = bureau.person("sysadmin").get("/incidents")
    assert incidents.says("启动定期工作")
    assert incidents.says("系统里没有“supervision.open_routine”这种启动方式。")
    assert next_due() == ["05-01 06"], "one that fails stops none after it"


def test_pausing_asks_for_a_reason_and_is_written_down(office: Somebody) -> None:
    refused = press(office, "pause", reason=" ")
    assert (refused.status, refused.says("请填写暂停的原因")) == (422, True)
    assert press(office, "pause", reason="疫情期间暂停进校").status == 302
    assert next_due() == []
    page = office.get(f"/schedule/{ROUND}")
    assert page.says("暂停：疫情期间暂停进校")
    assert press(office, "pause", reason="再次").status == 409
    assert press(office, "resume").status == 302
    assert next_due() == ["04-01 06"]
    assert press(office, "resume").status == 409


def test_what_fell_due_in_a_pause_is_not_made_up_for(bureau: Bureau) -> None:
    press(bureau.person("duban1"), "pause", reason="暂停")
    bureau.let_time_pass(days=40)
    press(bureau.person("duban1"), "resume")
    assert next_due() == ["05-01 06"]
    with db.reading() as session:
        assert not session.scalars(select(Occurrence).where(Occurrence.recurrence_key == ROUND)).all()


def test_it_can_run_at_once_but_not_twice(bureau: Bureau, office: Somebody) -> None:
    assert press(office, "run").status == 302
    bureau.settle()
    with db.reading() as session:
        assert session.scalars(select(SupervisionRound.key)).all() == ["routine:2021-03"]
    page = office.get(f"/schedule/{ROUND}")
    assert page.says("要求立即执行")
    again = press(office, "run")
    assert (again.status, again.says("2021年3月已经执行过")) == (409, True)
    assert next_due() == ["04-01 06"]


def test_running_ahead_of_its_day_takes_the_place_of_that_day(bureau: Bureau, office: Somebody) -> None:
    press(office, "rule", **RULE | {"day_number": "-1"})
    assert next_due() == ["03-31 06"]
    press(office, "run")
    bureau.settle()
    assert next_due() == ["04-30 06"]
    bureau.let_time_pass(days=25)
    assert bureau.count(SupervisionRound) == 1


def test_a_rule_is_corrected_and_the_next_day_moves(office: Somebody) -> None:
    assert press(office, "rule", **RULE | {"day_kind": "working_day", "day_number": "3", "hour": "9"}).status == 302
    assert next_due() == ["04-06 09"]
    page = office.get(f"/schedule/{ROUND}")
    for words in ("每月第3个工作日", "修改规则", "第几个 原为 1", "怎样数日子 原为 自然日", "几点 原为 6"):
        assert page.says(words), words


@pytest.mark.parametrize(("bad", "told"), [
    ({"day_number": "0"}, "不能是0"), ({"day_number": "1.5"}, "应为整数"), ({"day_number": "400"}, "应在-366到366之间"),
    ({"day_kind": "weekday", "day_number": "8"}, "星期应在1到7之间"), ({"month": "2"}, "这个周期不分月份"),
    ({"hour": "24"}, "应在0到23之间"), ({"day_kind": "moon"}, "请选择"), ({"roll": ""}, "请选择逢休息日"),
    ({"active": "true"}, "未知字段"), ({"article": "长" * 1_001}, "不能超过1000字"),
])  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused_and_nothing_typed_is_lost(
    office: Somebody, bad: dict[str, str], told: str
) -> None:
    typed = RULE | {"article": "每月不少于一次"} | bad
    refused = press(office, "rule", **typed)
    assert (refused.status, refused.says(told)) == (422, True)
    assert refused.says(typed["article"])
    assert (held().day_number, held().active) == (1, True)


def test_without_a_process_there_is_nothing_to_resume(office: Somebody) -> None:
    for act in ("resume", "run"):
        refused = press(office, act, "progress_report")
        assert (refused.status, refused.says("还没有编号为“progress_report”的流程")) == (409, True)
    assert not held("progress_report").active


@pytest.mark.parametrize("login", STRANGERS)
def test_strangers_see_nothing(bureau: Bureau, login: str) -> None:
    stranger = bureau.person(login)
    assert "/schedule" not in stranger.get("/tasks").text
    assert [stranger.get(page).status for page in ("/schedule", f"/schedule/{ROUND}")] == [403, 403]


@pytest.mark.parametrize("login", [*STRANGERS, "sysadmin", "juzhang", "designer"])
def test_only_the_office_acts(bureau: Bureau, login: str) -> None:
    somebody = bureau.person(login)
    for act, typed in ACTS.items():
        answer = somebody.post(f"/schedule/{ROUND}/{act}", typed)
        assert (answer.status, answer.says("由办公室督办员管理")) == (403, True), act
    assert bureau.count(RecurrenceChange) == 0


def test_the_inspectorate_manages_what_is_its_own(bureau: Bureau) -> None:
    inspectorate = bureau.person("dudao1")
    assert press(inspectorate, "run").status == 302
    assert press(inspectorate, "pause", "progress_report", reason="x").status == 403
    assert "立即执行本期" not in inspectorate.get("/schedule/progress_report").text


def test_an_unknown_one_is_not_there(office: Somebody) -> None:
    assert office.get("/schedule/nothing").status == 404
    assert press(office, "run", "nothing").status == 404


def test_nobody_ticks_and_everybody_is_told(bureau: Bureau, office: Somebody) -> None:
    assert office.get("/schedule").says("现在没有进程在执行定时作业")
    with db.transaction() as session:
        workers.note(session, clock.of_the_machine())
    page = office.get("/schedule")
    assert not page.says("现在没有进程在执行定时作业")
    assert page.says(workers.own_name())
    # A clock that is moved is no silence.
    with db.transaction() as session:
        settings.move_clock(session, clock.now() + timedelta(days=30))
    assert not office.get("/schedule").says("现在没有进程在执行定时作业")
    with db.transaction() as session:
        workers.known(session)[0].ticked_at -= workers.SILENT + timedelta(seconds=1)
    assert office.get("/schedule").says("最后一次是 91 秒前")


def test_jobs_that_wait_too_long_are_counted(bureau: Bureau) -> None:
    with db.transaction() as session:
        for number, state in enumerate([JobState.WAITING, JobState.WAITING, JobState.FAILED]):
            jobs.add(session, "test.odd", clock.now() - timedelta(minutes=2), {}, dedupe_key=f"test:{number}")
            session.execute(select(Job).where(Job.dedupe_key == f"test:{number}")).scalar_one().state = state
    page = bureau.person("sysadmin").get("/schedule")
    assert page.says("test.odd")
    assert page.text.count('data-k="超过1分钟未办"><span class="lamp') == 1
    assert page.text.count('data-k="未办成"><span class="lamp') == 1


class TestClockOfADemonstration:
    @pytest.mark.parametrize(("typed", "further"), [
        ({"span": "PT1H"}, timedelta(hours=1)), ({"span": "P1D"}, timedelta(days=1)), ({"span": "P7D"}, timedelta(days=7)),
        ({"span": "to", "to": "2021-04-01"}, None),
    ])  # fmt: skip
    def test_its_administrator_moves_it_and_stays_logged_in(
        self, bureau: Bureau, typed: dict[str, str], further: timedelta | None
    ) -> None:
        administrator, head, before = bureau.person("sysadmin"), bureau.person("jj_head"), clock.offset()
        answer = administrator.post("/schedule/clock", typed, form_page="/schedule")
        assert answer.status == 302
        moved = clock.offset() - before if further else clock.now() - moment_of("04-01 08:00")
        assert abs(moved - (further or timedelta())) < timedelta(minutes=1)
        assert administrator.get("/schedule").says("演示时钟已向前拨")
        assert head.get("/tasks").status == 200

    @pytest.mark.parametrize(("typed", "told"), [
        ({}, "请选择向前拨"), ({"span": "P1Y"}, "请选择"), ({"span": "to"}, "请填写拨到这一天"),
        ({"span": "to", "to": "2021-03-11"}, "只能向前调"), ({"span": "to", "to": "2100-01-01"}, "最远可拨到 2099 年"),
        ({"span": "to", "to": "9999-12-31"}, "日期应写作"), ({"span": "to", "to": "31.2."}, "日期应写作"),
        ({"span": "P1D", "by": "1"}, "未知字段"),
    ])  # fmt: skip
    def test_never_back_and_never_beyond(self, bureau: Bureau, typed: dict[str, str], told: str) -> None:
        before = clock.offset()
        refused = bureau.person("sysadmin").post("/schedule/clock", typed, form_page="/schedule")
        assert (refused.status, refused.says(told)) == (422, True)
        assert refused.says(typed.get("to", ""))
        assert clock.offset() == before

    @pytest.mark.parametrize("login", ["duban1", "jj_head", "juzhang"])
    def test_nobody_else_moves_it(self, bureau: Bureau, login: str) -> None:
        before = clock.offset()
        assert bureau.person(login).post("/schedule/clock", {"span": "P1D"}).status == 403
        assert clock.offset() == before
        assert "演示时钟" not in bureau.person("duban1").get("/schedule").text

    def test_two_who_move_it_at_once_do_not_turn_it_back(self, bureau: Bureau) -> None:
        """A process whose clock has not followed yet adds to the clock as it is, or is refused."""
        behind = clock.offset()
        with db.transaction() as session:
            settings.move_clock(session, clock.now() + timedelta(days=7))
        ahead = clock.offset()
        clock.shift(behind)
        with pytest.raises(InvalidInput, match="cannot go back"), db.transaction() as session:
            settings.move_clock(session, clock.now() + timedelta(hours=1))
        with db.reading() as session:
            settings.apply_clock(session)
        assert clock.offset() == ahead


def moment_of(written: str) -> datetime:
    return datetime.fromisoformat(f"2021-{written}").replace(tzinfo=clock.LOCAL)
