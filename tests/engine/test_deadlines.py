"""Time limits: what a case keeps to, by its province and the day it was opened, and how the office changes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from engine import calendar, clock, db, deadlines, settings
from engine.calendar import corrections
from engine.deadlines import Limit, limits
from engine.errors import Conflict, InvalidInput, InvalidState, NotAllowed, NotFound
from engine.models import TimeLimit, UserTask
from tests.driver import Bureau
from tests.engine.test_calendar_corrections import somebody

PLAN_DAY = datetime(2021, 3, 12, 1, tzinfo=UTC)


def on(day: str) -> datetime:
    return clock.start_of(date.fromisoformat(day), hour=9)


def found(key: str, opened_at: datetime = PLAN_DAY) -> Limit | None:
    with db.reading() as session:
        return deadlines.current(session).find(key, opened_at)


def due(written: str, opened_at: datetime = PLAN_DAY, **variables: Any) -> deadlines.Due:
    with db.reading() as session:
        return deadlines.due(session, written, variables, opened_at=opened_at)


def revise(limit: Limit | None, by: str = "duban1", **changes: Any) -> Limit:
    assert limit is not None
    said = {
        "amount": limit.amount, "unit": limit.unit, "article": limit.article, "effective_from": limit.effective_from,
        "effective_to": limit.effective_to, "confirmed": True, "source": "《江苏省教育督导条例》", "reason": "补录条文",
    }  # fmt: skip
    with db.transaction() as session:
        return limits.revise(session, limit.id, actor=somebody(by), **{**said, **changes})


@pytest.mark.parametrize(("key", "from_day"), [
    ("weekend_put_off", "2021-01-01"), ("inspection_review", "2021-02-01"), ("record_query", "2021-06-01"),
    ("penalty_decision", "2021-07-15"), ("penalty_service", "2021-07-15"), ("accountability_group", "2021-09-01"),
    ("accountability_review", "2021-09-01"), ("hazard_report_major", "2021-09-01"), ("audit_notice", "2022-01-01"),
    ("petition_referral_objection", "2022-05-01"),
])  # fmt: skip
def test_what_was_not_yet_in_force_is_not_applied(bureau: Bureau, key: str, from_day: str) -> None:
    first = on(from_day)
    assert found(key, first - timedelta(days=1)) is None
    limit = found(key, first)
    assert limit is not None
    assert limit.effective_from == date.fromisoformat(from_day)


def test_a_case_opened_before_the_rule_has_no_due_date_and_says_why(bureau: Bureau) -> None:
    early = due("rule:penalty_decision from ${filed}", on("2021-07-14"), filed="2021-07-14")
    assert (early.at, early.basis) == (None, None)
    assert "还没有适用的期限规定" in (early.reason or "")
    # The period begins after the law, but the case is older.
    assert due("rule:penalty_decision from ${filed}", on("2021-07-14"), filed="2021-08-02").at is None
    assert due("rule:penalty_decision from ${filed}", on("2021-07-15"), filed="2021-07-15").at == clock.end_of(
        date(2021, 10, 13)
    )


def test_one_regulation_follows_another(bureau: Bureau) -> None:
    before, after = found("petition_completion", on("2022-04-30")), found("petition_completion", on("2022-05-01"))
    assert before is not None
    assert after is not None
    assert (before.article, after.article) == ("《信访条例》（2005）", "《信访工作条例》")


def test_statutory_examples(bureau: Bureau) -> None:
    """What the text of a rule makes of a day, with the calendar of 2021."""
    examples = {
        "random_check_publication": ("2021-09-10", "2021-10-14"),
        "defence": ("2021-09-21", "2021-10-08"),
        "opinion_letter": ("2021-04-02", "2021-05-06"),
        "rectification": ("2021-09-06", "2021-10-08"),
        "audit_rectification": ("2021-03-11", "2021-06-09"),
        "normative_review": ("2021-04-23", "2021-05-17"),
        "proposal_reply": ("2021-03-01", "2021-06-01"),
        "proposal_reply_difficult": ("2021-08-31", "2022-02-28"),
        "supervised_instruction": ("2021-09-03", "2021-09-18"),
        "supervised_pressing": ("2021-09-30", "2021-10-08"),
    }
    for key, (start, end) in examples.items():
        assert due(f"rule:{key} from ${{day}}", day=start).at == clock.end_of(date.fromisoformat(end)), key
    at = datetime(2021, 10, 1, 15, 30, tzinfo=clock.LOCAL)
    assert due("rule:accident_report from ${at}", at=at.isoformat()).at == at + timedelta(hours=1)
    assert due("rule:opinion_reply from ${at}", at=at.isoformat()).at == at + timedelta(hours=48)
    assert due("rule:supervised_urgent from ${at}", at=at.isoformat()).at == at


def test_the_province_decides_what_the_nation_leaves_open(bureau: Bureau) -> None:
    def defence() -> tuple[str, int | None, str]:
        limit = found("defence", clock.now() + timedelta(days=1))
        assert limit is not None
        return limit.rule_set, limit.amount, limit.unit

    # Jiangsu's own number is not known: the bureau's proposal stands in, before and after the regulation.
    assert defence() == ("bureau", 10, "days")
    assert found("defence", on("2022-04-02")) == found("defence")
    for province, expected in {
        "shanghai": ("shanghai", 10, "working_days"), "chongqing": ("chongqing", 5, "days"),
        "zhejiang": ("zhejiang", 10, "days"), "shandong": ("bureau", 10, "days"),
    }.items():  # fmt: skip
        with db.transaction() as session:
            settings.move_clock(session, clock.now() + timedelta(hours=1))
            limits.choose_province(session, province, actor=somebody())
        assert defence() == expected, province
    # A case that was opened before keeps to the rules of then.
    assert found("defence") == found("defence", PLAN_DAY)
    assert found("defence", PLAN_DAY).rule_set == "bureau"  # type: ignore[union-attr]
    with db.transaction() as session:
        with pytest.raises(InvalidInput):
            limits.choose_province(session, "nowhere", actor=somebody())
        with pytest.raises(NotAllowed):
            limits.choose_province(session, "jiangsu", actor=somebody("jj_head"))


def test_a_running_case_keeps_the_version_it_was_opened_under(bureau: Bureau) -> None:
    bureau.let_time_pass(days=3)
    opened = clock.now()
    bureau.let_time_pass(days=1)
    old = found("approval", opened)
    new = revise(old, amount=5, unit="working_days")
    assert found("approval", opened) == old
    assert found("approval", clock.now()) == new
    assert (new.amount, new.mark, new.replaces_id) == (5, "L", old.id if old else "")
    with db.reading() as session:
        rows = session.scalars(select(TimeLimit).where(TimeLimit.key == "approval")).all()
        assert {row.amount for row in rows} == {3, 5}
        assert [each.amount for each in limits.versions(session, new.id)] == [5, 3]


def test_a_new_number_takes_effect_on_its_day_and_may_end(bureau: Bureau) -> None:
    with db.reading() as session:
        (jiangsu,) = [each for each in deadlines.current(session).latest()
                      if (each.key, each.rule_set) == ("defence", "jiangsu")]  # fmt: skip
    bureau.let_time_pass(days=1)
    given = revise(jiangsu, amount=7, effective_from=date(2022, 4, 1))
    bureau.let_time_pass(days=1)
    assert found("defence", on("2022-03-31")).rule_set == "bureau"  # type: ignore[union-attr]
    assert found("defence", on("2022-04-01")) == given
    revise(given, amount=7, effective_from=date(2022, 4, 1), effective_to=date(2022, 12, 31), reason="废止")
    assert found("defence", on("2022-12-31")).rule_set == "jiangsu"  # type: ignore[union-attr]
    assert found("defence", on("2023-01-01")).rule_set == "bureau"  # type: ignore[union-attr]


def test_what_a_revision_refuses(bureau: Bureau) -> None:
    old = found("defence")
    refusals: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"by": "jj_head", "amount": 9}, NotAllowed), ({"unit": "set"}, InvalidInput), ({"amount": 2.5}, InvalidInput),
        ({"amount": None}, InvalidInput), ({"amount": 4_000}, InvalidInput),
        ({"effective_from": date(2022, 1, 1), "effective_to": date(2021, 1, 1)}, InvalidInput),
    ]  # fmt: skip
    for changes, refusal in refusals:
        with pytest.raises(refusal):
            revise(old, **changes)
    revise(old, amount=9)
    with pytest.raises(Conflict):
        revise(old, amount=8)
    with pytest.raises(InvalidState):
        revise(found("defence", clock.now()))
    with db.reading() as session, pytest.raises(NotFound):
        limits.get(session, "nothing")


def test_what_is_shipped_is_added_once_and_leaves_the_offices_versions_alone(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.let_time_pass(days=1)
    revise(found("approval"), amount=5)
    before = bureau.count(TimeLimit)
    with db.transaction() as session:
        limits.ship(session)
    assert bureau.count(TimeLimit) == before
    changed = tuple(
        {**each, "amount": 11} if each["key"] in ("approval", "plan_draft") and each["rule_set"] == "bureau" else each
        for each in limits.SHIPPED
    )
    monkeypatch.setattr(limits, "SHIPPED", changed)
    bureau.let_time_pass(days=1)
    with db.transaction() as session:
        limits.ship(session)
    bureau.let_time_pass(days=1)
    assert bureau.count(TimeLimit) == before + 1
    assert found("plan_draft", clock.now()).amount == 11  # type: ignore[union-attr]
    assert found("plan_draft", PLAN_DAY).amount == 10  # type: ignore[union-attr]
    assert found("approval", clock.now()).amount == 5  # type: ignore[union-attr]


def test_dates_that_are_given(bureau: Bureau) -> None:
    assert due("2021-10-01").at == clock.end_of(date(2021, 10, 1))
    assert due("${day}", day="2021-10-01T12:00").at == datetime(2021, 10, 1, 12, tzinfo=clock.LOCAL)
    assert due("${day}", day=None) == deadlines.Due()
    assert due("rule:approval from ${day}", day=None) == deadlines.Due()
    given = due("rule:rectify_by from ${day}", day="2021-10-02")
    # Somebody has set the day; nobody puts it off for them.
    assert given.at == clock.end_of(date(2021, 10, 2))
    capped = due("rule:commitment_report from ${a} until ${b}", a="2021-09-24", b="2021-09-30")
    assert (capped.at, (capped.basis or {})["capped"]) == (clock.end_of(date(2021, 9, 30)), True)
    for nonsense in ("31.12.2021", "morgen", "9999-12-31"):
        with pytest.raises(InvalidInput):
            due("rule:proposal_reply from ${day}", day=nonsense)


def test_a_task_keeps_how_its_date_was_counted(bureau: Bureau) -> None:
    task = bureau.open_task(bureau.point(5), "draft_plan")
    with db.reading() as session:
        kept = session.get_one(UserTask, task)
        assert kept.due_basis is not None
        assert kept.due_reason == "拟定实施方案：收到待办之日起10日内（本局工作约定，待核对）"
        told = {name: kept.due_basis[name] for name in ("rule", "day", "period_end", "skipped", "provisional", "mark")}
        assert told == {"rule": "plan_draft", "day": "2021-03-22", "period_end": "2021-03-22", "skipped": [],
                        "provisional": False, "mark": "P"}  # fmt: skip
        assert deadlines.current(session).by_id[kept.due_basis["rule_id"]].amount == 10


def test_putting_off_weekends_is_for_the_bureau_to_confirm(bureau: Bureau) -> None:
    with db.reading() as session:
        assert calendar.current(session).natural_days_after(date(2021, 3, 12), 1).day == date(2021, 3, 15)
    bureau.let_time_pass(days=1)
    revise(found("weekend_put_off"), amount=0)
    with db.reading() as session:
        assert calendar.current(session).natural_days_after(date(2021, 3, 12), 1).day == date(2021, 3, 13)
    assert corrections.can_correct(somebody("sysadmin"))
