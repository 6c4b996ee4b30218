"""pytest glue of the stress plugin: the fixture `stress` runs a claim and judges the test by its evidence."""

from collections.abc import Callable

import pytest

from infrastructure.cloud import Platform
from plugins.environment.lease import Lease
from plugins.environment.outcome import Inconclusive
from plugins.environment.settings import Settings
from plugins.reporting.plugin import Reporter
from plugins.reporting.progress import Progress
from plugins.slo import Verdict
from plugins.stress import runner
from plugins.stress.claim import StressClaim
from plugins.stress.judge import judge


@pytest.fixture
def stress(
    settings: Settings, platform: Platform, lease: Lease, reporter: Reporter, progress: Progress
) -> Callable[[StressClaim], None]:
    """`stress(claim)`: run it alone on the platform, publish its record, and raise unless it passed."""

    def run(claim: StressClaim) -> None:
        with lease.hold(f"stress {claim.id}"):
            evidence = runner.run(platform, claim, claim.length_s(settings.profile), progress)
        record = judge(claim, evidence)
        reporter.publish(record)
        explained = "\n".join((record.title, *(str(report) for report in record.slos)))
        if record.verdict is Verdict.INCONCLUSIVE:
            raise Inconclusive(explained)
        if record.verdict is Verdict.FAIL:
            pytest.fail(explained, pytrace=False)

    return run
