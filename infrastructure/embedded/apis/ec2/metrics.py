"""CPU of instances, measured on their process groups, in percent of their virtual CPUs.

Filed under the instance, and under its Auto Scaling group where it has one.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
"""

from collections.abc import Callable, Iterable, Iterator

from infrastructure.embedded.apis.ec2.instances import Record
from infrastructure.embedded.apis.ec2.machine import tags, vcpu
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.control.usage import CpuReadings
from infrastructure.embedded.host.process import Process

NAMESPACE = "AWS/EC2"
GROUP_TAG = "aws:autoscaling:groupName"


class Ec2Metrics:
    """Figures of every running instance."""

    def __init__(self, running: Callable[[], Iterable[tuple[Record, Process]]]) -> None:
        self._running = running
        self._readings: CpuReadings[Record] = CpuReadings()

    def collect(self, elapsed_s: float) -> Iterable[Datum]:
        """CPUUtilization over the last `elapsed_s` seconds."""
        for instance, cores, _ in self._readings.read(self._running(), elapsed_s):
            for dimensions in _dimensions(instance):
                yield Datum(
                    namespace=NAMESPACE,
                    name="CPUUtilization",
                    value=100.0 * cores / vcpu(instance),
                    unit="Percent",
                    dimensions=dimensions,
                )


def _dimensions(instance: Record) -> Iterator[dict[str, str]]:
    yield {"InstanceId": instance.id}
    group = tags(instance).get(GROUP_TAG)
    if group:
        yield {"AutoScalingGroupName": group}
