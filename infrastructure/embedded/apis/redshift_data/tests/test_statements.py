"""Statements on a real warehouse: their life, their results, what they are refused with."""

import pytest

from infrastructure.embedded.apis.redshift_data.tests.redshift_world import CLUSTER, redshift
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_statement_runs_and_its_result_is_there(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        assert cloud.status == "available"
        await cloud.run("CREATE TABLE sales (store INT, day DATE, amount DECIMAL(12,2) ENCODE az64) DISTKEY(store)")
        inserted = await cloud.run(
            "INSERT INTO sales SELECT 1, '2026-01-01', 3.50 UNION ALL SELECT 2, '2026-01-02', NULL"
        )
        assert (inserted["HasResultSet"], inserted["ResultRows"]) == (False, 2)
        found = await cloud.run("SELECT * FROM sales ORDER BY store")
        assert (found["HasResultSet"], found["ResultRows"], found["ClusterIdentifier"]) == (True, 2, CLUSTER)
        assert found["Duration"] > 0
        assert await cloud.rows("SELECT * FROM sales ORDER BY store") == [
            [1, "2026-01-01", "3.50"],
            [2, "2026-01-02", None],
        ]


async def test_copy_loads_json_lines(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        await cloud.run("CREATE TABLE revenue (order_id VARCHAR(36), amount DECIMAL(12,2), paid_at TIMESTAMP)")
        cloud.put("in/1.json", [{"order_id": "a", "amount": "1.50", "paid_at": "2026-01-01T10:00:00Z"}])
        cloud.put("in/2.json", [{"order_id": "b", "amount": 2, "paid_at": "2026-01-01 10:00:01.5", "more": {"x": 1}}])
        loaded = await cloud.run(
            "COPY revenue FROM 's3://lake/in/' IAM_ROLE 'arn:aws:iam::123456789012:role/r' JSON 'auto'"
        )
        assert loaded["ResultRows"] == 2
        assert await cloud.rows("SELECT * FROM revenue ORDER BY 1") == [
            ["a", "1.50", "2026-01-01 10:00:00"],
            ["b", "2.00", "2026-01-01 10:00:01.5"],
        ]
