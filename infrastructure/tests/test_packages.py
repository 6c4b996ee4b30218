"""A function's package holds what it imports, is made once, and is refused when something is missing."""

import dataclasses
import importlib.metadata
import os
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infrastructure import distributions, packages
from infrastructure.distributions import File
from infrastructure.errors import EnvironmentFault
from infrastructure.imports import Foreign
from infrastructure.packages import Package
from services import catalog

FUNCTION = dataclasses.replace(catalog.function("payment"), entry="services.pay.handler:handle")
HANDLER = (
    "import psycopg\nfrom services.pay import rules\n\n\ndef handle(event, context):\n    return rules.double(event)\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / "services/pay").mkdir(parents=True)
    (folder / "services/pay/handler.py").write_text(HANDLER, encoding="utf-8")
    (folder / "services/pay/rules.py").write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    (folder / "services/pay/notes.py").write_text("# nobody imports this\n", encoding="utf-8")
    return folder


def build(root: Path, cache: str = "cache", *, for_aws: bool = False) -> Package:
    return packages.build(FUNCTION, root / cache, for_aws=for_aws, root=root)


def names(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as opened:
        return opened.namelist()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A package of made-up modules and the real driver of PostgreSQL."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "services/pay").mkdir(parents=True)
    (folder / "services/pay/handler.py").write_text(HANDLER, encoding="utf-8")
    (folder / "services/pay/rules.py").write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    return build(folder)


def test_code_holds_the_modules_that_are_imported_and_no_other(root: Path) -> None:
    assert names(build(root).code.file) == ["services/pay/handler.py", "services/pay/rules.py"]


def test_the_layer_holds_what_the_imports_need_below_python(made: Package) -> None:
    found = names(made.layer.file)
    assert "python/psycopg/__init__.py" in found
    assert "python/typing_extensions.py" in found, "what the pool needs, an extra too, at any Python"
    assert any(name.startswith("python/psycopg_binary/") for name in found), "the extra that pyproject.toml asks for"
    assert all(name.startswith("python/") for name in found)
    assert not [name for name in found if name.endswith((".pyc", "RECORD", "INSTALLER"))]


def test_the_package_runs_by_itself(made: Package, tmp_path: Path) -> None:
    """With the standard library, the layer and the code, and nothing of the project's own environment."""
    for archive in (made.code, made.layer):
        with zipfile.ZipFile(archive.file) as opened:
            opened.extractall(tmp_path)
    paths = [str(tmp_path), str(tmp_path / "python")]
    script = f"import sys; sys.path += {paths!r}; from services.pay.handler import handle; print(handle(21, None))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("42\n", "")


def test_the_functions_of_the_catalogue_have_all_they_import(tmp_path: Path) -> None:
    """Every module of a package is imported with the standard library, layer and package: nothing is missing."""
    for package in packages.build_all(tmp_path / "cache", for_aws=False):
        folder = tmp_path / package.service
        for archive in (package.code, package.layer):
            with zipfile.ZipFile(archive.file) as opened:
                opened.extractall(folder)
        entry = catalog.function(package.service).entry.partition(":")[0]
        files = [name for name in names(package.code.file) if not name.endswith("__init__.py")]
        modules = sorted(name.removesuffix(".py").replace("/", ".") for name in files)
        assert entry in modules
        modules.remove(entry)  # importing it connects
        script = f"import sys; sys.path += {[str(folder), str(folder / 'python')]!r}; import {', '.join(modules)}"
        done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
        assert done.stderr == "", package.service


def test_the_same_content_makes_the_same_bytes(root: Path) -> None:
    first = build(root, "one")
    os.utime(root / "services/pay/rules.py", (1, 1))
    second = build(root, "two")
    for one, two in ((first.code, second.code), (first.layer, second.layer)):
        assert (one.digest, one.file.read_bytes()) == (two.digest, two.file.read_bytes())


def test_a_package_that_is_there_is_not_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(root)

    def refuse(*_arguments: object) -> None:
        raise AssertionError("an archive was made again")

    monkeypatch.setattr(packages, "_zip", refuse)
    assert build(root) == first


def test_changed_code_is_another_package_with_the_same_layer(root: Path) -> None:
    first = build(root)
    (root / "services/pay/rules.py").write_text("def double(x):\n    return x + x\n", encoding="utf-8")
    second = build(root)
    assert (first.code.key != second.code.key, first.layer.key == second.layer.key) == (True, True)


def test_an_archive_that_could_not_be_finished_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(target: Path, _files: object) -> None:
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(packages, "_zip", fail)
    with pytest.raises(OSError, match="No space left"):
        build(root)
    assert list((root / "cache").iterdir()) == []


def test_two_threads_that_make_an_archive_at_once_make_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_write, write = threading.Barrier(2), packages._zip

    def together(target: Path, files: list[File]) -> None:
        both_write.wait(30)
        write(target, files)
        both_write.wait(30)

    (tmp_path / "module.py").write_text("x = 1\n")
    files = [File(path="module.py", source=tmp_path / "module.py", hash="")]
    monkeypatch.setattr(packages, "_zip", together)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: packages.archive("code", files, tmp_path / "cache"), range(2)))
    assert made[0] == made[1]
    assert list((tmp_path / "cache").iterdir()) == [made[0].file]
    assert names(made[0].file) == ["module.py"]


