"""督办 from registration to archive, and what may be asked of a due date: extension, pause, resume."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from engine import clock, db
from engine.lamps import facts
from engine.lamps.lamp import Colour
from engine.models import Candidate, Commitment, Notification, OversightItem, ProcessInstance, UserTask
from engine.oversight import dates as on_dates
from tests.driver import Answer, Bureau
from tests.engine.test_reminders import told, until
from tests.failures import invariants
from tests.scenarios.test_lamps import approve_plan
from tests.scenarios.test_work_point import Story, overseer_of

ITEM = {
    "title": "清理校外培训机构预收费", "source": "instruction", "urgency": "ordinary", "document": "市长批示〔2021〕12号",
    "event_on": "2021-03-12", "demand": "摸清底数，逐家整改", "criterion": "台账齐全，整改率100%", "lead": "JJ",
    "partners": "政策法规处、市市场监管局", "due_on": "",
}  # fmt: skip
WORKING = {"progress": "40", "situation": "已摸底", "finished": "false"}
DONE = {"progress": "100", "situation": "全部整改", "evidence": "台账", "finished": "true", "finished_on": "2021-03-16"}
REQUEST = {"reason": "两家机构在诉讼", "evidence": "受理通知书"}
LEADER = "fenguan2"


def propose(bureau: Bureau, **other: str) -> str:
    """The instance of a new item, as its drafter has sent it."""
    answer = bureau.person("duban1").post("/oversight/new", ITEM | other)
    assert answer.status == 302, answer.text
    with db.reading() as session:
        latest = select(ProcessInstance.id).where(ProcessInstance.definition_key == "oversight_item")
        return session.scalars(latest.order_by(ProcessInstance.started_at.desc())).first() or ""


def issue(bureau: Bureau, **other: str) -> str:
    """An item that has been approved and signed for."""
    instance = propose(bureau, **other)
    step(bureau, "bgs_head", instance, "approve_item", decision="approve")
    step(bureau, "jj_officer1", instance, "sign_for", plan="一周摸底")
    return instance


def step(bureau: Bureau, who: str, instance: str, activity: str, **submitted: str) -> None:
    answer = bureau.person(who).does(bureau.open_task(instance, activity), **submitted)
    assert answer.status == 302, answer.text
    bureau.settle()


def ask(bureau: Bureau, instance: str, new_due: str, who: str = "jj_head") -> Answer:
    return bureau.person(who).post(f"/oversight/{instance}/extension", REQUEST | {"new_due": new_due})


def decide(bureau: Bureau, instance: str, decision: str = "approve", activity: str = "decide_extension") -> Answer:
    """By who is meant to, on the request that waits."""
    (pending,) = [each for each in bureau.children(instance, "extension") if bureau.status(each) == "active"]
    who = LEADER if activity == "decide_extension" else "jj_head"
    return bureau.person(who).does(bureau.open_task(pending, activity), decision=decision, opinion="请抓紧")


def extended(bureau: Bureau, instance: str, new_due: str) -> None:
    assert ask(bureau, instance, new_due).status == 302
    assert decide(bureau, instance).status == 302


def dates(instance: str) -> tuple[str | None, str | None]:
    """Of the subject, and of its one open task; of a commitment that of the report which goes on beside its work."""
    with db.reading() as session:
        subject = on_dates.find(session, instance)
        assert subject is not None
        opened = select(UserTask.due_at).where(UserTask.instance_id == instance, UserTask.status == "open")
        reports = select(UserTask.due_at).where(
            UserTask.instance_id == instance, UserTask.activity_id == "report_progress"
        )
        of_task = reports.where(UserTask.status == "open") if isinstance(subject, Commitment) else opened
        return _day(on_dates.due_of(subject)), _day(session.scalars(of_task).one())


def _day(moment: datetime | None) -> str | None:
    return moment.astimezone(clock.LOCAL).date().isoformat() if moment else None


def lamp(instance: str) -> tuple[Colour, str]:
    with db.reading() as session:
        judged = on_dates.standing(session, instance)
        return judged.colour, judged.word


def sound(instance: str) -> None:
    with db.reading() as session:
        assert invariants.violations(session) == []


def test_from_registration_to_archive(bureau: Bureau) -> None:
    refused = bureau.person("jj_officer1").post("/oversight/new", ITEM)
    assert refused.status == 403
    incomplete = bureau.person("duban1").post("/oversight/new", ITEM | {"source": "major_work", "x": "1"})
    assert (incomplete.status, incomplete.says("请填写办结期限"), incomplete.says("逐家整改")) == (422, True, True)

    # 立项: drafted, returned, drafted again with another unit in charge, approved by the head of the office
    item = propose(bureau, lead="ZJ")
    assert bureau.count(OversightItem) == 0
    assert bureau.person("duban2").does(bureau.open_task(item), decision="approve").status == 403
    step(bureau, "bgs_head", item, "approve_item", decision="return", opinion="应由基教处牵头")
    step(bureau, "duban1", item, "draft_item", **ITEM)
    step(bureau, "bgs_head", item, "approve_item", decision="approve")
    assert lamp(item) == (Colour.GREEN, "还有 17 天")

    # 签收 has a clock of its own; another unit has no part in it
    assert dates(item) == ("2021-03-29", "2021-03-15")
    assert bureau.person("zj_officer1").does(bureau.open_task(item), plan="x").status == 404
    step(bureau, "jj_head", item, "sign_for", plan="一周摸底")
    assert dates(item) == ("2021-03-29", "2021-03-29")

    # 承办, 反馈, 核查: returned once, then passed; the source is a leader, so one above the unit confirms
    step(bureau, "jj_officer1", item, "report_result", **WORKING)
    bureau.let_time_pass(days=4)
    step(bureau, "jj_officer1", item, "report_result", **DONE)
    assert lamp(item) == (Colour.GREEN, "完成")
    for stranger, status in (("jj_officer1", 403), ("aq_officer1", 404)):
        assert bureau.person(stranger).does(bureau.open_task(item), decision="approve", opinion="好").status == status
    step(bureau, "duban1", item, "verify_result", decision="return", opinion="缺两家")
    assert (lamp(item)[1], dates(item)) == ("还有 13 天", ("2021-03-29", "2021-03-29"))
    step(bureau, "jj_officer2", item, "report_result", **DONE)
    step(bureau, "duban1", item, "verify_result", decision="approve", opinion="逐家核对，属实")
    step(bureau, LEADER, item, "confirm_closing", decision="approve")
    step(bureau, "dangan", item, "archive_item", archive_number="2021-DB-1")
    assert bureau.status(item) == "completed"
    assert bureau.story(item) == [
        "draft_item", "approve_item:return", "draft_item", "approve_item:approve", "sign_for", "report_result",
        "report_result", "verify_result:return", "report_result", "verify_result:approve", "confirm_closing:approve",
        "archive_item",
    ]  # fmt: skip
    page = bureau.person("jj_head").get(f"/instances/{item}")
    for words in ("市长批示〔2021〕12号", "整改率100%", "政策法规处、市市场监管局", "退办：核查", "督办工作惯例"):
        assert page.says(words), words
    listed = bureau.person("juzhang").get("/oversight?lead=JJ&source=instruction&colour=green")
    assert listed.says("督办〔2021〕1号 清理校外培训机构预收费")
    assert not bureau.person("juzhang").get("/oversight?lead=ZJ").says("清理校外")
    assert not bureau.person("zj_head").get("/oversight").says("清理校外")
    sound(item)


@pytest.mark.parametrize(("source", "urgency", "given", "due"), [
    ("instruction", "difficult", "", "2021-04-12"),  # 30 days end on Sunday 11 April
    ("minutes", "ordinary", "", "2021-03-30"),  # 20 days from the minutes of 10 March
    ("media", "urgent", "", "2021-03-12"),  # at once
    ("media", "pressing", "", "2021-03-15"),  # 3 days from being charged
    ("major_work", "ordinary", "2021-09-30", "2021-09-30"),
    ("document", "ordinary", "2021-03-20", "2021-03-20"),  # what the order says goes before the rule
])  # fmt: skip
def test_the_source_says_how_long_it_may_take(bureau: Bureau, source: str, urgency: str, given: str, due: str) -> None:
    item = issue(bureau, source=source, urgency=urgency, event_on="2021-03-10", due_on=given)
    assert dates(item) == (due, "2021-04-06" if source == "major_work" else due)
    if source == "major_work":
        # Monthly by the 5th (in April a holiday), until the end is near.
        step(bureau, "jj_officer1", item, "report_result", **WORKING)
        until(bureau, "2021-04-02T09:00")
        step(bureau, "jj_officer1", item, "report_result", **WORKING)
        assert dates(item) == (due, "2021-05-06")
        until(bureau, "2021-09-02T09:00")
        step(bureau, "jj_officer1", item, "report_result", **WORKING)
        assert dates(item) == (due, due)


def test_numbers_are_never_used_again(bureau: Bureau) -> None:
    for _ in range(2):
        step(bureau, "bgs_head", propose(bureau), "approve_item", decision="approve")
    until(bureau, "2022-01-04T09:00")
    step(bureau, "bgs_head", propose(bureau, event_on="2022-01-04"), "approve_item", decision="approve")
    with db.reading() as session:
        numbers = [item.number for item in session.scalars(select(OversightItem).order_by(OversightItem.registered_at))]
    assert numbers == ["督办〔2021〕1号", "督办〔2021〕2号", "督办〔2022〕1号"]


def test_late_then_done_stays_yellow(bureau: Bureau) -> None:
    item = issue(bureau, source="media", urgency="pressing")
    until(bureau, "2021-03-17T09:00")
    assert lamp(item) == (Colour.RED, "超期 2 天")
    step(bureau, "jj_officer1", item, "report_result", **DONE)
    step(bureau, "duban1", item, "verify_result", decision="approve", opinion="属实")
    assert bureau.open_tasks(item).keys() == {"archive_item"}
    until(bureau, "2021-06-01T09:00")
    assert lamp(item) == (Colour.YELLOW, "迟完成")


def test_an_extension_moves_everything_that_stands_on_the_date(bureau: Bureau) -> None:
    item = issue(bureau)
    task = bureau.open_task(item)
    assert ask(bureau, item, "2021-03-20").says("须晚于现在的期限")
    assert ask(bureau, item, "2021-04-30", who="zj_head").status == 404
    assert ask(bureau, item, "2021-04-30", who="duban1").status == 403
    for who, status in (("zj_head", 404), ("duban1", 403), ("jj_head", 200)):
        assert bureau.person(who).get(f"/oversight/{item}/extension").status == status, (
            "no form that is refused when sent"
        )

    # An officer asks through the head; the leader in charge decides; until then nothing moves.
    assert ask(bureau, item, "2021-05-02", who="jj_officer1").status == 302
    assert ask(bureau, item, "2021-05-02").says("已有一份延期申请在审批中")
    assert decide(bureau, item, activity="endorse_extension").status == 302
    assert dates(item) == ("2021-03-29", "2021-03-29")
    assert decide(bureau, item).status == 302
    bureau.settle()
    # The 2nd of May is in a holiday: the 6th is the first working day after it.
    assert dates(item) == ("2021-05-06", "2021-05-06")
    assert told(about="已准予延期") == [("已准予延期", "jj_officer1")]
    with db.reading() as session:
        judged = on_dates.standing(session, item)
        assert (_day(judged.due), _day(judged.original_due)) == ("2021-05-06", "2021-03-29")
        places = session.scalars(select(Candidate.due_at).where(Candidate.user_task_id == task))
        assert {_day(at) for at in places} == {"2021-05-06"}
    page = bureau.person("jj_head").get(f"/instances/{item}")
    for words in (
        "准予延期（第1次延期，2021-03-29 改为 2021-05-06，孙夏至批准）",
        "原期限 3月29日",
        "延期 1 次",
        "孙夏至",
    ):
        assert page.says(words), words

    # Reminders go by the new date.
    until(bureau, "2021-03-30T08:01")
    assert told(task) == []
    until(bureau, "2021-04-29T08:01")
    assert [words for words, _ in told(task)] == ["即将到期", "即将到期"]
    # Returned later, the step goes by the new date, too.
    step(bureau, "jj_officer1", item, "report_result", **DONE | {"finished_on": "2021-04-29"})
    assert ask(bureau, item, "2021-06-30").says("正在核查")
    step(bureau, "duban1", item, "verify_result", decision="return", opinion="不全")
    assert dates(item) == ("2021-05-06", "2021-05-06")
    sound(item)


def test_at_most_twice_in_time_and_only_if_granted(bureau: Bureau) -> None:
    item = issue(bureau)
    assert ask(bureau, item, "2021-04-12").status == 302
    assert decide(bureau, item, "refuse").status == 302
    bureau.settle()
    assert dates(item) == ("2021-03-29", "2021-03-29")
    assert told(about="未准予延期") == [("未准予延期", "jj_head")]
    extended(bureau, item, "2021-04-12")
    extended(bureau, item, "2021-04-20")
    third = ask(bureau, item, "2021-04-30")
    assert (third.status, third.says("至多延期 2 次"), third.says("两家机构在诉讼")) == (409, True, True)
    other = issue(bureau)
    until(bureau, "2021-03-30T09:00")
    late = ask(bureau, other, "2021-04-30")
    assert (late.status, late.says("延期须在到期前提出")) == (409, True)
    assert bureau.person("jj_head").get(f"/instances/{other}").says("延期须在到期前提出")


def test_asked_in_time_and_granted_late_leaves_a_mark(bureau: Bureau) -> None:
    item = issue(bureau)
    assert ask(bureau, item, "2021-04-12").status == 302
    until(bureau, "2021-03-31T09:00")
    assert lamp(item)[0] == Colour.RED
    assert decide(bureau, item).status == 302
    assert lamp(item) == (Colour.YELLOW, "曾逾期")


def test_a_commitment_is_extended_in_the_same_way(bureau: Bureau) -> None:
    """Its report is asked for ten days after its period has begun, but not after its own date."""
    instance = next(iter(approve_plan(bureau, Story(bureau))))
    with db.reading() as session:
        its = session.scalars(select(Commitment).where(Commitment.instance_id == instance)).one()
        unit, due = its.lead, its.due_on
    until(bureau, f"{due - timedelta(days=20)}T09:00")
    while "report_progress" in (open_tasks := bureau.open_tasks(instance)):
        told = {"progress": "40", "situation": "已摸底"}
        assert bureau.person(f"{unit.key.lower()}_officer1").does(open_tasks["report_progress"], **told).status == 302
        bureau.settle()
    until(bureau, f"{due - timedelta(days=2)}T09:00")
    assert dates(instance) == (due.isoformat(), due.isoformat())
    later = due + timedelta(days=35)
    assert ask(bureau, instance, later.isoformat(), who=f"{unit.key.lower()}_head").status == 302
    (pending,) = bureau.children(instance, "extension")
    leader = bureau.person(overseer_of(bureau, unit.key))
    assert leader.does(bureau.open_task(pending), decision="approve").status == 302
    bureau.settle()
    moved, report = dates(instance)
    assert moved is not None
    assert moved >= later.isoformat()
    assert report == due.isoformat(), "ten days are over then"
    with db.reading() as session:
        task = session.get_one(UserTask, bureau.open_tasks(instance)["report_progress"])
        assert task.due_basis is not None
        assert task.due_basis["until"] == moved
        again = session.scalars(select(Commitment).where(Commitment.instance_id == instance)).one()
        assert again.due_on.isoformat() == moved
        assert (_day(on_dates.standing(session, instance).original_due)) == due.isoformat()
    sound(instance)


def test_a_pause_stops_the_clock_over_a_holiday(bureau: Bureau) -> None:
    item = issue(bureau)
    task = bureau.open_task(item)
    turn = {"reason": "市政府统一部署，暂缓"}
    assert bureau.person("jj_head").post(f"/oversight/{item}/pause", turn).status == 403
    assert bureau.person("duban1").post(f"/oversight/{item}/resume", turn).says("没有中止")
    until(bureau, "2021-03-26T09:00")
    assert bureau.person(LEADER).post(f"/oversight/{item}/pause", turn).status == 302
    assert dates(item) == ("2021-03-29", None)
    page = bureau.person("jj_officer1").get(f"/instances/{item}")
    assert page.says("已中止，不计时、不提醒")
    assert page.says("市政府统一部署")
    before = told(task)
    until(bureau, "2021-04-06T09:00")
    assert (lamp(item), told(task), reminded(item)) == ((Colour.GREY, "暂停"), before, 0)
    assert ask(bureau, item, "2021-06-30").says("已经中止")
    # Three days were left until Monday 29 March; three days are left now, 清明 or not.
    assert bureau.person("duban1").post(f"/oversight/{item}/resume", {"reason": "恢复推进"}).status == 302
    assert dates(item) == ("2021-04-09", "2021-04-09")
    assert lamp(item) == (Colour.BLUE, "还有 3 天")
    with db.reading() as session:
        assert [fact.kind for fact in facts.of_instance(session, item)][-3:] == ["paused", "resumed", "due_set"]
        assert _day(on_dates.standing(session, item).original_due) == "2021-03-29"
    page = bureau.person("jj_officer1").get(f"/instances/{item}")
    for words in (
        "暂停后顺延 1 次，原期限 2021年3月29日",
        "中止（市政府统一部署，暂缓）",
        "2021年3月26日 周五至2021年4月6日 周二中止",
    ):
        assert page.says(words), words
    until(bureau, "2021-04-09T08:01")
    assert [words for words, _ in told(task)][len(before) :] == ["最后一个工作日"] * 2
    sound(item)


def test_what_counts_working_days_gets_working_days_back(bureau: Bureau) -> None:
    """签收 within one working day: paused over 清明 from Friday to Tuesday, it loses one working day."""
    item = propose(bureau)
    until(bureau, "2021-04-01T15:00")
    step(bureau, "bgs_head", item, "approve_item", decision="approve")
    assert dates(item)[1] == "2021-04-02"
    for day, what in (("2021-04-02", "pause"), ("2021-04-06", "resume")):
        until(bureau, f"{day}T09:00")
        assert bureau.person("duban1").post(f"/oversight/{item}/{what}", {"reason": "等部署"}).status == 302
    assert dates(item)[1] == "2021-04-06"
    sound(item)


def test_what_opens_during_a_pause_is_reminded_of_afterwards(bureau: Bureau) -> None:
    """Signed for on Saturday while everything stands still: the report waits in silence, and is due as late as the item."""
    item = propose(bureau)
    step(bureau, "bgs_head", item, "approve_item", decision="approve")
    assert bureau.person("juzhang").post(f"/oversight/{item}/pause", {"reason": "等部署"}).status == 302
    until(bureau, "2021-03-13T10:00")
    step(bureau, "jj_officer1", item, "sign_for", plan="一周摸底")
    until(bureau, "2021-03-26T09:00")
    task = bureau.open_task(item)
    assert told(task) == []
    assert bureau.person("juzhang").post(f"/oversight/{item}/resume", {"reason": "恢复"}).status == 302
    assert dates(item) == ("2021-04-12", "2021-04-12")
    until(bureau, "2021-04-12T08:01")
    assert told(task) == [("最后一个工作日", "jj_officer1"), ("最后一个工作日", "jj_officer2")]
    sound(item)


def reminded(item: str) -> int:
    with db.reading() as session:
        its = select(OversightItem.id).where(OversightItem.instance_id == item).scalar_subquery()
        about = Notification.dedupe_key.contains(its), Notification.created_at > clock.start_of(date(2021, 3, 27))
        return session.scalar(select(func.count()).select_from(Notification).where(*about)) or 0
