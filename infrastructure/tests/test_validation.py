"""A check names what does not hold; every module has some."""

import dataclasses

import pytest
from botocore.exceptions import ClientError

from infrastructure import cloud, environment, validation
from infrastructure.cloud import Platform
from infrastructure.connection import Connection
from infrastructure.templates import MODULES
from infrastructure.tests.fake_driver import FakeDriver
from infrastructure.validation import Check

DEV = environment.load("dev")


class FakeClients:
    """boto3's answers to the calls the checks below make."""

    def __init__(self, tags: dict[str, str], status: str) -> None:
        self._tags = tags
        self._status = status

    def __call__(self, _service: str) -> "FakeClients":
        return self

    def list_queue_tags(self, *, QueueUrl: str) -> dict[str, object]:  # noqa: N803 - the API's spelling
        del QueueUrl
        return {"Tags": self._tags}

    def list_stack_resources(self, *, StackName: str) -> dict[str, object]:  # noqa: N803 - the API's spelling
        del StackName
        return {"StackResourceSummaries": [{"LogicalResourceId": "Queue", "ResourceStatus": self._status}]}


def platform(tags: dict[str, str] | None = None, status: str = "CREATE_COMPLETE") -> Platform:
    return Platform(
        environment=DEV,
        target="embedded",
        metric_period_s=1.0,
        state=cloud.state_folder(DEV),
        outputs={"PaymentQueueUrl": "http://queue"},
        is_new=False,
        _driver=FakeDriver(),
        _connection=Connection(region="us-east-1"),
        _clients=FakeClients(tags or {}, status),
    )


def check(module: str, name: str) -> Check:
    return next(each for each in validation.of(module) if each.name == name)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_checked_for_more_than_its_stack(module: str) -> None:
    assert len(validation.of(module)) > 1


def test_a_tagged_resource_has_no_problem() -> None:
    tags = {"Project": "cloudcafe", "Environment": "dev", "Module": "messaging", "Other": "x"}
    assert check("messaging", "payments queue exists and is tagged").problem(platform(tags)) is None


def test_a_missing_tag_is_named_with_what_was_found() -> None:
    problem = check("messaging", "payments queue exists and is tagged").problem(platform({"Project": "cloudcafe"}))
    assert problem is not None
    assert "'Module': 'messaging'" in problem
    assert "found {'Project': 'cloudcafe'}" in problem


@pytest.mark.parametrize(
    ("status", "problem"),
    [("CREATE_COMPLETE", None), ("UPDATE_FAILED", "stack cafe-dev-messaging: Queue UPDATE_FAILED")],
    ids=["complete", "failed"],
)
def test_a_resource_that_is_not_complete_is_named(status: str, problem: str | None) -> None:
    assert check("messaging", "stack is complete").problem(platform(status=status)) == problem


class Gone:
    """boto3's answers where somebody has deleted the resource: a refusal, or an answer that lists none."""

    def __call__(self, _service: str) -> "Gone":
        return self

    def list_queue_tags(self, *, QueueUrl: str) -> dict[str, object]:  # noqa: N803 - the API's spelling
        message = f"{QueueUrl} does not exist"
        raise ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": message}}, "ListQueueTags")

    def describe_services(self, **_asked: object) -> dict[str, object]:
        return {"services": [], "failures": [{"reason": "MISSING"}]}


@pytest.mark.parametrize(
    ("module", "name", "problem"),
    [
        ("messaging", "payments queue exists and is tagged", "http://queue does not exist"),
        ("compute", "order service exists and is tagged", "it is not there"),
    ],
    ids=["refused", "not listed"],
)
def test_a_resource_that_is_gone_is_a_problem_and_not_an_error(module: str, name: str, problem: str) -> None:
    outputs = {"PaymentQueueUrl": "http://queue", "ClusterName": "cafe", "OrderServiceName": "order"}
    gone = dataclasses.replace(platform(), outputs=outputs, _clients=Gone())
    assert problem in str(check(module, name).found(gone))


def test_an_endpoint_that_refuses_is_a_problem_and_not_an_error() -> None:
    problem = check("compute", "order answers").problem(platform())
    assert problem is not None
    assert problem.startswith("http://127.0.0.1:1/api/orders/health does not answer")
