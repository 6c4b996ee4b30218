"""A pod is somebody: it finds a token of its service account, which the API takes, and lets do what its roles allow."""

import base64
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes import client, config

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.service_accounts import FOLDER
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.tests.client import PODS, Client
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import deployment, listed, pod, sleeper
from infrastructure.embedded.kubernetes.tests.test_official_client import ask
from infrastructure.embedded.kubernetes.tests.world import running, until
from infrastructure.embedded.tests.supervisors import needs_views
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
TOKEN = f"{ACCOUNTS}/robot/token"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
WITHIN = """
from kubernetes import client, config
config.load_incluster_config()
try:
    print([each.metadata.name for each in client.CoreV1Api().list_namespaced_pod("default").items])
except client.ApiException as problem:
    print(problem.status)
"""


def account(name: str = "robot", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}, **more}


def mounts(of: Any) -> list[list[str]]:
    """Where each container has mounts."""
    containers = [*(of["spec"].get("initContainers") or ()), *of["spec"]["containers"]]
    return [[each["mountPath"] for each in one.get("volumeMounts") or ()] for one in containers]


@pytest.fixture
async def api() -> Client:
    made = Client()
    assert (await made("POST", ACCOUNTS, account())).code == 201
    return made


async def token(api: Client, **spec: Any) -> str:
    said = await api("POST", TOKEN, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    assert said.code == 201, said.body
    return str(said.body["status"]["token"])


async def whoami(api: Client, token: str) -> Any:
    said = await api("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, user=token)
    return said.body["status"]["userInfo"] if said.code == 201 else said.code


@pytest.mark.parametrize(
    ("of_account", "of_pod", "has_token"),
    [
        ({}, {}, True),
        ({"automountServiceAccountToken": False}, {}, False),
        ({"automountServiceAccountToken": False}, {"automountServiceAccountToken": True}, True),
        ({}, {"automountServiceAccountToken": False}, False),
    ],
    ids=["nothing said", "account", "pod over account", "pod"],
)
async def test_pods_get_a_token_unless_they_or_their_account_will_not(
    api: Client, of_account: dict[str, Any], of_pod: dict[str, Any], *, has_token: bool
) -> None:
    assert (await api("POST", ACCOUNTS, account("other", **of_account))).code == 201
    given = pod(containers=[sleeper(), sleeper(name="second")], serviceAccountName="other", **of_pod)
    made = (await api("POST", PODS, given)).body
    assert mounts(made) == ([[FOLDER]] * 2 if has_token else [[], []])
    assert len(made["spec"].get("volumes") or ()) == has_token


async def test_a_container_that_has_something_there_keeps_it(api: Client) -> None:
    own = {"name": "own", "mountPath": FOLDER}
    given = pod(containers=[sleeper(volumeMounts=[own])], volumes=[{"name": "own", "emptyDir": {}}])
    made = (await api("POST", PODS, given)).body
    assert made["spec"]["containers"][0]["volumeMounts"] == [own]
    assert len(made["spec"]["volumes"]) == 1


async def test_a_pod_of_an_account_that_is_not_there_is_refused(api: Client) -> None:
    said = await api("POST", PODS, pod(serviceAccountName="nobody"))
    assert said.code == 403
    assert 'error looking up service account default/nobody: serviceaccount "nobody" not found' in said.body["message"]


async def test_a_token_is_its_accounts_until_it_has_expired(api: Client) -> None:
    made = await token(api, expirationSeconds=600)
    who = await whoami(api, made)
    assert who["username"] == "system:serviceaccount:default:robot"
    assert {"system:serviceaccounts", "system:serviceaccounts:default"} <= set(who["groups"])
    assert (await api("GET", PODS, user=made)).code == 403
    api.now[0] += 601
    assert await whoami(api, made) == 401


async def test_a_token_ends_with_its_account_and_with_its_pod(api: Client) -> None:
    assert (await api("POST", PODS, pod(serviceAccountName="robot"))).code == 201
    free = await token(api)
    bound = await token(api, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "one"})
    who = await whoami(api, bound)
    assert who["extra"]["authentication.kubernetes.io/pod-name"] == ["one"]
    api.registry.delete(kinds.POD, ("default", "one"))
    assert await whoami(api, bound) == 401
    assert (await whoami(api, free))["username"].endswith(":robot")
    api.registry.delete(kinds.SERVICE_ACCOUNT, ("default", "robot"))
    api.registry.create(kinds.SERVICE_ACCOUNT, account())
    assert await whoami(api, free) == 401


async def test_a_token_that_was_tampered_with_is_nobodys(api: Client) -> None:
    head, claims, signature = (await token(api)).split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "exp": said["exp"] + 1}).encode()).rstrip(b"=").decode()
    for each in (f"{head}.{forged}.{signature}", f"{head}.{claims}.{signature[:-8]}", f"{head}.{claims}.", ".."):
        assert await whoami(api, each) == 401


