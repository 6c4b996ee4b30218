"""The API's rules: versions, lists in pages, selectors, watches, patches, deletions; in Kubernetes' words."""

import asyncio
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.api.access import User
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import store
from infrastructure.embedded.kubernetes.tests.client import BUDGETS, CONFIG_MAPS, DEPLOYMENTS, PODS, Client, config_map
from infrastructure.embedded.kubernetes.tests.manifests import budget, deployment, pod

pytestmark = pytest.mark.anyio


@pytest.fixture
def api() -> Client:
    return Client()


def names(said: Any) -> list[str]:
    return [each["metadata"]["name"] for each in said.body["items"]]


async def test_who_has_no_token_gets_nothing(api: Client) -> None:
    said = await api("GET", "/version", user="nobody")
    assert (said.code, said.body["reason"]) == (401, "Unauthorized")


async def test_an_object_has_an_identity_a_version_and_its_defaults(api: Client) -> None:
    made = (await api("POST", DEPLOYMENTS, deployment())).body
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["uid"]
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    again = await api("POST", DEPLOYMENTS, deployment())
    assert (again.code, again.body["message"]) == (409, 'deployments.apps "web" already exists')


async def test_who_writes_over_what_he_has_not_seen_is_refused(api: Client) -> None:
    first = (await api("POST", CONFIG_MAPS, config_map("a", x="1"))).body
    second = (await api("PUT", f"{CONFIG_MAPS}/a", {**first, "data": {"x": "2"}})).body
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    late = await api("PUT", f"{CONFIG_MAPS}/a", {**first, "data": {"x": "3"}})
    assert (late.code, late.body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in late.body["message"]
    same = (await api("PUT", f"{CONFIG_MAPS}/a", second)).body
    assert same["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"], "nothing new, no new version"


async def test_a_dry_run_changes_nothing(api: Client) -> None:
    assert (await api("POST", f"{CONFIG_MAPS}?dryRun=All", config_map("a"))).code == 201
    assert (await api("GET", f"{CONFIG_MAPS}/a")).code == 404
    await api("POST", CONFIG_MAPS, config_map("a", x="1"))
    tried = await api(
        "PATCH", f"{CONFIG_MAPS}/a?dryRun=All", {"data": {"x": "2"}}, content_type="application/merge-patch+json"
    )
    assert tried.body["data"] == {"x": "2"}
    await api("DELETE", f"{CONFIG_MAPS}/a?dryRun=All")
    assert (await api("GET", f"{CONFIG_MAPS}/a")).body["data"] == {"x": "1"}
    assert (await api("POST", f"{CONFIG_MAPS}?dryRun=Some", config_map("b"))).code == 400


async def test_a_list_comes_in_pages(api: Client) -> None:
    for number in range(7):
        await api("POST", CONFIG_MAPS, config_map(f"c{number}"))
    first = await api("GET", f"{CONFIG_MAPS}?limit=3")
    assert (names(first), first.body["metadata"]["remainingItemCount"]) == (["c0", "c1", "c2"], 4)
    second = await api("GET", f"{CONFIG_MAPS}?limit=3&continue={first.body['metadata']['continue']}")
    assert names(second) == ["c3", "c4", "c5"]
    third = await api("GET", f"{CONFIG_MAPS}?limit=3&continue={second.body['metadata']['continue']}")
    assert names(third) == ["c6"]
    assert "continue" not in third.body["metadata"]
    assert (await api("GET", f"{CONFIG_MAPS}?limit=3&continue=nonsense")).code == 400


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("app=a", ["p1", "p2"]),
        ("app==a,tier!=x", ["p2"]),
        ("app in (a, b),tier", ["p1", "p3"]),
        ("tier notin (x)", ["p2", "p4"]),
        ("!tier", ["p2", "p4"]),
        ("app", ["p1", "p2", "p3"]),
    ],
)
async def test_labels_select(api: Client, selector: str, found: list[str]) -> None:
    for name, labels in {
        "p1": {"app": "a", "tier": "x"},
        "p2": {"app": "a"},
        "p3": {"app": "b", "tier": "x"},
        "p4": {},
    }.items():
        await api("POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": labels}})
    assert names(await api("GET", f"{CONFIG_MAPS}?labelSelector={selector.replace(' ', '%20')}")) == found


