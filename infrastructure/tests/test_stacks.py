"""Stacks go up in the order of their needs, twice changes nothing, a failure says why, and down leaves nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infrastructure import stacks, templates
from infrastructure.embedded.stacks.tests.world import Stacks as EmbeddedStacks
from infrastructure.embedded.tests.in_process import Clients
from infrastructure.errors import EnvironmentFault, UsageError
from infrastructure.stacks import Deployment
from infrastructure.templates import Template
from infrastructure.tests.fake_cloudformation import FakeCloudFormation

NETWORKING = """
Parameters:
  EnvironmentName: {Type: String}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "first-${EnvironmentName}"}}
Outputs:
  FirstName: {Value: !GetAtt Queue.QueueName}
"""
DATABASES = """
Parameters:
  EnvironmentName: {Type: String}
  Seconds: {Type: Number, Default: 30}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "free-${EnvironmentName}", VisibilityTimeout: !Ref Seconds}
Outputs:
  FreeName: {Value: !GetAtt Queue.QueueName}
"""
COMPUTE = """
Parameters:
  FirstName: {Type: String}
  FreeName: {Type: String}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${FirstName}-${FreeName}"}}
Outputs:
  LastName: {Value: !GetAtt Queue.QueueName}
"""


def template(module: str, body: str, tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("modules")
    (folder / f"{module}.yaml").write_text(body, encoding="utf-8")
    return templates.read(module, folder)


@pytest.fixture
def bodies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Template, ...]:
    return tuple(
        template(module, body, tmp_path_factory)
        for module, body in (("compute", COMPUTE), ("networking", NETWORKING), ("databases", DATABASES))
    )


@pytest.fixture
def client() -> Iterator[Any]:
    """The embedded cloud's CloudFormation, without a socket."""
    clients = Clients(EmbeddedStacks().control.plane)
    yield clients.client("cloudformation")
    clients.close()


def no_pause(_seconds: float) -> None:
    """Time does not pass in these tests."""


def no_bucket(name: str) -> None:
    raise AssertionError(f"there is no bucket {name} to be emptied")


def deploy(client: Any, bodies: tuple[Template, ...], **more: Any) -> Deployment:
    asked = {"environment": "dev", "parameters": {"EnvironmentName": "dev"}, "poll_s": 0.0, "talk": lambda _line: None}
    return stacks.deploy(client, **{**asked, "pause": no_pause, "bodies": bodies, **more})


def names(client: Any) -> list[str]:
    return [stack["StackName"] for stack in client.describe_stacks()["Stacks"]]


def test_a_stack_goes_up_after_those_whose_outputs_it_takes(client: Any, bodies: tuple[Template, ...]) -> None:
    deployment = deploy(client, bodies)
    assert deployment.outputs == {"FirstName": "first-dev", "FreeName": "free-dev", "LastName": "first-dev-free-dev"}
    assert list(deployment.changes.items())[-1] == ("compute", "created")
    assert deployment.is_new


def test_deploying_twice_changes_nothing(client: Any, bodies: tuple[Template, ...]) -> None:
    first = deploy(client, bodies)
    again = deploy(client, bodies)
    assert again.changes == dict.fromkeys(("compute", "networking", "databases"), "unchanged")
    assert again.outputs == first.outputs
    assert not again.is_new


def test_a_deployment_knows_what_its_stacks_take_and_give(client: Any, bodies: tuple[Template, ...]) -> None:
    """Of those that it left alone, too; parameters with their defaults."""
    for deployment in (deploy(client, bodies), deploy(client, bodies)):
        assert deployment.values == {**deployment.outputs, "EnvironmentName": "dev", "Seconds": "30"}


def test_an_override_updates_the_one_stack_that_knows_it(client: Any, bodies: tuple[Template, ...]) -> None:
    deploy(client, bodies)
    one = {"networking": "unchanged", "databases": "updated", "compute": "unchanged"}
    assert deploy(client, bodies, overrides={"Seconds": "31"}).changes == one
    assert deploy(client, bodies).changes == one, "without it the stack goes back to its default"


def test_an_unknown_override_is_refused_with_the_known_ones(client: Any, bodies: tuple[Template, ...]) -> None:
    with pytest.raises(UsageError, match=r"no template has a parameter Secnds; known: .*Seconds"):
        deploy(client, bodies, overrides={"Secnds": "31"})
    assert names(client) == []


