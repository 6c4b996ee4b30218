"""pytest glue of the reporting plugin: the fixtures `reporter` and `progress`, and the files under `reports/`."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infrastructure import environment
from infrastructure.errors import EnvironmentFault, ExitCode
from plugins.reporting import allure, archive, history, summary
from plugins.reporting.progress import Progress
from plugins.reporting.record import RunRecord
from plugins.reporting.unjudged import Unjudged
from plugins.slo import plain

_ACTIVE = pytest.StashKey[Path]()
_UNJUDGED = pytest.StashKey[Unjudged]()
_UNWRITTEN = pytest.StashKey[str]()
"""Why there is no report."""


class Reporter:
    """Hands a record to every exporter. Built once per process."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._unjudged = config.stash.get(_UNJUDGED, Unjudged())
        self._records = folder / "records"

    def publish(self, record: RunRecord) -> None:
        """Keep `record` and attach it to the test that is running; `EnvironmentFault` when it cannot be written."""
        try:
            archive.save(record, self._records)
            self._unjudged.published(record)
            allure.export(record, self._config)
        except OSError as problem:
            raise EnvironmentFault(f"{record.verdict.upper()}: {record.title}, but {_unwritten(problem)}") from problem


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
    _check_history(config.option.history)
    folder = config.rootpath / "reports"
    config.stash[_ACTIVE] = folder
    config.stash[_UNJUDGED] = Unjudged()
    config.pluginmanager.register(config.stash[_UNJUDGED], "cafe_unjudged")
    if not config.option.allure_report_dir:
        config.option.allure_report_dir = str(folder / "allure-results")
        config.option.clean_alluredir = not _is_worker(config)


def _check_history(given: str | None) -> None:
    """Refuse now what would otherwise be found out after the run: its figures are written last."""
    if given is None:
        return
    file = Path(given)
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise pytest.UsageError(f"--history {given!r} must be a file in a folder that exists")
    if file.suffix in (".svg", ".tmp"):
        raise pytest.UsageError(f"--history {given!r}: the trend is drawn beside it as .svg; name the file .jsonl")
    try:
        history.check(file)
    except (OSError, ValueError) as problem:
        raise pytest.UsageError(f"--history {given!r}: {problem}; name a history, or a new file") from problem


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin anew, now that no option was refused: a run that never takes place leaves the last one's records alone."""
    config = session.config
    if _ACTIVE in config.stash and not _is_worker(config):
        shutil.rmtree(config.stash[_ACTIVE] / "records", ignore_errors=True)


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
    """Write the summary once, in the process that owns the terminal; say so where it cannot be written.

    Nothing is raised: what ends the platform comes after this.
    """
    config = session.config
    if _ACTIVE not in config.stash or _is_worker(config):
        return
    try:
        _write(config)
    except OSError as problem:
        config.stash[_UNWRITTEN] = _unwritten(problem)
        session.exitstatus = session.exitstatus or ExitCode.ENVIRONMENT


def _write(config: pytest.Config) -> None:
    folder = config.stash[_ACTIVE]
    folder.mkdir(exist_ok=True)
    rows = archive.load(folder / "records")
    page = summary.render(rows, _environment(config), tuple(config.stash[_UNJUDGED].nodes))
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
    if _UNWRITTEN in config.stash:
        terminalreporter.ensure_newline()
        terminalreporter.section("no report", red=True)
        terminalreporter.write_line(config.stash[_UNWRITTEN])
    rows = archive.load(folder / "records")
    if not rows:
        return
    terminalreporter.ensure_newline()  # else the first line below does it, and leaves the header alone
    terminalreporter.section("verdicts")
    width = max(len(row.kind) for row in rows)
    for row in rows:
        figures = ", ".join(f"{name} {plain(value)} {unit}".rstrip() for name, value, unit in row.metrics[:3])
        line = f"{row.verdict.upper():12} {row.kind:{width}} {row.title}"
        terminalreporter.write_line(f"{line}  ({figures})" if figures else line)
        for reason in row.reasons[:3]:
            terminalreporter.write_line(f"             {reason}")
    terminalreporter.write_line(f"report: {folder / 'summary.md'}; `cafe report` renders Allure's")


def _unwritten(problem: OSError) -> str:
    return (
        f"the report cannot be written: {problem}. Next: make room, or make reports/ yours to write; then run it again"
    )


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
