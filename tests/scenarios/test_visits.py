"""Routine visits as inspectors, schools and the safety office live through them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, db, history, identity, user_tasks
from engine.errors import EngineError
from engine.identity import Actor
from engine.models import Finding, Notification, Person, SchoolBinding, SupervisionRound, Visit
from engine.supervision import rounds
from engine.supervision import visits as made
from tests import visits
from tests.driver import Answer, Bureau
from tests.visits import SEEN, answers, fields

pytestmark = pytest.mark.either_database


def schools_of_duxue1(session: Session) -> list[SchoolBinding]:
    bound = rounds.bindings_on(session, clock.today())
    return [each for each in bound if each.inspector.login == "duxue1" and each.school.stage != "幼儿园"]


class Round:
    """One school of `duxue1`, to be visited within twenty days."""

    def __init__(self, bureau: Bureau, theme: str = "消防安全") -> None:
        self.bureau = bureau
        with db.transaction() as session:
            bound = schools_of_duxue1(session)
            opened = rounds.open_round(
                session, key="routine:test", title="三月经常性督导", theme=theme,
                visit_by=clock.today() + timedelta(days=20), bindings=bound[:1], actor=None,
            )  # fmt: skip
            self.instance, self.school = opened.instance_id or "", bound[0].school.key.lower()
        bureau.settle()
        with db.reading() as session:
            visit = session.scalars(select(Visit)).one()
            self.visit, self.process = visit.id, visit.instance_id or ""
        self.inspector = bureau.person("duxue1")

    @property
    def address(self) -> str:
        return f"/visits/{self.visit}"

    def fills_in(self, told: dict[str, Any], go: str = "") -> Answer:
        answer = self.inspector.post(self.address, {**fields(told), "go": go}, form_page=self.address)
        self.bureau.settle()
        return answer

    def findings(self) -> list[Finding]:
        with db.reading() as session:
            found = list(session.scalars(select(Finding).order_by(Finding.number)))
            session.expunge_all()
        return found

    def record(self) -> dict[str, Any]:
        with db.reading() as session:
            return user_tasks.told(session, self.process, "visit_school")


@pytest.fixture
def round_(bureau: Bureau) -> Round:
    return Round(bureau)


def test_two_problems_become_findings_though_the_school_does_not_confirm(bureau: Bureau, round_: Round) -> None:
    two = {
        "exits": {"severity": "较重", "criteria": "通道已清理\n连续十日保持畅通"},
        "fire_drill": {"mode": "立行立改", "seen": "本学期没有演练"},
    }
    assert round_.fills_in(answers(round_.process, two, confirmation="later", confirmed_by=""), "send").status == 302
    assert (list(bureau.open_tasks(round_.process)), round_.findings()) == (["confirm_visit"], [])
    head = bureau.person(f"{round_.school}_head")
    task = bureau.open_task(round_.process)
    unsaid = head.does(task, answer="refused", signed_name="沈校长")
    assert (unsaid.status, unsaid.says("理由")) == (422, True)
    assert head.does(task, answer="refused", signed_name="沈校长", reason="课桌当天已搬走").status == 302
    bureau.settle()
    exits, drill = round_.findings()
    assert (exits.title, exits.description, exits.severity) == ("疏散通道或消防器材不合格", SEEN, "较重")
    assert (exits.criteria, exits.evidence_kinds) == (["通道已清理", "连续十日保持畅通"], ["文件", "照片"])
    assert (drill.mode, drill.description) == ("立行立改", "本学期没有演练")
    with db.reading() as session:
        # In the name of whoever found it, not of the school that answered.
        assert {session.get_one(Person, each.found_by_id).login for each in (exits, drill)} == {"duxue1"}
        assert list(history.broken_chains(session)) == []
    assert (bureau.status(round_.process), bureau.status(round_.instance)) == ("completed", "active")
    assert len(bureau.children(round_.instance, "finding")) == 2


def test_who_says_nothing_in_time_holds_nothing_up(bureau: Bureau, round_: Round) -> None:
    round_.fills_in(answers(round_.process, {"exits": {}}, confirmation="later", confirmed_by=""), "send")
    bureau.let_time_pass(days=1)
    assert round_.findings() == []
    bureau.let_time_pass(days=7)
    assert (len(round_.findings()), bureau.open_tasks(round_.process)) == (1, {})


def test_danger_interrupts_the_visit_and_what_was_filled_in_becomes_the_record(bureau: Bureau, round_: Round) -> None:
    bureau.let_time_pass(days=2)
    round_.inspector = bureau.person("duxue1")
    begun = answers(round_.process, {"company": {"seen": "缺三天记录"}, "gate": {"seen": "", "rectify_by": "明天"}})
    del begun["summary"], begun["confirmation"], begun["confirmed_by"]
    round_.fills_in(begun)
    page = round_.inspector.get(round_.address)
    assert page.says("缺三天记录")
    empty = round_.inspector.post(f"{round_.address}/danger", {"danger": "  "}, form_page=round_.address)
    assert (empty.status, empty.says("怎样避险")) == (400, True)
    told = {"danger": "北围墙开裂三米，已拉警戒线"}
    assert bureau.person("duxue2").post(f"{round_.address}/danger", told).status in (403, 404)
    assert round_.inspector.post(f"{round_.address}/danger", told, form_page=round_.address).status == 302
    with db.reading() as session:
        heard = set(session.scalars(select(Person.login).join(Notification).where(Notification.kind == "danger")))
        assert {"aq_head", "aq_officer1", "dudao1", f"{round_.school}_head"} <= heard
    again = round_.inspector.post(f"{round_.address}/danger", told)
    assert (again.status, again.says("不能再改")) == (409, True)
    assert list(bureau.open_tasks(round_.process)) == ["handle_danger"]
    bureau.let_time_pass(hours=3)
    handled = {"arrived": "安全处 9:30", "measures": "停用场所或设备", "situation": "已封闭"}
    assert bureau.person("aq_officer1").does(bureau.open_task(round_.process), **handled).status == 302
    bureau.settle()
    danger, company = round_.findings()
    assert (danger.severity, danger.description) == ("重大", told["danger"])
    assert (company.title, company.description) == ("陪餐记录不全", "缺三天记录")
    rows = {row["item"]: row for row in round_.record()["answers"]}
    assert (rows["gate"]["result"], rows["gate"]["rectify_by"]) == ("problem", None)
    assert (rows["charter"]["result"], bureau.status(round_.process)) == ("pass", "completed")
    with db.reading() as session:
        visit = session.get_one(Visit, round_.visit)
        assert visit.visited_on == clock.today()
        assert list(history.broken_chains(session)) == []
    page = bureau.person("dudao1").get(f"/instances/{round_.process}")
    assert all(page.says(words) for words in ("北围墙开裂", "缺三天记录"))


def test_what_is_open_for_the_same_clause_is_shown_and_its_repeat_weighs_more(bureau: Bureau, round_: Round) -> None:
    round_.fills_in(answers(round_.process, {"exits": {"severity": "较重"}}), "send")
    (first,) = round_.findings()
    with db.transaction() as session:
        rounds.open_round(
            session, key="routine:next", title="四月", theme="手机", visit_by=clock.today() + timedelta(days=9),
            bindings=schools_of_duxue1(session)[:1], actor=None,
        )  # fmt: skip
    bureau.settle()
    with db.reading() as session:
        visit = session.scalars(
            select(Visit).join(SupervisionRound).where(SupervisionRound.key == "routine:next")
        ).one()
        round_.visit, round_.process = visit.id, visit.instance_id or ""
    page = round_.inspector.get(f"{round_.address}?at=safety")
    assert all(page.says(words) for words in (first.number, "严重程度上调一级", "手机管理"))
    assert not page.says("每日防火巡查")
    round_.fills_in(answers(round_.process, {"exits": {"severity": "较重"}}), "send")
    _, repeat = round_.findings()
    assert (repeat.severity, repeat.repeat_of_id) == ("重大", first.id)


def test_a_visit_is_made_without_script_group_by_group(bureau: Bureau, round_: Round) -> None:
    told = answers(round_.process, {"exits": {}})
    task = bureau.open_task(round_.process)
    assert round_.inspector.get(f"/tasks/{task}").status == 302
    assert round_.inspector.get("/visits").says("下一次进校")
    for number, row in enumerate(told["answers"]):
        one = {f"answers.{number}.{key}": value for key, value in row.items()}
        assert round_.inspector.post(round_.address, {**one, "go": "safety"}, form_page=round_.address).status == 302
    assert round_.inspector.get("/visits").says("正在检查")
    lacking = round_.fills_in({}, "send")
    assert (lacking.status, lacking.says("请填写进校日期"), lacking.says("疏散通道")) == (422, True, True)
    assert round_.fills_in({key: told[key] for key in ("visited_on", "arrived_at", "accompanied_by")}).status == 302
    ahead = {"visited_on": (clock.today() + timedelta(days=1)).isoformat(), "summary": "好", "confirmation": "signed"}
    assert round_.fills_in(ahead | {"confirmed_by": "孙立"}, "send").says("不能晚于今天")
    assert bureau.person("duxue2").post(round_.address, fields(told)).status == 403
    assert round_.fills_in({"visited_on": told["visited_on"]}, "send").status == 302
    assert [each.clause for each in round_.findings()] == ["《中华人民共和国消防法》第二十八条"]
    assert round_.fills_in({"summary": "改"}).status == 409
    assert round_.inspector.get(round_.address).says(round_.findings()[0].number)


def together(*acts: Callable[[Session, Actor, Visit], object], visit: str) -> list[str]:
    """What the inspector does on several pages of one visit at once: how each of them ended."""
    begin = Barrier(len(acts))

    def do(act: Callable[[Session, Actor, Visit], object]) -> str:
        begin.wait(30)
        try:
            with db.transaction() as session:
                person = identity.find(session, "duxue1")
                assert person
                actor = identity.actor(person)
                act(session, actor, made.get(session, visit, actor=actor))
                return "done"
        except EngineError as refusal:
            return type(refusal).__name__

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(do, acts))


def kept(row: dict[str, Any]) -> Callable[[Session, Actor, Visit], object]:
    return lambda session, actor, visit: made.keep(session, visit, {"answers": [row]}, actor=actor)


def submitted(session: Session, actor: Actor, visit: Visit) -> None:
    made.submit(session, visit, actor=actor)


def test_two_pages_of_one_visit_at_once_lose_no_answer(bureau: Bureau, round_: Round) -> None:
    rows = answers(round_.process)["answers"]
    for one, other in zip(rows[::2], rows[1::2], strict=False):
        assert together(kept(one), kept(other), visit=round_.visit) == ["done", "done"]
    page = round_.inspector.get(f"{round_.address}?at=submit")
    assert page.says(f"{len(rows) // 2 * 2}/{len(rows)}")
    assert round_.inspector.get("/visits").status == 200


def test_danger_is_reported_once_whatever_happens_at_the_same_time(bureau: Bureau, round_: Round) -> None:
    round_.fills_in(answers(round_.process, {"exits": {}}))
    ended = together(
        submitted, lambda session, actor, visit: made.report_danger(session, visit.id, "墙\0裂", actor=actor),
        kept({"item": "exits", "result": "pass"}), visit=round_.visit,
    )  # fmt: skip
    assert sorted(ended[:2]) == ["InvalidState", "done"]
    bureau.settle()
    with db.reading() as session:
        heard = list(session.scalars(select(Notification.person_id).where(Notification.kind == "danger")))
        assert len(heard) == len(set(heard)) == (0 if ended[0] == "done" else 6)
    assert round_.record().get("danger") in (None, "墙裂")


def test_what_is_no_answer_is_not_kept(bureau: Bureau, round_: Round) -> None:
    assert round_.inspector.post(round_.address, {"answers": "abc", "summary": "写好的"}).status == 302
    draft = {"data": {"answers": {"a": 1}}}
    bureau.app.config["WTF_CSRF_ENABLED"] = False
    task = bureau.open_task(round_.process)
    assert round_.inspector.browser.post(f"/tasks/{task}/draft", json=draft).status_code in (400, 409)
    page = round_.inspector.get(f"{round_.address}?at=submit")
    assert (page.status, page.says("写好的")) == (200, True)


def test_a_kindergarten_is_asked_about_its_three_areas(bureau: Bureau, round_: Round) -> None:
    from engine.supervision import matters

    names = [group.name for group in matters.groups("幼儿园", "手机、食品安全")]
    assert names == ["安全管理", "规范办园", "师德师风", "手机管理", "食品安全", "其他"]
    assert len(matters.groups("小学", "办学行为、校园安全、师德师风等八个方面")) == 9
    assert visits.problem()["mode"] in matters.MODES
