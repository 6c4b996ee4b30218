"""What payments run on, for the faults' contract: an Aurora cluster whose endpoint speaks PostgreSQL, and a function.

moto changes the records of a failover and of a function's concurrency, and nothing behind them; a real pair of
PostgreSQL servers takes seconds for each test. So APIs and database are fakes, but the database is met through psycopg.
"""

import json
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CLUSTER, FUNCTION = "cafe-dev", "payment-dev"
OUTPUTS = {
    "AuroraClusterIdentifier": CLUSTER,
    "AuroraSecretArn": "arn:secret/aurora",
    "DatabaseSecurityGroupId": "sg-database",
    "DocumentSecurityGroupId": "sg-documents",
    "PaymentFunctionName": FUNCTION,
    "PaymentFunctionArn": f"arn:function/{FUNCTION}",
}
_TEXT, _BOOL, _INT = 25, 16, 20
"""PostgreSQL's numbers of these types."""
_PROTOCOL_3 = 3 << 16


class Aurora:
    """RDS's API and the cluster behind it: of `members` the `writer` is on record, and `server` is who answers."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls
        self.members = [f"{CLUSTER}-1", f"{CLUSTER}-2"]
        self.writer = self.members[0]
        self.server = self.writer
        self.is_read_only = False
        self.is_reachable: Callable[[], bool] = lambda: True
        self.sessions = 0
        """Of services: as many as security groups let them begin."""

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeDBClusters")
        members = [{"DBInstanceIdentifier": each, "IsClusterWriter": each == self.writer} for each in self.members]
        arn = f"arn:cluster/{DBClusterIdentifier}"
        cluster = {"DBClusterIdentifier": DBClusterIdentifier, "DBClusterArn": arn, "Status": "available"}
        return {"DBClusters": [{**cluster, "DBClusterMembers": members}]}

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeDBInstances")
        zone = f"us-east-1{'ab'[self.members.index(DBInstanceIdentifier)]}"
        return {
            "DBInstances": [
                {
                    "DBInstanceIdentifier": DBInstanceIdentifier,
                    "DBInstanceStatus": "available",
                    "AvailabilityZone": zone,
                }
            ]
        }

    def failover_db_cluster(self, *, DBClusterIdentifier: str) -> None:  # noqa: N803 - as AWS has it
        self._calls.append("FailoverDBCluster")
        self.writer = self.server = next(each for each in self.members if each != self.writer)

    def answer(self, query: str) -> tuple[str, ...]:
        """The one row that a query gets."""
        if "pg_stat_activity" not in query:
            return self.row
        there = self.sessions
        if "pg_terminate_backend" in query and not self.is_reachable():
            self.sessions = 0
        return (str(there),)

    @property
    def row(self) -> tuple[str, str]:
        """What the server behind the writer's endpoint says of itself: its start, and whether it is a reader."""
        return f"1700000000.{self.members.index(self.server):06}", "t" if self.is_read_only else "f"


class SecurityGroups:
    """EC2's security groups: services may reach two databases, which have a rule of their own for everybody out."""

    def __init__(self, calls: list[str], aurora: Aurora) -> None:
        self._calls = calls
        self._peers = {
            "sg-database": {"sgr-1": "sg-payment", "sgr-2": "sg-loyalty"},
            "sg-documents": {"sgr-3": "sg-pods"},
        }
        self._aurora = aurora
        aurora.is_reachable = lambda: any(peer != "sg-database" for peer in self._peers["sg-database"].values())
        aurora.sessions = 3

    def describe_security_groups(self, *, GroupIds: list[str]) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        self._calls.append("DescribeSecurityGroups")
        return {"SecurityGroups": [{"SecurityGroupArn": f"arn:security-group/{each}"} for each in GroupIds]}

    def describe_security_group_rules(self, *, Filters: list[dict[str, Any]], MaxResults: int) -> dict[str, Any]:  # noqa: N803
        self._calls.append("DescribeSecurityGroupRules")
        plain = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
        own = [
            {**plain, "SecurityGroupRuleId": rule, "IsEgress": False, "ReferencedGroupInfo": {"GroupId": peer}}
            for rule, peer in self._peers[Filters[0]["Values"][0]].items()
        ]
        return {"SecurityGroupRules": [*own, {"SecurityGroupRuleId": "sgr-0", "IsEgress": True, "IpProtocol": "-1"}]}

    def modify_security_group_rules(self, *, GroupId: str, SecurityGroupRules: list[dict[str, Any]]) -> None:  # noqa: N803
        self._calls.append("ModifySecurityGroupRules")
        for each in SecurityGroupRules:
            self._peers[GroupId][each["SecurityGroupRuleId"]] = each["SecurityGroupRule"]["ReferencedGroupId"]


