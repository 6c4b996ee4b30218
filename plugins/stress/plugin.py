"""pytest glue of the stress plugin: the fixture `stress` runs a claim and judges the test by its evidence."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from plugins.environment.conclusion import conclude
from plugins.environment.settings import Settings
from plugins.reporting.plugin import Reporter
from plugins.reporting.progress import Progress
from plugins.stress.claim import StressClaim

if TYPE_CHECKING:
    from infrastructure.cloud import Platform
    from plugins.environment.lease import Lease


@pytest.fixture
def stress(
    request: pytest.FixtureRequest, settings: Settings, reporter: Reporter, progress: Progress
) -> Callable[[StressClaim], None]:
    """`stress(claim)`: run it alone on the platform, publish its record, and raise unless it passed.

    With `--plan` it says what it would do, and no platform is asked for.
    """

    def run(claim: StressClaim) -> None:
        if settings.plan:
            request.getfixturevalue("plans").add(request.node.nodeid, claim.preview(settings.profile))
            return
        platform: Platform = request.getfixturevalue("platform")
        lease: Lease = request.getfixturevalue("lease")
        with lease.hold(f"stress {claim.id}"):
            record = claim.perform(platform, settings.profile, progress)
        reporter.publish(record)
        explained = "\n".join(
            (
                f"{record.title}: {record.verdict.upper()}",
                f"  {record.impact}",
                *(str(report) for report in record.slos),
            )
        )
        conclude(record.verdict, explained)

    return run