async def test_fields_select_as_far_as_the_kind_has_them(api: Client) -> None:
    await api("POST", PODS, pod("one"))
    await api("POST", PODS, pod("two"))
    api.registry.bind(("default", "two"), "node-a")
    assert names(await api("GET", "/api/v1/pods?fieldSelector=spec.nodeName=node-a")) == ["two"]
    assert names(await api("GET", "/api/v1/pods?fieldSelector=spec.nodeName=,status.phase!=Failed")) == ["one"]
    refused = await api("GET", f"{PODS}?fieldSelector=spec.tolerations=x")
    assert (refused.code, refused.body["message"]) == (400, "field label not supported: spec.tolerations")


async def test_a_watch_goes_on_where_a_list_ended(api: Client) -> None:
    await api("POST", CONFIG_MAPS, config_map("before"))
    version = (await api("GET", CONFIG_MAPS)).body["metadata"]["resourceVersion"]
    await api("POST", CONFIG_MAPS, config_map("a"))
    await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "1"}})
    await api("DELETE", f"{CONFIG_MAPS}/a")
    events = await api.watch(f"{CONFIG_MAPS}?watch=true&resourceVersion={version}", 3)
    assert [each["type"] for each in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in events]
    assert versions == sorted(set(versions)), "an end has a version of its own"


async def test_a_watch_list_begins_with_what_there_is_and_says_where_that_ends(api: Client) -> None:
    await api("POST", CONFIG_MAPS, config_map("a"))
    query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    first, bookmark = await api.watch(f"{CONFIG_MAPS}?{query}", 2)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert bookmark["object"]["metadata"]["resourceVersion"] == str(api.registry.store.version)


async def test_an_object_that_leaves_the_selection_is_told_as_deleted(api: Client) -> None:
    await api("POST", CONFIG_MAPS, {"metadata": {"name": "a", "labels": {"on": "yes"}}})
    version = api.registry.store.version
    await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": "no"}}})
    await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"on": "yes"}}})
    events = await api.watch(f"{CONFIG_MAPS}?watch=true&labelSelector=on%3Dyes&resourceVersion={version}", 2)
    assert [(each["type"], each["object"]["metadata"]["labels"]["on"]) for each in events] == [
        ("DELETED", "yes"),
        ("ADDED", "yes"),
    ]


async def test_what_is_not_known_any_more_is_gone(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 3)
    await api("POST", CONFIG_MAPS, config_map("a"))
    version = api.registry.store.version
    for number in range(8):
        await api.patch(f"{CONFIG_MAPS}/a", {"data": {"x": str(number)}})
    [event] = await api.watch(f"{CONFIG_MAPS}?watch=true&resourceVersion={version}", 1)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    said = await api("GET", f"{CONFIG_MAPS}?watch=true&resourceVersion=999999")
    assert said.code == 410, "of a server that was here before"


async def test_a_watch_ends_when_it_was_to(api: Client) -> None:
    answer = await api.answer("GET", f"{CONFIG_MAPS}?watch=true&timeoutSeconds=0&resourceVersion=1")
    assert answer.stream is not None
    stream = await api.answer("GET", f"{CONFIG_MAPS}?watch=true&timeoutSeconds=1")
    assert stream.stream is not None
    async with asyncio.timeout(10):
        assert [part async for part in stream.stream] == []


