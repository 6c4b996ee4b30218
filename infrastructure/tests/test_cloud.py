"""A platform is brought up once, reused when it is up, and leaves nothing behind when it does not come up."""

import multiprocessing
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infrastructure import cloud, deployer, environment, manifests, packages, prefix_lists, stacks, templates
from infrastructure.connection import Connection
from infrastructure.driver import Driver
from infrastructure.embedded.host import reach
from infrastructure.embedded.pace import FAST
from infrastructure.environment import Target
from infrastructure.errors import EnvironmentFault, UsageError
from infrastructure.login import DatabaseLogin
from infrastructure.manifests import Manifest
from infrastructure.stacks import Deployment, Supplier
from infrastructure.tests.fake_driver import FakeDriver

DEV = environment.load("dev")
DEPLOYER = {"DeployerArn": "arn:aws:iam::123456789012:user/operator"}
ADDRESSES = {"LatticePrefixListId": "pl-0123abcd"}
OUTPUTS = {"AlbArn": "arn:alb", "AuroraSecretArn": "arn:secret", "EksClusterName": "cafe-dev"}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLOUDCAFE_HOME", str(tmp_path))
    monkeypatch.setattr(prefix_lists, "parameters", lambda _client, _region: ADDRESSES)
    monkeypatch.setattr(deployer, "parameters", lambda _clients: DEPLOYER)
    monkeypatch.setattr(manifests, "files", tuple)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """Parameters of each deployment; no template is deployed in these tests."""
    found: list[Mapping[str, str]] = []

    def deploy(
        _client: object, *, parameters: Mapping[str, str], overrides: Mapping[str, str], **_more: object
    ) -> Deployment:
        found.append({**parameters, **overrides})
        return Deployment(outputs=OUTPUTS, changes={"networking": "unchanged"}, values=OUTPUTS | DEPLOYER)

    monkeypatch.setattr(stacks, "deploy", deploy)
    monkeypatch.setattr(stacks, "outputs", lambda _client, _environment: OUTPUTS)
    return found


def driven_by(monkeypatch: pytest.MonkeyPatch, driver: Driver) -> None:
    monkeypatch.setattr(cloud, "_driver", lambda *_arguments: driver)


def test_a_platform_comes_up_with_the_sizes_of_its_environment(
    monkeypatch: pytest.MonkeyPatch, asked: list[Mapping[str, str]]
) -> None:
    driver = FakeDriver()
    driven_by(monkeypatch, driver)
    platform = cloud.up(DEV, "embedded", FAST, detached=False, overrides={"OrderResilience": "off"})
    assert driver.calls == ["open attached", "settle"]
    assert asked == [
        {**DEV.parameters(), **DEPLOYER, **ADDRESSES, "MetricPeriodSeconds": "1", "OrderResilience": "off"}
    ]
    assert (platform.is_new, platform.output("AlbArn"), platform.endpoint("alb")) == (
        True,
        "arn:alb",
        "http://127.0.0.1:1",
    )


@pytest.mark.usefixtures("asked")
def test_manifests_are_applied_when_the_stacks_are_there_and_before_it_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    driven_by(monkeypatch, driver)
    wanted = (Manifest(file="menu/k8s/it.yaml", document={}),)
    monkeypatch.setattr(manifests, "files", lambda: (Path("it.yaml"),))
    monkeypatch.setattr(manifests, "render", lambda values: wanted if values == OUTPUTS | DEPLOYER else ())
    monkeypatch.setattr(cloud, "Clusters", lambda _clients, **_more: lambda name: name)

    def deploy(cluster: object, given: object, *_more: object) -> None:
        assert given == wanted
        driver.calls.append(f"apply to {cluster}")

    monkeypatch.setattr(manifests, "deploy", deploy)
    cloud.up(DEV, "embedded", FAST, detached=True)
    assert driver.calls == ["open detached", "apply to cafe-dev", "settle"]


def test_a_platform_whose_packages_cannot_be_made_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise EnvironmentFault("nothing that is installed provides the module 'lost'")

    driver = FakeDriver()
    driven_by(monkeypatch, driver)
    monkeypatch.setattr(packages, "build_all", refuse)
    with pytest.raises(EnvironmentFault, match="module 'lost'"):
        cloud.up(DEV, "embedded", FAST, detached=True)
    assert driver.calls == []


