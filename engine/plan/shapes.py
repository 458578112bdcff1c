"""The shapes a commitment may take (SH02–SH20): the process it runs by, and what of it comes in several pieces."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    code: str
    key: str
    """Id of the process that runs the commitment; `<key>_item` is that of one occurrence."""
    name: str
    periodic: bool = False
    """One occurrence for every period of the commitment's cadence."""
    every_school: bool = False
    """One occurrence for every school."""
    kind: str | None = None
    """What people register one by one: project, case, topic …"""
    open_ended: bool = False
    """More of it may come until the time has come to ask for the conclusion."""
    register: str = "items.register"
    """The form by which it is registered."""

    @property
    def item(self) -> str:
        return f"{self.key}_item"


SHAPES = {
    shape.code: shape
    for shape in (
        Shape("SH02", "periodic_duty", "周期履责", periodic=True),
        Shape("SH03", "indicator_tracking", "指标跟踪", periodic=True),
        Shape("SH04", "construction_project", "建设项目", kind="project"),
        Shape("SH05", "selection_award", "评选认定"),
        Shape("SH06", "policy_document", "文件与规划制定"),
        Shape("SH07", "campaign_event", "活动与调研", periodic=True),
        Shape("SH08", "formal_supervision", "综合或专项督导", kind="unit"),
        Shape("SH09", "routine_inspector_visit", "责任督学经常性督导", periodic=True),
        Shape("SH10", "double_random_check", "双随机抽查", periodic=True),
        Shape("SH11", "rectification_ledger", "问题整改销号", kind="problem", register="ledger.register"),
        Shape("SH12", "case_handling", "个案查处", kind="case", open_ended=True),
        Shape("SH13", "emergency_report", "应急与零报告", periodic=True, kind="event", open_ended=True),
        Shape("SH14", "platform_build", "信息化建设"),
        Shape("SH15", "external_accreditation", "对上创建与迎评"),
        Shape("SH16", "collective_decision_duty", "集体决策", kind="topic", open_ended=True),
        Shape("SH17", "government_evaluation", "政府履职评价", kind="unit"),
        Shape("SH18", "grant_project", "申报立项结题", kind="project"),
        Shape("SH19", "fund_disbursement", "资金兑付"),
        Shape("SH20", "three_tier_checklist", "分级清单核查", every_school=True),
    )
}
"""SH01, the annual master, is what all work points share: it lets these begin and waits for them."""
KEYS = frozenset(shape.key for shape in SHAPES.values())

GATES = {
    "needs_collective": "三重一大集体决策", "needs_publicity": "公示", "needs_experts": "专家评审",
    "needs_legality": "法制审核", "needs_veto": "一票否决",
}  # fmt: skip
"""Variable → the gate of a commitment that sets it."""
