"""Volumes are folders of the pod that its containers find where they mount them, and nobody else does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.kubelet.images import NoProgram
from infrastructure.embedded.kubernetes.kubelet.volumes import Volumes
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.store import Store
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import listed, pod, sleeper
from infrastructure.embedded.kubernetes.tests.world import until
from infrastructure.embedded.tests.supervisors import needs_views
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"colour": "green", "size": "large"},
}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"key": "s3cret"}}


def mounted(*volumes: dict[str, Any], **paths: str) -> dict[str, Any]:
    """A pod that has the volumes, each at its path."""
    mounts = [{"name": name, "mountPath": path} for name, path in paths.items()]
    return pod(containers=[sleeper(volumeMounts=mounts)], volumes=list(volumes))


async def running(kube: Kubectl, *made: dict[str, Any]) -> Callable[..., Any]:
    """Runs commands in the pod `one`."""
    await kube("apply", "-f", "-", given=listed(*made))
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")

    async def sh(script: str) -> str:
        return await kube("exec", "one", "--", "sh", "-c", script)

    return sh


@needs_views
async def test_config_maps_secrets_and_the_pod_itself_are_files(kube: Kubectl) -> None:
    volumes = [
        {"name": "a", "configMap": {"name": "settings", "items": [{"key": "colour", "path": "deep/colour"}]}},
        {"name": "b", "secret": {"secretName": "keys", "defaultMode": 0o444}},
        {"name": "c", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"name": "d", "projected": {"sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys"}}]}},
    ]
    made = mounted(*volumes, a="/etc/config", b="/keys", c="/var/run/pod", d="/opt/all")
    sh = await running(kube, CONFIG, SECRET, made)
    assert await sh("cat /etc/config/deep/colour /keys/key") == "greens3cret"
    assert await sh("cat /var/run/pod/labels") == 'run="one"'
    assert await sh("ls /opt/all") == "colour\nkey\nsize\n"
    assert "Read-only file system" in await sh("touch /etc/config/new 2>&1 || true")
    assert "passwd" in await sh("ls /etc")
    assert not any(map(os.path.exists, ("/etc/config", "/keys")))  # in this process' view


@needs_views
async def test_an_empty_folder_is_the_pods_and_goes_with_it(
    kube: Kubectl, cluster: Cluster, state: StateFolder
) -> None:
    """Its containers share it; what they write survives none of them."""
    other = sleeper(name="other", volumeMounts=[{"name": "scratch", "mountPath": "/elsewhere"}])
    made = mounted({"name": "scratch", "emptyDir": {}}, scratch="/scratch")
    made["spec"]["containers"].append(other)
    sh = await running(kube, made)
    await sh("echo here > /scratch/file")
    assert await kube("exec", "one", "-c", "other", "--", "cat", "/elsewhere/file") == "here\n"
    uid = objects.uid(cluster.registry.get(kinds.POD, ("default", "one")))
    folder = state.run / "pods" / cluster.name / uid
    assert (folder / "scratch" / "file").exists()
    await kube("delete", "pod", "one")
    await until(lambda: not folder.exists())


@needs_views
async def test_files_follow_their_config_map(kube: Kubectl, state: StateFolder) -> None:
    sh = await running(kube, CONFIG, mounted({"name": "a", "configMap": {"name": "settings"}}, a="/config"))
    assert await sh("cat /config/colour") == "green"
    changed = {**CONFIG, "data": {"colour": "blue"}}
    await kube("apply", "-f", "-", given=listed(changed))
    await kube("label", "pod", "one", "look=again")

    def files() -> list[str]:
        return [each.read_text() for each in (state.run / "pods").rglob("a/colour")]

    await until(lambda: files() == ["blue"])
    assert await sh("ls /config; cat /config/colour") == "colour\nblue"


@needs_views
async def test_a_pod_waits_for_what_its_volumes_are_made_of(kube: Kubectl, cluster: Cluster) -> None:
    made = mounted({"name": "a", "configMap": {"name": "settings"}}, a="/config")
    await kube("apply", "-f", "-", given=listed(made))

    def told() -> list[str]:
        every = cluster.registry.store.all(kinds.EVENT.id)
        return [each["message"] for each in every if each["reason"] == "FailedMount"]

    await until(told)
    assert told() == ['MountVolume.SetUp failed for volume "a" : configmap "settings" not found']
    await kube("apply", "-f", "-", given=listed(CONFIG))
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")


@needs_views
async def test_a_part_of_an_empty_folder_is_made_for_its_pod(kube: Kubectl) -> None:
    made = mounted({"name": "scratch", "emptyDir": {}}, scratch="/scratch")
    made["spec"]["containers"][0]["volumeMounts"].append(
        {"name": "scratch", "mountPath": "/part", "subPath": "deep/part"}
    )
    sh = await running(kube, made)
    await sh("echo here > /part/file")
    assert await sh("cat /scratch/deep/part/file") == "here\n"


@needs_views
@pytest.mark.parametrize("part", ["out", "out/new", "deep/out", "round", "round/new"])
async def test_a_part_of_a_volume_does_not_lead_out_of_it(tmp_path: Path, part: str) -> None:
    """A container may put a link where the next one's part is to be."""
    outside, volumes = tmp_path / "outside", Volumes(tmp_path / "pod", Store())
    outside.mkdir(mode=0o700)
    made = mounted({"name": "scratch", "emptyDir": {}}, scratch="/scratch")
    volumes.write(made)
    folder = tmp_path / "pod" / "scratch"
    (folder / "deep").mkdir()
    for link in (folder / "out", folder / "deep" / "out"):
        link.symlink_to(outside)
    (folder / "round").symlink_to("round")
    mounts = [{"name": "scratch", "mountPath": "/part", "subPath": part}]
    with pytest.raises(NoProgram, match=r"leads out of its volume|cannot be made in its volume"):
        volumes.mounts({"volumeMounts": mounts}, made)
    assert not list(outside.iterdir())
    assert outside.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_made_of_a_changed_config_map_leaves_the_files(tmp_path: Path) -> None:
    store, made = Store(), mounted({"name": "a", "configMap": {"name": "settings"}}, a="/config")
    volumes = Volumes(tmp_path / "pod", store)
    made["metadata"]["namespace"] = "default"
    settings = {**CONFIG, "metadata": {"name": "settings", "namespace": "default"}}
    kept = store.put(kinds.CONFIG_MAP.id, settings)
    volumes.write(made)
    store.put(kinds.CONFIG_MAP.id, {**kept, "data": {"..": "up"}})
    volumes.refresh(made)
    assert (tmp_path / "pod" / "a" / "colour").read_text() == "green"


@needs_views
async def test_a_link_that_stays_in_its_volume_is_followed(tmp_path: Path) -> None:
    made = mounted({"name": "scratch", "emptyDir": {}}, scratch="/scratch")
    volumes = Volumes(tmp_path / "pod", Store())
    volumes.write(made)
    (tmp_path / "pod" / "scratch" / "latest").symlink_to("one")
    mounts = [{"name": "scratch", "mountPath": "/part", "subPath": "latest"}]
    folder = tmp_path / "pod" / "scratch" / "one"
    assert volumes.mounts({"volumeMounts": mounts}, made) == ((str(folder), "/part", False),)
    assert folder.stat().st_mode & 0o777 == 0o777


async def test_volumes_of_other_kinds_are_refused_in_words(kube: Kubectl, cluster: Cluster) -> None:
    await kube("apply", "-f", "-", given=listed(mounted({"name": "a", "hostPath": {"path": "/"}}, a="/host")))

    def told() -> str:
        statuses = objects.status(cluster.registry.get(kinds.POD, ("default", "one"))).get("containerStatuses") or [{}]
        return str(((statuses[0].get("state") or {}).get("waiting") or {}).get("message", ""))

    await until(lambda: "hostPath" in told() or "only where root" in told())
