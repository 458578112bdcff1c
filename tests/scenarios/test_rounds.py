"""Months of visits: who must go where until when, who did not, who answers for a school, and the ledger of it all."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from engine import clock, db, identity, jobs, settings
from engine.identity import Actor
from engine.models import (
    Candidate,
    MissedVisit,
    Notification,
    Person,
    SchoolBinding,
    SupervisionRound,
    TaskStatus,
    Unit,
    UserTask,
    Visit,
)
from engine.supervision import bindings
from tests.driver import Answer, Bureau
from tests.scenarios.test_visits import Round, submitted, together
from tests.visits import answers, fields

pytestmark = pytest.mark.either_database
SCHOOL, INSPECTOR, OTHER = "JIANGYIN_XX", "duxue1", "duxue3"


def until(bureau: Bureau, day: str) -> None:
    """Move to seven in the morning of a day and let what is due happen."""
    with db.transaction() as session:
        settings.move_clock(session, clock.start_of(date.fromisoformat(day), 7))
    bureau._people.clear()
    jobs.run_due()


def visit_of(school: str) -> Visit:
    with db.reading() as session:
        wanted = select(Visit).join(Visit.school).join(Visit.round).where(Unit.key == school)
        return session.scalars(wanted.order_by(SupervisionRound.opened_at.desc())).first() or pytest.fail(school)


def go(bureau: Bureau, who: str, school: str, day: str) -> Answer:
    instance = visit_of(school).instance_id or ""
    task = bureau.open_task(instance, "visit_school")
    return bureau.person(who).does(task, **fields(answers(instance, visited_on=day)))


def bind(bureau: Bureau, who: str = "dudao1", school: str = SCHOOL, **told: str) -> Answer:
    asked = {"inspector": OTHER, "starts_on": clock.today().isoformat(), "area": "江阴责任区"}
    return bureau.person(who).post(f"/supervision/bindings/{school}", asked | told)


def unbind(school: str) -> None:
    """Its inspector has left, and nobody follows."""
    with db.transaction() as session:
        of_school = select(Unit.id).where(Unit.key == school).scalar_subquery()
        session.execute(
            update(SchoolBinding).where(SchoolBinding.school_id == of_school).values(ends_on=clock.today())
        )  # fmt: skip


def test_a_missed_visit_is_seen_explained_and_stays(bureau: Bureau) -> None:
    unbind("BINHU_XX")
    until(bureau, "2021-04-01")
    visit = visit_of(SCHOOL)
    assert visit.due_on == date(2021, 4, 30)
    assert "每月进校至少1次" in (visit.due_reason or "")
    assert bureau.count(MissedVisit) == 0  # March had ended before the first round was opened
    with db.reading() as session:
        (gap,) = session.scalars(
            select(Notification).join(Person, Notification.person_id == Person.id)
            .where(Person.login == "dudao1", Notification.kind == "gap")
        )  # fmt: skip
        assert "滨湖" in gap.text
    assert go(bureau, INSPECTOR, "JIANGYIN_CZ", "2021-04-01").status == 302
    page = bureau.person("dudao1").get("/supervision/bindings")
    assert (page.says("1 所没有责任督学"), page.says("没有责任督学"), page.says("2021年4月 1/1")) == (True, True, True)

    until(bureau, "2021-05-02")
    page = bureau.person("dudao1").get("/supervision")
    assert (page.says("漏访 39 条"), page.says("39 条待说明原因")) == (True, True)
    with db.reading() as session:
        of_school = select(MissedVisit).join(MissedVisit.school)
        missed = session.scalars(of_school.where(Unit.key == SCHOOL)).one()
        assert session.scalars(of_school.where(Unit.key == "BINHU_XX")).one().inspector_id is None
        assert not session.scalars(of_school.where(Unit.key == "JIANGYIN_CZ")).all()
    assert bureau.person(INSPECTOR).get("/notifications").says("4条漏访待说明原因")
    told = {"reason": "当月封校，未能进校"}
    at = f"/supervision/missed/{missed.id}"
    assert bureau.person("duxue2").post(at, told).status == 403
    assert bureau.person(INSPECTOR).post(at, {"reason": ""}).status == 422
    assert bureau.person(INSPECTOR).post(at, told).status == 302
    assert bureau.person(INSPECTOR).post(at, told).status == 409
    assert go(bureau, INSPECTOR, SCHOOL, "2021-05-02").status == 302
    page = bureau.person("jiangyin_xx_head").get("/supervision")
    assert page.says("漏访 1 条")
    assert page.says("已补访 今天")
    assert page.says("当月封校，未能进校")
    until(bureau, "2021-07-05")
    assert bureau.person("jiangyin_xx_head").get("/supervision").says("当月封校，未能进校")


def test_a_month_of_holidays_opens_no_round_and_a_visit_made_asks_for_no_other(bureau: Bureau) -> None:
    until(bureau, "2021-06-01")
    until(bureau, "2021-07-05")
    with db.reading() as session:
        assert "routine:2021-07" not in session.scalars(select(SupervisionRound.key)).all()
    page = bureau.person("dudao1").get("/supervision/bindings")
    assert page.says("假期不要求")
    until(bureau, "2021-09-01")
    with db.reading() as session:
        assert session.scalars(select(SupervisionRound).where(SupervisionRound.key == "routine:2021-09")).one()


def test_a_theme_round_with_all_matters_counts_for_the_month(bureau: Bureau) -> None:
    asked = {"theme": "作业管理", "visit_by": "2021-04-20", "all_matters": "true", "schools": [SCHOOL, "JIANGYIN_CZ"]}
    assert bureau.person(INSPECTOR).get("/supervision/rounds/new").status == 403
    late = bureau.person("dudao1").post("/supervision/rounds/new", asked | {"visit_by": "2021-03-01"})
    assert (late.status, late.says("进校期限不能早于今天"), late.says("作业管理")) == (422, True, True)
    assert bureau.person("dudao1").post("/supervision/rounds/new", asked).status == 302
    until(bureau, "2021-03-31")
    assert go(bureau, INSPECTOR, SCHOOL, "2021-03-31").status == 302
    page = bureau.person("dudao1").get("/supervision?month=2021-04&kind=theme")
    assert (page.says("2021年作业管理专项督导"), page.says("1/2 校已进校")) == (True, True)
    assert not bureau.person("dudao1").get("/supervision?month=2021-04&kind=routine").says("作业管理")
    assert bureau.person("dudao1").get("/supervision/bindings").says("2021年3月 1/1")
    # The month is not yet over: nobody who was there is sent again.
    with db.reading() as session:
        assert session.scalars(select(Visit).where(Visit.visited_on == date(2021, 3, 31))).one().round.all_matters


def test_any_month_may_be_asked_for(bureau: Bureau) -> None:
    for month in ("", "0001-01", "9999-12", "2021-13", "x", "-", "2021-02-30", "²-1"):
        assert bureau.person("dudao1").get(f"/supervision?month={month}&kind=x").status == 200


def test_a_school_changes_hands(bureau: Bureau) -> None:
    until(bureau, "2021-04-01")
    visit = visit_of(SCHOOL)
    refused = bind(bureau, who=INSPECTOR)
    assert (refused.status, refused.says("责任督学由督导室安排")) == (403, True)
    assert bind(bureau, school="NOWHERE").status == 404
    assert bind(bureau, inspector=INSPECTOR).says("已经是该校责任督学")
    recused = bind(bureau, school="HUISHAN_XX", area="惠山责任区")
    assert (recused.status, recused.says("《教育督导条例》第十条")) == (422, True)
    assert bind(bureau, starts_on="2021-03-20").says("不能早于今天")
    assert bind(bureau, starts_on="2021-02-20").says("须晚于现任")

    assert bind(bureau, starts_on="2021-04-10").status == 302
    assert bind(bureau, inspector="duxue4", starts_on="2021-04-09").says("须晚于现任（或已安排的）")
    assert bind(bureau, inspector="duxue4", starts_on="2021-06-01").status == 302
    assert bureau.person(OTHER).get("/tasks").text.count("江阴市望潮小学") == 0
    until(bureau, "2021-04-09")
    assert visit_of(SCHOOL).inspector_id == visit.inspector_id
    until(bureau, "2021-04-10")
    assert visit_of(SCHOOL).inspector_id != visit.inspector_id
    assert go(bureau, INSPECTOR, SCHOOL, "2021-04-10").status == 403
    assert go(bureau, OTHER, SCHOOL, "2021-04-10").status == 302
    with db.reading() as session:
        task = session.scalars(select(UserTask).where(UserTask.instance_id == visit.instance_id)).one()
        assert task.candidate_groups == [f"user:{OTHER}"]
        lasted = session.scalars(select(SchoolBinding).where(SchoolBinding.school_id == visit.school_id).order_by(
            SchoolBinding.starts_on)).all()  # fmt: skip
        assert [each.ends_on for each in lasted] == [date(2021, 4, 9), date(2021, 5, 31), None]
    page = bureau.person("dudao1").get("/supervision/bindings")
    assert (page.says("共 6 所"), page.says("超过5所")) == (True, True)


def test_a_school_changes_hands_while_its_visit_is_submitted(bureau: Bureau) -> None:
    """Either the former inspector has made it or the new one has it to make; nobody waits for the other for ever."""
    round_ = Round(bureau)
    round_.fills_in(answers(round_.process))
    told = {"inspector": OTHER, "starts_on": clock.today().isoformat(), "area": "江阴责任区"}

    def hand_over(session: Session, actor: Actor, visit: Visit) -> None:
        office = identity.find(session, "dudao1")
        assert office
        bindings.bind(session, round_.school.upper(), told, actor=identity.actor(office))

    ended = together(submitted, hand_over, visit=round_.visit)
    assert ended in (["done", "done"], ["NotAllowed", "done"])
    with db.reading() as session:
        inspector = session.get_one(Visit, round_.visit).inspector.login
        over = select(UserTask.id).join(Candidate).where(UserTask.status != TaskStatus.OPEN)
        assert session.scalars(over).all() == []
    assert inspector == (INSPECTOR if ended[0] == "done" else OTHER)


def test_a_full_area_takes_no_school(bureau: Bureau) -> None:
    with db.transaction() as session:
        schools = select(Unit.id).where(Unit.kind == "school", Unit.key != SCHOOL).limit(20)
        session.execute(update(Unit).where(Unit.id.in_(list(session.scalars(schools)))).values(area="大责任区"))
    refused = bind(bureau, area="大责任区")
    assert (refused.status, refused.says("至多20所"), refused.says("教督〔2012〕7号")) == (422, True, True)
    assert bind(bureau, area="江阴二责任区").status == 302


def test_rotation_falls_due_after_three_years(bureau: Bureau) -> None:
    unbind(SCHOOL)
    until(bureau, "2021-03-15")
    assert bind(bureau, starts_on="2018-03-01").status == 302
    page = bureau.person("dudao1").get("/supervision/bindings")
    assert (page.says("2021-03-01 轮换到期"), page.text.count("轮换到期")) == (True, 1)


def test_a_district_sees_its_own_schools_alone(bureau: Bureau) -> None:
    until(bureau, "2021-05-02")
    until(bureau, "2021-06-01")
    login = "liangxi_officer1"
    page = bureau.person(login).get("/supervision/bindings")
    assert (page.says("5 所学校"), page.says("江阴市望潮小学"), page.says("更换…")) == (True, False, False)
    page = bureau.person(login).get("/supervision?month=2021-06")
    assert (page.says("漏访 5 条"), page.says("江阴市望潮小学"), page.says("梁溪区星桥小学")) == (True, False, True)
    with db.reading() as session:
        other = session.scalars(
            select(MissedVisit.id).join(MissedVisit.school).where(Unit.key == SCHOOL)
        ).one()  # fmt: skip
        own = session.scalars(select(MissedVisit.id).join(MissedVisit.school).where(Unit.key == "LIANGXI_XX")).one()
    assert bureau.person(login).get(f"/supervision/missed/{other}").status == 404
    assert bureau.person(login).get(f"/supervision/missed/{own}").status == 403
