"""Files and drafts on a page: nothing that was chosen or typed is lost, and nobody sees what is not theirs."""

from __future__ import annotations

import hashlib
import html
import io
import os
import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from PIL import Image
from sqlalchemy import select

import forms
from engine import db, drafts, file_types, files, housekeeping, identity, user_tasks
from engine import statements as module
from engine.errors import Conflict, InvalidInput
from engine.models import Draft, StoredFile
from tests.driver import PASSWORD, Answer, Bureau
from tests.rest import Client
from web import uploads

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PICTURES = os.environ.get("BIHUAN_SCREENSHOTS")
FORM = forms.parse({"id": "test.files", "components": [
    {"type": "textarea", "key": "report", "label": "整改情况", "validate": {"required": True}},
    {"type": "filepicker", "key": "photos", "label": "整改后照片", "multiple": True, "accept": "image/*", "validate": {"required": True}},
    {"type": "dynamiclist", "path": "proofs", "label": "逐项证明", "components": [
        {"type": "textfield", "key": "criterion", "label": "标准"},
        {"type": "filepicker", "key": "proof", "label": "证明材料", "accept": ".pdf,.docx,.jpg"}]},
]})  # fmt: skip
DIAGRAM = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
    id="proving_definitions" targetNamespace="http://example.org/proving">
  <bpmn:process id="proving" name="举证" isExecutable="true">
    <bpmn:startEvent id="asked" />
    <bpmn:sequenceFlow id="f1" sourceRef="asked" targetRef="prove" />
    <bpmn:userTask id="prove" name="举证" camunda:formKey="test.files" camunda:assignee="jj_officer1" />
    <bpmn:sequenceFlow id="f2" sourceRef="prove" targetRef="look" />
    <bpmn:userTask id="look" name="核查" camunda:assignee="jj_head" />
    <bpmn:sequenceFlow id="f3" sourceRef="look" targetRef="done" />
    <bpmn:endEvent id="done" />
  </bpmn:process>
</bpmn:definitions>""".encode()
TEXT = "整改说明".encode()
either_way = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def photo(size: tuple[int, int] = (320, 240), kind: str = "JPEG", **saved: Any) -> bytes:
    """With noise in it, so that it is no smaller than a real one."""
    written = io.BytesIO()
    Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)).save(written, kind, **saved)
    return written.getvalue()


def office(*members: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as package:
        for name in ("[Content_Types].xml", *members):
            package.writestr(name, "<x/>")
    return written.getvalue()


PHOTO = photo()


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of these tests beside those we ship."""
    get, find, keys = forms.get, forms.find, forms.keys
    monkeypatch.setattr(forms, "get", lambda key: FORM if key == FORM.key else get(key))
    monkeypatch.setattr(forms, "find", lambda key: FORM if key == FORM.key else find(key))
    monkeypatch.setattr(forms, "keys", lambda: keys() | {FORM.key})


@pytest.fixture
def instance(bureau: Bureau) -> str:
    designer = Client(bureau, "designer")
    assert designer.deploy(DIAGRAM).status_code == 200
    return designer.starts("proving")


@pytest.fixture
def task(bureau: Bureau, instance: str) -> str:
    return bureau.open_task(instance, "prove")


def actor(login: str) -> identity.Actor:
    with db.reading() as session:
        person = identity.find(session, login)
        assert person is not None
        return identity.actor(person)


def announce(content: bytes, login: str = "jj_officer1", name: str = "照片.jpg", **told: Any) -> str:
    file_id, digest = str(uuid4()), told.pop("digest", hashlib.sha256(content).hexdigest())
    uploads.begin(file_id, name, told.pop("size", len(content)), digest, actor=actor(login), **told)
    return file_id


def upload(content: bytes = PHOTO, login: str = "jj_officer1", name: str = "照片.jpg", **told: Any) -> str:
    file_id = announce(content, login, name, **told)
    file, here = uploads.receive(file_id, 0, content, actor=actor(login))
    assert (here, file.uploaded_at is not None) == (len(content), True)
    return file_id


def row(file_id: str) -> StoredFile | None:
    with db.reading() as session:
        return session.get(StoredFile, file_id)


