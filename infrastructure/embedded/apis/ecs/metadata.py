"""The task metadata endpoint, version 4: where a task asks who it is, as it does of AWS's agent.

A task finds its own address in `ECS_CONTAINER_METADATA_URI_V4`; what it may GET below that is `/task`, with the members
of AWS's answer that the record has. Source: Amazon ECS Developer Guide, "Amazon ECS task metadata endpoint version 4".
"""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.pages import ECS_METADATA, PREFIX, REST, Page, json_answer

PAGE = ECS_METADATA
VARIABLE = "ECS_CONTAINER_METADATA_URI_V4"


def address(url: str, task_id: str) -> str:
    """The value of `VARIABLE` for a task; `url` is the control plane's."""
    return f"{url}{PREFIX}{PAGE}{task_id}"


def page(ecs: Any) -> Page:
    """Answers from moto's records of ECS."""

    async def answer(query: dict[str, str]) -> Answer:
        task_id, _, what = query[REST].partition("/")
        found = next((task for tasks in ecs.tasks.values() for task in tasks.values() if task.id == task_id), None)
        if found is None:
            return json_answer(404, {"error": f"there is no task {task_id!r}"})
        if what != "task":
            return json_answer(404, {"error": f"of a task there is /task, not {what!r}"})
        return json_answer(200, _task(found, ecs.describe_task_definition(found.task_definition_arn)))

    return answer


def _task(task: Any, definition: Any) -> Mapping[str, object]:
    return {
        "Cluster": task.cluster_arn,
        "TaskARN": task.task_arn,
        "Family": definition.family,
        "Revision": str(definition.revision),
        "DesiredStatus": task.desired_status,
        "KnownStatus": task.last_status,
        "AvailabilityZone": task.availability_zone,
        "LaunchType": task.launch_type,
    }
