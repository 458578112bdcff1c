"""What recurs begins once in every period, on the day its rule and the calendar name; what was missed is seen."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from engine import application, clock, db, definitions, housekeeping, jobs, scheduler, settings
from engine.models import Job, Occurrence, ProcessInstance, Recurrence, SupervisionRound, Unit
from engine.recurrences import office_calendar, planning
from engine.recurrences.periods import Calendar
from tests.conftest import LONG
from tests.driver import Bureau
from tests.engine.calendars import OFFICIAL, NoTerms, TestCalendar

DUTY = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" id="d" targetNamespace="t">'
    '<bpmn:process id="{key}" name="{key}" isExecutable="true"><bpmn:startEvent id="begun"/>'
    '<bpmn:userTask id="report" name="报送" camunda:candidateGroups="officers_of_lead"/><bpmn:endEvent id="ended"/>'
    '<bpmn:sequenceFlow id="a" sourceRef="begun" targetRef="report"/>'
    '<bpmn:sequenceFlow id="b" sourceRef="report" targetRef="ended"/></bpmn:process></bpmn:definitions>'
)
ROUND, REPORT, BUS = "routine_supervision", "progress_report", "school_bus_check"


@pytest.fixture(autouse=True)
def official(monkeypatch: pytest.MonkeyPatch) -> Callable[[Calendar], None]:
    """The bureau goes by the official calendar; how it is given another."""

    def put(calendar: Calendar) -> None:
        monkeypatch.setattr(office_calendar, "of", lambda session: calendar)

    put(OFFICIAL)
    return put


def enable(key: str, **changes: Any) -> None:
    """Deploy what a duty starts, and let it recur from now on."""
    with db.transaction() as session:
        definitions.deploy(session, key, {f"{key}.bpmn": DUTY.format(key=key).encode()})
        changed = {"active": True, "since": clock.now()} | changes
        session.execute(update(Recurrence).where(Recurrence.key == key).values(changed))
        planning.replan(session)


def replan() -> None:
    with db.transaction() as session:
        planning.replan(session)


def waiting(key: str | None = None) -> list[str]:
    """Period and day of what waits; of one recurrence or of all."""
    with db.reading() as session:
        found = session.scalars(select(Job).where(Job.kind == planning.KIND).order_by(Job.due_at))
        told = [(job.dedupe_key.split(":"), job.due_at.astimezone(clock.LOCAL)) for job in found]
        return [f"{period} {due:%m-%d}" for (_, whose, period), due in told if key in (None, whose)]


def ran(key: str = REPORT) -> dict[str, str]:
    with db.reading() as session:
        mine = select(Occurrence).where(Occurrence.recurrence_key == key).order_by(Occurrence.planned_for)
        return {each.period_key: each.outcome for each in session.scalars(mine)}


def started(key: str = REPORT) -> list[str | None]:
    with db.reading() as session:
        mine = select(ProcessInstance.business_key).where(ProcessInstance.definition_key == key)
        return sorted(session.scalars(mine), key=str)


def local(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=clock.LOCAL)


def go_to(bureau: Bureau, written: str) -> None:
    with db.transaction() as session:
        settings.move_clock(session, local(written))
    jobs.run_due()


def test_each_that_is_active_has_one_waiting_job(bureau: Bureau) -> None:
    assert waiting() == ["2021-04 04-01", "2021-04 04-01"]
    enable(REPORT)
    replan()
    assert waiting() == ["2021-04 04-01", "2021-04 04-01", "2021-04 04-02"]
    go_to(bureau, "2021-04-02T06:00")
    assert waiting() == ["2021-05 04-30", "2021-05 05-01", "2021-05 05-01"]


def test_an_occurrence_starts_its_process_for_its_unit_and_says_why(bureau: Bureau) -> None:
    enable(REPORT)
    go_to(bureau, "2021-04-02T06:00")
    with db.reading() as session:
        occurrence = session.get_one(Occurrence, (REPORT, "2021-04"))
        assert occurrence.instance is not None
        unit = session.get_one(Unit, occurrence.instance.unit_id)
        assert (occurrence.outcome, unit.key) == ("started", "BGS")
        assert occurrence.reason == "本月5日，4月5日休息，提前"
        assert occurrence.planned_for == local("2021-04-02T06:00")
        assert occurrence.instance.title == "月度重点工作、实事项目进展报告（2021年4月）"
    assert started() == [f"recurrence:{REPORT}:2021-04"]
    assert bureau.open_tasks(occurrence.instance.id)


def test_not_before_its_hour(bureau: Bureau) -> None:
    enable(REPORT)
    go_to(bureau, "2021-04-02T05:59:30")
    assert ran() == {}
    go_to(bureau, "2021-04-02T06:00:00")
    assert ran() == {"2021-04": "started"}


def test_two_that_tick_at_once_begin_it_once(bureau: Bureau) -> None:
    enable(REPORT)
    with db.transaction() as session:
        settings.move_clock(session, local("2021-04-02T07:00"))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: jobs.run_due(), range(2)))
    assert ran() == {"2021-04": "started"}
    assert len(started()) == 1
    assert len(waiting(REPORT)) == 1


def test_a_period_that_is_not_over_is_begun_late(bureau: Bureau) -> None:
    enable(REPORT)
    go_to(bureau, "2021-04-30T05:00")
    assert ran() == {"2021-04": "started"}


def test_periods_that_are_over_are_missed_and_seen(bureau: Bureau) -> None:
    enable(REPORT)
    go_to(bureau, "2021-07-20T12:00")
    assert ran() == {"2021-04": "missed", "2021-05": "missed", "2021-06": "missed", "2021-07": "started"}
    assert started() == [f"recurrence:{REPORT}:2021-07"]
    assert waiting(REPORT) == ["2021-08 08-05"]


def test_they_are_made_up_for_where_the_rule_says_so(bureau: Bureau) -> None:
    enable(REPORT, catch_up=True)
    go_to(bureau, "2021-07-20T12:00")
    assert ran() == dict.fromkeys(("2021-04", "2021-05", "2021-06", "2021-07"), "started")
    assert started() == [f"recurrence:{REPORT}:2021-{month:02}" for month in range(4, 8)]
    assert waiting(REPORT) == ["2021-08 08-05"]


def test_it_pauses_in_the_schools_holidays(bureau: Bureau) -> None:
    go_to(bureau, "2021-07-01T06:00")
    assert waiting(ROUND) == ["2021-09 09-01"]
    go_to(bureau, "2022-01-05T06:00")
    assert waiting(ROUND) == ["2022-02 02-22"], "term begins in the middle of the month"
    assert list(ran(ROUND)) == [*(f"2021-{month:02}" for month in (4, 5, 6, 7, 9, 10, 11, 12)), "2022-01"]


@pytest.mark.parametrize("frequency", ["weekly", "monthly", "termly", "quarterly", "half_yearly", "yearly"])
def test_every_frequency_goes_on_through_leap_year_and_year_end(bureau: Bureau, frequency: str) -> None:
    """Looked at day by day, each period from now on has begun once, and none but the last is still to come."""
    rule = {"frequency": frequency, "day_kind": "working_day", "day_number": 1, "month": None, "roll": "none"}
    enable(REPORT, **rule)
    with db.transaction() as session:
        session.execute(update(Recurrence).where(Recurrence.key == ROUND).values(active=False))
        planning.replan(session)
    go_to(bureau, "2024-01-30T12:00")
    skipped = ran()
    step = timedelta(days=1 if LONG else 6)
    while clock.now() < local("2025-03-10T12:00"):
        with db.transaction() as session:
            settings.move_clock(session, clock.now() + step)
        jobs.run_due()
    lived = {key: outcome for key, outcome in ran().items() if key not in skipped}
    most = {"weekly": 58, "monthly": 14, "termly": 3, "quarterly": 4, "half_yearly": 2, "yearly": 1}[frequency]
    assert lived == dict.fromkeys(lived, "started")
    assert len(lived) == most
    assert len(waiting(REPORT)) == 1


def test_a_corrected_calendar_moves_what_has_not_run_yet(bureau: Bureau, official: Callable[[Calendar], None]) -> None:
    enable(REPORT)
    go_to(bureau, "2021-04-02T06:00")
    assert waiting(REPORT) == ["2021-05 04-30"]
    official(TestCalendar(on={date(2021, 5, 5)}))
    replan()
    assert waiting(REPORT) == ["2021-05 05-05"]
    with db.reading() as session:
        before = session.scalars(select(Job.id).where(Job.kind == planning.KIND).order_by(Job.id)).all()
    replan()
    with db.reading() as session:
        assert session.scalars(select(Job.id).where(Job.kind == planning.KIND).order_by(Job.id)).all() == before
    assert ran() == {"2021-04": "started"}, "what has run stays as it was"


def test_a_day_that_the_calendar_moves_into_the_past_is_due_at_once(
    bureau: Bureau, official: Callable[[Calendar], None]
) -> None:
    enable(REPORT, roll="after")
    go_to(bureau, "2021-04-05T12:00")
    assert ran() == {}
    official(TestCalendar(on={date(2021, 4, 5)}))
    replan()
    bureau.settle()
    assert ran() == {"2021-04": "started"}
    assert waiting(REPORT) == ["2021-05 05-06"]


def test_a_term_that_is_announced_later_brings_its_periods(
    bureau: Bureau, official: Callable[[Calendar], None]
) -> None:
    official(NoTerms())
    replan()
    assert waiting(ROUND) == []
    official(OFFICIAL)
    bureau.let_time_pass(days=1)
    assert waiting(ROUND) == []
    with db.transaction() as session:
        housekeeping.sweep(session, {})
    assert waiting(ROUND) == ["2021-04 04-01"]


def test_a_lost_job_comes_again(bureau: Bureau) -> None:
    with db.transaction() as session:
        session.execute(delete(Job).where(Job.kind == planning.KIND))
    scheduler.start().shutdown()
    assert waiting(ROUND) == ["2021-04 04-01"]


def test_what_is_limited_begins_and_ends(bureau: Bureau) -> None:
    enable(REPORT, active_from=date(2021, 4, 10), active_to=date(2021, 6, 30))
    assert waiting(REPORT) == ["2021-05 04-30"]
    go_to(bureau, "2021-05-20T06:00")
    go_to(bureau, "2021-09-01T06:00")
    assert ran() == {"2021-05": "started", "2021-06": "missed"}
    assert waiting(REPORT) == []


def test_a_beginning_that_fails_is_an_incident_of_one_period(bureau: Bureau) -> None:
    enable(REPORT, unit_key=None)
    for written in ("2021-04-02T06:00", "2021-04-02T06:02", "2021-04-02T06:08", "2021-04-02T06:40"):
        go_to(bureau, written)
    assert ran() == {"2021-04": "opening"}
    assert started() == []
    assert bureau.person("sysadmin").get("/incidents").says("该流程没有责任单位")
    with db.transaction() as session:
        session.execute(update(Recurrence).where(Recurrence.key == REPORT).values(unit_key="BGS"))
    go_to(bureau, "2021-04-30T06:00")
    assert ran() == {"2021-04": "opening", "2021-05": "started"}


def test_a_job_of_the_version_before_is_taken_over(bureau: Bureau) -> None:
    """The migration leaves a job whose recurrence nobody has loaded yet; the month it was for is not forgotten."""
    with db.transaction() as session:
        session.execute(delete(Recurrence))
    with db.transaction() as session:
        settings.move_clock(session, local("2021-04-20T12:00"))
    scheduler.start().shutdown()
    jobs.run_due()
    assert ran(ROUND) == {"2021-04": "started"}
    assert waiting(ROUND) == ["2021-05 05-01"]
    assert bureau.count(SupervisionRound) == 1


def test_that_job_loads_what_is_missing_by_itself(bureau: Bureau) -> None:
    with db.transaction() as session:
        session.execute(delete(Recurrence))
    go_to(bureau, "2021-04-01T06:00")
    assert ran(ROUND) == {"2021-04": "started"}


def test_what_the_bureau_has_changed_is_not_loaded_over(bureau: Bureau) -> None:
    with db.transaction() as session:
        session.execute(update(Recurrence).where(Recurrence.key == ROUND).values(hour=9, assumed=False))
        planning.prepare(session)
    with db.reading() as session:
        held = session.get_one(Recurrence, ROUND)
        assert (held.hour, held.assumed) == (9, False)


def test_all_that_is_shipped_can_be_planned_and_is_to_be_confirmed(bureau: Bureau) -> None:
    with db.reading() as session:
        everything = session.scalars(select(Recurrence)).all()
        assert len(everything) == 8
        for each in everything:
            assert each.assumed, each.key
            assert each.active == planning.can_start(session, each), each.key
            each.active = True
            assert planning.coming(session, each, OFFICIAL), each.key
        session.rollback()


def test_a_real_installation_has_them_too(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    application.open_application(f"sqlite:///{tmp_path / 'real.sqlite3'}")
    application.declare_real()
    assert [each.split(" ")[1][3:] for each in waiting(ROUND)] in (["01"], ["22"])
    with db.transaction() as session:
        planning.begin(session, planning.get(session, ROUND, lock=True), _coming(session))
    jobs.run_due()
    assert list(ran(ROUND).values()) == ["nothing"], "no school has its inspector yet"
    db.close_database()


def _coming(session: Any) -> planning.Coming:
    recurrence = planning.get(session, ROUND)
    coming = planning.coming(session, recurrence, OFFICIAL)
    assert coming is not None
    return coming
