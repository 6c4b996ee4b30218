"""An ECS service as the faults see it: its running tasks, the targets that answer, and what it is still missing."""

from typing import Any

from plugins.chaos.fault import Cloud


def running(cloud: Cloud, cluster: str, service: str) -> tuple[str, ...]:
    """ARNs of the tasks that run, sorted."""
    arns = cloud.client("ecs").list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
    tasks = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else ()
    return tuple(sorted(task["taskArn"] for task in tasks if task["lastStatus"] == "RUNNING"))


def status_of(cloud: Cloud, cluster: str, task: str) -> str:
    """The last status of a task; AWS forgets a stopped one after an hour."""
    found = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=[task])["tasks"]
    return str(found[0]["lastStatus"]) if found else "STOPPED"


def healthy(cloud: Cloud, group: str) -> tuple[str, ...]:
    """The healthy targets of a target group as `address:port`, sorted."""
    described = cloud.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    targets = (each["Target"] for each in described if each["TargetHealth"]["State"] == "healthy")
    return tuple(sorted(f"{target['Id']}:{target['Port']}" for target in targets))


def describe(cloud: Cloud, cluster: str, service: str) -> Any:  # boto3 types its answers in stubs only
    """The service's record."""
    return cloud.client("ecs").describe_services(cluster=cluster, services=[service])["services"][0]


def missing(cloud: Cloud, cluster: str, service: str, group: str) -> str | None:
    """What is still missing of a whole service: as many tasks as it wants, and each of them healthy."""
    record, there = describe(cloud, cluster, service), len(healthy(cloud, group))
    desired, runs = record["desiredCount"], record["runningCount"]
    if runs >= desired and there >= desired:
        return None
    return f"service {service} wants {desired} tasks: {runs} run, {there} are healthy"
