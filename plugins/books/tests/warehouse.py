"""Redshift's Data API with a table of revenue, for tests: moto's answers with made-up rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from plugins.books.entries import RevenueRow

PAGE = 7
"""Rows of an answer's page: few, so that there are several."""


@dataclass
class Warehouse:
    """What boto3's client of the Data API does. `error` is why statements fail; `loaded_at` of every row."""

    revenue: Sequence[RevenueRow] = ()
    error: str = ""
    loaded_at: str = "2026-11-28 23:00:21.5"
    asked: list[str] = field(default_factory=list)

    def execute_statement(self, *, Sql: str, **_where: str) -> dict[str, str]:  # noqa: N803 - as AWS has it
        self.asked.append(Sql)
        return {"Id": str(len(self.asked) - 1)}

    def describe_statement(self, *, Id: str, WaitTimeSeconds: int) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        assert WaitTimeSeconds <= 30
        return {"Id": Id, "Status": "FAILED", "Error": self.error} if self.error else {"Id": Id, "Status": "FINISHED"}

    def get_statement_result(self, *, Id: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803 - as AWS has it
        first = int(NextToken)
        records = [self._record(self.asked[int(Id)], row) for row in self.revenue[first : first + PAGE]]
        is_more = first + PAGE < len(self.revenue)
        return {"Records": records, **({"NextToken": str(first + PAGE)} if is_more else {})}

    def _record(self, sql: str, row: RevenueRow) -> list[dict[str, Any]]:
        if "loaded_at" in sql:
            texts = (row.order_id, "2026-11-28 23:00:20.25", self.loaded_at)
            return [{"stringValue": text} for text in texts]
        texts = (row.order_id, row.customer_id, row.store_id)
        return [*({"stringValue": text} for text in texts), {"longValue": row.amount_cents}]
