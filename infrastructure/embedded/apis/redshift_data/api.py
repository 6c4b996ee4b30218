"""The calls of the Redshift Data API about statements and sessions.

Source: https://docs.aws.amazon.com/redshift-data/latest/APIReference/
"""

from collections.abc import Callable, Sequence
from uuid import uuid4

from infrastructure.embedded.apis.redshift_data.results import Result, paged
from infrastructure.embedded.apis.redshift_data.sessions import Session, Sessions
from infrastructure.embedded.apis.redshift_data.statement import OVER, Statement, Step, moment
from infrastructure.embedded.apis.redshift_data.store import Store
from infrastructure.embedded.apis.redshift_data.targets import Target, Targets, invalid
from infrastructure.embedded.control.background import wait_within
from infrastructure.embedded.gateway.codec import Ready
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

MOST_ACTIVE = 500
"""Statements of a cluster that are not over.

Source: Amazon Redshift Management Guide, "Considerations when calling the Amazon Redshift Data API".
"""
_PAGE = 100


class StatementCalls:
    """`start` has a statement run, `cancel` has one end."""

    def __init__(
        self,
        targets: Targets,
        store: Store,
        sessions: Sessions,
        start: Callable[[Statement], None],
        cancel: Callable[[Statement], None],
    ) -> None:
        self._targets = targets
        self._store = store
        self._sessions = sessions
        self._start = start
        self._cancel = cancel

    # --- submitting ---------------------------------------------------------------------------------------------------

    @operation("ExecuteStatement", effect="runs on the cluster's warehouse, as one of five at a time")
    async def execute(self, given: Members) -> Output:
        whole = Step(id=str(uuid4()), sql=given["Sql"])
        return await self._submit(given, whole, ())

    @operation(
        "BatchExecuteStatement", effect="its statements run one after the other, in one transaction or each alone"
    )
    async def execute_batch(self, given: Members) -> Output:
        identity = str(uuid4())
        steps = [Step(id=f"{identity}:{number}", sql=sql) for number, sql in enumerate(given["Sqls"], 1)]
        return await self._submit(given, Step(id=identity, sql=""), steps)

    async def _submit(self, given: Members, whole: Step, steps: Sequence[Step]) -> Output:
        if given.get("WithEvent"):
            raise unsupported("events of statements: there is no EventBridge")
        session, target = self._place(given)
        if sum(not each.is_over for each in self._store.of(target.cluster)) >= MOST_ACTIVE:
            raise Refused(
                "ActiveStatementsExceededException",
                f"Active statements exceeded the allowed quota ({MOST_ACTIVE}).",
            )
        if session is None and given.get("SessionKeepAliveSeconds"):
            session = self._sessions.open(target, given["SessionKeepAliveSeconds"])
        statement = Statement(
            whole=whole,
            target=target,
            steps=steps,
            parameters=given.get("Parameters", ()),
            name=given.get("StatementName", ""),
            session=session.id if session is not None else "",
            result_format=given.get("ResultFormat", "JSON"),
            is_atomic=given.get("ExecutionMode", "TRANSACTION") == "TRANSACTION",
        )
        if session is not None:
            session.keep_alive_s = given.get("SessionKeepAliveSeconds", session.keep_alive_s)
            self._sessions.begin(session, statement.id)
        self._store.add(statement)
        self._start(statement)
        await _wait(statement, given)
        return _submitted(statement, given)

    def _place(self, given: Members) -> tuple[Session | None, Target]:
        identity = given.get("SessionId")
        if identity is None:
            return None, self._targets.of(given)
        fixed = [n for n in ("ClusterIdentifier", "WorkgroupName", "Database", "DbUser", "SecretArn") if given.get(n)]
        if fixed:
            raise invalid(f"{', '.join(fixed)} can't be specified with SessionId: the session has them.")
        session = self._sessions.available(identity)
        return session, session.target

    # --- looking ------------------------------------------------------------------------------------------------------

    @operation("DescribeStatement")
    async def describe(self, given: Members) -> Output:
        statement, step = self._store.find(given["Id"])
        await _wait(statement, given)
        if step is statement.whole:
            return Ready(statement.described())
        return Ready({**statement.described(), **step.described(), "SubStatements": []})

    @operation("GetStatementResult")
    async def result(self, given: Members) -> Output:
        return await self._page(given, "JSON")

    @operation("GetStatementResultV2")
    async def result_in_csv(self, given: Members) -> Output:
        return await self._page(given, "CSV")

    async def _page(self, given: Members, wanted: str) -> Output:
        statement, step = self._store.find(given["Id"])
        await _wait(statement, given)
        if statement.result_format != wanted:
            call = "GetStatementResult" if statement.result_format == "JSON" else "GetStatementResultV2"
            raise invalid(f"The result format of the statement is {statement.result_format}; get it with {call}.")
        return _result(step).page(given.get("NextToken"), as_csv=wanted == "CSV")

    @operation("ListStatements")
    def list_statements(self, given: Members) -> Output:
        status = given.get("Status") or "FINISHED"
        found = [
            each.listed()
            for each in self._store.latest()
            if status in ("ALL", each.whole.status)
            and each.name.startswith(given.get("StatementName", ""))
            and given.get("ClusterIdentifier") in (None, each.target.cluster)
            and given.get("Database") in (None, each.target.database)
        ]
        return paged("Statements", found, given, _PAGE)

    @operation("ListSessions")
    def list_sessions(self, given: Members) -> Output:
        wanted = (given["Status"],) if given.get("Status") else ("AVAILABLE", "BUSY")
        found = [
            each.described()
            for each in self._sessions.all()
            if (each.id == given["SessionId"] if given.get("SessionId") else each.status in wanted)
            and given.get("ClusterIdentifier") in (None, each.target.cluster)
            and given.get("Database") in (None, each.target.database)
        ]
        return paged("Sessions", found, given, _PAGE)

    # --- cancelling ---------------------------------------------------------------------------------------------------

    @operation("CancelStatement", effect="it ends as ABORTED, interrupted in the warehouse if it runs")
    async def cancel(self, given: Members) -> Output:
        statement, _ = self._store.find(given["Id"])
        if statement.is_over:
            state = statement.whole.status
            raise invalid(f"Could not cancel a query that is already in {state} state with ID: {given['Id']}")
        self._cancel(statement)
        return {"Status": True}


async def _wait(statement: Statement, given: Members) -> None:
    """For as long as the caller asks, at most until it is over."""
    seconds = given.get("WaitTimeSeconds")
    if seconds and not statement.is_over:
        await wait_within(statement.over, float(seconds))


def _submitted(statement: Statement, given: Members) -> Ready:
    found = {"Id": statement.id, "CreatedAt": moment(statement.whole.created_at), **statement.target.described()}
    if statement.session:
        found["SessionId"] = statement.session
    if given.get("WaitTimeSeconds"):
        described = statement.described()
        found |= {name: described[name] for name in ("Status", "RedshiftPid", "HasResultSet")}
    return Ready(found)


def _result(step: Step) -> Result:
    if step.status not in OVER or step.result is None:
        raise Refused(
            "ResourceNotFoundException",
            "Query does not have result. Please check query status with DescribeStatement.",
            ResourceId=step.id,
        )
    return step.result
