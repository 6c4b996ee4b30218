"""What the catalogue says of the services is what they do."""

import pytest

from services.catalog import SERVICES, HttpService, http_services
from services.payment import assembly as payment


def test_a_function_reports_under_the_namespace_of_the_catalogue() -> None:
    """It imports no catalogue: forty milliseconds of a cold start."""
    assert {one.name: one.namespace for one in SERVICES}["payment"] == payment.NAMESPACE


@pytest.mark.parametrize("service", http_services(), ids=lambda one: one.name)
def test_what_burns_cpu_counts_what_it_does_under_a_name_of_its_own(service: HttpService) -> None:
    others = [one.stress.counts for one in http_services() if one is not service]
    assert service.stress.counts not in (*others, HttpService.__dataclass_fields__["stress"].name)
