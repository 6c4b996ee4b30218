"""CloudWatch's metric calls, answered from a `MetricStore` instead of moto's list.

PutMetricData, GetMetricData, GetMetricStatistics and ListMetrics of one moto back end are replaced on that instance;
alarms, dashboards and tags stay moto's. Against moto: namespaces are honoured, percentiles computed, periods aligned as
AWS aligns them, and an expression that is not evaluated is refused instead of answered with nothing.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from infrastructure.embedded.control.metric_store import SIMPLE_STATISTICS, Bucket, Key, MetricStore, is_statistic
from infrastructure.embedded.moto.refusals import refusal

# What moto hands over and takes back are its parsed requests: plain nested dictionaries in AWS's own spelling.
Wire = Mapping[str, Any]
Answer = dict[str, Any]

LIST_PAGE = 500
"""Metrics in one page of ListMetrics; CloudWatch's own number."""
OLDEST_S, FURTHEST_AHEAD_S = 14 * 86_400.0, 7_200.0
"""How far from now a data point may lie. Source: API Reference, MetricDatum."""
_IDENTIFIER = re.compile(r"^[a-z]\w*$")


class CloudWatchRecord(Protocol):
    """What of moto's CloudWatch back end is replaced and used here."""

    put_metric_data: Callable[[str, list[Any]], None]
    get_metric_data: Callable[..., list[Answer]]
    get_metric_statistics: Callable[..., list[Answer]]
    list_metrics: Callable[..., tuple[str | None, list[Answer]]]
    aws_metric_data: Sequence[Any]

    def _validate_parameters_put_metric_data(self, metric: Wire, query_num: int) -> None: ...


