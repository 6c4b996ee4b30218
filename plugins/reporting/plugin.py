"""pytest glue of the reporting plugin: the fixtures `reporter` and `progress`, and the folder a run leaves."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure import environment
from infrastructure.errors import EnvironmentFault, ExitCode
from plugins.reporting import allure, archive, folders, history, summary
from plugins.reporting.progress import Progress
from plugins.reporting.published import Published
from plugins.reporting.record import RunRecord
from plugins.reporting.scope import is_worker, judges_nothing, runs_suites
from plugins.reporting.screen import Screen

_ACTIVE = pytest.StashKey[Path]()
"""The folder of this run."""
_HELD = pytest.StashKey[int]()
"""What keeps it."""
_PUBLISHED = pytest.StashKey[Published]()
_SCREEN = pytest.StashKey[Screen]()
_UNWRITTEN = pytest.StashKey[str]()
"""Why there is no report."""
_SHOWN = pytest.StashKey[Path]()
"""Where a person finds the report."""
_FOLDER = "cafe_folder"
"""What tells a worker of xdist the folder of its run."""


class Reporter:
    """Hands a record to every exporter. Built once per process. `raw` is where a run puts its raw data."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config = config
        self._published = config.stash.get(_PUBLISHED, Published())
        self._records = folder / "records"
        self.raw = folder / "raw"

    def publish(self, record: RunRecord) -> None:
        """Keep `record` and attach it to the test that is running; `EnvironmentFault` when it cannot be written."""
        try:
            archive.save(record, self._records)
            self._published.add(record)
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
    """Send what is reported to the folder of this run when suites run; the framework's own tests leave no report."""
    config.stash[_SCREEN] = Screen(config)
    config.pluginmanager.register(config.stash[_SCREEN], "cafe_screen")
    if not runs_suites(config) or judges_nothing(config):
        return
    _check_history(config.option.history)
    given = getattr(config, "workerinput", {}).get(_FOLDER)
    folder = Path(given) if given else config.rootpath / "reports" / folders.run_name("run")
    config.stash[_ACTIVE] = folder
    config.stash[_PUBLISHED] = Published()
    config.pluginmanager.register(config.stash[_PUBLISHED], "cafe_published")
    if not config.option.allure_report_dir:
        config.option.allure_report_dir = str(folder / "allure-results")
    if not getattr(config.option, "xmlpath", ""):
        config.option.xmlpath = str(folder / "junit.xml")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Others that end meanwhile leave the folder alone; a disk that refuses it is told of when the report is due."""
    if _ACTIVE in session.config.stash and not is_worker(session.config):
        with contextlib.suppress(OSError):
            session.config.stash[_HELD] = folders.begin(session.config.stash[_ACTIVE])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """In the controller of xdist: its workers leave what they find in the same folder."""
    if _ACTIVE in node.config.stash:
        node.workerinput[_FOLDER] = str(node.config.stash[_ACTIVE])


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
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The same test elsewhere, or sabotaged, is another one in Allure's history."""
    if _ACTIVE in item.config.stash:
        allure.identify(_environment(item.config))


@pytest.fixture(scope="session")
def reporter(pytestconfig: pytest.Config) -> Reporter:
    """Publishes run records: `reporter.publish(record)`."""
    unsorted = pytestconfig.rootpath / "reports" / folders.run_name("run")
    return Reporter(pytestconfig, pytestconfig.stash.get(_ACTIVE, unsorted))


@pytest.fixture(scope="session")
def progress(pytestconfig: pytest.Config) -> Iterator[Progress]:
    """Shows phases on the terminal: `with progress.phase("baseline", 5): …`."""
    with pytestconfig.stash[_SCREEN].progress() as shown:
        yield shown


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the summary once, in the process that owns the terminal; say so where it cannot be written.

    Nothing is raised: what ends the platform comes after this.
    """
    config = session.config
    if _ACTIVE not in config.stash or is_worker(config):
        return
    try:
        _write(config)
    except OSError as problem:
        config.stash[_UNWRITTEN] = _unwritten(problem)
        session.exitstatus = session.exitstatus or ExitCode.ENVIRONMENT


def _write(config: pytest.Config) -> None:
    """The summary, and `latest`: a run that judged nothing leaves the last good results where they are."""
    folder, failed = config.stash[_ACTIVE], tuple(config.stash[_PUBLISHED].unjudged)
    rows = archive.load(folder / "records")
    if not rows and not failed:
        return
    folder.mkdir(parents=True, exist_ok=True)
    page = summary.render(rows, _environment(config), failed)
    (folder / "summary.md").write_text(page, encoding="utf-8")
    config.stash[_SHOWN] = folder / "summary.md"
    _describe_environment(config)
    if config.option.history and rows:
        file = Path(config.option.history)
        history.append(rows, file)
        file.with_suffix(".svg").write_text(history.trend(file), encoding="utf-8")
    if rows:
        config.stash[_SHOWN] = folders.promote(folder) / "summary.md"
    folders.prune(folder.parent)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A run that never took place leaves no folder: plugins put theirs there before anybody knows."""
    is_ours = _ACTIVE in config.stash and not is_worker(config)
    if is_ours and _SHOWN not in config.stash and _UNWRITTEN not in config.stash:
        folders.discard(config.stash[_ACTIVE])
    if _HELD in config.stash:
        os.close(config.stash[_HELD])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Every verdict with what was felt, then where the report lies."""
    if _ACTIVE not in config.stash:
        return
    if _UNWRITTEN in config.stash:
        terminalreporter.ensure_newline()
        terminalreporter.section("no report", red=True)
        terminalreporter.write_line(config.stash[_UNWRITTEN])
    rows = archive.load(config.stash[_ACTIVE] / "records")
    if rows:
        terminalreporter.ensure_newline()  # else the first line below does it, and leaves the header alone
        terminalreporter.section("verdicts")
        for line in summary.terminal(rows):
            terminalreporter.write_line(line)
    if _SHOWN in config.stash:
        shown = config.stash[_SHOWN].relative_to(config.rootpath)
        terminalreporter.write_line(f"report: {shown}" + ("; `cafe report` renders Allure's" if rows else ""))


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
    if found["env"] is not None:
        where = environment.load(found["env"])
        found["target"] = found["target"] or where.target
        found["latency_scale"] = None if where.slo.latency_scale == 1.0 else f"{where.slo.latency_scale:g}"
    return {name: str(value) for name, value in found.items() if value not in (None, "none")}
