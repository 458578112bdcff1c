"""期限规则, and 为什么是这一天 beside every due date."""

from __future__ import annotations

import re

import pytest

from engine import clock, db, deadlines
from engine.models import UserTask
from tests.driver import Bureau, Somebody
from tests.visits import answers, fields


@pytest.fixture
def office(bureau: Bureau) -> Somebody:
    return bureau.person("duban1")


def limit(key: str) -> str:
    with db.reading() as session:
        found = deadlines.current(session).find(key, clock.now())
        assert found is not None
        return found.id


REVISED = {
    "amount": "15", "unit": "working_days", "article": "《江苏省教育督导条例》第三十条", "effective_from": "2022-04-01",
    "effective_to": "", "confirmed": "true", "source": "省人大常委会公告", "reason": "条例施行",
}  # fmt: skip


def test_the_rules_that_apply_here(bureau: Bureau) -> None:
    page = bureau.person("liangxi_xx_officer").get("/time-limits")
    assert page.status == 200
    for words in ("适用国家、江苏和本局的规则", "对初步督导意见提出申辩", "公布双随机抽查结果", "20个工作日内", "待核对",
                  "天数待录入，未适用", "今日不适用", "提前7日", "不少于30日", "立即"):  # fmt: skip
        assert page.says(words), words
    assert not page.says("《上海市教育督导条例》")
    assert bureau.person("jj_head").get("/time-limits?all=1").says("《上海市教育督导条例》")
    assert "更换" not in page.text


def test_the_office_records_the_next_version(bureau: Bureau, office: Somebody) -> None:
    old = limit("defence")
    address = f"/time-limits/{old}/revise"
    form = office.get(address)
    assert form.says("已经开始办理的事项仍按开始时的版本计算")
    for wrong, complaint in [
        ({"amount": "-1"}, "应在0到3650之间"), ({"amount": "2.5"}, "整数"), ({"amount": ""}, "整数"),
        ({"reason": " "}, "请填写修改原因"), ({"unit": "years"}, "请选择"), ({"unit": "set"}, "不能改成这样"),
        ({"effective_to": "2020-01-01"}, "不能早于施行日期"), ({"key": "approval"}, "未知字段"),
    ]:  # fmt: skip
        refused = office.post(address, {**REVISED, **wrong}, form_page=address)
        assert (refused.status, refused.says(complaint)) == (422, True), complaint
        assert refused.says("第三十条")
    assert office.post(address, REVISED, form_page=address).status == 302
    page = office.get(f"/time-limits/{old}")
    for words in ("15个工作日内", "10日内", "已被后一版代替", "省人大常委会公告", "2022年4月1日 周五 起"):
        assert page.says(words), words
    late = office.post(address, REVISED, form_page=address)
    assert (late.status, late.says("刚有人改过")) == (409, True)
    assert office.get("/time-limits/nothing").status == 404
    assert office.get("/time-limits/nothing/revise").status == 404


def test_others_only_read(bureau: Bureau) -> None:
    known = limit("defence")
    for login in ("jj_head", "juzhang", "liangxi_xx_officer"):
        somebody = bureau.person(login)
        assert "修改…" not in somebody.get(f"/time-limits/{known}").text
        assert somebody.get(f"/time-limits/{known}/revise").status == 403
        assert somebody.post(f"/time-limits/{known}/revise", REVISED).status == 403
        assert somebody.post("/time-limits/province", {"province": "shanghai"}).status == 403


def test_the_province_is_chosen(bureau: Bureau, office: Somebody) -> None:
    assert office.post("/time-limits/province", {"province": "x"}, form_page="/time-limits").status == 400
    assert office.post("/time-limits/province", {"province": "shanghai"}, form_page="/time-limits").status == 302
    assert office.get("/time-limits").says("适用国家、上海和本局的规则")


def why(page: str) -> str:
    """What stands behind the first 为什么是这一天."""
    found = re.search(r"<details class=\"why\">.*?</details>", page, re.DOTALL)
    assert found is not None
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))


def test_every_due_date_says_why(bureau: Bureau) -> None:
    point, officer = bureau.point(5), bureau.person("jj_officer1")
    counted = (
        "待核对 事项 拟定实施方案 依据 本局工作约定 起算 收到待办之日：2021年3月12日 周五（当日不计入） 期限 10日内"
    )
    for address in ("/tasks", f"/tasks/{bureau.open_task(point)}", f"/instances/{point}"):
        assert counted in why(officer.get(address).text), address
    assert "年度工作要点所定：2021-03-11至2021-12-31（待核对）" in why(officer.get("/plan?point=5").text)


def test_a_visit_and_a_finding_say_who_has_set_the_day(bureau: Bureau) -> None:
    bureau.let_time_pass(days=21)
    page = bureau.person("dudao1").get("/supervision").text
    assert "由来 “2021年4月经常性督导”确定的进校截止日 截止 2021年4月30日 周五" in why(page)
    inspector = bureau.person("duxue3")
    task = re.search(r"/tasks/([0-9a-f-]{36})", inspector.get("/tasks").text)
    assert task is not None
    with db.reading() as session:
        visit = session.get_one(UserTask, task[1]).instance_id
    assert "由来 督导轮次确定的日期：2021年4月30日 周五" in why(inspector.get(f"/instances/{visit}").text)
    inspector.does(task[1], **fields(answers(visit, {"other": {}}, visited_on="2021-04-02")))
    page = bureau.person("dudao1").get("/supervision/ledger").text
    assert (
        "在整改通知中确定 依据 《教育督导条例》第十一条 条文 《教育督导条例》第二十一条、第二十二条（限期整改）"
        in why(page)
    )
