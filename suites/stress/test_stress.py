"""Every service holds its CPU target under its own story, still answers, and is calm afterwards."""

from collections.abc import Callable

import pytest

from plugins.stress.claim import StressClaim
from suites.stress import CLAIMS


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.id for claim in CLAIMS])
def test_service_holds_its_cpu_target(stress: Callable[[StressClaim], None], claim: StressClaim) -> None:
    stress(claim)
