"""五有 of one school, through the pages: checked at three levels, sent back, rectified, released or not."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select

from engine import db, instances
from engine.checklists import checks, templates
from engine.models import ChecklistMark, Commitment, Person, Position, ProcessInstance, Unit
from tests.driver import Bureau
from tests.scenarios.test_oversight import step
from tests.shapes import APPROVE, RETURN, ShapeStory

pytestmark = pytest.mark.either_database

SCHOOL, DISTRICT, CITY = "jiangyin_xx_officer", "jiangyin_officer1", "twy_officer1"
WHEN = {"evidence": "核验表、照片", "checked_on": "2021-03-11"}


def rows(code: str, **wrong: str) -> dict[str, str]:
    """Every item of a commitment's list holds, but for those that are named with what is wrong."""
    filled = dict(WHEN)
    for number, item in enumerate(templates.of_commitment(code).items):
        told = wrong.get(item.key, "")
        filled |= {
            f"items.{number}.item": item.key, f"items.{number}.result": "fail" if item.key in wrong else "pass",
            f"items.{number}.note": told,
        }  # fmt: skip
    return filled


def begin(code: str = "18-8", item: str = "item-1", unit: str = "JIANGYIN_XX") -> str:
    """Open the list of a commitment for a school."""
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == code)).one()
        school = session.scalars(select(Unit).where(Unit.key == unit)).one()
        opened = instances.start(
            session, checks.ITEM, {"item": item, "item_due_at": "2021-03-31"}, actor=None, unit_id=school.id,
            title=f"{school.name} 核查", parent_id=commitment.instance_id,
        )  # fmt: skip
        return opened.id


def drawn(sampled: bool) -> str:
    """The id of an item that the city looks at too, or does not."""
    share = templates.TEMPLATES["five_haves"].share
    return next(
        each for each in map(str, range(999)) if (int(sha256(each.encode()).hexdigest(), 16) % 100 < share) == sampled
    )


def test_one_of_five_is_missing_until_it_is_rectified(bureau: Bureau) -> None:
    checked = begin(item=drawn(True))
    # a row without an answer, a failure without words: told beside the row, and nothing is lost
    task = bureau.open_task(checked, "self_check")
    refused = bureau.person(SCHOOL).does(task, **rows("18-8") | {"items.2.result": "", "items.3.result": "fail"})
    assert (refused.status, refused.says("核验表、照片")) == (422, True)
    assert refused.says("请填写说明")
    assert bureau.person("liangxi_xx_officer").does(task, **rows("18-8")).status == 404

    step(bureau, SCHOOL, checked, "self_check", **rows("18-8"))
    step(bureau, DISTRICT, checked, "district_check", **rows("18-8", isolation="没有独立隔离场所"))
    # the school is not released: it rectifies exactly what has failed
    task = bureau.open_task(checked, "rectify")
    page = bureau.person(SCHOOL).get(f"/tasks/{task}")
    assert page.says("没有独立隔离场所")
    assert "items.1." not in page.text
    measures = {"items.0.item": "isolation", "items.0.measure": "已腾出独立用房"}
    step(bureau, SCHOOL, checked, "rectify", **measures, evidence="照片", finished_on="2021-03-11")
    step(bureau, DISTRICT, checked, "district_check", **rows("18-8"))
    step(bureau, CITY, checked, "city_check", **rows("18-8"))
    assert bureau.status(checked) == "completed"
    assert bureau.count(ChecklistMark) == 20

    page = bureau.person(CITY).get(f"/instances/{checked}")
    for words in ("五项缺一即不放行", "有隔离场所和转运安排", "2021年全市教育工作要点第18条"):
        assert page.says(words)


def test_twice_failed_is_for_the_head_to_decide(bureau: Bureau) -> None:
    checked = begin(item=drawn(False))
    step(bureau, SCHOOL, checked, "self_check", **rows("18-8"))
    for _ in range(2):
        step(bureau, DISTRICT, checked, "district_check", **rows("18-8", supplies="口罩不足"))
        if "rectify" in bureau.open_tasks(checked):
            measures = {"items.0.item": "supplies", "items.0.measure": "补购"}
            step(bureau, SCHOOL, checked, "rectify", **measures, evidence="发票", finished_on="2021-03-11")
    assert bureau.person(SCHOOL).does(bureau.open_task(checked, "decide_release"), decision="hold").status == 403
    step(bureau, "twy_head", checked, "decide_release", decision="hold", opinion="开学前仍未补齐")
    assert bureau.status(checked) == "completed"
    assert bureau.story(checked)[-1] == "decide_release:hold"


def test_a_school_that_finds_its_own_fault_rectifies_it_first(bureau: Bureau) -> None:
    checked = begin(item=drawn(False))
    step(bureau, SCHOOL, checked, "self_check", **rows("18-8", medical="协议到期"))
    measures = {"items.0.item": "medical", "items.0.measure": "已续签"}
    step(bureau, SCHOOL, checked, "rectify", **measures, evidence="协议", finished_on="2021-03-11")
    step(bureau, DISTRICT, checked, "district_check", **rows("18-8"))
    assert bureau.status(checked) == "completed", "not drawn: the city does not look"


