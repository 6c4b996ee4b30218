"""The contract of every fault, and of its undo, against moto, a real Redis and a scheduler."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders

from infrastructure.errors import EnvironmentFault, UsageError
from plugins.chaos import faults
from plugins.chaos.fault import Call, EmptyTargetError, Fault, Patience, Plan
from plugins.chaos.faults import FAULTS, fault
from plugins.chaos.faults.az_outage import AzOutage
from plugins.chaos.faults.dynamodb_throttle import DynamoDbThrottle
from plugins.chaos.faults.ecs_task_kill import EcsTaskKill
from plugins.chaos.faults.rds_failover import RdsFailover
from plugins.chaos.faults.security_group_lockdown import SecurityGroupLockdown
from plugins.chaos.faults.stream_worker_kill import StreamWorkerKill
from plugins.chaos.policy import cluster_role, policy
from plugins.chaos.sabotage import NoOp
from plugins.chaos.targets import security_groups
from plugins.chaos.tests.clouds import TestCloud
from plugins.chaos.tests.fleet import NODES, SHARDS
from services.catalog import http_service, services_on

each_fault = pytest.mark.parametrize("fault", FAULTS, ids=[known.name for known in FAULTS])


@each_fault
def test_a_plan_makes_read_calls_only_and_declares_which(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    fault.fingerprint(platform, plan)
    fault.symptom(platform, plan)
    assert platform.mutations == []
    assert {action.partition(":")[2] for action in fault.reads} >= set(platform.calls)


@each_fault
def test_a_plan_survives_the_journal(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    assert Plan.from_json(plan.to_json()).to_json() == plan.to_json()
    assert (plan.fault, plan.created_at, bool(plan.targets)) == (fault.name, 7.0, True)


@each_fault
def test_injection_makes_exactly_the_calls_of_the_plan(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    platform.calls.clear()
    fault.inject(platform, plan)
    assert platform.mutations == [call.action.partition(":")[2] for call in plan.calls]
    assert {call.action for call in (*plan.calls, *plan.undo)} == set(fault.writes)


@each_fault
def test_injection_is_felt_and_its_rollback_restores_the_fingerprint(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    before = fault.fingerprint(platform, plan)
    assert fault.symptom(platform, plan) is None

    fault.inject(platform, plan)
    Patience().until_clear(lambda: None if fault.symptom(platform, plan) else "no symptom")
    fault.rollback(platform, Plan.from_json(plan.to_json()))

    assert json.dumps(fault.fingerprint(platform, plan)) == json.dumps(before)


@each_fault
def test_rolling_back_twice_changes_nothing_more(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    before = fault.fingerprint(platform, plan)
    fault.inject(platform, plan)
    fault.rollback(platform, plan)
    fault.rollback(platform, plan)
    assert fault.fingerprint(platform, plan) == before


@each_fault
def test_rolling_back_what_was_never_injected_changes_nothing(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    before = fault.fingerprint(platform, plan)
    fault.rollback(platform, plan)
    assert fault.fingerprint(platform, plan) == before
    assert fault.symptom(platform, plan) is None


@each_fault
def test_a_sabotaged_fault_has_no_symptom(fault: Fault, platform: TestCloud) -> None:
    sabotaged = NoOp(fault)
    plan = sabotaged.plan(platform, 7.0)
    sabotaged.inject(platform, plan)
    assert sabotaged.symptom(platform, plan) is None
    sabotaged.rollback(platform, plan)
    assert sabotaged.fingerprint(platform, plan) == fault.fingerprint(platform, plan)


@each_fault
def test_the_policy_allows_all_it_does_and_nothing_everywhere_but_reading(fault: Fault, platform: TestCloud) -> None:
    plan = fault.plan(platform, 7.0)
    document = json.loads(policy(fault, plan))
    statements = document["Statement"]
    assert document["Version"] == "2012-10-17"
    assert {tuple(statement) for statement in statements} == {("Sid", "Effect", "Action", "Resource")}
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    assert len({statement["Sid"] for statement in statements}) == len(statements)
    allowed = {action for statement in statements for action in statement["Action"]}
    rules = json.loads(cluster_role(fault, plan) or '{"rules": []}')["rules"]
    allowed |= {f"kubernetes:{verb} {each['resources'][0]}" for each in rules for verb in each["verbs"]}
    assert allowed == {*fault.reads, *fault.writes}
    for statement in statements:
        assert statement["Resource"] != ["*"] or set(statement["Action"]) <= set(fault.reads)
    for rule in rules:
        assert rule.get("resourceNames") or set(rule["verbs"]) <= {"get", "list"}


def empty_rule(platform: TestCloud) -> None:
    fault("alb-routing-failure").inject(platform, fault("alb-routing-failure").plan(platform, 0.0))


def cut_table(platform: TestCloud) -> None:
    fault("dynamodb-throttle").inject(platform, fault("dynamodb-throttle").plan(platform, 0.0))


def no_tasks(platform: TestCloud) -> None:
    scheduler: Any = platform.client("ecs")
    scheduler.is_replacing = False
    for task in scheduler.list_tasks()["taskArns"]:
        scheduler.stop_task(cluster="cafe-dev", task=task, reason="test")


def no_nodes(platform: TestCloud) -> None:
    client = platform.client("elasticache")
    group = {"ReplicationGroupId": "cafe-dev", "MemberClusters": [], "Status": "available"}
    client.describe_replication_groups = lambda **_request: {"ReplicationGroups": [group]}


def one_zone(platform: TestCloud) -> None:
    platform.client("autoscaling").launch_in("subnet-a")


def no_reader(platform: TestCloud) -> None:
    platform.client("rds").members.pop()


def no_writer(platform: TestCloud) -> None:
    platform.client("rds").writer = "nobody"


def throttled_function(platform: TestCloud) -> None:
    platform.client("lambda").reserved = 0


def nobody_reads(platform: TestCloud) -> None:
    for shard in SHARDS:
        platform.client("ec2").lease(shard, "i-of-nobody")


def a_single_worker(platform: TestCloud) -> None:
    fleet: Any = platform.client("ec2")
    fleet.is_replacing = False
    fleet.terminate_instances(InstanceIds=fleet.working[:1], SkipOsShutdown=True)


@pytest.mark.parametrize(
    ("name", "emptied"),
    [
        ("alb-routing-failure", empty_rule),
        ("dynamodb-throttle", cut_table),
        ("elasticache-flush", no_nodes),
        ("ecs-task-kill", no_tasks),
        ("az-outage", one_zone),
        ("rds-failover", no_reader),
        ("rds-failover", no_writer),
        ("lambda-concurrency-exhaustion", throttled_function),
        ("stream-worker-kill", nobody_reads),
        ("stream-worker-kill", a_single_worker),
    ],
)
def test_an_empty_target_is_refused(name: str, emptied: Any, platform: TestCloud) -> None:
    emptied(platform)
    with pytest.raises(EmptyTargetError):
        fault(name).plan(platform, 0.0)


def test_the_worker_that_reads_most_is_killed(platform: TestCloud) -> None:
    fleet: Any = platform.client("ec2")
    assert fault("stream-worker-kill").plan(platform, 0.0).targets == (fleet.working[0],)
    for shard in SHARDS[:2]:
        fleet.lease(shard, fleet.working[1])
    plan = fault("stream-worker-kill").plan(platform, 0.0)
    assert plan.targets == (fleet.working[1],)
    fault("stream-worker-kill").inject(platform, plan)
    assert fleet.powerless == list(plan.targets), "a worker that is told to end hands over"


def test_an_outage_takes_nodes_with_it_and_waits_for_their_pods(platform: TestCloud) -> None:
    outage = fault("az-outage")
    plan = outage.plan(platform, 0.0)
    assert f"1 of 2 instances of {NODES}" in plan.radius
    platform.calls.clear()
    outage.rollback(platform, plan)
    assert platform.calls.count("get deployments") == len(services_on("eks"))
    without = AzOutage(tasks=http_service("order"), instances=services_on("ec2"), pods=())
    assert NODES not in without.plan(platform, 0.0).radius


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        ("is_replacing", "wants 2 instances: 1 are in service, 1 are healthy"),
        ("is_reading_on", "nobody who lives reads shardId-0, shardId-2"),
    ],
)
def test_workers_that_are_not_whole_again_are_reported(left_out: str, reason: str, platform: TestCloud) -> None:
    waits: list[float] = []
    patience = Patience(deadline_s=1.0, clock=lambda: sum(waits), pause=waits.append)
    kill = StreamWorkerKill(service=services_on("ec2")[0], patience=patience)
    plan = kill.plan(platform, 0.0)
    setattr(platform.client("ec2"), left_out, False)
    kill.inject(platform, plan)
    with pytest.raises(EnvironmentFault, match=reason):
        kill.rollback(platform, plan)


def test_a_service_that_is_not_replaced_is_reported_with_what_is_missing(platform: TestCloud) -> None:
    waits: list[float] = []
    patience = Patience(deadline_s=1.0, clock=lambda: sum(waits), pause=waits.append)
    kill = EcsTaskKill(service=http_service("order"), patience=patience)
    plan = kill.plan(platform, 0.0)
    platform.client("ecs").is_replacing = False
    kill.inject(platform, plan)
    with pytest.raises(EnvironmentFault, match="order wants 2 tasks: 1 run, 1 are healthy"):
        kill.rollback(platform, plan)


@pytest.mark.parametrize("behind", ["the old server", "a reader"])
def test_a_failover_in_the_records_alone_is_no_symptom(behind: str, platform: TestCloud) -> None:
    failover, cluster = fault("rds-failover"), platform.client("rds")
    plan = failover.plan(platform, 0.0)
    failover.inject(platform, plan)
    cluster.is_read_only = behind == "a reader"
    cluster.server = cluster.members[0] if behind == "the old server" else cluster.writer
    assert failover.symptom(platform, plan) is None


def test_a_cluster_that_does_not_settle_is_reported_with_what_is_missing(platform: TestCloud) -> None:
    waits: list[float] = []
    failover = RdsFailover(patience=Patience(deadline_s=1.0, clock=lambda: sum(waits), pause=waits.append))
    plan = failover.plan(platform, 0.0)
    platform.client("rds").is_read_only = True
    with pytest.raises(EnvironmentFault, match=r"cafe-dev is available.*its writer endpoint leads to a reader"):
        failover.rollback(platform, plan)


@pytest.mark.parametrize("reserved", [None, 7])
def test_concurrency_is_put_back_as_it_was(reserved: int | None, platform: TestCloud) -> None:
    functions, exhaustion = platform.client("lambda"), fault("lambda-concurrency-exhaustion")
    functions.reserved = reserved
    plan = exhaustion.plan(platform, 0.0)
    exhaustion.inject(platform, plan)
    assert functions.reserved == 0
    exhaustion.rollback(platform, Plan.from_json(plan.to_json()))
    assert functions.reserved == reserved
    assert [call.action for call in plan.undo] == [
        "lambda:DeleteFunctionConcurrency" if reserved is None else "lambda:PutFunctionConcurrency"
    ]


@pytest.mark.parametrize(("at", "since"), [(1_800_000_000.0, 1_800_000_000), (1_800_000_059.9, 1_800_000_000)])
def test_throttles_are_counted_from_the_minute_of_the_plan(at: float, since: int, platform: TestCloud) -> None:
    """CloudWatch stamps the minutes of AWS/Lambda with their beginning: a later start would miss the first."""
    assert fault("lambda-concurrency-exhaustion").plan(platform, at).saved("since") == since


def test_a_table_is_only_changed_back_once_it_is_active(platform: TestCloud) -> None:
    waits: list[float] = []
    throttle = DynamoDbThrottle(patience=Patience(clock=lambda: sum(waits), pause=waits.append))
    plan = throttle.plan(platform, 0.0)
    throttle.inject(platform, plan)
    real = platform.client("dynamodb").describe_table

    def updating_at_first(**request: str) -> Any:
        answer = real(**request)
        answer["Table"]["TableStatus"] = "ACTIVE" if waits else "UPDATING"
        return answer

    platform.client("dynamodb").describe_table = updating_at_first
    throttle.rollback(platform, plan)

    assert waits
    assert throttle.fingerprint(platform, plan)["capacity"] == plan.saved("capacity")


@pytest.mark.parametrize(
    ("code", "is_felt"), [("InternalServerError", False), ("ProvisionedThroughputExceededException", True)]
)
def test_only_a_read_that_was_throttled_is_a_symptom(code: str, is_felt: bool, platform: TestCloud) -> None:
    """Tried again with success, it was refused all the same: for whatever reason."""
    throttle, refusals = fault("dynamodb-throttle"), [code]
    plan = throttle.plan(platform, 0.0)

    def refuse(request: AWSRequest, **_event: object) -> AWSResponse | None:
        if not refusals:
            return None
        text = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{refusals.pop()}", "message": "once"}).encode()
        status = 500 if code == "InternalServerError" else 400
        return AWSResponse(str(request.url), status, HTTPHeaders(), SimpleNamespace(stream=lambda: iter((text,))))

    platform.client("dynamodb").meta.events.register_first("before-send.dynamodb.GetItem", refuse)
    assert (throttle.symptom(platform, plan) is not None) == is_felt
    assert not refusals
    assert throttle.symptom(platform, plan) is None, "and once is once"


@pytest.mark.parametrize("is_flushed", [False, True])
def test_keys_that_ran_out_are_no_flush(is_flushed: bool, platform: TestCloud) -> None:
    """However few there are, and however many of them."""
    flush = fault("elasticache-flush")
    with redis.Redis.from_url(platform.endpoint("elasticache")) as cache:
        cache.flushall()
        cache.set("a", 1)
        plan = flush.plan(platform, 0.0)
        if is_flushed:
            flush.inject(platform, plan)
        else:
            cache.pexpire("a", 1)
            while cache.exists("a"):  # its time is over a millisecond from now, and nobody announces it
                pass
    assert (flush.symptom(platform, plan) is not None) == is_flushed


def test_keys_that_ran_out_before_are_none_of_the_flush(platform: TestCloud) -> None:
    flush = fault("elasticache-flush")
    with redis.Redis.from_url(platform.endpoint("elasticache")) as cache:
        cache.flushall()
        cache.mset({"a": 1, "b": 1})
        cache.pexpire("a", 1)
        while cache.exists("a"):  # as above
            pass
        plan = flush.plan(platform, 0.0)
        flush.inject(platform, plan)
    assert flush.symptom(platform, plan) == "the cache fell from 1 keys to 0"


def test_who_connects_while_the_rules_are_on_their_way_is_cut_off_too(platform: TestCloud) -> None:
    aurora, waits = platform.client("rds"), list[float]()

    def soon(pause_s: float) -> None:
        waits.append(pause_s)
        aurora.is_reachable = lambda: False

    aurora.is_reachable = lambda: True
    lockdown = SecurityGroupLockdown(patience=Patience(pause=soon, clock=lambda: sum(waits)))
    plan = lockdown.plan(platform, 7.0)
    lockdown.inject(platform, plan)
    assert aurora.sessions == 0
    assert len(waits) == 2


def test_a_lockdown_is_of_every_database_that_services_call(platform: TestCloud) -> None:
    lockdown = fault("security-group-lockdown")
    plan = lockdown.plan(platform, 7.0)
    assert plan.targets == ("sgr-1", "sgr-2", "sgr-3")
    assert [call.resource for call in plan.undo] == [
        "arn:security-group/sg-database",
        "arn:security-group/sg-documents",
    ]
    security_groups.point(platform, "sg-documents", plan.saved("rules")["sg-documents"], at="sg-documents")
    platform.calls.clear()
    lockdown.rollback(platform, plan)
    assert platform.mutations == ["ModifySecurityGroupRules"], "what is as it was is left alone"


def test_an_unknown_fault_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="alb-routing-failure, rds-failover, az-outage, dynamodb-throttle"):
        fault("earthquake")


def test_each_fault_says_how_it_ends() -> None:
    assert {known.name: known.kind for known in FAULTS} == {
        "alb-routing-failure": "reversible",
        "rds-failover": "self-healing",
        "az-outage": "reversible",
        "dynamodb-throttle": "reversible",
        "elasticache-flush": "self-healing",
        "ecs-task-kill": "self-healing",
        "eks-node-drain": "reversible",
        "stream-worker-kill": "self-healing",
        "lambda-concurrency-exhaustion": "reversible",
        "security-group-lockdown": "reversible",
    }
    assert all(len(known.title) > 20 for known in FAULTS)


@pytest.mark.parametrize(
    ("patience", "pauses", "after"),
    [
        (Patience(), [0.1, 0.15, 0.225], "60 s"),
        (EcsTaskKill(service=http_service("order")).patience, [0.1, 0.15, 0.225], "180 s"),
        (RdsFailover().patience, [0.1, 0.15, 0.225], "180 s"),
        (Patience(deadline_s=1.0, step_s=1.9), [1.9], "1 s"),
    ],
    ids=["a minute", "as long as Fargate takes", "as long as Aurora takes", "at least once more"],
)
def test_a_fault_waits_ever_longer_and_not_for_ever(patience: Patience, pauses: list[float], after: str) -> None:
    waits: list[float] = []
    patient = replace(patience, clock=lambda: sum(waits), pause=waits.append)
    with pytest.raises(EnvironmentFault, match=f"after {after} still: it is not ready"):
        patient.until_clear(lambda: "it is not ready")
    assert waits[: len(pauses)] == pytest.approx(pauses)
    assert max(waits) <= 2.0
    assert patience.deadline_s <= sum(waits) < patience.deadline_s + 2.0


def test_names_follow_their_files() -> None:
    for known in FAULTS:
        assert type(known).__module__.endswith(known.name.replace("-", "_"))


def test_a_fault_is_one_file_under_eighty_lines() -> None:
    folder = Path(faults.__path__[0])
    longest = {path.name: len(path.read_text().splitlines()) for path in folder.glob("*.py")}
    assert {name: lines for name, lines in longest.items() if lines >= 80} == {}


def test_a_call_without_a_resource_is_on_everything() -> None:
    assert Call(action="x:Y").resource == "*"
