"""The platform's warehouse, by Redshift's Data API."""

from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.errors import EnvironmentFault
from plugins.books.readers import Cloud

_WAIT_S = 30
"""The longest that DescribeStatement waits for a statement's end."""


class Warehouse:
    """Threads may share one."""

    def __init__(self, cloud: Cloud) -> None:
        self._client = cloud.client("redshift-data")
        self._where = {
            "ClusterIdentifier": cloud.output("WarehouseClusterIdentifier"),
            "Database": cloud.output("WarehouseDatabaseName"),
            "SecretArn": cloud.output("WarehouseSecretArn"),
        }

    def ask(self, sql: str) -> str:
        """The statement's id; it has hardly begun."""
        return str(self._client.execute_statement(Sql=sql, **self._where)["Id"])

    def ended(self, statement: str, patience_s: int) -> Mapping[str, Any]:
        """Its description once it has ended, well or not; `EnvironmentFault` where it has not in `patience_s`."""
        described: Mapping[str, Any] = {}
        for waited_s in range(0, patience_s, _WAIT_S):
            wait_s = min(_WAIT_S, patience_s - waited_s)
            described = self._client.describe_statement(Id=statement, WaitTimeSeconds=wait_s)
            if described["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return described
        raise EnvironmentFault(f"the warehouse's answer is {described['Status']} for {patience_s} s")

    def records(self, statement: str) -> Iterator[Any]:
        """The rows of its result, page by page: each a list of fields."""
        page = {"Id": statement}
        while page:
            answer = self._client.get_statement_result(**page)
            yield from answer["Records"]
            page = {"Id": statement, "NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
