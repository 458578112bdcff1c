"""Instances over REST: ending one early, setting its variables, and reading lists, counts and histories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import db, history
from tests.driver import Bureau
from tests.rest import Client

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()


@pytest.fixture
def designer(bureau: Bureau) -> Iterator[Client]:
    client = Client(bureau, "designer")
    assert client.deploy(HOLIDAY).status_code == 200
    yield client
    with db.reading() as session:
        assert list(history.broken_chains(session)) == []


def told(instance_id: str) -> list[tuple[str, dict[str, Any]]]:
    with db.reading() as session:
        return [(event.kind, event.detail) for event in history.of(session, instance_id)]


def test_an_instance_is_ended_early_with_a_reason(bureau: Bureau, designer: Client) -> None:
    instance = designer.starts("holiday")
    (task,) = designer.told(f"/task?processInstanceId={instance}")
    assert designer.delete(f"/process-instance/{instance}?deleteReason=重复申请").status_code == 204
    ended = designer.told(f"/history/process-instance/{instance}")
    assert (ended["state"], ended["deleteReason"]) == ("EXTERNALLY_TERMINATED", "重复申请")
    assert designer.told(f"/task?processInstanceId={instance}") == []
    (cancelled,) = designer.told(f"/history/task?processInstanceId={instance}")
    assert (cancelled["id"], cancelled["deleteReason"]) == (task["id"], "deleted")
    assert designer.delete(f"/process-instance/{instance}").status_code == 409
    assert designer.get("/process-instance/" + instance).json["ended"]  # type: ignore[index]


def test_who_may_end_an_instance(bureau: Bureau, designer: Client) -> None:
    foreign, point = designer.starts("holiday"), bureau.point(5)
    assert Client(bureau, "jj_officer1").delete(f"/process-instance/{foreign}").status_code == 404
    assert Client(bureau, "juzhang").delete(f"/process-instance/{foreign}").status_code == 403
    for login in ("designer", "jj_head", "jj_officer1"):
        assert Client(bureau, login).delete(f"/process-instance/{point}").status_code == 403
    assert bureau.status(point) == "active"
    assert Client(bureau, "juzhang").delete(f"/process-instance/{point}?deleteReason=要点撤销").status_code == 204
    assert bureau.status(point) == "terminated"


def test_variables_are_set_read_and_deleted_and_the_history_knows(designer: Client) -> None:
    instance = designer.starts("holiday", variables={"days": {"value": 3}})
    variables = f"/process-instance/{instance}/variables"
    assert designer.put(f"{variables}/days", json={"value": 5, "type": "Integer"}).status_code == 204
    changes = {"modifications": {"reason": {"value": {"why": "病假"}, "type": None}}, "deletions": None}
    assert designer.post(variables, json=changes).status_code == 204
    assert designer.told(f"{variables}/days") == {"value": 5, "type": "Integer", "valueInfo": {}}
    assert designer.told(f"{variables}/reason")["value"] == '{"why": "病假"}'
    assert designer.delete(f"{variables}/reason").status_code == 204
    assert designer.told(variables).keys() == {"days"}
    assert designer.get(f"{variables}/reason").status_code == 404
    changed = [detail for kind, detail in told(instance) if kind == "variables.changed"]
    assert [(list(each["changed"]), each["deleted"]) for each in changed] == [
        (["days"], []), (["reason"], []), ([], ["reason"]),
    ]  # fmt: skip
    assert "病假" not in str(changed)


def test_what_is_set_decides_where_the_instance_goes(designer: Client) -> None:
    instance = designer.starts("holiday")
    approved = {"value": True, "type": "Boolean"}
    assert designer.put(f"/process-instance/{instance}/variables/approved", json=approved).status_code == 204
    (task,) = designer.told(f"/task?processInstanceId={instance}")
    assert designer.post(f"/task/{task['id']}/complete").status_code == 204
    passed = designer.told(f"/history/activity-instance?processInstanceId={instance}")
    assert passed[-1]["activityId"] == "granted"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_bad_variables_change_nothing(designer: Client) -> None:
    instance = designer.starts("holiday", variables={"days": {"value": 3}})
    before = told(instance)
    bad: list[tuple[str, Any]] = [
        ("days", {"value": "drei", "type": "Integer"}), ("days", {"value": 1, "type": "File"}),
        ("days", {"value": "{", "type": "Json"}), ("days", {"value": 10**400}), ("days", {"value": True, "type": "Long"}),
        ("_days", {"value": 1}), ("a-b", {"value": 1}), ("days", {"value": "x" * 70_000}), ("days", {"valu": 1}),
    ]  # fmt: skip
    for name, value in bad:
        answer = designer.put(f"/process-instance/{instance}/variables/{name}", json=value)
        assert answer.status_code == 400, (name, value)
        assert answer.json is not None
        assert answer.json["message"]
    assert designer.told(f"/process-instance/{instance}/variables/days")["value"] == 3
    assert told(instance) == before


def test_who_may_set_variables(bureau: Bureau, designer: Client) -> None:
    foreign, point = designer.starts("holiday"), bureau.point(5)
    value = {"value": 1}
    assert Client(bureau, "jj_officer1").put(f"/process-instance/{foreign}/variables/x", json=value).status_code == 404
    assert Client(bureau, "juzhang").put(f"/process-instance/{foreign}/variables/x", json=value).status_code == 403
    for login in ("designer", "juzhang", "jj_head"):
        answer = Client(bureau, login).put(f"/process-instance/{point}/variables/decision", json=value)
        assert answer.status_code == 403, login


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_lists_and_counts_agree_on_what_a_person_may_see(bureau: Bureau, designer: Client) -> None:
    officer = Client(bureau, "jj_officer1")
    for path in ("/process-instance", "/history/process-instance", "/task", "/history/task", "/event-subscription"):
        seen = [{each["id"] for each in client.told(path)} for client in (designer, officer)]
        counted = [client.told(f"{path}/count")["count"] for client in (designer, officer)]
        assert [len(each) for each in seen] == counted
        assert seen[1] < seen[0], path


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_lists_are_narrowed_sorted_and_paged(designer: Client) -> None:
    for number in (2, 3, 1):
        designer.starts("holiday", businessKey=f"H-{number}")
    designer.delete(f"/process-instance/{designer.told('/process-instance?businessKey=H-3')[0]['id']}")

    def keys(asked: str, path: str = "/history/process-instance?processDefinitionKey=holiday&") -> list[str]:
        return [each["businessKey"] for each in designer.told(path + asked)]

    assert keys("sortBy=businessKey&sortOrder=desc") == ["H-3", "H-2", "H-1"]
    assert keys("sortBy=businessKey&sortOrder=asc&firstResult=1&maxResults=1") == ["H-2"]
    assert keys("finished=true") == ["H-3"]
    assert sorted(keys("unfinished=true")) == ["H-1", "H-2"]
    assert keys("externallyTerminated=true&startedBy=designer") == ["H-3"]
    assert keys("startedBy=juzhang") == []
    assert keys("processInstanceBusinessKeyLike=%25-3") == ["H-3"]
    assert keys("startedAfter=2100-01-01T00:00:00.000%2B0800") == []
    assert designer.told("/process-instance/count?processDefinitionKeyIn=holiday,other") == {"count": 2}
    assert designer.told("/process-definition/count?key=holiday&latestVersion=true") == {"count": 1}
    for bad in ("sortBy=businessKey", "sortBy=x&sortOrder=asc", "finished=1", "startedAfter=2021", "maxResults=-1"):
        assert designer.get(f"/history/process-instance?{bad}").status_code == 400, bad
