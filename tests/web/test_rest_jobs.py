"""Jobs and incidents over REST: who sees them, and what an administrator does with one that gave up."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import clock, db, jobs
from engine.models import Incident
from tests.driver import Bureau
from tests.rest import Client

HOLIDAY = (Path(__file__).parent.parent / "scenarios" / "holiday.bpmn").read_bytes()
KIND = "tests.mail"


class Mail:
    """A job that fails as long as the post is closed."""

    def __init__(self) -> None:
        self.closed, self.sent = True, 0

    def send(self, *_: object) -> None:
        if self.closed:
            raise ConnectionRefusedError("邮局关门")
        self.sent += 1


@pytest.fixture
def mail(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> Mail:
    mail = Mail()
    monkeypatch.setitem(jobs.handlers, KIND, mail.send)
    return mail


@pytest.fixture
def instance(bureau: Bureau) -> str:
    designer = Client(bureau, "designer")
    assert designer.deploy(HOLIDAY).status_code == 200
    return designer.starts("holiday")


def send(instance_id: str) -> None:
    with db.transaction() as session:
        jobs.add(session, KIND, clock.now(), {}, dedupe_key="mail:1", instance_id=instance_id)


def gives_up(bureau: Bureau) -> None:
    bureau.settle()
    for minutes in (1, 5, 30):
        bureau.let_time_pass(minutes=minutes)


def test_what_gave_up_is_tried_again(bureau: Bureau, mail: Mail, instance: str) -> None:
    send(instance)
    gives_up(bureau)
    administrator = Client(bureau, "sysadmin")
    (job,) = administrator.told(f"/job?noRetriesLeft=true&jobDefinitionId={KIND}")
    assert (job["retries"], job["processInstanceId"], job["processDefinitionKey"]) == (0, instance, "holiday")
    (incident,) = administrator.told(f"/incident?processInstanceId={instance}&incidentType=failedJob")
    assert (incident["configuration"], "邮局关门" in incident["incidentMessage"]) == (job["id"], True)
    assert administrator.told("/incident/count?processDefinitionKeyIn=holiday,other") == {"count": 1}
    assert administrator.told(f"/incident/{incident['id']}") == incident
    assert Client(bureau, "designer").told("/process-instance?withIncident=true")[0]["id"] == instance

    mail.closed = False
    assert administrator.post(f"/job/{job['id']}/execute").status_code == 204
    bureau.settle()
    assert mail.sent == 1
    assert administrator.told("/incident") == []
    assert administrator.get(f"/job/{job['id']}").status_code == 404
    with db.reading() as session:
        assert session.get_one(Incident, incident["id"]).resolution == "retried"


def test_what_waits_to_be_tried_again_need_not_wait(bureau: Bureau, mail: Mail, instance: str) -> None:
    send(instance)
    bureau.settle()
    administrator = Client(bureau, "sysadmin")
    (job,) = administrator.told(f"/job?jobDefinitionId={KIND}&withRetriesLeft=true")
    assert job["retries"] == 3
    mail.closed = False
    bureau.settle()
    assert mail.sent == 0
    assert administrator.post(f"/job/{job['id']}/execute").status_code == 204
    bureau.settle()
    assert mail.sent == 1


def test_retries_are_set_within_bounds(bureau: Bureau, mail: Mail, instance: str) -> None:
    send(instance)
    gives_up(bureau)
    administrator = Client(bureau, "sysadmin")
    (job,) = administrator.told(f"/job?jobDefinitionId={KIND}")
    for bad in (
        {},
        {"retries": 0},
        {"retries": 5},
        {"retries": "2"},
        {"retries": None},
        {"retries": 2, "dueDate": "x"},
    ):
        assert administrator.put(f"/job/{job['id']}/retries", json=bad).status_code == 400, bad
    assert administrator.put(f"/job/{job['id']}/retries", json={"retries": 2}).status_code == 204
    assert administrator.told(f"/job/{job['id']}")["retries"] == 2
    assert administrator.told("/incident/count") == {"count": 0}


def test_nothing_is_done_before_its_time(bureau: Bureau) -> None:
    """A timer would look, find nothing due, and be gone."""
    administrator = Client(bureau, "sysadmin")
    monthly, *_ = administrator.told("/job?jobDefinitionId=recurrence")
    assert administrator.post(f"/job/{monthly['id']}/execute").status_code == 409
    assert administrator.told(f"/job/{monthly['id']}") == monthly


def test_who_sees_and_who_acts(bureau: Bureau, mail: Mail, instance: str) -> None:
    send(instance)
    gives_up(bureau)
    (job,) = Client(bureau, "sysadmin").told(f"/job?jobDefinitionId={KIND}")
    (incident,) = Client(bureau, "sysadmin").told("/incident")
    for login, seen, acting in (("designer", 200, 403), ("juzhang", 200, 403), ("jj_officer1", 404, 404)):
        person = Client(bureau, login)
        assert person.get(f"/job/{job['id']}").status_code == seen, login
        assert person.get(f"/incident/{incident['id']}").status_code == seen, login
        assert person.post(f"/job/{job['id']}/execute").status_code == acting, login
        assert person.put(f"/job/{job['id']}/retries", json={"retries": 1}).status_code == acting, login
    assert Client(bureau, "jj_officer1").told("/incident") == []