def on_disk() -> list[str]:
    return sorted(each.name for each in (db.var() / "files").rglob("*") if each.is_file())


def send(bureau: Bureau, path: str, data: dict[str, Any], login: str = "jj_officer1") -> Answer:
    """A form with files, as a browser without script sends it."""
    person = bureau.person(login)
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/tasks").text)
    assert token
    answer = person.browser.post(path, data={**data, "csrf_token": token[1]}, content_type="multipart/form-data")
    return Answer(answer.status_code, answer.get_data(as_text=True))


def sweep() -> None:
    with db.transaction() as session:
        housekeeping.sweep(session, {})


def test_an_upload_goes_on_where_it_stopped(bureau: Bureau) -> None:
    file_id, officer = announce(PHOTO), actor("jj_officer1")

    def put(offset: int, piece: bytes) -> int:
        return uploads.receive(file_id, offset, piece, actor=officer)[1]

    assert put(0, PHOTO[:100]) == 100
    assert put(0, PHOTO[:100]) == 100, "a piece that comes again"
    assert put(500, PHOTO[500:600]) == 100, "a piece that comes too early"
    again = uploads.begin(file_id, "照片.jpg", len(PHOTO), hashlib.sha256(PHOTO).hexdigest(), actor=officer)
    assert again[1] == 100
    assert put(100, PHOTO[100:]) == len(PHOTO)
    assert put(0, PHOTO) == len(PHOTO), "after the end"
    with pytest.raises(Conflict):
        uploads.begin(file_id, "照片.jpg", 3, hashlib.sha256(b"abc").hexdigest(), actor=officer)
    # then
    file = row(file_id)
    assert file is not None
    assert file.media_type == "image/jpeg"
    assert files.path(file.sha256).read_bytes() == PHOTO
    assert on_disk() == [file.sha256]


def test_two_uploads_of_one_file_at_once_do_no_harm(bureau: Bureau) -> None:
    content, officer = photo((500, 400)), actor("jj_officer1")
    file_id = announce(content)

    def send(_: int) -> bool:
        here, done = 0, False
        while not done:
            file, here = uploads.receive(file_id, here, content[here : here + 40_000], actor=officer)
            done = file.uploaded_at is not None
        return done

    with ThreadPoolExecutor(3) as clients:
        assert all(clients.map(send, range(3)))
    file = row(file_id)
    assert file is not None
    assert files.path(file.sha256).read_bytes() == content
    assert on_disk() == [file.sha256]