def test_a_parameter_nobody_sets_is_named(client: Any, bodies: tuple[Template, ...]) -> None:
    with pytest.raises(
        UsageError, match=r"template (networking|databases) needs a value for its parameter EnvironmentName"
    ):
        deploy(client, bodies, parameters={})


def test_destroying_leaves_nothing_and_may_be_repeated(client: Any, bodies: tuple[Template, ...]) -> None:
    deploy(client, bodies)
    for _ in range(2):
        stacks.destroy(client, "dev", poll_s=0.0, talk=lambda _line: None, empty=no_bucket, pause=no_pause)
        assert names(client) == []


def test_stacks_are_destroyed_in_reverse() -> None:
    fake = FakeCloudFormation()
    for module in templates.MODULES:
        fake.put(f"cafe-dev-{module}", "CREATE_COMPLETE")
    stacks.destroy(fake, "dev", poll_s=0.0, talk=lambda _line: None, empty=no_bucket, pause=no_pause)
    assert fake.calls == [f"delete cafe-dev-{module}" for module in reversed(templates.MODULES)]


def test_outputs_of_an_incomplete_platform_name_what_is_missing() -> None:
    fake = FakeCloudFormation()
    for module in templates.MODULES[:-2]:
        fake.put(f"cafe-dev-{module}", "CREATE_COMPLETE")
    fake.put("cafe-dev-loadbalancing", "ROLLBACK_COMPLETE")
    with pytest.raises(EnvironmentFault, match=r"loadbalancing \(ROLLBACK_COMPLETE\), compute \(absent\)"):
        stacks.outputs(fake, "dev")


def test_a_bucket_is_emptied_before_its_stack_is_deleted() -> None:
    fake = FakeCloudFormation()
    fake.put("cafe-dev-databases", "CREATE_COMPLETE")
    fake.resources["cafe-dev-databases"] = [
        ("AWS::S3::Bucket", "artifacts", "CREATE_COMPLETE"),
        ("AWS::S3::Bucket", "gone", "DELETE_COMPLETE"),
        ("AWS::DynamoDB::Table", "orders", "CREATE_COMPLETE"),
    ]

    def note(bucket: str) -> None:
        fake.calls.append(f"empty {bucket}")

    stacks.destroy(fake, "dev", poll_s=0.0, talk=lambda _line: None, empty=note, pause=no_pause)
    assert fake.calls == ["empty artifacts", "delete cafe-dev-databases"]


