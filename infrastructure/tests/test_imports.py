"""What a module imports is found without running it: the project's files, and who needs what is not the project's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.imports import follow

Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def files(contents: dict[str, str]) -> Path:
        for name, text in contents.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return tmp_path

    return files


def paths(root: Path, module: str = "services.pay.handler") -> list[str]:
    return [file.as_posix() for file in follow(module, root).files]


def test_modules_are_followed_to_the_end_with_their_packages(write: Write) -> None:
    root = write(
        {
            "services/__init__.py": "",
            "services/pay/__init__.py": "",
            "services/pay/handler.py": "from services.pay import ledger\nfrom services.chassis.log import Logger",
            "services/pay/ledger.py": "import services.pay.pool",
            "services/pay/pool.py": "",
            "services/pay/unused.py": "",
            "services/chassis/__init__.py": "",
            "services/chassis/log.py": "class Logger: ...",
        }
    )
    assert paths(root) == [
        "services/__init__.py",
        "services/chassis/__init__.py",
        "services/chassis/log.py",
        "services/pay/__init__.py",
        "services/pay/handler.py",
        "services/pay/ledger.py",
        "services/pay/pool.py",
    ]


def test_modules_that_import_each_other_are_followed_once(write: Write) -> None:
    root = write({"services/a.py": "import services.b", "services/b.py": "import services.a"})
    assert paths(root, "services.a") == ["services/a.py", "services/b.py"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import psycopg", {"psycopg": (1, False)}),
        ("\nfrom psycopg.rows import dict_row", {"psycopg": (2, False)}),
        ("def f():\n    import redis", {"redis": (2, False)}),
        ("import json, os.path", {}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import boto3", {}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import boto3\nelse:\n    import redis", {"redis": (5, False)}),
        ("try:\n    import orjson\nexcept ImportError:\n    import json", {"orjson": (2, True)}),
        ("try:\n    import orjson\nexcept (KeyError, ModuleNotFoundError):\n    pass", {"orjson": (2, True)}),
        ("try:\n    import orjson\nexcept ValueError:\n    pass", {"orjson": (2, False)}),
        ("try:\n    import orjson\nexcept ImportError:\n    pass\nimport orjson", {"orjson": (5, False)}),
    ],
    ids=[
        "plain",
        "from",
        "in a function",
        "standard library",
        "for types only",
        "not for types",
        "optional",
        "optional among others",
        "guarded against something else",
        "optional here, needed there",
    ],
)
def test_what_is_not_the_projects_is_told_with_the_place_that_needs_it(
    source: str, found: dict[str, tuple[int, bool]], write: Write
) -> None:
    foreign = follow("services.a", write({"services/a.py": source})).foreign
    assert {name: (each.where, each.is_optional) for name, each in foreign.items()} == {
        name: (f"services/a.py:{line}", is_optional) for name, (line, is_optional) in found.items()
    }


@pytest.mark.parametrize(
    ("source", "other"),
    [
        ("from . import b", "services/pay/b.py"),
        ("from .b import x", "services/pay/b.py"),
        ("from ..c import x", "services/c.py"),
    ],
    ids=["sibling", "of a sibling", "of a parent"],
)
def test_relative_imports_are_followed(source: str, other: str, write: Write) -> None:
    root = write({"services/pay/a.py": source, "services/pay/b.py": "x = 1", "services/c.py": "x = 1"})
    assert other in paths(root, "services.pay.a")


def test_a_module_of_the_project_that_is_not_there_is_named_with_who_needs_it(write: Write) -> None:
    root = write({"services/a.py": "import os\nimport services.lost"})
    with pytest.raises(EnvironmentFault, match=r"'services\.lost', needed by services/a\.py:2, is not below"):
        follow("services.a", root)
