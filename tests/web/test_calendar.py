"""日历: everybody may look, the office corrects, and a refusal loses nothing that was typed."""

from __future__ import annotations

import re

import pytest

from tests.driver import Bureau, Somebody

NOTICE = "市政府办公室通知"


@pytest.fixture
def office(bureau: Bureau) -> Somebody:
    return bureau.person("duban1")


def test_a_year_at_a_glance(bureau: Bureau) -> None:
    page = bureau.person("liangxi_xx_officer").get("/calendar?year=2021")
    assert page.status == 200
    for words in (
        "2021年日历",
        "已公布",
        "工作日 250 天",
        "2月11日—17日",
        "春节",
        "10月9日",
        "2020—2021学年第二学期（待核对）",
    ):
        assert page.says(words), words
    months = re.findall(r"(\d+)月 <span class=\"meta\">(\d+) 个工作日", page.text)
    assert [int(days) for _, days in months] == [20, 17, 23, 22, 19, 21, 22, 22, 22, 17, 22, 23]
    assert 'title="调休上班">9<small>班</small>' in page.text
    # Who may not change it is not shown how.
    assert "更正某一天" not in page.text


def test_a_year_that_is_not_announced_says_so(bureau: Bureau, office: Somebody) -> None:
    page = office.get("/calendar?year=2027")
    assert (page.says("暂定"), page.says("公布本年日历…")) == (True, True)
    for written, shown in {"9999": 2100, "0001": 2000, "abcd": 2021, "-5": 2021}.items():
        assert office.get(f"/calendar?year={written}").says(f"{shown}年日历")


def test_a_day_is_corrected(bureau: Bureau, office: Somebody) -> None:
    typed = {"day": "2021-03-22", "working": "false", "name": "校庆", "source": NOTICE}
    for wrong, complaint in [
        ({"source": ""}, "请填写依据文件"), ({"day": "2021-13-01"}, "日期应写作"), ({"working": "maybe"}, "请选择"),
        ({"name": "长" * 21}, "不能超过20字"), ({"extra": "x"}, "未知字段"), ({"day": "1999-01-01"}, "只能维护"),
        ({"day": "2021-10-01", "name": "国庆节"}, "没有改动"),
    ]:  # fmt: skip
        refused = office.post("/calendar/day", {**typed, **wrong}, form_page="/calendar/day")
        assert refused.status in (409, 422)
        assert refused.says(complaint), complaint
        assert refused.says(wrong.get("source", NOTICE))
    assert office.post("/calendar/day", typed, form_page="/calendar/day").status == 302
    page = office.get("/calendar?year=2021")
    for words in ("已更正", "2021年3月22日 周一改为休息（校庆）", NOTICE, "工作日 249 天"):
        assert page.says(words), words
    bureau.settle()
    task = bureau.open_task(bureau.point(5), "draft_plan")
    assert (
        bureau.person("jj_officer1")
        .get(f"/tasks/{task}")
        .says("最后一日2021年3月22日 周一逢校庆3月22日，顺延到2021年3月23日 周二")
    )


def test_a_year_is_announced(bureau: Bureau, office: Somebody) -> None:
    address = "/calendar/year/2027"
    assert office.get(address).says("2027-01-01 2027-01-03 休 元旦")
    refused = office.post(address, {"days": "2027-01-01 元旦", "source": NOTICE}, form_page=address)
    assert (refused.status, refused.says("第1行"), refused.says("2027-01-01 元旦")) == (422, True, True)
    assert office.post(address, {"days": "2026-01-01 休 元旦", "source": NOTICE}, form_page=address).says(
        "都在2027年内"
    )
    assert office.post(address, {"days": "2027-01-01 休 元旦", "source": NOTICE}, form_page=address).status == 302
    page = office.get("/calendar?year=2027")
    assert (page.says("已公布"), page.says(f"{NOTICE}（陈霜降 今天"), page.says("暂定")) == (True, True, False)
    assert office.post(address, {"days": "2027-01-01 休 元旦", "source": NOTICE}).says("已经公布")
    assert office.get("/calendar/year/99999").status == 400


def test_a_term_is_confirmed(bureau: Bureau, office: Somebody) -> None:
    term = {"school_year": "2021", "term": "1", "starts_on": "2021-09-01", "ends_on": "2022-01-14", "source": "校历"}
    assert office.post("/calendar/term", {**term, "ends_on": "2021-01-14"}).says("须在开始日期之后")
    assert office.post("/calendar/term", term, form_page="/calendar/term").status == 302
    page = office.get("/calendar?year=2022")
    assert page.says("2021年9月1日至2022年1月14日")
    assert "2021—2022学年第一学期（待核对）" not in page.text


@pytest.mark.parametrize("login", ["jj_head", "juzhang", "liangxi_xx_officer"])
def test_others_only_look(bureau: Bureau, login: str) -> None:
    somebody = bureau.person(login)
    for address in ("/calendar/day", "/calendar/year/2027", "/calendar/term"):
        assert somebody.get(address).status == 403
        refused = somebody.post(address, {"day": "2021-03-22", "working": "false", "source": "x"})
        assert (refused.status, refused.says("由办公室督办员或系统管理员维护")) == (403, True)
