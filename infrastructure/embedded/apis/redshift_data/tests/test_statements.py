"""Statements on a real warehouse: their life, their results, what they are refused with."""

import asyncio
from typing import Any

import pytest

from infrastructure.embedded.apis.redshift_data import api
from infrastructure.embedded.apis.redshift_data.tests.redshift_world import CLUSTER, Redshift, redshift
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio

SLOW = "SELECT SUM(a.n * b.n) FROM numbers a, numbers b, numbers c WHERE a.n % 7 <> b.n % 11"
"""Runs for minutes, unless it is interrupted."""


async def with_numbers(cloud: Redshift, count: int = 2000) -> None:
    await cloud.create()
    cloud.put("numbers", "\n".join(map(str, range(count))))
    await cloud.run("CREATE TABLE numbers (n BIGINT)")
    assert (await cloud.copy("numbers", "numbers"))["ResultRows"] == count


async def started(cloud: Redshift, identity: str) -> None:
    while (await cloud.ask("DescribeStatement", Id=identity))["Status"] != "STARTED":  # noqa: ASYNC110  no event
        await asyncio.sleep(0)


async def test_a_statement_runs_and_its_result_is_there(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        await cloud.run("CREATE TABLE sales (store INT, day DATE, amount DECIMAL(12,2) ENCODE az64) DISTKEY(store)")
        inserted = await cloud.run("INSERT INTO sales VALUES (1, '2026-01-01', 3.50), (2, '2026-01-02', NULL)")
        assert (inserted["HasResultSet"], inserted["ResultRows"], inserted["ResultSize"]) == (False, 2, 0)
        found = await cloud.run("SELECT * FROM sales ORDER BY store")
        assert (found["HasResultSet"], found["ResultRows"], found["ClusterIdentifier"]) == (True, 2, CLUSTER)
        assert found["ResultSize"] > 0
        assert found["Duration"] > 0
        assert found["RedshiftPid"] == cloud.warehouse.node.process.pid if cloud.warehouse.node else None
        page = await cloud.ask("GetStatementResult", Id=found["Id"])
        assert [each["typeName"] for each in page["ColumnMetadata"]] == ["int4", "date", "numeric"]
        assert page["Records"] == [
            [{"longValue": 1}, {"stringValue": "2026-01-01"}, {"stringValue": "3.50"}],
            [{"longValue": 2}, {"stringValue": "2026-01-02"}, {"isNull": True}],
        ]


async def test_parameters_are_values_and_nothing_else(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_numbers(cloud, 10)
        given = [{"name": "least", "value": "7"}, {"name": "what", "value": "it's ' OR 1=1 --"}]
        rows = await cloud.rows("SELECT n, :what AS w FROM numbers WHERE n > :least ORDER BY 1", Parameters=given)
        assert rows == [[8, "it's ' OR 1=1 --"], [9, "it's ' OR 1=1 --"]]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"Parameters": [{"name": "a", "value": "1"}]}, "ValidationException: .* a given and not used"),
    ({"Sql": "SELECT :a, :b", "Parameters": [{"name": "a", "value": "1"}]}, "b used and not given"),
    ({"Sql": "SELECT '" + "x" * 100_000 + "'"}, "ValidationException: SQL statement of 100009 bytes exceeds the limit"),
    ({"ClusterIdentifier": "other"}, "ValidationException: Redshift endpoint doesn't exist in this region."),
    ({"ClusterIdentifier": None}, "ValidationException: ClusterIdentifier or WorkgroupName is required"),
    ({"ClusterIdentifier": None, "WorkgroupName": "work"}, "ValidationException: Redshift endpoint doesn't exist"),
    ({"Database": None}, "ValidationException: Database is required"),
    ({"SecretArn": "nope"}, "ValidationException: Specify either SecretArn or DbUser"),
    ({"DbUser": None, "SecretArn": "nope"}, "ResourceNotFoundException: Secrets Manager can't find"),
    ({"SessionId": "00000000-0000-0000-0000-000000000000"}, "ValidationException: .* can't be specified with"),
    ({"WithEvent": True}, "UnsupportedOperation: .* events"),
]
FAILING: dict[str, tuple[dict[str, str], str]] = {
    "database": ({"Database": "sales"}, 'FATAL: database "sales" does not exist'),
    "user": ({"DbUser": "nobody"}, 'FATAL: user "nobody" does not exist'),
    "table": ({"Sql": "SELECT * FROM nowhere"}, 'ERROR: relation "nowhere" does not exist'),
    "two": ({"Sql": "SELECT 1; SELECT 2"}, "ERROR: cannot insert multiple commands"),
    "syntax": ({"Sql": "SELEC 1"}, "ERROR: syntax error"),
    "function": ({"Sql": "SELECT read_text('/etc/passwd')"}, "ERROR: "),
    "file": ({"Sql": "SELECT * FROM '/etc/passwd'"}, "ERROR: "),
}


