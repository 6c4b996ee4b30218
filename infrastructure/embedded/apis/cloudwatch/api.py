"""CloudWatch's metric calls, answered from a `MetricStore` instead of moto's list.

Against moto: namespaces are honoured, percentiles computed, periods aligned as AWS aligns them, and expressions
evaluated (`metric_math`). Alarms are `alarm_calls`; dashboards and tags stay moto's.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from infrastructure.embedded.apis.cloudwatch.metric_math.evaluation import evaluation
from infrastructure.embedded.apis.cloudwatch.metric_math.functions import Window
from infrastructure.embedded.apis.cloudwatch.metric_math.series import Series
from infrastructure.embedded.control.metric_store import SIMPLE_STATISTICS, Bucket, Key, MetricStore, is_statistic
from infrastructure.embedded.gateway.operations import Members, operation
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused

Wire = Mapping[str, Any]
"""A member of a call that is a structure, in AWS's own spelling."""
Answer = dict[str, Any]

LIST_PAGE = 500
"""Metrics in one page of ListMetrics; CloudWatch's own number."""
OLDEST_S, FURTHEST_AHEAD_S = 14 * 86_400.0, 7_200.0
"""How far from now a data point may lie. Source: API Reference, MetricDatum."""
MOST_DATA, MOST_VALUES = 1000, 150
"""Data in one call, values in one datum. Source: API Reference, PutMetricData."""
SHORT_PERIODS = (1, 5, 10, 20, 30)
"""Periods in seconds that are no minutes. Source: API Reference, MetricStat."""
_RESERVED = "AWS/"
_FIGURES = ("Value", "Values", "StatisticValues")
_ID_FORM = "^[a-z][a-zA-Z0-9_]*$"
_IDENTIFIER = re.compile(_ID_FORM)


class Provided(Protocol):
    """What moto computes by itself on being asked: the storage metrics of S3."""

    aws_metric_data: Sequence[Any]


