"""A visit in a real browser on a phone whose network goes away in between: nothing that was typed is lost."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from engine import db, user_tasks
from engine.models import Finding, StoredFile
from tests.driver import PASSWORD, Bureau
from tests.scenarios.test_visits import Round
from tests.web.test_browser import CHROMIUM, QUIET

playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")


def photo(colour: str) -> dict[str, Any]:
    written = io.BytesIO()
    Image.new("RGB", (2400, 1800), colour).save(written, "JPEG")
    return {"name": f"{colour}.jpg", "mimeType": "image/jpeg", "buffer": written.getvalue()}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_visit_outlives_the_network(bureau: Bureau, address: str) -> None:
    round_ = Round(bureau)
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        phone = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
        page = phone.new_page()
        complaints: list[str] = []
        page.on("console", lambda told: complaints.append(told.text) if "Content Security" in told.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        shots = iter(range(1, 100))

        def look(what: str) -> None:
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/visit-{next(shots):02}-{what}.png")

        def says(words: str) -> None:
            page.locator("#state", has_text=words).wait_for(timeout=20_000)

        def until(expression: str) -> None:
            """Asked in the page; what waits for functions by itself evaluates text, which the policy forbids."""
            page.evaluate(
                f"async () => {{ while (!({expression})) await new Promise((done) => setTimeout(done, 50)); }}"
            )

        def onward() -> None:
            page.locator(".section-of:not([hidden]) .dock .btn-primary").click()

        page.goto(f"{address}/login")
        page.fill("#login", "duxue1")
        page.fill("#password", PASSWORD)
        page.get_by_role("button", name="登录").click()
        look("list")
        page.locator(".task-title").first.click()
        until("navigator.serviceWorker.controller && await caches.match(location.pathname)")
        page.fill("#arrived_at", "9:10")
        page.fill("#accompanied_by", "副校长 孙立")
        says("已存")
        look("arrive")

        # The network is gone: groups are answered, a photo is taken, the page is loaded again.
        phone.set_offline(True)
        onward()
        for _ in range(3):
            for each in page.locator(".section-of:not([hidden]) .l-yes").all():
                each.click()
            onward()
        says("网络不稳")
        page.locator(".section-of:not([hidden]) .groups [data-at=safety]").click()
        page.locator("label[for=exits-problem]").click()
        page.fill("#exits-seen", "三楼西侧通道堆放课桌12张")
        page.set_input_files("#exits-photos", photo("gray"))
        says("1 张照片待上传")
        page.locator("#q-exits").scroll_into_view_if_needed()
        look("offline")
        page.reload()
        says("1 张照片待上传")
        assert page.input_value("#exits-seen") == "三楼西侧通道堆放课桌12张"
        assert page.locator("#q-exits .photos img").count() == 1
        look("reloaded")
        for group in ("burden", "teachers", "safety", "canteen", "spirit", "fire", "other"):
            page.locator(f".section-of:not([hidden]) .groups [data-at={group}]").click()
            for item in page.locator(".section-of:not([hidden]) .item").all():
                if not item.locator("input[type=radio]:checked").count():
                    item.locator(".l-yes").click()
        page.locator("[data-step=feedback]").click()
        assert page.get_by_text("三楼西侧通道堆放课桌12张").is_visible()
        page.fill("#summary", "推门听课两节，查看台账")
        page.locator("label[for=confirmation-signed]").click()
        page.fill("#confirmed_by", "副校长 孙立")
        look("feedback")

        # Back again, everything arrives by itself.
        phone.set_offline(False)
        page.evaluate("dispatchEvent(new Event('online'))")
        says("已存")
        page.locator("[data-step=submit]").click()
        page.get_by_text("发现 1 个问题").wait_for()
        look("submit")
        page.get_by_role("button", name="提交督导记录").click()
        page.get_by_text("已提交督导记录").wait_for()
        look("over")
        until("(await (await caches.open('visits')).keys()).every((each) => !/visits\\/./.test(each.url))")
        assert complaints == []
        browser.close()
    bureau.settle()
    with db.reading() as session:
        finding = session.scalars(select(Finding)).one()
        (stored,) = session.scalars(select(StoredFile).where(StoredFile.id.in_(finding.photos)))
        assert (finding.description, stored.instance_id) == ("三楼西侧通道堆放课桌12张", round_.process)
        assert stored.taken_at is not None
        told = user_tasks.told(session, round_.process, "visit_school")
        assert (told["summary"], len(told["answers"])) == ("推门听课两节，查看台账", 23)