def test_old_archives_go_and_those_of_other_names_stay(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(packages.KEPT + 3):
        source.write_text(str(number), encoding="utf-8")
        latest = packages.archive("code", [File(path="a", source=source, hash="")], tmp_path / "cache")
        os.utime(latest.file, (number, number))
    other = packages.archive("layer", [File(path="a", source=source, hash="")], tmp_path / "cache")
    kept = list((tmp_path / "cache").glob("code-*.zip"))
    assert (len(kept), latest.file in kept, other.file.is_file()) == (packages.KEPT, True, True)


def test_a_module_nothing_provides_is_refused_with_the_file_that_imports_it(root: Path) -> None:
    (root / "services/pay/rules.py").write_text("import os\n\nimport nosuchthing\n", encoding="utf-8")
    with pytest.raises(EnvironmentFault, match=r"'nosuchthing', which services/pay/rules\.py:3 imports") as refusal:
        build(root)
    assert "pyproject.toml" in str(refusal.value), "the next step"
    assert not (root / "cache").exists(), "nothing is made"


def test_an_optional_module_that_is_not_installed_is_left_out(root: Path) -> None:
    source = "try:\n    import nosuchthing\nexcept ImportError:\n    nosuchthing = None\n\n\ndef double(x): ...\n"
    (root / "services/pay/rules.py").write_text(source, encoding="utf-8")
    assert names(build(root).code.file) == ["services/pay/handler.py", "services/pay/rules.py"]


def test_what_the_runtime_brings_is_not_in_the_layer(root: Path) -> None:
    (root / "services/pay/rules.py").write_text("import boto3, botocore.config\n", encoding="utf-8")
    assert not [name for name in names(build(root).layer.file) if name.startswith("python/boto")]


def test_a_function_without_a_layer_is_refused(root: Path) -> None:
    (root / "services/pay/handler.py").write_text("", encoding="utf-8")
    with pytest.raises(EnvironmentFault, match="payment-layer would be an empty archive"):
        build(root)


def test_a_file_that_is_not_what_was_installed_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("changed by hand", encoding="utf-8")
    file = File(path="module.py", source=source, hash="sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
    with pytest.raises(EnvironmentFault, match=r"module\.py is not what was installed"):
        packages.archive("layer", [file], tmp_path / "cache")


@pytest.mark.parametrize(
    ("tag", "python", "machine", "is_fit"),
    [
        ("py3-none-any", (3, 11), "x86_64", True),
        ("cp311-cp311-manylinux_2_17_x86_64", (3, 11), "x86_64", True),
        ("cp311-cp311-manylinux_2_28_x86_64", (3, 11), "x86_64", False),
        ("cp312-cp312-manylinux_2_28_x86_64", (3, 12), "x86_64", True),
        ("cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64", (3, 12), "x86_64", True),
        ("cp312-cp312-manylinux2014_aarch64", (3, 12), "aarch64", True),
        ("cp312-cp312-manylinux2014_aarch64", (3, 12), "x86_64", False),
        ("cp312-cp312-macosx_11_0_arm64", (3, 12), "aarch64", False),
        ("cp312-cp312-musllinux_1_2_x86_64", (3, 12), "x86_64", False),
    ],
)
def test_a_wheel_that_lambda_cannot_run_is_refused_by_name(
    tag: str, python: tuple[int, int], machine: str, is_fit: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "made_up-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n", encoding="utf-8")
    (folder / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n", encoding="utf-8")
    installed = importlib.metadata.Distribution.at(folder)
    if is_fit:
        distributions.check_for_aws([installed], is_lambda=True, python=python, machine=machine)
    else:
        with pytest.raises(EnvironmentFault, match=r"made-up\. Deploy from Linux on"):
            distributions.check_for_aws([installed], is_lambda=True, python=python, machine=machine)


def test_a_module_is_found_whatever_its_distribution_is_called() -> None:
    foreign = Foreign(name="yaml", where="a.py:1", is_optional=False)
    assert [each.name.lower() for each in distributions.needed([foreign], {})] == ["pyyaml"]


def test_extras_are_taken_only_where_they_are_asked_for() -> None:
    foreign = Foreign(name="psycopg", where="a.py:1", is_optional=False)
    bare = {each.name for each in distributions.needed([foreign], {})}
    full = {each.name for each in distributions.needed([foreign], {"psycopg": frozenset({"binary"})})}
    assert full - bare == {"psycopg-binary"}


@pytest.mark.parametrize("order", [("plain", "asking"), ("asking", "plain")], ids="-then-".join)
def test_an_extra_counts_whoever_else_requires_the_distribution(
    order: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requires = {"plain": "shared", "asking": "shared[fast]", "shared": "speedup; extra == 'fast'", "speedup": ""}
    for name, line in requires.items():
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        lines = (
            "Metadata-Version: 2.1",
            f"Name: {name}",
            "Version: 1.0",
            *([f"Requires-Dist: {line}"] if line else ()),
        )
        (folder / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "RECORD").write_text(f"{name}.py,,\n", encoding="utf-8")
        (tmp_path / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    foreign = [Foreign(name=name, where="a.py:1", is_optional=False) for name in order]
    assert {each.name for each in distributions.needed(foreign, {})} == set(requires)
