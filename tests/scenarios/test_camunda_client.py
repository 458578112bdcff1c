"""A client generated from Camunda 7's OpenAPI works with `/engine-rest` as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.driver import PASSWORD, Bureau
from tests.server import Server

camunda = pytest.importorskip("generic_camunda_client", reason="没有 Camunda 客户端")

HOLIDAY = Path(__file__).with_name("holiday.bpmn")


@pytest.fixture
def client(bureau: Bureau, tmp_path: Path) -> Iterator[Any]:
    """The client, logged in as the process designer, on a running server."""
    server = Server(bureau.database, tmp_path)
    settings = camunda.Configuration(host=f"{server.address}/engine-rest", username="designer", password=PASSWORD)
    with camunda.ApiClient(settings) as opened:
        opened.default_headers["Authorization"] = settings.get_basic_auth_token()
        yield opened
    server.stop()


def test_deploy_start_claim_complete_and_read_back(client: Any) -> None:
    assert camunda.VersionApi(client).get_rest_api_version().version.startswith("7.")
    deployed = camunda.DeploymentApi(client).create_deployment(deployment_name="holiday", data=str(HOLIDAY))
    assert [each.key for each in deployed.deployed_process_definitions.values()] == ["holiday"]

    definitions = camunda.ProcessDefinitionApi(client)
    assert definitions.get_process_definition_by_key("holiday").version == 1
    assert "<bpmn:process" in definitions.get_process_definition_bpmn20_xml_by_key("holiday").bpmn20_xml
    wanted = {"days": {"value": 3, "type": "Integer"}}
    started = definitions.start_process_instance_by_key(
        "holiday", start_process_instance_dto={"variables": wanted, "businessKey": "H-1"}
    )

    tasks = camunda.TaskApi(client)
    (task,) = tasks.get_tasks(process_instance_id=started.id)
    assert (task.task_definition_key, tasks.get_tasks_count(process_instance_id=started.id).count) == ("decide", 1)
    tasks.claim(task.id, user_id_dto={"userId": "designer"})
    assert tasks.get_task(task.id).assignee == "designer"
    tasks.complete(task.id, complete_task_dto={"variables": {"approved": {"value": True}}})

    history = camunda.HistoricActivityInstanceApi(client)
    passed = history.get_historic_activity_instances(process_instance_id=started.id)
    assert [each.activity_id for each in passed] == ["asked", "decide", "decided", "granted"]
    ended = camunda.HistoricProcessInstanceApi(client).get_historic_process_instance(started.id)
    assert (ended.state, ended.business_key) == ("COMPLETED", "H-1")


def test_what_is_refused_says_why(client: Any) -> None:
    with pytest.raises(camunda.ApiException) as refused:
        camunda.TaskApi(client).get_task("no-such-task")
    assert refused.value.status == 404
    assert '"type": "NotFound"' in refused.value.body or '"type":"NotFound"' in refused.value.body
