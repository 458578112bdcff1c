"""What any process may call: a collective decision, a review of legality, a public notice, an expert review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from engine import db, definitions, identity, instances, messages, runtime
from engine.models import (
    Commitment,
    Meeting,
    OversightItem,
    Person,
    ProcessInstance,
    RecusalFact,
    Unit,
    UserTask,
    WorkItem,
)
from tests.driver import Answer, Bureau
from tests.engine.test_reminders import until
from tests.failures import invariants

pytestmark = pytest.mark.either_database

DIAGRAM = (Path(__file__).parent / "gates.bpmn").read_text("utf-8")
OFFICER, HEAD, LEADER, SECRETARY, CHIEF = "jj_officer1", "jj_head", "fenguan2", "duban1", "juzhang"
LEADERS = ["juzhang", "fenguan1", "fenguan2", "fenguan3", "fenguan4", "fenguan5"]
TOPIC = {
    "title": "调整两所初中施教区", "matter": "decision", "reason": "新校启用", "ready": ["argument", "legality", "risk"],
    "materials.0.name": "论证报告", "materials.0.number": "12页",
}  # fmt: skip
CANDIDATE = {
    "candidates.0.name": "某某", "candidates.0.unit": "某校（演示）", "candidates.0.id_hint": "", "candidates.0.post": "副书记",
}  # fmt: skip
READY = {"decision": "ready", "planned_on": "2021-03-18", "deliberated": "已与各位成员沟通"}
FOLLOW_UP = {
    "follow_ups.0.demand": "公布新的施教区\n并答复来访", "follow_ups.0.criterion": "公告已发布", "follow_ups.0.lead": "JJ",
    "follow_ups.0.due_on": "", "follow_ups.1.demand": "修订招生系统", "follow_ups.1.criterion": "上线",
    "follow_ups.1.lead": "XXZX", "follow_ups.1.due_on": "2021-05-31",
}  # fmt: skip
VOTES = {"+": "for", "-": "against", "0": "abstain"}


def begin(bureau: Bureau, gate: str, unit: str = "JJ") -> str:
    """The instance of a process that calls a gate and then waits."""
    with db.transaction() as session:
        definitions.deploy(session, "过门", {"gates.bpmn": DIAGRAM.replace("GATE", gate).encode()})
        starter = identity.find(session, OFFICER)
        assert starter is not None
        lead = session.scalars(select(Unit.id).where(Unit.key == unit)).one()
        return instances.start(session, "gated", actor=identity.actor(starter), unit_id=lead).id


def step(bureau: Bureau, who: str, instance: str, activity: str, **submitted: Any) -> Answer:
    answer = bureau.person(who).does(bureau.open_task(instance, activity), **submitted)
    bureau.settle()
    return answer


def done(bureau: Bureau, who: str, instance: str, activity: str, **submitted: Any) -> None:
    answer = step(bureau, who, instance, activity, **submitted)
    assert answer.status == 302, answer.text


def refused(answer: Answer, *words: str) -> None:
    assert answer.status == 422, answer.status
    for each in words:
        assert answer.says(each), each


def outcome(bureau: Bureau, instance: str, variable: str) -> object:
    """What the gate has set, once the caller has gone on."""
    assert list(bureau.open_tasks(instance)) == ["go_on"]
    with db.reading() as session:
        assert invariants.violations(session) == []
        return runtime.load(session, session.get_one(ProcessInstance, instance)).variables()[variable]


def record(votes: str, order: str = "612345", **other: Any) -> dict[str, Any]:
    """The record of a meeting, a sign for each leader: for, against, 0 abstains, r recuses, . absent, p only there."""
    told = {
        "held_as": "in_person",
        "held_on": "2021-03-12",
        "chair": "juzhang",
        "held_over": "false",
        "resolved": "原则同意",
    }
    for row, (login, vote, spoke) in enumerate(zip(LEADERS, votes, order, strict=True)):
        cells = {"item": login, "vote": VOTES.get(vote, ""), "spoke_as": spoke if vote in VOTES else ""}
        cells["dissent"] = "另有考虑" if vote in "-0" else ""
        cells["because"] = "亲属在其中一校" if vote == "r" else ""
        cells |= {"attended": "true"} if vote != "." else {}
        cells |= {"recused": "true"} if vote == "r" else {}
        told |= {f"members.{row}.{name}": value for name, value in cells.items()}
    return told | other


def proposed(bureau: Bureau, **other: Any) -> str:
    """A topic whose material is complete."""
    instance = begin(bureau, "collective_decision")
    done(bureau, OFFICER, instance, "propose_topic", **TOPIC | other)
    done(bureau, LEADER, instance, "consult_topic", decision="approve")
    done(bureau, SECRETARY, instance, "prepare_meeting", **READY)
    return instance


def test_a_topic_is_prepared_decided_and_followed_up(bureau: Bureau) -> None:
    instance = begin(bureau, "collective_decision")
    answer = step(bureau, OFFICER, instance, "propose_topic", **TOPIC | {"ready": ["argument"]})
    refused(answer, "还须完成：合法性审查、风险评估", "《重大行政决策程序暂行条例》", "新校启用")
    done(bureau, OFFICER, instance, "propose_topic", **TOPIC)
    done(bureau, LEADER, instance, "consult_topic", decision="return", opinion="先听学校意见")
    done(bureau, OFFICER, instance, "propose_topic", **TOPIC)
    done(bureau, LEADER, instance, "consult_topic", decision="approve")
    done(bureau, SECRETARY, instance, "prepare_meeting", decision="return", opinion="缺风险评估报告")
    done(bureau, OFFICER, instance, "propose_topic", **TOPIC)
    done(bureau, LEADER, instance, "consult_topic", decision="approve")
    done(bureau, SECRETARY, instance, "prepare_meeting", **READY)
    done(bureau, SECRETARY, instance, "record_meeting", **record("+++++-") | FOLLOW_UP)

    # The head signs; what they have returned is recorded anew, and it is the same meeting.
    done(bureau, CHIEF, instance, "issue_minutes", decision="return", opinion="漏记一票")
    done(bureau, "duban2", instance, "record_meeting", **record("++++--") | FOLLOW_UP)
    done(bureau, CHIEF, instance, "issue_minutes", decision="approve", minutes_number="锡教纪要〔2021〕3号")
    assert outcome(bureau, instance, "resolution") == "passed"
    with db.reading() as session:
        (meeting,) = session.scalars(select(Meeting))
        assert (meeting.number, meeting.minutes_number) == ("会议〔2021〕1号", "锡教纪要〔2021〕3号")
        assert [member.vote for member in meeting.members] == [*["for"] * 4, *["against"] * 2]
        assert meeting.members[4].dissent == "另有考虑"
        assert "赞成4票、反对2票、弃权0票" in meeting.reckoned
    page = bureau.person("jj_head").get(f"/instances/{instance}")
    for words in ("赞成4票、反对2票", "漏记一票", "另有考虑", "公布新的施教区"):
        assert page.says(words), words

    # Each thing the minutes demand is a 督办 item: drafted by who kept the record, and approved as any other.
    first, second = bureau.children(instance, "oversight_item")
    assert bureau.story(first) == bureau.story(second) == ["draft_item"]
    for item in (first, second):
        done(bureau, "bgs_head", item, "approve_item", decision="approve")
    with db.reading() as session:
        kept = {item.title: item for item in session.scalars(select(OversightItem))}
        assert set(kept) == {"公布新的施教区", "修订招生系统"}
        assert {item.source for item in kept.values()} == {"minutes"}
        assert "锡教纪要〔2021〕3号" in kept["修订招生系统"].document
        assert kept["公布新的施教区"].lead.key == "JJ"
        assert "会议纪要" in (kept["公布新的施教区"].due_reason or "")


def test_without_a_quorum_another_meeting_decides(bureau: Bureau) -> None:
    instance = proposed(bureau)
    done(bureau, SECRETARY, instance, "record_meeting", **record("pp...."))
    done(bureau, SECRETARY, instance, "call_again", again="true", opinion="另选时间")
    done(bureau, SECRETARY, instance, "prepare_meeting", **READY)
    done(bureau, SECRETARY, instance, "record_meeting", **record("pppppp", held_over="true"))
    done(bureau, SECRETARY, instance, "call_again", again="true", opinion="分歧较大，补充论证")
    done(bureau, SECRETARY, instance, "prepare_meeting", **READY)
    done(bureau, SECRETARY, instance, "record_meeting", **record("++++++"))
    done(bureau, CHIEF, instance, "issue_minutes", decision="approve", minutes_number="3号")
    assert outcome(bureau, instance, "resolution") == "passed"
    with db.reading() as session:
        held = list(session.scalars(select(Meeting).order_by(Meeting.sequence)))
        assert [each.result for each in held] == ["deferred", "deferred", "passed"]
        assert "不足应到成员的半数以上" in held[0].reckoned


@pytest.mark.parametrize(("votes", "then"), [("+++---", "rejected"), ("pp....", "deferred")])
def test_a_topic_may_fail(bureau: Bureau, votes: str, then: str) -> None:
    instance = proposed(bureau)
    done(bureau, SECRETARY, instance, "record_meeting", **record(votes))
    if then == "rejected":
        done(bureau, CHIEF, instance, "issue_minutes", decision="approve", minutes_number="3号")
    else:
        done(bureau, SECRETARY, instance, "call_again", again="false", opinion="撤回议题")
    assert outcome(bureau, instance, "resolution") == then
    assert bureau.children(instance, "oversight_item") == []


def test_a_record_against_the_rules_is_refused_and_nothing_typed_is_lost(bureau: Bureau) -> None:
    instance = proposed(bureau, **{"interested.0.person": "fenguan3", "interested.0.relation": "子女在其中一校就读"})

    def tell(**submitted: Any) -> Answer:
        return step(bureau, SECRETARY, instance, "record_meeting", **submitted)

    refused(tell(**record("++++++")), "李小暑与本议题有利害关系，须回避", "“三重一大”", "原则同意")
    left = record("+++r++")
    refused(tell(**left | {"members.3.vote": "for"}), "李小暑已回避，不得参加表决", "亲属在其中一校")
    refused(tell(**record("+++r++", "123056")), "主要负责人应当最后发表意见", "第三十条")
    refused(tell(**left | {"held_as": "circulated"}), "传阅、会签不能代替会议")
    refused(tell(**left | {"chair": "fenguan3"}), "主持人须是到会且不回避的成员")
    refused(tell(**left | {"held_on": "2021-03-13"}), "会议还没有召开")
    refused(tell(**left | FOLLOW_UP | {"follow_ups.1.due_on": "2021-03-11"}), "办结期限不能早于今天")
    assert bureau.count(Meeting) == 0
    done(bureau, SECRETARY, instance, "record_meeting", **left)
    assert step(bureau, SECRETARY, instance, "issue_minutes", decision="approve", minutes_number="3号").status == 403


SENT = {
    "document": "学区管理办法（草案）", "line": "administrative", "document_kind": "decision", "review_by": "2021-03-23",
    "materials.0.name": "起草说明", "materials.0.number": "",
}  # fmt: skip
OPINION = {"authority": "yes", "procedure": "yes", "content": "yes", "opinion": "审查完毕"}
ARTICLE = {"articles.0.article": "第三条", "articles.0.problem": "与上位法不一致", "articles.0.advice": "删去"}


@pytest.mark.parametrize(("kind", "day", "words"), [
    ("decision", "2021-03-22", "不少于7个工作日"), ("normative", "2021-03-18", "最早填2021-03-19"),
    ("normative", "2021-04-07", "最晚填2021-04-02"), ("other", "2021-03-11", "不能早于今天"),
])  # fmt: skip
def test_a_review_of_legality_is_given_its_time(bureau: Bureau, kind: str, day: str, words: str) -> None:
    instance = begin(bureau, "legality_review")
    refused(step(bureau, OFFICER, instance, "submit_review", **SENT | {"document_kind": kind, "review_by": day}), words)


@pytest.mark.parametrize("verdict", ["lawful", "revise", "unlawful"])
def test_a_review_of_legality_says_what_may_go_on(bureau: Bureau, verdict: str) -> None:
    instance = begin(bureau, "legality_review")
    done(bureau, OFFICER, instance, "submit_review", **SENT)
    assert bureau.person(HEAD).does(bureau.open_task(instance), **OPINION, legality="lawful").status == 403
    faulty = OPINION | ARTICLE | {"content": "no"}
    refused(step(bureau, "fazhi", instance, "review_legality", **faulty, legality="lawful"), "结论不能是“合法”")
    told = OPINION if verdict == "lawful" else faulty
    done(bureau, "fazhi", instance, "review_legality", **told, legality=verdict)
    assert outcome(bureau, instance, "legality") == verdict


@pytest.mark.parametrize(("line", "activity", "who"), [
    ("party", "review_party_document", "bgs_head"), ("business", "review_business_rule", "jj_head"),
])  # fmt: skip
def test_other_lines_have_other_reviewers(bureau: Bureau, line: str, activity: str, who: str) -> None:
    instance = begin(bureau, "legality_review")
    done(bureau, OFFICER, instance, "submit_review", **SENT | {"line": line})
    assert bureau.person("fazhi").does(bureau.open_task(instance, activity), **OPINION, legality="lawful").status != 302
    done(bureau, who, instance, activity, **OPINION, legality="lawful")
    assert outcome(bureau, instance, "legality") == "lawful"


NOTICE = {
    "title": "新优质学校拟认定名单", "kind": "award", "place": "门户网站", "starts_on": "2021-03-30", "days": "",
    "contact": "0510-00000000",
}  # fmt: skip
OBJECTION = {"who": "", "what": "一所学校材料不实", "evidence": "照片"}


def shown(bureau: Bureau) -> str:
    instance = begin(bureau, "publicity")
    done(bureau, OFFICER, instance, "publish_notice", **NOTICE)
    return instance


def object_to(bureau: Bureau, instance: str, who: str = "zj_officer1") -> Answer:
    return bureau.person(who).post(f"/publicity/{instance}/objection", OBJECTION)


def answer(bureau: Bureau, instance: str, verdict: str) -> None:
    (pending,) = [each for each in bureau.children(instance, "publicity_objection") if bureau.status(each) == "active"]
    assert bureau.person(OFFICER).does(bureau.open_task(pending), checked="好", verdict=verdict).status == 403
    done(bureau, HEAD, pending, "handle_objection", checked="已到校核实", verdict=verdict, reply="匿名，无法答复")


def test_a_notice_without_objection_ends_on_its_working_day(bureau: Bureau) -> None:
    instance = begin(bureau, "publicity")
    refused(step(bureau, OFFICER, instance, "publish_notice", **NOTICE | {"days": "4"}), "不少于5个工作日", "待核对")
    refused(step(bureau, OFFICER, instance, "publish_notice", **NOTICE | {"starts_on": "2021-03-11"}), "不能早于今天")
    done(bureau, OFFICER, instance, "publish_notice", **NOTICE)
    assert (
        bureau.person(OFFICER).get(f"/instances/{instance}").says("自2021-03-30次日起5个工作日，至2021-04-07止，不计")
    )
    assert bureau.person(OFFICER).get(f"/instances/{instance}").says("清明节")
    until(bureau, "2021-04-07T23:30")
    assert bureau.open_tasks(instance) == {}
    until(bureau, "2021-04-08T00:30")
    assert outcome(bureau, instance, "objection") == "none"
    assert object_to(bureau, instance, "duban1").status == 409


def test_an_objection_that_is_rejected_lets_the_notice_go_on(bureau: Bureau) -> None:
    instance = shown(bureau)
    assert object_to(bureau, instance).status == 404
    assert bureau.person(HEAD).get(f"/publicity/{instance}/objection").says("异议内容")
    assert object_to(bureau, instance, OFFICER).status == 302
    answer(bureau, instance, "rejected")
    assert bureau.open_tasks(instance) == {}
    # A second one is still being looked into when the notice ends: nothing goes on before that is settled.
    assert object_to(bureau, instance, "duban1").status == 302
    until(bureau, "2021-04-08T09:00")
    assert bureau.open_tasks(instance) == {}
    assert object_to(bureau, instance, "duban1").status == 409
    answer(bureau, instance, "rejected")
    assert outcome(bureau, instance, "objection") == "none"


def test_an_objection_that_is_upheld_stops_the_notice(bureau: Bureau) -> None:
    instance = shown(bureau)
    assert object_to(bureau, instance, "duban1").status == 302
    answer(bureau, instance, "upheld")
    assert outcome(bureau, instance, "objection") == "upheld"


def panel(*experts: str, **other: str) -> dict[str, str]:
    told = {"subject": "新优质学校中期评估", "rule": "average", "pass_mark": "80", "criteria": "五项各20分"}
    for row, login in enumerate(experts):
        told |= {f"experts.{row}.person": login, f"experts.{row}.field": "", f"experts.{row}.interest": "no"}
    return told | other


EXPERTS = "zhuanjia1", "zhuanjia2", "zhuanjia3"


def test_an_expert_with_an_interest_is_refused(bureau: Bureau) -> None:
    instance = begin(bureau, "expert_review")

    def choose(told: dict[str, str]) -> Answer:
        return step(bureau, OFFICER, instance, "choose_experts", **told)

    refused(choose(panel(*EXPERTS, **{"experts.1.interest": "yes"})), "有利害关系", "第二十条", "五项各20分")
    refused(choose(panel(*EXPERTS[:2])), "不得少于3人")
    refused(choose(panel(*EXPERTS[:2], "zhuanjia1")), "已经在名单里")
    with db.transaction() as session:
        expert = session.scalars(select(Person.id).where(Person.login == "zhuanjia3")).one()
        unit = session.scalars(select(Unit.id).where(Unit.key == "JJ")).one()
        session.add(RecusalFact(id="r1", person_id=expert, unit_id=unit, kind="relative"))
    refused(choose(panel(*EXPERTS)), "有利害关系")
    own = begin(bureau, "expert_review", unit="JKY")
    refused(step(bureau, "jky_officer1", own, "choose_experts", **panel(*EXPERTS)), "承办单位的人")


@pytest.mark.parametrize(("rule", "scores", "result"), [
    ("average", (90, 80, 70), "recommended"), ("average", (90, 80, 69), "rejected"),
    ("majority", (80, 80, 10), "recommended"), ("majority", (100, 79, 79), "rejected"),
])  # fmt: skip
def test_experts_score_each_for_themselves(
    bureau: Bureau, rule: str, scores: tuple[int, int, int], result: str
) -> None:
    instance = begin(bureau, "expert_review")
    done(bureau, OFFICER, instance, "choose_experts", **panel(*EXPERTS, rule=rule))
    done(bureau, HEAD, instance, "confirm_panel", decision="approve")
    for expert, score in zip(EXPERTS, scores, strict=True):
        with db.reading() as session:
            (task,) = [
                each.id
                for each in session.scalars(
                    select(UserTask).where(UserTask.instance_id == instance, UserTask.status == "open")
                )
                if each.assignee and each.assignee.login == expert
            ]
        told = bureau.person(expert).does(task, score=str(score), opinion="符合标准")
        assert told.status == 302, told.text
    assert outcome(bureau, instance, "expert_result") == result


IN_CHARGE, ABOVE, ITS_LEADER = "zz_officer1", "zz_head", "fenguan1"


def registered(bureau: Bureau, code: str) -> tuple[str, str]:
    """A commitment to decide together, and the topic that was registered for it."""
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment.instance_id).where(Commitment.code == code)).one() or ""
        messages.send(session, "plan_approved", instance_id=commitment, dedupe_key="plan")
    bureau.settle()
    row = {"items.0.name": "党组织换届", "items.0.unit": "", "items.0.due_on": "2021-05-31", "items.0.note": ""}
    for who, activity, told in (
        (IN_CHARGE, "list_topics", row), (ABOVE, "confirm_topics", {"decision": "approve"}),
    ):  # fmt: skip
        answer = bureau.person(who).does(bureau.open_tasks(commitment)[activity], **told)
        assert answer.status == 302, answer.text
        bureau.settle()
    (topic,) = bureau.children(commitment, "collective_decision_duty_item")
    return commitment, topic


def met(bureau: Bureau, topic: str, votes: str, **other: Any) -> None:
    """A topic about people came before a meeting, and its minutes were issued if it was decided."""
    personnel = TOPIC | {"matter": "personnel", "ready": ["discipline"]}
    refused(step(bureau, IN_CHARGE, topic, "propose_topic", **personnel), "请填写拟任免人选")
    done(bureau, IN_CHARGE, topic, "propose_topic", **personnel | CANDIDATE)
    done(bureau, ITS_LEADER, topic, "consult_topic", decision="approve")
    done(bureau, SECRETARY, topic, "prepare_meeting", **READY)
    done(bureau, SECRETARY, topic, "record_meeting", **record(votes) | other)
    if "p" not in votes:
        done(bureau, CHIEF, topic, "issue_minutes", decision="approve", minutes_number="3号")


def test_a_commitment_to_decide_together_runs_topic_by_topic(bureau: Bureau) -> None:
    commitment, topic = registered(bureau, "3-8")
    met(bureau, topic, "+++---")
    done(bureau, ABOVE, topic, "settle_failed_topic", propose_again="true", opinion="缩小范围")
    met(bureau, topic, "++++++", **FOLLOW_UP)
    carried = {"carried_out": "已公布", "carried_out_on": "2021-03-12", "evidence": "公告"}
    done(bureau, IN_CHARGE, topic, "carry_out_resolution", **carried)
    done(bureau, ABOVE, topic, "confirm_resolution", decision="return", opinion="请附公告")
    done(bureau, IN_CHARGE, topic, "carry_out_resolution", **carried)
    done(bureau, ABOVE, topic, "confirm_resolution", decision="approve")
    assert (bureau.status(topic), bureau.status(commitment)) == ("completed", "active")
    with db.reading() as session:
        assert session.scalars(select(WorkItem.result).where(WorkItem.instance_id == topic)).one() == "done"
        # The end of the year ends what the commitment has started, but not what the minutes demand.
        assert len(instances.running_below(session, topic)) == 2
        assert instances.running_below(session, topic, but_not=["oversight_item"]) == []


def test_a_topic_that_fails_is_dropped(bureau: Bureau) -> None:
    _, topic = registered(bureau, "3-8")
    met(bureau, topic, "pp....")
    done(bureau, SECRETARY, topic, "call_again", again="false", opinion="条件不成熟")
    done(bureau, ABOVE, topic, "settle_failed_topic", propose_again="false", opinion="撤销")
    assert bureau.status(topic) == "completed"
    with db.reading() as session:
        assert session.scalars(select(WorkItem.result).where(WorkItem.instance_id == topic)).one() == "dropped"


def test_an_appointment_is_shown_before_it_takes_effect(bureau: Bureau) -> None:
    _, topic = registered(bureau, "3-9")
    met(bureau, topic, "++++..")
    done(bureau, IN_CHARGE, topic, "publish_notice", **NOTICE | {"kind": "appointment"})
    assert object_to(bureau, topic, "duban1").status == 302
    (pending,) = bureau.children(topic, "publicity_objection")
    done(bureau, ABOVE, pending, "handle_objection", checked="属实", verdict="upheld", reply="匿名，无法答复")
    done(bureau, ABOVE, topic, "settle_failed_topic", propose_again="true", opinion="另提人选")
    # The second notice knows nothing of the objection to the first.
    bureau.let_time_pass(minutes=5)
    met(bureau, topic, "++++..")
    done(bureau, IN_CHARGE, topic, "publish_notice", **NOTICE | {"kind": "appointment"})
    until(bureau, "2021-04-08T09:00")
    assert list(bureau.open_tasks(topic)) == ["carry_out_resolution"]
