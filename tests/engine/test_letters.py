"""The docx of every kind of paper: in its fonts, complete, and with what people wrote as text and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from importlib import resources
from io import BytesIO
from typing import Any

import docx
import pytest
from docx.document import Document as Docx
from docx.oxml.ns import qn
from docx.shared import Mm
from docx.styles.style import ParagraphStyle

from engine.documents import letter, wording
from engine.documents.kinds import COLUMNS, KINDS, Field, Kind, complete
from engine.errors import InvalidInput
from engine.models import Document
from engine.roles import ROLES

HOSTILE = "{{7*7}} {% for x in y %} {_{a}_} {#b#} <w:p/> &amp; =SUM(A1) @b _下划_ “引号” ]]>"
CONTROL = "前\x00\x07\x0c\x1b\ud800\ufffe后\t。\r\n# 不是标题\u2028= findings"


def facts(fields: Mapping[str, Field], text: str, *, all_of_them: bool = True) -> dict[str, Any]:
    """Something told for every field; or for those that must be told."""
    return {name: _fact(field, text) for name, field in fields.items() if all_of_them or not field.optional}


def _fact(field: Field, text: str) -> Any:
    row = facts(COLUMNS.get(field.columns, {}), text)
    told = {"date": date(2021, 4, 9), "list": [f"{text}甲", f"{text}乙"], "rows": [row, row]}
    return told.get(field.kind, f"{text}{field.name}")


def paper(kind: Kind, told: Mapping[str, Any], title: str = "题目", **more: Any) -> Document:
    kept = complete(kind.told, told, kind.name)
    return Document(
        kind=kind.key, series=kind.series, year=2021, serial=12, title=title, sender="某办公室", addressee="某校",
        issued_on=date(2021, 4, 2), told=kept, body=wording.parts(kind, kept), sha256="ab" * 32, **more,
    )  # fmt: skip


def opened(document: Document) -> Docx:
    return docx.Document(BytesIO(letter.docx(document)))


def text_of(document: Docx) -> str:
    """All its text, without line breaks, which tables have within cells."""
    return "".join(element.text or "" for element in document.element.body.iter(qn("w:t")))


def fonts(document: Docx) -> Iterator[str | None]:
    """Of every run with text in it, in the body and in the footers, the East Asian font."""
    section = document.sections[0]
    for part in (document.element.body, section.footer._element, section.even_page_footer._element):
        for paragraph in part.iter(qn("w:p")):
            named = paragraph.pPr.style if paragraph.pPr is not None else None
            style: Any = document.styles.get_by_id(named, 1)
            yield from (_font(style) for run in paragraph.iter(qn("w:r")) if run.text)


def _font(style: ParagraphStyle | None) -> str | None:
    if style is None:
        return None
    set_here = style.element.rPr.rFonts if style.element.rPr is not None else None
    return set_here.get(qn("w:eastAsia")) if set_here is not None else _font(style.base_style)


@pytest.mark.parametrize("all_of_them", [True, False], ids=["all", "least"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_is_a_letter(kind: Kind, all_of_them: bool) -> None:
    told = facts(kind.told, "文字", all_of_them=all_of_them)
    made = opened(paper(kind, told))
    said = text_of(made)
    for wanted in ("锡教督", "〔2021〕12号", "题目", "某校：", "2021年4月2日", "指纹 abab"):
        assert wanted in said
    assert "{" not in said
    assert all(
        f"文字{field.name}" in said for name, field in kind.told.items() if name in told and field.kind == "text"
    )
    assert ("2021年4月9日" in said) == any(kind.told[name].kind == "date" for name in told)
    assert ("附件：1. 文字甲　　　2. 文字乙" in said) == all_of_them
    rows = [field for name, field in kind.told.items() if name in told and field.kind == "rows"]
    assert [len(table.rows) for table in made.tables] == [3 for _ in rows]
    for field, table in zip(rows, made.tables, strict=True):
        columns = COLUMNS[field.columns]
        assert [cell.text for cell in table.rows[0].cells] == [column.name for column in columns.values()]
        assert [cell.text == "2021年4月9日" for cell in table.rows[2].cells] == [
            c.kind == "date" for c in columns.values()
        ]
    assert set(fonts(made)) <= {"仿宋_GB2312", "方正小标宋简体", "黑体", "宋体"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_people_write_is_text(kind: Kind) -> None:
    made = opened(paper(kind, facts(kind.told, HOSTILE), title=HOSTILE))
    assert text_of(made).count(HOSTILE) >= 2
    assert "49" not in text_of(made)


def test_nobody_writes_a_heading_or_a_table_or_what_no_docx_holds() -> None:
    kind = KINDS["circular"]
    made = opened(paper(kind, {"facts": CONTROL, "basis": "条例", "decision": "批评"}))
    styles = {paragraph.text: paragraph.style.name for paragraph in made.paragraphs if paragraph.style}
    assert [styles[each] for each in ("前后 。", "# 不是标题", "= findings")] == ["正文段"] * 3
    assert made.tables == []


def test_the_page_is_that_of_the_standard() -> None:
    """GB/T 9704: 37, 35, 28 and 26 mm, page numbers outside, substitutes for fonts that a machine may lack."""
    made = opened(paper(KINDS["circular"], facts(KINDS["circular"].told, "文字")))
    page = made.sections[0]
    edges = page.top_margin, page.bottom_margin, page.left_margin, page.right_margin
    assert [round(edge / Mm(1)) for edge in edges if edge is not None] == [37, 35, 28, 26]
    for footer in (page.footer, page.even_page_footer):
        assert footer.paragraphs[0].text == "— 1 —"
        assert "PAGE" in footer._element.xml
    table = next(
        part for part in made.part.package.iter_parts() if part.partname.endswith("fontTable.xml")
    ).blob.decode()
    assert table.count("<w:altName") == 4
    assert len(resources.files("engine.documents").joinpath("letter.docx").read_bytes()) <= 20_000


def test_a_void_paper_says_so() -> None:
    voided: dict[str, Any] = {"voided_at": datetime(2021, 5, 1, tzinfo=UTC), "void_reason": "重复发文"}
    made = opened(paper(KINDS["circular"], facts(KINDS["circular"].told, "文字"), **voided))
    assert made.paragraphs[0].text == "已作废（2021年5月1日）：重复发文"


@pytest.mark.parametrize(("change", "words"), [
    ({"matter": " \x00"}, "整改通知书还缺发现问题的督导、检查，请补齐后再发文。"),
    ({"findings": []}, "还缺问题和整改要求"),
    ({"findings": [{"title": "甲", "clause": "乙", "criteria": [""], "rectify_by": None}]}, "第1行还缺销号标准、整改期限"),
    ({"report_by": "2021-02-30"}, "日期不正确"),
    ({"more": "x"}, "有这种文书不用的内容"),
])  # fmt: skip
def test_what_is_told_incompletely_is_refused(change: dict[str, Any], words: str) -> None:
    kind = KINDS["rectification_notice"]
    with pytest.raises(InvalidInput) as refused:
        complete(kind.told, {**facts(kind.told, "文字"), **change}, kind.name)
    assert words in refused.value.advice


def test_the_kinds_are_well_formed() -> None:
    for kind in KINDS.values():
        assert {each.partition("@")[0] for each in kind.issuers | kind.voiders} <= ROLES
        assert {field.kind for field in kind.told.values()} <= {"text", "date", "list", "rows"}
        assert all(field.columns in COLUMNS for field in kind.told.values() if field.kind == "rows")
