"""Calls that change how a stream is kept: retention, encryption, monitoring, mode. It is UPDATING meanwhile."""

from collections.abc import Callable

from infrastructure.embedded.apis.kinesis import refusals
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.streams import ON_DEMAND_LIMIT
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

LEAST_HOURS, MOST_HOURS = 24, 8760
SHARD_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)
MODE_CHANGES_A_DAY = 2
DAY_S = 86_400.0
AWS_KEY = "alias/aws/kinesis"
"""The one key there is without KMS: AWS's own."""


class SettingCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("IncreaseStreamRetentionPeriod", effect="records that are still there are kept for longer")
    def increase(self, given: Members) -> None:
        stream, hours = self._registry.active(given), self._hours(given)
        if hours < stream.retention_period_hours:
            raise refusals.invalid(
                f"Requested retention period ({hours} hours) for stream {stream.stream_name} can not be shorter than "
                f"existing retention period ({stream.retention_period_hours} hours). Use DecreaseRetentionPeriod API."
            )
        stream.retention_period_hours = hours
        self._registry.change(stream)

    @operation("DecreaseStreamRetentionPeriod", effect="older records are gone at once")
    def decrease(self, given: Members) -> None:
        stream, hours = self._registry.active(given), self._hours(given)
        if hours > stream.retention_period_hours:
            raise refusals.invalid(
                f"Requested retention period ({hours} hours) for stream {stream.stream_name} can not be longer than "
                f"existing retention period ({stream.retention_period_hours} hours). Use IncreaseRetentionPeriod API."
            )
        stream.retention_period_hours = hours
        stream.trim(self._registry.clock())
        self._registry.change(stream)

    def _hours(self, given: Members) -> int:
        hours = int(given["RetentionPeriodHours"])
        if hours < LEAST_HOURS:
            raise refusals.invalid(
                f"Minimum allowed retention period is {LEAST_HOURS} hours. "
                f"Requested retention period ({hours} hours) is too short."
            )
        if hours > MOST_HOURS:
            raise refusals.invalid(
                f"Maximum allowed retention period is {MOST_HOURS} hours. "
                f"Requested retention period ({hours} hours) is too long."
            )
        return hours

    @operation("StartStreamEncryption", record="nothing is encrypted; records say KMS, as on AWS")
    def encrypt(self, given: Members) -> None:
        stream = self._registry.active(given)
        if given["EncryptionType"] != "KMS":
            raise refusals.invalid("EncryptionType must be KMS to start encryption.")
        if given["KeyId"].rpartition(":")[2] != AWS_KEY:
            raise Refused("KMSNotFoundException", f"{given['KeyId']} is not found; there is {AWS_KEY} only.")
        stream.encryption_type, stream.key_id = "KMS", given["KeyId"]
        self._registry.change(stream)

    @operation("StopStreamEncryption", record="nothing is encrypted; records say KMS, as on AWS")
    def decrypt(self, given: Members) -> None:
        stream = self._registry.active(given)
        stream.encryption_type, stream.key_id = "NONE", None
        self._registry.change(stream)

    @operation("EnableEnhancedMonitoring", effect="metrics of each shard, beside those of the stream")
    def monitor(self, given: Members) -> Output:
        return self._monitored(given, lambda now, asked: now | asked)

    @operation("DisableEnhancedMonitoring", effect="no more metrics of each shard")
    def unmonitor(self, given: Members) -> Output:
        return self._monitored(given, lambda now, asked: now - asked)

    def _monitored(self, given: Members, change: Callable[[set[str], set[str]], set[str]]) -> Output:
        stream = self._registry.active(given)
        asked, before = set(given["ShardLevelMetrics"]), stream.monitored
        asked = set(SHARD_METRICS) if "ALL" in asked else asked
        wanted = change(set(before), asked)
        stream.monitored = tuple(name for name in SHARD_METRICS if name in wanted)
        self._registry.change(stream)
        return {
            "StreamName": stream.stream_name,
            "StreamARN": stream.arn,
            "CurrentShardLevelMetrics": list(before),
            "DesiredShardLevelMetrics": list(stream.monitored),
        }

    @operation("UpdateStreamMode", effect="on demand: shards are not split or merged by calls; twice a day at most")
    def change_mode(self, given: Members) -> None:
        if given.get("WarmThroughputMiBps") is not None:
            raise unsupported("WarmThroughputMiBps of kinesis:UpdateStreamMode")
        registry, mode = self._registry, given["StreamModeDetails"]["StreamMode"]
        stream, now = registry.active(given), registry.clock()
        if mode == stream.mode:
            return
        stream.mode_changes[:] = [at for at in stream.mode_changes if at > now - DAY_S]
        if len(stream.mode_changes) >= MODE_CHANGES_A_DAY:
            raise refusals.limit(
                f"The mode of stream {stream.stream_name} has been changed {MODE_CHANGES_A_DAY} times within 24 hours, "
                "the most."
            )
        if mode == "ON_DEMAND" and sum(each.mode == mode for each in registry.all()) >= ON_DEMAND_LIMIT:
            raise refusals.limit(f"The account has {ON_DEMAND_LIMIT} streams of mode ON_DEMAND, the most.")
        if mode == "PROVISIONED":
            registry.check_shards(len(stream.open_shards))
        stream.mode_changes.append(now)
        stream.mode = mode
        registry.change(stream)
