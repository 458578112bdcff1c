"""The pages of supervision in a real browser, on desktop and phone."""

from __future__ import annotations

import os
import shutil

import pytest
from sqlalchemy import select

from engine import clock, db, definitions, ids
from engine.models import Commitment, InstanceStatus, ProcessInstance, Unit, WorkItem
from tests.driver import PASSWORD, Bureau
from tests.scenarios.test_ledger import enter
from tests.scenarios.test_rounds import INSPECTOR, go, unbind, until

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")


def supervise() -> None:
    """A formal supervision of a school under way."""
    with db.transaction() as session:
        process = definitions.latest(session, "formal_supervision_item")
        school = session.scalars(select(Unit).where(Unit.key == "BINHU_XX")).one()
        instance = ProcessInstance(
            id=ids.new(), definition_id=process.id, definition_key=process.key, title="", started_at=clock.now(),
            unit_id=school.id, status=InstanceStatus.ACTIVE, state=b"", history_length=0, history_head="",
        )  # fmt: skip
        commitment = session.scalars(select(Commitment).where(Commitment.code == "17-4")).one()
        session.add(instance)
        session.flush()
        session.add(WorkItem(
            id=ids.new(), commitment_id=commitment.id, number=900, kind="school", key=school.key,
            name="滨湖区小学专项督导", unit_id=school.id, due_on=clock.today(), detail={}, registered_at=clock.now(),
            instance_id=instance.id,
        ))  # fmt: skip


@pytest.mark.either_database
def test_rounds_of_every_kind_are_on_one_page(bureau: Bureau) -> None:
    supervise()
    page = bureau.person("dudao1").get("/supervision?kind=special")
    assert (page.says("滨湖区小学专项督导"), page.says("专项督导")) == (True, True)
    assert not bureau.person("dudao1").get("/supervision?kind=random").says("滨湖区小学专项督导")
    assert not bureau.person("liangxi_officer1").get("/supervision").says("滨湖区小学专项督导")
    assert bureau.person("binhu_xx_head").get("/supervision").says("滨湖区小学专项督导")


@pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_pages_fit_and_break_no_policy(address: str, bureau: Bureau) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
    unbind("BINHU_CZ")
    until(bureau, "2021-04-01")
    assert go(bureau, INSPECTOR, "JIANGYIN_XX", "2021-04-01").status == 302
    supervise()
    enter()
    until(bureau, "2021-05-06")
    complaints: list[str] = []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/login?next=/supervision")
        page.fill("#login", "dudao1")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        for path, words in (
            ("", "漏访"), ("/bindings", "没有责任督学"), ("/bindings/BINHU_CZ", "督学责任区"), ("/rounds/new", "督导主题"),
            ("/ledger", "销号率＝"),
        ):  # fmt: skip
            page.goto(f"{address}/supervision{path}")
            assert words in page.inner_text("main"), path
            assert page.locator("h1").count() == 1
            page.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true })")
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
                wide = "[...document.querySelectorAll('.panel')].filter(e => e.scrollWidth > e.clientWidth).length"
                assert page.evaluate(wide) == 0, f"something sticks out of its panel: {path}"
                if PICTURES:
                    name = f"{PICTURES}/supervision-{width}-{path.replace('/', '_')}.png"
                    page.screenshot(path=name, full_page=True)
        browser.close()
    assert complaints == []
