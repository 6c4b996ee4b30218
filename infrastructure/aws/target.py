"""The target `aws`: an account named in the environment's file, reached with the caller's credentials."""

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from infrastructure import artifacts, stacks
from infrastructure.connection import Clients, Connection
from infrastructure.environment import Environment
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import NAMESPACE, Kubernetes
from infrastructure.status import PlatformStatus, ProcessStatus
from services.catalog import containers

IMAGE_TAG = "latest"
MEMORYDB_PORT = 6379
"""The one of `caching.yaml`: an output is text, and the cluster's own port is a number."""
_ZONE, _SERVICE = "topology.kubernetes.io/zone", "app.kubernetes.io/name"
"""Labels of nodes and pods."""
_TASKS_DESCRIBED = 100
"""At a time. Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html"""


def check_configured(environment: Environment) -> None:
    """`EnvironmentFault` with everything that can be known to be missing without a call, in one line."""
    import botocore.session

    missing = []
    if botocore.session.Session().get_credentials() is None:
        missing.append("credentials (aws configure, aws sso login, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
    if not environment.accounts:
        missing.append(f'the account that may be deployed into (accounts = ["123456789012"] in {environment.file})')
    redirected = sorted(key for key in os.environ if key.startswith("AWS_ENDPOINT_URL"))
    if redirected:
        missing.append(
            f"a clean shell ({', '.join(redirected)} sends AWS calls elsewhere, as `cafe env` does: unset it)"
        )
    if missing:
        raise EnvironmentFault(
            f"environment {environment.name!r} targets AWS, and nothing was called; missing: {'; '.join(missing)}"
        )


class AwsTarget:
    """One environment on AWS. Refuses, with everything that is missing in one message, before anything is called."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._connection = Connection(region=environment.region)
        self._client = Clients(self._connection)

    @property
    def metric_period_s(self) -> float:
        return 60.0

    @property
    def poll_s(self) -> float:
        return 5.0

    @property
    def patience_s(self) -> float:
        return 900.0

    @property
    def is_new(self) -> bool:
        """AWS itself is never started; whether the platform was new, its stacks tell."""
        return False

    def open(self, *, detached: bool) -> Connection:
        del detached
        connection = self.attach()
        self._check_images()
        return connection

    def attach(self) -> Connection:
        check_configured(self._environment)
        if (account := self._account()) not in self._environment.accounts:
            raise EnvironmentFault(
                f"the credentials belong to account {account}, environment {self._environment.name!r} may only be"
                f" deployed into {', '.join(self._environment.accounts)}: use other credentials, or list the account in"
                f" {self._environment.file}"
            )
        return self._connection

    def settle(self, connection: Connection, outputs: Mapping[str, str]) -> None:
        """CloudFormation has waited for the services to be stable; what is left is that the load balancer sees them."""

    def endpoints(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        return {
            "alb": f"http://{outputs['AlbDnsName']}",
            "nlb": f"http://{outputs['NlbDnsName']}",
            "operations": f"http://{outputs['NlbDnsName']}:8081",
            "aurora_writer": _aurora(outputs, "AuroraWriterEndpoint"),
            "aurora_reader": _aurora(outputs, "AuroraReaderEndpoint"),
            "elasticache": f"rediss://{outputs['CacheEndpoint']}:{outputs['CachePort']}/0",
            "documentdb": f"mongodb://{outputs['DocumentDbEndpoint']}:{outputs['DocumentDbPort']}/?replicaSet=rs0&tls=true",
            "memorydb": f"rediss://{outputs['MemoryEndpoint']}:{MEMORYDB_PORT}/0",
        }

    def status(self, connection: Connection, outputs: Mapping[str, str]) -> PlatformStatus:
        """The tasks and the pods. They have no pid and port of their own to show; times are ECS's."""
        ecs = self._client("ecs")
        cluster = outputs["ClusterName"]
        arns = [arn for page in ecs.get_paginator("list_tasks").paginate(cluster=cluster) for arn in page["taskArns"]]
        tasks = [
            task
            for first in range(0, len(arns), _TASKS_DESCRIBED)
            for task in ecs.describe_tasks(cluster=cluster, tasks=arns[first : first + _TASKS_DESCRIBED])["tasks"]
        ]
        return PlatformStatus(
            platform_id=outputs["ClusterArn"],
            environment=self._environment.name,
            target="aws",
            pace="aws",
            url=None,
            pid=None,
            started_at=min((task["createdAt"].timestamp() for task in tasks), default=time.time()),
            endpoints=self.endpoints(outputs),
            processes=(*map(_process, tasks), *self._pods(outputs["EksClusterName"])),
        )

    def _pods(self, cluster: str) -> list[ProcessStatus]:
        core = Kubernetes(self._client, cluster, is_embedded=False).core
        zones = {node.metadata.name: (node.metadata.labels or {}).get(_ZONE) for node in core.list_node().items}
        pods = core.list_namespaced_pod(NAMESPACE).items
        return [_pod(each, zones.get(each.spec.node_name)) for each in pods]

    def evidence(self) -> tuple[str, ...]:
        """CloudFormation's own reasons are in the message already."""
        return ()

    def close(self) -> None:
        """Nothing runs here that `open` started."""

    def destroy(self, talk: Callable[[str], None]) -> None:
        self.attach()
        stacks.destroy(
            self._client("cloudformation"),
            self._environment.suffix,
            poll_s=self.poll_s,
            talk=talk,
            empty=partial(artifacts.empty, self._client("s3")),
        )

    def _account(self) -> str:
        return str(self._client("sts").get_caller_identity()["Account"])

    def _check_images(self) -> None:
        """Images are built with Docker, which the framework does without: it looks for them, and says how."""
        missing = [service.image for service in containers() if not self._has_image(service.image)]
        if missing:
            registry = f"{self._account()}.dkr.ecr.{self._environment.region}.amazonaws.com"
            commands = "\n".join(_build_commands(image, registry, self._environment.region) for image in missing)
            raise EnvironmentFault(
                f"no image tagged {IMAGE_TAG!r} in ECR for {', '.join(missing)}. Build and push it first:\n{commands}"
            )

    def _has_image(self, repository: str) -> bool:
        ecr = self._client("ecr")
        try:
            ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": IMAGE_TAG}])
        except (ecr.exceptions.RepositoryNotFoundException, ecr.exceptions.ImageNotFoundException):
            return False
        return True


def _aurora(outputs: Mapping[str, str], endpoint: str) -> str:
    """As psql takes it; user and password are in the secret `AuroraSecretArn`."""
    return f"postgresql://{outputs[endpoint]}:{outputs['AuroraPort']}/{outputs['AuroraDatabaseName']}"


def _build_commands(image: str, registry: str, region: str) -> str:
    return "\n".join(
        (
            f"  aws ecr create-repository --region {region} --repository-name {image}   # once",
            f"  aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {registry}",
            f"  docker build -f services/{image.rsplit('/', 1)[-1]}/Dockerfile -t {registry}/{image}:{IMAGE_TAG} .",
            f"  docker push {registry}/{image}:{IMAGE_TAG}",
        )
    )


def _process(task: Mapping[str, Any]) -> ProcessStatus:
    return ProcessStatus(
        id=task["taskArn"].rsplit("/", 1)[-1],
        kind="ecs-task",
        service=str(task.get("group", "")).removeprefix("service:") or None,
        resource=task["taskArn"],
        pid=None,
        port=None,
        az=task.get("availabilityZone"),
        state=str(task["lastStatus"]).lower(),
    )


def _pod(pod: Any, zone: str | None) -> ProcessStatus:
    return ProcessStatus(
        id=pod.metadata.name,
        kind="pod",
        service=(pod.metadata.labels or {}).get(_SERVICE),
        resource=f"{pod.metadata.namespace}/{pod.metadata.name}",
        pid=None,
        port=None,
        az=zone,
        state="stopping" if pod.metadata.deletion_timestamp else str(pod.status.phase).lower(),
    )
