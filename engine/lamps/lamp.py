"""The lamp of anything that is due: a pure function of its facts, of a moment, and of the thresholds in force.

Views look at the same facts: by time, by progress against a linear plan (with the start that was missed), by reporting
period, and at the bottom line. The worst of them wins and says why. What was late once is never green again. A fact that was recorded
only after the due date does not undo that it was late; a stretch under pause does not count. By time and by progress the
colour is that of a decision table (`bpmn/decisions/lamp_by_….dmn`), which diagrams may ask as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from engine import clock
from engine.decisions import shipped
from engine.lamps import periods
from engine.lamps.periods import Period

OPENED, DUE_SET, RELEASED = "opened", "due_set", "released"
PROGRESS, PERIOD_REPORTED = "progress", "period_reported"
PAUSED, RESUMED, DONE, REOPENED = "paused", "resumed", "done", "reopened"
CLOSED, CARRIED_OVER = "closed", "carried_over"
BREACHED = "breached"
"""What must not happen has happened (底线): it cannot be made good."""
KINDS = (
    OPENED, DUE_SET, RELEASED, PROGRESS, PERIOD_REPORTED, PAUSED, RESUMED, BREACHED, DONE, REOPENED, CLOSED, CARRIED_OVER,
)  # fmt: skip
"""All kinds of facts, in the order in which those of one moment are read."""

STOPS = {DUE_SET: "延期", PAUSED: "暂停", DONE: "完成", CLOSED: "办结"}
"""What stops a clock or sets it anew, in words. Recorded after the clock has run out, it comes too late."""


class Fact(NamedTuple):
    id: str
    kind: str
    happened_at: datetime
    recorded_at: datetime
    value: dict[str, Any]
    recorded_by_id: str | None = None


@dataclass(frozen=True)
class Thresholds:
    """Borders between colours; `engine.lamps.thresholds` knows which are in force."""

    near_due_days: float
    near_due_days_of_steps: float
    behind_yellow: float
    behind_red: float
    start_yellow_months: float
    start_red_months: float
    report_yellow_months: float
    report_red_months: float
    report_grace_days: float
    backdated_days: float

    def for_steps(self) -> Thresholds:
        """For what takes days rather than months: user tasks, visits, findings."""
        return replace(self, near_due_days=self.near_due_days_of_steps)


class Colour(StrEnum):
    """Worst first. 蓝 (临期) is no fault yet: it warns that a date is near."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"
    GREEN = "green"
    GREY = "grey"


SEVERITY = list(Colour)


class State(StrEnum):
    UNOPENED = "unopened"
    NOT_BEGUN = "not_begun"
    OPEN = "open"
    PAUSED = "paused"
    DONE = "done"
    CARRIED_OVER = "carried_over"


@dataclass(frozen=True)
class Reason:
    """What one view says: its colour in a word and in a sentence with the numbers, and the facts it rests on."""

    view: str
    colour: Colour
    word: str
    text: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Lamp:
    colour: Colour
    state: State
    reasons: tuple[Reason, ...]
    """Worst first; the first one gave the colour."""
    percent: float | None = None
    """As last reported; None if nothing was."""
    due: datetime | None = None
    original_due: datetime | None = None
    """What it is scored by, however often it was extended."""

    @property
    def word(self) -> str:
        return self.reasons[0].word


def lamp(facts: Iterable[Fact], at: datetime, thresholds: Thresholds) -> Lamp:
    """How a thing stood at a moment, by the facts that are given; what happened after it is not looked at."""
    story = _Story(facts := list(facts), at)
    story.lapse = _first_lapse(facts, at)
    found = [reason for view in VIEWS if (reason := view(story, thresholds)) is not None]
    # Where no clock runs nothing is well, nor near; what was wrong stays wrong.
    hidden = {State.OPEN: (), State.DONE: (), State.NOT_BEGUN: (Colour.GREEN,)}.get(
        story.state, (Colour.GREEN, Colour.BLUE)
    )
    found = [each for each in found if each.colour not in hidden]
    reasons = tuple(sorted(found, key=lambda reason: SEVERITY.index(reason.colour)))
    percent = story.last[PROGRESS].value["percent"] if PROGRESS in story.last else None
    original = _due_of(story.dues[0]) if story.dues else None
    return Lamp(reasons[0].colour, story.state, reasons, percent, story.due, original)


