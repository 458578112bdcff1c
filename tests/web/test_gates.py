"""Checklists and the veto register in a real browser, on desktop and phone."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.driver import PASSWORD, Bureau
from tests.scenarios.test_checklists import DISTRICT, SCHOOL, begin, drawn, rows
from tests.scenarios.test_oversight import step
from tests.scenarios.test_vetoes import bar, registered

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")


@pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_and_break_no_policy(address: str, bureau: Bureau, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
    checked = begin(item=drawn(True))
    step(bureau, SCHOOL, checked, "self_check", **rows("18-8"))
    step(bureau, DISTRICT, checked, "district_check", **rows("18-8", isolation="没有独立隔离场所，与仓库共用"))
    task = bureau.open_task(checked, "rectify")
    asked = bureau.open_task(begin(item="another"), "self_check")
    assert bar(bureau).status == 302
    assert (
        bar(bureau, kind="unit", subject="江阴市云帆小学（演示）", unit="", reason="safety", sanction="none").status
        == 302
    )
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        complaints: list[str] = []

        def look(login: str, path: str, words: str) -> None:
            page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.goto(f"{address}/login?next={path}")
            page.fill("#login", login)
            page.fill("#password", PASSWORD)
            page.press("#password", "Enter")
            page.get_by_text(words).first.wait_for()
            assert page.locator("h1").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            wide = "[...document.querySelectorAll('.panel')].filter(each => each.scrollWidth > each.clientWidth).length"
            assert page.evaluate(wide) == 0, f"something sticks out of its panel: {path}"
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/gates-{width}-{path.replace('/', '_')[:20]}.png", full_page=True)

        look(SCHOOL, f"/tasks/{asked}", "有防控工作指南")
        look(SCHOOL, f"/tasks/{task}", "与仓库共用")
        look("duban1", f"/instances/{checked}", "五项缺一即不放行")
        look("rs_head", "/vetoes", "王 小 明")
        look("rs_head", "/vetoes/new", "处分种类")
        look("rs_head", f"/vetoes/{registered().id}/lift", "解除决定文号")
        browser.close()
    assert complaints == []
