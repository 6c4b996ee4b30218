"""A function may no longer run: its reserved concurrency is 0, and every invocation is throttled."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Plan
from services.catalog import FunctionService

_PERIOD_S = 60  # CloudWatch's own resolution for AWS/Lambda: any shorter one is refused for it
_REACH = timedelta(hours=6)  # how far after the plan throttles are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaConcurrencyExhaustion:
    """What an account at its concurrency limit does to one function, without touching the others.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html: "To throttle a function, set the
    reserved concurrency to zero." The event source keeps its messages, and tries again.
    """

    service: FunctionService
    name: str = "lambda-concurrency-exhaustion"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = ("lambda:GetFunctionConcurrency", "cloudwatch:GetMetricStatistics")
    writes: tuple[str, ...] = ("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency")

    @property
    def title(self) -> str:
        return f"the {self.service.name} function's reserved concurrency is set to 0"

    def plan(self, cloud: Cloud, at: float) -> Plan:
        name, arn = (cloud.output(self.service.key(what)) for what in ("FunctionName", "FunctionArn"))
        reserved = _reserved(cloud, name)
        if reserved == 0:
            raise EmptyTargetError(f"function {name} may not run already: reserved concurrency 0; run `cafe restore`")
        call = Call(action="lambda:PutFunctionConcurrency", resource=arn)
        undo = Call(action="lambda:DeleteFunctionConcurrency", resource=arn) if reserved is None else call
        since = math.floor(at / _PERIOD_S) * _PERIOD_S
        backup: dict[str, Json] = {"function": name, "reserved": reserved, "since": since}
        backup["throttles"] = _throttles(cloud, name, since)
        plan = Plan(fault=self.name, targets=(arn,), calls=(call,), undo=(undo,), backup=backup, created_at=at)
        return plan.reaching(f"every invocation of {name}")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        _reserve(cloud, plan, 0)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        _reserve(cloud, plan, plan.saved("reserved"))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """Throttles are counted where an invocation was refused, so they count the event source's real attempts."""
        more = _throttles(cloud, plan.saved("function"), plan.saved("since")) - plan.saved("throttles")
        return f"{more:g} invocations of {plan.saved('function')} were throttled" if more > 0 else None

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        return {"reserved": _reserved(cloud, plan.saved("function"))}


def _reserved(cloud: Cloud, name: str) -> int | None:
    found = cloud.client("lambda").get_function_concurrency(FunctionName=name)
    return int(found["ReservedConcurrentExecutions"]) if "ReservedConcurrentExecutions" in found else None


def _reserve(cloud: Cloud, plan: Plan, reserved: int | None) -> None:
    functions, name = cloud.client("lambda"), plan.saved("function")
    if reserved is None:
        functions.delete_function_concurrency(FunctionName=name)
    else:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def _throttles(cloud: Cloud, name: str, since: int) -> float:
    start, function = datetime.fromtimestamp(since, UTC), {"Name": "FunctionName", "Value": name}
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Throttles", "Dimensions": [function], "Statistics": ["Sum"]}
    window = {"StartTime": start, "EndTime": start + _REACH, "Period": _PERIOD_S}
    found = cloud.client("cloudwatch").get_metric_statistics(**metric, **window)
    return float(sum(point["Sum"] for point in found["Datapoints"]))
