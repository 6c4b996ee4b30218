"""The tool that tests the tests: which defects it makes, of what, and what it makes of the tests' answer."""

import ast
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from infrastructure.embedded.host import proctree
from infrastructure.errors import EnvironmentFault
from plugins.bench.mutants import trial as module
from plugins.bench.mutants.__main__ import draw, summary, survivors
from plugins.bench.mutants.mutations import KINDS, Mutant, mutants_of
from plugins.bench.mutants.targets import ROOT, TARGETS, Target, targets
from plugins.bench.mutants.trial import Copy, Trial

DEFECTS: dict[str, tuple[str, list[str]]] = {
    "a bound": ("x = a < b", ["comparison x = a <= b", "comparison x = a >= b"]),
    "identity": ("x = a is not None", ["comparison x = a is None"]),
    "a sum": ("x = a + b * c", ["arithmetic x = (a - (b * c))", "arithmetic x = a + (b / c)"]),
    "a conjunction": ("x = a and b", ["boolean x = (a or b)", "boolean x = a", "boolean x = b"]),
    "a negation": ("x = not a", ["boolean x = a"]),
    "a condition": ("if a:\n    x = y", ["boolean if (not a):"]),
    "a number": ("x = 3", ["constant x = 0", "constant x = 2", "constant x = 4"]),
    "a float": ("x = 0.5", ["constant x = -0.5", "constant x = 0.0", "constant x = 1.5"]),
    "a truth": ("x = True", ["constant x = False"]),
    "a text": ('x = "s3"', ['constant x = ""']),
    "behind letters of two bytes": ('"größe"; x = True', ['constant "größe"; x = False']),
    "a parameter": ("def f(*, x=True): pass", ["default def f(*, x=False): pass"]),
    "a field": ("class A:\n    x: bool = True", ["default     x: bool = False"]),
    "an answer": ("def f(): return g", ["returned def f(): return None"]),
    "a call": ("f()", ["statement pass"]),
    "a step": ("x += y", ["statement pass"]),
    "a state": ("self.x = y", ["statement pass"]),
    "a refusal": ('raise ValueError("no")', ["statement pass"]),
}


