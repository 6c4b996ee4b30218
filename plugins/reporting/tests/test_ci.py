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
mkdir -p reports/run-1 .cloudcafe/dev/logs
ln -sfn run-1 reports/latest
echo verdicts >reports/run-1/summary.md
echo line >.cloudcafe/dev/logs/order-1.log
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


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(0, "passed"), (1, "failed"), (7, "inconclusive"), (6, "not run (exit code 6)"), (2, "not run (exit code 2)")],
)
def test_every_end_of_a_run_has_its_own_outcome_and_leaves_its_page_and_logs(
    code: int, outcome: str, checkout: Path
) -> None:
    (checkout / "reports").mkdir()
    environment = {
        "PATH": f"{checkout}:{os.environ['PATH']}",
        "CODE": str(code),
        "GITHUB_OUTPUT": str(checkout / "output"),
        "GITHUB_STEP_SUMMARY": str(checkout / "page"),
    }
    run = subprocess.run([checkout / ".ci" / "suites", "full"], env=environment, check=False, capture_output=True)
    assert run.returncode == code, run.stderr
    assert (checkout / "output").read_text() == f"outcome={outcome}\n"
    assert (checkout / "page").read_text() == "verdicts\n"
    assert (checkout / "reports/latest/logs/order-1.log").is_file()
    assert "--profile full --history reports/history.jsonl" in (checkout / "asked").read_text()
    assert (checkout / "down").read_text() == "down\n"


def test_each_outcome_that_is_not_green_ends_the_job_in_a_step_of_its_name() -> None:
    ends = {step["name"]: step["if"] for step in STEPS if "exit" in step.get("run", "")}
    assert list(ends) == ["Failed", "Inconclusive", "Not run"]
    assert ends["Inconclusive"] == "steps.suites.outputs.outcome == 'inconclusive'"