def of_group(members: Sequence[tuple[str, Lamp]]) -> Lamp:
    """The lamp of a work point: that of its worst commitment, the first of several, which it names."""
    if not members:
        return Lamp(Colour.GREY, State.UNOPENED, (Reason("group", Colour.GREY, "没有任务", "没有任务"),))
    name, worst = min(members, key=lambda member: SEVERITY.index(member[1].colour))
    counts = [(word, sum(each.colour == colour for _, each in members)) for colour, word in WORDS.items()]
    told = "、".join(f"{word}灯 {count} 项" for word, count in counts if count)
    text = f"{len(members)} 项任务：{told}。以最差的一项为准，{name}：{worst.reasons[0].text}"
    state = worst.state if len({each.state for _, each in members}) == 1 else State.OPEN
    word = {Colour.GREEN: "完成" if state == State.DONE else "正常", Colour.GREY: worst.word}.get(worst.colour)
    reason = Reason("group", worst.colour, word or f"{name} {worst.word}", text, worst.reasons[0].facts)
    return Lamp(worst.colour, state, (reason,))


WORDS = {Colour.RED: "红", Colour.YELLOW: "黄", Colour.BLUE: "蓝", Colour.GREEN: "绿", Colour.GREY: "灰"}


def is_backdated(fact: Fact, thresholds: Thresholds) -> bool:
    """Whether it was recorded so long after it happened that it is labelled (补录)."""
    return (_local(fact.recorded_at) - _local(fact.happened_at)).days > thresholds.backdated_days


class _Lapse(NamedTuple):
    """A due date that passed, and the fact that was recorded too late for it."""

    due: datetime
    too_late: Fact


def _first_lapse(facts: Sequence[Fact], at: datetime) -> _Lapse | None:
    """Whether by what was known at some moment the thing was overdue at that moment, though a later record says otherwise."""
    stops = (fact for fact in facts if fact.kind in STOPS and fact.happened_at <= at)
    for stop in sorted(stops, key=lambda fact: (fact.recorded_at, fact.id)):
        known = [fact for fact in facts if fact.recorded_at < stop.recorded_at]
        then = _Story(known, min(stop.recorded_at, at))
        if then.is_overdue and then.due is not None:
            return _Lapse(then.due, stop)
    return None