class MetricCalls:
    """The four calls, over one store; `clock` is in Unix seconds."""

    def __init__(self, provided: Provided, store: MetricStore, clock: Callable[[], float]) -> None:
        self._moto = provided
        self._store = store
        self._clock = clock

    @operation("PutMetricData", effect="a data point, queryable at once at a period of 1 s")
    def _put(self, given: Members) -> None:
        """The platform's own metrics are put straight into the store: callers have no part in their namespaces."""
        if given["Namespace"].startswith(_RESERVED):
            raise invalid(f"The value {_RESERVED} for parameter Namespace is invalid.")
        data = [*given.get("MetricData", ())]
        for entity in given.get("EntityMetricData", ()):
            data += entity.get("MetricData", ())
        if not data:
            raise Refused("MissingParameter", "The parameter MetricData is required.")
        _require_at_most(MOST_DATA, data, "MetricData")
        now = self._clock()
        for number, entry in enumerate(data, start=1):
            _require_sound(entry, f"MetricData.member.{number}", now)
        for entry in data:
            at = _unix(entry["Timestamp"]) if entry.get("Timestamp") else now
            key = Key.of(given["Namespace"], entry["MetricName"], _dimensions(entry.get("Dimensions")))
            _add(self._store.bucket(key, entry.get("Unit") or "None", at), entry)

    @operation("GetMetricData", effect="the platform's own metrics and the services'")
    def _data(self, given: Members) -> Answer:
        start, end = _window(given)
        queries = given["MetricDataQueries"]
        require_queries(queries, "MetricDataQueries")
        window = Window(start=start, end=end, period_s=60.0)
        found = evaluation(queries, lambda query: self._series(query, start, end), window)
        is_ascending = given.get("ScanBy") == "TimestampAscending"
        asked = [(query, found.series(query["Id"])) for query in queries if query.get("ReturnData", True)]
        answers = [
            _answered(query, each, own=each.label if len(several) > 1 else "", is_ascending=is_ascending)
            for query, several in asked
            for each in several
        ]
        return {"MetricDataResults": answers}

    def _series(self, query: Wire, start: float, end: float) -> Series:
        wanted = query["MetricStat"]
        metric, stat = wanted["Metric"], require_statistic(wanted["Stat"], "Stat")
        key = Key.named(metric)
        found = self._periods(key, start, end, wanted["Period"], wanted.get("Unit"))
        points = {at: value for at, bucket in found if (value := bucket.statistic(stat)) is not None}
        label = query.get("Label") or f"{metric['MetricName']} {stat}"
        return Series(points=points, period_s=float(wanted["Period"]), label=label)

    @operation("GetMetricStatistics", effect="the platform's own metrics and the services', percentiles too")
    def _statistics(self, given: Members) -> Answer:
        simple = given.get("Statistics", ())
        percentiles = [require_statistic(stat, "ExtendedStatistics") for stat in given.get("ExtendedStatistics", ())]
        if not simple and not percentiles:
            raise Refused("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
        start, end = _window(given)
        unit = given.get("Unit")
        key = Key.named(given)
        points = []
        for at, bucket in self._periods(key, start, end, given["Period"], unit):
            point: Answer = {"Timestamp": _datetime(at), "Unit": unit or self._store.unit(key)}
            point |= {stat: bucket.statistic(stat) for stat in simple}
            if percentiles:
                point["ExtendedStatistics"] = {
                    stat: value for stat in percentiles if (value := bucket.statistic(stat)) is not None
                }
            points.append(point)
        return {"Label": given["MetricName"], "Datapoints": points}

    def _periods(
        self, key: Key, start: float, end: float, period: int, unit: str | None
    ) -> tuple[tuple[float, Bucket], ...]:
        require_period(period, SHORT_PERIODS)
        first, period_s = start - start % period, float(period)
        return self._store.query(key, first, end, period_s, unit) or self._provided(key, first, end, period_s)

    def _provided(self, key: Key, start: float, end: float, period_s: float) -> tuple[tuple[float, Bucket], ...]:
        if key.namespace != "AWS/S3":
            return ()
        provided = MetricStore()
        for datum in self._moto.aws_metric_data:
            dimensions = {d.name: d.value for d in datum.dimensions}
            found = Key.of(datum.namespace, datum.name, dimensions)
            provided.bucket(found, datum.unit or "None", _unix(datum.timestamp)).add(datum.value)
        return provided.query(key, start, end, period_s)

    @operation("ListMetrics")
    def _list(self, given: Members) -> Answer:
        wanted = [(d["Name"], d.get("Value")) for d in given.get("Dimensions", ())]
        found = [key for key in self._store.metrics() if _is_listed(key, given, wanted)]
        try:
            shown, following = page(found, given.get("NextToken"), LIST_PAGE)
        except ValueError:
            raise invalid("Request parameter NextToken is invalid") from None
        return {"Metrics": [_described(key) for key in shown], "NextToken": following}


def invalid(message: str) -> Refused:
    """A value that CloudWatch does not take."""
    return Refused("InvalidParameterValue", message)


def require_statistic(name: str, parameter: str) -> str:
    """The statistic `name`, which can be computed."""
    if not is_statistic(name):
        known = ", ".join(SIMPLE_STATISTICS)
        raise invalid(f"The value {name} for parameter {parameter} is not supported; {known} and pNN are")
    return name


def require_period(period: int, short: Sequence[int]) -> None:
    """Refuse a period that is none of the `short` ones and no minutes."""
    if period not in short and (period < 60 or period % 60):
        listed = ", ".join(map(str, short))
        raise invalid(f"The parameter Period must be one of {listed} or a multiple of 60.")


def _require_sound(entry: Wire, at: str, now: float) -> None:
    """Refuse a datum without figures, or with such as CloudWatch does not take. `at` is its place in the call."""
    figures = [name for name in _FIGURES if entry.get(name) is not None]
    if not figures:
        raise Refused("MissingParameter", f"The parameter {at}.Value is required.")
    if len(figures) > 1:
        both = f"{at}.{figures[0]} and {at}.{figures[1]}"
        text = f"The parameters {both} are mutually exclusive and you have specified both."
        raise Refused("InvalidParameterCombination", text)
    [name], found = figures, entry[figures[0]]
    values = [found] if name == "Value" else found if name == "Values" else found.values()
    _require_at_most(MOST_VALUES, values, f"{at}.{name}")
    for value in values:
        if not math.isfinite(value):
            shown = "NaN" if math.isnan(value) else value
            raise invalid(f"The value {shown} for parameter {at}.{name} is invalid.")
    if len(entry.get("Counts") or values) != len(values):
        raise invalid(f"The parameters {at}.Values and {at}.Counts must be of the same size.")
    if entry.get("Timestamp"):
        _require_near(_unix(entry["Timestamp"]) - now, at)


def _require_at_most(most: int, found: Any, parameter: str) -> None:
    if len(found) > most:
        raise Refused("ValidationError", f"The collection {parameter} must not have a size greater than {most}.")


def _require_near(ahead_s: float, at: str) -> None:
    if not -OLDEST_S <= ahead_s <= FURTHEST_AHEAD_S:
        limit = "no more than two hours in the future." if ahead_s > 0 else "within the past two weeks."
        raise invalid(f"The parameter {at}.Timestamp must specify a time {limit}")


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
        bucket.add(float(entry["Value"]))


def require_queries(queries: Sequence[Wire], member: str) -> None:
    """Each is told by its id, and is either a metric or an expression; `member` is their place in the call."""
    for number, query in enumerate(queries, start=1):
        kinds = [kind for kind in ("MetricStat", "Expression") if kind in query]
        if not kinds:
            text = f"The parameter {member}.member.{number}.MetricStat is required."
            raise Refused("ValidationError", text)
        if len(kinds) > 1:
            text = f"The parameters MetricStat and Expression of {query['Id']} are mutually exclusive."
            raise Refused("ValidationError", text)
        if not _IDENTIFIER.match(query["Id"]):
            raise Refused("ValidationError", f"The value {query['Id']} for parameter Id is not matching {_ID_FORM}")
    ids = [query["Id"] for query in queries]
    doubled = next((each for each in ids if ids.count(each) > 1), None)
    if doubled is not None:
        raise Refused("ValidationError", f"The values for parameter Id in {member} are not unique: {doubled}")


def _answered(query: Wire, series: Series, *, own: str, is_ascending: bool) -> Answer:
    """One series of a query; of several that an expression gives each keeps its `own` name."""
    label = series.label if "MetricStat" in query else own
    points = sorted(series.points.items(), reverse=not is_ascending)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or label or query["Id"],
        "Timestamps": [_datetime(at) for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _is_listed(key: Key, given: Members, wanted: Iterable[tuple[str, str | None]]) -> bool:
    if given.get("Namespace", key.namespace) != key.namespace or given.get("MetricName", key.name) != key.name:
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


def _window(given: Members) -> tuple[float, float]:
    first, last = _unix(given["StartTime"]), _unix(given["EndTime"])
    if first >= last:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    return first, last


def _unix(moment: datetime) -> float:
    """A time that says no zone means UTC."""
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()


def _datetime(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
