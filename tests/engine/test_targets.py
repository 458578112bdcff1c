"""Targets: how figures add up, what is refused, and how a target stands by what units have reported and nothing else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from marshmallow import ValidationError
from sqlalchemy import select

from engine import clock, db, definitions, instances, runtime
from engine.models import Commitment, Figure, Person, Position, ProcessInstance, Submission, Target, Unit
from engine.targets import figures, indicators, measures, progress, subject
from engine.targets.indicators import School
from engine.targets.measures import Reading
from engine.targets.progress import TargetState
from tests.driver import Answer, Bureau

FIGURES = (Path(__file__).parent / "figures.bpmn").read_bytes()
BOOKS = [(279, 45), (137, 37), (935, 89), (160, 76), (402, 55)]
"""Books and pupils of five schools: the worked example of the coefficient of variation."""


def test_the_coefficient_of_variation_is_weighted_by_enrolment() -> None:
    value = measures.weighted_variation((Decimal(books), Decimal(pupils)) for books, pupils in BOOKS)
    assert value is not None
    assert round(value, 4) == Decimal("0.5153")
    assert round(value, 4) not in (Decimal("0.4888"), Decimal("0.5465")), "that one counts each school alike"
    assert value > Decimal("0.50"), "the plain one would pass in primary schools"


def test_nothing_has_no_variation() -> None:
    assert measures.weighted_variation([]) is None
    assert measures.weighted_variation([(Decimal(0), Decimal(100)), (Decimal(0), Decimal(60))]) is None


@pytest.mark.parametrize(
    ("operator", "value", "tolerance", "met", "way"),
    [
        ("=", "5", "0", True, 100),
        ("=", "4", "0", False, 80),
        ("=", "6", "0", False, 83),
        (">=", "5", "0", True, 100),
        (">=", "4.999", "0", False, 99),
        ("<=", "5", "0", True, 100),
        ("<=", "10", "0", False, 50),
        (">", "5", "0", False, 100),
        (">", "5.01", "0", True, 100),
        ("<", "5", "0", False, 100),
        ("~", "4", "1", True, 100),
        ("~", "6", "1", True, 100),
        ("~", "2", "1", False, 50),
        ("~", "7", "1", False, 85),
        ("~", "4", "0", False, 80),
    ],
)
def test_a_promise_is_kept_by_its_operator(operator: str, value: str, tolerance: str, met: bool, way: int) -> None:
    asked = operator, Decimal(value), Decimal(5), Decimal(tolerance)
    assert measures.met(*asked) is met
    assert int(measures.way(*asked)) == way


def test_zero_is_reached_by_nothing_but_zero() -> None:
    assert measures.way("=", Decimal(0), Decimal(0)) == 100
    assert measures.way("=", Decimal(3), Decimal(0)) == 0
    assert measures.way(">", Decimal(0), Decimal(0)) == 0


def test_ratios_are_added_before_they_are_divided() -> None:
    small, large = Reading(part=Decimal(10), whole=Decimal(10)), Reading(part=Decimal(850), whole=Decimal(1000))
    value, how = measures.ratio([small, large], "%")
    assert value == Decimal(86000) / Decimal(1010)
    assert value < 90, "the mean of the two ratios is 92.5"
    assert "先加后除" in how
    assert measures.ratio([large], "倍")[0] == Decimal("0.85")
    assert measures.ratio([Reading(part=Decimal(0), whole=Decimal(0))], "%") == (None, "分母为 0，无法计算")


def test_a_list_counts_each_name_once_however_it_is_written() -> None:
    lists = [Reading(entries=("江南中学", "ＡＢ 学校")), Reading(entries=("江南 中学", "ab学校", "湖滨小学"))]
    assert measures.listed(lists, "所") == (Decimal(3), "名单 3 项，已去掉重复 2 项")


def test_the_worst_of_several_items_is_the_coefficient_that_counts() -> None:
    books = [Reading(part=Decimal(has), whole=Decimal(pupils), entries=("图书",)) for has, pupils in BOOKS]
    even = [Reading(part=Decimal(pupils), whole=Decimal(pupils), entries=("器材",)) for _, pupils in BOOKS]
    value, how = measures.variation([*books, *even], "比值")
    assert value is not None
    assert round(value, 4) == Decimal("0.5153")
    assert "图书" in how
    reported = [Reading(value=Decimal("0.41")), Reading(value=Decimal("0.47"))]
    assert measures.variation(reported, "比值")[0] == Decimal("0.47")


@pytest.mark.parametrize(
    ("written", "words"), [("5", "5"), ("85.14851", "85.1485"), ("-3", "-3"), ("0", "0"), ("1e30", "1" + "0" * 30)]
)
def test_a_number_is_shown_as_people_write_it(written: str, words: str) -> None:
    assert measures.shown(Decimal(written)) == words


# Indicator systems


def school(name: str, *, kind: str = "primary", pupils: dict[str, int] | None = None, **has: str) -> School:
    """One that has exactly what the standard of primary schools asks for, but for what is named."""
    held = pupils or {"primary": 200}
    counted = sum(held.values())
    full = {
        item["key"]: Decimal(item["primary"]) * counted / item["per"]
        for item in indicators.TABLES["balanced"]["resources"]
    }
    return School(name, kind, held, full | {key: Decimal(value) for key, value in has.items()})


def test_a_school_needs_six_of_seven_and_85_percent_of_the_rest() -> None:
    schools = [
        school("全达标"), school("差一项", equipment="340000"), school("太低", equipment="339999"),
        school("差两项", equipment="399999", sports_grounds="1499"),
    ]  # fmt: skip
    verdicts = {each.subject: each for each in indicators.balance(schools, "primary").schools}
    assert {name: verdict.passed for name, verdict in verdicts.items()} == {
        "全达标": True, "差一项": True, "太低": False, "差两项": False,
    }  # fmt: skip
    assert "生均教学仪器设备值 1700元，应 2000，达 85.0%" in verdicts["差一项"].why
    assert "七项达到 5 项" in verdicts["差两项"].why


def test_small_and_special_schools_do_not_count() -> None:
    schools = [
        school("甲"), school("教学点", pupils={"primary": 49}, equipment="0"), school("启明", kind="special", equipment="0"),
    ]  # fmt: skip
    judged = indicators.balance(schools, "primary")
    assert [each.passed for each in judged.schools] == [True, None, None]
    assert "不足 50 人" in judged.schools[1].why
    assert judged.passed
    assert not indicators.balance([school("五十", pupils={"primary": 50}, equipment="0")], "primary").passed


def test_a_nine_year_school_is_split_by_weighed_pupils() -> None:
    nine = school("九年", kind="nine_year", pupils={"primary": 110, "junior": 100}, equipment="440000")
    (verdict,) = indicators.balance([nine], "primary").schools
    assert "1∶1.1" in verdict.why
    assert "生均教学仪器设备值" not in verdict.why.replace("2000", ""), "half of it for 110 pupils is 2000 each"
    (junior,) = indicators.balance([nine], "junior").schools
    assert "生均教学仪器设备值 2200元，应 2500，达 88.0%" in junior.why


def test_a_county_fails_by_one_coefficient_alone() -> None:
    rich, poor = school("富", leading_teachers="20"), school("穷", leading_teachers="2")
    judged = indicators.balance([rich, poor], "primary")
    failed = [verdict.subject for verdict in judged.county if verdict.passed is False]
    assert failed == ["每百名学生拥有县级以上骨干教师数"]
    assert "0.8182，应不超过 0.50" in next(each.why for each in judged.county if each.passed is False)
    assert all(verdict.passed for verdict in judged.schools)


def test_the_tables_hold_what_the_state_asks_for() -> None:
    items = indicators.TABLES["balanced"]["county_items"]
    assert {group: len(rows) for group, rows in items.items()} == {"government": 15, "quality": 9, "recognition": 1}
    assert len(indicators.TABLES["balanced"]["resources"]) == 7
    every = [row for table in ("balanced", "preschool") for rows in indicators.TABLES[table]["county_items"].values()
             for row in rows]  # fmt: skip
    assert all(row["mark"] in "LVKP" for row in every)


def test_a_county_item_is_judged_by_its_own_operator() -> None:
    told = {"affordable": {"all": Decimal("79.99")}, "enrolment": {"all": Decimal(85)}}
    verdicts = {each.subject: each for each in indicators.county_items(indicators.TABLES["preschool"], told)}
    assert verdicts["普惠性幼儿园覆盖率"].passed is False
    assert verdicts["学前三年毛入园率"].passed is True
    assert verdicts["社会认可度"].passed is None
    assert "待核对" in verdicts["公办园生均公用经费"].why


# What is shipped


def test_every_shipped_target_says_how_it_is_counted(bureau: Bureau) -> None:
    with db.reading() as session:
        targets = list(session.scalars(select(Target)))
        assert len(targets) == 92
        for target in targets:
            assert (target.counting in measures.COUNTINGS) is measures.is_quantity(target)
            assert (target.tolerance is not None) is (target.operator == "~")
            assert target.counting is None or "counting" in target.assumed
        assert all(target.definition for target in targets if target.headline)
        batch = next(target for target in targets if not measures.is_quantity(target))
        assert "第" in measures.promise(batch)


# Through the doors


@pytest.fixture
def collecting(bureau: Bureau) -> Bureau:
    with db.transaction() as session:
        definitions.deploy(session, "figures", {"figures.bpmn": FIGURES})
    return bureau


def collect(code: str, unit: str | None = None) -> str:
    """Start a collection for a commitment, two levels below it, in the name of a unit; its instance."""
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == code)).one()
        named = session.scalars(select(Unit).where(Unit.key == unit)).one() if unit else commitment.lead
        between = instances.start(session, "figures", actor=None, unit_id=named.id, parent_id=commitment.instance_id)
        return instances.start(session, "figures", actor=None, unit_id=named.id, parent_id=between.id).id


def told(code: str, on: date | None = None) -> list[TargetState]:
    with db.reading() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == code)).one()
        return progress.state_of(session, commitment, on or clock.today())


def row(index: int = 0, /, item: str = "1", **cells: str) -> dict[str, str]:
    """A figure of 12 March with its document; `cells` adds to it or leaves out."""
    whole = {
        "item": item, "as_of": "2021-03-12", "source": "锡教发〔2021〕8号", "evidence_kind": "统计报表", "unit": "%",
        **cells,
    }  # fmt: skip
    return {f"figures.{index}.{name}": value for name, value in whole.items()}


def submit(bureau: Bureau, instance: str, login: str = "jj_officer1", **cells: str) -> Answer:
    return bureau.person(login).does(bureau.open_task(instance, "report"), **row(**cells))


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"unit": ""}, "计量单位须写“%”，现在没有写"),
    ({"unit": "所"}, "现在写的是“所”"),
    ({"value": "105", "numerator": "", "denominator": ""}, "百分率不能超过 100%"),
    ({"numerator": "101", "denominator": "100"}, "分子 101 不能大于分母 100"),
    ({"value": "92", "numerator": "", "denominator": ""}, "不能只报百分率"),
    ({"numerator": "5", "denominator": "0"}, "不能只报百分率"),
    ({"value": "95", "numerator": "90", "denominator": "100"}, "与分子、分母不符：90 ÷ 100 = 90%"),
    ({"as_of": "2021-03-13"}, "日期不能晚于今天"),
    ({"as_of": "2020-12-31"}, "日期须在本任务的期间内：2021-01-01 至"),
]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_wrong_figures_are_refused_with_rule_and_source_and_nothing_is_lost(collecting: Bureau) -> None:
    instance = collect("5-5")
    for cells, words in REFUSED:
        typed = {"numerator": "900", "denominator": "1000", "source": "某份特别的报表", **cells}
        answer = submit(collecting, instance, **typed)
        assert answer.status == 422, cells
        assert answer.says(words), cells
        assert answer.says("依据：")
        assert answer.says("普惠优质学前资源覆盖率")
        assert answer.says("某份特别的报表")
    wrong_kind = submit(collecting, instance, numerator="900", denominator="1000", evidence_kind="照片")
    assert wrong_kind.status == 422
    empty = collecting.person("jj_officer1").does(collecting.open_task(instance, "report"), note="没有数据")
    assert empty.says("至少填写一项目标的数据")
    assert collecting.count(Figure) == 0
    # A period that began before the plan was issued is no error.
    assert submit(collecting, instance, numerator="900", denominator="1000", as_of="2021-01-31").status == 302
    assert collecting.count(Figure) == 1


def test_a_ratio_is_that_of_the_city_and_each_figure_keeps_its_source(collecting: Bureau) -> None:
    # given
    first, other = collect("5-5"), collect("5-5", "TWY")
    assert submit(collecting, first, numerator="10", denominator="10").status == 302
    assert submit(collecting, other, "twy_officer1", numerator="850", denominator="1000").status == 302
    # when
    (state,) = told("5-5")
    # then
    assert state.value is not None
    assert measures.shown(state.value) == "85.1485"
    assert (state.result, state.word) == ("on_track", "正常推进")
    assert {(figure.source, figure.evidence_kind) for figure in state.figures} == {("锡教发〔2021〕8号", "统计报表")}
    assert "口径：分母为在园幼儿总数" in state.why
    assert "数据截至 2021-03-12" in state.why
    with db.reading() as session:
        known = runtime.load(session, session.get_one(ProcessInstance, other)).variables()
    assert (known["result"], known["hardness"], known["met"]) == ("on_track", "硬", False)


def test_a_later_figure_of_the_same_unit_and_day_replaces_the_earlier_and_both_stay(collecting: Bureau) -> None:
    for numerator in ("700", "950"):
        assert submit(collecting, collect("5-5"), numerator=numerator, denominator="1000").status == 302
    (state,) = told("5-5")
    assert (state.value, state.result) == (Decimal(95), "met")
    assert [figure.numerator for figure in state.superseded] == ["700"]
    page = collecting.person("jj_head").get("/plan/targets")
    assert page.says("700 ÷ 1000")
    assert page.says("已被后报的替代")


def test_names_in_a_list_are_counted_once_and_twice_is_refused(collecting: Bureau) -> None:
    zj = {"unit": "所", "evidence_kind": "立项文"}
    instance = collect("6-4")
    twice = submit(collecting, instance, "zj_officer1", entries="甲职校\n乙职校\n甲 职校", **zj)
    assert twice.says("名单里“甲 职校”写了两次")
    short = submit(collecting, instance, "zj_officer1", entries="甲职校\n乙职校", value="5", **zj)
    assert short.says("名单有 2 项，数值却填了 5")
    bare = submit(collecting, instance, "zj_officer1", value="5", **zj)
    assert bare.says("逐行写出名称")
    assert submit(collecting, instance, "zj_officer1", entries="甲职校\n乙职校", **zj).status == 302
    assert submit(collecting, collect("6-4"), "zj_officer1", entries="乙职校\n丙职校", **zj).status == 302
    (state,) = told("6-4")
    assert state.value == 3
    assert "已去掉重复 1 项" in state.why
    assert state.word == "正常推进", "three of five in March are well ahead of an even year"
    assert told("6-4", date(2021, 12, 1))[0].word == "有差距"
    assert told("6-4", date(2022, 1, 1))[0].word == "未达标"


def test_only_a_change_may_be_negative_and_a_promise_to_grow_is_not_kept_by_it(collecting: Bureau) -> None:
    change = {"unit": "人", "evidence_kind": "上年对比", "value": "-40"}
    assert submit(collecting, collect("7-3"), officer_of("7-3"), **change).status == 302
    assert (told("7-3")[0].value, told("7-3")[0].word) == (Decimal(-40), "有差距")
    counted = {"unit": "起", "evidence_kind": "事件报告", "value": "-1"}
    assert submit(collecting, collect("18-9"), "twy_officer1", **counted).says("不能是负数")


def test_who_may_not_see_an_instance_does_not_see_the_names_it_reported(collecting: Bureau) -> None:
    zj = {"unit": "名", "evidence_kind": "名单", "entries": "张三同学\n李四同学"}
    assert submit(collecting, collect("6-9"), "zj_officer1", **zj).status == 302
    assert collecting.person("zj_officer1").get("/plan/targets").says("张三同学")
    other = collecting.person("jj_officer1").get("/plan/targets")
    assert other.says("2 名")
    assert not other.says("张三同学")


def test_what_has_no_date_yet_does_not_break_the_page(collecting: Bureau) -> None:
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == "16-14")).one()
        commitment.due_on = None  # type: ignore[assignment]
    assert told("16-14")[0].word == "尚无数据"
    assert collecting.person("jj_head").get("/plan/targets").status == 200


def test_a_batch_is_a_label_and_never_a_quantity(collecting: Bureau) -> None:
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == "5-8")).one()
        assert commitment.instance_id is not None
        assert subject.SOURCES["targets"](session, commitment.instance_id) == []
        assert progress.state_of(session, commitment, clock.today()) == []
        data = {"figures": [{"item": "1", "value": 2, "numerator": None, "denominator": None, "unit": "批次号",
                             "entries": None, "as_of": "2021-03-11", "evidence_kind": "评分"}]}  # fmt: skip
        with pytest.raises(ValidationError) as refused:
            figures.require_figures(session, runtime.lock(session, commitment.instance_id), data, actor=None)  # type: ignore[arg-type]
        assert "不是数量" in str(refused.value)
    page = collecting.person("jj_head").get("/plan/targets")
    assert page.says("批次：第2")


def test_one_event_is_red_at_once_and_an_aspiration_is_told_apart(collecting: Bureau) -> None:
    case = {"unit": "起", "evidence_kind": "事件报告"}
    assert told("18-9")[0].word == "尚无数据", "no report is not a report of zero"
    assert submit(collecting, collect("18-9"), "twy_officer1", value="0", **case).status == 302
    assert told("18-9")[0].word == "目前达标"
    assert submit(collecting, collect("18-9"), "twy_officer1", value="1", **case).status == 302
    assert (told("18-9")[0].value, told("18-9")[0].result) == (Decimal(1), "missed")
    assert told("18-10", date(2022, 1, 1))[0].result == "aspiration_missed"
    assert told("18-9", date(2022, 1, 1))[0].result == "missed"


def test_the_sum_that_a_commitment_tells_itself_is_not_counted_beside_its_parts(collecting: Bureau) -> None:
    case = {"unit": "起", "evidence_kind": "事件报告", "value": "1"}
    for _ in range(2):
        assert submit(collecting, collect("18-9"), "twy_officer1", **case).status == 302
    assert told("18-9")[0].value == Decimal(2)
    with db.transaction() as session:
        commitment = session.scalars(select(Commitment).where(Commitment.code == "18-9")).one()
        part = session.scalars(select(Figure)).first()
        assert part is not None
        assert commitment.instance_id is not None
        row = {
            "item": "1",
            "value": 3,
            "unit": "起",
            "as_of": "2021-03-12",
            "source": "年度汇总",
            "evidence_kind": "事件报告",
        }
        sent = Submission(user_task_id=None, submitted_by_id=part.reported_by_id, submitted_at=part.reported_at)
        own = runtime.lock(session, commitment.instance_id)
        progress.record(session, commitment, [row], instance=own, submission=sent)
    (state,) = told("18-9")
    assert (state.value, len(state.superseded)) == (Decimal(3), 2)


def test_a_commitment_is_concluded_only_with_a_figure_for_every_target(collecting: Bureau) -> None:
    instance = collect("12-1")
    fg = {"evidence_kind": "执法案卷", "numerator": "8", "denominator": "8"}
    assert submit(collecting, instance, "fg_officer1", **fg).status == 302
    task, officer = collecting.open_task(instance, "conclude"), collecting.person("fg_officer1")
    told_so = {"as_of": "2021-03-12", "situation": "全部重大执法决定都经法制审核"}
    refused = officer.does(task, **told_so)
    assert refused.says("还没有数据：执法全过程记录率")
    assert refused.says("全部重大执法决定都经法制审核")
    evidence = {"kind": "执法案卷", "name": "案卷汇编", "number": "锡教法〔2021〕1号", "date": "2021-04-01"}
    late = officer.does(
        task, **told_so, **row(1, "2", **fg), **{f"evidence.0.{key}": value for key, value in evidence.items()}
    )
    assert late.says("第1行：日期不能晚于今天")
    evidence["date"] = "2020-12-20"
    done = officer.does(
        task, **told_so, **row(1, "2", **fg), **{f"evidence.0.{key}": value for key, value in evidence.items()}
    )
    assert done.status == 302
    assert collecting.status(instance) == "completed"
    assert [state.word for state in told("12-1")] == ["目前达标", "目前达标"]


def test_the_page_shows_headlines_first_and_hardness_apart(collecting: Bureau) -> None:
    assert submit(collecting, collect("5-5"), numerator="950", denominator="1000").status == 302
    page = collecting.person("jj_head").get("/plan/targets")
    assert page.status == 200
    order = [
        page.text.index(words)
        for words in ("主要目标", "普惠优质学前资源覆盖率", "约数目标", "争取目标", "其他目标", "批次与届次")
    ]
    assert order == sorted(order)
    assert page.says("锡教发〔2021〕8号")
    assert collecting.person("jj_head").get("/plan").says("目标与数据")
    assert collecting.person(at_school()).get("/plan/targets").status == 403


def officer_of(code: str) -> str:
    """An officer of the unit that leads a commitment."""
    with db.reading() as session:
        lead = select(Commitment.lead_id).where(Commitment.code == code).scalar_subquery()
        held = Position.unit_id == lead, Position.role == "officer"
        return session.scalars(select(Person.login).join(Position).where(*held).order_by(Person.login)).first() or ""


def at_school() -> str:
    with db.reading() as session:
        wanted = select(Person.login).join(Position).where(Position.role == "school_officer").order_by(Person.login)
        return session.scalars(wanted.limit(1)).one()