class _Story:
    """What the facts tell, one after the other: the due date, the pauses, whether it is done."""

    def __init__(self, facts: Iterable[Fact], at: datetime) -> None:
        self.last: dict[str, Fact] = {}
        self.dues: list[Fact] = []
        self.pauses: list[tuple[Fact, Fact | None]] = []
        self.covered: list[Fact] = []
        self.done: Fact | None = None
        self.lapse: _Lapse | None = None
        for fact in sorted((each for each in facts if each.happened_at <= at), key=_order):
            self._take(fact)
        self.until = self.last[CARRIED_OVER].happened_at if CARRIED_OVER in self.last else at
        self.today = _local(self.until)
        self.due = self._due()

    def _take(self, fact: Fact) -> None:
        self.last[fact.kind] = fact
        if fact.kind == DUE_SET:
            self.dues.append(fact)
        elif fact.kind == PERIOD_REPORTED:
            self.covered.append(fact)
        elif fact.kind == PAUSED and not self.is_paused:
            self.pauses.append((fact, None))
        elif fact.kind == RESUMED and self.is_paused:
            self.pauses[-1] = (self.pauses[-1][0], fact)
        elif fact.kind in (DONE, CLOSED):
            self.done = self.done or fact
        elif fact.kind == REOPENED:
            self.done = None

    def _due(self) -> datetime | None:
        """The latest due date that was set, later by the days it was paused since."""
        if not self.dues:
            return None
        return _due_of(self.dues[-1]) + timedelta(days=self.paused_days(_local(self.dues[-1].happened_at), self.today))

    @property
    def is_overdue(self) -> bool:
        """A day ends at 24:00; a due date is kept as its last second."""
        return self.done is None and self.due is not None and self.until.replace(microsecond=0) > self.due

    def paused_days(self, since: date, until: date) -> int:
        return sum(max(0, (min(end, until) - max(begin, since)).days) for begin, end in self._paused())

    def counts(self, period: Period) -> bool:
        """A period that was touched by a pause is not held against anybody."""
        return not any(begin < period.next and end >= period.first for begin, end in self._paused())

    def _paused(self) -> list[tuple[date, date]]:
        return [
            (_local(begin.happened_at), _local(end.happened_at) if end else self.today) for begin, end in self.pauses
        ]

    @property
    def is_paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1][1] is None

    @cached_property
    def start(self) -> date | None:
        """The planned start. What began before it was opened is counted from then; None for what begins at once."""
        opened = self.last.get(OPENED)
        if opened is None or not opened.value.get("begins"):
            return None
        return max(date.fromisoformat(opened.value["begins"]), _local(opened.happened_at))

    @cached_property
    def begun(self) -> date | None:
        """The day on which it really began: released and its start reached, or progress was reported before that."""
        told = [_local(self.last[PROGRESS].happened_at)] if PROGRESS in self.last else []
        if self.start is not None and RELEASED in self.last:
            told.append(max(self.start, _local(self.last[RELEASED].happened_at)))
        return min((day for day in told if day <= self.today), default=None)

    @property
    def cadence(self) -> str | None:
        """How often it reports; until its first report, which is asked for at once, every month counts."""
        cadence: str | None = self.last[OPENED].value.get("cadence") if self.covered else None
        return cadence

    @cached_property
    def state(self) -> State:
        if self.done is not None:
            return State.DONE
        if OPENED not in self.last:
            return State.UNOPENED
        if CARRIED_OVER in self.last:
            return State.CARRIED_OVER
        if self.is_paused:
            return State.PAUSED
        return State.NOT_BEGUN if self.start is not None and self.begun is None else State.OPEN

    @property
    def runs_by_plan(self) -> bool:
        """It has begun, is not done, and has a plan of its own to be held against."""
        return self.start is not None and self.begun is not None and self.done is None


def _by_time(story: _Story, thresholds: Thresholds) -> Reason | None:
    due, facts = story.due, tuple(story.dues)
    if due is None and story.done is None:
        return Reason("time", Colour.GREY, "不限期", "没有期限", facts) if story.state == State.OPEN else None
    left = (_local(due) - story.today).days if due else 0
    asked = {
        "done": story.done is not None, "overdue": story.is_overdue, "lapsed": story.lapse is not None,
        "days_left": left, "near_due_days": thresholds.near_due_days,
    }  # fmt: skip
    colour = Colour(shipped.decide("lamp_by_time", asked)["colour"])
    if story.done is not None:
        return _when_done(story, story.done, colour)
    assert due is not None
    said = f"期限 {_day(due)}{_changes(story)}"
    if story.is_overdue:
        word = f"超期 {-left} 天" if left < 0 else "已超时"
        return Reason("time", colour, word, f"{said}，{word}，尚未完成", facts)
    if story.lapse is not None:
        return Reason("time", colour, "曾逾期", f"{said}；{_told(story.lapse)}", facts)
    word = "今天到期" if left == 0 else f"还有 {left} 天"
    return Reason("time", colour, word, f"{said}，{word}", facts)


