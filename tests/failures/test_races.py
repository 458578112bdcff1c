"""Two at the same moment: one of them wins, the other learns it before anything has happened, and nobody's work is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set

import pytest
from sqlalchemy import select, text

from engine import db
from engine.models import HistoryEvent, ProcessDefinition, UserTask
from tests.conftest import LONG, Tally
from tests.failures import invariants
from tests.failures.invariants import Acknowledged
from tests.failures.office import Office
from tests.failures.rivals import Outcome, Processes, Rivals, Threads

RACES = 200 if LONG else 10

LOST = {"InvalidState not_open", "NotFound", "NotAllowed", "Conflict claimed", "InvalidState"}
"""What somebody who came too late may be told."""
TRY_AGAIN = {"Conflict concurrent"}


@pytest.fixture(params=["threads", "processes"])
def rivals(request: pytest.FixtureRequest, office: Office) -> Iterator[Rivals]:
    both = Threads() if request.param == "threads" else Processes(office.url, office.effects)
    yield both
    both.end()


def test_two_complete_one_task(office: Office, rivals: Rivals, tally: Tally) -> None:
    won = set()
    for _ in range(RACES):
        instance = office.start("simple")
        task = office.task(instance, "work")
        outcomes = rivals.race(("complete", task, "officer1"), ("complete", task, "officer2"))
        assert kinds(outcomes) == {"done": 1, "refused": 1}, outcomes
        assert office.times_effective(instance) == 1
        won.add(task)
    hold(Acknowledged(completed=frozenset(won)))
    tally("races", "two complete one task", RACES)


def test_two_complete_two_parallel_tasks(office: Office, rivals: Rivals, tally: Tally) -> None:
    done: set[str] = set()
    for _ in range(RACES):
        instance = office.start("countersigned")
        tasks = office.task(instance, "sign_a"), office.task(instance, "sign_b")
        outcomes = rivals.race(("complete", tasks[0], "officer1"), ("complete", tasks[1], "officer2"))
        assert kinds(outcomes) == {"done": 2}, outcomes
        assert office.open_activities(instance) == ["check"]
        assert office.times_effective(instance) == 1
        done.update(tasks)
    hold(Acknowledged(completed=frozenset(done)))
    tally("races", "two complete two parallel tasks", RACES)


def test_two_claim_one_task(office: Office, rivals: Rivals, tally: Tally) -> None:
    claimed = set()
    for _ in range(RACES):
        task = office.task(office.start("simple"), "work")
        logins = "officer1", "officer2"
        outcomes = rivals.race(*(("claim", task, login) for login in logins))
        assert kinds(outcomes) == {"done": 1, "refused": 1}, outcomes
        winner = logins[[outcome.kind for outcome in outcomes].index("done")]
        claimed.add((task, person(winner)))
    hold(Acknowledged(claimed=frozenset(claimed)))
    tally("races", "two claim one task", RACES)


def test_one_claims_what_another_completes(office: Office, rivals: Rivals, tally: Tally) -> None:
    done: set[str] = set()
    claimed: set[tuple[str, str]] = set()
    for _ in range(RACES):
        instance = office.start("simple")
        task = office.task(instance, "work")
        claim, complete = rivals.race(("claim", task, "officer1"), ("complete", task, "officer2"))
        assert kinds([claim, complete]) == {"done": 1, "refused": 1}
        if complete.kind == "done":
            done.add(task)
        else:
            claimed.add((task, person("officer1")))
        assert office.times_effective(instance) == (complete.kind == "done")
    hold(Acknowledged(completed=frozenset(done), claimed=frozenset(claimed)))
    tally("races", "claim and complete", RACES)


def test_one_is_given_what_another_completes(office: Office, rivals: Rivals, tally: Tally) -> None:
    for _ in range(RACES):
        instance = office.start("simple")
        task = office.task(instance, "work")
        assign, complete = rivals.race(("assign", task, "officer1"), ("complete", task, "officer2"))
        assert kinds([assign, complete]) == {"done": 1, "refused": 1}
        assert office.times_effective(instance) == (complete.kind == "done")
    hold()
    tally("races", "assign and complete", RACES)


def test_a_signer_is_added_while_the_last_one_signs(office: Office, rivals: Rivals, tally: Tally) -> None:
    """Either there is one more to wait for, or it is too late to ask anybody."""
    done = set()
    for _ in range(RACES):
        instance = office.start("signed", signers=["officer1"])
        task = office.task(instance, "sign")
        add, complete = rivals.race(("add signer", task, "officer2"), ("complete", task, "officer1"))
        assert complete.kind == "done", complete
        in_time = kinds([add])["done"] == 1
        assert office.open_activities(instance) == ["sign"] * in_time
        assert office.times_effective(instance) == (not in_time)
        done.add(task)
    hold(Acknowledged(completed=frozenset(done)))
    tally("races", "add a signer and complete", RACES)


def test_a_signer_is_taken_away_while_signing(office: Office, rivals: Rivals, tally: Tally) -> None:
    done = set()
    for _ in range(RACES):
        instance = office.start("signed", signers=["officer1"])
        task = office.task(instance, "sign")
        remove, complete = rivals.race(("remove signer", task), ("complete", task, "officer1"))
        assert kinds([remove, complete]) == {"done": 1, "refused": 1}
        assert status_of(task) == ("completed" if complete.kind == "done" else "cancelled")
        assert office.times_effective(instance) == 1
        done.update([task] if complete.kind == "done" else [])
    hold(Acknowledged(completed=frozenset(done)))
    tally("races", "remove a signer and complete", RACES)


def test_an_instance_is_terminated_while_somebody_completes(office: Office, rivals: Rivals, tally: Tally) -> None:
    """A completion in the middle of the process, so that the termination is never too late."""
    done = set()
    for _ in range(RACES):
        instance = office.start("countersigned")
        task = office.task(instance, "sign_a")
        terminate, complete = rivals.race(("terminate", instance), ("complete", task, "officer1"))
        assert terminate.kind == "done", terminate
        assert complete.kind in ("done", "refused"), complete
        assert office.status(instance) == "terminated"
        assert status_of(task) == ("completed" if complete.kind == "done" else "cancelled")
        done.update([task] if complete.kind == "done" else [])
    hold(Acknowledged(completed=frozenset(done)))
    tally("races", "terminate and complete", RACES)


def test_a_parent_ends_its_child_while_the_child_is_finished(office: Office, rivals: Rivals, tally: Tally) -> None:
    """The child tells its parent that it has ended; neither may wait for the other's row."""
    done = set()
    for _ in range(RACES):
        parent = office.start("countersigned")
        child = office.start("simple", parent_id=parent)
        task = office.task(child, "work")
        end, complete = rivals.race(("end family", parent, child), ("complete", task, "officer1"))
        assert end.kind == "done", end
        finished = kinds([complete])["done"] == 1
        assert office.status(child) == ("completed" if finished else "terminated")
        assert office.times_effective(child) == finished
        done.update([task] if finished else [])
    office.settle()
    hold(Acknowledged(completed=frozenset(done)))
    tally("races", "parent ends and child finishes", RACES)


