"""The leases in DynamoDB. Every step asks for what was seen: of two workers that want one lease, one gets it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from services.analytics.leases import Lease
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller, Json

KEY: Final = "leaseKey"


class LeaseLost(Exception):
    """Another worker has the lease now. The text is the shard's id."""


class LeaseTable:
    """The table, as one worker, `me`, uses it. All methods may raise `AwsError`."""

    def __init__(self, dynamodb: Caller, table: str, me: str, *, clock: Callable[[], float] = time.time) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._me = me
        self._clock = clock

    async def read(self) -> dict[str, Lease]:
        """All leases by their shards, as they are at this moment."""
        found: dict[str, Lease] = {}
        start: Json = {}
        while True:
            answer = await self._dynamodb.call(
                "Scan", {"TableName": self._table, "ConsistentRead": True, "ReturnConsumedCapacity": "NONE", **start}
            )
            items = answer.get("Items")
            for item in items if isinstance(items, list) else ():
                lease = _lease(item)
                found[lease.shard] = lease
            if not answer.get("LastEvaluatedKey"):
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    async def create(self, lease: Lease) -> None:
        """Put it there, unless somebody has."""
        item: dict[str, object] = {
            KEY: {"S": lease.shard},
            "leaseCounter": {"N": "0"},
            "leaseEpoch": {"N": "0"},
            "checkpoint": {"S": lease.checkpoint},
        }
        if lease.parents:
            item["parentShardId"] = {"SS": sorted(lease.parents)}
        condition = f"attribute_not_exists({KEY})"
        await self._unless_refused(
            "PutItem", {"TableName": self._table, "Item": item, "ConditionExpression": condition}
        )

    async def delete(self, lease: Lease) -> None:
        """Take it away, unless it has changed."""
        await self._unless_refused(
            "DeleteItem",
            {
                "TableName": self._table,
                "Key": {KEY: {"S": lease.shard}},
                "ConditionExpression": "leaseCounter = :seen",
                "ExpressionAttributeValues": {":seen": {"N": str(lease.counter)}},
            },
        )

    async def take(self, lease: Lease) -> Lease | None:
        """Make it mine, as it was seen; None where somebody was faster.

        The epoch is the time in ms, or one more than the last: it grows even where the table was made anew.
        """
        epoch = max(lease.epoch + 1, int(self._clock() * 1000))
        taken = replace(lease, owner=self._me, counter=lease.counter + 1, epoch=epoch)
        is_mine = await self._update(
            lease.shard,
            "SET leaseOwner = :me, leaseCounter = :next, leaseEpoch = :epoch",
            "leaseCounter = :seen",
            {":next": taken.counter, ":epoch": epoch, ":seen": lease.counter, ":me": self._me},
        )
        return taken if is_mine else None

    async def renew(self, lease: Lease) -> Lease:
        """`LeaseLost`."""
        renewed = replace(lease, counter=lease.counter + 1)
        await self._mine(lease, "SET leaseCounter = leaseCounter + :one", {":one": 1})
        return renewed

    async def checkpoint(self, lease: Lease, checkpoint: str) -> None:
        """Note how far the shard is done; `LeaseLost`."""
        await self._mine(lease, "SET checkpoint = :at", {":at": checkpoint})

    async def release(self, lease: Lease) -> None:
        """Leave it to whoever comes; nothing happens where it is another's already."""
        try:
            await self._mine(lease, "REMOVE leaseOwner SET leaseCounter = leaseCounter + :one", {":one": 1})
        except LeaseLost:
            return

    async def _mine(self, lease: Lease, update: str, values: Mapping[str, str | int]) -> None:
        """Change it as long as it is mine by the very taking that `lease` came from; `LeaseLost`."""
        condition = "leaseOwner = :me AND leaseEpoch = :epoch"
        if not await self._update(lease.shard, update, condition, {**values, ":me": self._me, ":epoch": lease.epoch}):
            raise LeaseLost(lease.shard)

    async def _update(self, shard: str, update: str, condition: str, values: Mapping[str, str | int]) -> bool:
        return await self._unless_refused(
            "UpdateItem",
            {
                "TableName": self._table,
                "Key": {KEY: {"S": shard}},
                "UpdateExpression": update,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": {
                    name: {"S": value} if isinstance(value, str) else {"N": str(value)}
                    for name, value in values.items()
                },
            },
        )

    async def _unless_refused(self, operation: str, parameters: Json) -> bool:
        try:
            await self._dynamodb.call(operation, parameters)
        except AwsError as error:
            if not error.is_condition:
                raise
            return False
        return True


def _lease(item: Mapping[str, Any]) -> Lease:
    return Lease(
        shard=item[KEY]["S"],
        parents=frozenset(item.get("parentShardId", {}).get("SS", ())),
        owner=item.get("leaseOwner", {}).get("S"),
        counter=int(item["leaseCounter"]["N"]),
        epoch=int(item["leaseEpoch"]["N"]),
        checkpoint=item["checkpoint"]["S"],
    )