class _MetricCalls:
    """The four calls, over one store."""

    def __init__(self, backend: CloudWatchRecord, store: MetricStore, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._store = store
        self._clock = clock

    def put_metric_data(self, namespace: str, metric_data: list[Any]) -> None:
        for number, entry in enumerate(metric_data, start=1):
            self._backend._validate_parameters_put_metric_data(entry, number)
            _require_near(entry, number, self._clock())
        for entry in metric_data:
            at = _unix(entry["Timestamp"]) if entry.get("Timestamp") else self._clock()
            key = Key.of(namespace, entry["MetricName"], _dimensions(entry.get("Dimensions")))
            _add(self._store.bucket(key, entry.get("Unit") or "None", at), entry)

    def get_metric_data(
        self, queries: list[Any], start_time: datetime, end_time: datetime, scan_by: str = "TimestampAscending"
    ) -> list[Answer]:
        start, end = _window(start_time, end_time)
        results = {query["Id"]: self._stat_query(query, start, end) for query in queries if "MetricStat" in query}
        for query in queries:
            if "MetricStat" not in query:
                results[query["Id"]] = _expression(query, results)
        answers = [results[query["Id"]] for query in queries if query.get("ReturnData", True)]
        if scan_by == "TimestampDescending":
            answers = [
                answer | {"Timestamps": answer["Timestamps"][::-1], "Values": answer["Values"][::-1]}
                for answer in answers
            ]
        return answers

    def _stat_query(self, query: Wire, start: float, end: float) -> Answer:
        wanted = query["MetricStat"]
        metric, stat = wanted["Metric"], _statistic(wanted["Stat"])
        key = Key.of(metric["Namespace"], metric["MetricName"], _dimensions(metric.get("Dimensions")))
        found = self._periods(key, start, end, float(wanted["Period"]), wanted.get("Unit"))
        points = [(at, value) for at, bucket in found if (value := bucket.statistic(stat)) is not None]
        return {
            "Id": query["Id"],
            "Label": query.get("Label") or f"{metric['MetricName']} {stat}",
            "Timestamps": [_datetime(at) for at, _ in points],
            "Values": [value for _, value in points],
            "StatusCode": "Complete",
        }

    def get_metric_statistics(
        self,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        stats: list[str],
        dimensions: list[Any],
        unit: str | None = None,
        extended: Sequence[str] = (),
    ) -> list[Answer]:
        start, end = _window(start_time, end_time)
        key = Key.of(namespace, metric_name, _dimensions(dimensions))
        percentiles = [_statistic(stat) for stat in extended]
        answers = []
        for at, bucket in self._periods(key, start, end, float(period), unit):
            answer: Answer = {"Timestamp": _datetime(at), "Unit": unit or self._store.unit(key)}
            answer |= {stat: bucket.statistic(stat) for stat in stats}
            if percentiles:
                answer["ExtendedStatistics"] = {
                    stat: value for stat in percentiles if (value := bucket.statistic(stat)) is not None
                }
            answers.append(answer)
        return answers

    def _periods(
        self, key: Key, start: float, end: float, period_s: float, unit: str | None
    ) -> tuple[tuple[float, Bucket], ...]:
        first = start - start % period_s
        return self._store.query(key, first, end, period_s, unit) or self._provided(key, first, end, period_s)

    def _provided(self, key: Key, start: float, end: float, period_s: float) -> tuple[tuple[float, Bucket], ...]:
        """What moto computes by itself on being asked: the storage metrics of S3."""
        if key.namespace != "AWS/S3":
            return ()
        provided = MetricStore()
        for datum in self._backend.aws_metric_data:
            dimensions = {d.name: d.value for d in datum.dimensions}
            found = Key.of(datum.namespace, datum.name, dimensions)
            provided.bucket(found, datum.unit or "None", _unix(datum.timestamp)).add(datum.value)
        return provided.query(key, start, end, period_s)

    def list_metrics(
        self, next_token: str | None, namespace: str | None, metric_name: str | None, dimensions: list[Any] | None
    ) -> tuple[str | None, list[Answer]]:
        if next_token is not None and not next_token.isdigit():
            raise refusal("cloudwatch", "InvalidParameterValue", "Request parameter NextToken is invalid")
        wanted = [(d["Name"], d.get("Value")) for d in dimensions or ()]
        found = [key for key in self._store.metrics() if _is_listed(key, namespace, metric_name, wanted)]
        first = int(next_token or 0)
        page = [_described(key) for key in found[first : first + LIST_PAGE]]
        following = first + LIST_PAGE
        return (str(following) if following < len(found) else None), page


def serve(backend: CloudWatchRecord, store: MetricStore, clock: Callable[[], float]) -> None:
    """Answer the metric calls of this moto back end from `store`; `clock` is in Unix seconds."""
    calls = _MetricCalls(backend, store, clock)
    backend.put_metric_data = calls.put_metric_data
    backend.get_metric_data = calls.get_metric_data
    backend.get_metric_statistics = calls.get_metric_statistics
    backend.list_metrics = calls.list_metrics
    # moto's handler drops ExtendedStatistics before the back end sees it, so the handler is replaced as well.
    handlers = importlib.import_module("moto.cloudwatch.responses")
    handlers.CloudWatchResponse.get_metric_statistics = _handle_get_metric_statistics


# `handler` is moto's response object of one request, which publishes no types.
def _handle_get_metric_statistics(handler: Any) -> Any:
    name = handler._get_param("MetricName")
    statistics = handler._get_param("Statistics", [])
    extended = handler._get_param("ExtendedStatistics") or []
    if not statistics and not extended:
        raise refusal(
            "cloudwatch", "InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics"
        )
    datapoints = handler.cloudwatch_backend.get_metric_statistics(
        handler._get_param("Namespace"),
        name,
        handler._get_param("StartTime"),
        handler._get_param("EndTime"),
        handler._get_int_param("Period"),
        statistics,
        unit=handler._get_param("Unit"),
        dimensions=handler._get_param("Dimensions", []),
        extended=extended,
    )
    return importlib.import_module("moto.core.responses").ActionResult({"Label": name, "Datapoints": datapoints})


def _require_near(entry: Wire, number: int, now: float) -> None:
    if not entry.get("Timestamp"):
        return
    ahead_s = _unix(entry["Timestamp"]) - now
    if -OLDEST_S <= ahead_s <= FURTHEST_AHEAD_S:
        return
    raise refusal(
        "cloudwatch",
        "InvalidParameterValue",
        f"The parameter MetricData.member.{number}.Timestamp must specify a time "
        + ("no more than two hours in the future." if ahead_s > 0 else "within the past two weeks."),
    )


def _add(bucket: Bucket, entry: Wire) -> None:
    if entry.get("Values"):
        counts = entry.get("Counts") or [1.0] * len(entry["Values"])
        for value, count in zip(entry["Values"], counts, strict=True):
            bucket.add(float(value), float(count))
    elif entry.get("StatisticValues"):
        stats = entry["StatisticValues"]
        bucket.add_set(
            float(stats["Minimum"]), float(stats["Maximum"]), float(stats["Sum"]), float(stats["SampleCount"])
        )
    else:
        bucket.add(float(entry.get("Value", 0.0)))


def _expression(query: Wire, results: Mapping[str, Answer]) -> Answer:
    expression = str(query["Expression"]).strip()
    if not _IDENTIFIER.match(expression) or expression not in results:
        raise refusal(
            "cloudwatch",
            "ValidationError",
            f"Expression {expression!r} is not evaluated by the embedded cloud; it knows the id of a MetricStat query",
        )
    return results[expression] | {"Id": query["Id"], "Label": query.get("Label") or query["Id"]}


def _statistic(name: str) -> str:
    if not is_statistic(name):
        raise refusal(
            "cloudwatch",
            "InvalidParameterValue",
            f"The value {name} for parameter Stat is not supported; {', '.join(SIMPLE_STATISTICS)} and pNN are",
        )
    return name


def _is_listed(key: Key, namespace: str | None, name: str | None, wanted: Iterable[tuple[str, str | None]]) -> bool:
    if (namespace and key.namespace != namespace) or (name and key.name != name):
        return False
    own = dict(key.dimensions)
    return all(n in own and value in (None, own[n]) for n, value in wanted)


def _described(key: Key) -> Answer:
    return {
        "Namespace": key.namespace,
        "MetricName": key.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in key.dimensions],
    }


def _dimensions(entries: Iterable[Wire] | None) -> dict[str, str]:
    return {entry["Name"]: entry["Value"] for entry in entries or ()}


def _window(start: datetime, end: datetime) -> tuple[float, float]:
    first, last = _unix(start), _unix(end)
    if first >= last:
        raise refusal(
            "cloudwatch", "InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime."
        )
    return first, last


def _unix(moment: datetime) -> float:
    """moto's times are naive and mean UTC."""
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()


def _datetime(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