def test_the_time_runs_out_while_somebody_completes(office: Office, rivals: Rivals, tally: Tally) -> None:
    """Either the work was in time and has its effect, or the deadline took it away; never both, never neither."""
    done = set()
    for _ in range(RACES):
        instance = office.start("limited")
        task = office.task(instance, "work")
        office.let_time_pass(hours=1, seconds=1)
        tick, complete = rivals.race(("tick",), ("complete", task, "officer1"))
        assert tick.kind == "done", tick
        assert complete.kind in ("done", "refused"), complete
        in_time = complete.kind == "done"
        assert office.times_effective(instance) == in_time
        assert office.open_activities(instance) == ([] if in_time else ["explain"])
        assert times_passed(instance, "overdue") == (not in_time)
        done.update([task] if in_time else [])
        office.settle()
    hold(Acknowledged(completed=frozenset(done)))
    tally("races", "timer and complete", RACES)


def test_two_workers_look_at_what_is_due(office: Office, rivals: Rivals, tally: Tally) -> None:
    for _ in range(RACES):
        due = [office.start("limited") for _ in range(3)]
        office.let_time_pass(hours=1, seconds=1)
        assert kinds(rivals.race(("tick",), ("tick",))) == {"done": 2}
        office.settle()
        for instance in due:
            assert times_passed(instance, "overdue") == 1
            assert office.open_activities(instance) == ["explain"]
    hold()
    tally("races", "two workers, three timers due", RACES)


