"""What AWS does late or half, one line each: a platform that is tidier than AWS hides the faults people meet there.

Under `--pace aws` each is as long as on AWS, under `--pace fast` shorter and never nothing. Where AWS publishes no
figure, the line says whose it is. PARITY.md has the table; every line has a test of what the data plane does.
"""

from dataclasses import dataclass

from infrastructure.embedded.pace import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """One line. `api` is a signing name; `aws` and `fast` are of `unit`, which is empty where there is no figure."""

    api: str
    what: str
    aws: float
    fast: float
    unit: str = "s"
    source: str

    def at(self, pace: Pace) -> float:
        """Its figure at this pace."""
        return self.aws if pace.speedup == 1.0 else self.fast


DEREGISTERED_TARGET = Lag(
    api="elasticloadbalancing",
    what="a deregistered target still gets new connections: every node of the load balancer hears of it by itself",
    aws=4.0,
    fast=0.1,
    source="no figure of AWS's; 502 for 3 to 5 s in https://github.com/aws/containers-roadmap/issues/708",
)
STOPPED_TASK = Lag(
    api="ecs",
    what="a task that is stopped has got SIGTERM before it is deregistered",
    aws=1.0,
    fast=0.05,
    source="no figure of AWS's; the order of both in https://github.com/aws/containers-roadmap/issues/708",
)
WRITER_NAME = Lag(
    api="rds",
    what="the name of a cluster's writer leads to the old one, which refuses, and then is a reader: SQLSTATE 25006",
    aws=5.0,
    fast=1.0,
    source=(
        "time to live of Aurora's DNS zones: "
        "https://docs.aws.amazon.com/whitepapers/latest/amazon-aurora-mysql-db-admin-handbook/dns-caching.html"
    ),
)
PRIMARY_NAME = Lag(
    api="elasticache",
    what="the name of a group's primary leads to the old one",
    aws=5.0,
    fast=0.1,
    source="no figure; the name is moved: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoFailover.html",
)
DEMOTED_PRIMARY = Lag(
    api="elasticache",
    what="a demoted primary keeps its connections and answers READONLY to writes, until its node is replaced",
    aws=60.0,
    fast=2.0,
    source=(
        "no figure; the order of its events: "
        "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_TestFailover.html"
    ),
)
POLLERS = Lag(
    api="lambda",
    what="batches that a queue's pollers hold for a throttled function: every message in them counts as received",
    aws=5.0,
    fast=5.0,
    unit="batches",
    source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
)
MORE_POLLERS = Lag(
    api="lambda",
    what="pollers that come while messages wait, whether or not the function takes what they receive",
    aws=300.0,
    fast=300.0,
    unit="batches/min",
    source="https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
)
SERVICE_PROXY = Lag(
    api="eks",
    what="a Service's address leads to a pod that terminates: the proxy of each node hears of it by itself",
    aws=1.0,
    fast=0.05,
    source="--iptables-min-sync-period: https://kubernetes.io/docs/reference/networking/virtual-ips/#minsyncperiod",
)
STREAM_CHANGE = Lag(
    api="kinesis",
    what="a stream that is made, changed or deleted is CREATING, UPDATING or DELETING, and takes no other change",
    aws=30.0,
    fast=0.1,
    source=(
        'no figure but for a split, "30 to 60 seconds": '
        "https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html"
    ),
)
TRANSACTION_CONFLICT = Lag(
    api="dynamodb",
    what="transactions that meet at an item: one of them is cancelled with TransactionConflict, and no SDK repeats it",
    aws=0.0,
    fast=0.0,
    unit="",
    source=(
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"
        "#transaction-conflict-handling"
    ),
)
LOG_DRIVER = Lag(
    api="logs",
    what="a line that a container writes waits for the log driver's next batch",
    aws=5.0,
    fast=0.5,
    source="https://github.com/moby/moby/blob/master/daemon/logger/awslogs/cloudwatchlogs.go, force flush interval",
)
LAGS: tuple[Lag, ...] = (
    DEREGISTERED_TARGET,
    STOPPED_TASK,
    WRITER_NAME,
    PRIMARY_NAME,
    DEMOTED_PRIMARY,
    POLLERS,
    MORE_POLLERS,
    SERVICE_PROXY,
    STREAM_CHANGE,
    TRANSACTION_CONFLICT,
    LOG_DRIVER,
)
