"""UpdateTable refuses what would change nothing, or nothing that counts. Source: API Reference, UpdateTable."""

from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.embedded.apis.dynamodb.rules import check_index, invalid
from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused

ON_DEMAND = "PAY_PER_REQUEST"
UNITS = ("ReadCapacityUnits", "WriteCapacityUnits")
_CHANGES = (
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexUpdates",
    "ProvisionedThroughput",
    "ReplicaUpdates",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
    "WarmThroughput",
)

Record = Any  # moto's tables publish no types


class TableCalls:
    """The call on one moto back end that changes a table."""

    def __init__(self, backend: Any, operations: Operations) -> None:
        self._backend = backend
        self._operations = operations

    @operation(
        "UpdateTable", effect="the buckets fill at the new rate from the next call on; on demand they are never empty"
    )
    def _update(self, given: Members) -> Output:
        table = self._backend.get_table(given["TableName"])
        if not any(given.get(name) is not None for name in _CHANGES):
            raise invalid(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates "
                "or SSESpecification or ReplicaUpdates is required"
            )
        mode = given.get("BillingMode") or table.billing_mode or "PROVISIONED"
        _check_throughput(table, given, mode)
        _check_indexes(table, given, mode)
        if mode == ON_DEMAND:
            self._forget_throughput(table)
        return self._operations.moto("dynamodb", "UpdateTable", given)

    def _forget_throughput(self, table: Record) -> None:
        for each in (table, *table.global_indexes):
            each.throughput = {**(each.throughput or {}), **dict.fromkeys(UNITS, 0)}


def _check_throughput(table: Record, given: Members, mode: str) -> None:
    wanted = given.get("ProvisionedThroughput")
    if mode == ON_DEMAND and wanted:
        raise invalid(
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be "
            "specified when BillingMode is PAY_PER_REQUEST"
        )
    if mode != ON_DEMAND and not wanted and table.billing_mode == ON_DEMAND:
        raise invalid(
            "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be "
            "specified when BillingMode is PROVISIONED"
        )
    if wanted and mode == table.billing_mode:
        _check_changes(table.throughput, wanted, "table")


def _check_changes(standing: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    if all(int(standing[unit]) == int(wanted[unit]) for unit in UNITS):
        told = " ".join(
            f"Current {unit} provisioned for the {what}: {standing[unit]}. Requested {unit}: {wanted[unit]}."
            for unit in UNITS
        )
        raise invalid(
            f"The provisioned throughput for the {what} will not change. The requested value equals the current value. "
            f"{told} Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
        )


def _check_indexes(table: Record, given: Members, mode: str) -> None:
    """Each index that is named is there, or is not yet; one whose table gets throughput gets its own."""
    named = {index.name: index for index in table.global_indexes}
    updated: dict[str, Members] = {}
    for kind, change in _index_changes(given):
        name = change["IndexName"]
        if kind == "Create" and name in named:
            raise invalid(f"One or more parameter values were invalid: Index already exists: {name}")
        if kind != "Create" and name not in named:
            text = f"Requested resource not found: Table: {table.name} does not have the index: {name}"
            raise Refused("ResourceNotFoundException", text)
        if kind == "Create" or (kind == "Update" and change.get("ProvisionedThroughput")):
            check_index(change, is_on_demand=mode == ON_DEMAND)
        if kind == "Update" and change.get("ProvisionedThroughput"):
            _check_changes(named[name].throughput, change["ProvisionedThroughput"], f"index {name}")
        updated[name] = change
    if mode != ON_DEMAND and table.billing_mode == ON_DEMAND:
        for name in named:
            check_index(updated.get(name, {"IndexName": name}), is_on_demand=False)


def _index_changes(given: Members) -> Iterator[tuple[str, Members]]:
    for each in given.get("GlobalSecondaryIndexUpdates") or ():
        yield from each.items()