def test_a_message_comes_while_somebody_completes(office: Office, rivals: Rivals, tally: Tally) -> None:
    done, sent = set(), set()
    for _ in range(RACES):
        instance = office.start("answered")
        task = office.task(instance, "work")
        office.send(instance)
        outcomes = rivals.race(("tick",), ("complete", task, "officer1"))
        assert kinds(outcomes) == {"done": 2}, outcomes
        office.settle()
        assert office.status(instance) == "completed"
        assert office.times_effective(instance) == 1
        done.add(task)
        sent.add((instance, "heard"))
    hold(Acknowledged(completed=frozenset(done), sent=frozenset(sent)))
    tally("races", "message and complete", RACES)


def test_two_send_one_message(office: Office, rivals: Rivals, tally: Tally) -> None:
    """The one that nobody waited for any more is told so: an answer of success means that somebody has the message."""
    for _ in range(RACES):
        instance = office.start("answered")
        outcomes = rivals.race(("correlate", instance), ("correlate", instance))
        assert kinds(outcomes, {"NobodyWaits correlation"}) == {"done": 1, "refused": 1}, outcomes
        assert times_passed(instance, "heard") == 1
    hold()
    tally("races", "two send one message", RACES)


def test_a_process_is_started_while_it_is_deployed_anew(office: Office, rivals: Rivals, tally: Tally) -> None:
    started = set()
    for number in range(RACES):
        deploy, start = rivals.race(("deploy", "simple.bpmn", f"r{number}"), ("start", "simple"))
        assert kinds([deploy, start]) == {"done": 2}, (deploy, start)
        instance, definition = start.told.split()
        assert definition.split(":")[1] in (str(number + 1), str(number + 2))
        started.add(instance)
    hold(Acknowledged(started=frozenset(started)))
    tally("races", "deploy and start", RACES)


def test_two_deploy_one_process(office: Office, rivals: Rivals, tally: Tally) -> None:
    """Every deployment that was acknowledged has a version of its own; one that came too late may be asked to try again."""
    made = 0
    for number in range(RACES):
        outcomes = rivals.race(("deploy", "simple.bpmn", f"a{number}"), ("deploy", "simple.bpmn", f"b{number}"))
        made += kinds(outcomes, TRY_AGAIN)["done"]
    with db.reading() as session:
        ours = select(ProcessDefinition.version).where(ProcessDefinition.key == "simple")
        assert sorted(session.scalars(ours)) == list(range(1, made + 2))
    tally("races", "two deploy one process", RACES)


def kinds(outcomes: list[Outcome], words: Set[str] = LOST) -> Counter[str]:
    """How many ended how; whoever was refused was told so in these words, and nobody failed."""
    assert all(outcome.told in words for outcome in outcomes if outcome.kind != "done"), outcomes
    return Counter(outcome.kind for outcome in outcomes)


def hold(acknowledged: Acknowledged | None = None) -> None:
    """Everything is as it must be, and on PostgreSQL nobody ever waited for somebody who waited for them."""
    with db.reading() as session:
        assert invariants.violations(session, acknowledged) == []
        if db.engine().dialect.name == "postgresql":
            deadlocks = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            assert session.scalar(deadlocks) == 0


def person(login: str) -> str:
    from tests.failures.office import actor

    with db.reading() as session:
        return actor(session, login).id


def status_of(task_id: str) -> str:
    with db.reading() as session:
        return session.get_one(UserTask, task_id).status


def times_passed(instance_id: str, activity_id: str) -> int:
    with db.reading() as session:
        told = select(HistoryEvent.number).where(
            HistoryEvent.instance_id == instance_id, HistoryEvent.activity_id == activity_id,
            HistoryEvent.kind == "activity.completed",
        )  # fmt: skip
        return len(session.scalars(told).all())