@pytest.mark.parametrize(("source", "expected"), DEFECTS.values(), ids=DEFECTS)
def test_a_place_is_given_these_defects(source: str, expected: list[str]) -> None:
    found = [(mutant.kind, mutant.text.splitlines()[mutant.line - 1]) for mutant in mutants_of("m.py", source)]
    assert [f"{kind} {line}" for kind, line in found] == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""What it is."""',
        "import os",
        'def f(x: "Text") -> "Text": ...',
        "@dataclass(frozen=True)\nclass A: ...",
        'T = TypeVar("T")',
        'Kind = Literal["read", "write"]',
        '_log.warning("the relay backs off", extra={"held": 1 + 1})',
        'x = f"{y + 1} rows"',
        'if __name__ == "__main__":\n    main()',
        "def f():\n    yield",
        "x, y = y, x",
    ],
)
def test_what_runs_no_differently_is_left_alone(source: str) -> None:
    assert list(mutants_of("m.py", source)) == []


def test_every_mutant_of_our_own_files_is_another_program_and_shows_its_difference() -> None:
    """Of the files that come first; all of them take a while."""
    for target in list(targets())[:5]:
        before = (ROOT / target.path).read_text(encoding="utf-8")
        for mutant in mutants_of(target.path, before):
            assert ast.dump(ast.parse(mutant.text)) != ast.dump(ast.parse(before)), mutant.diff
            assert mutant.diff.startswith(f"--- {target.path}\n+++ {target.path}\n@@")


def test_every_package_has_files_to_mutate_and_tests_of_them() -> None:
    found = list(targets())
    for package in TARGETS:
        assert [target for target in found if target.path.startswith(package)], package
    assert all(target.tests for target in found)
    assert not [target for target in found if "tests/" in target.path]


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("plugins/slo/slo.py", "plugins/slo/tests/test_slo.py"),
        ("plugins/chaos/judgement/measure.py", "plugins/chaos/tests/test_measure.py"),
        ("services/order/outbox/relay.py", "services/order/outbox/tests/test_relay.py"),
    ],
)
def test_the_nearest_tests_come_first_and_the_others_after_them(path: str, nearest: str) -> None:
    [target] = [target for target in targets() if target.path == path]
    folder = (ROOT / nearest).parent
    assert nearest in target.tests[:3]
    assert set(target.tests) == {str(test.relative_to(ROOT)) for test in folder.glob("test_*.py")}


def test_a_seed_draws_the_same_mutants_and_as_many_of_each_kind() -> None:
    chosen = [target for target in targets() if target.path.startswith("plugins/books")]
    drawn = draw(ROOT, chosen, 7)
    assert draw(ROOT, chosen, 7) == drawn
    assert draw(ROOT, chosen, 8) != drawn
    assert set(Counter(mutant.kind for mutant, _ in drawn[: 3 * len(KINDS)]).values()) == {3}
    assert len(set(drawn)) == len(drawn)


HEALTHY = "def double(number):\n    return number * 2\n"
TESTS = ("services/tests/test_double.py",)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree with one function and one test."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # theirs take longer than the test
    root = tmp_path / "tree"
    for package in ("plugins", "infrastructure", "services", "services/tests"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    (root / "services" / "double.py").write_text(HEALTHY)
    test = "from services.double import double\n\ndef test_double():\n    assert double(2) == 4\n"
    (root / TESTS[0]).write_text(test)
    (root / ".gitignore").write_text("__pycache__/\nsecret\n")
    (root / "secret").touch()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)  # noqa: S607 - as `Copy` finds it
    return root


def mutant(text: str) -> Mutant:
    return Mutant(
        path="services/double.py", line=2, kind="arithmetic", before=HEALTHY, text=HEALTHY.replace("* 2", text)
    )


def test_a_mutant_lives_in_the_copy_alone_and_the_tests_decide(tree: Path, tmp_path: Path) -> None:
    copy = Copy(tree, tmp_path / "copy")
    assert not (copy.at / "secret").exists()
    trials = [copy.try_out(number, mutant(text), TESTS) for number, text in enumerate(("* 3", "+ 2", "* 4"))]
    assert [trial.verdict for trial in trials] == ["killed", "survived", "killed"]
    assert (tree / "services" / "double.py").read_text() == (copy.at / "services" / "double.py").read_text() == HEALTHY


def test_tests_that_do_not_end_are_ended_and_have_seen_the_mutant(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.0)
    copy = Copy(tree, tmp_path / "copy")
    assert copy.try_out(0, mutant("* sum(1 for _ in iter(int, 1))"), TESTS).verdict == "timed out"
    assert list(proctree.with_environment(f"PYTHONPATH={copy.at}")) == []


def test_what_a_mutant_leaves_behind_is_ended_too(tree: Path, tmp_path: Path) -> None:
    copy, left = Copy(tree, tmp_path / "copy"), tmp_path / "left"
    leave = f"__import__('subprocess').Popen(['sleep', '1000'], start_new_session=True, stdout=open('{left}', 'w'))"
    assert copy.try_out(0, mutant(f"* ({leave} and 3)"), TESTS).verdict == "killed"
    assert left.exists()
    assert list(proctree.with_environment(f"PYTHONPATH={copy.at}")) == []


def test_tests_that_are_red_without_a_mutant_judge_none(tree: Path, tmp_path: Path) -> None:
    (tree / "services" / "double.py").write_text(HEALTHY.replace("2", "3"))
    with pytest.raises(EnvironmentFault, match=r"fail without any mutant: pytest services/tests/test_double\.py"):
        Copy(tree, tmp_path / "copy").try_out(0, mutant("* 3"), TESTS)


def test_a_copy_that_is_not_what_the_tests_import_is_refused(tree: Path, tmp_path: Path) -> None:
    for package in ("plugins", "infrastructure", "services"):
        (tree / package / "__init__.py").unlink()
        (tree / package).rename(tree / f"{package}-elsewhere")
    with pytest.raises(EnvironmentFault, match="and no mutant"):
        Copy(tree, tmp_path / "copy")


def test_the_score_counts_every_mutant_that_some_test_saw() -> None:
    verdicts: list[module.Verdict] = ["killed", "killed", "timed out", "survived"]
    trials = [Trial(number=n, mutant=mutant("* 3"), verdict=verdict, seconds=1.0) for n, verdict in enumerate(verdicts)]
    assert [trial.number for trial in survivors(trials)] == [3]
    assert json.loads(summary(trials, 7)) == {
        "name": "mutants", "seed": 7, "n": 4, "killed": 3, "timed_out": 1, "survived": 1, "score": 75.0,
    }  # fmt: skip
    assert json.loads(summary([], 7))["score"] is None


def test_what_no_test_of_its_package_is_about_is_tested_where_it_is_imported() -> None:
    [target] = [each for each in targets() if each.path == "infrastructure/embedded/control/step_scaling.py"]
    assert target.tests[0] == "infrastructure/embedded/apis/application_autoscaling/tests/test_steps.py"
    assert "infrastructure/embedded/control/tests/test_fleet.py" in target.tests


def test_the_targets_name_files_by_their_path_from_the_root() -> None:
    assert Target(path="plugins/slo/plain.py", tests=("plugins/slo/tests/test_slo.py",)) in set(targets())
