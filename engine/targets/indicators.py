"""Indicator systems of the state (义务教育优质均衡, 学前普及普惠): what their tables say of schools and of a county, and why."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from typing import Any

from engine.targets import measures
from engine.targets.measures import HUNDRED, ZERO

TABLES: dict[str, Any] = tomllib.loads(
    resources.files(__package__).joinpath("indicator_tables.toml").read_text("utf-8")
)
STAGES = {"primary": "小学", "junior": "初中"}
TO_CONFIRM = frozenset("KP")


@dataclass(frozen=True)
class School:
    """What a school has, in total, by the key of a resource item; `kind` is one of those the table weighs or leaves out."""

    name: str
    kind: str
    pupils: Mapping[str, int]
    """By stage."""
    resources: Mapping[str, Decimal]


@dataclass(frozen=True)
class Verdict:
    """`passed` is None where the rule does not apply, or where it cannot be told."""

    subject: str
    passed: bool | None
    why: str


@dataclass(frozen=True)
class Balance:
    """Of a county's schools in one stage."""

    schools: list[Verdict]
    county: list[Verdict]
    """One for each coefficient of variation, and one for the schools together."""

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.county)


def balance(schools: Iterable[School], stage: str) -> Balance:
    """How schools and county stand by the resources (资源配置七项) in one stage."""
    table = TABLES["balanced"]
    taught = [school for school in schools if school.pupils.get(stage) or excluded(school, stage)]
    counted = [school for school in taught if not excluded(school, stage)]
    verdicts = [_school(school, stage) for school in taught]
    bound, words = Decimal(table["county"]["variation"][stage]), STAGES[stage]
    county = []
    for item in table["resources"]:
        value = measures.weighted_variation(
            (share(school, stage, item), Decimal(school.pupils[stage])) for school in counted
        )
        told = "无法计算" if value is None else f"差异系数 {measures.shown(value)}，应不超过 {bound}"
        county.append(
            Verdict(item["name"], None if value is None else value <= bound, f"{words}{item['name']}：{told}")
        )
    failed = [verdict.subject for verdict in verdicts if verdict.passed is False]
    told = f"{words} {len(counted)} 所学校" + (f"，未达到：{'、'.join(failed)}" if failed else "全部达到")
    return Balance(verdicts, [*county, Verdict("各校达标", bool(counted) and not failed, told)])


def excluded(school: School, stage: str) -> str:
    """Why a school does not count; "" if it does."""
    rule = TABLES["balanced"]["excluded"]
    if school.kind in rule["kinds"]["value"]:
        return f"{rule['kind_words'][school.kind]}不计"
    fewest, pupils = rule["fewest_pupils"]["value"], sum(school.pupils.values())
    return f"学生 {pupils} 人，不足 {fewest} 人的不计" if pupils < fewest else ""


def standard_of(code: str) -> Mapping[str, Any] | None:
    """The table that a commitment is held against."""
    return next((table for table in TABLES.values() if code in table["commitments"]), None)


def values_of(table: Mapping[str, Any], known: Mapping[str, Decimal]) -> dict[str, dict[str, Decimal]]:
    """The values of items by the targets that carry them, by name."""
    items = (item for group in table["county_items"].values() for item in group)
    return {item["key"]: {"all": known[item["target"]]} for item in items if item.get("target") in known}


def county_items(table: Mapping[str, Any], values: Mapping[str, Mapping[str, Decimal]]) -> list[Verdict]:
    """How a county stands by the items that are judged for it as a whole: by item, and within it by what the table tells apart."""
    items = [item for group in table["county_items"].values() for item in group]
    return [_county_item(item, values.get(item["key"], {})) for item in items]


def _county_item(item: Mapping[str, Any], values: Mapping[str, Decimal]) -> Verdict:
    mark = _to_confirm(item)
    if "values" not in item:
        return Verdict(item["name"], None, f"{item['name']}：查阅材料判定{mark}")
    missing = [part for part in item["values"] if part not in values]
    if missing:
        return Verdict(item["name"], None, f"{item['name']}：尚无数据{mark}")
    goals = {part: Decimal(goal) for part, goal in item["values"].items()}
    kept = all(measures.met(item["operator"], values[part], goal) for part, goal in goals.items())
    told = "，".join(f"{values[part]}（应 {item['operator']} {goal}{item['unit']}）" for part, goal in goals.items())
    return Verdict(item["name"], kept, f"{item['name']}：{told}{mark}")


def _school(school: School, stage: str) -> Verdict:
    if reason := excluded(school, stage):
        return Verdict(school.name, None, f"{school.name}：{reason}")
    table, pupils = TABLES["balanced"], Decimal(school.pupils[stage])
    rule, rest = table["school"], Decimal(table["school"]["rest_percent"]["value"])
    short, low = [], []
    for item in table["resources"]:
        has, goal = share(school, stage, item) * item["per"] / pupils, Decimal(item[stage])
        if has < goal:
            percent = HUNDRED * has / goal
            short.append(f"{item['name']} {measures.shown(has)}{item['unit']}，应 {goal}，达 {percent:.1f}%")
            low += [item["name"]] if percent < rest else []
    reached = len(table["resources"]) - len(short)
    passed = reached >= rule["reach"]["value"] and not low
    told = f"七项达到 {reached} 项，应至少 {rule['reach']['value']} 项，其余不低于标准的 {rest}%{_to_confirm(rule['rest_percent'])}"
    told += f"；未达到：{'；'.join(short)}" if short else ""
    weights = table["weights"].get(school.kind, {})
    told += f"；{_weighed(weights)}" if len(weights) > 2 else ""
    return Verdict(school.name, passed, f"{school.name}：{told}")


def _to_confirm(entry: Mapping[str, Any]) -> str:
    return "（标准待核对）" if entry["mark"] in TO_CONFIRM else ""


def share(school: School, stage: str, item: Mapping[str, Any]) -> Decimal:
    """What of a combined school's resources counts for a stage: by its pupils, weighed as the table says."""
    weights = TABLES["balanced"]["weights"].get(school.kind, {})
    weighed = {each: Decimal(weights.get(each, "1")) * count for each, count in school.pupils.items()}
    return school.resources.get(item["key"], ZERO) * weighed[stage] / sum(weighed.values())


def _weighed(weights: Mapping[str, str]) -> str:
    parts = [weight for stage, weight in weights.items() if stage != "mark"]
    return f"一贯制或完全中学，资源按学生数 {'∶'.join(parts)} 折算到各学段"
