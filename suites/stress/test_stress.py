"""Every service bears its own story: a CPU target held for long, or a surge from nothing."""

from collections.abc import Callable

import pytest

from plugins.stress.claim import StressClaim
from suites.stress import CLAIMS


@pytest.mark.parametrize("claim", CLAIMS, ids=[claim.id for claim in CLAIMS])
def test_service_bears_its_stress(stress: Callable[[StressClaim], None], claim: StressClaim) -> None:
    stress(claim)
