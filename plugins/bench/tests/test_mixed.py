"""Twenty threads of mixed calls: a call that failed, or was tried again, leaves no figure."""

from collections import Counter
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from infrastructure.cloud import Platform
from infrastructure.embedded.apis import PROVIDERS
from infrastructure.errors import EnvironmentFault
from plugins.bench.mixed.calls import READS, own_calls
from plugins.bench.mixed.runs import Made, MixedRuns, run_of

ANSWER = {
    "Body": type("Body", (), {"read": lambda _: b""})(),
    "QueueUrl": "http://queue",
    "Vpcs": [{"VpcId": "vpc-1"}],
    "GroupId": "sg-1",
    "cluster": {"clusterArn": "arn:cluster"},
    "TargetGroups": [{"TargetGroupArn": "arn:target"}],
}
REFUSED = ClientError({"Error": {"Code": "Throttled", "Message": "slow down"}}, "GetItem")


class Cloud:
    """A platform that answers every call alike, but for `get_item`, and remembers them."""

    def __init__(self, *, retries: int = 0, failure: Exception | None = None) -> None:
        self.calls: list[tuple[str, str]] = []
        self.retries, self.failure = retries, failure

    def client(self, service: str) -> "Client":
        return Client(self, service)

    @property
    def platform(self) -> Platform:
        return cast("Platform", self)


class Client:
    def __init__(self, cloud: Cloud, service: str) -> None:
        self._cloud, self._service = cloud, service

    def get_waiter(self, _name: str) -> Any:
        return type("Waiter", (), {"wait": lambda *_, **__: None})()

    def __getattr__(self, method: str) -> Any:
        def called(**_given: object) -> dict[str, Any]:
            self._cloud.calls.append((self._service, method))
            is_it = method == "get_item"
            if is_it and self._cloud.failure is not None:
                raise self._cloud.failure
            return {**ANSWER, "ResponseMetadata": {"RetryAttempts": self._cloud.retries if is_it else 0}}

        return called


def test_every_api_is_asked_and_what_is_made_is_taken_away() -> None:
    cloud = Cloud()
    with own_calls(cloud.client, "mine") as own:
        made = [service for service, method in cloud.calls if method.startswith("create_")]
    assert len({call.service for call in (*READS, *own)}) == len(PROVIDERS)
    taken = [service for service, method in cloud.calls if method.startswith("delete_")]
    assert set(made) <= set(taken)
    assert cloud.calls.index(("s3", "delete_object")) < cloud.calls.index(("s3", "delete_bucket"))


def test_every_thread_makes_each_of_its_calls_four_times() -> None:
    cloud = Cloud()
    run = MixedRuns().make(cloud.platform)
    assert run.rate > 0.0
    assert cloud.calls.count(("sts", "get_caller_identity")) == 20 * 4
    assert cloud.calls.count(("dynamodb", "get_item")) == 20 * 4


@pytest.mark.parametrize(
    ("cloud", "wrong"),
    [
        (Cloud(failure=REFUSED), "80 went wrong: 80 x dynamodb:get_item Throttled"),
        (Cloud(failure=ReadTimeoutError(endpoint_url="http://there")), "80 x dynamodb:get_item ReadTimeoutError"),
        (Cloud(retries=1), "80 x dynamodb:get_item tried again"),
    ],
    ids=["refused", "unanswered", "retried"],
)
def test_a_call_that_goes_wrong_leaves_no_figure(cloud: Cloud, wrong: str) -> None:
    with pytest.raises(EnvironmentFault, match=wrong):
        MixedRuns().make(cloud.platform)
    assert ("dynamodb", "delete_table") in cloud.calls


def test_a_run_is_counted_from_its_first_call_to_its_last() -> None:
    one = Made(took=[0.001] * 99, begun=10.0, ended=12.0)
    other = Made(took=[0.2] * 101, begun=11.0, ended=15.0)
    run = run_of([one, other])
    assert (run.rate, run.p99_ms) == (40.0, 200.0)


def test_a_run_without_calls_has_no_figure() -> None:
    with pytest.raises(EnvironmentFault, match="there were none"):
        run_of([Made(wrong=Counter())])
