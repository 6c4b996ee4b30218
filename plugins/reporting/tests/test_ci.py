"""What CI runs: the workflow's actions are pinned, its rights the least, and every end of a run is told apart."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[__name__.count(".")]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/suites.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["suites"]["steps"]


def test_actions_are_pinned_by_commit_and_may_only_read() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 4
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used), used
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in WORKFLOW["jobs"].values())


JUDGES = """echo "$@" >asked
mkdir -p reports/run-1 ".cloudcafe/$NAME/logs"
ln -sfn run-1 reports/latest
echo verdicts >reports/run-1/summary.md
echo line >".cloudcafe/$NAME/logs/order-1.log"
exit $CODE"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose pytest ends as `CODE` says, and whose platform is taken down by nobody but the script."""
    for name, script in {
        "make": "exit 0",
        ".venv/bin/pytest": JUDGES,
        ".venv/bin/cafe": 'echo "$@" >>down',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "suites", tmp_path / ".ci")
    return tmp_path


def suites(checkout: Path, *arguments: str, code: int = 0, name: str = "dev") -> "subprocess.CompletedProcess[bytes]":
    """`.ci/suites` with pytest ending as `code`, and the platform of environment `name` leaving logs."""
    (checkout / "reports").mkdir()
    environment = {
        "PATH": f"{checkout}:{os.environ['PATH']}",
        "CODE": str(code),
        "NAME": name,
        "GITHUB_OUTPUT": str(checkout / "output"),
        "GITHUB_STEP_SUMMARY": str(checkout / "page"),
    }
    return subprocess.run([checkout / ".ci" / "suites", *arguments], env=environment, check=False, capture_output=True)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "passed"), (1, "failed"), (7, "inconclusive"), (6, "not run (exit code 6)"), (2, "not run (exit code 2)")],
)
def test_every_end_of_a_run_has_its_own_outcome_and_leaves_its_page_and_logs(
    code: int, outcome: str, checkout: Path
) -> None:
    run = suites(checkout, "full", code=code)
    assert run.returncode == code, run.stderr
    assert (checkout / "output").read_text() == f"outcome={outcome}\n"
    assert (checkout / "page").read_text() == "verdicts\n"
    assert (checkout / "reports/latest/logs/order-1.log").is_file()
    assert "--env dev --profile full --history reports/history.jsonl" in (checkout / "asked").read_text()
    assert (checkout / "down").read_text() == "down --env dev\n"


def test_another_environment_is_judged_in_logged_and_taken_down(checkout: Path) -> None:
    assert suites(checkout, "quick", "shared", name="shared").returncode == 0
    assert "--env shared --profile quick" in (checkout / "asked").read_text()
    assert (checkout / "reports/latest/logs/order-1.log").is_file()
    assert (checkout / "down").read_text() == "down --env shared\n"


def test_each_outcome_that_is_not_green_ends_the_job_in_a_step_of_its_name() -> None:
    ends = {step["name"]: step["if"] for step in STEPS if "exit" in step.get("run", "")}
    assert list(ends) == ["Failed", "Inconclusive", "Not run"]
    assert ends["Inconclusive"] == "steps.suites.outputs.outcome == 'inconclusive'"
