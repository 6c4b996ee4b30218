"""The deployment circuit breaker: a deployment whose tasks do not start is given up, and taken back where asked to.

Rules as AWS documents them, https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html:
half of the desired count may fail, but no fewer than 3 and no more than 200; what counts are failures before the first
task of the deployment is healthy; it goes back to the last deployment that was completed, if there was one.
"""

import math
from datetime import UTC, datetime

from infrastructure.embedded.apis.ecs.record import Deployment, EcsRecord, Record, open_deployment

REASON = "ECS deployment circuit breaker: tasks failed to start."


def threshold(desired: int) -> int:
    """How many tasks of a deployment may fail."""
    return min(max(math.ceil(desired / 2), 3), 200)


def trip(record: EcsRecord, service: Record) -> bool:
    """Give the service's deployment up if too many of its tasks have failed; whether it was."""
    configured = Deployment.of(service)
    primary = service.deployments[0]
    is_under_way = primary["rolloutState"] == "IN_PROGRESS"
    if not (configured.has_breaker and is_under_way and primary["failedTasks"] >= threshold(service.desired_count)):
        return False
    primary |= {"rolloutState": "FAILED", "rolloutStateReason": REASON, "updatedAt": datetime.now(UTC)}
    record.event(service, f"(deployment {primary['id']}) deployment failed: tasks failed to start.")
    if configured.is_taken_back and getattr(service, "completed", None) is not None:
        _take_back(record, service)
    return True


def _take_back(record: EcsRecord, service: Record) -> None:
    """A new deployment of what the last completed one was."""
    former, properties = service.completed
    for name, value in properties.items():
        setattr(service, name, value)
    open_deployment(service)
    text = f"rolling back to deployment {former}"
    service.deployments[0]["rolloutStateReason"] = f"ECS deployment circuit breaker: {text}."
    record.event(service, f"{text}.")
