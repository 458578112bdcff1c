"""A plan with holes is not launched; the office fills them, launches, and looks on while it happens."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from engine import db, jobs
from engine.models import Commitment, ProcessInstance, WorkItem, WorkPlan
from engine.plan import launch
from tests.driver import Bureau
from tests.shapes import ShapeStory

WHOLE: dict[str, Any] = {"kind": "recurring", "shape": "SH02", "starts_on": date(2022, 1, 1)}


def plan_of_2022(*commitments: dict[str, Any]) -> str:
    data = {
        "plan": {"year": 2022, "title": "2022年工作要点", "issued_on": date(2022, 3, 1), "source": "市教育局"},
        "sections": [{"number": 1, "numeral": "一", "title": "发展"}],
        "points": [{"number": 6, "section": 1, "title": "职业教育", "lead": "ZJ", "commitments": list(commitments)}],
    }
    with db.transaction() as session:
        return launch.load(session, data).id


def test_the_office_fills_what_is_missing_and_launches(bureau: Bureau) -> None:
    plan = plan_of_2022(
        {**WHOLE, "code": "6-1", "title": "实施方案", "lead": "ZJ", "due_on": date(2022, 12, 31), "definition": "印发"},
        {**WHOLE, "code": "6-2", "title": "赛事"},
    )
    office, head = bureau.person("duban1"), bureau.person("zj_head")
    page = office.get("/plan/launch")
    assert page.says("1 项任务缺牵头处室、期限或口径")
    assert not page.says("启动全部要点和任务")
    refused = office.post("/plan/launch", {})
    assert refused.status == 409
    assert refused.says("6-2 缺牵头处室、期限、口径（完成标准）")

    (charge,) = re.findall(r'/plan/commitments/[^/"]+/charge(?="[^>]*>赛事)', page.text)
    told = {"lead": "ZJ", "starts_on": "2022-03-01", "due_on": "2022-02-01", "definition": "办成四类赛事"}
    assert head.post(charge, told).status == 403
    wrong = office.post(charge, told)
    assert wrong.status == 422
    assert wrong.says("期限不能早于启动日期2022-03-01")
    assert wrong.says("办成四类赛事")
    far = office.post(charge, told | {"due_on": "2999-12-31"})
    assert far.status == 422
    assert far.says("请核对年份")
    assert office.post(charge, told | {"due_on": "2022-11-30"}).status == 302

    assert head.post("/plan/launch", {}).status == 403
    assert office.post("/plan/launch", {}).status == 302
    assert office.get("/plan/launch").says("正在启动：0 / 1 个要点")
    assert office.post("/plan/launch", {}).status == 404
    jobs.run_due()
    assert office.get("/plan/launch").says("都在办理")
    with db.reading() as session:
        point = session.get_one(WorkPlan, plan).sections[0].points[0]
        keys = [session.get_one(ProcessInstance, each.instance_id).definition_key for each in point.commitments]
        assert keys == ["periodic_duty", "periodic_duty"]
    assert office.get("/plan").says("2022年工作要点")


def test_what_the_demonstration_assumes_is_marked_until_the_office_confirms_it(bureau: Bureau) -> None:
    office = bureau.person("duban1")
    assert office.get("/plan/launch").says("255 项")
    with db.reading() as session:
        first = session.query(Commitment).filter_by(code="1-1").one()
        address, instance = f"/plan/commitments/{first.id}/charge", first.instance_id
    assert office.get(f"/instances/{instance}").says("待核对")
    told = {"lead": "ZZ", "starts_on": "2021-03-11", "due_on": "2021-12-31", "definition": "七一前全部支部学完"}
    assert office.post(address, told).status == 302
    sheet = office.get(f"/instances/{instance}")
    assert sheet.says("七一前全部支部学完")
    assert not re.search(
        r'id="sheet".*待核对.*</section>', sheet.text.split('id="items"')[0].split("灯与事实")[0], re.DOTALL
    )
    assert office.get("/plan/launch").says("254 项")


def test_what_comes_up_later_is_registered_on_the_page(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "12-1")
    with db.reading() as session:
        commitment = session.query(Commitment).filter_by(code="12-1").one().id
    address = f"/plan/commitments/{commitment}/items"
    assert bureau.person("zj_officer1").post(address, {"items.0.name": "某机构违规"}, form_page="/tasks").status == 403
    officer = bureau.person("fg_officer1")
    late = officer.post(address, {"items.0.name": "某机构违规", "items.0.due_on": "2023-01-01"})
    assert late.status == 422
    assert late.says("须在任务自己的起止日期之内")
    assert late.says("某机构违规")
    assert officer.post(address, {"items.0.name": "某机构违规"}).status == 302
    bureau.settle()
    assert bureau.count(WorkItem) == 1
    assert story.results() == [None]
