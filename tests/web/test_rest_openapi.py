"""The OpenAPI document knows every route, every answer is as it says, and no request brings a route down."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from engine import clock, db, ids
from engine.models import Incident, Job
from tests.driver import Bureau
from tests.rest import PREFIX, Client
from web.rest.parameters import CAMUNDAS

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

METHODS = {"GET", "POST", "PUT", "DELETE"}


@pytest.fixture
def designer(bureau: Bureau) -> Client:
    return Client(bureau, "designer")


@pytest.fixture
def known(bureau: Bureau, designer: Client) -> dict[str, str]:
    """By the name of a path's parameter: something that there is and that the designer may see."""
    assert designer.deploy(HOLIDAY).status_code == 200
    instance = designer.starts("holiday", variables={"days": {"value": 3, "type": "Integer"}}, businessKey="H-1")
    (task,) = designer.told(f"/task?processInstanceId={instance}")
    said = designer.post(f"/task/{task['id']}/comment/create", json={"message": "请核对天数"}).json
    with db.transaction() as session:
        job = session.scalars(select(Job).limit(1)).one()
        incident = Incident(
            id=ids.new(), kind="instance.stuck", message="x", instance_id=instance, created_at=clock.now()
        )
        session.add(incident)
    assert said is not None
    return {
        "task_id": task["id"], "instance_id": instance, "definition_id": task["processDefinitionId"],
        "key": "holiday", "name": "days", "comment_id": said["id"], "job_id": job.id, "incident_id": incident.id,
        "deployment_id": designer.told("/deployment?name=test")[0]["id"],
    }  # fmt: skip


@ON_SQLITE
def test_the_document_knows_every_route(bureau: Bureau, designer: Client) -> None:
    document = designer.document
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    served = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix(PREFIX)))
        for rule in bureau.app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if rule.rule.startswith(PREFIX)
    }
    assert described == served
    assert len(served) > 40
    operations = [operation for each in document["paths"].values() for operation in each.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document)))
    assert references == document["components"]["schemas"].keys()
    for method, path in served:
        operation = document["paths"][path][method.lower()]
        named = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        assert named == sorted(re.findall(r"{(\w+)}", path))
        assert operation["summary"]
        keyed = any(each["name"] == "Idempotency-Key" for each in operation["parameters"])
        assert keyed == (method != "GET"), (method, path)


@ON_SQLITE
def test_the_document_is_for_those_who_are_logged_in(bureau: Bureau) -> None:
    assert bureau.app.test_client().get(f"{PREFIX}/openapi.json").status_code == 401
    assert Client(bureau, "liangxi_officer1").get("/openapi.json").status_code == 200


@ON_SQLITE
def test_whatever_can_be_looked_at_is_answered_as_described(
    bureau: Bureau, designer: Client, known: dict[str, str]
) -> None:
    administrator = Client(bureau, "sysadmin")
    looks = [path for path, operations in designer.document["paths"].items() if "get" in operations]
    for path in looks:
        somebody = administrator if path.startswith(("/job", "/incident")) else designer
        assert somebody.get(path.format(**known)).status_code == 200, path


@ON_SQLITE
def test_a_parameter_of_camundas_that_we_do_not_know_is_refused_by_name(designer: Client) -> None:
    refused = designer.get("/task?priority=50&assigneeLike=x%25&foo=1")
    assert refused.status_code == 400
    assert "assigneeLike、priority" in refused.json["message"]  # type: ignore[index]
    assert designer.get("/task?foo=1&_=1616000000").status_code == 200


@ON_SQLITE
def test_no_parameter_of_camundas_is_overlooked(designer: Client) -> None:
    theirs = _parameters_of_the_client()
    compared = 0
    for path, operations in designer.document["paths"].items():
        for method, operation in operations.items():
            wanted = theirs.get((method.upper(), re.sub(r"{\w+}", "{}", path)))
            if wanted is None:
                continue
            compared += 1
            ours = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            assert wanted <= ours | CAMUNDAS, path
            assert ours - {"deleteReason"} <= wanted, path
    assert compared > 40


JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.sampled_from([2**31, 2**63, -(2**64), 10**400]), st.floats(),
    st.text(max_size=20), st.sampled_from(["", "\0", "a" * 300, "true", "Integer", "2021-03-12T09:00:00.000+0800"]),
)  # fmt: skip
JSON = st.recursive(
    JUNK,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["value", "type", "x", "_x", "\0", "变量"]) | st.text(max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["Integer", "Long", "string", "Json", "Object", "Null", "Boolean", "Double", "Date", "File", 1, None]
)
TYPED = st.dictionaries(
    st.sampled_from(["days", "approved", "x", "变量"]) | st.text(max_size=3),
    st.fixed_dictionaries({"value": JSON}, optional={"type": KINDS}),
    max_size=3,
)
RAW = st.sampled_from(
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"x": NaN}', b'{"x": "\\ud800"}', b"[" * 5_000, b"<x/>"]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    ["\0", "a" * 300, "-1", "9" * 30, "true", "asc", "0001-01-01T00:00:00.000+0800", "%", "!", "\\", "²"]
)


def test_no_request_brings_a_route_down(bureau: Bureau, designer: Client, known: dict[str, str]) -> None:
    """Random paths, parameters and bodies at every route: the answer is JSON or empty, and never a 5xx."""
    operations = [
        (method.upper(), path, operation)
        for path, each in designer.document["paths"].items()
        for method, operation in each.items()
    ]
    people = [designer, Client(bureau, "sysadmin"), Client(bureau, "liangxi_officer1")]

    @settings(
        max_examples=1_000, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(st.data())
    def fire(data: st.DataObject) -> None:
        method, path, operation = data.draw(st.sampled_from(operations))
        named = {name: data.draw(st.just(right) | TEXT) for name, right in known.items() if f"{{{name}}}" in path}
        address = path.format(**{name: _quoted(value) for name, value in named.items()})
        asked = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
        query = data.draw(st.dictionaries(st.sampled_from(asked), TEXT, max_size=3)) if asked else {}
        sent: dict[str, Any] = {"query_string": query}
        if method != "GET":
            fields = designer.document["components"]["schemas"].get(_body(operation), {}).get("properties", {})
            shaped = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, JSON | TYPED))
            body = data.draw(st.one_of(shaped, shaped, JSON, RAW))
            if isinstance(body, bytes):
                sent |= {"data": body, "content_type": data.draw(st.sampled_from(["application/json", "text/plain"]))}
            else:
                sent |= {"json": body}
            sent["headers"] = data.draw(st.just({}) | st.builds(lambda key: {"Idempotency-Key": key}, _key()))
        answer = data.draw(st.sampled_from(people)).send(method, address, **sent)
        assert answer.status_code < 500, answer.text

    fire()
    assert bureau.point(5)


def _key() -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=5) | st.just("k" * 256)


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


def _body(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return str(content.get("schema", {}).get("$ref", "")).rsplit("/", 1)[-1]


def _parameters_of_the_client() -> dict[tuple[str, str], set[str]]:
    """What a client generated from Camunda's own document can ask, by method and path."""
    camunda = pytest.importorskip("generic_camunda_client.api", reason="没有 Camunda 客户端")
    found = {}
    for module in pkgutil.iter_modules(camunda.__path__):
        source = inspect.getsource(import_module(f"{camunda.__name__}.{module.name}"))
        for block in source.split("\n    def "):
            if called := re.search(r"call_api\(\s*'([^']+)', '(\w+)'", block):
                path = re.sub(r"{\w+}", "{}", called[1])
                found[called[2], path] = set(re.findall(r"query_params\.append\(\('(\w+)'", block))
    return found


@ON_SQLITE
def test_a_page_of_another_site_makes_nobody_act(designer: Client, known: dict[str, str]) -> None:
    """A browser would send the credentials it remembers along, with a form or with nothing."""
    claim = f"/task/{known['task_id']}/claim"
    for site in ("cross-site", "same-site"):
        assert designer.post(claim, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert designer.post(claim, data={"userId": "designer"}).status_code == 415
    assert designer.post(claim, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
