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
ORDER = Path(__file__).parent.parent / "web" / "order.bpmn"


@pytest.fixture
def client(bureau: Bureau, tmp_path: Path) -> Iterator[Any]:
    """The client, logged in as the process designer, on a running server."""
    server = Server(bureau.database, tmp_path, worker=False)
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


def start_holiday(client: Any, **variables: Any) -> tuple[str, str]:
    """A new instance and its one task."""
    camunda.DeploymentApi(client).create_deployment(deployment_name="holiday", data=str(HOLIDAY))
    started = camunda.ProcessDefinitionApi(client).start_process_instance_by_key(
        "holiday", start_process_instance_dto={"variables": variables}
    )
    (task,) = camunda.TaskApi(client).get_tasks(process_instance_id=started.id)
    return started.id, task.id


def test_comment_look_at_forms_mend_and_end(client: Any) -> None:
    instance, task = start_holiday(client, days={"value": 3, "type": "Integer"})
    tasks, comments = camunda.TaskApi(client), camunda.TaskCommentApi(client)
    assert tasks.get_form(task).key is None
    assert tasks.get_form_variables(task, variable_names="days", deserialize_values=False)["days"].value == 3
    with pytest.raises(camunda.ApiException) as refused:
        tasks.set_assignee(task, user_id_dto={"userId": "juzhang"})
    assert (refused.value.status, "没有其他候选人" in refused.value.body) == (409, True)
    said = comments.create_comment(task, comment_dto=camunda.CommentDto(message="请核对天数"))
    assert comments.get_comment(task, said.id).message == "请核对天数"
    assert [each.user_id for each in comments.get_comments(task)] == ["designer"]

    processes = camunda.ProcessInstanceApi(client)
    processes.set_process_instance_variable(instance, "days", variable_value_dto={"value": 4, "type": "Integer"})
    change = camunda.PatchVariablesDto(modifications={"why": {"value": "病假"}}, deletions=["days"])
    processes.modify_process_instance_variables(instance, patch_variables_dto=change)
    assert processes.get_process_instance_variable(instance, "why").value == "病假"
    processes.delete_process_instance_variable(instance, "why")
    assert processes.get_process_instance_variables(instance) == {}
    assert processes.get_process_instances_count(process_definition_key="holiday").count == 1
    processes.delete_process_instance(instance)

    (ended,) = camunda.HistoricProcessInstanceApi(client).get_historic_process_instances(
        process_definition_key="holiday", finished=True, sort_by="endTime", sort_order="desc"
    )
    assert (ended.state, ended.delete_reason) == ("EXTERNALLY_TERMINATED", "经 REST 终止")
    history = camunda.HistoricTaskInstanceApi(client)
    (cancelled,) = history.get_historic_task_instances(process_instance_id=instance, finished=True)
    assert (cancelled.id, cancelled.delete_reason) == (task, "deleted")
    assert history.get_historic_task_instances_count(process_instance_id=instance, unfinished=True).count == 0


def test_correlate_and_broadcast(bureau: Bureau, client: Any) -> None:
    camunda.DeploymentApi(client).create_deployment(deployment_name="order", data=str(ORDER))
    events, messages = camunda.EventSubscriptionApi(client), camunda.MessageApi(client)
    begin = camunda.CorrelationMessageDto(message_name="ordered", business_key="O-1", result_enabled=True)
    (begun,) = messages.deliver_message(correlation_message_dto=begin)
    assert (begun.result_type, begun.process_instance.business_key) == ("ProcessDefinition", "O-1")
    (waiting,) = events.get_event_subscriptions(process_instance_id=begun.process_instance.id)
    assert (waiting.event_type, waiting.event_name) == ("message", "paid")
    paid = {"messageName": "paid", "businessKey": "O-1", "processVariables": {"sum": {"value": 80}}}
    messages.deliver_message(correlation_message_dto=paid)
    camunda.SignalApi(client).throw_signal(signal_dto=camunda.SignalDto(name="closed"))
    bureau.settle()
    ended = camunda.HistoricProcessInstanceApi(client).get_historic_process_instance(begun.process_instance.id)
    assert ended.state == "COMPLETED"


def test_what_was_deployed_can_be_looked_up(client: Any) -> None:
    deployments = camunda.DeploymentApi(client)
    made = deployments.create_deployment(deployment_name="holiday", data=str(HOLIDAY))
    (found,) = deployments.get_deployments(name="holiday")
    assert (found.id, deployments.get_deployment(made.id).name) == (made.id, "holiday")
    assert [each.name for each in deployments.get_deployment_resources(made.id)] == ["holiday.bpmn"]
    again = deployments.create_deployment(deployment_name="holiday", deploy_changed_only=True, data=str(HOLIDAY))
    assert again.deployed_process_definitions is None
    assert deployments.get_deployments_count(name_like="holi%").count == 2


def test_what_is_refused_says_why(client: Any) -> None:
    with pytest.raises(camunda.ApiException) as refused:
        camunda.TaskApi(client).get_task("no-such-task")
    assert refused.value.status == 404
    assert '"type": "NotFound"' in refused.value.body or '"type":"NotFound"' in refused.value.body
