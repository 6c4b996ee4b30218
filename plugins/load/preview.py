"""What a load scenario would do, for `--plan`. Pure."""

from plugins.load.scenario import LoadScenario, Profile

_CALLS = (
    "dynamodb:Scan",
    "secretsmanager:GetSecretValue",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "kinesis:ListShards",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
)
BOOKS = (
    "the books: orders and outbox, payments, ledger, points, order stream, revenue; queues are counted, dead letters"
    " are looked at and given back"
)


def preview(scenario: LoadScenario, profile: Profile) -> str:
    """Stages with their rates and SLOs, the mix of journeys, the totals."""
    arrivals = scenario.arrivals(profile)
    lines = [scenario.title, f"  {scenario.story}"]
    for offset, stage in arrivals.offsets():
        shape, slo = stage.arrivals, scenario.slos[stage.name]
        count, objectives = shape.count(shape.duration_s), "; ".join(map(str, slo.objectives))
        when = f"{offset:g} s to {offset + shape.duration_s:g} s"
        lines.append(f"  {stage.name}: {when}, up to {shape.peak:g}/s, {count:.0f} arrivals; {objectives}")
    journeys = ", ".join(f"{name} {share:.0%}" for name, share in scenario.mix)
    total = arrivals.count(arrivals.duration_s)
    lines += [
        f"  {total:.0f} arrivals in {arrivals.duration_s:g} s ({journeys}), at most {scenario.max_in_flight} at once,",
        f"  each given up after {scenario.timeout_s:g} s without an answer",
        f"  then {BOOKS}",
        f"  calls: HTTP to the load balancer; {', '.join(_CALLS)}",
        "  undo: none needed; the orders stay",
    ]
    return "\n".join(lines)
