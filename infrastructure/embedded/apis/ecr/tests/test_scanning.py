"""A registry is scanned by the rules that are given, if any."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control, run


@pytest.mark.parametrize("members", [{}, {"scanType": "BASIC"}, {"rules": []}], ids=["nothing", "type", "no-rules"])
def test_rules_may_be_left_out(members: dict[str, Any]) -> None:
    async def configured() -> Any:
        control = Control()
        await control.ask("ecr", "PutRegistryScanningConfiguration", **members)
        return await control.ask("ecr", "GetRegistryScanningConfiguration")

    assert run(configured())["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
