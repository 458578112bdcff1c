"""The rules of a collective decision, read as tables."""

from __future__ import annotations

import pytest

from engine.meetings import rules
from engine.models import MeetingMember

LEADERS = ["head", "one", "two", "three", "four", "five"]


def group(votes: str, *, order: str = "612345") -> list[MeetingMember]:
    """Six leaders, the head first: + for, - against, 0 abstains, r recuses, . absent; those who differ say why."""
    words = {"+": "for", "-": "against", "0": "abstain"}
    return [
        MeetingMember(
            number=number, login=login, name=login, head=login == "head", attended=vote != ".", recused=vote == "r",
            because="亲属" if vote == "r" else None, spoke_as=int(spoke) if vote in words else None,
            vote=words.get(vote), dissent="另有考虑" if vote in "-0" else None,
        )
        for number, (login, vote, spoke) in enumerate(zip(LEADERS, votes, order, strict=True), 1)
    ]  # fmt: skip


@pytest.mark.parametrize(("matter", "votes", "result"), [
    ("decision", "++++++", "passed"),
    ("decision", "++++--", "passed"),
    ("decision", "+++---", "rejected"),  # exactly half is not more than half
    ("decision", "+++0..", "rejected"),  # of those entitled, not of those there
    ("decision", "++++..", "passed"),
    ("decision", "+++...", "rejected"),  # quorate by exactly half, but no majority of six
    ("decision", "++....", "deferred"),
    ("decision", "++rr..", "deferred"),  # whoever recuses has left the room
    ("decision", "++++rr", "passed"),
    ("personnel", "++++..", "passed"),
    ("personnel", "+++...", "deferred"),  # two thirds
    ("funds", "+++...", "rejected"),
])  # fmt: skip
def test_what_a_meeting_decides(matter: str, votes: str, result: str) -> None:
    found = rules.outcome(matter, group(votes))
    assert found.result == result
    assert found.reckoned.startswith("应到6人，到会")


def test_a_meeting_may_hold_a_topic_over() -> None:
    assert rules.outcome("decision", group("++++++"), held_over=True).result == "deferred"


@pytest.mark.parametrize(("votes", "order", "change", "fault"), [
    ("++++++", "612345", {}, None),
    ("-+++++", "612345", {}, None),
    ("++++++", "123456", {}, ("members.0.spoke_as", "最后发表意见")),
    (".+++++", "123456", {}, None),
    ("++++++", "611345", {}, ("members.1.spoke_as", "与他人相同")),
    ("++++++", "612345", {"spoke_as": 1.5}, ("members.5.spoke_as", "整数")),
    ("++++++", "612345", {"spoke_as": None}, ("members.5.spoke_as", "请填写five的发言次序")),
    ("++++++", "612345", {"vote": None}, ("members.5.vote", "逐一表态")),
    ("+++++-", "612345", {"dissent": None}, ("members.5.dissent", "不同的意见须如实记录")),
    ("+++++r", "612345", {}, None),
    ("+++++r", "612345", {"because": None}, ("members.5.because", "回避理由")),
    ("+++++r", "612345", {"vote": "for"}, ("members.5.vote", "已回避，不得参加表决")),
    ("+++++r", "612345", {"spoke_as": 5}, ("members.5.spoke_as", "未参加")),
    ("+++++.", "612345", {"vote": "for"}, ("members.5.vote", "会后签字也不算")),
])  # fmt: skip
def test_what_a_record_must_not_say(
    votes: str, order: str, change: dict[str, object], fault: tuple[str, str] | None
) -> None:
    members = group(votes, order=order)
    for name, value in change.items():
        setattr(members[-1], name, value)
    found = rules.faults(members, set(), voted=True)
    assert (next(iter(found)) if found else None) == (fault[0] if fault else None), found
    if fault:
        assert fault[1] in found[fault[0]][0]


def test_a_head_who_departs_from_the_majority_says_why() -> None:
    members = group("-+++++")
    members[0].dissent = None
    assert "须说明理由" in rules.faults(members, set(), voted=True)["members.0.dissent"][0]


def test_whoever_has_an_interest_leaves_or_stays_away() -> None:
    assert "须回避" in rules.faults(group("++++++"), {"two"}, voted=True)["members.2.recused"][0]
    assert rules.faults(group("++r+++"), {"two"}, voted=True) == {}
    assert rules.faults(group("++.+++"), {"two"}, voted=True) == {}


def test_without_a_vote_nobody_need_have_voted() -> None:
    members = group("++....")
    for member in members:
        member.vote = member.spoke_as = None
    assert rules.faults(members, set(), voted=False) == {}


@pytest.mark.parametrize(("matter", "ready", "missing"), [
    ("decision", {"argument", "risk"}, "合法性审查"),
    ("decision", {"argument", "risk", "legality"}, ""),
    ("personnel", set(), "征求纪检监察意见"),
    ("project", {"argument"}, "预算"),
    ("other", set(), ""),
])  # fmt: skip
def test_what_must_be_there_before_a_meeting(matter: str, ready: set[str], missing: str) -> None:
    found = rules.missing(matter, ready)
    assert (missing in found) if missing else not found
