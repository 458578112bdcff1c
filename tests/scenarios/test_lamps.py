"""Lamps of the bureau: domain code writes the facts, pages show what follows from them, an earlier day stays as it was known."""

from __future__ import annotations

import html
import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from engine import clock, db, models
from engine import settings as installation
from engine.errors import InvalidInput, InvalidState
from engine.lamps import facts, picture, thresholds
from engine.lamps import lamp as judged
from engine.lamps.lamp import Colour, Fact, State
from engine.lamps.picture import Picture
from engine.models import Commitment, WorkPoint
from tests import findings
from tests.driver import Bureau
from tests.scenarios.test_work_point import (
    LEVEL,
    PLAN,
    POINT,
    Story,
    overseer_of,
    school_of,
)
from tests.shapes import APPROVE, ShapeStory
from tests.visits import answers, fields

pytestmark = pytest.mark.either_database

UNFINISHED = {"progress": "40", "situation": "推进中"}


@pytest.fixture
def story(bureau: Bureau) -> Story:
    return Story(bureau)


def approve_plan(bureau: Bureau, story: Story) -> list[str]:
    """The point's plan is approved; its commitments."""
    story.step("twy_officer1", story.point, "draft_plan", **PLAN)
    story.step("twy_head", story.point, "review_plan", decision="approve")
    story.step(overseer_of(bureau, "TWY"), story.point, "sign_plan", decision="approve")
    return bureau.commitments(story.point)


def told(instance_id: str) -> list[tuple[str, str, str]]:
    """Kind, day it happened and day it was recorded of what is known of an instance's subject."""
    with db.reading() as session:
        return [
            (fact.kind, _day(fact.happened_at), _day(fact.recorded_at))
            for fact in facts.of_instance(session, instance_id)
        ]  # fmt: skip


def _day(moment: datetime) -> str:
    return moment.astimezone(clock.LOCAL).date().isoformat()


def seen(on: str = "", known: str = "") -> Picture:
    """At the end of a day, as known at the end of a day; else now."""
    at = clock.end_of(date.fromisoformat(on)) if on else clock.now()
    with db.reading() as session:
        return picture.picture(session, at, clock.end_of(date.fromisoformat(known)) if known else at)


def commitment(instance_id: str) -> Commitment:
    with db.reading() as session:
        return session.scalars(select(Commitment).where(Commitment.instance_id == instance_id)).one()


def lamps_on_page(bureau: Bureau, query: str = "") -> dict[str, tuple[str, str]]:
    """Shape and word of every commitment's lamp in the ledger, by its code."""
    page = html.unescape(bureau.person("juzhang").get(f"/plan{query}").text)
    row = r'<tr><th scope="row"><span class="no">([\d-]+)</span>.*?<span class="lamp lamp-(\w+)"><svg.*?</svg>(.*?)</span>'
    return {code: (shape, word) for code, shape, word in re.findall(row, page, re.DOTALL)}


def test_facts_are_written_by_whoever_does_what_they_report(bureau: Bureau, story: Story) -> None:
    first, *_ = approve_plan(bureau, story)
    today = "2021-03-12"
    assert told(story.point) == [("opened", today, today)]
    assert told(first) == [(kind, today, today) for kind in ("opened", "due_set", "released")]
    task = bureau.open_tasks(first)["report_progress"]
    refused = bureau.person("twy_officer1").does(task, **UNFINISHED, as_of="2021-03-13")
    assert (refused.status, refused.says("日期不能晚于今天"), refused.says("推进中")) == (409, True, True)
    bureau.let_time_pass(days=3)
    assert bureau.person("twy_officer1").does(task, **UNFINISHED, as_of="2021-03-13").status == 302
    later = [("progress", "2021-03-13", "2021-03-15"), ("period_reported", "2021-03-15", "2021-03-15")]
    assert told(first)[3:] == later
    page = bureau.person("twy_head").get(f"/instances/{first}")
    for words in ("灯与事实", "均匀推进", "进展 40%", "补录", "填报 2021年3月", "只增不改"):
        assert page.says(words), words
    bureau.let_time_pass(days=300)
    assert told(first)[-1][0] == "carried_over"