async def test_what_cannot_be_asked_is_refused(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        for members, refusal in REFUSED:
            given = {k: v for k, v in {**cloud.where, "Sql": "SELECT 1", **members}.items() if v is not None}
            with pytest.raises(Refused, match=refusal):
                await cloud.ask("ExecuteStatement", **given)


async def test_what_the_database_refuses_is_a_failed_statement(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        said = {}
        for name, (changes, error) in FAILING.items():
            given = {**cloud.where, "Sql": "SELECT 1", **changes}
            found = await cloud.over((await cloud.ask("ExecuteStatement", **given))["Id"])
            said[name] = (found["Status"], found["Error"][: len(error)])
        assert said == {name: ("FAILED", error) for name, (_, error) in FAILING.items()}


async def test_a_secret_with_another_password_is_not_let_in(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        made = await cloud.create()
        cloud.where = {k: v for k, v in cloud.where.items() if k != "DbUser"} | {
            "SecretArn": made.master_password_secret_arn
        }
        found = await cloud.run("SELECT 1")
        assert (found["SecretArn"], "DbUser" in found) == (made.master_password_secret_arn, False)
        cloud.world.backends.redshift.clusters[CLUSTER].master_user_password = "Changed0therwise"
        assert "password authentication failed" in await cloud.error("SELECT 1")


async def test_five_run_at_a_time_and_the_others_wait(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_numbers(cloud)
        slow = [await cloud.submit(SLOW) for _ in range(5)]
        for identity in slow:
            await started(cloud, identity)
        waiting = await cloud.submit("SELECT 1")
        assert (await cloud.ask("DescribeStatement", Id=waiting, WaitTimeSeconds=1))["Status"] == "PICKED"
        assert (cloud.warehouse.queue.running, cloud.warehouse.queue.waiting) == (5, 1)
        for identity in slow:
            await cloud.ask("CancelStatement", Id=identity)
        assert [(await cloud.over(each))["Status"] for each in slow] == ["ABORTED"] * 5
        assert (await cloud.over(waiting))["Status"] == "FINISHED"
        [[queued_us]] = await cloud.rows(
            "SELECT queue_time FROM sys_query_history WHERE query_text = 'SELECT 1' AND status = 'success'"
        )
        assert queued_us > 500_000  # it was asked for a whole second, and had not begun


async def test_one_that_waits_is_cancelled_without_having_run(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_numbers(cloud)
        slow = [await cloud.submit(SLOW) for _ in range(5)]
        for identity in slow:
            await started(cloud, identity)
        waiting = await cloud.submit("CREATE TABLE never (n INT)")
        assert await cloud.ask("CancelStatement", Id=waiting) == {"Status": True}
        found = await cloud.over(waiting)
        assert (found["Status"], found["Duration"]) == ("ABORTED", -1)
        with pytest.raises(Refused, match="Could not cancel a query that is already in ABORTED state"):
            await cloud.ask("CancelStatement", Id=waiting)
        for identity in slow:
            await cloud.ask("CancelStatement", Id=identity)
            await cloud.over(identity)
        assert 'relation "never" does not exist' in await cloud.error("SELECT * FROM never")


async def test_no_more_statements_than_aws_takes_are_active(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MOST_ACTIVE", 6)
    async with redshift(state) as cloud:
        await with_numbers(cloud)
        active = [await cloud.submit(SLOW) for _ in range(6)]
        with pytest.raises(Refused, match="ActiveStatementsExceededException"):
            await cloud.submit("SELECT 1")
        await cloud.ask("CancelStatement", Id=active[-1])
        for identity in active:
            if identity != active[-1]:
                await started(cloud, identity)
                await cloud.ask("CancelStatement", Id=identity)
            await cloud.over(identity)
        await cloud.run("SELECT 1")


async def test_a_batch_is_one_transaction(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        good = ["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1), (2)", "SELECT COUNT(*) FROM t"]
        asked = await cloud.ask("BatchExecuteStatement", **cloud.where, Sqls=good)
        found = await cloud.over(asked["Id"])
        assert [each["Status"] for each in found["SubStatements"]] == ["FINISHED"] * 3
        assert [each["HasResultSet"] for each in found["SubStatements"]] == [False, False, True]
        assert (found["HasResultSet"], found["ExecutionMode"]) == (True, "TRANSACTION")
        page = await cloud.ask("GetStatementResult", Id=f"{asked['Id']}:3")
        assert page["Records"] == [[{"longValue": 2}]]
        bad = ["INSERT INTO t VALUES (3)", "INSERT INTO nowhere VALUES (1)", "INSERT INTO t VALUES (4)"]
        found = await cloud.over((await cloud.ask("BatchExecuteStatement", **cloud.where, Sqls=bad))["Id"])
        assert (found["Status"], found["Error"][:31]) == ("FAILED", "Query #2 failed with ERROR: rel")
        assert [each["Status"] for each in found["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
        assert await cloud.rows("SELECT COUNT(*) FROM t") == [[2]]


async def test_a_batch_may_commit_each_statement_alone(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        sqls = ["CREATE TABLE t (n INT)", "INSERT INTO nowhere VALUES (1)", "INSERT INTO t VALUES (1)"]
        asked = await cloud.ask("BatchExecuteStatement", **cloud.where, Sqls=sqls, ExecutionMode="AUTO_COMMIT")
        found = await cloud.over(asked["Id"])
        assert [each["Status"] for each in found["SubStatements"]] == ["FINISHED", "FAILED", "FINISHED"]
        assert await cloud.rows("SELECT COUNT(*) FROM t") == [[1]]


async def test_a_large_result_comes_in_pages(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_numbers(cloud, 2500)
        assert await cloud.rows("SELECT n FROM numbers ORDER BY n") == [[n] for n in range(2500)]
        identity = (await cloud.run("SELECT n FROM numbers"))["Id"]
        page = await cloud.ask("GetStatementResult", Id=identity)
        assert (len(page["Records"]), page["TotalNumRows"]) == (1000, 2500)
        with pytest.raises(Refused, match="ValidationException: Invalid NextToken"):
            await cloud.ask("GetStatementResult", Id=identity, NextToken="7")


async def test_a_result_in_csv_has_a_call_of_its_own(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        identity = (await cloud.run("SELECT 1 AS a, 'x,y' AS b, NULL AS c, true AS d", ResultFormat="CSV"))["Id"]
        page = await cloud.ask("GetStatementResultV2", Id=identity)
        assert (page["Records"], page["ResultFormat"]) == ([{"CSVRecords": '1,"x,y",,true\r\n'}], "CSV")
        with pytest.raises(Refused, match="ValidationException: The result format"):
            await cloud.ask("GetStatementResult", Id=identity)


async def test_what_has_no_result_says_so(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        identity = (await cloud.run("CREATE TABLE t (n INT)"))["Id"]
        with pytest.raises(Refused, match="ResourceNotFoundException: Query does not have result"):
            await cloud.ask("GetStatementResult", Id=identity)
        with pytest.raises(Refused, match="ResourceNotFoundException: Query does not exist"):
            await cloud.ask("DescribeStatement", Id="00000000-0000-0000-0000-000000000000")


async def test_statements_are_listed_by_name_and_status(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        await cloud.run("SELECT 1", StatementName="report-1")
        await cloud.run("SELECT 2", StatementName="report-2")
        await cloud.error("SELECT 1 FROM nowhere", StatementName="report-3")
        listed = await cloud.ask("ListStatements", StatementName="report")
        assert [each["StatementName"] for each in listed["Statements"]] == ["report-2", "report-1"]
        first = await cloud.ask("ListStatements", StatementName="report", Status="ALL", MaxResults=2)
        rest = await cloud.ask(
            "ListStatements", StatementName="report", Status="ALL", MaxResults=2, NextToken=first["NextToken"]
        )
        assert [each["StatementName"] for each in rest["Statements"]] == ["report-1"]


async def test_a_session_keeps_its_temporary_tables_and_its_transaction(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        await cloud.run("CREATE TABLE t (n INT)")
        session = (await cloud.run("CREATE TEMP TABLE mine (n INT)", SessionKeepAliveSeconds=60))["SessionId"]
        await cloud.run("INSERT INTO mine VALUES (7)", SessionId=session)
        assert await cloud.rows("SELECT n FROM mine", SessionId=session) == [[7]]
        assert 'relation "mine" does not exist' in await cloud.error("SELECT n FROM mine")
        await cloud.run("BEGIN", SessionId=session)
        await cloud.run("INSERT INTO t VALUES (1)", SessionId=session)
        assert await cloud.rows("SELECT n FROM t") == []
        await cloud.run("COMMIT", SessionId=session)
        assert await cloud.rows("SELECT n FROM t") == [[1]]
        [listed] = (await cloud.ask("ListSessions"))["Sessions"]
        assert (listed["SessionId"], listed["Status"]) == (session, "AVAILABLE")


async def test_a_session_runs_one_statement_at_a_time_and_ends(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await with_numbers(cloud)
        asked = await cloud.ask("ExecuteStatement", **cloud.where, Sql=SLOW, SessionKeepAliveSeconds=1)
        session, identity = asked["SessionId"], asked["Id"]
        with pytest.raises(Refused, match=r"ValidationException: Session .* is BUSY"):
            await cloud.submit("SELECT 1", SessionId=session)
        await started(cloud, identity)
        await cloud.ask("CancelStatement", Id=identity)
        await cloud.over(identity)
        while (await cloud.ask("ListSessions", SessionId=session))["Sessions"][0]["Status"] != "CLOSED":  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # its time passes by the clock alone
        with pytest.raises(Refused, match="is CLOSED"):
            await cloud.submit("SELECT 1", SessionId=session)


async def test_transactions_that_collide_fail_with_redshifts_number(state: StateFolder) -> None:
    async with redshift(state) as cloud:
        await cloud.create()
        await cloud.run("CREATE TABLE t (n INT)")
        await cloud.run("INSERT INTO t VALUES (1)")
        session = (await cloud.run("BEGIN", SessionKeepAliveSeconds=60))["SessionId"]
        await cloud.run("UPDATE t SET n = 2", SessionId=session)
        error = await cloud.error("UPDATE t SET n = 3")
        assert error.startswith("ERROR: 1023 DETAIL: Serializable isolation violation on table")
        await cloud.run("COMMIT", SessionId=session)
        assert await cloud.rows("SELECT n FROM t") == [[2]]
