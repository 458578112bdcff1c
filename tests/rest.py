"""A person who speaks REST, and the OpenAPI document that every answer they get is held to."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from tests.driver import PASSWORD, Bureau

PREFIX = "/engine-rest"
KINDS: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


class Client:
    """Speaks REST as one person."""

    def __init__(self, bureau: Bureau, login: str, password: str = PASSWORD) -> None:
        self._app = bureau.app
        self._browser = bureau.app.test_client()
        self._header = {"Authorization": "Basic " + b64encode(f"{login}:{password}".encode()).decode()}

    def get(self, path: str, **sent: Any) -> TestResponse:
        return self.send("GET", path, **sent)

    def post(self, path: str, **sent: Any) -> TestResponse:
        return self.send("POST", path, **sent)

    def put(self, path: str, **sent: Any) -> TestResponse:
        return self.send("PUT", path, **sent)

    def delete(self, path: str, **sent: Any) -> TestResponse:
        return self.send("DELETE", path, **sent)

    def send(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **sent: Any) -> TestResponse:
        """The answer, which must be as the document describes it."""
        answer = self._browser.open(PREFIX + path, method=method, headers={**self._header, **(headers or {})}, **sent)
        if answer.status_code != 401:
            assert list(self._faults(method, path, answer)) == []
        return answer

    def deploy(self, content: bytes, name: str = "test.bpmn", **sent: Any) -> TestResponse:
        data = {"deployment-name": "test", "data": (io.BytesIO(content), name)}
        return self.post("/deployment/create", data=data, **sent)

    def starts(self, key: str, **given: Any) -> str:
        """The id of a new instance."""
        answer = self.post(f"/process-definition/key/{key}/start", json=given)
        assert answer.status_code == 200, answer.text
        return str(answer.json["id"])  # type: ignore[index]

    def told(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json

    @cached_property
    def document(self) -> dict[str, Any]:
        answer = self._browser.get(f"{PREFIX}/openapi.json", headers=self._header)
        assert answer.status_code == 200
        return dict(answer.json)  # type: ignore[arg-type]

    def _faults(self, method: str, path: str, answer: TestResponse) -> Iterator[str]:
        responses = self._operation(method, path).get("responses", {})
        refusal = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}}
        told = responses.get(str(answer.status_code))
        if told is None:
            yield from [] if answer.status_code >= 400 else [f"{answer.status_code} is not described"]
            told = refusal
        if "content" not in told:
            yield from [] if answer.data == b"" else ["a body that is not described"]
            return
        yield from self.faults(answer.json, told["content"]["application/json"]["schema"])

    def _operation(self, method: str, path: str) -> Mapping[str, Any]:
        try:
            rule, _ = self._app.url_map.bind("localhost").match(
                PREFIX + path.partition("?")[0], method, return_rule=True
            )
        except HTTPException:
            return {}
        named = re.sub(r"<(\w+)>", r"{\1}", rule.rule.removeprefix(PREFIX))
        operation: Mapping[str, Any] = self.document["paths"][named][method.lower()]
        return operation

    def faults(self, value: Any, schema: Mapping[str, Any], where: str = "$") -> Iterator[str]:
        """Where a JSON value is not what an OpenAPI 3.0 schema says: the keywords that our document uses."""
        if reference := schema.get("$ref"):
            schema = self.document["components"]["schemas"][reference.rsplit("/", 1)[1]]
        if value is None and (schema.get("nullable") or "type" not in schema):
            return
        for part in schema.get("allOf", []):
            yield from self.faults(value, part, where)
        kind = schema.get("type")
        if kind and (not isinstance(value, KINDS[kind]) or (kind == "integer" and isinstance(value, bool))):
            yield f"{where}: {value!r} is no {kind}"
        elif kind == "array":
            for number, each in enumerate(value):
                yield from self.faults(each, schema["items"], f"{where}[{number}]")
        elif kind == "object":
            known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
            yield from (f"{where}.{name} is missing" for name in schema.get("required", []) if name not in value)
            for name, each in value.items():
                if name not in known and others is False:
                    yield f"{where}.{name} is not described"
                told = known.get(name, others if isinstance(others, dict) else {})
                yield from self.faults(each, told, f"{where}.{name}")