def test_a_commitment_is_late_and_stays_so(bureau: Bureau, story: Story) -> None:
    late = next(each for each in approve_plan(bureau, story) if commitment(each).code == "10-15")
    its = commitment(late)
    overdue = clock.start_of(its.due_on + timedelta(days=2), hour=12) - clock.now()
    bureau.let_time_pass(seconds=int(overdue.total_seconds()))
    assert lamps_on_page(bureau)[its.code] == ("red", "超期 2 天")
    hold_and_conclude(bureau, its.code)
    assert lamps_on_page(bureau)[its.code] == ("amber", "迟完成")
    the_day_before = (its.due_on + timedelta(days=1)).isoformat()
    assert lamps_on_page(bureau, f"?on={the_day_before}")[its.code] == ("red", "超期 1 天")
    bureau.let_time_pass(days=20)
    assert lamps_on_page(bureau)[its.code] == ("amber", "迟完成")
    assert lamps_on_page(bureau, "?colour=yellow").keys() >= {its.code}
    assert its.code not in lamps_on_page(bureau, "?colour=red")
    assert [kind for kind, *_ in told(late)][3:] == ["done"]


def hold_and_conclude(bureau: Bureau, code: str) -> None:
    """A campaign (活动与调研) that was not begun in time is held after all."""
    running = ShapeStory(bureau, code, released=True)
    today = clock.today().isoformat()
    schedule = [{"what": "军训", "period": "10月", "responsible": "王五"}]
    plan = {"theme": "国防教育", "purpose": "强身", "schedule": schedule, "partners": "", "budget": 5}
    running.step("officer", "draft_campaign", **plan)
    running.step("head", "confirm_campaign", **APPROVE)
    (item,) = running.items()
    event_ = {
        "title": "军训",
        "kind": "activity",
        "held_on": today,
        "place": "基地",
        "participants": 80,
        "outdoor": "false",
    }
    running.step("officer", "plan_event", item, **event_, agenda="会操", responsible="王五", budget="")
    running.step("head", "approve_event", item, **APPROVE)
    proof = [{"kind": next(iter(commitment(running.instance).evidence)), "name": "总结", "number": "", "date": today}]
    held = {"held": "yes", "held_on": today, "participants": 78, "incidents": "平安", "reason": ""}
    running.step("officer", "hold_event", item, **held)
    running.step("officer", "sum_up", item, results="完成", problems="无", published="", evidence=proof)
    running.conclude()


def test_an_earlier_day_is_shown_as_it_was_known(bureau: Bureau, story: Story) -> None:
    """A report of 31 March that is entered on 20 May: the picture of April stays, today's view of April has it and says so."""
    first = next(each for each in approve_plan(bureau, story) if commitment(each).due_on >= date(2021, 9, 1))
    code = commitment(first).code
    bureau.let_time_pass(days=69)
    before = seen("2021-04-30")
    assert before.commitments[commitment(first).id].percent is None
    assert (
        bureau.person("twy_officer1")
        .does(bureau.open_tasks(first)["report_progress"], **UNFINISHED, as_of="2021-03-31")
        .status
        == 302
    )
    assert seen("2021-04-30") == before
    known_now = seen("2021-04-30", known="2021-05-20").commitments[commitment(first).id]
    assert known_now.percent == 40

    office = bureau.person("duban1")
    then, now = office.get("/plan?on=2021-04-30"), office.get("/plan?on=2021-04-30&known=now")
    assert then.says("这是 2021年4月30日 周五 24 时的情况，按当日所知")
    assert now.says("按今天所知")
    assert [page.text.count("补录</b>") for page in (then, now)] == [0, 1]
    assert now.says("进展 40%（3月31日 周三，今天 登记")
    assert lamps_on_page(bureau, "?on=2021-04-30")[code][0] == "amber"
    for wrong, words in (("2031-01-01", "还没有到这一天"), ("soon", "日期应写作")):
        page = office.get(f"/plan?on={wrong}")
        assert (page.status, page.says(words), page.says(f'value="{wrong}"')) == (200, True, True)


