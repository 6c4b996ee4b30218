"""The figures of `make bench`, one file each; adding one is a file and its line in `FIGURES`."""

from plugins.bench.batch import BatchAgainstJava, BatchMemory, BatchRate, BatchRuns
from plugins.bench.books import Books100kOrders
from plugins.bench.calls.function_cold_start import ColdStart
from plugins.bench.calls.kinesis_put import KinesisPut
from plugins.bench.calls.signature_check import SignatureCheck
from plugins.bench.calls.sqs_send import SqsSend1000Deep
from plugins.bench.calls.warm_invoke import WarmInvokeOverhead
from plugins.bench.captured import CapturedRuns, OrdersCapturedRate, PaymentQueueAge
from plugins.bench.cold_start import PlatformColdStart
from plugins.bench.figure import Figure
from plugins.bench.idle import IdlePlatformCpu, IdlePlatformRss
from plugins.bench.inventory import InventoryReserveLatency, InventoryReserves, ReserveRuns
from plugins.bench.menu import MenuCachedReads, ReadRuns
from plugins.bench.mixed.runs import MixedCallsLatency, MixedCallsRate, MixedRuns
from plugins.bench.orders import OrderLatency, OrderRuns, OrdersAcknowledgedRate
from plugins.bench.pods.records import PodEventTime, PodListTime, PodRecordsMemory, RecordRuns
from plugins.bench.pods.recovery import PodRecovery
from plugins.bench.pods.rolling_restart import RestartFailures, RestartFailuresWithoutHook
from plugins.bench.pods.service_restart import ServiceRestartFailures
from plugins.bench.recovery.document_failover import DocumentFailover
from plugins.bench.recovery.drain import NodeDrain
from plugins.bench.recovery.failover_gap import FailoverWriteGap
from plugins.bench.recovery.instance_recovery import InstanceRecovery
from plugins.bench.recovery.rule_change import RuleChangeEffect
from plugins.bench.recovery.stop_task import StopTaskRecovery
from plugins.bench.report_storm import ReportQueueTime, ReportRunTime, ReportStormRate, StormRuns
from plugins.bench.revenue import RevenueLag, RowsWrongAfterKills

_BATCHES = BatchRuns()
_CAPTURED = CapturedRuns()
_MIXED = MixedRuns()
_RECORDS = RecordRuns()
_ORDERS = OrderRuns()
_READS = ReadRuns()
_RESERVES = ReserveRuns()
_STORMS = StormRuns()

FIGURES: tuple[Figure, ...] = (
    PlatformColdStart(),
    Books100kOrders(),
    IdlePlatformRss(),
    IdlePlatformCpu(),
    BatchRate(_BATCHES),
    BatchMemory(_BATCHES),
    BatchAgainstJava(_BATCHES),
    SignatureCheck(),
    PodRecovery(),
    RestartFailures(),
    RestartFailuresWithoutHook(),
    PodListTime(_RECORDS),
    PodEventTime(_RECORDS),
    PodRecordsMemory(_RECORDS),
    RuleChangeEffect(),
    StopTaskRecovery(),
    InstanceRecovery(),
    NodeDrain(),
    ServiceRestartFailures(),
    SqsSend1000Deep(),
    KinesisPut(),
    MixedCallsRate(_MIXED),
    MixedCallsLatency(_MIXED),
    WarmInvokeOverhead(),
    ColdStart(),
    FailoverWriteGap(),
    DocumentFailover(),
    OrdersAcknowledgedRate(_ORDERS),
    OrderLatency(_ORDERS),
    InventoryReserves(_RESERVES),
    InventoryReserveLatency(_RESERVES),
    MenuCachedReads(_READS),
    OrdersCapturedRate(_CAPTURED),
    PaymentQueueAge(_CAPTURED),
    RevenueLag(),
    ReportStormRate(_STORMS),
    ReportQueueTime(_STORMS),
    ReportRunTime(_STORMS),
    RowsWrongAfterKills(),
)
