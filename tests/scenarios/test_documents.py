"""文书: numbered papers that say what they said for ever, as a page and as a docx, and are void where they were wrong."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select, update

from engine import clock, db, documents, history, identity, runtime, settings
from engine.errors import InvalidInput, InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import Document, Unit
from tests.driver import Bureau

SCHOOL, OTHER = "liangxi_xx", "jiangyin_xx"
"""Logins of whose people begin so."""
KIND = "rectification_notice"
NOTICE: dict[str, Any] = {
    "matter": "经常性督导", "found_on": "2021-03-12", "report_by": "2021-04-12",
    "findings": [{"title": "消防通道被占用", "clause": "《消防法》第二十八条", "criteria": ["通道清空", "有巡查记录"],
                  "rectify_by": "2021-04-09"}],
}  # fmt: skip


def somebody(login: str) -> Actor:
    with db.reading() as session:
        person = identity.find(session, login)
        assert person is not None
        return identity.actor(person)


def issue(
    bureau: Bureau, kind: str = KIND, login: str = "duxue1", title: str = "限期整改", point: int = 17, **told: Any
) -> tuple[str, str]:
    """A paper to the school, in the case of a point: its id and its number."""
    with db.transaction() as session:
        unit = session.scalars(select(Unit).where(Unit.key == "LIANGXI_XX")).one()
        held = runtime.lock(session, bureau.point(point))
        made = documents.issue(
            session, held, kind, unit=unit, title=title, told=told or NOTICE, actor=somebody(login)
        )  # fmt: skip
        history.note(session, held, history.Entry("test.noted"))
        return made.id, made.number


@pytest.mark.either_database
def test_a_paper_from_its_issue_to_its_end(bureau: Bureau) -> None:
    first, number = issue(bureau)
    assert number == "锡教督改〔2021〕1号"
    head, other, leader = bureau.person(f"{SCHOOL}_head"), bureau.person(f"{OTHER}_head"), bureau.person("juzhang")
    for words in (
        number,
        "梁溪区星桥小学（演示）：",
        "消防通道被占用",
        "有巡查记录",
        "2021年4月9日",
        "《消防法》第二十八条",
    ):
        assert head.get(f"/documents/{first}").says(words)
    assert head.get("/documents").says(number)
    assert not head.get(f"/documents/{first}").says("作废…")
    for path in ("", ".docx", "/void"):
        assert other.get(f"/documents/{first}{path}").status == 404
    assert not other.get("/documents").says(number)
    file = head.browser.get(f"/documents/{first}.docx")
    assert file.data[:2] == b"PK"
    assert "attachment" in file.headers["Content-Disposition"]
    assert leader.get(f"/instances/{bureau.point(17)}").says(number)
    # what was wrong is void, readable, and its number is gone for good
    assert head.post(f"/documents/{first}/void", {"reason": "不要"}).status == 403
    assert leader.post(f"/documents/{first}/void", {"reason": " "}).status == 422
    assert leader.post(f"/documents/{first}/void", {"reason": "学校有误"}).status == 302
    assert leader.post(f"/documents/{first}/void", {"reason": "再来"}).status == 409
    assert head.get(f"/documents/{first}").says("：学校有误")
    assert leader.get("/documents").says("作废")
    assert leader.get(f"/instances/{bureau.point(17)}").says(f"文书作废（{number}：学校有误）")
    assert issue(bureau)[1] == "锡教督改〔2021〕2号"
    with db.reading() as session:
        assert list(history.broken_chains(session)) == []


@pytest.mark.either_database
def test_the_list_finds_a_paper(bureau: Bureau) -> None:
    _, number = issue(bureau, title="甲_事项")
    _, talk = issue(
        bureau, "talk_record", "dd_head", "约谈", talked_on="2021-03-12", place="局二楼", hosts=["甲"], guests=["乙"],
        reason="逾期", record="谈话",
    )  # fmt: skip
    leader = bureau.person("juzhang")

    def found(**asked: str) -> list[str]:
        answer = leader.browser.get("/documents", query_string=asked).get_data(as_text=True)
        return re.findall(r'task-title" href="[^"]+">(\S+)', answer)

    assert found() == [number, talk] or found() == [talk, number]
    assert found(kind="talk_record") == found(q="教督约〔2021〕1") == [talk]
    assert found(q="甲_") == [number]
    assert (
        found(q="甲%") == found(year="2020") == found(year="一") == found(q="\0无") == found(unit="JIANGYIN_XX") == []
    )
    assert len(found(unit="LIANGXI_XX", year="2021")) == 2


def test_numbers_run_by_series_and_year_and_a_step_undone_takes_none(bureau: Bureau) -> None:
    circular: dict[str, Any] = {"facts": "甲", "basis": "乙", "decision": "丙"}

    def undone() -> None:
        with db.transaction() as session:
            held = runtime.lock(session, bureau.point(17))
            documents.issue(session, held, "circular", unit=None, title="通报", told=circular, actor=None)
            raise InvalidState("the step fails later")

    with pytest.raises(InvalidState):
        undone()
    assert [issue(bureau)[1] for _ in range(2)] == ["锡教督改〔2021〕1号", "锡教督改〔2021〕2号"]
    assert issue(bureau, "circular", "juzhang", **circular)[1] == "锡教督通〔2021〕1号"
    with db.transaction() as session:
        settings.move_clock(session, clock.now() + timedelta(days=300))
    assert issue(bureau)[1] == "锡教督改〔2022〕1号"


def test_those_who_issue_at_once_get_numbers_of_their_own(bureau: Bureau) -> None:
    """Also for the first numbers of a year, when nothing is there yet to be locked."""
    together = Barrier(4)

    def one(number: int) -> list[str]:
        together.wait(30)
        return [issue(bureau, point=14 + number)[1] for _ in range(3)]

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for each in pool.map(one, range(4)) for number in each]
    assert sorted(numbers) == sorted(f"锡教督改〔2021〕{serial}号" for serial in range(1, 13))


@pytest.mark.either_database
def test_only_who_may_issues_and_a_report_is_its_units_own(bureau: Bureau) -> None:
    report: dict[str, Any] = {
        "notice": "锡教督改〔2021〕1号", "measures": "清空通道", "results": [{"title": "通道", "result": "已清空"}],
        "finished_on": "2021-04-01",
    }  # fmt: skip
    for login, kind, told in [
        (f"{SCHOOL}_head", KIND, NOTICE), ("duxue1", "rectification_report", report),
        (f"{OTHER}_head", "rectification_report", report), ("sysadmin", KIND, NOTICE),
    ]:  # fmt: skip
        with pytest.raises(NotAllowed) as refused:
            issue(bureau, kind, login, **told)
        assert "不能签发" in refused.value.advice
    with pytest.raises(InvalidInput, match="of no unit"), db.transaction() as session:
        documents.issue(
            session, runtime.lock(session, bureau.point(17)), KIND, unit=None, title="x", told=NOTICE, actor=None
        )  # fmt: skip
    assert bureau.count(Document) == 0
    made, number = issue(bureau, "rectification_report", f"{SCHOOL}_head", **report)
    assert number == "锡教督改报〔2021〕1号"
    with db.reading() as session:
        kept = session.get_one(Document, made)
        assert (kept.sender, kept.addressee[:3]) == ("梁溪区星桥小学（演示）", "无锡市")


@pytest.mark.parametrize("changed", [{"title": "免予整改"}, {"serial": 7}, {"told": {}}, {"body": []}])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_changed_paper_is_found_out(bureau: Bureau, changed: dict[str, Any]) -> None:
    made, _ = issue(bureau)
    leader = bureau.person("juzhang")
    assert not leader.get(f"/documents/{made}").says("指纹不符")
    with db.transaction() as session:
        session.execute(update(Document).where(Document.id == made).values(changed))
    assert leader.get(f"/documents/{made}").says("指纹不符")


@pytest.mark.either_database
def test_the_history_keeps_the_fingerprint(bureau: Bureau) -> None:
    with db.transaction() as session:
        held = runtime.lock(session, bureau.point(17))
        unit = session.scalars(select(Unit).where(Unit.key == "LIANGXI_XX")).one()
        actor = somebody("duxue1")
        made = documents.issue(session, held, KIND, unit=unit, title="整改", told=NOTICE, actor=actor)
        history.note(session, held, history.Entry("test.noted"))
    with db.reading() as session:
        last = history.of(session, held.id)[-2]
        assert (last.kind, last.detail["sha256"]) == ("document.issued", made.sha256)
        assert list(history.broken_chains(session)) == []