def test_the_deployment_gets_what_the_functions_templates_take(monkeypatch: pytest.MonkeyPatch) -> None:
    suppliers: list[Supplier] = []

    def deploy(_client: object, *, supplier: Supplier, **_more: object) -> Deployment:
        suppliers.append(supplier)
        return Deployment(outputs=OUTPUTS, changes={}, values=OUTPUTS)

    driven_by(monkeypatch, FakeDriver())
    monkeypatch.setattr(stacks, "deploy", deploy)
    cloud.up(DEV, "embedded", FAST, detached=False)
    needed = set(templates.read("serverless").parameters)
    assert {"PaymentCodeKey", "PaymentLayerKey"} <= suppliers[0].parameters <= needed


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("was_up", "calls"),
    [(False, ["open detached", "settle", "close"]), (True, ["open detached", "settle"])],
    ids=["new-one-is-ended", "one-that-was-up-is-left"],
)
def test_a_platform_that_does_not_turn_healthy_leaves_things_as_they_were(
    was_up: bool, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = FakeDriver(was_up=was_up, fault="order has no healthy task")
    driven_by(monkeypatch, driver)
    with pytest.raises(EnvironmentFault, match="order has no healthy task") as fault:
        cloud.up(DEV, "embedded", FAST, detached=True)
    assert driver.calls == calls
    assert "| the last line of a log" in str(fault.value)


def test_a_cloud_that_has_just_started_is_ended_when_its_opening_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class InterruptedDriver(FakeDriver):
        def open(self, *, detached: bool) -> Connection:
            super().open(detached=detached)
            raise KeyboardInterrupt  # the daemon runs, and boto3 is still being imported

    driver = InterruptedDriver()
    driven_by(monkeypatch, driver)
    with pytest.raises(KeyboardInterrupt):
        cloud.up(DEV, "embedded", FAST, detached=True)
    assert driver.calls == ["open detached", "close"]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("command", ["up", "down"])
@pytest.mark.parametrize("target", ["aws", "embedded"])
def test_an_interruption_says_what_remains_where_something_does(
    command: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    driven_by(monkeypatch, FakeDriver(is_interrupted=True))
    said: list[str] = []
    commands: Mapping[str, Callable[[], object]] = {
        "up": lambda: cloud.up(DEV, target, FAST, detached=True, talk=said.append),
        "down": lambda: cloud.down(DEV, target, talk=said.append),
    }
    with pytest.raises(KeyboardInterrupt):
        commands[command]()
    assert [line.partition(":")[0] for line in said] == (["interrupted"] if target == "aws" else [])
    if target == "aws":
        assert "stacks of 'dev' remain on AWS" in said[0]
        assert said[0].endswith("cafe down --env dev --target aws")


@pytest.mark.usefixtures("asked")
def test_what_is_not_there_is_refused_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    driven_by(monkeypatch, FakeDriver(was_up=True))
    platform = cloud.attach(DEV, "embedded")
    with pytest.raises(UsageError, match=r"no stack output is called 'AlbAr'; known: AlbArn, AuroraSecretArn"):
        platform.output("AlbAr")
    with pytest.raises(UsageError, match=r"no endpoint is called 'nlb'; known: alb, elasticache"):
        platform.endpoint("nlb")


@pytest.mark.usefixtures("asked")
def test_the_shell_gets_what_any_tool_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "read_login", lambda _client, _arn: DatabaseLogin(username="cafe", password="s3cret"))
    driven_by(monkeypatch, FakeDriver(was_up=True))
    assert cloud.attach(DEV, "embedded").shell() == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "it's",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "CAFE_ALB_URL": "http://127.0.0.1:1",
        "CAFE_ELASTICACHE_URL": "redis://:pass@127.0.0.1:2/0",
        "PGUSER": "cafe",
        "PGPASSWORD": "s3cret",
    }


@pytest.mark.usefixtures("asked")
def test_the_shell_gets_the_way_to_every_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "read_login", lambda _client, _arn: DatabaseLogin(username="cafe", password="s3cret"))
    driven_by(monkeypatch, FakeDriver(was_up=True))
    platform = cloud.attach(DEV, "embedded")
    platform.state.root.mkdir(parents=True, exist_ok=True)
    files = [platform.state.kubeconfig(name) for name in ("blue", "green")]
    for each in files:
        each.touch()
    assert platform.shell()["KUBECONFIG"].split(os.pathsep) == [str(each) for each in files]


def test_a_planned_platform_knows_every_output_and_calls_nothing() -> None:
    platform = cloud.planned(DEV, "embedded", FAST)
    assert platform.output("OrderRuleArn") == "<OrderRuleArn>"
    with pytest.raises(UsageError, match="nothing is called while planning, and ecs was asked for"):
        platform.client("ecs")


def test_one_process_at_a_time_brings_an_environment_up_or_down() -> None:
    """The second says that it waits, and goes on when the first has ended, however that ended."""
    context = multiprocessing.get_context("spawn")
    told, holder = _holder(context)
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        holder.kill()

    try:
        assert told.get(timeout=20) == "held"
        with cloud._one_at_a_time(cloud.state_folder(DEV), note):
            assert said == ["waiting for another process that brings dev up or down"]
    finally:
        holder.kill()
        holder.join()


def _holder(
    context: multiprocessing.context.SpawnContext,
) -> tuple["multiprocessing.Queue[str]", multiprocessing.context.SpawnProcess]:
    told: multiprocessing.Queue[str] = context.Queue()
    process = context.Process(target=_hold_forever, args=(told,), daemon=True)
    process.start()
    return told, process


def _hold_forever(told: "multiprocessing.Queue[str]") -> None:
    with cloud._one_at_a_time(cloud.state_folder(DEV), lambda _line: None):
        told.put("held")
        multiprocessing.Event().wait()


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("uid", "warned"), [(0, True), (1000, False)])
def test_what_has_to_run_as_root_is_told_at_the_start(uid: int, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setattr(reach, "unreachable", lambda: ("/root/python",))
    driven_by(monkeypatch, FakeDriver())
    said: list[str] = []
    cloud.up(DEV, "embedded", FAST, detached=True, talk=said.append)
    assert any("may not enter /root/python" in line and "run as root" in line for line in said) is warned
