"""Writes a record into the Allure result of the running test: steps per phase, charts, tables, metrics.

Allure is an exporter of our results, not their archive: with allure-pytest inactive this module does nothing.
Metrics go beside the results as `<slug>-<uuid>-perf.json`, the form Allure 3 reads:
https://allurereport.org/docs/performance-metrics/
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import allure
import pytest
from allure_commons.model2 import Status, TestStepResult

from plugins.reporting.archive import slug
from plugins.reporting.chart import draw
from plugins.reporting.record import Attachment, RunRecord, Step
from plugins.reporting.redact import redact
from plugins.slo import Verdict

_STATUS = {Verdict.PASS: Status.PASSED, Verdict.FAIL: Status.FAILED, Verdict.INCONCLUSIVE: Status.BROKEN}
_EXTENSION = {"text/plain": "txt", "application/json": "json", "image/svg+xml": "svg", "text/csv": "csv"}


def export(record: RunRecord, config: pytest.Config) -> None:
    """Attach `record` to the test that is running now, and its metrics to the results folder."""
    listener: Any = config.pluginmanager.get_plugin("allure_listener")
    if listener is None:
        return
    logger = listener.allure_logger
    allure.dynamic.title(f"{record.name}: {record.title}")
    allure.dynamic.description(description(record))
    allure.dynamic.parent_suite("CloudCafe")
    allure.dynamic.suite(record.kind)
    allure.dynamic.tag(record.verdict.value)
    for step in record.steps:
        _step(logger, step)
    for attachment in (*_tables(record), *record.attachments):
        logger.attach_data(
            str(uuid4()),
            redact(attachment.body),
            name=attachment.name,
            attachment_type=attachment.media_type,
            extension=_EXTENSION[attachment.media_type],
        )
    folder = Path(config.option.allure_report_dir)
    name = f"{slug(record)}-{uuid4()}-perf.json"  # results of several runs may be put together in one folder
    (folder / name).write_text(json.dumps(perf(record)), encoding="utf-8")


def identify(environment: Mapping[str, str]) -> None:
    """Make where and how the coming test runs a part of what Allure knows it by: its history is that of its like."""
    for name, value in environment.items():
        allure.dynamic.parameter(name, value)


def description(record: RunRecord) -> str:
    """What a reader gets first: the verdict, what was felt, why, and each objective. Markdown."""
    head = ": ".join(filter(None, (f"**{record.verdict.upper()}**", str(record.impact))))
    lines = [head, *(f"- {reason}" for reason in record.reasons), record.story]
    objectives = [f"    {slo.name}: {result}" for slo in record.slos for result in slo.results]
    return redact("\n\n".join((*lines, "\n".join(objectives))).strip())


def perf(record: RunRecord) -> list[dict[str, object]]:
    """The record's metrics in Allure 3's form; times in Unix milliseconds, the unit at the end of the key."""
    start, stop = int(record.started * 1000), int(record.ended * 1000)
    return [
        {
            "id": f"{slug(record)}-{index}",
            "key": f"{record.kind}.{record.name}.{name} [{unit}]",
            "value": value,
            "start": start,
            "stop": stop,
        }
        for index, (name, value, unit) in enumerate(record.metrics)
    ]


def _step(logger: Any, step: Step) -> None:
    uuid = str(uuid4())
    logger.start_step(None, uuid, TestStepResult(name=step.name, start=int(step.start * 1000)))
    if step.detail:
        logger.attach_data(
            str(uuid4()), redact(step.detail), name="detail", attachment_type="text/plain", extension="txt"
        )
    logger.stop_step(uuid, stop=int(step.end * 1000), status=_STATUS[step.verdict])


def _tables(record: RunRecord) -> list[Attachment]:
    head = f"{record.verdict.upper()}: {record.title}"
    verdict = "\n".join(filter(None, (head, str(record.impact), record.story, *record.reasons)))
    pages = [Attachment(name="verdict", media_type="text/plain", body=verdict)]
    if record.slos:
        body = "\n\n".join(str(slo) for slo in record.slos)
        pages.append(Attachment(name="objectives", media_type="text/plain", body=body))
    if record.timeline.series:
        pages.append(Attachment(name="timeline", media_type="image/svg+xml", body=draw(record.timeline, record.title)))
    if record.evidence:
        listed = "\n".join(str(path) for path in record.evidence)
        pages.append(Attachment(name="where to look", media_type="text/plain", body=listed))
    return pages