def test_nobody_signs_two_levels(bureau: Bureau) -> None:
    """Even somebody who holds both posts."""
    with db.transaction() as session:
        unit = session.scalars(select(Unit.id).where(Unit.key == "JIANGYIN")).one()
        who = session.scalars(select(Person.id).where(Person.login == SCHOOL)).one()
        session.add(Position(id="both", person_id=who, unit_id=unit, role="district_officer", title="兼职"))
    checked = begin("10-4")
    step(bureau, SCHOOL, checked, "self_check", **rows("10-4"))
    task = bureau.open_task(checked, "district_check")
    refused = bureau.person(SCHOOL).does(task, **rows("10-4"))
    assert (refused.status, refused.says("三级检查核查人不得相同")) == (403, True)
    assert bureau.open_task(checked, "district_check") == task
    step(bureau, DISTRICT, checked, "district_check", **rows("10-4"))
    assert list(bureau.open_tasks(checked)) == ["city_check"], "every school has all three"


def test_four_parties_sign_for_themselves(bureau: Bureau) -> None:
    checked = begin("18-7")
    task, signed = bureau.open_task(checked), rows("18-7")
    nobody = bureau.person(SCHOOL).does(task, **signed)
    assert (nobody.status, nobody.says("请写属地方签领人的姓名")) == (422, True)
    names = {f"items.{number}.note": name for number, name in enumerate(["甲", "乙", "丙", "丙"])}
    twice = bureau.person(SCHOOL).does(task, **signed | names)
    assert (twice.status, twice.says("四方须各由本方的人签领（2021年全市教育工作要点第18条）")) == (422, True)
    step(bureau, SCHOOL, checked, "self_check", **signed | names | {"items.3.note": "丁"})


def test_what_must_be_checked_is_never_not_applicable(bureau: Bureau) -> None:
    checked = begin("19-1")
    number = {item.key: n for n, item in enumerate(templates.of_commitment("19-1").items)}
    told = rows("19-1") | {f"items.{number['bus']}.result": "na"}
    refused = bureau.person(SCHOOL).does(bureau.open_task(checked), **told | {f"items.{number['fire']}.result": "na"})
    assert (refused.status, refused.says("《消防法》")) == (422, True)
    tomorrow = bureau.person(SCHOOL).does(bureau.open_task(checked), **told | {"checked_on": "2022-01-01"})
    assert tomorrow.says("不能晚于今天")
    step(bureau, SCHOOL, checked, "self_check", **told)


def test_every_list_is_sound() -> None:
    assert set(templates.USES.values()) <= templates.TEMPLATES.keys()
    for template in templates.TEMPLATES.values():
        keys = [item.key for item in template.items]
        assert len(keys) == len(set(keys))
        assert any(item.hard for item in template.items)
        assert all(item.source and item.mark in "LVSKP" for item in template.items)


ARRANGED = {
    "template": "five_haves", "districts": ["JIANGYIN"], "each": "school", "share": 0, "due_on": "2021-04-30",
}  # fmt: skip


def test_a_commitment_checks_the_schools_of_its_scope(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "19-1")
    assert "须在" in story.refused("officer", "arrange_check", **ARRANGED | {"due_on": "2022-01-31"})
    story.step("officer", "arrange_check", **ARRANGED)
    story.step("head", "confirm_scope", **RETURN)
    story.step("officer", "arrange_check", **ARRANGED)
    story.step("head", "confirm_scope", **APPROVE)
    held, *others = story.items()
    assert len(others) == 4
    for each in (held, *others):
        story.step(school(each), "self_check", each, **answers())
    for each in others:
        story.step(DISTRICT, "district_check", each, **answers())
    for _ in range(2):
        assert "rectify" not in story.open(held)
        story.step(DISTRICT, "district_check", held, **answers(supplies="口罩不足"))
        if "rectify" in story.open(held):
            measures = {
                "items": [{"item": "supplies", "measure": "补购"}],
                "evidence": "发票",
                "finished_on": "2021-03-11",
            }
            story.step(school(held), "rectify", held, **measures)
    page = bureau.person("duban1").get(f"/instances/{story.instance}")
    assert re.search("核查中 <b>1</b>.*已放行 <b>4</b>", page.text)
    story.step("head", "decide_release", held, decision="hold", opinion="开学前仍未补齐")
    assert story.results() == ["dropped", "done", "done", "done", "done"]
    story.conclude()


def school(instance: str) -> str:
    """The officer of an item's school."""
    with db.reading() as session:
        unit = session.get_one(ProcessInstance, instance).unit
        assert unit is not None
        return f"{unit.key.lower()}_officer"


def answers(**wrong: str) -> dict[str, Any]:
    """As `rows`, for the engine's own door."""
    told = [
        {"item": item.key, "result": "fail" if item.key in wrong else "pass", "note": wrong.get(item.key)}
        for item in templates.TEMPLATES["five_haves"].items
    ]
    return WHEN | {"items": told}