async def test_a_table_has_columns_rows_and_what_they_are_of(api: Client) -> None:
    await api("POST", PODS, pod())
    table = (await api("GET", PODS, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")).body
    assert [each["name"] for each in table["columnDefinitions"]][:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    [row] = table["rows"]
    assert row["cells"][:5] == ["one", "0/1", "Pending", "0", "0s"]
    assert row["object"]["kind"] == "PartialObjectMetadata"


@pytest.mark.parametrize(
    ("kind", "patch", "containers"),
    [
        ("strategic", {"name": "web", "image": "b"}, [("web", "b"), ("log", "l")]),
        ("strategic", {"name": "new", "image": "n"}, [("new", "n"), ("web", "a"), ("log", "l")]),
        ("strategic", {"name": "log", "$patch": "delete"}, [("web", "a")]),
        ("merge", {"name": "web", "image": "b"}, [("web", "b")]),
    ],
    ids=["joined", "added", "deleted", "replaced"],
)
async def test_a_strategic_merge_joins_lists_by_their_key(api: Client, kind: str, patch: Any, containers: Any) -> None:
    await api(
        "POST", DEPLOYMENTS, deployment(containers=[{"name": "web", "image": "a"}, {"name": "log", "image": "l"}])
    )
    body = {"spec": {"template": {"spec": {"containers": [patch]}}}}
    made = (await api.patch(f"{DEPLOYMENTS}/web", body, kind)).body
    found = [(each["name"], each["image"]) for each in made["spec"]["template"]["spec"]["containers"]]
    assert sorted(found) == sorted(containers)


async def test_a_strategic_merge_keeps_the_order_it_is_told_and_the_keys_it_retains(api: Client) -> None:
    await api("POST", DEPLOYMENTS, deployment(containers=[{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]))
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "b", "image": "3"}]}
    strategy = {"$retainKeys": ["type"], "type": "Recreate"}
    body = {"spec": {"strategy": strategy, "template": {"spec": order}}}
    spec = (await api.patch(f"{DEPLOYMENTS}/web", body, "strategic")).body["spec"]
    assert [each["name"] for each in spec["template"]["spec"]["containers"]] == ["b", "a"]
    assert spec["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([{"op": "test", "path": "/data/x", "value": "1"}, {"op": "remove", "path": "/data/x"}], 200),
        ([{"op": "test", "path": "/data/x", "value": "2"}, {"op": "remove", "path": "/data/x"}], 422),
        (
            [{"op": "add", "path": "/data/y~1z", "value": "2"}, {"op": "move", "from": "/data/x", "path": "/data/w"}],
            200,
        ),
        ([{"op": "replace", "path": "/data/none", "value": "2"}], 422),
        ([{"op": "jump", "path": "/data"}], 422),
        ({"op": "add"}, 422),
    ],
    ids=["passed", "failed", "escaped", "missing", "unknown", "no-list"],
)
async def test_a_json_patch_is_applied_whole_or_not_at_all(api: Client, operations: Any, code: int) -> None:
    await api("POST", CONFIG_MAPS, config_map("a", x="1"))
    assert (await api.patch(f"{CONFIG_MAPS}/a", operations, "json")).code == code
    if code != 200:
        assert (await api("GET", f"{CONFIG_MAPS}/a")).body["data"] == {"x": "1"}


async def test_a_media_type_that_nobody_reads_is_refused(api: Client) -> None:
    await api("POST", CONFIG_MAPS, config_map("a"))
    assert (await api.patch(f"{CONFIG_MAPS}/a", {}, "nonsense")).code == 415
    assert (await api("POST", CONFIG_MAPS, b"<xml/>", content_type="text/xml")).code == 415
    assert (await api("POST", CONFIG_MAPS, b"{")).code == 400
    assert (
        await api("POST", CONFIG_MAPS, b"k8s\x00\xff", content_type="application/vnd.kubernetes.protobuf")
    ).code == 400
    aliases = b"a: &a [x]\nb: [*a, *a]\n"
    assert (await api("POST", CONFIG_MAPS, aliases, content_type="application/yaml")).code == 400


async def test_status_is_written_by_its_own_path_and_nothing_else(api: Client) -> None:
    made = (await api("POST", DEPLOYMENTS, {**deployment(), "status": {"replicas": 9}})).body
    changed = {**made, "status": {"replicas": 2}, "spec": {**made["spec"], "replicas": 5}}
    by_status = (await api("PUT", f"{DEPLOYMENTS}/web/status", changed)).body
    assert (by_status["status"]["replicas"], by_status["spec"]["replicas"]) == (2, 2)
    assert by_status["metadata"]["generation"] == 1
    changed["metadata"] = by_status["metadata"]
    by_object = (await api("PUT", f"{DEPLOYMENTS}/web", {**changed, "status": {"replicas": 7}})).body
    assert (by_object["status"]["replicas"], by_object["spec"]["replicas"]) == (2, 5)
    assert by_object["metadata"]["generation"] == 2


