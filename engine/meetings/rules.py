"""What makes a decision collective (三重一大, 集体决策): pure rules over the record of a meeting, each with its source.

Quorum and majority are tables (`meeting_quorum`, `meeting_majority`), and so is what must be there before a topic may come
before a meeting (`meeting_preconditions`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from engine.decisions import shipped
from engine.models import MeetingMember

PASSED, REJECTED, DEFERRED = "passed", "rejected", "deferred"
RESULTS = {PASSED: "通过", REJECTED: "未通过", DEFERRED: "暂缓，另行上会"}
CIRCULATED = {"circulated", "countersigned"}
"""传阅 and 会签: ways to do without a meeting, which are none."""
TOGETHER = "（“三重一大”事项集体决策规定：集体领导、民主集中、个别酝酿、会议决定）"
RECUSAL = "（“三重一大”事项集体决策规定：与本人或亲属有利害关系的成员应当回避）"
ARTICLE_30 = "（《重大行政决策程序暂行条例》第三十条）"
PRECONDITIONS = {
    "argument": "论证", "legality": "合法性审查", "risk": "风险评估", "budget": "预算或资金来源审核", "discipline": "征求纪检监察意见",
}  # fmt: skip


class Outcome(NamedTuple):
    result: str
    reckoned: str
    """How it comes about, in words."""


def missing(matter: str, ready: Set[str]) -> str:
    """What has yet to be done before such a matter may come before a meeting, with the source; "" if nothing."""
    row = shipped.decide("meeting_preconditions", {"matter": matter})
    words = [word for key, word in PRECONDITIONS.items() if row[key] and key not in ready]
    return f"提交讨论前还须完成：{'、'.join(words)}（{row['source']}）" if words else ""


def is_quorate(matter: str, members: Sequence[MeetingMember]) -> bool:
    """Whether enough are there to vote. Who recuses is entitled, but not there."""
    share: float = shipped.decide("meeting_quorum", {"matter": matter})["share"]
    return sum(member.present for member in members) >= round(share * len(members), 6)


def outcome(matter: str, members: Sequence[MeetingMember], *, held_over: bool = False) -> Outcome:
    """What the meeting has decided; without a quorum, nothing."""
    there, votes = sum(member.present for member in members), Counter(member.vote for member in members)
    reckoned = f"应到{len(members)}人，到会{there}人，回避{sum(member.recused for member in members)}人"
    if not is_quorate(matter, members):
        wanted = shipped.decide("meeting_quorum", {"matter": matter})["word"]
        return Outcome(DEFERRED, f"{reckoned}；不足应到成员的{wanted}，不能表决，须另行召开会议")
    if held_over:
        return Outcome(DEFERRED, f"{reckoned}；暂缓表决")
    found = shipped.decide("meeting_majority", {"votes_for": votes["for"], "entitled": len(members)})
    counted = f"赞成{votes['for']}票、反对{votes['against']}票、弃权{votes['abstain']}票"
    return Outcome(PASSED if found["passed"] else REJECTED, f"{reckoned}；{counted}；{found['word']}")


def faults(members: Sequence[MeetingMember], interested: Set[str], *, voted: bool) -> Mapping[str, list[str]]:
    """What the record of these members says that must not be, by row and column."""
    return {
        f"members.{row}.{column}": [words]
        for row, member in enumerate(members)
        for column, words in _faults(member, members, interested, voted)
    }


def _faults(
    member: MeetingMember, members: Sequence[MeetingMember], interested: Set[str], voted: bool
) -> Iterator[tuple[str, str]]:
    if member.login in interested and member.present:
        yield "recused", f"{member.name}与本议题有利害关系，须回避：请勾选“回避”并写明理由{RECUSAL}"
    if member.recused and not member.because:
        yield "because", f"请填写{member.name}的回避理由{RECUSAL}"
    if member.spoke_as and member.spoke_as != int(member.spoke_as):
        yield "spoke_as", "发言次序应为整数"
    elif not member.present:
        yield from _absent(member)
    elif voted:
        yield from _speaking(member, members)
        yield from _voting(member, _majority(members))


def _absent(member: MeetingMember) -> Iterator[tuple[str, str]]:
    if member.vote:
        why = f"已回避，不得参加表决{RECUSAL}" if member.recused else f"未到会，不能表决，会后签字也不算{TOGETHER}"
        yield "vote", f"{member.name}{why}；请清空表决"
    if member.spoke_as:
        yield "spoke_as", f"{member.name}未参加本议题的讨论，请清空发言次序"


def _speaking(member: MeetingMember, members: Sequence[MeetingMember]) -> Iterator[tuple[str, str]]:
    others = [other for other in members if other is not member and other.spoke_as]
    if member.spoke_as is None:
        yield "spoke_as", f"请填写{member.name}的发言次序：到会成员应当充分发表意见{ARTICLE_30}"
    elif any(other.spoke_as == member.spoke_as for other in others):
        yield "spoke_as", "发言次序与他人相同，请核对"
    elif member.head and any(other.spoke_as > member.spoke_as for other in others if other.spoke_as and not other.head):
        yield "spoke_as", f"主要负责人应当最后发表意见{ARTICLE_30}；如会上确未如此，请选“暂缓表决”，另行上会"


def _voting(member: MeetingMember, majority: str | None) -> Iterator[tuple[str, str]]:
    if member.vote is None:
        yield "vote", f"请选择{member.name}的表决：到会成员须逐一表态{TOGETHER}"
    elif majority and member.vote != majority and not member.dissent:
        who = "主要负责人与多数人的意见不一致，须说明理由" if member.head else "与多数人不同的意见须如实记录"
        yield "dissent", f"{who}{ARTICLE_30}"


def _majority(members: Sequence[MeetingMember]) -> str | None:
    """The vote that more than half of those there have given."""
    votes = Counter(member.vote for member in members if member.present and member.vote)
    return next((vote for vote, times in votes.items() if times * 2 > votes.total()), None)
