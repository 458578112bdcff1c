"""督导问责: from a lead to the decision, its carrying out, 复核 and 申诉; and who may see, investigate and decide."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from marshmallow import ValidationError
from sqlalchemy import select

from engine import clock, db, documents, identity, settings, user_tasks
from engine.accountability import cases
from engine.errors import NotAllowed
from engine.models import AccountabilityCase, Document, Unit, UserTask
from tests.driver import Bureau
from tests.rest import Client

pytestmark = pytest.mark.either_database

SCHOOL, HEAD, DECIDER = "JIANGYIN_XX", "jiangyin_xx_head", "fenguan2"
GROUP = {"members": [{"member": "duxue2", "duty": "组长"}, {"member": "duxue4", "duty": "成员"}]}
FOUND = {
    "situation": "conduct", "facts": "2021年9月2日违规补课，有课表和收费单为证", "circumstances": [], "decision": "start",
    "evidence": [{"kind": "书证", "name": "课表"}],
}  # fmt: skip
OPINION = {
    "considered": "逐条核对，不予采纳", "basic_facts": "公办小学", "facts": "违规补课", "grounds": "《教育督导问责办法》",
    "means": ["talk"],
}  # fmt: skip
AGREED = {"opinions": [{"unit": "市财政局", "opinion": "agree"}]}
DONE = {"done": "9月30日约谈", "handed_over": []}
PUBLISHED = {"severity": "ordinary", "range": "system", "carrier": "锡教督通", "published_on": "2021-10-01"}


@pytest.fixture(autouse=True)
def in_force(bureau: Bureau) -> None:
    until(bureau, "2021-09-06")


def until(bureau: Bureau, day: str) -> None:
    """Move the clock alone: what else falls due in the bureau meanwhile is no part of these stories."""
    with db.transaction() as session:
        settings.move_clock(session, clock.start_of(date.fromisoformat(day), hour=9))


def actor(login: str) -> identity.Actor:
    with db.reading() as session:
        person = identity.find(session, login)
        assert person is not None
        return identity.actor(person)


def opened(**other: Any) -> str:
    with db.transaction() as session:
        unit = session.scalars(select(Unit).where(Unit.key == other.pop("unit", SCHOOL))).one()
        told = {"situation": "conduct", "facts": "违规补课", "actor": actor("duxue1"), **other}
        case = cases.open_case(session, unit=unit, **told)
        assert case.instance_id
        return case.instance_id


def step(bureau: Bureau, who: str, instance: str, activity: str, told: dict[str, Any]) -> None:
    with db.transaction() as session:
        user_tasks.complete(session, bureau.open_tasks(instance)[activity], told, actor=actor(who))


def case_of(instance: str) -> AccountabilityCase:
    with db.reading() as session:
        case = cases.of_instance(session, instance)
        assert case.unit
        assert case.instance
        return case


def heard(bureau: Bureau, **other: Any) -> str:
    """A case whose party has nothing to say against what was found."""
    found, head = {**FOUND, **other.pop("found", {})}, other.pop("head", HEAD)
    instance = opened(**other)
    step(bureau, "dudao1", instance, "form_group", GROUP)
    step(bureau, "duxue2", instance, "investigate", found)
    step(bureau, head, instance, "state_defence", {"defends": "no"})
    return instance


def decided(bureau: Bureau, opinion: dict[str, Any] | None = None, **other: Any) -> str:
    instance = heard(bureau, **other)
    step(bureau, "duxue4", instance, "draft_opinion", OPINION | (opinion or {}))
    step(bureau, "dudao1", instance, "consult_members", AGREED)
    approved = {"decision": "approve", "effective_on": clock.today().isoformat()}
    step(bureau, DECIDER, instance, "approve_opinion", approved)
    return instance


def due(instance: str, activity: str) -> datetime:
    with db.reading() as session:
        wanted = select(UserTask.due_at).where(UserTask.instance_id == instance, UserTask.activity_id == activity)
        at = session.scalars(wanted.order_by(UserTask.created_at.desc())).first()
        assert at is not None
        return at.astimezone(clock.LOCAL)


def test_a_case_from_its_lead_to_an_appeal_that_changes_it(bureau: Bureau) -> None:
    told = {
        "unit": SCHOOL, "kind": "unit", "situation": "conduct", "facts": "违规补课", "supervised_on": "2021-09-03",
    }  # fmt: skip
    assert bureau.person("duxue1").post("/accountability/new", told).status == 302
    with db.reading() as session:
        instance = session.scalars(select(AccountabilityCase.instance_id)).one()
    assert instance
    assert due(instance, "form_group").date() == date(2021, 11, 2)  # 60 days

    twice = {"members": [{"member": "duxue2", "duty": "组长"}, {"member": "duxue2", "duty": "成员"}]}
    with pytest.raises(ValidationError, match="每人只列一次"):
        step(bureau, "dudao1", instance, "form_group", twice)
    step(bureau, "dudao1", instance, "form_group", GROUP)
    step(bureau, "duxue2", instance, "investigate", {**FOUND, "second_unit": "JIANGYIN"})
    assert bureau.person(HEAD).get(f"/instances/{instance}").status == 200
    assert bureau.person("jiangyin_xx_officer").get(f"/instances/{instance}").status == 404
    assert case_of(instance).second_unit_id

    # nobody answers: the hearing expires, and the case goes on
    bureau.let_time_pass(days=11)
    assert list(bureau.open_tasks(instance)) == ["draft_opinion"]
    step(bureau, "duxue4", instance, "draft_opinion", OPINION | {"considered": "逾期未陈述"})
    step(bureau, "dudao1", instance, "consult_members", AGREED)
    step(bureau, DECIDER, instance, "approve_opinion", {"decision": "return", "opinion": "依据写明条款"})
    step(bureau, "duxue4", instance, "draft_opinion", OPINION | {"considered": "逾期未陈述", "means": ["circular"]})
    step(bureau, "dudao1", instance, "consult_members", AGREED)
    with pytest.raises(ValidationError, match="不能在作出之前生效"):
        step(bureau, DECIDER, instance, "approve_opinion", {"decision": "approve", "effective_on": "2021-09-01"})
    approved = {"decision": "approve", "effective_on": clock.today().isoformat()}
    step(bureau, DECIDER, instance, "approve_opinion", approved)
    with db.reading() as session:
        paper = session.scalars(select(Document)).one()
        assert (paper.kind, paper.told["means"]) == ("accountability_decision", ["督导通报"])
        assert "江阴市教育局" in paper.told["facts"]
        papers = [
            documents.papers.of_instance(session, instance, actor=actor(login))
            for login in (HEAD, "jiangyin_xx_officer")
        ]
        assert [len(each) for each in papers] == [1, 0]

    # neither 复核 nor 申诉 holds up its carrying out
    decided_on = clock.today()
    assert set(bureau.open_tasks(instance)) == {"ask_remedy", "carry_out"}
    assert due(instance, "ask_remedy").date() >= decided_on + timedelta(days=30)
    step(bureau, HEAD, instance, "ask_remedy", {"route": "review", "reasons": "没有收费"})
    step(bureau, "dudao1", instance, "carry_out", DONE)
    step(bureau, "dudao1", instance, "publish", PUBLISHED)
    for took_part in ("dudao1", DECIDER, "duxue2"):
        with pytest.raises(NotAllowed):
            step(bureau, took_part, instance, "review_decision", {"outcome": "uphold", "reasons": "事实清楚"})
    assert (
        bureau.person("dudao1")
        .does(bureau.open_task(instance, "review_decision"), outcome="uphold")
        .says("没有参加的人")
    )
    step(bureau, "dudao2", instance, "review_decision", {"outcome": "uphold", "reasons": "事实清楚"})

    bureau.let_time_pass(days=10)
    step(bureau, HEAD, instance, "write_appeal", {"appeals": "yes", "reasons": "没有收费"})
    assert due(instance, "record_appeal").date() >= clock.today() + timedelta(days=60)
    bureau.let_time_pass(days=20)
    wrong = {
        "result": "wrong",
        "body": "省教育督导委员会",
        "document": "苏教督〔2021〕5号",
        "found_on": clock.today().isoformat(),
    }
    step(bureau, "dudao2", instance, "record_appeal", wrong)
    assert due(instance, "correct_decision").date() >= clock.today() + timedelta(days=15)
    changed = {"outcome": "change", "means": ["criticism"], "reasons": "按申诉处理决定"}
    step(bureau, DECIDER, instance, "correct_decision", changed)
    assert bureau.status(instance) == "completed"
    assert (case_of(instance).means, cases.standing(case_of(instance))) == (["criticism"], "已归档")


def test_a_second_case_within_a_year_is_aggravated_and_one_after_it_is_not(bureau: Bureau) -> None:
    first = case_of(decided(bureau)).number
    second = heard(bureau)
    assert case_of(second).aggravated
    with pytest.raises(ValidationError, match=f"1年内被教育督导问责2次以上.*{first}"):
        step(bureau, "duxue4", second, "draft_opinion", OPINION)
    step(bureau, "duxue4", second, "draft_opinion", OPINION | {"means": ["circular"]})
    assert bureau.person("dudao1").get("/accountability").says("1年内被教育督导问责2次以上")

    until(bureau, "2022-09-06")
    assert case_of(heard(bureau)).aggravated  # the last day of that year
    until(bureau, "2022-09-07")
    assert not case_of(heard(bureau)).aggravated
    other_school = heard(bureau, unit="JIANGYIN_CZ", head="jiangyin_cz_head")
    assert not case_of(other_school).aggravated


def test_what_aggravates_is_answered_by_graver_means_or_a_reason(bureau: Bureau) -> None:
    hidden = heard(bureau, found={"circumstances": ["hiding"]})
    with pytest.raises(ValidationError, match="隐瞒事实真相"):
        step(bureau, "duxue4", hidden, "draft_opinion", OPINION | {"means": ["criticism"]})
    reason = {"means": ["criticism"], "why_not_graver": "主动纠正，没有后果"}
    step(bureau, "duxue4", hidden, "draft_opinion", OPINION | reason)
    with pytest.raises(ValidationError, match="此前没有被问责"):
        heard(bureau, unit="JIANGYIN_CZ", head="jiangyin_cz_head", found={"circumstances": ["not_rectified"]})


def test_means_are_those_listed_for_the_object_and_others_are_handed_over_as_a_fact(bureau: Bureau) -> None:
    school = heard(bureau)
    with pytest.raises(ValidationError, match=r"“从业禁止”只用于民办学校.*本案对象是学校"):
        step(bureau, "duxue4", school, "draft_opinion", OPINION | {"means": ["talk", "ban"]})
    person = decided(bureau, {"means": ["sanction", "censure"]}, person="某副校长", situation="duty")
    with pytest.raises(ValidationError, match="处分由其他机关决定"):
        step(bureau, "dudao1", person, "carry_out", DONE)
    fact = {"means": "sanction", "body": "市教育局党委", "handed_on": "2021-09-06", "document": "锡教督移〔2021〕1号"}
    step(bureau, "dudao1", person, "carry_out", DONE | {"handed_over": [fact]})
    with pytest.raises(ValidationError, match="向社会公开"):
        step(bureau, "dudao1", person, "publish", PUBLISHED | {"severity": "severe"})


def test_who_is_concerned_or_investigated_does_not_decide(bureau: Bureau) -> None:
    instance = heard(bureau)
    step(bureau, "duxue4", instance, "draft_opinion", OPINION)
    step(bureau, "dudao1", instance, "consult_members", AGREED)
    refused = bureau.person("duxue2").does(bureau.open_task(instance, "approve_opinion"), decision="approve")
    assert (refused.status, refused.says("您参加了本案的调查认定")) == (403, True)
    department = opened(unit="JJ")
    with pytest.raises(ValidationError, match=r"须回避|不得参加"):
        step(bureau, "dudao1", opened(unit="YIXING_GZ"), "form_group", {"members": [
            {"member": "duxue1", "duty": "组长"}, {"member": "duxue4", "duty": "成员"}]})  # fmt: skip
    with db.reading() as session:
        leaders = cases.barred(session, cases.of_instance(session, department))
    assert DECIDER in leaders  # who oversees the department (分管) has a part in it


def test_a_case_is_there_for_its_parties_and_those_who_handle_it_alone(bureau: Bureau) -> None:
    instance = opened(actor=actor("dudao1"))
    step(bureau, "dudao1", instance, "form_group", GROUP)
    page, address = "/accountability", f"/instances/{instance}"
    seeing = ("dudao2", "juzhang", "duxue2", HEAD, "jijian")
    for login in seeing:
        assert not bureau.person(login).get(page).says("UserTask object")
        assert (bureau.person(login).get(page).says("问责案〔2021〕1号"), bureau.person(login).get(address).status) == (
            True,
            200,
        ), login
    for login in ("duxue5", "duban1", "designer", "jj_head", "jiangyin_cz_head"):
        assert bureau.person(login).get(address).status == 404, login
        assert not bureau.person(login).get(page).says("问责案〔2021〕1号"), login
    assert bureau.person("jj_head").get(page).status == 404
    step(bureau, "duxue2", instance, "investigate", FOUND)
    assert bureau.person(HEAD).get("/asked").says("问责案〔2021〕1号")
    assert not bureau.person("jiangyin_xx_officer").get("/asked").says("问责案〔2021〕1号")
    assert instance not in Client(bureau, "designer").get("/job").text


def test_direct_appeals_and_requests_end_with_their_time(bureau: Bureau) -> None:
    instance = decided(bureau)
    bureau.let_time_pass(days=18)
    with pytest.raises(ValidationError, match="直接申诉的期限已过"):
        step(bureau, HEAD, instance, "ask_remedy", {"route": "appeal"})
    bureau.let_time_pass(days=30)
    assert list(bureau.open_tasks(instance)) == ["carry_out"]


def test_a_talk_becomes_a_numbered_record(bureau: Bureau) -> None:
    told = {
        "unit": SCHOOL, "talked_on": "2021-09-06", "place": "督导室", "hosts": "陈大暑", "guests": "校长、书记",
        "reason": "整改逾期", "record": "已说明", "promises.0.promise": "停止补课", "promises.0.until": "2021-09-10",
    }  # fmt: skip
    assert bureau.person("duxue1").post("/accountability/talks/new", told).status == 403
    assert bureau.person("dudao1").post("/accountability/talks/new", told).status == 302
    with db.reading() as session:
        paper = session.scalars(select(Document).where(Document.kind == "talk_record")).one()
        assert paper.told["guests"] == ["校长", "书记"]
        assert paper.told["promises"] == ["停止补课（2021-09-10前）"]
