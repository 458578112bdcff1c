"""减负: data requests from draft to one answer of a district, visits that clash or are one too many, and who sees what."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from engine import clock, db, ids
from engine.burden import contacts, held
from engine.models import (
    Figure,
    HeldValue,
    Notification,
    Person,
    ProcessInstance,
    SchoolContact,
    Submission,
    Target,
    Unit,
    UserTask,
)
from tests.driver import Answer, Bureau

pytestmark = pytest.mark.either_database

FIELDS = {
    "fields.0.name": "在校学生数", "fields.0.measure": "人", "fields.0.kind": "number",
    "fields.1.name": "食堂经营方式", "fields.1.kind": "text",
}  # fmt: skip
REQUEST = {
    "title": "食堂情况摸底", "purpose": "制定食堂管理办法", "basis": "锡教〔2021〕8号第三条", "due_on": "2021-03-26", "hours": "2",
    "addressees": ["LIANGXI"], **FIELDS,
}  # fmt: skip
VISIT = {
    "title": "食堂安全检查", "matters.0.matter": "食堂卫生", "schools": ["LIANGXI_XX"], "starts_on": "2021-03-22", "hours": "3",
}  # fmt: skip
SCHOOLS = ["LIANGXI_CZ", "LIANGXI_XX", "LIANGXI_YEY"]


def ask(bureau: Bureau, who: str = "jj_officer1", **other: Any) -> Answer:
    return bureau.person(who).post("/burden/requests/new", REQUEST | other)


def announce(bureau: Bureau, who: str = "jj_officer1", **other: Any) -> Answer:
    return bureau.person(who).post("/burden/visits/new", VISIT | other)


def latest(key: str) -> str:
    with db.reading() as session:
        found = select(ProcessInstance.id).where(ProcessInstance.definition_key == key)
        return session.scalars(found.order_by(ProcessInstance.started_at.desc())).first() or ""


def step(bureau: Bureau, who: str, instance: str, activity: str, **submitted: Any) -> None:
    answer = bureau.person(who).does(bureau.open_task(instance, activity), **submitted)
    assert answer.status == 302, answer.text
    bureau.settle()


def sent(bureau: Bureau, **other: Any) -> str:
    """A request that the head has approved, and that has gone out."""
    assert ask(bureau, **other).status == 302
    request = latest("data_request")
    step(bureau, "jj_head", request, "approve_request", decision="approve")
    return request


def values(*told: str) -> dict[str, str]:
    rows = {f"values.{number}.{name}": value for number, each in enumerate(told)
            for name, value in (("item", str(number)), ("value", each))}  # fmt: skip
    return {"as_of": "2021-03-10", **rows}


def officer(bureau: Bureau, key: str, role: str = "school_officer") -> str:
    with db.reading() as session:
        held = select(Person).join(Person.positions).where(Person.positions.any(role=role))
        return next(p.login for p in session.scalars(held) if any(x.unit.key == key for x in p.positions))


def unit_of(instance: str) -> str:
    with db.reading() as session:
        found = session.get_one(ProcessInstance, instance).unit
        assert found is not None
        return found.key


def answer(bureau: Bureau, instance: str, *told: str) -> None:
    step(bureau, officer(bureau, unit_of(instance)), instance, "give_answer", **values(*told))


def test_a_district_passes_a_request_down_and_sends_three_answers_on_as_one(bureau: Bureau) -> None:
    request = sent(bureau)
    (ours,) = bureau.children(request, "data_request_answer")
    district = officer(bureau, "LIANGXI", "district_officer")
    chosen = {"way": "pass", "schools": SCHOOLS, "due_on": "2021-03-20"}
    late = bureau.person(district).does(bureau.open_task(ours, "choose_schools"), **chosen | {"due_on": "2021-04-20"})
    assert (late.status, late.says("在今天和2021-03-26之间")) == (422, True)
    foreign = bureau.person(district).does(
        bureau.open_task(ours, "choose_schools"), **chosen | {"schools": ["YIXING_XX"]}
    )
    assert foreign.status == 422
    step(bureau, district, ours, "choose_schools", **chosen)
    below = bureau.children(ours, "data_request_answer")
    assert sorted(map(unit_of, below)) == SCHOOLS
    page = bureau.person(district).get(f"/burden/requests/{ours}")
    assert page.says("0/3 家已收下")

    # what is no number is refused beside its field, with everything typed kept
    school = officer(bureau, unit_of(below[0]))
    for bad in ("很多", "NaN", "1E+999999999"):
        wrong = bureau.person(school).does(bureau.open_task(below[0]), **values(bad, "自营"))
        assert (wrong.status, wrong.says("在校学生数应是数字"), wrong.says("自营")) == (422, True, True)

    for number, each in enumerate(below):
        answer(bureau, each, str(100 * (number + 1)), "自营")
    step(bureau, district, below[0], "review_answer", decision="return", opinion="学生数不对，请核对")
    answer(bureau, below[0], "150", "托管")
    for each in below:
        step(bureau, district, each, "review_answer", decision="accept")
    page = bureau.person(district).get(f"/burden/requests/{ours}")
    assert (page.says("3/3 家已收下"), page.says("汇总上报")) == (True, True)

    # the sum stands in the form; it is sent on as one, and the department sees it
    form = bureau.person(district).get(f"/tasks/{bureau.open_task(ours, 'give_answer')}")
    assert (form.says('value="650"'), form.says("汇总3所学校"), form.says("托管")) == (True, True, True)
    step(bureau, district, ours, "give_answer", **values("650", "托管；自营"))
    step(bureau, "jj_officer1", ours, "review_answer", decision="return", opinion="请附说明")
    step(bureau, district, ours, "give_answer", **values("650", "托管；自营") | {"values.1.note": "一所托管"})
    step(bureau, "jj_officer2", ours, "review_answer", decision="accept")
    assert bureau.status(request) == "completed"
    with db.reading() as session:
        kept = select(HeldValue.value).join(Unit, Unit.id == HeldValue.unit_id).where(HeldValue.value != "自营")
        assert sorted(session.scalars(kept)) == ["150", "200", "300", "650", "托管", "托管；自营"]
        asked = {each.unit.key: each for each in session.scalars(select(SchoolContact))}
    assert asked.keys() == {*SCHOOLS, "LIANGXI"}


def test_what_is_held_is_offered_with_day_and_source_and_keeps_them(bureau: Bureau) -> None:
    first = sent(bureau, addressees=["LIANGXI_XX"])
    (told,) = bureau.children(first, "data_request_answer")
    answer(bureau, told, "486", "自营")
    step(bureau, "jj_officer1", told, "review_answer", decision="accept")
    assert bureau.status(first) == "completed"

    # another department, two months on: everything is held, so it is not asked again without a reason
    bureau.let_time_pass(days=60)
    later = {"due_on": "2021-06-01", "title": "营养餐摸底", "addressees": ["LIANGXI_XX"]}
    refused = ask(bureau, "aq_officer1", **later)
    assert (refused.status, refused.says("“在校学生数”本局已有"), refused.says("2021-03-10"), refused.says("督查")) == (
        422, True, True, False,
    )  # fmt: skip
    new_field = {"fields.1.name": "营养师人数", "fields.1.kind": "number", "justification": "营养师是新要求"}
    assert ask(bureau, "aq_officer1", **later | new_field).status == 302
    request = latest("data_request")
    step(bureau, "aq_head", request, "approve_request", decision="approve")
    (again,) = bureau.children(request, "data_request_answer")
    school = officer(bureau, "LIANGXI_XX")
    form = bureau.person(school).get(f"/tasks/{bureau.open_task(again)}")
    assert (form.says('value="486"'), form.says("来自梁溪区"), form.says("2021-03-10 ▸改")) == (True, True, True)
    step(bureau, school, again, "give_answer", **values("486", "2") | {"as_of": "2021-05-10"})
    step(bureau, "aq_officer1", again, "review_answer", decision="accept")
    assert bureau.person("aq_officer1").get(f"/burden/requests/{again}").says("（未改）")
    with db.reading() as session:
        kept = {(each.value, each.as_of, each.source_id) for each in session.scalars(
            select(HeldValue).where(HeldValue.told_in_id == again)
        )}  # fmt: skip
    assert kept == {("486", date(2021, 3, 10), told), ("2", date(2021, 5, 10), again)}


def test_duplicates_are_refused_and_a_reason_is_kept_and_shown(bureau: Bureau) -> None:
    sent(bureau, addressees=["LIANGXI_XX"])
    # by the school, and by its district, which could pass it on
    for addressees in (["LIANGXI_XX"], ["LIANGXI"]):
        refused = ask(bureau, "aq_officer1", addressees=addressees)
        assert (refused.status, refused.says("严禁重复督查"), refused.says("食堂情况摸底")) == (422, True, True)
    assert announce(bureau).status == 302
    again = {"starts_on": "2021-04-06", "matters.0.matter": " 食堂 卫生"}
    refused = announce(bureau, "aq_officer1", **again)
    assert (refused.status, refused.says("与已有的重复"), refused.says("基础教育处")) == (422, True, True)
    assert announce(bureau, "aq_officer1", **again, justification="接到举报").status == 302
    page = bureau.person("dudao1").get("/burden?month=2021-04")
    assert page.says("必要性：接到举报")
    assert bureau.person(officer(bureau, "LIANGXI_XX")).get("/asked").says("必要性：接到举报")


def test_what_two_departments_draft_at_once_is_found_when_the_second_is_approved(bureau: Bureau) -> None:
    for who in ("jj_officer1", "aq_officer1"):
        assert ask(bureau, who, addressees=["LIANGXI_XX"]).status == 302
    with db.reading() as session:
        drafted = select(ProcessInstance).where(ProcessInstance.definition_key == "data_request")
        by_unit = {each.unit.key: each.id for each in session.scalars(drafted) if each.unit}
    step(bureau, "jj_head", by_unit["JJ"], "approve_request", decision="approve")
    task = bureau.open_task(by_unit["AQ"], "approve_request")
    refused = bureau.person("aq_head").does(task, decision="approve")
    assert (refused.status, refused.says("与已有的重复"), refused.says("已送审的退回修改")) == (422, True, True)
    step(bureau, "aq_head", by_unit["AQ"], "approve_request", decision="return", opinion="与基教处的合并")


def test_a_clash_is_told_at_once_and_so_is_a_cap(bureau: Bureau) -> None:
    assert announce(bureau).status == 302
    clash = announce(bureau, "aq_officer1", **{"matters.0.matter": "消防"})
    assert (clash.status, clash.says("与已有的进校同日"), clash.says("食堂安全检查"), clash.says("消防")) == (
        422,
        True,
        True,
        True,
    )
    for number in range(3):
        new = {"matters.0.matter": f"事项{number}", "starts_on": f"2021-03-{24 + number}"}
        assert announce(bureau, "aq_officer1", **new).status == 302
    over = announce(bureau, **{"matters.0.matter": "校车", "starts_on": "2021-03-30"})
    assert (over.status, over.says("每校每月进校超过4次"), over.says("督查工作条例")) == (422, True, True)
    with db.transaction() as session:
        # What the law demands is not counted, and only expected by a day: nothing else has to give way to it.
        school = session.scalars(select(Unit).where(Unit.key == "LIANGXI_CZ")).one()
        office = session.scalars(select(Unit.id).where(Unit.key == "DD")).one()
        for _ in range(5):
            routine = contacts.note(
                session, unit_id=school.id, department_id=office, kind="visit", title="三月经常性督导",
                starts_on=date(2021, 3, 15), ends_on=date(2021, 3, 15), hours=8, instance_id=None, matters=["八个方面"],
            )  # fmt: skip
            routine.statutory = True
        assert contacts.clashes(session, school.id, date(2021, 3, 15), date(2021, 3, 15)) == []
        assert contacts.over_caps(session, [school], "visit", date(2021, 3, 15), 3) == []


def test_above_the_cap_the_office_releases_a_request(bureau: Bureau) -> None:
    for number in range(3):
        sent(bureau, addressees=["LIANGXI_XX"], **{f"fields.{n}.name": f"项目{number}{n}" for n in (0, 1)})
    assert ask(bureau, addressees=["LIANGXI_XX"]).status == 302
    request = latest("data_request")
    step(bureau, "jj_head", request, "approve_request", decision="approve")
    assert bureau.children(request, "data_request_answer") == []
    assert bureau.person("jj_head").does(bureau.open_task(request), decision="approve").status in (403, 404)
    step(bureau, "duban1", request, "release_request", decision="approve")
    assert len(bureau.children(request, "data_request_answer")) == 1


def test_visits_of_two_departments_become_one_and_both_hear_of_it(bureau: Bureau) -> None:
    assert announce(bureau).status == 302
    assert (
        announce(bureau, "aq_officer1", title="消防检查", starts_on="2021-03-25", **{"matters.0.matter": "消防"}).status
        == 302
    )
    assert not bureau.person("jj_head").get("/burden").says("合并建议")
    page = bureau.person("dudao1").get("/burden")
    assert (page.says("合并建议"), page.says("6 小时")) == (True, True)
    with db.reading() as session:
        into, other = session.scalars(select(SchoolContact).order_by(SchoolContact.starts_on))
    merge = f"/burden/visits/{into.id}/merge"
    assert bureau.person("jj_head").post(merge, {"other": other.id}).status == 403
    assert bureau.person("dudao1").post(merge, {"other": "another"}).status == 409
    assert bureau.person("dudao1").post(merge, {"other": other.id}).status == 302
    assert bureau.person("dudao1").post(merge, {"other": other.id}).status == 409
    with db.reading() as session:
        moved = session.get_one(SchoolContact, other.id)
        assert (moved.starts_on, moved.merged_into_id) == (date(2021, 3, 22), into.id)
        heard = select(Person.login).join(Notification, Notification.person_id == Person.id)
        told = set(session.scalars(heard.where(Notification.title.like("合并%"))))
    assert {"jj_head", "aq_head", "jj_officer1", "aq_officer1"} <= told
    # the one that stays is cancelled: the other still comes
    assert bureau.person("aq_officer1").post(f"/burden/visits/{into.id}/cancel", {}).status == 404
    assert bureau.person("jj_officer1").post(f"/burden/visits/{into.id}/cancel", {}).status == 302
    assert bureau.person("jj_officer1").post(f"/burden/visits/{into.id}/cancel", {}).status == 403
    with db.reading() as session:
        assert session.get_one(SchoolContact, other.id).merged_into_id is None


def test_others_schools_and_districts_are_not_there(bureau: Bureau) -> None:
    request = sent(bureau)
    (ours,) = bureau.children(request, "data_request_answer")
    step(
        bureau, officer(bureau, "LIANGXI", "district_officer"), ours, "choose_schools", way="pass", schools=SCHOOLS[:1]
    )
    (below,) = bureau.children(ours, "data_request_answer")
    assert announce(bureau).status == 302
    with db.reading() as session:
        visit = session.scalars(select(SchoolContact.id).where(SchoolContact.kind == "visit")).one()
    strangers = [officer(bureau, "YIXING", "district_officer"), officer(bureau, "YIXING_XX"), "aq_officer1"]
    for who in strangers:
        person = bureau.person(who)
        assert [person.get(f"/burden/requests/{each}").status for each in (request, ours, below)] == [404] * 3
        assert person.post(f"/burden/visits/{visit}/cancel", {}).status == 404
        assert not person.get("/burden").says("梁溪")
    assert bureau.person("jj_officer1").get("/asked").status == 404
    assert bureau.person(officer(bureau, SCHOOLS[0])).get(f"/burden/requests/{request}").status == 404
    assert bureau.person("dudao1").get(f"/burden/requests/{bureau.point(1)}").status == 404

    # one list for the school: by whom, until when; the district reminds it, once a day, its neighbour not at all
    school = bureau.person(officer(bureau, SCHOOLS[0]))
    asked = school.get("/asked")
    assert (asked.says("食堂情况摸底"), asked.says("梁溪区教育局"), asked.says("3月26日")) == (True, True, True)
    assert bureau.person(officer(bureau, "LIANGXI_XX")).get("/asked").says("食堂安全检查")
    district = bureau.person(officer(bureau, "LIANGXI", "district_officer"))
    urge = f"/tasks/{bureau.open_task(below)}/urge"
    assert urge in district.get(f"/burden/requests/{ours}").text
    assert [district.post(urge, {}).status, district.post(urge, {}).status] == [302, 409]
    assert [school.post(urge, {}).status, bureau.person("aq_officer1").post(urge, {}).status] == [403, 404]


def test_a_bad_draft_is_refused_and_nothing_typed_is_lost(bureau: Bureau) -> None:
    twice = {"fields.1.name": "在校 学生数", "fields.1.measure": "人"}
    for other, said in (
        ({"due_on": "2021-03-01"}, "不能早于今天"), ({"addressees": ["JJ"]}, "请选择"), ({"hours": "0"}, "用时"),
        (twice, "只列一次"), ({"basis": ""}, "依据"),
    ):  # fmt: skip
        refused = ask(bureau, **other)
        assert (refused.status, refused.says(said), refused.says("制定食堂管理办法")) == (422, True, True), said
    assert ask(bureau, "jj_head").status == 403
    for month in ("0001-01", "9999-12", "x", "2021-13"):
        assert bureau.person("dudao1").get(f"/burden?month={month}").status == 200


def test_what_departments_have_reported_of_a_unit_is_held_as_well(bureau: Bureau) -> None:
    """Figures of targets, and the schools' rows beside them (校表)."""
    with db.transaction() as session:
        school = session.scalars(select(Unit).where(Unit.key == "LIANGXI_XX")).one()
        instance = session.scalars(select(ProcessInstance).limit(1)).one()
        target = session.scalars(select(Target).limit(1)).one()
        person = session.scalars(select(Person.id).limit(1)).one()
        session.add(Figure(
            id=ids.new(), commitment_id=target.commitment_id, target_number=target.number, unit_id=school.id,
            as_of=date(2021, 2, 28), value="12", entries=[], measure="间", source="基建台账", evidence_kind="ledger",
            instance_id=instance.id, reported_by_id=person, reported_at=clock.now(),
        ))  # fmt: skip
        task = session.scalars(select(UserTask).limit(1)).one()
        row = {"item": "LIANGXI_XX", "pupils_primary": 486}
        session.add(Submission(
            user_task_id=task.id, instance_id=task.instance_id, activity_id="collect", form_key="indicator.figures",
            data={"schools": [row]}, submitted_by_id=person, submitted_at=clock.now(),
        ))  # fmt: skip
        session.flush()
        known = held.of(session, [school.id], before=clock.now())
        figure = known[school.id, held.field_of(target.name, "间")]
        assert (figure.value, figure.as_of, figure.source_id) == ("12", date(2021, 2, 28), instance.id)
        column = next(each for each in held.SCHOOL_COLUMNS if each.key == "pupils_primary")
        told = known[school.id, held.field_of(column.label, column.suffix)]
        assert (told.value, told.source) == ("486", "指标监测的校表")
        assert held.of(session, [school.id], before=clock.now() - timedelta(days=1)) == {}


