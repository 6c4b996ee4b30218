"""The platform comes up once, at need, for whatever runs; an option that cannot be is refused at once."""

import pytest

from infrastructure import environment
from infrastructure.errors import ExitCode
from plugins.environment import sharing
from plugins.environment.tests import fake_cloud
from plugins.environment.tests.runs import PASSES, Runner
from services.catalog import SERVICES

pytest_plugins = ["pytester"]

SCENARIOS = """
import pytest
@pytest.mark.parametrize("scenario", ["a", "b"], ids=["01-routing", "06-task-kill"])
def test_scenario(scenario, platform): pass
"""
PLANS = """
def test_plans(request, plans, plan_only, platform):
    assert plan_only
    plans.add(request.node.nodeid, "would call ecs.stop_task on " + platform.output("ClusterArn"))
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_one_platform_serves_the_whole_run_and_ends_with_it(workers: tuple[str, ...], run: Runner) -> None:
    result = run(*workers, suites=(PASSES, PASSES, PASSES))
    assert result.ret == ExitCode.PASSED
    asked = [event for event in run.events if not event.startswith("attach")]
    assert asked == ["up dev attached", "down dev"]
    assert run.events.count("attach dev") <= 2


def test_tests_of_the_framework_bring_nothing_up(run: Runner) -> None:
    assert run(suites=("def test_unit(): pass",), folder="tests").ret == ExitCode.PASSED
    assert run.events == []


@pytest.mark.parametrize(
    ("nodeids", "needs"),
    [(["suites/chaos/test_a.py::test_b"], True), (["plugins/tests/test_suites.py::test_a"], False), ([], False)],
    ids=["suite", "unit", "none"],
)
def test_only_suites_need_the_platform(nodeids: list[str], needs: bool) -> None:
    assert sharing.need_platform(nodeids) is needs


def test_a_kept_platform_is_detached_and_its_use_explained(run: Runner) -> None:
    result = run("--keep", suites=(PASSES,))
    assert run.events == ["up dev detached"]
    result.stdout.fnmatch_lines(["*left up*cafe status --env dev*cafe env --env dev*cafe down --env dev*"])


def test_a_platform_that_was_up_is_reused_and_left_up(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fake_cloud.WAS_UP, "yes")
    result = run(suites=(PASSES,))
    assert run.events == ["up dev attached"]
    result.stdout.fnmatch_lines(["platform of dev: was up and is reused*", "platform of dev: left up*"])


@pytest.mark.parametrize("what", ["resilience", *(one.name for one in SERVICES)])
def test_sabotaged_resilience_is_deployed_and_put_right_on_a_platform_that_stays(
    run: Runner, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv(fake_cloud.WAS_UP, "yes")
    run("--sabotage", what, suites=(PASSES,))
    off = sorted((one.key("Resilience"), "off") for one in SERVICES if what in ("resilience", one.name))
    assert run.events == [f"up dev attached {off}", "up dev attached"]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_plan_is_shown_and_nothing_is_touched(workers: tuple[str, ...], run: Runner) -> None:
    result = run("--plan", *workers, suites=(PLANS,))
    assert result.ret == ExitCode.PASSED
    result.stdout.fnmatch_lines(["*plan of suites/test_0.py::test_plans*", "would call ecs.stop_task on <ClusterArn>"])
    result.stdout.fnmatch_lines(["*1 planned in *"])
    assert run.events == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(workers: tuple[str, ...], run: Runner) -> None:
    result = run("-k", "loyalty", *workers, suites=(SCENARIOS,))
    assert result.ret == ExitCode.USAGE
    result.stdout.fnmatch_lines(["ERROR: -k 'loyalty' selects no scenario; there are: 01-routing, 06-task-kill"])
    assert run.events == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--env", "qa"), "*no environment is called 'qa'; known: dev, prod, shared, staging"),
        (("--target", "moon"), "*--target*moon*"),
        (("--profile", "slow"), "*--profile*slow*"),
        (("--pace", "warp"), "*--pace*warp*"),
    ],
    ids=["env", "target", "profile", "pace"],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_collected(
    arguments: tuple[str, ...], message: str, run: Runner
) -> None:
    result = run(*arguments, suites=(PASSES,))
    assert result.ret == ExitCode.USAGE
    result.stderr.fnmatch_lines([message])
    assert "Traceback" not in result.stderr.str()


def test_a_home_that_cannot_be_is_one_message(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDCAFE_HOME", "/dev/null")
    result = run(suites=(PASSES,))
    assert result.ret == ExitCode.USAGE
    result.stderr.fnmatch_lines(["ERROR: the system refuses: *Not a directory*CLOUDCAFE_HOME*"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_the_header_shows_where_the_run_takes_place(run: Runner) -> None:
    result = run("--profile", "full", suites=(PASSES,))
    result.stdout.fnmatch_lines(
        ["cafe: environment dev, target embedded, profile full, pace fast, platform none is up"]
    )


def test_the_header_says_where_latencies_may_be_longer(run: Runner) -> None:
    result = run("--env", "shared", suites=(PASSES,))
    result.stdout.fnmatch_lines(["cafe: environment shared, *, latencies judged by 3 times what is claimed"])


WRONG_CLAIM = """
from plugins.slo import Slo
SLO = Slo.of("checkout", "p99 <= 250 s")
def test_judges(): pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_claim_that_cannot_be_read_is_a_usage_error_without_a_traceback(
    workers: tuple[str, ...], run: Runner
) -> None:
    result = run(*workers, suites=(WRONG_CLAIM,))
    assert result.ret == ExitCode.USAGE
    result.stdout.fnmatch_lines(["SLO 'checkout': 'p99 <= 250 s' is in s; p99 is measured in ms"])
    text = result.stdout.str() + result.stderr.str()
    assert "Traceback" not in text
    assert "???" not in text
    assert "test_0.py:3" not in text, "no frame of the file either"
    assert run.events == []


def test_a_scenario_that_was_mistyped_comes_with_the_one_that_was_meant(run: Runner) -> None:
    result = run("-k", "rooting", suites=(SCENARIOS,))
    result.stdout.fnmatch_lines(["ERROR: -k 'rooting' selects no scenario; did you mean 01-routing? there are: 01-*"])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "two-workers"])
def test_a_target_that_is_not_configured_is_one_line_before_anything_is_collected(
    workers: tuple[str, ...], run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that happen to be there change nothing: the account is the environment's to name."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    result = run("--env", "staging", *workers, suites=("import nothing_of_the_kind",))
    assert result.ret == ExitCode.ENVIRONMENT
    (line,) = result.stderr.lines
    assert line.startswith("ERROR: environment 'staging' targets AWS, and nothing was called; missing: ")
    assert 'accounts = ["123456789012"]' in line
    assert f"{environment.ENVIRONMENTS / 'staging.toml'}" in line
    assert result.stdout.lines == []
    assert run.events == []


@pytest.mark.parametrize("option", ["--plan", "--collect-only", "--help", "--fixtures"])
def test_what_judges_nothing_needs_no_target(option: str, run: Runner) -> None:
    assert run("--env", "staging", option, suites=("def test_plans(): pass",)).ret == ExitCode.PASSED
    assert run.events == []
