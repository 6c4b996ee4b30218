"""How the official Kubernetes client reaches a platform's cluster: the same way on both targets.

Where the cluster is and whom it trusts, EKS tells; who we are, a token does that is a presigned call of STS: what
`aws eks get-token` prints. Importing the client costs over a CPU second, so it happens here and not before.
Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from infrastructure.errors import EnvironmentFault

NAMESPACE = "cafe"
"""Of the services' objects."""
TIMEOUT_S = (5.0, 30.0)
"""To connect, and for an answer, of a call that names none itself. A watch has to: it is silent until there is news."""
_CLUSTER = "x-k8s-aws-id"
"""The signed header by which a token is for one cluster."""
_SIGNED_S = 60
"""How long the presigned call itself is good, which nobody makes: as `aws eks get-token` has it."""
_KEPT_S = 600.0
"""A token is taken for 15 minutes after it was made. Anew before that, and before temporary keys have ended."""


class Kubernetes:
    """The API of one cluster: `core`, `apps`, `policy` … are the client's own classes over one connection pool.

    What it returns is the client's: `kubernetes` publishes no types. Safe to call from any thread. `EnvironmentFault`
    where the cluster is not there yet, and when it does not answer; what it does answer may be an `ApiException`.
    """

    def __init__(self, clients: Callable[[str], Any], cluster: str, *, is_embedded: bool) -> None:
        self.cluster = cluster
        self._sts = clients("sts")
        self._token = ("", float("-inf"))
        self._lock = threading.Lock()
        described = clients("eks").describe_cluster(name=cluster)["cluster"]
        self._status, self.arn = str(described["status"]), str(described["arn"])
        if "endpoint" not in described:
            raise EnvironmentFault(
                f"cluster {cluster} is {self._status} and has no endpoint yet: wait until it is ACTIVE"
            )
        self.api = _client(described, self._authorize, is_embedded=is_embedded)

    @cached_property
    def core(self) -> Any:
        from kubernetes import client

        return client.CoreV1Api(self.api)

    @cached_property
    def apps(self) -> Any:
        from kubernetes import client

        return client.AppsV1Api(self.api)

    @cached_property
    def policy(self) -> Any:
        from kubernetes import client

        return client.PolicyV1Api(self.api)

    def _authorize(self, configuration: Any) -> None:
        with self._lock:
            token, made = self._token
            if time.monotonic() - made > _KEPT_S:
                token = new_token(self._sts, self.cluster)
                self._token = (token, time.monotonic())
        configuration.api_key["authorization"] = f"Bearer {token}"


class Clusters:
    """The API of each cluster by its name, reached once."""

    def __init__(self, clients: Callable[[str], Any], *, is_embedded: bool) -> None:
        self._clients = clients
        self._is_embedded = is_embedded
        self._known: dict[str, Kubernetes] = {}
        self._lock = threading.Lock()

    def __call__(self, cluster: str) -> Kubernetes:
        with self._lock:
            if cluster not in self._known:
                self._known[cluster] = Kubernetes(self._clients, cluster, is_embedded=self._is_embedded)
            return self._known[cluster]


def new_token(sts: Any, cluster: str) -> str:
    """A bearer token for `cluster`, made with the keys of the boto3 client `sts`; no call is made."""

    def name_cluster(request: Any, **_event: object) -> None:
        request.headers[_CLUSTER] = cluster

    event = "before-sign.sts.GetCallerIdentity"
    with _naming:  # the hook stands in the client's one list of hooks, and that client is everybody's
        sts.meta.events.register(event, name_cluster)
        try:
            url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=_SIGNED_S, HttpMethod="GET")
        finally:
            sts.meta.events.unregister(event, name_cluster)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


_naming = threading.Lock()


def load() -> None:
    """Have the client loaded with all that `Kubernetes` names.

    It loads a class only when that is first named, and with it hundreds of modules: two CPU seconds, all in all.
    """
    from kubernetes.client import AppsV1Api, CoreV1Api, PolicyV1Api  # noqa: F401 - naming them loads them


def _client(described: Mapping[str, Any], authorize: Callable[[Any], None], *, is_embedded: bool) -> Any:
    """The client's pool of connections: it trusts the cluster's own authority alone, and its calls end."""
    import urllib3
    from kubernetes import client

    class Timed(client.ApiClient):  # type: ignore[misc]  # the client publishes no types
        def call_api(self, *given: Any, _request_timeout: Any = None, **more: Any) -> Any:
            try:
                return super().call_api(*given, _request_timeout=_request_timeout or TIMEOUT_S, **more)
            except urllib3.exceptions.HTTPError as gone:
                raise EnvironmentFault(
                    f"the Kubernetes cluster does not answer: {gone}. Look at it: cafe status; `aws eks"
                    " describe-cluster` shows whether it is ACTIVE and whom its endpoint is open to"
                ) from gone

    configuration = client.Configuration(
        host=described["endpoint"],
        ca_cert_data=base64.b64decode(described["certificateAuthority"]["data"]).decode(),
        # As of boto3's clients: a second try at the embedded cloud would hide what the first ran into.
        retries=False if is_embedded else urllib3.Retry(3, backoff_factor=0.2),
        no_proxy="*" if is_embedded else None,
        api_key={"authorization": ""},
    )
    configuration.refresh_api_key_hook = authorize
    return Timed(configuration)


def is_answer(error: BaseException, *statuses: int) -> bool:
    """Whether `error` is the API's answer with one of the HTTP `statuses`; without any, an answer at all."""
    if "kubernetes.client" not in sys.modules:
        return False
    from kubernetes.client import ApiException

    return isinstance(error, ApiException) and (not statuses or error.status in statuses)


def said(error: Any) -> str:
    """What an `ApiException` says, in the API's own words: of its Status the message, else reason and code.

    The Status names the object and the field; the exception's own text is headers and JSON on ten lines.
    """
    try:
        status = json.loads(error.body)
        message = str(status["message"])
        causes = [_cause(each) for each in (status.get("details") or {}).get("causes") or ()]
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"{error.reason or 'no reason given'} ({error.status})"
    return "; ".join((message, *(each for each in causes if each not in message)))


def _cause(cause: Mapping[str, Any]) -> str:
    field, message = cause.get("field"), str(cause["message"])
    return f"{field}: {message}" if field else message


def fault_of(error: BaseException) -> EnvironmentFault | None:
    """Not being let in is the environment's fault, with the next step; None for what else the API answers."""
    if is_answer(error, 401):
        return EnvironmentFault(
            "the Kubernetes cluster does not know who we are (401). Next: an access entry for the principal that"
            " `aws sts get-caller-identity` shows (`aws eks create-access-entry`, `associate-access-policy`)"
        )
    if is_answer(error, 403):
        return EnvironmentFault(
            f"the Kubernetes cluster refuses: {said(error)}. Next: an access policy for our access entry"
            " (`aws eks associate-access-policy`), or a role for its groups"
        )
    return None
