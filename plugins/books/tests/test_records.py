"""Reading a shard that others read, too."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from plugins.books.readers import records


class Shard:
    """Refuses the first calls."""

    def __init__(self, *refusals: str) -> None:
        self._refusals = list(refusals)
        self.asked = 0

    def get_records(self, **_given: object) -> dict[str, Any]:
        self.asked += 1
        if self._refusals:
            raise ClientError({"Error": {"Code": self._refusals.pop(0), "Message": "no"}}, "GetRecords")
        return {"Records": [], "MillisBehindLatest": 0}


def test_a_shard_that_others_read_is_asked_again_a_second_later() -> None:
    shard, waits = Shard(*["ProvisionedThroughputExceededException"] * 3), list[float]()
    assert records(shard, "it", 10, waits.append) == {"Records": [], "MillisBehindLatest": 0}
    assert waits == [1.0, 1.0, 1.0]


def test_a_shard_that_others_never_leave_room_in_is_an_error() -> None:
    shard, waits = Shard(*["ProvisionedThroughputExceededException"] * 30), list[float]()
    with pytest.raises(ClientError):
        records(shard, "it", 10, waits.append)
    assert (shard.asked, len(waits)) == (20, 19)


def test_what_else_is_wrong_is_not_tried_again() -> None:
    shard, waits = Shard("ExpiredIteratorException"), list[float]()
    with pytest.raises(ClientError):
        records(shard, "it", 10, waits.append)
    assert (shard.asked, waits) == (1, [])
