"""Lines of a log have the time at which they were there, however they were written."""

import asyncio
import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import listed, pod, sleeper
from infrastructure.embedded.kubernetes.tests.world import processes, until

pytestmark = pytest.mark.anyio
LOG = "/api/v1/namespaces/default/pods/one/log"


@dataclass(frozen=True, slots=True)
class Gate:
    """Where the script of the pod `one` waits until it is let go on; once."""

    kube: Kubectl
    file: Path

    @property
    def wait(self) -> str:
        return f"while ! test -e {self.file}; do sleep 0.02; done"

    async def open(self) -> None:
        await self.kube("exec", "one", "--", "touch", str(self.file))


@pytest.fixture
def gate(kube: Kubectl) -> Iterator[Gate]:
    made = Gate(kube, Path(f"/tmp/{uuid4()}"))  # every process has this folder, whoever it runs as
    yield made
    made.file.unlink(missing_ok=True)


async def begin(kube: Kubectl, script: str, **more: str) -> None:
    made = sleeper() | {"command": ["sh", "-c", script]}
    await kube("apply", "-f", "-", given=listed(pod(containers=[made], **more)))


async def logged(kube: Kubectl, count: int, *words: str) -> list[tuple[float, str]]:
    """The log's lines with their times, once there are so many."""
    while True:
        said = await kube.say("logs", "one", "--timestamps", *words)
        lines = [line.split(" ", 1) for line in said.out.splitlines()]
        if len(lines) >= count:
            return [(dt.datetime.fromisoformat(at).timestamp(), line) for at, line in lines]


async def test_a_line_has_the_time_at_which_it_was_there(kube: Kubectl, gate: Gate) -> None:
    await begin(kube, f"echo first; {gate.wait}; echo second; sleep 1000")
    before = time.time()
    [(first, _)] = await logged(kube, 1)
    between = time.time()
    await gate.open()
    (again, _), (second, line) = await logged(kube, 2)
    assert first == again
    assert before - 60 < first <= between <= second <= time.time()
    assert line == "second"
    since = dt.datetime.fromtimestamp(between, dt.UTC).isoformat().replace("+00:00", "Z")
    assert await kube("get", "--raw", f"{LOG}?sinceTime={since}") == "second\n"
    assert await kube("logs", "one", "--since=1h") == "first\nsecond\n"
    assert await kube("logs", "one", "--since=1h", "--tail=1") == "second\n"
    assert await kube("logs", "one", "--since-time=2100-01-01T00:00:00Z") == ""


async def test_a_line_that_is_not_complete_has_no_time_yet(kube: Kubectl, gate: Gate) -> None:
    await begin(kube, f"echo one; printf half; {gate.wait}; echo ' and half'; sleep 1000")
    while (await kube.say("logs", "one")).out != "one\nhalf":
        pass
    assert [line for _, line in await logged(kube, 1)] == ["one"]
    assert [line for _, line in await logged(kube, 1, "--tail=1")] == ["one"]
    await gate.open()
    assert [line for _, line in await logged(kube, 2)] == ["one", "half and half"]


async def test_a_log_is_followed_with_its_times_to_its_end(kube: Kubectl, gate: Gate) -> None:
    """What has no end of a line is told of when its process has ended."""
    script = f"echo one; {gate.wait}; echo two; printf three"
    await begin(kube, script, restartPolicy="Never")
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")
    following = await kube.begin("logs", "-f", "--timestamps", "one")
    await gate.open()
    out, _ = await asyncio.wait_for(following.communicate(), 20)
    assert [line.split(" ", 1)[1] for line in out.decode().splitlines()] == ["one", "two", "three"]


async def test_many_lines_at_once_have_a_time_each(kube: Kubectl, cluster: Cluster) -> None:
    await begin(kube, "seq 1 20000", restartPolicy="Never")
    await until(lambda: not processes(cluster) and cluster.registry.store.all("pods"))
    await kube("wait", "pod/one", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=20s")
    found = await logged(kube, 1)
    assert [int(line) for _, line in found] == list(range(1, 20_001))
    assert [at for at, _ in found] == sorted(at for at, _ in found)
    assert found[-3:] == await logged(kube, 1, "--tail=3")
    assert len(await kube("logs", "one", "--timestamps", "--limit-bytes=50")) == 50


async def test_earlier_runs_have_their_times(kube: Kubectl) -> None:
    await begin(kube, "echo here; exit 1")
    assert [line for _, line in await logged(kube, 1, "--previous")] == ["here"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", "at most one of `sinceTime` or `sinceSeconds`"),
        ("sinceTime=yesterday", 'parsing time "yesterday"'),
    ],
    ids=["zero", "both", "word"],
)
async def test_what_is_no_time_is_refused_in_words(kube: Kubectl, query: str, told: str) -> None:
    await begin(kube, "sleep 1000")
    assert told in await kube("get", "--raw", f"{LOG}?{query}", fails=True)
