"""Several people asked at once or in turn: the condition sees every vote, and who is asked may change meanwhile."""

from __future__ import annotations

import pytest

from engine.errors import InvalidState
from engine.spiff import Definition, Execution, StepFailed
from tests.engine.test_spiff import begin, node, open_in, process, stored

PEOPLE = ["甲", "乙", "丙", "丁"]


def asked(condition: str = "", *, in_turn: bool = False) -> Definition:
    """Four people vote; behind them stands `after`."""
    ends = f"<bpmn:completionCondition>{condition}</bpmn:completionCondition>" if condition else ""
    many = (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(in_turn).lower()}">'
        "<bpmn:loopDataInputRef>people</bpmn:loopDataInputRef><bpmn:loopDataOutputRef>votes</bpmn:loopDataOutputRef>"
        '<bpmn:inputDataItem id="person"/><bpmn:outputDataItem id="vote"/>'
        f"{ends}</bpmn:multiInstanceLoopCharacteristics>"
    )
    return process(
        node("startEvent", "s"), node("userTask", "sign", many), node("userTask", "after"), node("endEvent", "e"),
        flows=[("s", "sign"), ("sign", "after"), ("after", "e")],
    )  # fmt: skip


def signing(execution: Execution) -> dict[str, str]:
    """Who is asked now: person → token."""
    return {w.variables["person"]: w.token_id for w in execution.waits() if w.activity.id == "sign"}


def vote(definition: Definition, execution: Execution, *votes: str) -> Execution:
    """The next people vote so, in the order in which they were asked."""
    for each in votes:
        execution.complete(next(iter(signing(execution).values())), {"vote": each})
        execution.advance()
        execution = stored(definition, execution)
    return execution


ALL, ANY = "", "count(votes, 'yes') &gt;= 1"
MAJORITY = "count(votes, 'yes') * 2 &gt; nrOfInstances"
TWO, VETO = "count(votes, 'yes') == 2", "'no' in votes"
TURNS = "nrOfCompletedInstances &gt;= 3 or nrOfActiveInstances == 0"


@pytest.mark.parametrize("in_turn", [False, True], ids=["at once", "in turn"])
@pytest.mark.parametrize(
    ("condition", "votes", "decided_by"),
    [
        (ALL, ["yes", "no", "yes", "yes"], 4),
        (ANY, ["no", "yes"], 2),
        (ANY, ["yes"], 1),
        (MAJORITY, ["yes", "no", "yes", "yes"], 4),
        (MAJORITY, ["yes", "yes", "yes"], 3),
        (TWO, ["no", "yes", "yes"], 3),
        (VETO, ["yes", "no"], 2),
        (VETO, ["yes", "yes", "yes", "yes"], 4),
    ],
)  # fmt: skip
def test_a_vote_is_over_when_its_condition_says_so(
    condition: str, votes: list[str], decided_by: int, in_turn: bool
) -> None:
    definition = asked(condition, in_turn=in_turn)
    execution = begin(definition, people=PEOPLE)
    execution = vote(definition, execution, *votes[: decided_by - 1])
    assert "after" not in open_in(execution)
    execution = vote(definition, execution, *votes[decided_by - 1 :])
    assert open_in(execution) == ["after"]
    assert execution.variables()["votes"] == votes


def test_counters_tell_how_many_are_still_asked() -> None:
    execution = vote(asked(TURNS), begin(asked(TURNS), people=PEOPLE), "yes", "no", "no")
    assert open_in(execution) == ["after"]


def test_a_signer_added_beside_the_others_is_waited_for() -> None:
    definition = asked(MAJORITY)
    execution = begin(definition, people=["甲", "乙"])
    execution.add_signer(signing(execution)["甲"], "戊")
    execution = stored(definition, execution)
    assert set(signing(execution)) == {"甲", "乙", "戊"}
    execution = vote(definition, execution, "yes")
    assert open_in(execution) == ["sign", "sign"], "one of three is no majority any more"
    assert open_in(vote(definition, execution, "yes")) == ["after"]