def test_a_visit_and_a_finding_have_lamps_of_their_own(bureau: Bureau, story: Story) -> None:
    approve_plan(bureau, story)
    bureau.let_time_pass(days=300)
    story.step("twy_officer1", story.point, "write_self_check", summary="好", achieved="完成", next_steps="巩固")
    story.step("twy_head", story.point, "confirm_self_check", decision="approve")
    for who, activity, level in (
        ("twy_officer1", "check_schools", {}), ("liangxi_officer1", "check_districts", {}),
        ("dudao1", "check_city", {"level": "passed"}),
    ):  # fmt: skip
        story.step(who, story.point, activity, **LEVEL, **level)
    arranged = {"school": school_of(bureau, "duxue3"), "theme": "标杆校建设", "visit_by": "2022-01-10"}
    story.step("dudao1", story.point, "arrange_supervision", **arranged)
    (opened,) = bureau.children(story.point, "supervision_round")
    (visit,) = bureau.children(opened, "school_visit")
    bureau.let_time_pass(days=5)
    task = bureau.open_task(visit)
    found = {"other": {"rectify_by": "2022-01-20"}}
    ahead = bureau.person("duxue3").does(task, **fields(answers(visit, found, visited_on="2022-02-01")))
    assert (ahead.status, ahead.says("日期不能晚于今天")) == (422, True)
    # The visit was in time, but nobody was told of it until its date had passed.
    noted = fields(answers(visit, found, visited_on="2022-01-09"))
    assert bureau.person("duxue3").does(task, **noted).status == 302
    (finding,) = bureau.children(opened, "finding")
    assert told(visit)[2:] == [("done", "2022-01-09", "2022-01-11")]
    page = bureau.person("dudao1").get("/supervision")
    assert (page.says("迟登记"), page.says("已进校 1月9日")) == (True, True)

    officer = f"{arranged['school'].lower()}_officer"
    bureau.let_time_pass(days=7)
    assert bureau.person("dudao1").get("/supervision/ledger").says("还有 2 天")
    story.step(officer, finding, "rectify", **findings.typed(findings.shown() | {"finished_on": "2022-01-17"}))
    bureau.let_time_pass(days=10)
    # While it is verified, the clock of the school stands.
    with db.reading() as session:
        assert picture.of_instances(session, [finding])[finding].word == "完成"
    story.step("duxue3", finding, "verify", stranger=officer, **findings.typed(findings.rejected()))
    with db.reading() as session:
        assert picture.of_instances(session, [finding])[finding].word == "超期 8 天"
    story.step(officer, finding, "rectify", **findings.typed(findings.shown()))
    story.step("duxue3", finding, "verify", stranger=officer, **findings.typed(findings.accepted()))
    assert [kind for kind, *_ in told(finding)] == ["opened", "due_set", "done", "reopened", "done", "closed"]
    page = bureau.person("dudao1").get("/supervision/ledger")
    assert (page.says("迟完成"), page.says("已销号")) == (True, True)


def test_the_year_leaves_its_lamps(bureau: Bureau, story: Story) -> None:
    approve_plan(bureau, story)
    bureau.let_time_pass(days=300)
    with db.reading() as session:
        mine = session.scalars(select(Commitment).join(WorkPoint).where(WorkPoint.number == POINT)).all()
    lamps = seen().commitments
    assert {lamps[each.id].state for each in mine} == {State.CARRIED_OVER}
    assert {lamps[each.id].colour for each in mine if each.due_on.year == 2021} == {Colour.RED}
    page = bureau.person("juzhang").get("/plan")
    assert page.says(f"结转 {len(mine)}")
    assert page.says(f"{len(lamps)} 已完成")


def test_a_fact_is_never_changed(bureau: Bureau) -> None:
    def change(session: Session) -> None:
        session.scalars(select(models.Fact).limit(1)).one().kind = judged.DONE

    def remove(session: Session) -> None:
        session.delete(session.scalars(select(models.Fact).limit(1)).one())

    for wish in (change, remove):
        with db.reading() as session:
            wish(session)
            with pytest.raises(InvalidState):
                session.flush()
    with db.reading() as session:
        its, ahead = session.scalars(select(Commitment).limit(1)).one(), clock.now() + timedelta(seconds=5)
        with pytest.raises(InvalidInput):
            facts.record(session, its, judged.DONE, actor=None, happened_at=ahead)