async def test_scale_is_read_and_written(api: Client) -> None:
    await api("POST", DEPLOYMENTS, deployment(replicas=2))
    scale = (await api("GET", f"{DEPLOYMENTS}/web/scale")).body
    assert (scale["spec"]["replicas"], scale["status"]["selector"]) == (2, "app=web")
    assert (await api("PUT", f"{DEPLOYMENTS}/web/scale", {**scale, "spec": {"replicas": 3}})).body["spec"][
        "replicas"
    ] == 3
    assert (await api("PUT", f"{DEPLOYMENTS}/web/scale", {**scale, "spec": {"replicas": 4}})).code == 409
    assert (await api.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": -1}})).code == 422
    assert (await api.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 0}})).code == 200
    assert (await api("GET", f"{DEPLOYMENTS}/web")).body["spec"]["replicas"] == 0


async def test_finalizers_hold_an_object_until_the_last_is_gone(api: Client) -> None:
    await api("POST", CONFIG_MAPS, {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    held = await api("DELETE", f"{CONFIG_MAPS}/a")
    assert held.body["metadata"]["deletionTimestamp"]
    assert (await api("GET", f"{CONFIG_MAPS}/a")).code == 200
    await api.patch(f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": None}})
    assert (await api("GET", f"{CONFIG_MAPS}/a")).code == 404


async def test_a_deletion_may_have_conditions(api: Client) -> None:
    made = (await api("POST", CONFIG_MAPS, config_map("a"))).body
    assert (await api("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": {"uid": "other"}})).code == 409
    gone = await api("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": {"uid": made["metadata"]["uid"]}})
    assert (gone.code, gone.body["status"], gone.body["details"]["name"]) == (200, "Success", "a")


async def test_a_collection_is_deleted_as_far_as_it_is_selected(api: Client) -> None:
    for name, on in (("a", "yes"), ("b", "no")):
        await api("POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": {"on": on}}})
    await api("DELETE", f"{CONFIG_MAPS}?labelSelector=on%3Dyes")
    assert names(await api("GET", CONFIG_MAPS)) == ["b"]


async def test_a_pod_that_was_never_bound_goes_at_once_and_another_is_given_time(api: Client) -> None:
    await api("POST", PODS, pod("waiting"))
    await api("DELETE", f"{PODS}/waiting")
    assert (await api("GET", f"{PODS}/waiting")).code == 404
    await api("POST", PODS, pod("bound"))
    api.registry.bind(("default", "bound"), "node-a")
    going = (await api("DELETE", f"{PODS}/bound", {"gracePeriodSeconds": 7})).body
    assert going["metadata"]["deletionGracePeriodSeconds"] == 7
    assert (await api("DELETE", f"{PODS}/bound", {"gracePeriodSeconds": 0})).code == 200
    assert (await api("GET", f"{PODS}/bound")).code == 404


async def running(api: Client, name: str) -> None:
    await api("POST", PODS, {**pod(name), "metadata": {"name": name, "labels": {"app": "web"}}})
    api.registry.bind(("default", name), "node-a")
    ready = [{"type": "Ready", "status": "True"}]
    await api.patch(f"{PODS}/{name}/status", {"status": {"phase": "Running", "conditions": ready}})


