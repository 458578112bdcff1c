"""评选, 文件, 个案, 应急 and 资金: each shape through its normal end and through what may go wrong on the way."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from engine import clock, db, identity, publicity, user_tasks
from engine.decisions import shipped
from engine.identity import Actor
from engine.models import Bar, Commitment, HistoryEvent, UserTask
from engine.plan import items
from engine.vetoes import register
from tests.driver import Bureau
from tests.scenarios.test_gates import EXPERTS, OPINION, READY, SENT, panel, record
from tests.shapes import APPROVE, RETURN, ShapeStory

pytestmark = pytest.mark.either_database

SCHOOL = "江阴市云帆小学（演示）"
TEACHERS = [
    {"name": "王小明", "unit": SCHOOL, "category": "班主任", "id_hint": None},
    {"name": "李立春", "unit": SCHOOL, "category": "班主任", "id_hint": None},
]
CALL = {
    "title": "关于评选德育带头人的通知", "number": "无", "issued_on": "2021-03-12", "conditions": "在职教师", "quota": 2,
    "method": "申报、评审、公示", "applications_until": "2021-03-19",
}  # fmt: skip
CHECKED = APPROVE | {"materials_checked": True, "rejected": []}
NOTICE = {"title": "拟认定名单", "kind": "award", "place": "门户网站", "days": None, "contact": "0510-00000000"}
EVIDENCE: list[dict[str, str]] = []


def rows(told: dict[str, Any]) -> dict[str, Any]:
    """What a page sends for rows (`name.0.column`), as a form takes it from elsewhere."""
    found = {key: value for key, value in told.items() if "." not in key}
    for key, value in told.items():
        if "." in key:
            name, number, column = key.split(".")
            listed = found.setdefault(name, [])
            listed.extend({} for _ in range(int(number) + 1 - len(listed)))
            listed[int(number)][column] = value
    return found


def somebody(session: Session, login: str) -> Actor:
    person = identity.find(session, login)
    assert person is not None
    return identity.actor(person)


def bar(subject: str, **other: object) -> None:
    told = {
        "kind": "person", "subject": subject, "unit": SCHOOL, "id_hint": None, "reason": "conduct", "sanction": "warning",
        "basis": "锡教人〔2021〕3号", "starts_on": "2021-03-01", "ends_on": None, "scopes": ["award", "subsidy"],
    }  # fmt: skip
    with db.transaction() as session:
        register.register(session, told | other, actor=somebody(session, "rs_head"))


def collect(story: ShapeStory, nominees: list[dict[str, Any]]) -> None:
    story.step("officer", "collect_nominees", nominees=nominees, received=len(nominees), note=None)


def reviewed_by_experts(story: ShapeStory, score: int = 90) -> None:
    story.step("officer", "choose_experts", **rows(panel(*EXPERTS)))
    story.step("head", "confirm_panel", **APPROVE)
    for expert in EXPERTS:
        with db.transaction() as session:
            mine = select(UserTask).where(UserTask.instance_id == story.instance, UserTask.status == "open")
            actor = somebody(session, expert)
            (task,) = session.scalars(mine.where(UserTask.assignee_id == actor.id))
            user_tasks.complete(session, task.id, {"score": score, "opinion": "符合条件"}, actor=actor)
        story.bureau.settle()


def publicise(story: ShapeStory, **other: Any) -> None:
    story.step("officer", "publish_notice", **NOTICE | {"starts_on": clock.today().isoformat()} | other)


def object_to(story: ShapeStory, verdict: str) -> None:
    with db.transaction() as session:
        told = {"who": None, "what": "材料不实", "evidence": None}
        publicity.raise_objection(session, story.instance, told, actor=somebody(session, "duban1"))
    story.bureau.settle()
    (pending,) = story.bureau.children(story.instance, "publicity_objection")
    story.step("head", "handle_objection", pending, checked="已核实", verdict=verdict, reply="已答复")


def decided_together(story: ShapeStory, votes: str = "++++++") -> None:
    topic = {
        "title": "审议", "matter": "funds", "reason": "按程序", "ready": ["argument", "legality", "risk", "budget"],
        "materials": [{"name": "材料", "number": "1份"}], "interested": [],
    }  # fmt: skip
    story.step("officer", "propose_topic", **topic)
    story.step("leader", "consult_topic", **APPROVE)
    story.step("duban1", "prepare_meeting", **READY | {"planned_on": clock.today().isoformat()})
    held = rows(record(votes)) | {"held_on": clock.today().isoformat(), "follow_ups": []}
    story.step("duban1", "record_meeting", **held)
    story.step("juzhang", "issue_minutes", decision="approve", minutes_number="锡教纪要〔2021〕3号", opinion=None)


def test_an_award_is_examined_shown_and_announced(bureau: Bureau) -> None:
    bar("王小明")
    story = ShapeStory(bureau, "9-9")
    story.step("officer", "publish_call", **CALL)
    words = story.refused("officer", "collect_nominees", nominees=TEACHERS, received=2, note=None)
    assert "王小明在一票否决期内" in words
    assert "《中小学教师违反职业道德行为处理办法》" in words
    collect(story, TEACHERS[1:])
    story.step("head", "check_nominees", **CHECKED | RETURN)
    collect(story, [*TEACHERS[1:], TEACHERS[1] | {"name": "周谷雨"}])
    story.step("head", "check_nominees", **CHECKED)
    reviewed_by_experts(story)
    story.step("leader", "approve_list", **APPROVE)
    publicise(story)

    # An objection that is upheld brings the list back to whoever examined it.
    object_to(story, "upheld")
    assert story.open() == {"check_nominees"}
    story.step("head", "check_nominees", **CHECKED)
    reviewed_by_experts(story)
    story.step("leader", "approve_list", **APPROVE)
    publicise(story)

    # Barred while the list is shown: nobody announces it, and the reason stands where it is examined again.
    bar("周谷雨")
    bureau.let_time_pass(days=10)
    assert story.open() == {"check_nominees"}
    assert "周谷雨在一票否决期内（至2021-08-31）" in story.refused("head", "check_nominees", **CHECKED)
    story.step("head", "check_nominees", **CHECKED | RETURN)
    collect(story, TEACHERS[1:])
    story.step("head", "check_nominees", **CHECKED)
    reviewed_by_experts(story)
    story.step("leader", "approve_list", **APPROVE)
    publicise(story)
    bureau.let_time_pass(days=10)
    winners = [{"name": "李立春", "unit": SCHOOL, "category": "班主任"}]
    issued = {
        "title": "关于公布名单的通知",
        "number": "锡教〔2021〕30号",
        "issued_on": "2021-04-20",
        "published_at": "门户网站",
    }
    story.step("duban1", "issue_list", **issued, winners=winners, figures=[], evidence=EVIDENCE)
    story.conclude()


def test_an_award_without_gates_is_approved_and_announced(bureau: Bureau) -> None:
    plain = ShapeStory(bureau, "3-6")
    plain.step("officer", "publish_call", **CALL)
    collect(plain, TEACHERS[1:])
    plain.step("head", "check_nominees", **CHECKED)
    plain.step("leader", "approve_list", **RETURN)
    plain.step("head", "check_nominees", **CHECKED)
    plain.step("leader", "approve_list", **APPROVE)
    assert plain.open() == {"issue_list"}


def test_the_list_that_is_announced_counts_for_the_target(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "2-4")
    story.step("officer", "publish_call", **CALL)
    collect(story, TEACHERS[1:])
    story.step("head", "check_nominees", **CHECKED)
    reviewed_by_experts(story)
    story.step("leader", "approve_list", **APPROVE)
    publicise(story)
    bureau.let_time_pass(days=10)
    winners = [{"name": f"案例{number}", "unit": SCHOOL, "category": "案例"} for number in range(1, 11)]
    issued = {"title": "公布", "number": "1号", "issued_on": "2021-03-22", "published_at": "网站", "winners": winners}
    figure = {
        "item": "1", "value": None, "numerator": None, "denominator": None, "unit": "个", "as_of": "2021-03-22",
        "entries": "\n".join(row["name"] for row in winners), "source": "1号文件", "evidence_kind": "表彰文",
    }  # fmt: skip
    empty = dict.fromkeys(figure) | {"item": "1"}
    assert "figures" in story.refused("duban1", "issue_list", **issued, figures=[empty], evidence=EVIDENCE)
    story.step("duban1", "issue_list", **issued, figures=[figure], evidence=EVIDENCE)
    story.conclude()
    assert story.result() == "completed"


def test_nobody_decides_on_what_no_expert_recommends(bureau: Bureau) -> None:
    weak = ShapeStory(bureau, "16-16")
    weak.step("officer", "publish_call", **CALL)
    collect(weak, TEACHERS[1:])
    weak.step("head", "check_nominees", **CHECKED)
    reviewed_by_experts(weak, score=20)
    assert weak.open() == {"claim_completion"}


DRAFT = {
    "title": "中招改革实施意见", "kind": "decision", "substantial": "yes", "need": "上级部署", "measures": "改革内容",
    "version": "送审稿一", "response": None,
}  # fmt: skip
RISK = {"covers": ["stability"], "points": "分批实施", "level": "medium", "report": "评估报告"}
CONSULTED = {
    "published_at": "门户网站", "published_on": "2021-03-12", "consultation_ends_at": "2021-04-12", "ways": ["website"],
    "short_reason": None,
}  # fmt: skip
SUMMED = {
    "received": 1, "summary": "一条意见",
    "opinions": [{"opinion": "延后一年", "from_whom": "市民", "adopted": "none", "reason": "上级已定"}],
}  # fmt: skip
FAULT = {"content": "no", "articles": [{"article": "第三条", "problem": "抵触", "advice": "删去"}]}


def reviewed(story: ShapeStory, legality: str, by: str) -> None:
    story.step("officer", "submit_review", **rows(SENT) | {"review_by": by})
    told: dict[str, Any] = OPINION | {"articles": []} | (FAULT if legality != "lawful" else {})
    story.step("fazhi", "review_legality", **told, legality=legality)


def drafted(story: ShapeStory) -> None:
    """All that a major decision needs before its review."""
    story.step("officer", "draft_document", **DRAFT)
    assert story.open() == {"open_consultation", "choose_experts", "assess_risk"}
    early = CONSULTED | {"consultation_ends_at": "2021-04-01"}
    assert "第十五条" in story.refused("officer", "open_consultation", **early)
    story.step("officer", "open_consultation", **CONSULTED)
    second = f"{story.lead}_officer2"
    assert "请选择列出的选项" in story.refused(second, "assess_risk", **RISK | {"level": "uncontrollable"})
    story.step(second, "assess_risk", **RISK)
    reviewed_by_experts(story)
    assert story.open() == set(), "nothing goes on before the public has had its time"
    bureau = story.bureau
    bureau.let_time_pass(days=31)
    story.step("officer", "sum_up_opinions", **SUMMED)
    assert story.open() == {"submit_review"}


def test_a_major_decision_goes_through_every_step_in_order(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "13-2")
    assert "还没有走过程序" in story.refused("officer", "draft_document", **DRAFT | {"substantial": "no"})
    drafted(story)
    reviewed(story, "revise", "2021-04-30")
    story.step("officer", "draft_document", **DRAFT | {"substantial": "no", "response": "已按审查意见修改"})
    reviewed(story, "lawful", "2021-04-30")
    decided_together(story)
    story.step(
        "duban1",
        "issue_document",
        number="锡教发〔2021〕9号",
        issued_on="2021-04-13",
        effective_on="2021-05-01",
        valid_until="5年",
    )
    published = {
        "published_on": "2021-04-14",
        "published_at": "门户网站",
        "explanation": "解读和采纳情况",
        "filing": "市司法局",
    }
    story.step("duban1", "publish_document", **published, evaluates="yes", evaluate_on="2021-05-10")
    bureau.let_time_pass(days=30)
    evaluated = {"effects": "平稳", "problems": None, "proposal": "keep", "report": "报告", "evidence": EVIDENCE}
    story.step("duban1", "evaluate_document", **evaluated)
    issued = {
        "item": "1", "value": None, "numerator": None, "denominator": None, "unit": "份", "as_of": "2021-04-13",
        "entries": "中招改革实施意见", "source": "锡教发〔2021〕9号", "evidence_kind": "文稿",
    }  # fmt: skip
    story.conclude(figures=[issued])


def test_what_is_unlawful_never_comes_before_a_meeting(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "13-2")
    drafted(story)
    reviewed(story, "unlawful", "2021-04-30")
    assert (story.status(), story.result()) == ("completed", "missed")
    assert "propose_topic" not in bureau.story(story.instance)


def test_an_ordinary_document_is_signed_after_its_review(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "7-8")
    story.step("officer", "draft_document", **DRAFT | {"kind": "ordinary"})
    reviewed(story, "lawful", "2021-03-31")
    story.step("leader", "sign_document", **RETURN)
    story.step("officer", "draft_document", **DRAFT | {"kind": "ordinary"})
    reviewed(story, "lawful", "2021-03-31")
    story.step("leader", "sign_document", **APPROVE)
    told = {"number": "锡教高〔2021〕3号", "issued_on": "2021-03-12", "effective_on": "2021-04-01"}
    story.step("duban1", "issue_document", **told, valid_until="长期")
    published = {"published_on": "2021-03-12", "published_at": "门户网站", "explanation": "解读", "filing": "无须备案"}
    story.step("duban1", "publish_document", **published, evaluates="no", evaluate_on=None)
    story.conclude()


REGISTERED = {
    "number": "师德案1号", "case_kind": "investigation", "source": "report", "received_on": "2021-03-12", "subject": "王小明",
    "unit": SCHOOL, "summary": "有偿补课",
}  # fmt: skip
FOUND: dict[str, Any] = {
    "investigators": [{"name": each, "certificate": "01", "interest": "no"} for each in ("甲", "乙")], "facts": "属实",
    "proofs": [{"kind": "statement", "name": "询问笔录", "taken_on": "2021-03-13"}], "proposal": "警告", "is_major": False,
}  # fmt: skip
TOLD = {"number": "告1号", "served_on": "2021-03-15", "told": "拟给予警告", "defence_ends_at": "2021-03-20"}
DECIDED = {
    "outcome": "punish", "basis": "锡教人〔2021〕8号", "starts_on": "2021-03-12", "kind": "person", "subject": "王小明",
    "unit": SCHOOL, "id_hint": None, "penalty": "warning", "scopes": ["award"], "decided": "给予警告处分",
}  # fmt: skip


def begun(bureau: Bureau, code: str, name: str, unit: str | None = None) -> tuple[ShapeStory, str]:
    """A commitment whose items come one by one, and the first that was registered."""
    story = ShapeStory(bureau, code)
    if story.open() == {"open_channels"}:
        story.step("officer", "open_channels", phone="12345", address="网上", scope="师德", keeper="人事处")
    else:
        told = {"report_rule": "outbreak_report", "channels": "市政府总值班室", "plan": "预案"}
        story.step("officer", "arrange_watch", **told, watch=[{"name": "甲", "duty": "值班", "phone": "1"}])
        story.step("head", "confirm_watch", **APPROVE)
    before = story.items()
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == code)).one()
        items.add(
            session, commitment, [{"name": name, "unit": unit}], actor=somebody(session, f"{story.lead}_officer1")
        )
    bureau.settle()
    (item,) = set(story.items()) - set(before)
    return story, item


def test_a_case_is_decided_and_bars_for_its_time(bureau: Bureau) -> None:
    story, case = begun(bureau, "16-4", "王小明有偿补课")
    story.step("officer", "register_case", case, **REGISTERED)
    story.step("head", "accept_case", case, acceptance="accept", reason=None)
    alone = FOUND | {"investigators": [*FOUND["investigators"][:1]] * 2}
    assert "不得少于两人" in story.refused("officer", "investigate_case", case, **alone)
    story.step("officer", "investigate_case", case, **FOUND)
    story.step("officer", "tell_party", case, **TOLD)
    assert story.open(case) == {"hear_defence"}
    bureau.let_time_pass(days=9)
    assert story.open(case) == {"submit_review"}, "the term has ended without a word"
    told = rows(SENT) | {"document_kind": "other", "review_by": "2021-03-31"}
    story.step("officer", "submit_review", case, **told)
    fault = OPINION | FAULT | {"legality": "revise"}
    story.step("fazhi", "review_legality", case, **fault)
    story.step("officer", "investigate_case", case, **FOUND)
    story.step("officer", "tell_party", case, **TOLD | {"defence_ends_at": "2021-03-30"})
    defence = {"received_on": "2021-03-21", "defence": "已退费", "accepted": "part", "reason": "从轻"}
    story.step("officer", "hear_defence", case, **defence)
    story.step("officer", "submit_review", case, **told)
    story.step("fazhi", "review_legality", case, **OPINION, articles=[], legality="lawful")
    decided_together(story.of_item(case))
    assert "不能晚于今天" in story.refused("leader", "decide_case", case, **DECIDED | {"starts_on": "2021-12-01"})
    story.step("leader", "decide_case", case, **DECIDED)
    served = {"way": "直接送达", "served_on": "2021-03-22", "receipt": "本人签收", "review_ends_at": "2021-04-21"}
    story.step("officer", "serve_decision", case, **served)

    # The term for a review runs, and execution does not wait for it.
    assert story.open(case) == {"carry_out_decision", "review_decision"}
    done = {"done": "已执行", "done_on": "2021-03-23", "notified": "全市通报", "evidence": EVIDENCE}
    story.step("officer", "carry_out_decision", case, **done)
    with db.reading() as session:
        (barred,) = session.scalars(select(Bar))
        assert (barred.subject, barred.basis, str(barred.ends_on)) == ("王小明", "锡教人〔2021〕8号", "2021-09-11")
    bureau.let_time_pass(days=31)
    assert (story.status(case), story.results()) == ("completed", ["done"])


def test_a_case_that_is_not_accepted_is_answered(bureau: Bureau) -> None:
    story, case = begun(bureau, "16-4", "不属本局")
    story.step("officer", "register_case", case, **REGISTERED)
    assert "理由" in story.refused("head", "accept_case", case, acceptance="refuse", reason=None)
    story.step("head", "accept_case", case, acceptance="refuse", reason="不属于本局职责")
    story.step("officer", "tell_refusal", case, way="书面", told_on="2021-03-13", told="请向公安机关提出")
    assert (story.status(case), story.results()) == ("completed", ["dropped"])


def test_a_proposal_is_answered_until_its_author_is_content(bureau: Bureau) -> None:
    story, case = begun(bureau, "3-17", "关于校门口交通的建议")
    story.step("officer", "register_case", case, **REGISTERED | {"case_kind": "reply", "source": "proposal"})
    story.step("head", "accept_case", case, acceptance="accept", reason=None)
    story.step(
        "duban1",
        "assign_case",
        case,
        assigned_on="2021-03-12",
        nature="proposal_reply_difficult",
        partners=None,
        demand="面商后答复",
    )
    assert story.variables(case)["reply_due_at"].startswith("2021-09-1")
    for content in ("no", "yes"):
        story.step("officer", "meet_in_person", case, met_on="2021-03-12", whom="代表", agreed="同意")
        story.step("officer", "write_reply", case, number="1号", grade="A", letter="已解决", public=True)
        story.step("head", "sign_reply", case, **APPROVE)
        words = {"asked_on": "2021-03-12", "satisfaction": content, "words": "仍拥堵"}
        story.step("duban1", "ask_satisfaction", case, **words)
    assert (story.status(case), story.results()) == ("completed", ["done"])


FIRST = {
    "occurred_on": "2021-03-12", "occurred_at": "14:30", "place": "某校", "what": "聚集性发热", "deaths": 0, "injured": 12,
    "loss": 0, "reporter": "甲 1",
}  # fmt: skip


def test_a_period_without_events_and_one_with_an_event(bureau: Bureau) -> None:
    story, event = begun(bureau, "10-1", "某校聚集性发热")
    (period,) = [each for each in story.items() if each != event]
    story.step("officer", "report_period", period, happened="no", covered=120, situation=None)
    assert story.status(period) == "completed"

    # Two hours for the first report; then the leader hears of it, and the report is still wanted.
    bureau.let_time_pass(hours=1)
    assert story.open(event) == {"report_first"}
    bureau.let_time_pass(hours=2)
    assert story.open(event) == {"report_first", "urge_report"}
    story.step("leader", "urge_report", event, instruction="立即报告", reached="处长")
    story.step("officer", "report_first", event, **FIRST)
    assert story.variables(event)["grade"] == "较大"
    told = [{"whom": "市政府", "reported_on": "2021-03-12", "reported_at": "17:40", "way": "电话"}]
    story.step("leader", "report_upward", event, receivers=told, instruction="全力救治")
    bureau.let_time_pass(days=1)
    assert story.open(event) == {"handle_event", "report_follow_up"}
    story.step("officer", "report_follow_up", event, as_of="2021-03-13", changes="新增2人")
    bureau.let_time_pass(days=1)
    assert story.open(event) == {"handle_event", "report_follow_up"}, "another day, another report"
    story.step("officer", "handle_event", event, measures="隔离治疗", under_control_on="2021-03-14", public_word=None)
    story.step(
        "officer", "report_final", event, outcome="均已康复", ended_on="2021-03-14", report="终报1号", evidence=EVIDENCE
    )
    measures = [{"measure": "晨午检", "unit": "TWY", "due_on": "2021-03-31"}]
    story.step("head", "look_back", event, lessons="发现偏晚", measures=measures, timely="no", late_reason="通报学校")
    assert story.status(event) == "completed"


def test_a_period_report_may_turn_into_an_event(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "10-1")
    told = {"report_rule": "accident_report", "channels": "总值班室", "plan": "预案"}
    story.step("officer", "arrange_watch", **told, watch=[{"name": "甲", "duty": "值班", "phone": "1"}])
    story.step("head", "confirm_watch", **APPROVE)
    (period,) = story.items()
    story.step("officer", "report_period", period, happened="yes", covered=120, situation="一校有事")
    assert story.open(period) == {"report_first"}


@pytest.mark.parametrize(("deaths", "injured", "loss", "grade"), [
    (30, 0, 0, "特别重大"), (0, 50, 0, "重大"), (2, 9, 999, "一般"), (0, 0, 1000, "较大"), (3, 100, 0, "特别重大"),
])  # fmt: skip
def test_an_event_has_the_gravest_grade_that_any_figure_gives(deaths: int, injured: int, loss: int, grade: str) -> None:
    found = shipped.decide("event_grade", {"deaths": deaths, "injured": injured, "loss": loss})
    assert found["grade"] == grade


def claims(standard: float = 3000, budget: float = 400_000, counts: tuple[int, ...] = (60, 40)) -> dict[str, Any]:
    listed = [
        {"name": f"{number}号园", "unit": f"{number}号园", "basis": "认定文件", "count": count}
        for number, count in enumerate(counts, 1)
    ]
    told = {"fund": "普惠园补助", "rule": "锡教规〔2020〕1号", "standard": standard, "budget": budget}
    return told | {"claims": listed, "evidence": EVIDENCE}


def verified(*counts: int, note: str | None = None) -> dict[str, Any]:
    listed = [{"item": str(number), "counted": count, "note": note} for number, count in enumerate(counts, 1)]
    return APPROVE | {"counts": listed, "compared_with": "学籍库"}


def paid(amount: float) -> dict[str, Any]:
    row = {"voucher": "12", "paid_on": "2021-04-01", "amount": amount, "payee": "各园", "receipt": "7"}
    return {"payments": [row], "note": None}


AUDITED = APPROVE | {"checked": ["budget", "standard", "formula", "names"]}
EVALUATED = {
    "paid_share": 100,
    "satisfaction": None,
    "goal": "met",
    "reason": None,
    "summary": "有效",
    "evidence": EVIDENCE,
}


def test_money_is_reckoned_shown_approved_and_paid(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "5-3")
    story.step("officer", "collect_claims", **claims(budget=100_000))
    assert "不能多于申报数60" in story.refused("head", "verify_claims", **verified(61, 40))
    assert "请写明原因" in story.refused("head", "verify_claims", **verified(50, 40))
    story.step("head", "verify_claims", **verified(60, 40))
    assert story.open() == {"collect_claims"}, "more than the budget is not paid"
    story.step("officer", "collect_claims", **claims())
    story.step("head", "verify_claims", **verified(50, 40, note="重复"))
    with db.reading() as session:
        worked = select(HistoryEvent.detail).where(HistoryEvent.kind == "fund.calculated")
        said = [each["reason"] for each in session.scalars(worked.order_by(HistoryEvent.number))]
        assert "超出预算" in said[0]
        assert "90 × 3000元 = 270000元" in said[1]
    publicise(story, kind="funds")
    object_to(story, "upheld")
    story.step("head", "verify_claims", **verified(60, 40))
    publicise(story, kind="funds")
    bureau.let_time_pass(days=10)
    story.step("shenji", "audit_claims", **AUDITED | RETURN)
    story.step("head", "verify_claims", **verified(60, 40))
    publicise(story, kind="funds")
    bureau.let_time_pass(days=10)
    story.step("shenji", "audit_claims", **AUDITED)
    story.step("leader", "approve_payment", **APPROVE)
    assert "应为测算并批准的100 × 3000元 = 300000元" in story.refused("cs_officer1", "pay_out", **paid(299_999))
    story.step("cs_officer1", "pay_out", **paid(300_000))
    story.step("shenji", "evaluate_payment", **EVALUATED)
    story.conclude()


def test_a_large_sum_is_decided_together_and_nobody_barred_is_paid(bureau: Bureau) -> None:
    bar("1号园", kind="unit", unit=None)
    story = ShapeStory(bureau, "15-9")
    large = claims(standard=12_000, budget=1_500_000)
    assert "1号园在一票否决期内" in story.refused("officer", "collect_claims", **large)
    story.step("officer", "collect_claims", **large | {"claims": [large["claims"][1] | {"count": 100}]})
    story.step("head", "verify_claims", **verified(100))
    story.step("shenji", "audit_claims", **AUDITED)
    assert story.open() == {"propose_topic"}, "1.2 million yuan are above what one leader may approve"
    decided_together(story, "+++---")
    assert story.open() == {"verify_claims"}
