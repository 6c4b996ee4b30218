"""The figures of `make bench`, one file each; adding one is a file and its line in `FIGURES`."""

from plugins.bench.books import Books100kOrders
from plugins.bench.cold_start import PlatformColdStart
from plugins.bench.figure import Figure
from plugins.bench.memory import IdlePlatformRss
from plugins.bench.orders import OrderLatency, OrdersAcknowledgedRate
from plugins.bench.recovery import StopTaskRecovery
from plugins.bench.rule_change import RuleChangeEffect
from plugins.bench.sqs_send import SqsSend1000Deep

FIGURES: tuple[Figure, ...] = (
    PlatformColdStart(),
    Books100kOrders(),
    IdlePlatformRss(),
    RuleChangeEffect(),
    StopTaskRecovery(),
    SqsSend1000Deep(),
    OrdersAcknowledgedRate(),
    OrderLatency(),
)