class Secrets:
    """Secrets Manager with the cluster's master user."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - as AWS has it
        self._calls.append("GetSecretValue")
        assert SecretId == OUTPUTS["AuroraSecretArn"]
        return {"SecretString": json.dumps({"username": "cafe_admin", "password": "secret"})}


class Functions:
    """Lambda's concurrency, and CloudWatch's count of what it refuses: the event source tries whenever one looks."""

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls
        self.reserved: int | None = None
        self.throttles = 3.0  # of an earlier experiment in the same minute

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, int]:  # noqa: N803 - as AWS has it
        self._calls.append("GetFunctionConcurrency")
        return {} if self.reserved is None else {"ReservedConcurrentExecutions": self.reserved}

    def put_function_concurrency(self, *, FunctionName: str, ReservedConcurrentExecutions: int) -> None:  # noqa: N803
        self._calls.append("PutFunctionConcurrency")
        self.reserved = ReservedConcurrentExecutions

    def delete_function_concurrency(self, *, FunctionName: str) -> None:  # noqa: N803 - as AWS has it
        self._calls.append("DeleteFunctionConcurrency")
        self.reserved = None

    def get_metric_statistics(self, **request: Any) -> dict[str, list[dict[str, float]]]:
        self._calls.append("GetMetricStatistics")
        assert request["Dimensions"] == [{"Name": "FunctionName", "Value": FUNCTION}]
        if self.reserved == 0:
            self.throttles += 1
        return {"Datapoints": [{"Sum": self.throttles}]}


@contextmanager
def endpoint(aurora: Aurora) -> Iterator[str]:
    """A server that takes any login and answers every query with `aurora.row`; its URL.

    https://www.postgresql.org/docs/current/protocol-message-formats.html
    """

    server = _Server(("127.0.0.1", 0), _session(aurora))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"postgresql://127.0.0.1:{server.server_address[1]}/cafe"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def _session(aurora: Aurora) -> type[socketserver.StreamRequestHandler]:
    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._start()
            while (kind := self.rfile.read(1)) == b"Q":
                query = self.rfile.read(self._int() - 4).decode()
                self.wfile.write(_answer(aurora.answer(query)))
            assert kind in (b"X", b""), kind

        def _start(self) -> None:
            while True:
                length, code = self._int(), self._int()
                self.rfile.read(length - 8)
                if code == _PROTOCOL_3:
                    break
                self.wfile.write(b"N")  # an offer of encryption
            self.wfile.write(_message(b"R", struct.pack("!I", 0)))
            self.wfile.write(_message(b"S", b"client_encoding\0UTF8\0") + _message(b"Z", b"I"))

        def _int(self) -> int:
            (value,) = struct.unpack("!I", self.rfile.read(4))
            assert isinstance(value, int)
            return value

    return Session


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _answer(row: tuple[str, ...]) -> bytes:
    fields = ((b"count", _INT),) if len(row) == 1 else ((b"started_at", _TEXT), (b"is_reader", _BOOL))
    described = b"".join(name + b"\0" + struct.pack("!IhIhih", 0, 0, oid, -1, -1, 0) for name, oid in fields)
    values = b"".join(struct.pack("!i", len(value)) + value.encode() for value in row)
    return (
        _message(b"T", struct.pack("!h", len(fields)) + described)
        + _message(b"D", struct.pack("!h", len(row)) + values)
        + _message(b"C", b"SELECT 1\0")
        + _message(b"Z", b"I")
    )