async def test_a_token_for_others_is_not_the_clusters_and_they_may_ask_whose_it_is(api: Client) -> None:
    made = await token(api, audiences=["vault"])
    assert await whoami(api, made) == 401
    asked = {"spec": {"token": made, "audiences": ["vault", "other"]}}
    status = (await api("POST", REVIEWS, asked)).body["status"]
    assert (status["authenticated"], status["audiences"]) == (True, ["vault"])
    assert status["user"]["username"] == "system:serviceaccount:default:robot"
    unknown = (await api("POST", REVIEWS, {"spec": {"token": made}})).body["status"]
    assert "authenticated" not in unknown
    assert unknown["error"]


@pytest.mark.parametrize(
    ("spec", "code", "told"),
    [
        ({"expirationSeconds": 599}, 422, "may not specify a duration less than 10 minutes"),
        ({"boundObjectRef": {"kind": "Pod", "name": "none"}}, 404, 'pods "none" not found'),
        ({"boundObjectRef": {"kind": "Pod", "name": "one"}}, 400, "to pod running with different serviceaccount name"),
        ({"boundObjectRef": {"kind": "Secret", "name": "x"}}, 400, "cannot bind token to a Secret"),
    ],
    ids=["short", "no pod", "another's pod", "secret"],
)
async def test_what_no_token_can_be_made_for_is_refused_in_words(
    api: Client, spec: dict[str, Any], code: int, told: str
) -> None:
    assert (await api("POST", PODS, pod())).code == 201
    said = await api("POST", TOKEN, {"spec": spec})
    assert said.code == code
    assert told in said.body["message"]


async def test_kubectl_makes_tokens_that_kubectl_takes(kube: Kubectl, cluster: Cluster) -> None:
    await kube("create", "serviceaccount", "robot")
    made = (await kube("create", "token", "robot", "--duration=20m")).strip()
    claims = json.loads(base64.urlsafe_b64decode(made.split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 1200
    # An answer to a token alone: kubectl prefers what its file says.
    empty = ("--kubeconfig=/dev/null", f"--server={cluster.url}", "--insecure-skip-tls-verify")
    told = await kube("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", f"--token={made}", *empty)
    assert told == "system:serviceaccount:default:robot"


@needs_views
async def test_a_pod_asks_the_cluster_it_is_in(state: StateFolder, program: Any, tmp_path: Any) -> None:
    """As the official client finds it: nothing is configured."""
    async with running(state, has_data_plane=True) as cluster:
        kube = Kubectl(program, cluster.kubeconfig, tmp_path)
        made = sleeper()
        await kube("apply", "-f", "-", given=listed(account(), pod(containers=[made], serviceAccountName="robot")))
        await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")
        assert await kube("exec", "one", "--", "ls", FOLDER) == "ca.crt\nnamespace\ntoken\n"
        assert await kube("exec", "one", "--", "cat", f"{FOLDER}/namespace") == "default"
        within = ("exec", "one", "--", sys.executable, "-c", WITHIN)
        assert await kube(*within) == "403\n"
        await kube("create", "role", "looks", "--verb=list", "--resource=pods")
        await kube("create", "rolebinding", "looks", "--role=looks", "--serviceaccount=default:robot")
        assert await kube(*within) == "['one']\n"


@pytest.fixture
async def clients(cluster: Cluster) -> AsyncIterator[Any]:
    with config.new_client_from_config(str(cluster.kubeconfig)) as made:
        yield made


async def test_every_pod_has_volumes_for_tools_that_look_through_them(clients: Any, cluster: Cluster) -> None:
    """As those do that look for local storage before they evict."""
    cluster.registry.create(kinds.DEPLOYMENT, deployment(containers=[sleeper()]))

    def pods() -> list[Any]:
        return [each for each in cluster.registry.store.all(kinds.POD.id) if objects.is_true(each, "Ready")]

    await until(lambda: len(pods()) == 2)
    found = (await ask(client.CoreV1Api(clients).list_pod_for_all_namespaces)).items
    assert [any(volume.empty_dir is not None for volume in each.spec.volumes) for each in found] == [False, False]


async def test_every_namespace_has_its_account_and_the_authority_again_and_again(
    kube: Kubectl, cluster: Cluster
) -> None:
    await kube("create", "namespace", "new")

    def there() -> bool:
        store = cluster.registry.store
        found = store.get(kinds.CONFIG_MAP.id, ("new", "kube-root-ca.crt"))
        account = store.get(kinds.SERVICE_ACCOUNT.id, ("new", "default"))
        return account is not None and found is not None and found["data"]["ca.crt"] == cluster.authority.decode()

    await until(there)
    cluster.registry.delete(kinds.CONFIG_MAP, ("new", "kube-root-ca.crt"))
    cluster.registry.delete(kinds.SERVICE_ACCOUNT, ("new", "default"))
    await until(there)
    await kube("delete", "namespace", "new", "--timeout=20s")
