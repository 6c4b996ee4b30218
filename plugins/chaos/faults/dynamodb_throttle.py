"""The orders table is cut to one read and one write unit a second: DynamoDB refuses the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan
from plugins.chaos.targets.refusals import refused

_UNITS = ("ReadCapacityUnits", "WriteCapacityUnits")
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException")


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoDbThrottle:
    """AWS lowers a table only a few times a day: see "Decreasing provisioned capacity" in DynamoDB's Service Quotas."""

    name: str = "dynamodb-throttle"
    title: str = "the orders table's capacity is cut to 1 read and 1 write unit"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = ("dynamodb:DescribeTable", "dynamodb:GetItem")
    writes: tuple[str, ...] = ("dynamodb:UpdateTable",)
    table_output: str = "OrdersTableName"
    patience: Patience = field(default_factory=Patience)

    def plan(self, cloud: Cloud, at: float) -> Plan:
        table = _table(cloud, cloud.output(self.table_output))
        name, arn, capacity = table["TableName"], table["TableArn"], _capacity(table)
        if max(capacity.values()) <= 1:
            raise EmptyTargetError(f"table {name} has no capacity to cut (0 is on demand, 1 is cut): {capacity}")
        call = Call(action="dynamodb:UpdateTable", resource=arn)
        key: Json = {part["AttributeName"]: {"S": "chaos-probe"} for part in table["KeySchema"]}
        backup: dict[str, Json] = {"table": name, "capacity": capacity, "probe_key": key}
        plan = Plan(fault=self.name, targets=(arn,), calls=(call,), undo=(call,), backup=backup, created_at=at)
        return plan.reaching(f"every read and write of the table {name}")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        _set(cloud, plan, dict.fromkeys(_UNITS, 1))

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        if self._settled(cloud, plan) != plan.saved("capacity"):  # AWS refuses to set what is set already
            _set(cloud, plan, plan.saved("capacity"))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """Consistent reads cost one unit each, whether the item exists or not: a handful must hit the limit."""
        name, database = plan.saved("table"), cloud.client("dynamodb")
        request = {"TableName": name, "Key": plan.saved("probe_key"), "ConsistentRead": True}
        for attempt in range(1, 6):
            if code := refused(database, "GetItem", _THROTTLED, **request):
                return f"read {attempt} of {name} was refused: {code}"
        return None

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        return {"status": "ACTIVE", "capacity": self._settled(cloud, plan)}

    def _settled(self, cloud: Cloud, plan: Plan) -> dict[str, Json]:
        def not_active() -> str | None:
            status = _table(cloud, plan.saved("table"))["TableStatus"]
            return None if status == "ACTIVE" else f"table {plan.saved('table')} is {status}"

        self.patience.until_clear(not_active)
        return _capacity(_table(cloud, plan.saved("table")))


def _table(cloud: Cloud, name: str) -> Any:  # boto3 types its answers in stubs only
    return cloud.client("dynamodb").describe_table(TableName=name)["Table"]


def _capacity(table: Any) -> dict[str, Any]:
    return {unit: int(table["ProvisionedThroughput"][unit]) for unit in _UNITS}


def _set(cloud: Cloud, plan: Plan, capacity: Mapping[str, int]) -> None:
    cloud.client("dynamodb").update_table(TableName=plan.saved("table"), ProvisionedThroughput=capacity)