def test_a_crash_before_the_commit_leaves_an_orphan_that_is_swept(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id, officer = announce(PHOTO), actor("jj_officer1")
    with monkeypatch.context() as crash:
        crash.setattr(files, "_sync", lambda folder: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            uploads.receive(file_id, 0, PHOTO, actor=officer)
    assert on_disk() == [hashlib.sha256(PHOTO).hexdigest()]
    sweep()
    assert on_disk() == []
    # the client goes on with what the server has
    assert uploads.receive(file_id, 100, PHOTO[100:], actor=officer)[1] == 0
    assert uploads.receive(file_id, 0, PHOTO, actor=officer)[1] == len(PHOTO)
    sweep()
    assert on_disk() == [hashlib.sha256(PHOTO).hexdigest()]


@either_way
def test_the_same_bytes_are_kept_once_and_until_nobody_has_them(bureau: Bureau, instance: str, task: str) -> None:
    mine, theirs = upload(), upload(login="jj_head")
    assert len(on_disk()) == 1
    kept, typed = upload(photo()), upload(photo())
    half = announce(TEXT)
    uploads.receive(half, 0, TEXT[:3], actor=actor("jj_officer1"))
    assert bureau.person("jj_officer1").does(task, report="好", photos=mine).status == 302
    other = bureau.open_task(bureau.point(5))
    with db.transaction() as session:
        drafts.save(session, other, {"photos": [kept]}, actor=actor("jj_officer1"))
    bureau.let_time_pass(days=15)
    sweep()
    sweep()
    assert [bool(row(each)) for each in (mine, theirs, kept, typed, half)] == [True, False, True, False, False]
    assert len(on_disk()) == 2


UNFIT: list[tuple[bytes, dict[str, Any], str]] = [
    (PHOTO, {"digest": "0" * 64}, "在途中损坏"),
    (b"\x7fELF\x00\x01", {}, "只收照片"), (b"MZ\x90\x00", {}, "只收照片"), (b"GIF89a\x01\x00", {}, "只收照片"),
    (office("word/document.xml", "word/vbaProject.bin"), {}, "含有宏"), (office("ppt/presentation.xml"), {}, "只收"),
    (b"PK\x03\x04" + b"\x00" * 99, {}, "只收照片"), (PHOTO[:400], {}, "照片打不开"), (b"\xff\xd8\xff" + b"\x00" * 50, {}, "照片打不开"),
]  # fmt: skip


@either_way
def test_what_is_damaged_or_hostile_is_refused_and_gone(bureau: Bureau) -> None:
    for content, told, words in UNFIT:
        file_id = announce(content, **told)
        with pytest.raises(InvalidInput) as refused:
            uploads.receive(file_id, 0, content, actor=actor("jj_officer1"))
        assert words in refused.value.advice
        assert row(file_id) is None
        assert on_disk() == []


def test_kinds_are_told_by_content() -> None:
    assert file_types.kind_of(office("word/document.xml")).endswith("wordprocessingml.document")
    assert file_types.kind_of(office("xl/workbook.xml")).endswith("spreadsheetml.sheet")
    assert file_types.kind_of(b"%PDF-1.7") == "application/pdf"
    assert [file_types.kind_of("督导".encode(each)) for each in ("utf-8", "gb18030")] == ["text/plain"] * 2
    assert [file_types.kind_of(photo((2, 2), each)) for each in ("PNG", "WEBP")] == ["image/png", "image/webp"]


def test_a_pixel_bomb_is_refused_before_it_is_unpacked() -> None:
    written = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(written, "PNG")
    with pytest.raises(file_types.Unfit, match="像素太多"):
        file_types.picture(written.getvalue())


@either_way
def test_a_photo_stands_upright_and_tells_when_it_was_taken(bureau: Bureau) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2021:03:11 10:42:00"
    thumbnail, taken_at = file_types.picture(content := photo((2_000, 1_000), exif=exif, quality=60))
    small = Image.open(io.BytesIO(thumbnail))
    assert small.size == (96, 192)
    assert len(thumbnail) <= 8_000
    assert taken_at is not None
    assert taken_at.isoformat() == "2021-03-11T02:42:00+00:00"
    given = taken_at - timedelta(days=1)
    by_itself, told = row(upload(content)), row(upload(content, taken_at=given))
    assert by_itself is not None
    assert told is not None
    assert [by_itself.taken_at, told.taken_at] == [taken_at, given]


@either_way
def test_there_is_a_limit_to_what_nobody_submits(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (0, files.MOST_BYTES + 1):
        with pytest.raises(InvalidInput, match="bytes"):
            announce(b"x", size=size)
    monkeypatch.setattr(files, "MOST_UNBOUND_BYTES", 2 * len(TEXT))
    upload(TEXT)
    upload(TEXT)
    with pytest.raises(InvalidInput, match="quota"):
        announce(TEXT)
    upload(TEXT, "jj_head")


@either_way
def test_a_name_is_text_whatever_it_says(bureau: Bureau) -> None:
    browser = bureau.person("jj_officer1").browser
    for name in (
        "../../etc/passwd", "a\x00b.txt", "a\r\nSet-Cookie: x=1.txt", "\u202egpj.exe", "长" * 400 + ".txt", "",
    ):  # fmt: skip
        file_id = upload(TEXT, name=name)
        answer = browser.get(f"/files/{file_id}")
        file = row(file_id)
        assert file is not None
        assert file.name
        assert file.name.isprintable()
        assert len(file.name) <= 400
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith("attachment")
        assert "/" not in disposition
        assert "Set-Cookie" not in answer.headers
        if not file.name.isascii():
            assert "filename*=UTF-8''" + quote(file.name.replace("/", "_"), safe="") in disposition
        assert answer.get_data() == TEXT


@either_way
def test_whoever_may_look_at_the_instance_sees_its_files_and_nobody_else(
    bureau: Bureau, instance: str, task: str
) -> None:
    file_id, officer = upload(name="食堂.jpg"), bureau.person("jj_officer1")
    nothing = bureau.person("twy_officer1").get(f"/files/{uuid4()}")
    for place in (f"/files/{file_id}", f"/files/{file_id}/thumbnail"):
        assert officer.browser.get(place).status_code == 200
        for stranger in ("jj_head", "twy_officer1", "juzhang"):
            refused = bureau.person(stranger).get(place)
            assert (refused.status, refused.says("没有这个文件，或您无权查看。")) == (404, True)
    assert nothing.status == 404
    # when
    assert officer.does(task, report="已整改", photos=file_id).status == 302
    # then
    shown = bureau.person("jj_head").browser.get(f"/files/{file_id}")
    assert shown.get_data() == PHOTO
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert "script-src" not in shown.headers["Content-Security-Policy"]
    again = {"If-None-Match": shown.headers["ETag"]}
    assert bureau.person("jj_head").browser.get(f"/files/{file_id}", headers=again).status_code == 304
    assert bureau.person("juzhang").browser.get(f"/files/{file_id}/thumbnail").mimetype == "image/jpeg"
    assert bureau.person("twy_officer1").get(f"/files/{file_id}").status == 404
    for page in (f"/instances/{instance}", f"/tasks/{bureau.open_task(instance)}"):
        answer = bureau.person("jj_head").get(page)
        assert f'href="/files/{file_id}"' in answer.text
        assert f'src="/files/{file_id}/thumbnail"' in answer.text
        assert answer.says("食堂.jpg")
        assert answer.says(hashlib.sha256(PHOTO).hexdigest()[:8])


@either_way
def test_only_ones_own_unused_files_that_are_all_here_are_taken(bureau: Bureau, instance: str, task: str) -> None:
    designer, officer = Client(bureau, "designer"), bureau.person("jj_officer1")
    used = upload(name="用过.jpg")
    first = bureau.open_task(designer.starts("proving"), "prove")
    assert officer.does(first, report="好", photos=used).status == 302
    bad = {
        "有文件已不在": str(uuid4()), "有文件已不在，": upload(login="jj_head"), "还没有传完": announce(PHOTO),
        "已用于另一件事项": used, "只收照片": upload(TEXT, name="说明.txt"),
    }  # fmt: skip
    for words, file_id in bad.items():
        refused = officer.does(task, report="好", photos=[file_id, upload()])
        assert (refused.status, refused.says(words)) == (422, True), words
    missing = officer.does(task, report="好")
    assert missing.says("请添加整改后照片")
    row_at_fault = officer.does(task, report="好", photos=upload(), **{"proofs.0.proof": upload(TEXT)})
    assert row_at_fault.says("第1行 证明材料：")
    assert row_at_fault.says("只收照片、pdf、docx")
    over_rest = Client(bureau, "jj_officer1").post(
        f"/task/{task}/complete", json={"variables": {"report": {"value": "好"}, "photos": {"value": [used]}}}
    )
    assert list(over_rest.json["errors"]) == ["photos"]  # type: ignore[index]
    many = officer.does(task, report="好", photos=[str(uuid4()) for _ in range(21)])
    assert many.says("最多20个文件")
    assert bureau.open_task(instance) == task


def test_without_script_files_come_with_the_form_and_stay_when_it_is_refused(
    bureau: Bureau, instance: str, task: str
) -> None:
    page = bureau.person("jj_officer1").get(f"/tasks/{task}")
    assert 'enctype="multipart/form-data"' in page.text
    refused = send(bureau, f"/tasks/{task}/complete", {
        "report": "", "photos": [(io.BytesIO(PHOTO), "门厅.jpg"), (io.BytesIO(b"\x7fELF\x00"), "坏.jpg")],
        "proofs.0.criterion": "公示", "proofs.0.proof": (io.BytesIO(b"%PDF-1.7"), "公示.pdf"),
    })  # fmt: skip
    assert refused.status == 422
    assert refused.says("“坏.jpg”：只收照片")
    kept = dict(re.findall(r'type="checkbox" name="([\w.]+)" value="([0-9a-f-]{36})" checked', refused.text))
    assert list(kept) == ["photos", "proofs.0.proof"]
    assert refused.says("门厅.jpg")
    still = send(bureau, f"/tasks/{task}/complete", {"report": "", **kept})
    assert still.says("请填写整改情况")
    assert kept["photos"] in still.text
    done = send(bureau, f"/tasks/{task}/complete", {"report": "已整改", "proofs.0.criterion": "公示", **kept})
    assert done.status == 302
    with db.reading() as session:
        (sent,) = user_tasks.submissions(session, instance)
        assert sent.data["photos"] == [kept["photos"]]
        assert sent.data["proofs"] == [{"criterion": "公示", "proof": [kept["proofs.0.proof"]]}]
        assert {each.id for each in files.known(session, list(kept.values()), actor=actor("jj_head"))} == set(
            kept.values()
        )


@either_way
def test_a_draft_is_kept_for_one_person_and_forgotten_when_the_task_is_done(
    bureau: Bureau, instance: str, task: str
) -> None:
    saved = send(
        bureau, f"/tasks/{task}/draft", {"report": "写到一半", "photos": (io.BytesIO(PHOTO), "门厅.jpg"), "+draft": "1"}
    )
    assert saved.status == 302
    page = bureau.person("jj_officer1").get(f"/tasks/{task}")
    assert page.says("写到一半")
    assert page.says("门厅.jpg")
    assert re.search(r"草稿 今天 \d\d:\d\d 已存", html.unescape(page.text))
    for stranger in ("jj_head", "twy_officer1", "juzhang"):
        assert not bureau.person(stranger).get(f"/tasks/{task}").says("写到一半")
        assert bureau.person(stranger).post(f"/tasks/{task}/draft", {"report": "x"}).status in (403, 404)
    (photo_id,) = re.findall(r'name="photos" value="([0-9a-f-]{36})"', page.text)
    assert bureau.person("jj_officer1").does(task, report="写完了", photos=photo_id, **{"+revision": "1"}).status == 302
    assert bureau.count(Draft) == 0
    assert bureau.person("jj_officer1").post(f"/tasks/{task}/draft", {"report": "晚了"}).status == 409
    with db.reading() as session:
        assert "+revision" not in user_tasks.told(session, instance, "prove")


def test_an_older_page_does_not_write_over_a_newer_draft(bureau: Bureau, task: str) -> None:
    officer = actor("jj_officer1")

    def save(text: str, revision: int | None) -> int:
        with db.transaction() as session:
            return drafts.save(session, task, {"report": text}, actor=officer, revision=revision)

    assert save("一", 0) == 1
    assert save("二", 1) == 2
    with pytest.raises(Conflict):
        save("旧", 1)
    assert save("改用这里的", None) == 3
    with pytest.raises(InvalidInput):
        save("长" * 100_000, 3)
    with db.reading() as session:
        draft = drafts.find(session, task, actor=officer)
        assert draft is not None
        assert draft.data == {"report": "改用这里的"}
        assert drafts.find(session, task, actor=actor("jj_head")) is None
    answered = bureau.person("jj_officer1").browser
    token = re.search(r'name="csrf_token" value="([^"]+)"', bureau.person("jj_officer1").get("/tasks").text)
    assert token
    said = {"X-CSRFToken": token[1], "Accept": "application/json"}
    late = answered.post(f"/tasks/{task}/draft", json={"data": {"report": "x"}, "revision": 1}, headers=said)
    assert (late.status_code, list(late.json or {})) == (409, ["advice"])
    plain = bureau.person("jj_officer1").post(f"/tasks/{task}/draft", {"report": "没有脚本时写的", "+revision": "1"})
    assert (plain.status, plain.says("没有脚本时写的"), plain.says("再存一次")) == (409, True, True)
    forgotten = bureau.person("jj_officer1").post(f"/tasks/{task}/draft/forget", {})
    assert forgotten.status == 302
    assert bureau.count(Draft) == 0


@either_way
def test_a_crafted_announcement_is_refused_in_words(bureau: Bureau) -> None:
    right = {"id": str(uuid4()), "name": "a", "size": 9, "sha256": "0" * 64}
    browser = bureau.person("jj_officer1").browser
    token = re.search(r'name="csrf_token" value="([^"]+)"', bureau.person("jj_officer1").get("/tasks").text)
    assert token
    said = {"X-CSRFToken": token[1], "Accept": "application/json"}
    assert browser.post("/files", json=right, headers={"Accept": "application/json"}).status_code == 400
    crafted: list[dict[str, Any]] = [
        {"id": "../x"}, {"id": "0" * 36}, {"sha256": "z" * 64}, {"size": "9"}, {"size": -1}, {"name": 7},
        {"taken_at": "0001-01-01T00:00:00+14:00"}, {"taken_at": "gestern"},
    ]  # fmt: skip
    for told in ({}, [], *({**right, **each} for each in crafted)):
        refused = browser.post("/files", json=told, headers=said)
        assert refused.status_code == 400, told
        assert "请" in (refused.json or {})["advice"]
    assert bureau.count(StoredFile) == 0
    assert bureau.app.test_client().post("/files", json=right, headers=said).status_code in (400, 401)


@either_way
def test_drafts_of_what_is_over_are_swept(bureau: Bureau, instance: str, task: str) -> None:
    bureau.person("jj_officer1").post(f"/tasks/{task}/draft", {"report": "写到一半"})
    assert Client(bureau, "designer").delete(f"/process-instance/{instance}").status_code == 204
    assert bureau.count(Draft) == 1
    sweep()
    assert bureau.count(Draft) == 0


@either_way
def test_a_step_without_files_and_drafts_asks_the_database_for_nothing_more(bureau: Bureau) -> None:
    statements: list[str] = []
    task = bureau.open_task(bureau.point(5))
    told = {"goal": "目标", "measures": "措施", "milestones": "节点"}
    plain = module.beneath

    def count(connection: Any, written: Any) -> Any:
        written = list(written)
        statements.extend(sql for sql, _ in written)
        return plain(connection, written)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "beneath", count)
        with db.transaction() as session:
            user_tasks.complete(session, task, told, actor=actor("jj_officer1"))
    assert statements
    assert not [each for each in statements if "draft WHERE" in each or "stored_file" in each]


@pytest.mark.skipif(not CHROMIUM, reason="没有浏览器")
@either_way
def test_in_a_browser_an_interrupted_upload_goes_on_and_a_draft_outlives_a_reload(
    address: str, bureau: Bureau, instance: str, task: str, tmp_path: Any
) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="没有 Playwright")
    chosen = tmp_path / "门厅.png"
    chosen.write_bytes(photo((900, 700), "PNG"))
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 360, "height": 740})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(f"{error}"))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        refused: list[str] = []

        def interrupt(route: Any) -> None:
            offset = route.request.url.partition("offset=")[2]
            if int(offset) >= 256 * 1024:
                refused.append(offset)
                route.abort()
            else:
                route.continue_()

        def look(what: str) -> None:
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/files-{what}.png", full_page=True)

        page.goto(f"{address}/login?next=/tasks/{task}")
        page.fill("#login", "jj_officer1")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.route("**/files/*offset=*", interrupt)
        page.route("**/draft", lambda route: route.abort())
        page.fill("#report", "已换防火门")
        page.set_input_files("#photos input[type=file]", str(chosen))
        page.get_by_text("网络不通").wait_for()
        look("interrupted")
        page.get_by_role("button", name="提交").click()
        page.get_by_text("传完再提交").wait_for()
        page.unroute("**/files/*offset=*")
        page.unroute("**/draft")
        page.reload()
        page.get_by_text("已恢复这台设备上").wait_for()
        assert page.input_value("#report") == "已换防火门"
        page.evaluate("dispatchEvent(new Event('online'))")
        page.locator("#photos input[type=checkbox]").wait_for()
        page.locator("[data-draft-said]", has_text="已存").wait_for()
        look("uploaded")
        page.reload()
        assert page.locator("#photos li").inner_text().startswith("门厅.png")
        page.get_by_role("button", name="提交").click()
        page.get_by_text("已提交").wait_for()
        page.goto(f"{address}/instances/{instance}")
        look("submitted")
        browser.close()
    assert refused
    with db.reading() as session:
        (file,) = session.scalars(select(StoredFile).where(StoredFile.instance_id == instance))
        assert files.path(file.sha256).read_bytes() == chosen.read_bytes()
    assert [each for each in complaints if "ERR_FAILED" not in each] == []
