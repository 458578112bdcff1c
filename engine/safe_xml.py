"""Reading uploaded XML: nothing outside the file is ever fetched, nothing inside it can grow."""

from __future__ import annotations

from lxml import etree

from engine.errors import DefinitionRefused, Problem

MAX_BYTES = 2_000_000


def read(content: bytes) -> etree._Element:
    """The root of a file, without comments. A DOCTYPE is refused whatever is in it."""
    if len(content) > MAX_BYTES:
        raise refused("文件超过 2 MB")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise refused(f"不是完整的 XML（{error.msg}）") from error
    if str(root.getroottree().docinfo.doctype):  # type: ignore[union-attr]
        raise refused("不接受带 DOCTYPE 的文件")
    return root


def refused(reason: str) -> DefinitionRefused:
    """A refusal of the file as a whole."""
    return DefinitionRefused([Problem("", "", reason)])