async def test_an_eviction_spends_the_budget_and_no_more(api: Client) -> None:
    for name in ("one", "two"):
        await running(api, name)
    made = (await api("POST", BUDGETS, budget(minAvailable=1))).body
    unknown = await api("POST", f"{PODS}/one/eviction", {})
    assert unknown.code == 429
    assert "still being processed" in unknown.body["details"]["causes"][0]["message"]
    status = {
        "observedGeneration": 1,
        "disruptionsAllowed": 1,
        "currentHealthy": 2,
        "desiredHealthy": 1,
        "expectedPods": 2,
    }
    await api("PUT", f"{BUDGETS}/web/status", {**made, "status": status})
    evicted = await api("POST", f"{PODS}/one/eviction", {"apiVersion": "policy/v1", "kind": "Eviction"})
    assert (evicted.code, evicted.body["status"]) == (201, "Success")
    refused = await api("POST", f"{PODS}/two/eviction", {})
    assert refused.body["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused.body["details"]["causes"] == [
        {"reason": "DisruptionBudget", "message": "The disruption budget web needs 1 healthy pods and has 2 currently"}
    ]


async def test_what_a_pod_is_stays_as_it_is(api: Client) -> None:
    await api("POST", PODS, pod())
    refused = await api.patch(f"{PODS}/one", {"spec": {"restartPolicy": "Never"}})
    assert refused.code == 422
    assert "pod updates may not change fields other than" in refused.body["message"]
    moved = await api("PATCH", f"{DEPLOYMENTS}/none", {}, content_type="application/merge-patch+json")
    assert (moved.code, moved.body["message"]) == (404, 'deployments.apps "none" not found')


async def test_unknown_fields_are_refused_warned_of_or_dropped(api: Client) -> None:
    wrong = {**config_map("a"), "extra": 1}
    assert (await api("POST", f"{CONFIG_MAPS}?fieldValidation=Strict", wrong)).code == 400
    warned = await api("POST", CONFIG_MAPS, wrong)
    assert (warned.code, warned.headers["warning"]) == (201, '299 - "unknown field \\"extra\\""')
    assert "extra" not in warned.body
    assert (
        "warning"
        not in (
            await api("POST", f"{CONFIG_MAPS}?fieldValidation=Ignore", {**wrong, "metadata": {"name": "b"}})
        ).headers
    )


async def test_roles_say_what_a_user_may(api: Client) -> None:
    api.users["ann"] = User(name="ann", groups=("people",))
    forbidden = await api("GET", PODS, user="ann")
    assert forbidden.code == 403
    assert forbidden.body["message"] == (
        'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    api.registry.create(kinds.ROLE, {"metadata": {"name": "r", "namespace": "default"}, "rules": rules})
    bound = {"roleRef": {"apiGroup": kinds.ROLE.group, "kind": "Role", "name": "r"}}
    subjects = [{"kind": "Group", "apiGroup": kinds.ROLE.group, "name": "people"}]
    api.registry.create(
        kinds.ROLE_BINDING, {"metadata": {"name": "b", "namespace": "default"}, **bound, "subjects": subjects}
    )
    assert (await api("GET", PODS, user="ann")).code == 200
    assert (await api("GET", "/api/v1/pods", user="ann")).code == 403
    assert (await api("POST", PODS, pod(), user="ann")).code == 403


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/apis/none/v1/things", 404),
        ("PUT", PODS, 405),
        ("DELETE", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
        ("GET", f"{PODS}/one/exec", 404),
        ("BREW", PODS, 405),
    ],
)
async def test_what_is_not_there_is_said_so(api: Client, method: str, path: str, code: int) -> None:
    said = await api(method, path, {})
    assert (said.code, said.body["kind"]) == (code, "Status")


async def test_discovery_tells_every_kind_in_both_forms(api: Client) -> None:
    aggregated = [
        each
        for path in ("/api", "/apis")
        for group in (
            await api("GET", path, accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
        ).body["items"]
        for version in group["versions"]
        for each in version["resources"]
    ]
    assert len(aggregated) == len(kinds.KINDS)
    plain = [each["name"] for each in (await api("GET", "/api/v1")).body["resources"]]
    assert "pods/eviction" in plain
    groups = (await api("GET", "/apis")).body["groups"]
    for group in groups:
        assert (await api("GET", f"/apis/{group['preferredVersion']['groupVersion']}")).code == 200
    paths = (await api("GET", "/openapi/v3")).body["paths"]
    for each in paths.values():
        assert (await api("GET", each["serverRelativeURL"])).body["openapi"] == "3.0.0"
