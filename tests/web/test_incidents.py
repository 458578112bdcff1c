"""异常: administrators read what happened and what to do, and do it; nobody else sees the page."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from engine import clock, db, jobs
from engine.models import ProcessInstance
from tests import effects
from tests.driver import Bureau, Somebody


@pytest.fixture
def administrator(bureau: Bureau) -> Somebody:
    return bureau.person("sysadmin")


def trouble(bureau: Bureau, instance_id: str | None = None) -> str:
    """An incident of a job that nothing here knows how to do; its id."""
    effects.plan("a", kind="test.from_the_future", instance_id=instance_id)
    bureau.settle()
    return effects.open_incidents()[0].id


def press(somebody: Somebody, incident: str, button: str, **typed: Any) -> Any:
    return somebody.post(f"/incidents/{incident}/{button}", typed, form_page="/incidents")


def test_an_incident_is_explained(bureau: Bureau, administrator: Somebody) -> None:
    assert administrator.get("/incidents").says("没有异常")
    point = bureau.point(5)
    trouble(bureau, point)
    page = administrator.get("/incidents")
    assert page.status == 200
    for words in (
        "作业未完成",
        "已经停下",
        "排除原因后重试",
        "test.from_the_future",
        "试过 1 次",
        point,
        "重试",
        "取消作业…",
    ):
        assert page.says(words), words
    # Running the installation is not reading its files.
    assert f"/instances/{point}" not in page.text


def test_only_administrators_see_it(bureau: Bureau, administrator: Somebody) -> None:
    known = trouble(bureau, bureau.point(5))
    assert administrator.get("/tasks").text.count('href="/incidents"') == 2
    for login in ("jj_head", "juzhang", "designer"):
        stranger = bureau.person(login)
        assert "/incidents" not in stranger.get("/tasks").text
        assert stranger.get("/incidents").status == 403
        assert stranger.get(f"/incidents/{known}/cancel").status == 403
        for button in ("retry", "cancel"):
            answer = stranger.post(f"/incidents/{known}/{button}", {"reason": "x"})
            assert (answer.status, answer.says("系统管理员")) == (403, True)
    assert len(effects.open_incidents()) == 1


def test_retry(bureau: Bureau, administrator: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    known = trouble(bureau)
    monkeypatch.setitem(jobs.handlers, "test.from_the_future", effects.leave)
    assert press(administrator, known, "retry").status == 302
    assert administrator.get("/incidents").says("已安排重试")
    bureau.settle()
    assert effects.left() == ["a"]
    assert press(administrator, known, "retry").status == 409
    assert administrator.get("/incidents?tab=resolved").says("已重试")


def test_cancelling_a_job_asks_for_a_reason(bureau: Bureau, administrator: Somebody) -> None:
    point = bureau.point(5)
    known = trouble(bureau, point)
    assert administrator.get(f"/incidents/{known}/cancel").says("不能恢复")
    refused = press(administrator, known, "cancel", reason=" ")
    assert (refused.status, refused.says("请写明取消的原因")) == (422, True)
    assert press(administrator, known, "cancel", reason="对方系统已停用").status == 302
    assert administrator.get("/incidents").says("没有异常")
    assert administrator.get(f"/incidents/{known}/cancel").says("已经处理过了")
    assert bureau.person("jj_head").get(f"/instances/{point}").says("异常后取消（对方系统已停用）")


def test_a_damaged_instance_is_ended_from_the_page(bureau: Bureau, administrator: Somebody) -> None:
    point = bureau.point(5)
    with db.transaction() as session:
        session.execute(update(ProcessInstance).where(ProcessInstance.id == point).values(state=b""))
        jobs.add(session, "timer", clock.now(), {"instance_id": point}, dedupe_key="test:look", instance_id=point)
    bureau.settle()
    (known,) = effects.open_incidents()
    page = administrator.get("/incidents")
    assert (page.says("运行数据损坏"), page.says("终止流程…")) == (True, True)
    assert press(administrator, known.id, "cancel", reason="没有备份").status == 302
    assert bureau.status(point) == "terminated"


def test_an_unknown_incident_is_not_there(bureau: Bureau, administrator: Somebody) -> None:
    assert administrator.get("/incidents/nothing/cancel").status == 404
    assert press(administrator, "nothing", "retry").status == 404
