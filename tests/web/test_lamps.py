"""灯的界限: everybody who reads the plan sees them with their source; the office sets them, and earlier days keep theirs."""

from __future__ import annotations

from typing import Any

import pytest

from engine import clock, db
from engine.lamps import picture, thresholds
from tests.driver import Bureau, Somebody

NEW = {"value": "300", "effective_on": "2021-03-12", "source": "局党组会议纪要〔2021〕3号", "confirmed": "true"}


def send(somebody: Somebody, key: str = "near_due_days", **typed: Any) -> Any:
    return somebody.post(f"/lamps/{key}", NEW | typed)


def near() -> float:
    with db.reading() as session:
        return thresholds.in_force(session).near_due_days


def test_every_border_is_shown_with_its_source(bureau: Bureau) -> None:
    page = bureau.person("jj_head").get("/lamps")
    assert page.text.count("待核对</b>") == len(thresholds.KNOWN)
    for words in ("银川", "松阳", "不能手工设定", "30</b> 个百分点"):
        assert page.says(words), words
    assert "修改…" not in page.text
    assert bureau.person("jj_head").get("/plan").says("灯是怎么判的")
    assert bureau.person("liangxi_xx_officer").get("/lamps").status == 403


def test_only_the_office_sets_them(bureau: Bureau) -> None:
    for login in ("jj_head", "juzhang", "designer", "sysadmin"):
        stranger = bureau.person(login)
        assert stranger.get("/lamps/near_due_days").status == 403
        assert send(stranger).status == 403
    office = bureau.person("duban1")
    assert office.get("/lamps").text.count("修改…") == len(thresholds.KNOWN)
    assert (office.get("/lamps/colour").status, send(office, "colour").status) == (404, 404)
    assert near() == 14


def test_a_border_is_set_from_a_day_on(bureau: Bureau) -> None:
    with db.reading() as session:
        earlier = clock.now()
        before = picture.picture(session, earlier)
    bureau.let_time_pass(days=2)
    office = bureau.person("duban1")
    assert office.get("/lamps/near_due_days").says("现行 14 天")
    assert send(office, effective_on="2021-03-15").status == 302
    assert near() == 14
    bureau.let_time_pass(days=1)
    assert near() == 300
    page = bureau.person("duban1").get("/lamps")
    for words in ("300</b> 天", "局党组会议纪要〔2021〕3号", "全部 2 个版本", "2000年1月1日"):
        assert page.says(words), words
    with db.reading() as session:
        assert picture.picture(session, earlier) == before
        assert picture.picture(session, clock.now()).commitments != before.commitments


REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("near_due_days", {"effective_on": "2021-03-11"}, "生效日期不能早于今天"),
    ("near_due_days", {"value": "3.5"}, "应为整数"),
    ("near_due_days", {"value": "400"}, "不能大于366"),
    ("near_due_days", {"value": "-1"}, "不能小于0"),
    ("near_due_days", {"value": "NaN"}, "应为数字"),
    ("near_due_days", {"source": " "}, "请填写依据"),
    ("near_due_days", {"source": "x" * 301}, "不能超过300字"),
    ("near_due_days", {"confirmed": "maybe"}, "请选择列出的选项"),
    ("near_due_days", {"colour": "green"}, "未知字段"),
    ("behind_yellow", {"value": "31"}, "黄灯的界限（31）不能高于红灯的界限（30）"),
    ("behind_red", {"value": "9.5"}, "黄灯的界限（10）不能高于红灯的界限（9.5）"),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_refusal_says_why_and_keeps_what_was_typed(bureau: Bureau) -> None:
    office = bureau.person("duban1")
    for key, typed, words in REFUSED:
        answer = send(office, key, **typed)
        assert (answer.status, answer.says(words)) == (422, True), words
        kept = (NEW | typed)["source"].strip(), (NEW | typed)["value"]
        assert all(answer.says(f'value="{each}"') for each in kept), words
    with db.reading() as session:
        assert all(len(rows) == 1 for rows in thresholds.versions(session).values())
