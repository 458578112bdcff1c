"""The ledger (台账): figures that equal the rows behind them, for those who may see them, and the workbook of the same rows."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from lxml import etree
from sqlalchemy import select

from engine import clock, db, definitions, identity, ids
from engine.models import Finding, InstanceStatus, Person, ProcessInstance, Unit
from engine.supervision import ledger
from tests.driver import Bureau

NS = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
HOSTILE = ["=1+2", "+cmd|' /C calc'!A0", "-1", "@SUM(1)", "\t=1", "http://example.com/<b>", '=HYPERLINK("x")']
SCHOOLS = ["LIANGXI_XX", "LIANGXI_CZ", "JIANGYIN_XX", "YIXING_XX"]


@pytest.fixture
def entered(bureau: Bureau) -> Bureau:
    enter()
    return bureau


def enter() -> None:
    """Sixty findings: open, overdue, closed, withdrawn, and some that came back after they were closed."""
    today = clock.today()
    with db.transaction() as session:
        units = {each.key: each for each in session.scalars(select(Unit).where(Unit.key.in_(SCHOOLS)))}
        people = [session.scalars(select(Person).where(Person.login == each)).one() for each in ("duxue1", "duxue2")]
        process = definitions.latest(session, "finding")
        closed: list[Finding] = []
        for number in range(60):
            due, done = today + timedelta(days=number % 7 - 3), number % 3 == 0
            instance = ProcessInstance(
                id=ids.new(), definition_id=process.id, definition_key=process.key, title="", started_at=clock.now(),
                status=InstanceStatus.ACTIVE, state=b"", history_length=0, history_head="",
            )  # fmt: skip
            session.add(instance)
            session.flush()
            finding = Finding(
                id=ids.new(), number=f"{2020 + number % 2}-{number:04}", source=["visit", "random"][number % 2],
                unit_id=units[SCHOOLS[number % 4]].id, title=HOSTILE[number % 7], description=HOSTILE[number % 7],
                clause=["第十一条", "=第二条"][number % 2], severity=ledger.SEVERITIES[number % 3], mode="立行立改",
                criteria=["整改到位"], evidence_kinds=["照片"], photos=[], verified_by="visit_inspector",
                found_by_id=people[number % 2].id, issued_at=clock.now(), rectify_by=due, due_on=due, round=1,
                closed_at=clock.now() if done else None, closed_by_id=people[number // 3 % 2].id if done else None,
                withdrawn_at=clock.now() if number in (1, 7) else None,
                instance_id=instance.id, relapse_of_id=closed[0].id if number in (10, 20) else closed[1].id if number == 40 else None,
            )  # fmt: skip
            session.add(finding)
            session.flush()
            closed += [finding] if done else []


def rows(page: str) -> int:
    return len(re.findall(r'<th scope="row"><a [^>]*>20\d\d-\d{4} ', page))


def counted(bureau: Bureau, login: str, address: str) -> int:
    """All rows behind an address, page by page."""
    total, page = 0, 1
    while True:
        text = bureau.person(login).get(f"{address}{'&' if '?' in address else '?'}page={page}").text
        total, page = total + rows(text), page + 1
        if "下一页" not in text:
            return total


@pytest.mark.either_database
def test_every_figure_equals_the_rows_it_leads_to(entered: Bureau) -> None:
    page = entered.person("dudao1").get("/supervision/ledger")
    assert (page.status, rows(page.text), page.says("销号率＝")) == (200, 50, True)
    figures = re.findall(r'<a href="(/supervision/ledger\?[^"]*)">(\d+)</a>', page.text)
    assert len(figures) > 40
    for address, number in figures[:7] + figures[7::9]:
        assert counted(entered, "dudao1", html.unescape(address)) == int(number), address


def test_rates_and_relapses_are_those_of_unit_and_closer(entered: Bureau) -> None:
    with db.reading() as session:
        actor = identity.actor(session.scalars(select(Person).where(Person.login == "dudao1")).one())
        everything = session.scalars(select(Finding)).all()
        (total,) = ledger.figures(session, {}, actor)
        overdue = [f for f in everything if f.is_open and f.due_on < clock.today()]
        assert total.counts["closed"] == 20
        assert total.counts["due"] == 20 + len(overdue)
        assert total.closing_rate == f"{20 / (20 + len(overdue)):.1%}"
        # Two relapses of one finding are one that did not last.
        assert (total.counts["relapsed"], total.relapse_rate) == (2, "10.0%")
        by_closer = {each.key: each for each in ledger.figures(session, {}, actor, "closer")}
        assert {key: each.counts["relapsed"] for key, each in by_closer.items()} == {"duxue1": 1, "duxue2": 1}
        by_school = {each.key: each.counts["relapsed"] for each in ledger.figures(session, {}, actor, "school")}
        assert by_school["LIANGXI_XX"] == by_school["YIXING_XX"] == 1
        assert ledger.figures(session, {"clause": "无此条"}, actor)[0].closing_rate == "—"


@pytest.mark.usefixtures("entered")
def test_sorted_and_filtered_it_is_the_same_set() -> None:
    with db.reading() as session:
        actor = identity.actor(session.scalars(select(Person).where(Person.login == "dudao1")).one())
        filters = {"district": "LIANGXI", "state": "open", "year": "2021"}
        for sort in ("unit", "-unit", "clause", "-severity", "due", "number", "nonsense"):
            found = ledger.findings(session, filters, actor, sort=sort)
            assert {each.unit.key for each in found} == {"LIANGXI_CZ"}
            assert all(each.is_open for each in found)
            assert len(found) == ledger.figures(session, filters, actor)[0].counts["open"]


@pytest.mark.either_database
def test_a_district_sees_its_schools_and_a_school_itself(entered: Bureau) -> None:
    district, school = "liangxi_officer1", "jiangyin_xx_head"
    assert counted(entered, district, "/supervision/ledger") == 30
    assert counted(entered, school, "/supervision/ledger") == 15
    assert not entered.person(district).get("/supervision/ledger").says("江阴市望潮小学")
    for at in ("ledger", "ledger.xlsx"):
        for other in ("school=JIANGYIN_XX", "district=JIANGYIN", "school=NOWHERE"):
            assert entered.person(district).get(f"/supervision/{at}?{other}").status == 404
        assert entered.person(district).browser.get(f"/supervision/{at}?school=LIANGXI_XX").status_code == 200
    assert entered.person("jj_officer1").get("/supervision/ledger").says("没有问题在册")
    assert entered.person(district).get("/supervision/ledger?state=nonsense&clause=%01&year=%F0%9F%98%80").status == 200


def sheets(content: bytes) -> dict[str, list[list[str]]]:
    """The cells of a workbook by its XML: text alone, or the reader fails."""
    with ZipFile(BytesIO(content)) as held:

        def read(name: str) -> Any:
            return etree.fromstring(held.read(name))

        texts = ["".join(each.itertext()) for each in read("xl/sharedStrings.xml").findall("x:si", NS)]
        names = [each.get("name") for each in read("xl/workbook.xml").iterfind(".//x:sheet", NS)]
        found = {}
        for number, name in enumerate(names, 1):
            sheet = read(f"xl/worksheets/sheet{number}.xml")
            cells = sheet.findall(".//x:c", NS)
            assert {cell.get("t") for cell in cells} == {"s"}
            assert not sheet.findall(".//x:f", NS)
            assert not sheet.findall(".//x:hyperlink", NS)
            assert sheet.find(".//x:pane", NS).get("state") == "frozen"
            assert sheet.find("x:autoFilter", NS) is not None
            found[name] = [
                [texts[int(cell.findtext("x:v", namespaces=NS))] for cell in row]
                for row in sheet.iterfind(".//x:row", NS)
            ]
        return found


def test_the_workbook_holds_the_filtered_rows_as_text(entered: Bureau) -> None:
    at = "?state=open&source=visit&sort=unit"
    answer = entered.person("dudao1").browser.get(f"/supervision/ledger.xlsx{at}")
    assert answer.status_code == 200
    book = sheets(answer.data)
    head, *table = book["问题台账"]
    assert len(table) == counted(entered, "dudao1", f"/supervision/ledger{at}") == 20
    assert {row[head.index("来源")] for row in table} == {"进校督导"}
    assert {row[head.index("问题")] for row in table} == set(HOSTILE)
    assert {"按区（市）", "按单位", "按条款", "按提出人", "按销号人", "督导轮次", "漏访"} <= set(book)
    assert book["按单位"][-1][:2] == ["合计", "20"]
    assert date.fromisoformat(table[0][head.index("整改期限")])
    everything = entered.person("dudao1").browser.get("/supervision/ledger.xlsx").data
    assert len(sheets(everything)["问题台账"]) == 61
