"""What people fill in while a finding is put right: criterion by criterion."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine import clock

SIGNATURE = {"signed": "true", "signer": "校长", "signed_on": "2021-03-01"}
PLAN = {
    "responsible": "校长", "measures": [{"measure": "整改", "due_on": "2021-04-01"}], "funds": 0, "emergency_plan": "专人值守",
}  # fmt: skip
AUDIT = {
    "clause": "审计报告第三条",
    "severity": "一般",
    "mode": "分阶段",
    "criteria": "全部改到位",
    "evidence_kinds": "文件、照片",
}
"""What a problem of a ledger is registered with beside its name."""

TALK = {
    "talked_on": "2021-03-12", "place": "三楼会议室", "hosts": "处长", "guests": "校长", "reason": "整改逾期", "record": "限期完成",
    "promises": [{"promise": "改到位", "until": "2021-12-01"}],
}  # fmt: skip
"""What a talk (约谈) about a delay is recorded with."""


def day(after: int = 0) -> str:
    return (clock.today() + timedelta(days=after)).isoformat()


def shown(*criteria: int, kind: str = "文件") -> dict[str, Any]:
    """A report that it is done, with evidence for these criteria."""
    rows = [{"item": str(each), "told": "已改到位", "kind": kind, "dated": day()} for each in criteria or (0,)]
    return {"result": "done", "situation": "原因查明，已整改", "finished_on": day(), "evidence": rows}


def asks_for_time(until: str) -> dict[str, Any]:
    return {"result": "extension", "situation": "正在整改", "extend_to": until, "reason": "债权人失联，下月公告"}


def accepted(*criteria: int) -> dict[str, Any]:
    rows = [{"item": str(each), "verdict": "accepted"} for each in criteria or (0,)]
    return {"verdicts": rows, "opinion": "到现场看过", "decision": "approve"}


def rejected(*criteria: int, but: tuple[int, ...] = ()) -> dict[str, Any]:
    """Sent back for these criteria, `but` others are accepted."""
    rows = [{"item": str(each), "verdict": "rejected", "reason": "证明不全"} for each in criteria or (0,)]
    rows += [{"item": str(each), "verdict": "accepted"} for each in but]
    return {"verdicts": rows, "opinion": "凭证不全", "decision": "return"}


def typed(told: dict[str, Any]) -> dict[str, str]:
    """The same as a browser sends it."""
    flat: dict[str, str] = {}
    for name, value in told.items():
        if not isinstance(value, list):
            flat[name] = str(value)
            continue
        for number, row in enumerate(value):
            flat |= {f"{name}.{number}.{key}": str(each) for key, each in row.items()}
    return flat
