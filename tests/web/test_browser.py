"""The main path in a real browser, on desktop and phone: nothing overflows, nothing breaks the security policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.driver import PASSWORD, Bureau
from tests.server import Server

playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")
"""A folder to leave pictures in, for people to look at."""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("name", "width", "height", "scheme", "script"), [
    ("desktop", 1440, 900, "light", True), ("phone", 360, 740, "dark", False),
])  # fmt: skip
def test_the_main_path(
    chromium: Any, bureau: Bureau, tmp_path: Path, name: str, width: int, height: int, scheme: str, script: bool
) -> None:
    server = Server(bureau.database, tmp_path)
    browser = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=script
    )
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

    def look(what: str) -> None:
        assert page.locator("h1").count() == 1
        widest = page.locator("body").bounding_box()
        assert widest is not None
        assert widest["width"] <= width
        if script:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{name}-{what}.png", full_page=True)

    page.goto(server.address)
    look("login")
    page.fill("#login", "jj_officer1")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="登录").click()
    look("inbox")
    page.get_by_role("link", name="拟定实施方案").first.click()
    page.fill("#goal", "优质均衡县创建")
    page.get_by_role("button", name="提交").click()
    look("refused")
    assert page.locator("#goal").input_value() == "优质均衡县创建"
    page.fill("#measures", "逐县推进，逐校达标")
    page.fill("#milestones", "六月自评，十月复核")
    look("task")
    page.get_by_role("button", name="提交").click()
    assert "已提交" in page.locator("[role=status]").inner_text()
    page.goto(f"{server.address}/plan?point=5")
    look("plan")
    page.get_by_role("link", name="流程图与经过").first.click()
    look("instance")
    page.goto(f"{server.address}/supervision")
    look("supervision")
    browser.close()
    assert server.stop() == 0
    assert [each for each in complaints if "422" not in each] == []
