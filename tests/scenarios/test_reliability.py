"""Nothing acknowledged is lost and nothing is done twice: two at once, a killed server, two schedulers."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import requests
from sqlalchemy import select

from engine import clock, db, history, jobs
from engine.models import Submission, SupervisionRound, Visit
from tests.driver import PASSWORD, Bureau, Somebody
from tests.server import Server

PLAN = {"goal": "目标", "measures": "措施", "milestones": "节点"}


def test_two_submissions_of_one_task_end_in_one_success_and_one_refusal(bureau: Bureau) -> None:
    point = bureau.point(5)
    task = bureau.open_task(point, "draft_plan")
    rivals = [Somebody(bureau.app, login) for login in ("jj_officer1", "jj_officer2")]
    together = Barrier(2)

    def submit(rival: Somebody) -> tuple[int, str]:
        together.wait()
        answer = rival.does(task, **PLAN | {"goal": f"由 {rival.login} 拟定"})
        return answer.status, answer.text

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(submit, rivals))
    assert [status for status, _ in answers] == [302, 409]
    assert "这件待办已经办结" in answers[1][1]
    with db.reading() as session:
        assert len(session.scalars(select(Submission).where(Submission.instance_id == point)).all()) == 1
    assert bureau.story(point) == ["draft_plan"]


def test_a_killed_server_has_lost_nothing_it_acknowledged(bureau: Bureau, tmp_path: Path) -> None:
    point = bureau.point(5)
    server = Server(bureau.database, tmp_path)
    assert click(server, "jj_officer1", bureau.open_task(point, "draft_plan"), PLAN) == 302
    server.kill()
    assert bureau.open_task(point, "review_plan")
    server = Server(bureau.database, tmp_path)
    assert click(server, "jj_head", bureau.open_task(point, "review_plan"), {"decision": "approve"}) == 302
    assert server.stop() == 0
    assert bureau.story(point) == ["draft_plan", "review_plan:approve"]
    with db.reading() as session:
        assert list(history.broken_chains(session)) == []


def test_the_monthly_round_is_created_once_by_two_schedulers(bureau: Bureau) -> None:
    with db.transaction() as session:
        from engine import settings

        settings.move_clock(session, clock.start_of(clock.today().replace(month=4, day=1), hour=7))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: jobs.run_due(), range(2)))
    with db.reading() as session:
        (opened,) = session.scalars(select(SupervisionRound)).all()
        assert opened.key == "routine:2021-04"
        assert len(session.scalars(select(Visit)).all()) == 40
    assert jobs.run_due() == 0


def test_months_that_passed_while_nobody_looked_are_not_made_up_for(bureau: Bureau) -> None:
    bureau.let_time_pass(days=100)
    with db.reading() as session:
        assert [each.key for each in session.scalars(select(SupervisionRound))] == ["routine:2021-06"]


def test_a_changed_history_is_found(bureau: Bureau) -> None:
    with db.transaction() as session:
        session.connection().exec_driver_sql("UPDATE history_event SET kind = 'forged' WHERE number = 0")
    with db.reading() as session:
        assert len(list(history.broken_chains(session))) == 274


def click(server: Server, login: str, task_id: str, data: dict[str, str]) -> int:
    """One person at a browser: log in, open the task, submit; the status of the answer."""
    browser = requests.Session()
    token = re.compile(r'name="csrf_token" value="([^"]+)"')
    page = browser.get(f"{server.address}/login").text
    found = token.search(page)
    assert found
    browser.post(f"{server.address}/login", {"login": login, "password": PASSWORD, "csrf_token": found[1]})
    found = token.search(browser.get(f"{server.address}/tasks/{task_id}").text)
    assert found
    answer = browser.post(
        f"{server.address}/tasks/{task_id}/complete", {**data, "csrf_token": found[1]}, allow_redirects=False
    )
    return answer.status_code