DAYS = st.dates(date(2021, 3, 1), date(2021, 6, 30))
VISITS = st.lists(
    st.builds(
        SchoolContact, id=st.uuids().map(str), unit_id=st.sampled_from("AB"), department_id=st.sampled_from("XYZ"),
        starts_on=DAYS, instance_id=st.sampled_from([None, None, "round"]),
    ),
    max_size=25,
)  # fmt: skip
WITHIN = timedelta(days=7)


@settings(max_examples=100, deadline=None)
@given(VISITS)
def test_a_merged_plan_has_fewer_visits_and_keeps_every_minimum(visits: list[SchoolContact]) -> None:
    found = contacts.mergeable(visits, WITHIN)
    moved = [other for _, others in found for other in others]
    assert len({each.id for each in moved}) == len(moved), "nothing moves twice"
    assert {each.id for each in moved}.isdisjoint({into.id for into, _ in found}), "what others join stays"
    after = [each for each in visits if each not in moved]
    assert len(after) == len(visits) - len(moved)
    assert all(others for _, others in found), "a proposal saves something"
    # what the law demands, or a process of its own, is where and when it was
    assert [each for each in after if each.instance_id] == [each for each in visits if each.instance_id]
    for into, others in found:
        for other in others:
            assert other.unit_id == into.unit_id
            assert other.department_id != into.department_id
            assert abs(other.starts_on - into.starts_on) <= WITHIN