def _when_done(story: _Story, done: Fact, colour: Colour) -> Reason:
    facts, finished = (*story.dues, done), f"{_day(done.happened_at)} 完成"
    said = f"期限 {_day(_due_of(story.dues[-1]))}{_changes(story)}，{finished}" if story.dues else finished
    if done.value.get("missed"):
        return Reason("time", Colour.RED, "未达标", f"{said}，目标未达到，经审定办结", facts)
    if story.lapse is None:
        return Reason("time", colour, "完成", said, facts)
    passed, too_late = story.lapse
    if too_late is not done:
        return Reason("time", colour, "曾逾期", f"{said}；{_told(story.lapse)}", facts)
    if done.happened_at.replace(microsecond=0) > passed:
        return Reason("time", colour, "迟完成", f"{said}；迟完成的不再转绿", facts)
    late = f"{_day(done.recorded_at)} 才登记（补录），按迟完成计"
    return Reason("time", colour, "迟登记", f"{said}，{late}", facts)


def _told(lapse: _Lapse) -> str:
    after = f"{_day(lapse.too_late.recorded_at)} 才登记{STOPS[lapse.too_late.kind]}"
    return f"期限 {_day(lapse.due)} 已过，{after}，曾逾期的不再转绿"


def _by_start(story: _Story, thresholds: Thresholds) -> Reason | None:
    """银川: not begun in its month is yellow, three months running red."""
    if story.state == State.UNOPENED:
        return Reason("start", Colour.GREY, "未立项", "当时还没有立项")
    if story.start is None or story.begun is not None or story.done is not None:
        return None
    facts = tuple(story.last[kind] for kind in (OPENED, RELEASED) if kind in story.last)
    missed = [month for month in periods.closed(None, story.start, story.today) if story.counts(month)]
    colour = _graded(len(missed), thresholds.start_yellow_months, thresholds.start_red_months) or Colour.GREY
    waits = "待启动日" if RELEASED in story.last or story.start > story.today else "待方案批准"
    late = f"，已过 {len(missed)} 个月未启动" if missed else ""
    word = waits if colour == Colour.GREY else "未按月启动"
    return Reason("start", colour, word, f"应于 {_day(story.start)} 启动，{waits}{late}", facts)


def _by_progress(story: _Story, thresholds: Thresholds) -> Reason | None:
    """银川: so many points behind a plan that runs evenly from the start to the due date.

    The plan is read on the day of the last report, or at the end of the last reporting period, whichever is later: between
    two reports nobody can tell.
    """
    due, reported = story.due, story.last.get(PROGRESS)
    if not story.runs_by_plan or due is None:
        return None
    assert story.start is not None
    read_on = _read_on(story, thresholds, reported)
    end = _local(due) + timedelta(days=1)
    whole = (end - story.start).days - story.paused_days(story.start, end)
    elapsed = (read_on - story.start).days - story.paused_days(story.start, read_on)
    planned = min(100.0, 100 * elapsed / whole) if whole > 0 else 100.0
    percent = reported.value["percent"] if reported else 0
    behind = round(planned - percent, 1)
    borders = {"behind_yellow": thresholds.behind_yellow, "behind_red": thresholds.behind_red}
    colour = Colour(shipped.decide("lamp_by_progress", {"behind": behind, **borders})["colour"])
    told = f"已报 {percent:g}%" if reported else "尚未填报，按 0% 计"
    text = f"{_day(story.start)} 至 {_day(due)} 均匀推进，{_day(read_on)} 应到 {planned:.1f}%，{told}"
    text += f"，落后 {behind:g} 个百分点" if behind > 0 else ""
    word = "进度正常" if colour == Colour.GREEN else f"落后 {behind:g} 点"
    return Reason("progress", colour, word, text, (reported,) if reported else (story.last[OPENED],))


def _read_on(story: _Story, thresholds: Thresholds, reported: Fact | None) -> date:
    assert story.start is not None
    ended = periods.closed(story.cadence, story.start, _with_grace(story, thresholds))
    days = [story.start, *(period.next for period in ended[-1:])]
    return max([*days, _local(reported.happened_at)] if reported else days)


