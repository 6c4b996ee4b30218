"""pytest glue of the reporting plugin: the fixtures `reporter` and `progress`, and the files under `reports/`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure import environment
from plugins.reporting import allure, history, store, summary
from plugins.reporting.progress import Progress
from plugins.reporting.record import RunRecord

_ACTIVE = pytest.StashKey[Path]()


class Reporter:
    """Hands a record to every exporter. Built once per process."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._records = folder / "records"

    def publish(self, record: RunRecord) -> None:
        """Keep `record` and attach it to the test that is running."""
        store.save(record, self._records)
        allure.export(record, self._config)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--history FILE` for the nightly run."""
    group = parser.getgroup("cloudcafe")
    group.addoption(
        "--history", metavar="FILE", help="append this run's figures to FILE and draw their trend beside it"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Send Allure's results to `reports/allure-results` when suites run; the framework's own tests leave no report."""
    if not _runs_suites(config) or _judges_nothing(config):
        return
    folder = config.rootpath / "reports"
    config.stash[_ACTIVE] = folder
    if not config.option.allure_report_dir:
        config.option.allure_report_dir = str(folder / "allure-results")
        config.option.clean_alluredir = not _is_worker(config)
    if not _is_worker(config):
        shutil.rmtree(folder / "records", ignore_errors=True)


@pytest.fixture(scope="session")
def reporter(pytestconfig: pytest.Config) -> Reporter:
    """Publishes run records: `reporter.publish(record)`."""
    return Reporter(pytestconfig, pytestconfig.stash.get(_ACTIVE, pytestconfig.rootpath / "reports"))


@pytest.fixture(scope="session")
def progress(pytestconfig: pytest.Config) -> Progress:
    """Shows phases on the terminal: `with progress.phase("baseline", 5): …`."""
    manager = pytestconfig.pluginmanager.getplugin("capturemanager")

    def quietly(emit: Callable[[], None]) -> None:
        with manager.global_and_fixture_disabled():
            emit()

    return Progress(quietly if manager else lambda emit: emit())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the summary once, in the process that owns the terminal."""
    config = session.config
    if _ACTIVE not in config.stash or _is_worker(config):
        return
    folder = config.stash[_ACTIVE]
    rows = store.load(folder / "records")
    page = summary.render(rows, _environment(config))
    (folder / "summary.md").write_text(page, encoding="utf-8")
    _describe_environment(config)
    if config.option.history and rows:
        file = Path(config.option.history)
        history.append(rows, file)
        file.with_suffix(".svg").write_text(history.trend(file), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Every verdict in one table, then where the report lies."""
    if _ACTIVE not in config.stash:
        return
    folder = config.stash[_ACTIVE]
    rows = store.load(folder / "records")
    if not rows:
        return
    terminalreporter.section("verdicts")
    for row in rows:
        figures = ", ".join(f"{name} {value:.4g} {unit}".rstrip() for name, value, unit in row.metrics[:3])
        terminalreporter.write_line(f"{row.verdict.upper():12} {row.kind:8} {row.title}  ({figures})")
        for reason in row.reasons[:3]:
            terminalreporter.write_line(f"             {reason}")
    terminalreporter.write_line(f"report: {folder / 'summary.md'}; `cafe report` renders Allure's")


def _describe_environment(config: pytest.Config) -> None:
    """Allure shows `environment.properties` on its first page."""
    folder = Path(config.option.allure_report_dir)
    if folder.is_dir():
        lines = (f"{name}={value}" for name, value in _environment(config).items())
        (folder / "environment.properties").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _environment(config: pytest.Config) -> dict[str, str]:
    names = ("env", "target", "profile", "pace", "sabotage")
    found = {name: config.getoption(f"--{name}", default=None) for name in names}
    if found["target"] is None and found["env"] is not None:
        found["target"] = environment.load(found["env"]).target
    return {name: str(value) for name, value in found.items() if value not in (None, "none")}


def _runs_suites(config: pytest.Config) -> bool:
    suites = config.rootpath / "suites"
    places = ((config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args)
    return any(
        place == suites or suites in place.parents or place in suites.parents for place in places if place.exists()
    )


def _judges_nothing(config: pytest.Config) -> bool:
    """A run that only lists or plans must leave the last report alone."""
    return bool(config.option.collectonly or config.getoption("--plan", default=False))


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
