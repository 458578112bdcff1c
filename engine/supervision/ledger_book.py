"""The ledger as a workbook (Excel): the rows that pass the filters, and the figures. Whatever somebody has typed stays text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from unicodedata import east_asian_width

from sqlalchemy.orm import Session
from xlsxwriter import Workbook

from engine import clock
from engine.identity import Actor
from engine.models import Finding
from engine.supervision import ledger, missed, overview

FINDINGS = (
    "编号", "单位", "区（市）", "问题", "说明", "条款", "来源", "严重程度", "整改方式", "提出人", "提出日期", "整改期限", "现期限",
    "整改轮次", "状态", "销号日期", "销号人", "反弹自",
)  # fmt: skip
FIGURES = (*ledger.STATES.values(), "销号率", "反弹率")
LITERALLY = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
NARROWEST, WIDEST, LONGEST = 8, 60, 32_000
"""Of a column, in characters; of a cell, as Excel allows."""


def book(session: Session, filters: Mapping[str, str], actor: Actor, sort: str = "") -> bytes:
    """What the page shows under these filters, all of it."""
    kept = BytesIO()
    with Workbook(kept, {"in_memory": True, **LITERALLY}) as workbook:
        rows = [_row(each) for each in ledger.findings(session, filters, actor, sort=sort)]
        _sheet(workbook, "问题台账", FINDINGS, rows)
        for by, (word, _, _) in ledger.GROUPS.items():
            counted = ledger.figures(session, filters, actor, by) + ledger.figures(session, filters, actor)
            _sheet(workbook, f"按{word}", (word, *FIGURES), [
                (each.name, *map(str, each.counts.values()), each.closing_rate, each.relapse_rate) for each in counted
            ])  # fmt: skip
        _sheet(workbook, "督导轮次", ("轮次", "种类", "进校期限", "学校", "已进校", "超期未进校"), [
            (each.opened.title, overview.KINDS[each.opened.kind], _day(each.opened.visit_by), *map(str, each[1:]))
            for each in ledger.rounds(session, filters, actor)
        ])  # fmt: skip
        _sheet(workbook, "漏访", ("学校", "期间", "要求与实际", "责任督学", "原因", "补访日期"), [
            (each.row.school.name, each.row.period_name, each.row.demanded,
             each.row.inspector.name if each.row.inspector else "没有责任督学", each.row.reason or "", _day(each.made_up_on))
            for each in missed.listed(session, actor)
        ])  # fmt: skip
    return kept.getvalue()


def _row(each: Finding) -> Sequence[str]:
    district = each.unit.parent
    return (
        each.number, each.unit.name, district.name if district else "", each.title, each.description, each.clause,
        ledger.SOURCES.get(each.source, each.source), each.severity, each.mode, each.found_by.name, _day(each.issued_at),
        _day(each.rectify_by), _day(each.due_on), str(each.round), ledger.state_of(each), _day(each.closed_at),
        each.closed_by.name if each.closed_by else "", each.relapse_of.number if each.relapse_of else "",
    )  # fmt: skip


def _sheet(workbook: Workbook, name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    sheet = workbook.add_worksheet(name.replace("/", "、"))
    bold, plain = workbook.add_format({"bold": True}), workbook.add_format({"text_wrap": True, "valign": "top"})
    for number, row in enumerate((head, *rows)):
        for column, text in enumerate(row):
            sheet.write_string(number, column, text[:LONGEST], plain if number else bold)
    for column, texts in enumerate(zip(head, *rows, strict=True)):
        sheet.set_column(column, column, min(max(NARROWEST, *map(_width, texts)), WIDEST))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, len(rows), len(head) - 1)


def _width(text: str) -> int:
    """A Chinese character takes the room of two."""
    return 2 + max(sum(1 + (east_asian_width(each) in "WF") for each in line) for line in text.split("\n"))


def _day(value: date | datetime | None) -> str:
    if value is None:
        return ""
    return (value.astimezone(clock.LOCAL).date() if isinstance(value, datetime) else value).isoformat()
