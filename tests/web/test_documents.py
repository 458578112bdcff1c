"""Papers in a real browser: on a phone, and on the printer."""

from __future__ import annotations

import os
import re
import shutil

import pytest

from tests.driver import PASSWORD, Bureau
from tests.scenarios.test_documents import NOTICE, issue

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")


@pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_papers_fit_a_phone_and_a_sheet(address: str, bureau: Bureau) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
    long, _ = issue(bureau, title="关于限期整改安全隐患的通知", **{**NOTICE, "findings": NOTICE["findings"] * 12})
    complaints: list[str] = []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(viewport={"width": 360, "height": 800}).new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}/login?next=/documents")
        page.fill("#login", "juzhang")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.get_by_text("锡教督改").first.wait_for()
        for path in ("", f"/{long}", f"/{long}/void"):
            page.goto(f"{address}/documents{path}")
            assert page.locator("h1").count() == 1
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/documents-{path.count('/')}.png", full_page=True)
        page.goto(f"{address}/documents/{long}")
        printed = page.pdf(prefer_css_page_size=True)
        page.emulate_media(media="print")
        shown = [each for each in (".bar", ".side", ".off-paper", ".sheet") if page.locator(each).is_visible()]
        browser.close()
    assert shown == [".sheet"]
    boxes = {tuple(round(float(edge)) for edge in box.split()) for box in re.findall(rb"/MediaBox \[([^\]]+)", printed)}
    assert boxes in ({(0, 0, 595, 842)}, {(0, 0, 596, 842)}), "A4"
    assert complaints == []