# What holds whatever is recorded

EVENT = st.tuples(
    st.integers(0, 5), st.sampled_from(judged.KINDS), st.integers(0, 3000), st.integers(0, 100), st.integers(1, 40)
)
"""Which commitment, what, how many hours back, a number, and how many hours later the next one is recorded."""
ON_A_DATABASE = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)  # fmt: skip


def record(session: Session, told: tuple[int, str, int, int, int]) -> None:
    which, kind, hours, number, wait = told
    its = session.scalars(select(Commitment).order_by(Commitment.id)).all()[which]
    day = (clock.today() + timedelta(days=number - 50)).isoformat()
    values: dict[str, dict[str, Any]] = {
        judged.OPENED: {"begins": day, "cadence": "月"},
        judged.DUE_SET: {"due": clock.end_of(date.fromisoformat(day)).isoformat()},
        judged.PROGRESS: {"percent": number},
        judged.PERIOD_REPORTED: {"starts_on": f"{day[:8]}01", "name": "某月"},
        judged.BREACHED: {"name": "某事", "count": number % 2, "unit": "起", "hard": number > 50},
    }
    happened_at = clock.now() - timedelta(hours=hours)
    facts.record(session, its, kind, actor=None, happened_at=happened_at, **values.get(kind, {}))
    installation.move_clock(session, clock.now() + timedelta(hours=wait))


def recomputed(session: Session, at: datetime, known_at: datetime) -> dict[str, judged.Lamp]:
    """From the rows themselves, in the order of their ids."""
    held = thresholds.in_force(session, at, known_at)
    rows: dict[str, list[Fact]] = {each: [] for each in session.scalars(select(Commitment.id))}
    for row in session.scalars(select(models.Fact).order_by(models.Fact.id)):
        if row.subject_kind == "commitment" and row.recorded_at <= known_at:
            rows[row.subject_id].append(
                Fact(row.id, row.kind, row.happened_at, row.recorded_at, row.value, row.recorded_by_id)
            )
    return {each: judged.lamp(reversed(known), at, held) for each, known in rows.items()}


def test_the_lamp_shown_is_the_one_recomputed(bureau: Bureau) -> None:
    @ON_A_DATABASE
    @given(st.lists(EVENT, min_size=1, max_size=12))
    def holds(events: list[tuple[int, str, int, int, int]]) -> None:
        with db.transaction() as session:
            for each in events:
                record(session, each)
        bureau._people.clear()
        shown = lamps_on_page(bureau)
        with db.reading() as session:
            now = clock.now()
            expected = recomputed(session, now, now)
            assert picture.picture(session, now).commitments == expected
            codes = {row.id: row.code for row in session.execute(select(Commitment.id, Commitment.code))}
        shapes = {"red": "red", "yellow": "amber", "blue": "blue", "green": "green", "grey": "grey"}
        for its, lamp in expected.items():
            shape, word = shown[codes[its]]
            assert word == lamp.word
            assert shape == shapes[lamp.colour] or (shape in ("done", "hold") and lamp.colour in ("green", "grey"))

    holds()


def test_an_earlier_picture_stays_whatever_is_recorded_later(bureau: Bureau) -> None:
    taken: list[Picture] = []

    @ON_A_DATABASE
    @given(st.lists(EVENT, min_size=1, max_size=12))
    def holds(events: list[tuple[int, str, int, int, int]]) -> None:
        with db.transaction() as session:
            taken.append(picture.picture(session, clock.now()))
            for each in events:
                installation.move_clock(session, clock.now() + timedelta(seconds=1))
                record(session, each)
        with db.reading() as session:
            for before in taken:
                assert picture.picture(session, before.at) == before
                assert picture.picture(session, before.at).commitments == recomputed(session, before.at, before.at)

    holds()


def test_the_picture_takes_one_look_at_the_facts(bureau: Bureau) -> None:
    asked: list[str] = []
    with db.reading() as session:
        event.listen(db.engine(), "before_cursor_execute", lambda *told: asked.append(told[2]))
        picture.picture(session, clock.now())
    assert len(asked) == 2
