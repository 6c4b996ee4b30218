"""The Data API's client: a statement that never ends is given up on, one that ends is told however it ends."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from infrastructure.errors import EnvironmentFault
from plugins.books.warehouse import Warehouse


@dataclass
class DataApi:
    """Of a warehouse that has these statuses to tell, the last one for ever."""

    statuses: list[str]
    waits: list[int] = field(default_factory=list)

    def describe_statement(self, *, Id: str, WaitTimeSeconds: int) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self.waits.append(WaitTimeSeconds)
        return {"Id": Id, "Status": self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]}

    def client(self, service: str) -> Any:
        assert service == "redshift-data"
        return self

    def output(self, key: str) -> str:
        return key


def test_a_stuck_statement_is_given_up_on_after_as_long_as_was_said() -> None:
    api = DataApi(["SUBMITTED", "STARTED"])
    with pytest.raises(EnvironmentFault, match="the warehouse's answer is STARTED for 75 s"):
        Warehouse(api).ended("1", patience_s=75)
    assert api.waits == [30, 30, 15]


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "ABORTED"])
def test_an_end_is_told_whichever_it_is(status: str) -> None:
    api = DataApi(["PICKED", status])
    assert Warehouse(api).ended("1", patience_s=60)["Status"] == status
    assert len(api.waits) == 2
