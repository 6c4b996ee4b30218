"""Who a cluster's client says it is, for how long, and what its errors are to people; the cluster itself is a fake."""

import base64
import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes.client import ApiException

from infrastructure import kubernetes
from infrastructure.connection import Clients, Connection, fault_of
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Clusters, Kubernetes, is_answer, new_token, said

ARN = "arn:aws:eks:us-east-1:1:cluster/cafe"
CLIENTS = Clients(Connection(region="us-east-1", endpoint_url="http://127.0.0.1:1", access_key="a", secret_key="s"))
AUTHORITY = base64.b64encode(b"").decode()


class Aws:
    """EKS with one cluster, and STS; counts how often it was asked for the cluster."""

    def __init__(self, **changes: Any) -> None:
        authority = {"data": AUTHORITY}
        self.described = {"status": "ACTIVE", "arn": ARN, "endpoint": "https://127.0.0.1:1", **changes}
        self.described.setdefault("certificateAuthority", authority)
        self.asked = 0

    def __call__(self, service: str) -> Any:
        return CLIENTS("sts") if service == "sts" else SimpleNamespace(describe_cluster=self._describe)

    def _describe(self, *, name: str) -> dict[str, Any]:
        self.asked += 1
        return {"cluster": {**self.described, "name": name}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("infrastructure.kubernetes.time.monotonic", lambda: now[0])
    return now


def url_of(token: str) -> str:
    assert token.startswith("k8s-aws-v1.")
    assert "=" not in token
    encoded = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def test_a_token_is_a_presigned_call_that_is_signed_for_one_cluster() -> None:
    query = parse_qs(urlsplit(url_of(new_token(CLIENTS("sts"), "cafe"))).query)
    assert query["Action"] == ["GetCallerIdentity"]
    assert query["X-Amz-Expires"] == ["60"]
    assert "x-k8s-aws-id" in query["X-Amz-SignedHeaders"][0].split(";")
    other = parse_qs(urlsplit(url_of(new_token(CLIENTS("sts"), "another"))).query)
    assert other["X-Amz-Signature"] != query["X-Amz-Signature"]


def test_who_else_uses_the_client_signs_no_cluster() -> None:
    sts = CLIENTS("sts")
    new_token(sts, "cafe")
    assert "x-k8s-aws-id" not in sts.generate_presigned_url("get_caller_identity")


def test_a_token_is_kept_for_ten_minutes_and_then_made_anew(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = iter(("first", "second"))
    monkeypatch.setattr(kubernetes, "new_token", lambda _sts, _cluster: next(tokens))
    cluster = Kubernetes(Aws(), "cafe", is_embedded=True)
    shown = []
    for later_s in (0.0, 599.0, 2.0):
        clock[0] += later_s
        shown.append(cluster.api.configuration.auth_settings()["BearerToken"]["value"])
    assert shown == ["Bearer first", "Bearer first", "Bearer second"]


def test_a_cluster_is_described_once() -> None:
    aws = Aws()
    clusters = Clusters(aws, is_embedded=True)
    assert clusters("cafe") is clusters("cafe")
    assert aws.asked == 1
    assert clusters("cafe").arn == ARN


def test_an_embedded_cluster_is_reached_past_proxies_and_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    cluster = Kubernetes(Aws(), "cafe", is_embedded=True)
    with pytest.raises(EnvironmentFault, match=r"does not answer: .*refused.*cafe status"):
        cluster.core.list_node()


def answer(status: int, message: str = "", **details: Any) -> ApiException:
    body = json.dumps({"kind": "Status", "message": message, "details": details}) if message else "<html>"
    return ApiException(status=status, reason="Why", body=body)


FIELD = {"causes": [{"message": "Required value", "field": "spec.selector"}]}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (answer(404, 'pods "x" not found'), 'pods "x" not found'),
        (answer(422, "Deployment is invalid", **FIELD), "Deployment is invalid; spec.selector: Required value"),
        (
            answer(422, "is invalid: spec.selector: Required value", **FIELD),
            "is invalid: spec.selector: Required value",
        ),
        (answer(502), "Why (502)"),
        (ApiException(status=500), "no reason given (500)"),
    ],
    ids=["message", "cause", "cause-that-is-said", "no-status", "nothing"],
)
def test_an_answer_is_said_in_the_apis_own_words(error: ApiException, text: str) -> None:
    assert said(error) == text


@pytest.mark.parametrize(
    ("error", "next_step"),
    [(answer(401, "Unauthorized"), "create-access-entry"), (answer(403, "nodes is forbidden"), "nodes is forbidden")],
)
def test_not_being_let_in_is_the_environments_fault(error: ApiException, next_step: str) -> None:
    assert next_step in str(fault_of(error))


@pytest.mark.parametrize("error", [answer(404, "gone"), answer(429, "later"), ValueError("ours")])
def test_what_else_is_answered_is_not(error: Exception) -> None:
    assert fault_of(error) is None


def test_an_answer_is_told_from_what_is_none() -> None:
    assert is_answer(answer(404), 404, 410)
    assert is_answer(answer(404))
    assert not is_answer(answer(404), 429)
    assert not is_answer(ValueError("404"), 404)


LOADED = """
import sys
from types import SimpleNamespace
from infrastructure import kubernetes
kubernetes.load()
before = set(sys.modules)
cluster = object.__new__(kubernetes.Kubernetes)
cluster.api = SimpleNamespace()
cluster.core, cluster.apps, cluster.policy
print(sorted(set(sys.modules) - before))
"""


def test_a_client_that_is_loaded_loads_nothing_more_when_it_is_used() -> None:
    """It would do so in the seconds that an undo has."""
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
