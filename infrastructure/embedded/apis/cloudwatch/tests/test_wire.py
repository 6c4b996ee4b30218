"""CloudWatch over the wire, as SDKs call it."""

import asyncio
import time

from infrastructure.embedded.apis.cloudwatch.alarm_calls import AlarmCalls
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests import sdk
from infrastructure.embedded.tests.control import Control, run


def test_a_batch_that_an_sdk_compresses_arrives_whole() -> None:
    """botocore compresses the body of PutMetricData from 10 KiB on."""
    encodings: list[bytes | None] = []

    def put_and_list(url: str) -> int:
        client = sdk.client("cloudwatch", url)
        client.meta.events.register(
            "before-send.cloudwatch.PutMetricData",
            lambda request, **_: encodings.append(request.headers.get("Content-Encoding")),
        )
        client.put_metric_data(
            Namespace="Cafe", MetricData=[{"MetricName": f"Number{number}", "Value": 1.0} for number in range(300)]
        )
        return len(client.list_metrics(Namespace="Cafe")["Metrics"])

    async def scenario() -> None:
        control, ports = Control(interceptors=()), Ports()
        Metrics(control.backends, FAST)
        port = ports.allocate()
        await control.plane.serve(port)
        try:
            assert await asyncio.to_thread(put_and_list, f"http://127.0.0.1:{port}") == 300
        finally:
            await control.plane.close()
            ports.close()

    run(scenario())
    assert encodings == [b"gzip"]


def test_times_are_seconds_on_the_wire() -> None:
    async def scenario() -> None:
        control = Control()
        Metrics(control.backends, FAST)
        at = int(time.time()) - 10
        datum = {"MetricName": "M", "Value": 2.5, "Timestamp": at}
        await control.ask("monitoring", "PutMetricData", Namespace="N", MetricData=[datum])
        metric, window = {"Namespace": "N", "MetricName": "M"}, {"StartTime": at - 5, "EndTime": at + 5}
        query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 1, "Stat": "Sum"}}
        found = await control.ask("monitoring", "GetMetricData", MetricDataQueries=[query], **window)
        [result] = found["MetricDataResults"]
        assert (result["Timestamps"], result["Values"]) == ([at], [2.5])
        statistics = {**metric, **window, "Period": 1, "Statistics": ["Sum"]}
        [point] = (await control.ask("monitoring", "GetMetricStatistics", **statistics))["Datapoints"]
        assert point == {"Timestamp": at, "Sum": 2.5, "Unit": "None"}

    run(scenario())


def test_an_alarm_on_metric_math_is_told_as_it_was_asked_for() -> None:
    async def scenario() -> None:
        control = Control()
        metric = {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "d", "Value": "v"}]}
        queries = [
            {"Id": "m1", "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
            {"Id": "e", "Expression": "m1 * 2", "Label": "twice"},
        ]
        wanted = {"EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold"}
        operations = control.backends.operations
        operations.bind("monitoring", AlarmCalls(control.backends.cloudwatch, operations))
        await control.ask("monitoring", "PutMetricAlarm", AlarmName="math", Metrics=queries, **wanted)
        [told] = (await control.ask("monitoring", "DescribeAlarms", AlarmNames=["math"]))["MetricAlarms"]
        assert told["Metrics"] == queries
        assert not {"Period", "MetricName", "Namespace", "Statistic"} & told.keys()

    run(scenario())