def _by_period(story: _Story, thresholds: Thresholds) -> Reason | None:
    """松阳: a month without report is yellow, a quarter red. A late report ends it: the next period counts anew."""
    if not story.runs_by_plan:
        return None
    assert story.begun is not None
    reported = max(story.covered, key=lambda fact: (fact.value["starts_on"], _order(fact)), default=None)
    covered = date.fromisoformat(reported.value["starts_on"]) if reported else date.min
    since = periods.of(story.cadence, story.begun + periods.FIRST_REPORT).first
    ended = periods.closed(story.cadence, since, _with_grace(story, thresholds))
    missed = [period for period in ended if period.first > covered and story.counts(period)]
    months = sum(period.months for period in missed)
    facts = (reported or story.last.get(RELEASED) or story.last[OPENED],)
    told = f"最近填报 {reported.value['name']}" if reported else "还没有填报"
    colour = _graded(months, thresholds.report_yellow_months, thresholds.report_red_months)
    if colour is None:
        return Reason("period", Colour.GREEN, "按期填报", told, facts)
    names = "、".join(period.name for period in missed[-3:])
    return Reason("period", colour, f"{len(missed)} 期未报", f"{names}未报（连续 {months} 个月），{told}", facts)


def _by_state(story: _Story, thresholds: Thresholds) -> Reason | None:
    if story.state == State.PAUSED:
        begun = story.pauses[-1][0]
        return Reason("state", Colour.GREY, "暂停", f"{_day(begun.happened_at)} 起暂停，暂停期间不计时", (begun,))
    if story.state == State.CARRIED_OVER:
        ended = story.last[CARRIED_OVER]
        return Reason("state", Colour.GREY, "结转", f"{_day(ended.happened_at)} 年度截止，未完成，结转下年", (ended,))
    return None


def _by_bottom_line(story: _Story, thresholds: Thresholds) -> Reason | None:
    """底线: one is enough, and nothing that is done later makes it undone; a figure that was corrected does."""
    told = story.last.get(BREACHED)
    if told is None or not told.value["count"]:
        return None
    colour = Colour.RED if told.value["hard"] else Colour.YELLOW
    text = f"{told.value['name']} {_day(told.happened_at)} 前已发生 {told.value['count']:g}{told.value['unit']}"
    return Reason("target", colour, "突破底线" if told.value["hard"] else "争取未成", text, (told,))


VIEWS: tuple[Callable[[_Story, Thresholds], Reason | None], ...] = (
    _by_time, _by_state, _by_start, _by_progress, _by_period, _by_bottom_line,
)  # fmt: skip


def _graded(months: int, yellow: float, red: float) -> Colour | None:
    return Colour.RED if months >= red else Colour.YELLOW if months >= yellow else None


def _with_grace(story: _Story, thresholds: Thresholds) -> date:
    """A period counts as over when its report could still come for some days after its end."""
    return story.today - timedelta(days=thresholds.report_grace_days)


def _changes(story: _Story) -> str:
    first, *later = [_due_of(fact) for fact in story.dues]
    resumed = sum("resumed" in fact.value for fact in story.dues)
    word = "延期" if later and later[-1] > first else "改期"
    told = [f"{word} {len(later) - resumed} 次"] if len(later) > resumed else []
    told += [f"暂停后顺延 {resumed} 次"] if resumed else []
    told = [f"{'，'.join(told)}，原期限 {_day(first)}"] if told else []
    paused = story.paused_days(_local(story.dues[-1].happened_at), story.today)
    told += [f"暂停 {paused} 天不计"] if paused else []
    return f"（{'；'.join(told)}）" if told else ""


def _order(fact: Fact) -> tuple[Any, ...]:
    """A total order, so that it does not matter in which one facts of the same moment come."""
    return fact.happened_at, KINDS.index(fact.kind), fact.recorded_at, fact.id


def _due_of(fact: Fact) -> datetime:
    return datetime.fromisoformat(fact.value["due"])


def _local(moment: datetime) -> date:
    return moment.astimezone(clock.LOCAL).date()


def _day(value: date | datetime) -> str:
    day = _local(value) if isinstance(value, datetime) else value
    return f"{day.year}年{day.month}月{day.day}日"
