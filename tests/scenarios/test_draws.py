"""Double-random draws as people live them: frozen, promised, contributed, drawn, replaced, exported and repeated."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date, datetime, timedelta
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import delete, select

from engine import assignment, clock, db, identity, ids, recusals, runtime, user_tasks
from engine.draws import algorithm, draw, past, replay
from engine.errors import InvalidState, NotAllowed
from engine.identity import Actor
from engine.models import (
    DrawRecord,
    Finding,
    HistoryEvent,
    Job,
    Person,
    Position,
    ProcessInstance,
    RecusalFact,
    Submission,
    Unit,
    UserTask,
    WorkItem,
)
from engine.shapes import random_checks
from tests import findings
from tests.driver import Answer, Bureau, Somebody
from tests.rest import Client
from tests.scenarios.test_shapes_supervision import CORRECT, OTHERS, PLAN, draw_batch, drawn, start_batch
from tests.shapes import APPROVE, doers

pytestmark = pytest.mark.either_database

ROOT = Path(__file__).resolve().parents[2]


def upload(person: Somebody, path: str, content: bytes) -> Answer:
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/tasks").text)
    assert token
    sent = {"csrf_token": token[1], "file": (BytesIO(content), "draw.json")}
    response = person.browser.post(f"{path}/verify", data=sent, content_type="multipart/form-data")
    return Answer(response.status_code, response.get_data(as_text=True))


def everything_told(bureau: Bureau, item: str, *addresses: str) -> str:
    """All that the database says of a batch outside the draw itself, and all that pages show of it."""
    with db.reading() as session:
        told = [dict(runtime.load(session, session.get_one(ProcessInstance, item)).variables())]
        told += [each.detail for each in session.scalars(select(HistoryEvent).where(HistoryEvent.instance_id == item))]
        told += [each.data for each in session.scalars(select(Submission).where(Submission.instance_id == item))]
        told += [each.payload for each in session.scalars(select(Job).where(Job.instance_id == item))]
        told += list(session.scalars(select(WorkItem.detail).where(WorkItem.instance_id == item)))
    pages = [bureau.person(who).get(each).text for who in ("jijian", "fg_head") for each in addresses]
    client = Client(bureau, "designer")
    for asked in (f"process-instance/{item}", f"process-instance/{item}/variables", "history/task", "history/detail",
                  f"history/variable-instance?processInstanceId={item}", f"task?processInstanceId={item}"):  # fmt: skip
        pages.append(client.get(f"/{asked}").get_data(as_text=True))
    return json.dumps(told, ensure_ascii=False, default=str) + "".join(pages)


def test_a_round_is_drawn_replaced_exported_and_repeated_by_a_third_party(bureau: Bureau, tmp_path: Path) -> None:
    story, item = start_batch(bureau)
    story.step("officer", "prepare_batch", item, stages=["小学"], others=OTHERS)
    frozen = drawn(item)
    assert (frozen.commitment, frozen.hashes) == (None, algorithm.hashes(frozen.roster))
    assert ["fg_officer1", "LIANGXI_XX"] not in frozen.roster["recused"], (
        "nobody of another department is on the roster"
    )
    assert ["duxue3", "HUISHAN_XX"] in frozen.roster["recused"]
    story.step("officer", "commit_draw", item, confirmed="true")
    promised = drawn(item)
    address, secret = f"/draws/{promised.id}", promised.secret or ""
    assert promised.commitment == algorithm.commitment(frozen.hashes["frozen"], secret)
    told = everything_told(bureau, item, address, f"/instances/{item}", f"/tasks/{story.task('contribute', item)}")
    assert promised.commitment in told
    assert secret not in told
    early = bureau.person("jijian").get(f"{address}/export")
    assert (early.status, early.says("还没有抽取"), secret in early.text) == (409, True, False)

    assert doers(bureau, story.task("contribute", item)) == ["user:jijian"]
    assert "只填数字" in story.refused("jijian", "contribute", item, contribution="abcdef")
    story.step("jijian", "contribute", item, contribution="314159")
    record = drawn(item)
    assert record.result == algorithm.run(frozen.roster, record.seed or "")
    assert record.seed == algorithm.seed(frozen.hashes["frozen"], secret, "314159")
    for key, people in record.result["inspectors"].items():
        assert not any([who, key] in frozen.roster["recused"] for who in people)

    key = record.result["objects"][0]
    out, names = record.result["inspectors"][key][0], record.names
    barred = {who for who, what in frozen.roster["recused"] if what == key} | set(record.result["inspectors"][key])
    incoming = next(line["key"] for line in frozen.roster["inspectors"] if line["key"] not in barred)
    swap = {"item": key, "outgoing": out, "incoming": incoming, "reason": "公务出差"}
    story.step("head", "confirm_draw", item, replacements=[swap], confirmed="true")
    assert f"user:{incoming}" in doers(bureau, story.task("record_checks", item))

    liaison = bureau.person("jijian")
    page = liaison.get(address)
    for words in (secret, record.seed or "", "314159", "有监督员贡献", "公务出差", names[incoming], "netstring"):
        assert page.says(words), words
    assert liaison.get(f"/instances/{item}").says(f"的检查人员由{names[out]}换为{names[incoming]}：公务出差")
    content = liaison.get(f"{address}/export").text.encode()
    told = json.loads(content)
    assert told["replacements"][0] | {"by": "", "at": ""} == {
        "object": key, "outgoing": out, "incoming": incoming, "reason": "公务出差", "by": "", "at": "",
    }  # fmt: skip
    assert told["result"]["inspectors"][key] != told["final"][key]
    (tmp_path / "draw.json").write_bytes(content)
    command = [sys.executable, "-S", str(ROOT / "run.py"), "verify-draw", "draw.json"]
    answer = subprocess.run(command, env={}, cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert (told["commitment"] in answer.stdout, told["commitment"]) == (True, promised.commitment)

    assert upload(liaison, address, content).says("逐字节一致")
    forged = replay.canonical(replay.complete({**told, "contribution": "271828", "replacements": []}))
    assert all(right for _, right in replay.look_through(forged)), "it agrees with itself"
    assert upload(liaison, address, forged).says("个字节（第")
    assert upload(liaison, address, b"").says("不一致")
    stranger = bureau.person("huishan_xx_officer")
    assert [stranger.get(each).status for each in (address, f"{address}/export")] == [404, 404]
    assert upload(stranger, address, content).status == 404


def test_what_a_school_must_correct_is_a_finding_that_those_who_were_drawn_verify_and_look_at_again(
    bureau: Bureau,
) -> None:
    story, item = start_batch(bureau)
    record = draw_batch(story, item, stages=["小学"], absent=[f"fg_officer{n}" for n in (1, 2)])
    assert record.result is not None
    (school, *_), sent = record.result["objects"], record.result["inspectors"]
    story.step("head", "confirm_draw", item, confirmed="true")
    found = [{"item": key, "result": "未发现问题"} for key in record.result["objects"]]
    found[0] |= {"result": "发现问题", "problem": "作业超时"}
    told = {"checked_on": clock.today().isoformat(), "problems": "yes", "records": found}
    story.step(sent[school][0], "record_checks", item, **told)
    story.step("officer", "publish_results", item, published_on=clock.today().isoformat(), published_at="局网站")
    order = {"object": school, "measure": "责令改正", "basis": "“双减”意见第三条", "due_on": findings.day(20)}
    story.step("officer", "dispose", item, disposals=[order | CORRECT])
    story.step("head", "confirm_disposal", item, **APPROVE)
    correction = story.items()[1]
    officer, head = (f"{school.lower()}_{post}" for post in ("officer", "head"))
    story.step(officer, "plan_rectification", correction, **PLAN)
    story.step(officer, "rectify", correction, **findings.shown())
    story.step(head, "sign_report", correction, **findings.SIGNATURE)
    assert set(doers(bureau, story.task("verify", correction))) == {f"user:{who}" for who in sent[school]} | {
        "inspectorate_office"
    }
    story.step(sent[school][1], "verify", correction, **findings.accepted())
    assert story.results()[1] == "done"
    with db.reading() as session:
        finding = session.scalars(select(Finding)).one()
        told = {"source": finding.source, "clause": finding.clause, "description": finding.description}
        (look,) = session.scalars(select(ProcessInstance.id).where(ProcessInstance.definition_key == "re_look"))
    assert told == {"source": "random", "clause": "“双减”意见第三条", "description": "作业超时"}
    bureau.let_time_pass(days=120)
    assert {f"user:{who}" for who in sent[school]} < set(doers(bureau, bureau.open_tasks(look)["look_again"]))


def test_without_a_contribution_in_time_it_is_drawn_and_marked_so_everywhere(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    story.step("officer", "prepare_batch", item, others=OTHERS)
    story.step("officer", "commit_draw", item, confirmed="true")
    task = story.task("contribute", item)
    bureau.let_time_pass(hours=6)
    assert story.open(item) == {"contribute"}
    bureau.let_time_pass(days=4)
    assert story.open(item) == {"confirm_draw"}
    with pytest.raises(InvalidState), db.transaction() as session:
        user_tasks.complete(session, task, {"contribution": "314159"}, actor=person(session, "jijian"))
    record = drawn(item)
    assert (record.contribution, record.contributor_id) == (None, None)
    head = bureau.person("fg_head")
    for each in (f"/draws/{record.id}", f"/instances/{item}"):
        assert head.get(each).says("无监督员贡献"), each
    content = head.get(f"/draws/{record.id}/export").text.encode()
    assert (json.loads(content)["contributed"], json.loads(content)["contribution"]) == (False, None)
    assert all(right for _, right in replay.look_through(content))
    with db.reading() as session:
        told = {
            each.kind: each.detail
            for each in session.scalars(select(HistoryEvent).where(HistoryEvent.instance_id == item))
        }
    assert told["draw.made"]["reason"].startswith("无监督员贡献")


def person(session: Any, login: str) -> Actor:
    found = identity.find(session, login)
    assert found is not None
    return identity.actor(found)


def test_nobody_with_a_part_in_it_contributes_even_if_the_task_was_handed_to_them(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    story.step("officer", "prepare_batch", item, others=OTHERS)
    story.step("officer", "commit_draw", item, confirmed="true")
    for login in ("fg_officer1", "fg_officer2", "fg_head", "duxue1", "dudao1"):
        with db.transaction() as session:
            task = session.get_one(UserTask, story.task("contribute", item))
            task.candidate_groups = [f"user:{login}"]
        with pytest.raises(NotAllowed), db.transaction() as session:
            user_tasks.complete(session, task.id, {"contribution": "314159"}, actor=person(session, login))
    assert drawn(item).drawn_at is None


def test_without_a_liaison_outside_whoever_reviews_legality_is_asked_unless_of_the_same_department(
    bureau: Bureau,
) -> None:
    story, item = start_batch(bureau)
    with db.transaction() as session:
        session.execute(delete(Position).where(Position.role == "discipline_liaison"))
        unit = session.scalars(select(Unit).where(Unit.key == "BGS")).one()
        office = session.scalars(select(Person).where(Person.login == "bgs_officer1")).one()
        instance = runtime.lock(session, item)
        assert assignment.RULES["draw_observers"](session, instance) == ["discipline_liaison"], "fazhi is of the lead"
        post = Position(id=ids.new(), person_id=office.id, unit_id=unit.id, role="legal_reviewer", title="法制审核员")
        session.add(post)
        session.flush()
        assert assignment.RULES["draw_observers"](session, instance) == ["user:bgs_officer1"]
    assert story.open(item) == {"prepare_batch"}


def test_a_roster_that_was_changed_after_it_was_frozen_is_not_drawn_from(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    story.step("officer", "prepare_batch", item, others=OTHERS)
    story.step("officer", "commit_draw", item, confirmed="true")
    with db.transaction() as session:
        record = draw.of(session, item)
        record.roster = record.roster | {"objects": record.roster["objects"][1:]}
    with pytest.raises(InvalidState, match="cannot draw"):
        story.step("jijian", "contribute", item, contribution="314159")
    assert drawn(item).drawn_at is None


def test_what_was_found_and_who_has_gone_weigh_on_the_next_batch_and_so_does_whose_turn_it_is(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    first = draw_batch(story, item, others=OTHERS, count=3)
    assert {line["weight"] for line in first.roster["objects"]} == {"1"}
    assert {line["within"] for line in first.roster["objects"]} == {40}, "ten years of four batches"
    story.step("head", "confirm_draw", item, confirmed="true")
    assert first.result is not None
    keys = first.result["objects"]
    found = [{"item": key, "result": "发现问题", "problem": "超范围"} for key in keys]
    story.step(
        first.result["inspectors"][keys[0]][0], "record_checks", item,
        checked_on=clock.today().isoformat(), problems="yes", records=found,
    )  # fmt: skip
    with db.transaction() as session:
        school = session.scalars(select(Unit).where(Unit.key == "LIANGXI_XX")).one()
        told = user_tasks.told(session, item, "prepare_batch") | {"stages": ["小学"]}
        instance = runtime.lock(session, item)
        roster = random_checks._roster(session, instance, told)
        lines = {line["key"]: line for line in roster["objects"]}
        assert {lines[key]["weight"] for key in keys} == {"2"}
        assert {lines[key]["within"] for key in keys} == {40}
        assert {line["within"] for key, line in lines.items() if key not in keys and key.startswith("9")} == {39}
        assert lines[school.key]["within"] == 40, "it was on no roster yet"
        had = times_sent(first)
        weights = {line["key"]: int(line["weight"]) for line in roster["inspectors"]}
        assert all(weights[who] == 8 for who in weights if had.get(who, 0) == min(had.get(each, 0) for each in weights))
        assert weights[max(had, key=had.__getitem__)] < 8
        urgent = past.batches_left(session, "FG:ordinary", ["new", OTHERS[0]["code"]], 1)
        assert set(urgent.values()) == {1}


def times_sent(record: DrawRecord) -> dict[str, int]:
    assert record.result is not None
    sent = [who for people in record.result["inspectors"].values() for who in people]
    return {who: sent.count(who) for who in sent}


def test_who_has_left_a_unit_recuses_for_three_years_and_other_facts_do_not_fade(bureau: Bureau) -> None:
    today = clock.today()
    cases = {
        ("left", today - timedelta(days=1000)): True, ("left", today.replace(year=today.year - 3)): True,
        ("left", today.replace(year=today.year - 3) - timedelta(days=1)): False, ("left", None): True,
        ("served_there", date(1999, 9, 1)): True, ("relative", None): True,
    }  # fmt: skip
    for (kind, left_on), counts in cases.items():
        with db.transaction() as session:
            session.execute(delete(RecusalFact))
            who = session.scalars(select(Person).where(Person.login == "duxue1")).one().id
            unit = session.scalars(select(Unit).where(Unit.key == "LIANGXI_XX")).one().id
            session.add(RecusalFact(id=ids.new(), person_id=who, unit_id=unit, kind=kind, left_on=left_on))
            session.flush()
            assert (("duxue1", "LIANGXI_XX") in recusals.pairs(session)) is counts, (kind, left_on)
            assert (recusals.from_unit(session, unit) == {"duxue1"}) is counts


def test_a_draw_of_before_is_kept_and_its_batch_goes_on(bureau: Bureau) -> None:
    """As older diagrams made it: seed, roster and digest in the item; objects and inspectors drawn in one go."""
    _, item = start_batch(bureau)
    told: dict[str, Any] = {
        "algorithm": "sha256-order-1", "seed": "5eed", "drawn_at": clock.now().isoformat(), "sha256": "f0" * 32, "ratio": 20,
        "roster": {OTHERS[0]["code"]: "培训机构0", OTHERS[1]["code"]: "培训机构1"}, "objects": [OTHERS[1]["code"]],
        "pool": ["duxue1", "duxue2", "duxue3"], "recused": [], "first_inspectors": {OTHERS[1]["code"]: ["duxue1", "duxue2"]},
        "inspectors": {OTHERS[1]["code"]: ["duxue1", "duxue3"]},
        "replacements": [{"item": OTHERS[1]["code"], "outgoing": "duxue2", "incoming": "duxue3", "reason": "出差"}],
    }  # fmt: skip
    with db.transaction() as session:
        session.scalars(select(WorkItem).where(WorkItem.instance_id == item)).one().detail = told
        session.flush()
        with Operations.context(MigrationContext.configure(session.connection())):
            import_module("engine.migrations.versions.0013_draws").move_old_draws()
        assert assignment.RULES["drawn_inspectors"](session, runtime.lock(session, item)) == [
            "user:duxue1",
            "user:duxue3",
        ]
    record = drawn(item)
    assert (record.seed, record.commitment, record.drawn_at) == ("5eed", None, datetime.fromisoformat(told["drawn_at"]))
    page = bureau.person("fg_head").get(f"/draws/{record.id}")
    assert page.says("旧算法")
    assert page.says("出差")
    assert bureau.person("fg_head").get(f"/draws/{record.id}/export").status == 409


def test_a_batch_of_an_older_diagram_is_drawn_at_once_and_says_that_nobody_contributed(bureau: Bureau) -> None:
    story, item = start_batch(bureau)
    story.step("officer", "prepare_batch", item, others=OTHERS)
    with db.transaction() as session:
        session.delete(draw.of(session, item))
        session.flush()
        instance = runtime.lock(session, item)
        for name in ("draw.objects", "draw.inspectors"):
            runtime.service_tasks[name](session, instance, variables={}, actor=person(session, "fg_officer1"))
    record = drawn(item)
    assert draw.mark(record) == "无监督员贡献（到期未贡献）"
    assert all(right for _, right in replay.look_through(replay.canonical(exported_of(item))))


def exported_of(item: str) -> dict[str, Any]:
    with db.reading() as session:
        return draw.export(draw.of(session, item))
