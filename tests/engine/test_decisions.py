"""Decision tables decide as they are written, say so when they cannot, and are refused when nobody could tell what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from engine import db, decision_definitions, decisions, definitions, instances, runtime, spiff
from engine.decisions import BusinessRuleTask, Decision, DecisionFailed, mapped
from engine.decisions.cells import CellInvalid, parse
from engine.errors import DefinitionRefused, Problem
from engine.models import DecisionDefinition, ProcessInstance
from tests.driver import Bureau

DMN_1_3 = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def document(*inner: str, namespace: str = DMN_1_3, attributes: str = "") -> bytes:
    return f'<definitions xmlns="{namespace}" id="d" name="d" namespace="t"{attributes}>{"".join(inner)}</definitions>'.encode()


def decision(table: str, key: str = "level", name: str = "分级", beside: str = "") -> str:
    return f'<decision id="{key}" name="{name}">{beside}{table}</decision>'


def table(
    rules: Sequence[Sequence[str]],
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    policy: str = "",
    types: Mapping[str, str] | None = None,
) -> str:
    """A decision table; a rule is its input cells followed by its output cells, and is called r1, r2 …"""
    typed = {name: f' typeRef="{kind}"' for name, kind in (types or {}).items()}
    heads = [
        f'<input id="in_{n}" label="{escape(source)}"><inputExpression id="ask_{n}"{typed.get(source, "")}>'
        f"<text>{escape(source)}</text></inputExpression></input>"
        for n, source in enumerate(inputs, 1)
    ] + [f'<output id="out_{n}" name="{name}"{typed.get(name, "")}/>' for n, name in enumerate(outputs, 1)]
    rows = [
        f'<rule id="r{row}">{"".join(entry(row, n, text, len(inputs)) for n, text in enumerate(cells))}</rule>'
        for row, cells in enumerate(rules, 1)
    ]
    return f'<decisionTable id="t"{policy and " " + policy}>{"".join(heads + rows)}</decisionTable>'


def entry(row: int, column: int, text: str, inputs: int) -> str:
    kind = "inputEntry" if column < inputs else "outputEntry"
    return f'<{kind} id="r{row}c{column + 1}"><text>{escape(text)}</text></{kind}>'


def read(*arguments: Any, **options: Any) -> Decision:
    (found,) = decisions.parse(document(decision(table(*arguments, **options))))
    return found


def refused(content: bytes) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionRefused) as caught:
        decisions.parse(content)
    return caught.value.problems


MARCH_1 = "2021-03-01"


@pytest.mark.parametrize(
    ("cell", "passes", "fails"),
    [
        ("-", [0, "a", True, None, [1]], []),
        ("", [0, "a", False, None], []),
        ('"a"', ["a"], ["b", "", "A", None]),
        (' "a" ', ["a"], ["b"]),
        ('""', [""], ["a", None]),
        ('"梁溪区"', ["梁溪区"], ["滨湖区"]),
        ('"say \\"yes\\", no"', ['say "yes", no'], ["say"]),
        ('"a,b"', ["a,b"], ["a", "b"]),
        ('"a","b"', ["a", "b"], ["c", "a,b", None]),
        ('"a" , "b"\n, "c"', ["a", "b", "c"], ["d"]),
        ('not("a")', ["b", "", None], ["a"]),
        ('not("a","b")', ["c"], ["a", "b"]),
        ('not ( "a" )', ["b"], ["a"]),
        ('"not(a)"', ["not(a)"], ["a", "b"]),
        ('"-"', ["-"], ["a"]),
        ("10", [10, 10.0], [9, 11, None]),
        ("-10", [-10], [10]),
        ("2.5", [2.5], [2, 3]),
        (".5", [0.5], [5]),
        ("50,60", [50, 60], [55, 40]),
        ("> 10", [10.5, 11], [10, 9, None]),
        (">10", [11], [10]),
        (">= 10", [10, 11], [9]),
        ("< -1", [-2], [-1, 0]),
        ("<= 5", [5, -9], [6, None]),
        ("[10..60]", [10, 35, 60], [9.9, 60.1, None]),
        ("(10..60)", [11], [10, 60]),
        ("]10..60[", [11], [10, 60]),
        ("(1..5]", [5, 1.1], [1, 5.1]),
        ("[1..5)", [1], [5]),
        ("[1..5[", [1], [5]),
        ("]1..5]", [5], [1]),
        ("[5..5]", [5], [4, 6]),
        ("[ -1.5 .. .5 ]", [-1.5, 0.5], [1]),
        ("[1..2],[4..5],7,> 9", [1.5, 4, 7, 10], [3, 6, 8, 9]),
        ("not([10..60])", [9, 61], [10, 60, None]),
        ("not(< 5, 8)", [5, 7, 9], [4, 8, None]),
        ("true", [True], [False, None]),
        ("false", [False], [True, None]),
        ("true,false", [True, False], [None]),
        ("not(true)", [False], [True]),
        ("null", [None], [1, "a"]),
        ("not(null)", [1, "a", False], [None]),
        ("null,> 10", [None, 11], [10]),
        (f'date("{MARCH_1}")', [MARCH_1], ["2021-03-02", None]),
        (f'> date("{MARCH_1}")', ["2021-03-02", "2022-01-01"], [MARCH_1, "2020-12-31"]),
        (f'[date("{MARCH_1}")..date( "2021-03-31" )]', [MARCH_1, "2021-03-31"], ["2021-04-01", "2021-02-28"]),
        (f'not(date("{MARCH_1}"))', ["2021-03-02"], [MARCH_1]),
    ],
)  # fmt: skip
def test_a_cell_passes_what_it_says_and_nothing_else(cell: str, passes: list[object], fails: list[object]) -> None:
    asked = read([[cell, "1"]], policy='hitPolicy="COLLECT"')
    assert [value for value in [*passes, *fails] if asked.decide({"x": value})] == passes


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("approve", "看不懂“approve”"),
        ("'a'", "文字加英文双引号"),
        ("“a”", "文字加英文双引号"),
        ('"a" "b"', "看不懂"),
        ('"a","b', "看不懂“\"b”"),
        ('"a",', "看不懂“”"),
        (',"a"', "看不懂"),
        ('"a"，"b"', "看不懂"),
        ('"a";"b"', "看不懂"),
        ("- , 1", "看不懂"),
        ("--", "看不懂"),
        ("= 5", "看不懂"),
        ("!= 5", "看不懂"),
        ("== 5", "看不懂"),
        ("> limit", "看不懂"),
        ("> 1 + 1", "看不懂"),
        ("? > 5", "看不懂"),
        ("> 5 and < 9", "看不懂"),
        ("5 or 6", "看不懂"),
        ("1e3", "看不懂"),
        ("１０", "看不懂"),
        ("1,000.5.2", "看不懂"),
        ("[1..5", "看不懂"),
        ("1..5", "看不懂"),
        ("[1-5]", "看不懂"),
        ("[1,5]", "看不懂"),
        ("[..5]", "看不懂"),
        ("[1..limit]", "看不懂"),
        ("not()", "看不懂"),
        ("not(-)", "看不懂"),
        ("not(not(1))", "看不懂"),
        ('not("a"), "b"', "看不懂"),
        ('not("a"), not("b")', "看不懂"),
        ("trueish", "看不懂"),
        ("True", "看不懂"),
        ("date(2021-03-01)", "看不懂"),
        ('date and time("2021-03-01T08:00:00")', "看不懂"),
        ('duration("P1D")', "看不懂"),
        ('date("2021-02-30")', "不是形如"),
        ('date("2021-3-1")', "不是形如"),
        ('date("20210301")', "不是形如"),
        ('date("2021-W09-1")', "不是形如"),
        ('"a\\qb"', "转义"),
        ('"a\nb"', "转义"),
        ('"a",1', "混用"),
        ("true,1", "混用"),
        (f'date("{MARCH_1}"),"{MARCH_1}"', "混用"),
        ('[1..date("2021-03-01")]', "不是同一种"),
        ('> "a"', "不能比较大小"),
        ("> true", "不能比较大小"),
        ("< null", "不能比较大小"),
        ('["a".."c"]', "不能比较大小"),
        ("[5..1]", "没有任何值"),
        ("(5..5)", "没有任何值"),
        ("[5..5)", "没有任何值"),
        ("9999999999999999", "过大"),
        ("1," * 1_500 + "1", "超过"),
        ("__import__('os').system('id')", "看不懂"),
        ("().__class__", "看不懂"),
    ],
)  # fmt: skip
def test_a_cell_that_is_not_understood_is_refused_where_it_stands(cell: str, reason: str) -> None:
    (problem,) = refused(document(decision(table([["-", "1"], [cell, "2"]]))))
    assert (problem.element_id, problem.element_name) == ("r2c1", "分级")
    assert problem.reason.startswith("规则2：")
    assert reason in problem.reason


BOUNDS = st.integers(-9, 9)


@given(BOUNDS, BOUNDS, st.sampled_from("[(]"), st.sampled_from("])["), BOUNDS, BOUNDS, st.booleans(), BOUNDS)
def test_lists_of_ranges_agree_with_arithmetic(
    low: int, high: int, opens: str, closes: str, least: int, exact: int, negated: bool, value: int
) -> None:
    text = f"{opens}{low}..{high}{closes},>={least},{exact}"
    within = (low <= value if opens == "[" else low < value) and (value <= high if closes == "]" else value < high)
    expected = (within or value >= least or value == exact) is not negated
    try:
        cell = parse(f"not({text})" if negated else text)
    except CellInvalid:
        assert low > high or (low == high and (opens, closes) != ("[", "]"))
    else:
        assert cell.matches(value) is expected


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab19.-,()[]<>=" \\notruefalsedate', max_size=40))
def test_any_text_is_a_cell_or_is_refused(text: str) -> None:
    with suppress(CellInvalid):
        parse(text).matches(1)


@pytest.mark.parametrize(
    ("declared", "cell", "value"),
    [
        ("", '"5"', 5),
        ("", "5", "5"),
        ("", "true", 1),
        ("", "1", True),
        ("", '"a"', ["a"]),
        ("", "null,5", "five"),
        ("", f'date("{MARCH_1}")', "soon"),
        ("", f'date("{MARCH_1}")', "2021-03-01T08:00:00"),
        ("", f'date("{MARCH_1}")', 20210301),
        ("string", "-", 5),
        ("number", "-", "5"),
        ("integer", "-", True),
        ("boolean", "-", "true"),
        ("date", "-", "tomorrow"),
    ],
)
def test_a_value_of_another_kind_is_an_error_and_not_quietly_unequal(declared: str, cell: str, value: object) -> None:
    asked = read([[cell, "1"], ["-", "2"]], policy='hitPolicy="FIRST"', types={"x": declared} if declared else {})
    with pytest.raises(DecisionFailed, match="决策表“分级”（level）：输入“x”"):
        asked.decide({"x": value})


def test_an_input_is_an_expression_of_ours() -> None:
    asked = read(
        [["> 10", "true", '"big"'], ["-", "-", '"small"']],
        inputs=["amount * count", "kind.contains('urgent')"], policy='hitPolicy="FIRST"',
    )  # fmt: skip
    assert asked.decide({"amount": 4, "count": 3, "kind": "urgent repair"}) == {"y": "big"}
    assert asked.decide({"amount": 4, "count": 3, "kind": "repair"}) == {"y": "small"}
    with pytest.raises(DecisionFailed, match="输入“amount \\* count”：变量count没有值"):
        asked.decide({"amount": 4, "kind": "x"})


OVERLAPPING = [["< 10", "1"], ["[5..15]", "2"], ["> 12", "x * 2"]]


@pytest.mark.parametrize(
    ("policy", "x", "expected"),
    [
        ("", 3, {"y": 1}),
        ("", 20, {"y": 40}),
        ('hitPolicy="UNIQUE"', 11, {"y": 2}),
        ('hitPolicy="FIRST"', 3, {"y": 1}),
        ('hitPolicy="FIRST"', 7, {"y": 1}),
        ('hitPolicy="FIRST"', 14, {"y": 2}),
        ('hitPolicy="COLLECT"', 3, [{"y": 1}]),
        ('hitPolicy="COLLECT"', 7, [{"y": 1}, {"y": 2}]),
        ('hitPolicy="COLLECT"', 14, [{"y": 2}, {"y": 28}]),
        ('hitPolicy="COLLECT" aggregation="SUM"', 14, {"y": 30}),
        ('hitPolicy="COLLECT" aggregation="SUM"', 3, {"y": 1}),
        ('hitPolicy="COLLECT" aggregation="MIN"', 14, {"y": 2}),
        ('hitPolicy="COLLECT" aggregation="MAX"', 14, {"y": 28}),
        ('hitPolicy="COLLECT" aggregation="COUNT"', 14, {"y": 2}),
    ],
)
def test_the_hit_policy_says_which_rules_count(policy: str, x: int, expected: object) -> None:
    assert read(OVERLAPPING, policy=policy).decide({"x": x}) == expected


def test_first_asks_nothing_of_the_rules_behind() -> None:
    assert read([["-", "1"], ["-", "unheard_of"]], policy='hitPolicy="FIRST"').decide({"x": 1}) == {"y": 1}


@pytest.mark.parametrize(
    ("x", "first", "second"), [(7, "规则1（r1）", "规则2（r2）"), (14, "规则2（r2）", "规则3（r3）")]
)
def test_two_rules_that_match_where_one_may_are_both_named(x: int, first: str, second: str) -> None:
    with pytest.raises(DecisionFailed) as caught:
        read(OVERLAPPING).decide({"x": x})
    assert f"{first}与{second}同时相符（x：“{x}”）" in str(caught.value)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", None),
        ('hitPolicy="FIRST"', None),
        ('hitPolicy="COLLECT"', []),
        ('hitPolicy="COLLECT" aggregation="COUNT"', {"y": 0}),
        ('hitPolicy="COLLECT" aggregation="SUM"', None),
        ('hitPolicy="COLLECT" aggregation="MIN"', None),
        ('hitPolicy="COLLECT" aggregation="MAX"', None),
    ],
)
def test_no_match_is_an_error_that_names_the_inputs_unless_none_is_an_answer(policy: str, expected: object) -> None:
    asked = read([["1", '"a"', "5"]], inputs=["x", "z"], policy=policy)
    if expected is not None:
        assert asked.decide({"x": 1, "z": None}) == expected
        return
    with pytest.raises(DecisionFailed, match="没有规则与输入相符（x：“1”，z：没有值）"):
        asked.decide({"x": 1, "z": None})


def test_a_last_rule_for_everything_else_answers_what_no_other_does() -> None:
    asked = read([["1", '"one"'], ["-", "null"]], policy='hitPolicy="FIRST"')
    assert asked.decide({"x": 1}) == {"y": "one"}
    assert asked.decide({"x": None}) == {"y": None}


@pytest.mark.parametrize("policy", ["", 'hitPolicy="FIRST"'])
def test_default_outputs_answer_what_no_rule_does(policy: str) -> None:
    drawn = with_default(table([["1", '"one"']], policy=policy), "x * 2")
    (asked,) = decisions.parse(document(decision(drawn)))
    assert asked.decide({"x": 1}) == {"y": "one"}
    assert asked.decide({"x": 4}) == {"y": 8}
    with pytest.raises(DecisionFailed, match="默认输出的“y”：“None”不是数"):
        asked.decide({"x": None})


def test_a_sum_of_nothing_is_its_default() -> None:
    drawn = table([["1", "5"]], policy='hitPolicy="COLLECT" aggregation="SUM"')
    (asked,) = decisions.parse(document(decision(with_default(drawn, "0"))))
    assert asked.decide({"x": 1}) == {"y": 5}
    assert asked.decide({"x": 2}) == {"y": 0}


@pytest.mark.parametrize(
    ("aggregation", "numbers", "expected"),
    [
        ("SUM", [1, 2, 3], 6),
        ("SUM", [0.1, 0.2], 0.3),
        ("SUM", [1, 0.5], 1.5),
        ("SUM", [5, 5, 5], 15),
        ("SUM", [-5, 5], 0),
        ("MIN", [3, -1.5, 2], -1.5),
        ("MAX", [3, -1.5, 2], 3),
        ("COUNT", [5, 5, 5], 3),
        ("COUNT", [None, "a"], 2),
    ],
)
def test_aggregations(aggregation: str, numbers: list[object], expected: object) -> None:
    names = [f"n{place}" for place in range(len(numbers))]
    asked = read([["-", name] for name in names], policy=f'hitPolicy="COLLECT" aggregation="{aggregation}"')
    result = asked.decide({"x": 1, **dict(zip(names, numbers, strict=True))})
    assert isinstance(result, Mapping)
    assert result == {"y": expected}
    assert type(result["y"]) is type(expected)


@pytest.mark.parametrize(("second", "reason"), [("two", "“two”不是数"), (True, "“True”不是数"), (None, "没有给出数")])
def test_only_numbers_are_added(second: object, reason: str) -> None:
    asked = read([["-", "1"], ["-", "z"]], policy='hitPolicy="COLLECT" aggregation="SUM"')
    with pytest.raises(DecisionFailed, match=reason):
        asked.decide({"x": 1, "z": second})


def test_a_sum_has_the_same_bounds_as_every_number() -> None:
    asked = read([["-", "x"], ["-", "x"]], policy='hitPolicy="COLLECT" aggregation="SUM"')
    with pytest.raises(DecisionFailed, match="过大"):
        asked.decide({"x": 10**15})


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('"高"', "高"),
        ("3", 3),
        ("-0.5", -0.5),
        ("true", True),
        ("null", None),
        (f'date("{MARCH_1}")', MARCH_1),
        ("x * 2 + 1", 9),
        ("'第' + name", "第一"),
        ("${x > 3}", True),
        ("x if x > 3 else 0", 4),
        ("max(x, 10)", 10),
    ],
)
def test_an_output_is_an_expression_of_ours(cell: str, expected: object) -> None:
    assert read([["-", cell]]).decide({"x": 4, "name": "一"}) == {"y": expected}


@pytest.mark.parametrize(
    ("cell", "declared", "reason"),
    [
        ("", "", "没有写表达式"),
        ("-", "", "写法不对"),
        ("高", "number", "变量高没有值"),
        ("if x then 1 else 2", "", "写法不对"),
        ("x ** 2", "", "不允许"),
        ("__import__('os').system('id')", "", "未知的函数"),
        ("x.__class__", "", "不允许"),
        ('date("2021-02-30")', "", "不是形如"),
        ('"a"', "number", "“a”不是数"),
        ("1", "string", "“1”不是文字"),
        ("1", "boolean", "“1”不是真假值"),
        ('"soon"', "date", "不是形如"),
        ("1 / 0", "", "取值不合适"),
    ],
)
def test_an_output_that_could_never_be_given_is_refused(cell: str, declared: str, reason: str) -> None:
    content = document(decision(table([["-", cell]], types={"y": declared} if declared else {})))
    if cell == "高":  # a variable, for all one can know before
        (asked,) = decisions.parse(content)
        with pytest.raises(DecisionFailed, match=f"规则1（r1）的“y”：{reason}"):
            asked.decide({"x": 1})
        return
    (problem,) = refused(content)
    assert (problem.element_id, problem.element_name) == ("r1c2", "分级")
    assert reason in problem.reason


def test_listed_values_bind_inputs_and_outputs() -> None:
    def limited(given: str) -> str:
        return (
            '<decisionTable id="t" hitPolicy="FIRST"><input id="i" label="区"><inputExpression><text>x</text></inputExpression>'
            '<inputValues id="listed"><text>"a","b"</text></inputValues></input>'
            '<output id="o" name="y"><outputValues><text>[1..3]</text></outputValues></output>'
            f'<rule id="r1"><inputEntry id="c1"><text>"{given}"</text></inputEntry><outputEntry id="c2"><text>z</text></outputEntry>'
            "</rule></decisionTable>"
        )

    (asked,) = decisions.parse(document(decision(limited("a"))))
    assert asked.decide({"x": "a", "z": 3}) == {"y": 3}
    with pytest.raises(DecisionFailed, match="输入“区”：“c”不在列出的取值之内"):
        asked.decide({"x": "c", "z": 3})
    with pytest.raises(DecisionFailed, match="规则1（r1）的“y”：“4”不在列出的取值之内"):
        asked.decide({"x": "a", "z": 4})
    (problem,) = refused(document(decision(limited("c"))))
    assert problem == Problem("c1", "分级", "规则1：“c”不在列出的取值之内，永远不会相符")


@pytest.mark.parametrize("version", ["20151101/dmn.xsd", "20151101/dmn11.xsd", "20180521/MODEL/"])
def test_older_versions_of_the_format_are_understood(version: str) -> None:
    namespace = f"http://www.omg.org/spec/DMN/{version}"
    (asked,) = decisions.parse(document(decision(table([["1", '"one"']])), namespace=namespace))
    assert asked.decide({"x": 1}) == {"y": "one"}


def test_what_a_modeler_writes_beside_the_table_is_no_obstacle() -> None:
    beside = (
        "<description>说明</description><extensionElements><x:any xmlns:x='u'/></extensionElements><variable name='v'/>"
        "<informationRequirement id='q'><requiredInput href='#i'/></informationRequirement>"
        "<authorityRequirement id='k'><requiredAuthority href='#s'/></authorityRequirement>"
    )
    around = (
        "<inputData id='i' name='i'/><knowledgeSource id='s' name='s'/><!-- note -->"
        "<DMNDI xmlns='https://www.omg.org/spec/DMN/20191111/DMNDI/'><DMNDiagram/></DMNDI>"
    )
    drawn = table([["1", '"one"']]).replace("<rule", "<annotation name='n'/><rule", 1).replace(
        "</rule>", "<annotationEntry><text>注</text></annotationEntry></rule>"
    )  # fmt: skip
    language = f' expressionLanguage="{DMN_1_3.replace("MODEL", "FEEL")}" xmlns:m="m" m:width="1"'
    (asked,) = decisions.parse(document(decision(drawn, beside=beside), around, attributes=language))
    assert asked.decide({"x": 1}) == {"y": "one"}


GOOD = table([["1", '"one"']])


def with_default(drawn: str, text: str) -> str:
    """A table that gives this if no rule matches, as its first output."""
    entry = f'<defaultOutputEntry id="default"><text>{escape(text)}</text></defaultOutputEntry>'
    head, rest = drawn.split("/><", 1)
    return f"{head}>{entry}</output><{rest}"


WIDE = table([["1"] * 51 + ["1"]], inputs=[f"x{n}" for n in range(51)])
TWO_OUTPUTS = table([["1", "1", "2"]], outputs=["y", "z"], policy='hitPolicy="COLLECT" aggregation="SUM"')


@pytest.mark.parametrize(
    ("inner", "element", "reason"),
    [
        (decision(table([["1", "1"]], policy='hitPolicy="ANY"')), "t", "不支持命中策略 ANY"),
        (decision(table([["1", "1"]], policy='hitPolicy="PRIORITY"')), "t", "不支持命中策略 PRIORITY"),
        (decision(table([["1", "1"]], policy='hitPolicy="RULE ORDER"')), "t", "不支持命中策略 RULE ORDER"),
        (decision(table([["1", "1"]], policy='hitPolicy="OUTPUT ORDER"')), "t", "不支持命中策略 OUTPUT ORDER"),
        (decision(table([["1", "1"]], policy='hitPolicy="first"')), "t", "不支持命中策略 first"),
        (decision(table([["1", "1"]], policy='hitpolicy="FIRST"')), "t", "不支持属性 hitpolicy"),
        (decision(table([["1", "1"]], policy='aggregation="SUM"')), "t", "只有命中策略 COLLECT 可以聚合"),
        (decision(table([["1", "1"]], policy='hitPolicy="COLLECT" aggregation="AVG"')), "t", "不支持聚合 AVG"),
        (decision(TWO_OUTPUTS), "t", "聚合只能用于只有一个输出"),
        (decision(table([["1", "1"]], policy='hitPolicy="COLLECT" aggregation="SUM"', types={"y": "string"})), "out_1", "只能用于数"),
        (decision(table([])), "t", "规则应有1到1000个，实有0个"),
        (decision(table([["1", "1"]] * 1_001)), "t", "规则应有1到1000个，实有1001个"),
        (decision(WIDE), "t", "输入应有0到50个，实有51个"),
        (decision(table([["1"]], outputs=[])), "t", "输出应有1到50个，实有0个"),
        (decision(table([["1", "1", "2"]], outputs=["y", "y"])), "out_1", "自己的 name"),
        (decision(table([["1", "1"]], outputs=["a b"])), "out_1", "不是可用的变量名"),
        (decision(table([["1", "1"]], outputs=["__class__"])), "out_1", "不是可用的变量名"),
        (decision(table([["1", "1"], ["1", "1", "1"]])), "r2", "outputEntry 应有1个，实有2个"),
        (decision(table([["1", "1"], ["1"]])), "r2", "outputEntry 应有1个，实有0个"),
        (decision(table([["1"]], inputs=["x", "z"])), "r1", "inputEntry 应有2个，实有1个"),
        (decision(table([["1", "1"]], inputs=[""])), "ask_1", "没有写表达式"),
        (decision(table([["1", "1"]], inputs=["open('f')"])), "ask_1", "未知的函数"),
        (decision(table([["1", "1"]], inputs=["guest count"])), "ask_1", "写法不对"),
        (decision(table([["1", "1"]], types={"x": "tDish"})), "ask_1", "不支持类型“tDish”"),
        (decision(table([["1", "1"]], types={"y": "duration"})), "out_1", "不支持类型“duration”"),
        (decision(table([["1", "1"]], types={"x": "string"})), "r1c1", "“x”这一列是文字，此处却是数"),
        (decision(table([["1", "1"], ['"a"', "2"]])), "r2c1", "“x”这一列是数，此处却是文字"),
        (decision(table([[f'"{MARCH_1}"', "1"]], types={"x": "date"})), "r1c1", "“x”这一列是日期，此处却是文字"),
        (decision(GOOD.replace("<inputEntry", '<inputEntry expressionLanguage="javascript"')), "r1c1", "表达式语言“javascript”"),
        (decision(GOOD.replace("<inputEntry", '<inputEntry expressionLanguage="juel"')), "r1c1", "表达式语言“juel”"),
        (decision(GOOD.replace("<outputEntry", '<outputEntry expressionLanguage="groovy"')), "r1c2", "表达式语言“groovy”"),
        (decision(with_default(GOOD, "")), "default", "没有写表达式"),
        (decision(with_default(GOOD, "1 +")), "default", "写法不对"),
        (decision(with_default(table([["1", "1"]], types={"y": "number"}), '"a"')), "default", "“a”不是数"),
        (decision(with_default(table([["1", "1"]], policy='hitPolicy="COLLECT"'), "1")), "default", "不能有默认输出"),
        (decision(with_default(table([["1", "1", "2"]], outputs=["y", "z"]), "1")), "t", "要么每个输出都有，要么都没有"),
        (decision(GOOD.replace("<inputEntry", "<inputEntries/><inputEntry")), "r1", "此处不支持元素 inputEntries"),
        (decision(GOOD.replace("<rule", "<rule xmlns='u'/><rule")), "t", "此处不支持元素 rule"),
        (decision(GOOD.replace("</text></inputEntry>", "</text><text>2</text></inputEntry>")), "r1c1", "text 只能有一个"),
        (decision(GOOD + GOOD.replace('"t"', '"u"')), "u", "decisionTable 只能有一个"),
        (decision(""), "level", "没有决策表"),
        (decision("<literalExpression id='l'><text>1</text></literalExpression>"), "l", "不支持文字表达式"),
        (decision("<invocation id='v'/>" + GOOD), "v", "此处不支持元素 invocation"),
        (decision(GOOD, beside="<informationRequirement id='q'><requiredDecision href='#a'/></informationRequirement>"), "q", "决策图"),
        (decision(GOOD, beside="<knowledgeRequirement id='q'><requiredKnowledge href='#b'/></knowledgeRequirement>"), "q", "业务知识模型"),
        (decision(GOOD) + "<businessKnowledgeModel id='b' name='公式'/>", "b", "业务知识模型"),
        (decision(GOOD) + "<decisionService id='s'/>", "s", "决策服务"),
        (decision(GOOD) + "<itemDefinition id='i' name='tDish'/>", "i", "自定义类型"),
        (decision(GOOD) + "<import namespace='u' locationURI='u'/>", "d", "引入其他文件"),
        (decision(GOOD, key=""), "d", "决策的 id 须为"),
        (decision(GOOD, key="a:b"), "a:b", "决策的 id 须为"),
        (decision(GOOD, key="k" * 101), "k" * 101, "决策的 id 须为"),
        ("", "d", "决策应有1到100个，实有0个"),
    ],
)  # fmt: skip
def test_what_would_not_be_decided_as_written_is_refused(inner: str, element: str, reason: str) -> None:
    problem = next(problem for problem in refused(document(inner)) if reason in problem.reason)
    assert problem.element_id == element
    assert problem.element_name


def test_every_problem_is_listed_not_only_the_first() -> None:
    first = decision(table([["a", "("], ["> 'x'", "1"]], inputs=["x +"], policy='hitPolicy="ANY"'), key="one")
    second = decision(table([["-", ""]]), key="one") + "<decisionService id='s'/>"
    reasons = {problem.element_id for problem in refused(document(first, second))}
    assert reasons == {"one", "s", "t", "ask_1", "r1c1", "r1c2", "r2c1"}


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01",
        b"<definitions",
        b"PK\x03\x04",
        b"<definitions/>",
        b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>',
        document(decision(GOOD), namespace="https://www.omg.org/spec/DMN/20300101/MODEL/"),
        document(decision(GOOD)).replace(b"definitions", b"decision"),
        b"<!DOCTYPE definitions>" + document(decision(GOOD)),
        b'<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + document(decision(GOOD.replace("one", "&f;"))),
        b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">' + document(decision(GOOD)),
        f'<!DOCTYPE d [<!ENTITY e0 "ha">{BOMB}]>'.encode() + document(decision(GOOD.replace("one", "&e8;"))),
        document(decision(GOOD)).replace(b"one", b"&unknown;"),
        document("<decision id='a'>" * 500 + "</decision>" * 500),
        document(decision(GOOD, beside=f"<description>{'x' * 2_000_000}</description>")),
        document(decision("<decisionTable id='t'>" + "<rule/>" * 200_000 + "</decisionTable>")),
        document(decision("<decisionTable id='t'>" + "<output/>" * 150_000 + "</decisionTable>")),
        document("<decision/>" * 100_000),
        document(decision(table([[f"not({'(' * 900})", "1"]]))),
        document(decision(table([["-", "(" * 1_900]]))),
        document(decision(table([["-", "[0] * 9999999"]]))),
        document(decision(table([["-", "9 ** 9 ** 9"]]))),
    ],
    ids=range(22),
)
def test_a_hostile_file_is_refused_as_one(content: bytes) -> None:
    assert refused(content)


def test_the_largest_table_decides() -> None:
    wide = [f"x{n}" for n in range(30)]
    asked = read([["-"] * 29 + [str(row), str(row)] for row in range(1_000)], inputs=wide)
    assert asked.decide({**dict.fromkeys(wide, "a"), "x29": 777}) == {"y": 777}


def test_a_result_has_a_size_that_can_be_stored() -> None:
    asked = read([["-", "x + x"]] * 1_000, policy='hitPolicy="COLLECT"')
    with pytest.raises(DecisionFailed, match="结果内容过多"):
        asked.decide({"x": "字" * 10_000})


def test_a_decision_knows_its_own_source_and_nothing_beside_it() -> None:
    one, other = decision(GOOD, key="one"), decision(table([["2", '"two"']]), key="other")
    first, second = decisions.parse(document(one, other))
    (again,) = decisions.parse(first.source)
    assert again == first
    assert again.decide({"x": 1}) == {"y": "one"}
    changed = decision(table([["3", '"three"']]), key="other")
    first_again, second_again = decisions.parse(document("<!-- moved -->", changed, one))[::-1]
    assert first_again.source == first.source
    assert second_again.source != second.source


ROW, ROWS = {"y": 1}, [{"y": 1}, {"y": 2}]


@pytest.mark.parametrize(
    ("result", "how", "variable", "expected"),
    [
        (ROW, "singleEntry", "v", {"v": 1}),
        (ROW, "singleResult", "v", {"v": {"y": 1}}),
        (ROW, "collectEntries", "v", {"v": [1]}),
        (ROW, "resultList", "v", {"v": [{"y": 1}]}),
        (ROW, None, "v", {"v": [{"y": 1}]}),
        (ROW, None, None, {"y": 1}),
        ({"y": 1, "z": 2}, None, None, {"y": 1, "z": 2}),
        ({"y": 1, "z": 2}, "singleResult", "v", {"v": {"y": 1, "z": 2}}),
        (ROWS, "collectEntries", "v", {"v": [1, 2]}),
        (ROWS, "resultList", "v", {"v": [{"y": 1}, {"y": 2}]}),
        (ROWS[:1], "singleEntry", "v", {"v": 1}),
        ([], "collectEntries", "v", {"v": []}),
        ([], "resultList", "v", {"v": []}),
        ({"y": None}, "singleEntry", "v", {"v": None}),
        (ROWS, "singleEntry", "v", "实有2条"),
        (ROWS, "singleResult", "v", "实有2条"),
        (ROWS, None, None, "实有2条"),
        ([], "singleEntry", "v", "实有0条"),
        ([], "singleResult", "v", "实有0条"),
        ({"y": 1, "z": 2}, "singleEntry", "v", "实有2个"),
    ],
)
def test_results_become_variables_as_in_camunda(
    result: Any, how: str | None, variable: str | None, expected: Any
) -> None:
    if isinstance(expected, str):
        with pytest.raises(DecisionFailed, match=expected):
            mapped(result, how, variable)
        return
    assert mapped(result, how, variable) == expected


LIST = read([["1", "1"]], policy='hitPolicy="COLLECT"')
COUNT = read([["1", "1"]], policy='hitPolicy="COLLECT" aggregation="COUNT"')
ONE = read([["1", "1"]])
PAIR = read([["1", "1", "2"]], outputs=["y", "z"])
(NAMELESS,) = decisions.parse(document(decision(GOOD.replace(' name="y"', ""), key="a-b")))


@pytest.mark.parametrize(
    ("asked", "attributes", "reason"),
    [
        (ONE, {}, ""),
        (PAIR, {}, ""),
        (COUNT, {}, ""),
        (LIST, {"resultVariable": "v"}, ""),
        (PAIR, {"resultVariable": "v", "mapDecisionResult": "singleResult"}, ""),
        (NAMELESS, {"resultVariable": "v", "mapDecisionResult": "singleEntry"}, ""),
        (ONE, {"decisionRefBinding": "latest"}, ""),
        (ONE, {"decisionRefBinding": "deployment"}, ""),
        (None, {}, "没有可用的决策表“level”"),
        (None, {"decisionRef": ""}, "须用 camunda:decisionRef"),
        (None, {"decisionRef": "${which}"}, "没有可用的决策表“${which}”"),
        (ONE, {"decisionRefBinding": "version"}, "不支持按“version”指定"),
        (ONE, {"resultVariable": "v", "mapDecisionResult": "firstEntry"}, "不认识的结果映射“firstEntry”"),
        (ONE, {"mapDecisionResult": "singleEntry"}, "没有写 camunda:resultVariable"),
        (ONE, {"resultVariable": "a.b"}, "不是可用的变量名"),
        (PAIR, {"resultVariable": "v", "mapDecisionResult": "singleEntry"}, "只有一个输出"),
        (PAIR, {"resultVariable": "v", "mapDecisionResult": "collectEntries"}, "只有一个输出"),
        (LIST, {}, "结果是列表"),
        (NAMELESS, {}, "输出“a-b”不是可用的变量名"),
    ],
)  # fmt: skip
def test_a_task_that_would_lose_its_result_is_refused(
    asked: Decision | None, attributes: dict[str, str], reason: str
) -> None:
    (task,) = decisions.business_rule_tasks(process(**attributes))
    problems = list(task.problems(asked))
    assert [problem.element_id for problem in problems] == ["rate"] * bool(reason)
    assert all(reason in problem.reason and problem.element_name == "评级" for problem in problems)


def test_a_task_sets_what_its_decision_gives() -> None:
    task = BusinessRuleTask("rate", "评级", "level", "singleEntry", "found", None)
    assert task.variables(read([["> 3", '"high"']]), {"x": 4}) == {"found": "high"}


def process(**attributes: str) -> bytes:
    """A process with one business rule task, `rate`."""
    written = "".join(f' camunda:{key}="{value}"' for key, value in {"decisionRef": "level", **attributes}.items())
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t" '
        'xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><process id="rating" isExecutable="true">'
        f'<startEvent id="s"/><businessRuleTask id="rate" name="评级"{written}/><userTask id="look" name="看"/><endEvent id="e"/>'
        '<sequenceFlow id="f1" sourceRef="s" targetRef="rate"/><sequenceFlow id="f2" sourceRef="rate" targetRef="look"/>'
        '<sequenceFlow id="f3" sourceRef="look" targetRef="e"/></process></definitions>'
    ).encode()


def versions() -> list[tuple[str, int, str]]:
    with db.reading() as session:
        not_shipped = DecisionDefinition.resource_name.not_like("decisions/%")
        wanted = select(DecisionDefinition).where(not_shipped)
        wanted = wanted.order_by(DecisionDefinition.key, DecisionDefinition.version)
        return [(each.key, each.version, each.resource_name) for each in session.scalars(wanted)]


def deploy(files: dict[str, bytes], **options: Any) -> None:
    with db.transaction() as session:
        definitions.deploy(session, "test", files, **options)


def test_a_decision_gets_a_version_only_when_itself_changes(bureau: Bureau) -> None:
    one, other = decision(GOOD, key="one"), decision(GOOD, key="other")
    deploy({"a.dmn": document(one, other)})
    deploy({"b.dmn": document(one, other)})
    assert versions() == [("one", 1, "a.dmn"), ("other", 1, "a.dmn")]
    deploy({"c.dmn": document(one, decision(table([["9", "9"]]), key="other"))})
    assert versions() == [("one", 1, "a.dmn"), ("other", 1, "a.dmn"), ("other", 2, "c.dmn")]
    deploy({"d.dmn": document(one)}, only_changed=False)
    assert versions() == [("one", 1, "a.dmn"), ("one", 2, "d.dmn"), ("other", 1, "a.dmn"), ("other", 2, "c.dmn")]


def test_a_process_takes_along_the_latest_of_the_decisions_it_names_and_no_others(bureau: Bureau) -> None:
    older, newer = decision(GOOD), decision(table([["2", "2"]]))
    deploy({"a.dmn": document(older, decision(GOOD, key="other"))})
    deploy({"a.dmn": document(newer)})
    with db.reading() as session:
        taken = decision_definitions.asked_by(session, [process(), process()])
    assert [[each.key, each.decide({"x": 2})] for content in taken.values() for each in decisions.parse(content)] == [
        ["level", {"y": 2}]
    ]


def test_a_refused_table_takes_the_whole_deployment_with_it(bureau: Bureau) -> None:
    bad = decision(table([["approve", "1"]]), key="bad")
    with pytest.raises(DefinitionRefused) as caught:
        deploy({"a.dmn": document(decision(GOOD, key="good")), "b.dmn": document(bad), "c.dmn": b"<"})
    assert [problem.element_id for problem in caught.value.problems] == ["r1c1", ""]
    assert versions() == []


def test_one_key_in_two_files_is_refused(bureau: Bureau) -> None:
    with pytest.raises(DefinitionRefused, match=r"决策“level”在 a\.dmn 和 b\.dmn 中都有"):
        deploy({"a.dmn": document(decision(GOOD)), "b.dmn": document(decision(GOOD))})


def test_a_task_that_asks_for_an_unknown_decision_is_refused(bureau: Bureau) -> None:
    with pytest.raises(DefinitionRefused) as caught:
        deploy({"p.bpmn": process(decisionRef="nobody")})
    assert Problem("rate", "评级", "没有可用的决策表“nobody”", "p.bpmn") in caught.value.problems


def test_a_process_decides_by_the_table_it_was_deployed_with(bureau: Bureau) -> None:
    """Also after the table has changed; a new version of the process takes the new one."""
    single = {"mapDecisionResult": "singleEntry", "resultVariable": "level"}
    low, high = (decision(table([["> 3", f'"{word}"']], inputs=["amount"])) for word in ("low", "high"))
    deploy({"p.bpmn": process(**single), "level.dmn": document(low)})
    first = rate(amount=4)
    deploy({"level.dmn": document(high)})
    still = rate(amount=4)
    deploy({"p.bpmn": process(**single)})
    after = rate(amount=4)
    assert [level(instance) for instance in (first, still, after)] == ["low", "low", "high"]
    with pytest.raises(spiff.StepFailed) as caught:
        rate(amount=3)
    assert "评级" in caught.value.advice
    assert "没有规则与输入相符（amount：“3”）" in caught.value.advice


def rate(**variables: Any) -> str:
    with db.transaction() as session:
        return instances.start(session, "rating", variables, actor=None).id


def level(instance_id: str) -> object:
    with db.reading() as session:
        return runtime.load(session, session.get_one(ProcessInstance, instance_id)).variables()["level"]