def test_a_signer_added_in_a_sequence_comes_next() -> None:
    definition = asked(in_turn=True)
    execution = begin(definition, people=["甲", "乙"])
    execution.add_signer(signing(execution)["甲"], "戊")
    order: list[str] = []
    for _ in range(3):
        order += signing(execution)
        execution = vote(definition, execution, "yes")
    assert order == ["甲", "戊", "乙"]
    assert open_in(execution) == ["after"]


@pytest.mark.parametrize("in_turn", [False, True], ids=["at once", "in turn"])
def test_a_signer_who_is_taken_away_counts_no_more(in_turn: bool) -> None:
    definition = asked(MAJORITY, in_turn=in_turn)
    execution = vote(definition, begin(definition, people=["甲", "乙", "丙"]), "yes")
    execution.remove_signer(signing(execution)["乙"])
    execution = stored(definition, execution)
    assert list(signing(execution)) == ["丙"]
    assert open_in(vote(definition, execution, "yes")) == ["after"]


def test_when_the_last_one_asked_is_taken_away_the_votes_that_were_given_decide() -> None:
    definition = asked()
    execution = vote(definition, begin(definition, people=["甲", "乙"]), "yes")
    execution.remove_signer(signing(execution)["乙"])
    execution.advance()
    assert open_in(stored(definition, execution)) == ["after"]
    assert execution.variables()["votes"] == ["yes"]


def test_only_one_of_several_has_neighbours() -> None:
    definition = asked()
    execution = vote(definition, begin(definition, people=["甲"]), "yes")
    (wait,) = execution.waits()
    with pytest.raises(InvalidState):
        execution.add_signer(wait.token_id, "戊")


@pytest.mark.parametrize("people", [None, ["甲", None], "甲", {"甲": 1}])
def test_a_list_with_gaps_is_no_list_of_people(people: object) -> None:
    with pytest.raises(StepFailed, match="sign"):
        begin(asked(), people=people)


def test_nobody_to_ask_is_nobody_to_wait_for() -> None:
    assert open_in(begin(asked(), people=[])) == ["after"]


AUTOMATIC = node("scriptTask", "after", "<bpmn:script>again = True</bpmn:script>")
"""Runs in the same step in which the activity before it ends."""

LOOP = "<bpmn:standardLoopCharacteristics><bpmn:loopCondition>again</bpmn:loopCondition></bpmn:standardLoopCharacteristics>"
MANY = (
    '<bpmn:multiInstanceLoopCharacteristics isSequential="{in_turn}">'
    "<bpmn:loopDataInputRef>people</bpmn:loopDataInputRef>{votes}"
    '<bpmn:inputDataItem id="person"/>{vote}</bpmn:multiInstanceLoopCharacteristics>'
)
COLLECTED = {
    "votes": "<bpmn:loopDataOutputRef>votes</bpmn:loopDataOutputRef>", "vote": '<bpmn:outputDataItem id="vote"/>'
}  # fmt: skip


def followed(repeated: str) -> Definition:
    """A signature that is asked for several times, something automatic, and a last task."""
    return process(
        node("startEvent", "s"), node("userTask", "sign", repeated), AUTOMATIC, node("userTask", "last"),
        node("endEvent", "e"), flows=[("s", "sign"), ("sign", "after"), ("after", "last"), ("last", "e")],
    )  # fmt: skip


@pytest.mark.parametrize("in_turn", ["false", "true"], ids=["at once", "in turn"])
@pytest.mark.parametrize("collected", [COLLECTED, {"votes": "", "vote": ""}], ids=["collected", "each by itself"])
def test_what_follows_at_once_is_no_vote(collected: dict[str, str], in_turn: str) -> None:
    definition = followed(MANY.format(in_turn=in_turn, **collected))
    execution = vote(definition, begin(definition, people=PEOPLE[:2]), "yes", "yes")
    assert open_in(execution) == ["last"]
    assert execution.variables().get("votes", ["yes", "yes"]) == ["yes", "yes"]


def test_what_follows_at_once_does_not_begin_a_loop_again() -> None:
    definition = followed(LOOP)
    execution = begin(definition)
    (wait,) = execution.waits()
    execution.complete(wait.token_id, {"again": False})
    execution.advance()
    assert open_in(stored(definition, execution)) == ["last"]
