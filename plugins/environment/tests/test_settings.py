"""What sabotage switches off follows from the catalogue."""

import pytest

from plugins.environment.settings import switched_off
from services.catalog import SERVICES, Service

ALL = (*SERVICES, Service(name="tea", platform="eks", entry="", edges=()))


@pytest.mark.parametrize(
    ("sabotage", "off"),
    [
        ("none", ()),
        ("fault", ()),
        ("tea", ("TeaResilience",)),
        ("resilience", tuple(f"{s.name.capitalize()}Resilience" for s in ALL)),
    ],
)
def test_an_entry_of_the_catalogue_is_all_it_takes_to_sabotage_a_service(sabotage: str, off: tuple[str, ...]) -> None:
    assert switched_off(sabotage, ALL) == dict.fromkeys(off, "off")
