"""What a load scenario would do, for `--plan`. Pure."""

from plugins.load.scenario import LoadScenario, Profile


def preview(scenario: LoadScenario, profile: Profile) -> str:
    """Stages with their rates and SLOs, the mix of journeys, the totals."""
    arrivals = scenario.arrivals(profile)
    lines = [scenario.title, f"  {scenario.story}"]
    for offset, stage in arrivals.offsets():
        shape, slo = stage.arrivals, scenario.slos[stage.name]
        lines.append(
            f"  {stage.name}: {offset:g} s to {offset + shape.duration_s:g} s, up to {shape.peak:g}/s,"
            f" {shape.count(shape.duration_s):.0f} arrivals; {'; '.join(map(str, slo.objectives))}"
        )
    journeys = ", ".join(f"{name} {share:.0%}" for name, share in scenario.mix)
    total = arrivals.count(arrivals.duration_s)
    return "\n".join(
        (
            *lines,
            f"  {total:.0f} arrivals in {arrivals.duration_s:g} s ({journeys}), at most {scenario.max_in_flight} in"
            f" flight, each given up after {scenario.timeout_s:g} s without an answer",
            "  then the books: orders table, outbox, payment queue (read by taking from it), order stream",
            "  calls: HTTP to the load balancer; dynamodb:Scan, sqs:ReceiveMessage, sqs:DeleteMessage,"
            " sqs:GetQueueAttributes, kinesis:ListShards, kinesis:GetShardIterator, kinesis:GetRecords",
            "  undo: none needed; the orders stay",
        )
    )