class Store:
    """A supplier of `FreeName`, which knows the outputs it was given."""

    parameters = frozenset({"FreeName"})

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def __call__(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        self.asked.append(dict(outputs))
        return {"FreeName": f"made-from-{outputs['FirstName']}"}


def test_a_supplier_works_between_the_stacks_and_once(client: Any, bodies: tuple[Template, ...]) -> None:
    store = Store()
    pair = tuple(body for body in bodies if body.module != "databases")
    deployment = deploy(client, pair, supplier=store)
    assert store.asked == [{"FirstName": "first-dev"}]
    assert deployment.outputs["LastName"] == "first-dev-made-from-first-dev"


def test_an_override_wins_over_the_supplier(client: Any, bodies: tuple[Template, ...]) -> None:
    pair = tuple(body for body in bodies if body.module != "databases")
    deployment = deploy(client, pair, supplier=Store(), overrides={"FreeName": "mine"})
    assert deployment.outputs["LastName"] == "first-dev-mine"


def test_a_supplier_nobody_needs_is_not_asked(client: Any, bodies: tuple[Template, ...]) -> None:
    store = Store()
    deploy(client, tuple(body for body in bodies if body.module == "networking"), supplier=store)
    assert store.asked == []


def test_independent_stacks_are_under_way_together(bodies: tuple[Template, ...]) -> None:
    """On AWS each takes minutes: the second must not wait for a first that it takes nothing from."""
    in_progress = ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    fake = FakeCloudFormation({"cafe-dev-networking": in_progress, "cafe-dev-databases": in_progress})
    alone = tuple(body for body in bodies if body.module != "compute")
    deploy(fake, alone)
    assert fake.calls[:2] == ["create cafe-dev-networking", "create cafe-dev-databases"]


def test_a_failed_stack_names_the_resource_that_failed_first_and_the_next_step(bodies: tuple[Template, ...]) -> None:
    fake = FakeCloudFormation({"cafe-dev-networking": ["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"]})
    fake.fails("cafe-dev-networking", "Queue", "You have reached your limit")
    with pytest.raises(EnvironmentFault) as failure:
        deploy(fake, bodies)
    text = str(failure.value)
    assert "stack cafe-dev-networking failed: Queue (AWS::SQS::Queue): You have reached your limit" in text
    assert "infrastructure/modules/networking.yaml" in text
    assert "create cafe-dev-compute" not in fake.calls, "what depends on it is not begun"


def test_an_empty_rolled_back_stack_is_replaced(bodies: tuple[Template, ...]) -> None:
    fake = FakeCloudFormation()
    fake.put("cafe-dev-networking", "ROLLBACK_COMPLETE")
    deploy(fake, tuple(body for body in bodies if body.module != "compute"))
    assert fake.calls[:2] == ["delete cafe-dev-networking", "create cafe-dev-networking"]


@pytest.mark.parametrize("before", ["UPDATE_ROLLBACK_COMPLETE", "CREATE_COMPLETE"], ids=["rolled-back", "complete"])
def test_an_update_with_nothing_to_do_is_no_failure(before: str, bodies: tuple[Template, ...]) -> None:
    fake = FakeCloudFormation({"cafe-dev-networking": ["NOTHING"]})
    fake.put("cafe-dev-networking", before)
    deployment = deploy(fake, tuple(body for body in bodies if body.module == "networking"))
    assert deployment.changes == {"networking": "unchanged"}


def test_an_update_with_nothing_to_do_after_one_that_failed_is_no_failure(bodies: tuple[Template, ...]) -> None:
    """The template is again what it was: what the events tell is of the attempt before."""
    fake = FakeCloudFormation({"cafe-dev-networking": ["NOTHING"]})
    fake.put("cafe-dev-networking", "UPDATE_ROLLBACK_COMPLETE")
    fake.fails("cafe-dev-networking", "Queue", "You have reached your limit")
    deployment = deploy(fake, tuple(body for body in bodies if body.module == "networking"))
    assert deployment.changes == {"networking": "unchanged"}


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_what_an_interrupted_command_left_under_way_is_waited_for(status: str, bodies: tuple[Template, ...]) -> None:
    """CloudFormation refuses an update until then."""
    fake = FakeCloudFormation({"cafe-dev-networking": [status, status, "CREATE_COMPLETE", "UPDATE_COMPLETE"]})
    fake.put("cafe-dev-networking", status)
    networking = tuple(body for body in bodies if body.module == "networking")
    assert deploy(fake, networking).changes == {"networking": "updated"}


def test_what_is_under_way_is_waited_for_before_it_is_deleted() -> None:
    fake = FakeCloudFormation({"cafe-dev-compute": ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]})
    fake.put("cafe-dev-compute", "UPDATE_IN_PROGRESS")
    looks: list[list[str]] = []

    def pause(_seconds: float) -> None:
        looks.append(list(fake.calls))
        if fake.calls:
            fake.stacks.pop("cafe-dev-compute", None)

    stacks.destroy(fake, "dev", poll_s=0.0, talk=lambda _line: None, empty=no_bucket, pause=pause)
    assert looks[0] == [], "it was deleted while it was still being updated"
    assert fake.calls == ["delete cafe-dev-compute"]


def test_a_deletion_that_is_refused_says_why() -> None:
    fake = FakeCloudFormation()
    fake.put("cafe-dev-compute", "CREATE_COMPLETE")
    fake.protected.add("cafe-dev-compute")
    with pytest.raises(EnvironmentFault, match=r"cafe-dev-compute cannot be deleted: .*TerminationProtection"):
        stacks.destroy(fake, "dev", poll_s=0.0, talk=lambda _line: None, empty=no_bucket, pause=no_pause)


def test_a_refused_template_is_a_fault_with_the_reason(client: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    broken = template("networking", "Parameters: {A: {Type: String}}\nOutputs: {}\n", tmp_path_factory)
    with pytest.raises(EnvironmentFault, match=r"stack cafe-dev-networking failed: .*Resources"):
        deploy(client, (broken,), parameters={"A": "a"})
