"""What an archive may be, and what is unpacked of it."""

import contextlib
import io
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infrastructure.embedded.engines.functions import package as packages
from infrastructure.embedded.engines.functions.package import BadPackage
from infrastructure.embedded.tests.function_world import zipped


def _link() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        entry = zipfile.ZipInfo("passwords")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    return archive.getvalue()


def _bomb() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("part", bytes(251 << 20), compresslevel=1)
    return archive.getvalue()


def _deflated(files: Mapping[str, str]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return archive.getvalue()


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        pytest.param(lambda: b"", "Could not unzip uploaded file", id="empty"),
        pytest.param(lambda: b"PK\x03\x04 and nothing more", "Could not unzip uploaded file", id="damaged"),
        pytest.param(lambda: zipped({}), "0 entries", id="no-entries"),
        pytest.param(lambda: zipped({"../escape.py": ""}), "outside the package's folder", id="upwards"),
        pytest.param(lambda: zipped({"/etc/cron.d/x": ""}), "outside the package's folder", id="absolute"),
        pytest.param(lambda: zipped({"a\\..\\..\\b": ""}), "outside the package's folder", id="backslashes"),
        pytest.param(_link, "symbolic link", id="symbolic-link"),
        pytest.param(_bomb, "Unzipped size must be smaller than 262144000 bytes", id="bomb"),
    ],
)
def test_a_bad_archive_is_refused_before_anything_is_written(archive: Callable[[], bytes], message: str) -> None:
    with pytest.raises(BadPackage, match=message):
        packages.inspect(archive())


def test_an_archive_is_unpacked_whole(tmp_path: Path) -> None:
    archive = zipped({"app.py": "x = 1", "package/module.py": "y = 2"})
    packages.unpack(archive, tmp_path / "code")
    assert (tmp_path / "code/app.py").read_text() == "x = 1"
    assert (tmp_path / "code/package/module.py").read_text() == "y = 2"
    assert [entry.name for entry in tmp_path.iterdir()] == ["code"]


def test_an_archive_that_lies_about_its_sizes_leaves_nothing(tmp_path: Path) -> None:
    archive = zipped({"app.py": "x" * 1000})
    lying = archive.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    packages.inspect(lying)
    with pytest.raises(BadPackage, match="Could not unzip"):
        packages.unpack(lying, tmp_path / "code")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [0x00, 0xC3, 0xFF])
def test_an_archive_with_any_byte_damaged_is_a_bad_one_or_fine(value: int, tmp_path: Path) -> None:
    sound = _deflated({"app.py": "x = 1\n" * 9, "é.py": "y = 2\n" * 9})
    for at in range(len(sound)):
        damaged = sound[:at] + bytes((value,)) + sound[at + 1 :]
        with contextlib.suppress(BadPackage):
            packages.inspect(damaged)
            packages.unpack(damaged, tmp_path / "code")
        shutil.rmtree(tmp_path / "code", ignore_errors=True)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_is_written_as_aws_does() -> None:
    assert packages.CodePackage(sha256="00ff" + "00" * 30, size=1, unpacked=1).code_sha256 == (
        "AP8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    )


def test_the_runtime_has_what_awss_image_has_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "runtime"
    packages.make_runtime(folder)
    names = {entry.name for entry in folder.iterdir() if not entry.name.endswith(("-info", ".so"))}
    assert names >= {"awslambdaric", "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "simplejson"}
    assert not names & {"moto", "pytest", "psycopg", "orjson", "infrastructure", "bin", "__pycache__"}
    packages.make_runtime(folder)  # a second time changes nothing


def test_a_runtime_that_could_not_be_finished_is_made_whole_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path, _target: Path) -> None:
        raise OSError("No space left on device")

    folder = tmp_path / "runtime"
    with monkeypatch.context() as full:
        full.setattr(Path, "symlink_to", fail)
        with pytest.raises(OSError, match="No space left"):
            packages.make_runtime(folder)
    assert list(tmp_path.iterdir()) == []
    packages.make_runtime(folder)
    assert (folder / "awslambdaric" / "bootstrap.py").is_file()


def test_compiled_code_is_there_for_the_first_start(tmp_path: Path) -> None:
    packages.unpack(zipped({"app.py": "x = 1", "broken.py": "def"}), tmp_path / "code")
    subprocess.run(packages.compiling(tmp_path / "code"), check=False, timeout=30)
    compiled = [path.name.split(".")[0] for path in (tmp_path / "code/__pycache__").iterdir()]
    assert compiled == ["app"]
    assert sys.executable == packages.compiling(tmp_path)[0]
