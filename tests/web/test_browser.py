"""The main path in a real browser, on desktop and phone: nothing overflows, nothing breaks the security policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import effects, findings
from tests.driver import PASSWORD, Bureau
from tests.scenarios.test_work_point import overseer_of, school_of
from tests.server import Server
from tests.visits import answers, fields

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
    page.locator("details.point[open] details.why summary").first.click()
    look("reasons")
    page.get_by_label("看某一天").fill("2021-03-11")
    page.get_by_role("button", name="筛选").click()
    assert "按当日所知" in page.locator("[role=status]").inner_text()
    look("earlier")
    page.get_by_role("link", name="灯是怎么判的").click()
    look("lamps")
    page.goto(f"{server.address}/plan?point=5")
    page.get_by_role("link", name="流程图与经过").first.click()
    look("instance")
    page.goto(f"{server.address}/supervision")
    look("supervision")
    browser.close()
    assert server.stop() == 0
    assert [each for each in complaints if "422" not in each] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [360, 1280])
def test_the_clock_of_a_demonstration_is_moved_without_script(
    chromium: Any, bureau: Bureau, tmp_path: Path, width: int
) -> None:
    """By keyboard: a form, then what has come of it."""
    server = Server(bureau.database, tmp_path)
    browser = chromium.new_context(viewport={"width": width, "height": 740}, java_script_enabled=False)
    page = browser.new_page()

    def look(what: str) -> None:
        page.locator("h1").wait_for()
        widest = page.locator("body").bounding_box()
        assert widest is not None
        assert widest["width"] <= width
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/schedule-{width}-{what}.png", full_page=True)

    page.goto(f"{server.address}/login?next=/schedule")
    page.fill("#login", "sysadmin")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    look("before")
    assert page.get_by_text("正常", exact=True).count() == 1, "the server's own worker ticks"
    page.locator("[value=to]").press("Space")
    page.fill("#to", "2020-01-01")
    page.locator("#to").press("Enter")
    look("refused")
    assert page.get_by_role("alert").inner_text().endswith("请选一个以后的时间。")
    page.fill("#to", "2021-05-02")
    page.get_by_role("button", name="向前拨").press("Enter")
    assert "演示时钟已向前拨" in page.locator("[role=status]").inner_text()
    assert "2021年5月2日" in page.get_by_role("note").inner_text()
    for _ in range(60):
        page.goto(f"{server.address}/schedule")
        if page.get_by_text("已启动", exact=True).count():
            break
        page.wait_for_timeout(500)
    assert page.get_by_text("已错过", exact=True).count() == 1
    look("after")
    page.goto(f"{server.address}/schedule/routine_supervision")
    look("one")
    browser.close()
    assert server.stop() == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("width", "scheme", "script"), [(360, "dark", False), (1280, "light", True)])
def test_the_office_reaches_every_page_about_the_plan(
    chromium: Any, bureau: Bureau, tmp_path: Path, width: int, scheme: str, script: bool
) -> None:
    """From the launch to a commitment's sheet and its occurrences; on a phone the other pages stand under 更多."""
    server = Server(bureau.database, tmp_path)
    browser = chromium.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme, java_script_enabled=script
    )
    page = browser.new_page()

    def look(what: str) -> None:
        widest = page.locator("main").bounding_box()
        assert widest is not None
        assert widest["width"] <= width
        if script:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/plan-{width}-{what}.png", full_page=True)

    page.goto(f"{server.address}/login?next=/plan/launch")
    page.fill("#login", "duban1")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.get_by_text("夯实组织建设基础").click()
    look("launch")
    page.get_by_role("link", name="支部三会一课与主题党日规范").click()
    look("charge")
    page.goto(f"{server.address}/plan/targets")
    look("targets")
    page.get_by_role("link", name="普惠优质学前资源覆盖率").first.click()
    assert page.locator("svg.diagram").first.get_by_text("每期一件").count() == 0
    look("commitment")
    if width < 992:
        page.locator(".tabbar summary").press("Enter")
    page.get_by_role("link", name="一票否决").click()
    page.get_by_role("link", name="登记…").click()
    look("veto")
    browser.close()
    server.stop()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_administrator_gives_up_a_job_on_a_phone(chromium: Any, bureau: Bureau, tmp_path: Path) -> None:
    effects.plan("a" * 60, kind="test.from_the_future", instance_id=bureau.point(5))
    bureau.settle()
    server = Server(bureau.database, tmp_path, worker=False)
    phone = chromium.new_context(viewport={"width": 360, "height": 740})
    page = phone.new_page()

    def look(what: str) -> None:
        page.locator("h1").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/incident-{what}.png", full_page=True)

    page.goto(f"{server.address}/login?next=/incidents")
    page.fill("#login", "sysadmin")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="登录").click()
    look("open")
    page.get_by_role("link", name="取消作业…").click()
    page.get_by_role("button", name="取消作业").click()
    assert "请写明取消的原因" in page.locator(".error-text").inner_text()
    look("refused")
    page.get_by_label("原因").fill("对方系统已停用")
    page.get_by_role("button", name="取消作业").click()
    assert "已取消作业" in page.locator("[role=status]").inner_text()
    page.get_by_role("link", name="已处理").click()
    look("resolved")
    phone.close()
    assert server.stop() == 0
    assert effects.open_incidents() == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_office_corrects_a_day_on_a_phone(chromium: Any, bureau: Bureau, tmp_path: Path) -> None:
    """Without script: the day is put right, and who has something due on it reads why it is due a day later."""
    server = Server(bureau.database, tmp_path)
    phone = chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = phone.new_page()

    def look(what: str) -> None:
        widest = page.locator("main").bounding_box()
        assert widest is not None
        assert widest["width"] <= 360
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/calendar-{what}.png", full_page=True)

    def log_in(login: str, next_page: str) -> None:
        phone.clear_cookies()
        page.goto(f"{server.address}/login?next={next_page}")
        page.fill("#login", login)
        page.fill("#password", PASSWORD)
        page.get_by_role("button", name="登录").click()

    log_in("duban1", "/calendar")
    look("year")
    page.get_by_role("link", name="更正某一天…").click()
    page.get_by_label("日期").fill("2021-03-22")
    page.locator("label[for=working-false]").click()
    page.get_by_role("button", name="保存").click()
    assert "请填写依据文件" in page.locator(".error-text").inner_text()
    look("refused")
    page.get_by_label("依据文件").fill("市政府办公室通知")
    page.get_by_label("名称").fill("全市停工")
    page.get_by_role("button", name="保存").click()
    assert "已更正" in page.locator("[role=status]").inner_text()
    assert "全市停工" in page.locator(".line").inner_text()
    page.get_by_role("link", name="期限规则").first.click()
    look("rules")
    server.stop()
    bureau.settle()
    server = Server(bureau.database, tmp_path)
    log_in("jj_officer1", "/tasks")
    page.locator(".why summary").first.click()
    assert "顺延到2021年3月23日 周二" in page.locator(".why").first.inner_text()
    look("why")
    phone.close()
    server.stop()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_point_is_walked_from_plan_to_archive_on_a_phone(chromium: Any, bureau: Bureau, tmp_path: Path) -> None:
    """Every decision of a point by clicks alone, without script; its commitments end with the year."""
    point = bureau.point(10)
    server = Server(bureau.database, tmp_path)
    phone = chromium.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    page = phone.new_page()
    shots = iter(range(1, 100))

    def does(login: str, instance: str, button: str, activity: str = "", **filled: str) -> None:
        tasks = bureau.open_tasks(instance)
        task = tasks[activity or next(iter(tasks))]
        phone.clear_cookies()
        page.goto(f"{server.address}/login")
        page.fill("#login", login)
        page.fill("#password", PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.goto(f"{server.address}/tasks/{task}")
        for field, value in filled.items():
            if field.endswith(".item"):
                continue  # hidden, and there already
            control = page.locator(f"[name='{field}']")
            if control.first.get_attribute("type") == "radio":
                page.locator(f"label[for='{field}-{value}']").click()
            elif control.first.locator("option").count():
                control.select_option(value)
            else:
                control.fill(value)
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/walk-{next(shots):02}-{login}.png", full_page=True)
        page.get_by_role("button", name=button, exact=True).click()
        assert "已提交" in page.locator("[role=status]").inner_text()
        bureau.settle()

    drafted = {"goal": "六十所教室照明改造", "measures": "逐校验收", "milestones": "九月中期"}
    does("twy_officer1", point, "提交", **drafted)
    does("twy_head", point, "退回", opinion="请写明学校名单")
    does("twy_officer2", point, "提交", **drafted)
    does("twy_head", point, "同意")
    does(overseer_of(bureau, "TWY"), point, "同意")
    first = bureau.commitments(point)[0]
    does("twy_officer1", first, "提交", "report_progress", progress="40", situation="名单已定")
    server.stop()
    bureau.let_time_pass(days=300)
    server = Server(bureau.database, tmp_path)
    does("twy_officer1", point, "提交", summary="总体良好", achieved="五十九所完成", next_steps="结转一所")
    does("twy_head", point, "同意")
    level = {"checked": "40", "failed": "0", "findings": "台账齐全"}
    does("twy_officer1", point, "提交", **level)
    does("liangxi_officer1", point, "提交", **level)
    does("dudao1", point, "提交", **level, level="passed")
    school = school_of(bureau, "duxue3")
    does("dudao1", point, "提交", school=school, theme="近视防控", visit_by="2022-02-20")
    (opened,) = bureau.children(point, "supervision_round")
    (visit,) = bureau.children(opened, "school_visit")
    found = answers(visit, {"other": {"rectify_by": "2022-02-01"}}, visited_on="2022-01-05")
    assert bureau.person("duxue3").does(bureau.open_task(visit), **fields(found)).status == 302
    bureau.settle()
    (finding,) = bureau.children(opened, "finding")
    shown = findings.typed(findings.shown() | {"finished_on": "2022-01-06"})
    does(f"{school.lower()}_officer", finding, "提交", **shown)
    accepted = findings.typed(findings.accepted())
    does("duxue3", finding, "销号", **{name: value for name, value in accepted.items() if name != "decision"})
    does("twy_head", point, "提交", projects_done="8")
    does("duban1", point, "提交", grade="良好", opinion="一项结转")
    does("juzhang", point, "同意")
    does("dangan", point, "提交", archive_number="2021-JY-006")
    assert bureau.status(point) == "completed"
    page.goto(f"{server.address}/instances/{finding}")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/walk-{next(shots):02}-story.png", full_page=True)
    phone.close()
    server.stop()
