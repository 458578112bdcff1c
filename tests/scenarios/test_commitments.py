"""What all shapes share: the wait for the plan, reports beside the work, occurrences, the conclusion, the end of the year."""

from __future__ import annotations

from tests.driver import Bureau
from tests.shapes import ShapeStory

DONE = {"situation": "已办理", "results": "已办结", "evidence": []}


def test_a_commitment_reports_beside_its_work_until_it_is_concluded(bureau: Bureau) -> None:
    story = ShapeStory(bureau, "1-1")
    story.step("officer", "report_progress", progress=40, situation="已启动")
    bureau.let_time_pass(days=30)
    assert "report_progress" in bureau.open_tasks(story.instance)
    story.step("officer", "report_progress", progress=100, situation="已完成")
    bureau.let_time_pass(days=60)
    assert "report_progress" not in bureau.open_tasks(story.instance)
